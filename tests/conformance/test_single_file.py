"""PPO in one file learns on `duel`."""

import pytest
import torch

from examples.ppo_single_file import Settings, advantages, mean_return, train


def test_advantages_are_those_of_the_formula() -> None:
    """By hand: two steps, the raid ends with the second."""
    reward, value = torch.tensor([[1.0], [2.0]]), torch.tensor([[0.5], [0.25]])
    done, last = torch.tensor([[0.0], [1.0]]), torch.tensor([9.0])
    settings = Settings(discount=0.5, smoothing=0.5)
    second = 2.0 - 0.25
    first = 1.0 + 0.5 * 0.25 - 0.5 + 0.5 * 0.5 * second
    assert advantages(reward, value, done, last, settings).flatten().tolist() == [first, second]


@pytest.mark.slow
def test_it_learns_to_protect_more_than_legal_choices_at_random_do() -> None:
    torch.set_num_threads(1)
    agent, curve = train(Settings(steps=60_000))
    at_random, learned = mean_return(None, "duel"), mean_return(agent, "duel")
    print(f"at random {at_random:.3f}, learned {learned:.3f}, while learning {curve}")
    assert learned > at_random + 0.05
