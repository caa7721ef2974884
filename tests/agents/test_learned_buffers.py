"""The rollout buffer: SB3's figures, kept memory, and the baseline of siblings."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from stable_baselines3.common.buffers import DictRolloutBuffer

from agents.learned.buffers import RaidRolloutBuffer
from tests.agents.learned_observations import made_up_observation, made_up_spaces

SPACES = made_up_spaces(3, 2, 1)
STEPS, ROWS = 6, 4


def fill(buffer: DictRolloutBuffer, starts: np.ndarray, seed: int = 0) -> None:
    rng = np.random.default_rng(seed)
    buffer.reset()
    for step in range(STEPS):
        buffer.add(
            made_up_observation(ROWS, 3, 2, 1, seed=10 * seed + step),
            rng.integers(0, 4, (ROWS, 2)),
            rng.normal(size=ROWS),
            starts[step],
            torch.as_tensor(rng.normal(size=(ROWS, 1)), dtype=torch.float32),
            torch.as_tensor(rng.normal(size=ROWS), dtype=torch.float32),
        )
    last = torch.as_tensor(rng.normal(size=(ROWS, 1)), dtype=torch.float32)
    buffer.compute_returns_and_advantage(last, np.zeros(ROWS, bool))


def no_starts() -> np.ndarray:
    starts = np.zeros((STEPS, ROWS), bool)
    starts[0] = True
    return starts


def test_equals_sb3s_buffer_and_keeps_its_memory() -> None:
    starts = no_starts()
    starts[3, 1] = True
    own = RaidRolloutBuffer(STEPS, *SPACES, gae_lambda=0.9, gamma=0.99, n_envs=ROWS)
    address = own.observations["pair"].ctypes.data
    for seed in (0, 1):
        reference = DictRolloutBuffer(STEPS, *SPACES, gae_lambda=0.9, gamma=0.99, n_envs=ROWS)
        fill(reference, starts, seed)
        fill(own, starts, seed)
        np.testing.assert_array_equal(own.advantages, reference.advantages)
        np.testing.assert_array_equal(own.returns, reference.returns)
        np.testing.assert_array_equal(own.observations["pair"], reference.observations["pair"])
    assert own.observations["pair"].ctypes.data == address
    assert own.observations["action_mask"].dtype == np.int8


def test_minibatches_hold_every_sample_once() -> None:
    buffer = RaidRolloutBuffer(STEPS, *SPACES, n_envs=ROWS)
    fill(buffer, no_starts())
    seen: list[float] = []
    for batch in buffer.get(7):
        for k in range(len(batch.advantages)):
            step, row = np.argwhere(buffer.log_probs == float(batch.old_log_prob[k]))[0]
            np.testing.assert_array_equal(
                batch.observations["pair"][k], buffer.observations["pair"][step, row]
            )
            np.testing.assert_array_equal(batch.actions[k], buffer.actions[step, row])
            assert float(batch.advantages[k]) == buffer.advantages[step, row]
        seen += batch.old_log_prob.tolist()
    assert sorted(seen) == sorted(buffer.log_probs.ravel().tolist())


def test_siblings_are_compared_at_the_same_epoch_of_the_same_raid() -> None:
    """Rows 0 and 1 share raids; row 0 ends its first raid earlier, so it runs ahead."""
    starts = no_starts()
    starts[2, 0] = True
    starts[4, 1] = True
    own = RaidRolloutBuffer(STEPS, *SPACES, n_envs=ROWS, copies=2)
    fill(own, starts)
    values = np.arange(STEPS * ROWS, dtype=np.float32).reshape(STEPS, ROWS) + 1
    baseline = own.sibling_mean(values)
    # Row 0 plays raid 1 at steps 0, 1 and raid 2 from step 2; row 1 raid 2 from step 4.
    expected = [values[0, 1], values[1, 1], values[4, 1], values[5, 1], 0, 0]
    np.testing.assert_array_equal(baseline[:, 0], expected)
    expected = [values[0, 0], values[1, 0], 0, 0, values[2, 0], values[3, 0]]
    np.testing.assert_array_equal(baseline[:, 1], expected)
    np.testing.assert_array_equal(baseline[:, 2], values[:, 3])


def test_siblings_stay_aligned_over_rollouts_and_after_a_reset() -> None:
    own = RaidRolloutBuffer(STEPS, *SPACES, n_envs=ROWS, copies=4)
    starts = no_starts()
    starts[5, 0] = True
    fill(own, starts)
    fill(own, np.zeros((STEPS, ROWS), bool))
    assert own.ordinals[0].tolist() == [2, 1, 1, 1] and own.epochs[0].tolist() == [1, 6, 6, 6]
    assert not own.sibling_mean(np.ones((STEPS, ROWS), np.float32))[:, 0].any()
    fill(own, no_starts())
    assert own.ordinals[0].tolist() == [1, 1, 1, 1] and own.epochs[0].tolist() == [0, 0, 0, 0]


def test_shaping_the_reward_equals_a_potential_in_the_critic() -> None:
    """Advantages of rewards with a potential are those of a critic that has it (Wiewiora 2003)."""
    starts, gamma = no_starts(), 0.97
    starts[3, 1] = True
    rng = np.random.default_rng(0)
    potential = rng.normal(size=(STEPS + 1, ROWS))  # of the observation of each step
    end = np.vstack([starts[1:], np.zeros((1, ROWS), bool)])
    following = np.where(end, 0.0, potential[1:])
    rewards, values = rng.normal(size=(STEPS, ROWS)), rng.normal(size=(STEPS + 1, ROWS))
    advantages = []
    for shaped in (0.0, 1.0):
        buffer = RaidRolloutBuffer(STEPS, *SPACES, gae_lambda=0.9, gamma=gamma, n_envs=ROWS)
        fill(buffer, starts)
        buffer.rewards[:] = rewards + shaped * (gamma * following - potential[:-1])
        seen = values + (1.0 - shaped) * potential
        buffer.values[:] = seen[:-1]
        last = torch.as_tensor(seen[-1], dtype=torch.float32)
        buffer.compute_returns_and_advantage(last, end[-1])
        advantages.append(buffer.advantages.copy())
    np.testing.assert_allclose(advantages[0], advantages[1], atol=1e-5)


def test_copies_must_divide_the_rows() -> None:
    with pytest.raises(ValueError, match="copies=3 must divide"):
        RaidRolloutBuffer(STEPS, *SPACES, n_envs=ROWS, copies=3)
