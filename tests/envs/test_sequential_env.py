"""The sequential mode plays what the joint mode plays, choice by choice."""

import warnings

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.wrappers import FlattenObservation
from stable_baselines3 import DQN
from stable_baselines3.common import env_checker

from envs.observation import flat_mask
from envs.sequential_env import BalticShieldSequentialEnv
from envs.single_env import BalticShieldEnv
from tests.envs.small import assert_same, named

ID = "envs:BalticShield-Sequential-v0"
MASKS = {"action_mask", "delivery_mask"}


def tables(observation):
    return {name: table for name, table in observation.items() if name not in MASKS}


# Of deliveries that are decided, the last scenario has two.
@pytest.mark.parametrize("name", ["duel", "standard", "small-policing"])
@pytest.mark.parametrize("legal", [True, False])
def test_equal_allocations_have_equal_outcomes_to_the_bit(name, legal):
    scenario = named(name)
    joint, turns = BalticShieldEnv(scenario), BalticShieldSequentialEnv(scenario)
    sizes = joint.action_space.nvec
    rng = np.random.default_rng(3)
    for seed in (4, None):
        expected, _ = joint.reset(seed=seed)
        observation, _ = turns.reset(seed=seed)
        over, epochs = False, 0
        while not over:
            masks = np.split(flat_mask(expected), np.cumsum(sizes)[:-1])
            orders = [
                int(rng.choice(np.flatnonzero(mask) if legal else len(mask))) for mask in masks
            ]
            for head, order in enumerate(orders):
                assert_same(tables(expected), {n: observation[n] for n in tables(expected)}, head)
                assert np.flatnonzero(observation["turn"]).tolist() == [head]
                assert np.argwhere(observation["chosen"]).tolist() == [
                    [before, orders[before]] for before in range(head)
                ]
                assert turns.action_masks()[: sizes[head]].tolist() == masks[head].tolist()
                assert not observation["action_mask"][sizes[head] :].any()
                assert turns.observation_space.contains(observation)
                observation, reward, terminated, truncated, info = turns.step(order)
                if head < len(orders) - 1:
                    assert (reward, terminated, truncated, info) == (0.0, False, False, {})
            expected, *outcome = joint.step(np.array(orders))
            assert [reward, terminated, truncated, info] == outcome
            over = terminated or truncated
            epochs += 1
        assert_same(tables(expected), {n: observation[n] for n in tables(expected)})
        assert epochs > 5
        assert (info["metrics"]["illegal_actions"] > 0) == (not legal)


def test_own_pair_is_that_of_the_shooter_to_choose():
    env = BalticShieldSequentialEnv("duel")
    observation, _ = env.reset(seed=1)
    met = set()
    for step in range(30):
        assert np.array_equal(observation["own_pair"], observation["pair"][step % 2])
        met |= {step % 2} if observation["own_pair"].any() else set()
        observation, *_ = env.step(0)
    assert met == {0, 1}


def test_a_reset_forgets_what_was_chosen():
    env = BalticShieldSequentialEnv("duel")
    first, _ = env.reset(seed=1)
    env.step(int(np.flatnonzero(first["action_mask"])[-1]))
    again, _ = env.reset(seed=1)
    assert_same(first, again)
    assert not again["chosen"].any()


@pytest.mark.parametrize("action", [5, -1, 1.5, None, np.array([0, 0])])
def test_what_is_no_choice_is_refused(action):
    env = BalticShieldSequentialEnv("duel")
    env.reset(seed=1)
    with pytest.raises(ValueError, match=r"an integer in \[0, 5\) is needed"):
        env.step(action)


def test_gymnasiums_check_has_nothing_to_say():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        env = gymnasium.make(ID, scenario="duel", max_epochs=9)
        check_env(env.unwrapped)
        assert gymnasium.make_vec(ID, num_envs=2, scenario="duel").num_envs == 2


def test_stable_baselines_check_of_the_flat_observation_has_nothing_to_say():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        env_checker.check_env(FlattenObservation(BalticShieldSequentialEnv("duel")))


@pytest.mark.slow
@pytest.mark.parametrize("flat", [False, True])
def test_a_dqn_learns_on_it(flat):
    """That it runs and its weights move; how well it plays is not tested."""
    env = gymnasium.make(ID, scenario="duel")
    env = FlattenObservation(env) if flat else env
    model = DQN(
        "MlpPolicy" if flat else "MultiInputPolicy", env, learning_starts=200, seed=1, device="cpu"
    )
    before = [weight.clone() for weight in model.q_net.parameters()]
    model.learn(500)
    assert model.num_timesteps == 500
    after = list(model.q_net.parameters())
    assert not any((old == new).all() for old, new in zip(before, after, strict=True))
    action, _ = model.predict(env.reset(seed=3)[0], deterministic=True)
    assert env.action_space.contains(action.item())
