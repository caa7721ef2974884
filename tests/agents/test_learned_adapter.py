"""RaidVecEnv keeps SB3's VecEnv contract and plays the very raids of the vector environment."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from gymnasium.vector import AutoresetMode
from sb3_contrib.common.maskable.utils import get_action_masks, is_masking_supported
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import VecCheckNan, VecMonitor

from agents.learned.adapter import RaidVecEnv
from envs.sampling import sample_legal
from envs.scenario import Scenario, load_scenario
from envs.vector_env import BalticShieldVectorEnv

ROWS = 8


@pytest.fixture(scope="module")
def duel() -> Scenario:
    return load_scenario("duel")


def drawn(env: RaidVecEnv, rng: np.random.Generator) -> np.ndarray:
    return sample_legal(env.batch.observation["action_mask"], rng)


def started(scenario: Scenario, seed: int = 7, **kwargs: Any) -> RaidVecEnv:
    env = RaidVecEnv(scenario, ROWS, **kwargs)
    env.seed(seed)
    env.reset()
    return env


def test_plays_the_raids_of_the_vector_env_in_same_step_mode(duel: Scenario) -> None:
    """Row i plays seed s + i, then its next ordinals: observations, rewards, ends all equal."""
    own = RaidVecEnv(duel, ROWS, split="validation", max_epochs=30)
    own.seed(7)
    reference = BalticShieldVectorEnv(
        ROWS, duel, AutoresetMode.SAME_STEP, max_epochs=30, split="validation"
    )
    observation, expected = own.reset(), reference.reset(seed=7)[0]
    rng = np.random.default_rng(0)
    ends = 0
    for _ in range(150):
        for name, table in expected.items():
            np.testing.assert_array_equal(observation[name], table)
        actions = sample_legal(observation["action_mask"], rng)
        observation, rewards, dones, infos = own.step(actions)
        expected, reward, terminated, truncated, info = reference.step(actions)
        np.testing.assert_array_equal(rewards, reward)
        np.testing.assert_array_equal(dones, terminated | truncated)
        for row in np.flatnonzero(dones):
            ends += 1
            final = info["final_obs"][row]
            for name, table in infos[row]["terminal_observation"].items():
                np.testing.assert_array_equal(table, final[name])
            limit = bool(truncated[row] and not terminated[row])
            assert infos[row]["TimeLimit.truncated"] is limit
            assert infos[row]["episode"]["loss"] == info["metrics"]["loss"][row]
    assert ends > 3 * ROWS


def test_episode_info_adds_up(duel: Scenario) -> None:
    env = started(duel)
    rng = np.random.default_rng(1)
    returns, lengths = np.zeros(ROWS), np.zeros(ROWS, int)
    seen = 0
    while seen < 2 * ROWS:
        _, rewards, dones, infos = env.step(drawn(env, rng))
        returns += rewards
        lengths += 1
        assert [bool(info) for info in infos] == dones.tolist()
        for row in np.flatnonzero(dones):
            episode = infos[row]["episode"]
            assert episode["r"] == returns[row] and episode["l"] == lengths[row]
            assert episode["t"] >= 0 and 0 <= episode["protected_share"] <= 1
            assert episode["epochs"] == episode["l"]
            returns[row], lengths[row] = 0.0, 0
            seen = seen + 1


def test_truncation_is_not_taught_as_death(duel: Scenario) -> None:
    env = started(duel, max_epochs=3)
    for step in range(6):
        _, _, dones, infos = env.step(np.zeros((ROWS, duel.num_shooters), np.int64))
        assert dones.all() == (step % 3 == 2)
        if dones.all():
            assert all(info["TimeLimit.truncated"] for info in infos)


def test_nothing_returned_is_overwritten(duel: Scenario) -> None:
    env = started(duel)
    rng = np.random.default_rng(2)
    kept: list[tuple[Any, Any]] = []
    for _ in range(60):
        observation, rewards, dones, infos = env.step(drawn(env, rng))
        returned = [*observation.values(), rewards, dones]
        returned += [t for i in infos for t in i.get("terminal_observation", {}).values()]
        kept += [(array, array.copy()) for array in returned]
        rewards += 1e6  # SB3 writes into the rewards it is given
        kept[-1 - len(returned) + len(observation) + 1] = (dones, dones.copy())
    for array, copy in kept:
        np.testing.assert_array_equal(array, copy)
    assert abs(env.batch.reward).max() < 1e5


def test_seeds_are_used_once_and_rows_differ(duel: Scenario) -> None:
    env = RaidVecEnv(duel, ROWS)
    assert env.seed(11) == [11 + i for i in range(ROWS)]
    first = env.reset()
    assert env._seeds == [None] * ROWS
    env.seed(11)
    again = env.reset()
    other = env.reset()
    for name in first:
        np.testing.assert_array_equal(first[name], again[name])
    # Without a new seed every row goes on to the next raid of its own, as in Gymnasium's envs.
    assert np.array_equal(env.batch.seeds, 11 + np.arange(ROWS)) and (env.batch.ordinals == 1).all()
    assert len(np.unique(env.batch.seeds)) == ROWS
    alone = RaidVecEnv(duel, 1)
    alone.seed(14)
    for name, table in alone.reset().items():
        np.testing.assert_array_equal(table[0], first[name][3])
    assert other["track"].shape == first["track"].shape


def test_options_choose_the_split(duel: Scenario) -> None:
    env = RaidVecEnv(duel, ROWS)
    env.set_options({"split": "test"})
    env.seed(3)
    env.reset()
    reference = RaidVecEnv(duel, ROWS, split="test")
    reference.seed(3)
    reference.reset()
    train = started(duel, seed=3)
    for _ in range(5):
        hold = np.zeros((ROWS, duel.num_shooters), np.int64)
        tables = [e.step(hold)[0]["track"] for e in (env, reference, train)]
    np.testing.assert_array_equal(tables[0], tables[1])
    assert not np.array_equal(tables[0], tables[2])
    env.set_options([{"split": "test"}, *([{"split": "train"}] * (ROWS - 1))])
    with pytest.raises(ValueError, match="one split"):
        env.reset()


def test_copies_play_the_same_raid(duel: Scenario) -> None:
    env = started(duel, copies=4)
    hold = np.zeros((ROWS, duel.num_shooters), np.int64)
    for _ in range(10):
        observation, rewards, _, _ = env.step(hold)
        np.testing.assert_array_equal(rewards[:4], np.repeat(rewards[0], 4))
        np.testing.assert_array_equal(observation["track"][:4], observation["track"][[0] * 4])
    assert not np.array_equal(observation["track"][3], observation["track"][4])
    with pytest.raises(ValueError, match="copies=3 must divide num_envs=8"):
        RaidVecEnv(duel, ROWS, copies=3)


def test_masks_serve_sb3_contrib(duel: Scenario) -> None:
    env = started(duel)
    for _ in range(20):
        env.step(np.zeros((ROWS, duel.num_shooters), np.int64))
    assert is_masking_supported(env) and not env.has_attr("no_such_thing")
    masks = get_action_masks(env)
    assert masks.dtype == bool and masks.shape == (ROWS, duel.num_shooters * (1 + duel.num_slots))
    flat = env.batch.observation["action_mask"].reshape(ROWS, -1)
    np.testing.assert_array_equal(masks, flat)
    assert 0 < masks.mean() < 1
    assert len(env.env_method("action_masks", indices=[1, 5])) == 2
    with pytest.raises(AttributeError, match="action_masks"):
        env.env_method("jump")


def test_sb3s_own_wrappers_and_spaces_agree(duel: Scenario) -> None:
    env = VecCheckNan(VecMonitor(RaidVecEnv(duel, ROWS)), raise_exception=True)
    env.seed(0)
    observation = env.reset()
    rng = np.random.default_rng(3)
    ends = 0
    assert isinstance(observation, dict)
    for _ in range(80):
        for row in range(ROWS):
            one = {name: table[row] for name, table in observation.items()}
            assert env.observation_space.contains(one)
        observation, rewards, dones, _ = env.step(sample_legal(observation["action_mask"], rng))
        assert isinstance(observation, dict)
        assert rewards.shape == dones.shape == (ROWS,) and dones.dtype == bool
        ends += int(dones.sum())
    assert ends > 0
    assert env.get_attr("render_mode") == [None] * ROWS
    assert env.env_is_wrapped(Monitor) == [False] * ROWS


def played(env: RaidVecEnv, steps: int) -> tuple[list[np.ndarray], list[np.ndarray], list[Any]]:
    """Rewards, dones and infos of some epochs of the same random play."""
    env.seed(5)
    env.reset()
    rng = np.random.default_rng(4)
    results = [env.step(drawn(env, rng)) for _ in range(steps)]
    return [r[1] for r in results], [r[2] for r in results], [r[3] for r in results]


def test_shaping_telescopes_to_the_same_return(duel: Scenario) -> None:
    """Over a whole raid what shaping adds is the potential at its start, taken away."""
    plain, _, infos = played(RaidVecEnv(duel, ROWS), 150)
    env = RaidVecEnv(duel, ROWS, shaping=0.3)
    shaped, dones, _ = played(env, 150)
    env.seed(5)
    env.reset()
    sums, starts, ends, moved = np.zeros(ROWS), env.potential(), 0, 0.0
    rng = np.random.default_rng(4)
    for epoch in range(150):
        env.step(drawn(env, rng))
        sums += shaped[epoch]
        moved = max(moved, np.abs(shaped[epoch] - plain[epoch]).max())
        for row in np.flatnonzero(dones[epoch]):
            expected = infos[epoch][row]["episode"]["r"] - starts[row]
            assert sums[row] == pytest.approx(expected, abs=1e-9)
            sums[row], starts[row], ends = 0.0, env.potential()[row], ends + 1
    assert ends > 2 * ROWS and moved > 0.01


def test_the_potential_is_what_is_at_risk_and_nothing_once_the_raid_is_over(
    duel: Scenario,
) -> None:
    env = started(duel, shaping=0.5, gamma=0.9)
    hold = np.zeros((ROWS, duel.num_shooters), np.int64)
    columns = [env.batch.layout.index("track", c) for c in ("value_at_risk", "survival")]
    ends = 0
    for _ in range(60):
        before = env.potential()
        observation, rewards, dones, infos = env.step(hold)
        at_risk, survival = observation["track"][..., columns].T
        np.testing.assert_allclose(env.potential(), -0.5 * (at_risk * survival).sum(0), atol=1e-6)
        # What a raid that goes on was paid beside the shaping is what the batch says.
        after = np.where(dones, 0.0, env.potential())
        np.testing.assert_allclose(rewards - 0.9 * after + before, paid(env, dones, infos))
        ends += int(dones.sum())
    assert ends > 0


def paid(env: RaidVecEnv, dones: np.ndarray, infos: list[Any]) -> np.ndarray:
    """Rewards without shaping, from the returns that the adapter adds up."""
    returns = np.where(dones, 0.0, env._returns)
    for row in np.flatnonzero(dones):
        returns[row] = infos[row]["episode"]["r"]
    before = getattr(env, "noted", np.zeros(len(dones)))
    env.noted = np.where(dones, 0.0, returns)  # type: ignore[attr-defined]
    return returns - before


def test_a_truncated_raid_keeps_its_potential(duel: Scenario) -> None:
    """SB3 adds the value of the last observation there, so its potential must be paid, too."""
    steps = 12
    plain = played(RaidVecEnv(duel, ROWS, max_epochs=steps), steps)
    env = RaidVecEnv(duel, ROWS, max_epochs=steps, shaping=0.5)
    shaped = played(env, steps)
    gained = sum(shaped[0]) - sum(plain[0])
    last = [info["terminal_observation"]["track"] for info in shaped[2][-1]]
    columns = [env.batch.layout.index("track", c) for c in ("value_at_risk", "survival")]
    potential = [-0.5 * np.prod(track[:, columns], axis=1).sum() for track in last]
    assert np.min(potential) < -0.01
    env.seed(5)
    env.reset()
    np.testing.assert_allclose(gained, potential - env.potential(), atol=1e-6)


def test_wrong_actions_are_named(duel: Scenario) -> None:
    env = started(duel)
    with pytest.raises(ValueError, match="float64"):
        env.step(np.zeros((ROWS, duel.num_shooters)))
    with pytest.raises(RuntimeError, match="step_async"):
        env.step_wait()
