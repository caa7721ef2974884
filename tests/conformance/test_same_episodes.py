"""Every adapter tells of the same episodes: the same multiset of (length, return)."""

from collections.abc import Iterator

import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

from agents.learned.adapter import RaidVecEnv
from envs.observation import Layout
from envs.scenario import load_scenario
from envs.sequential_env import BalticShieldSequentialEnv
from envs.single_env import BalticShieldEnv
from envs.vector_env import BalticShieldVectorEnv

SEED, ROWS, RAIDS = 11, 4, 3  # row i plays the first raids of seed SEED + i
SCENARIO = load_scenario("duel")
SAVED = Layout(SCENARIO).index("pair", "value_saved")

Episode = tuple[int, float]


def orders(pair: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Engage the track of which most value is saved, if any may be engaged.

    Args:
        pair: [..., I, 4].
        mask: [..., 1 + I].
    """
    saved = np.where(mask[..., 1:] > 0, pair[..., SAVED], -np.inf)
    return np.where(mask[..., 1:].any(-1), 1 + saved.argmax(-1), 0)


def decided(observation: dict[str, np.ndarray]) -> np.ndarray:
    return orders(observation["pair"], observation["action_mask"])


def by_single() -> Iterator[Episode]:
    env = BalticShieldEnv(SCENARIO)
    for row in range(ROWS):
        for raid in range(RAIDS):
            observation, _ = env.reset(seed=None if raid else SEED + row)
            length, total, over = 0, 0.0, False
            while not over:
                observation, reward, terminated, truncated, _ = env.step(decided(observation))
                length, total, over = length + 1, total + reward, terminated or truncated
            yield length, total


def by_vector(mode: AutoresetMode) -> Iterator[Episode]:
    env = BalticShieldVectorEnv(ROWS, SCENARIO, mode)
    observation, _ = env.reset(seed=SEED)
    lengths, totals, told = np.zeros(ROWS, int), np.zeros(ROWS), np.zeros(ROWS, int)
    over = np.zeros(ROWS, np.bool_)
    while told.min() < RAIDS:
        if mode is AutoresetMode.DISABLED and over.any():
            observation, _ = env.reset(options={"reset_mask": over})
        counts = ~over if mode is AutoresetMode.NEXT_STEP else np.ones(ROWS, np.bool_)
        observation, reward, terminated, truncated, _ = env.step(decided(observation))
        lengths += counts
        totals += reward
        over = terminated | truncated
        for row in np.flatnonzero(over):
            if told[row] < RAIDS:
                yield int(lengths[row]), float(totals[row])
            told[row] += 1
            lengths[row], totals[row] = 0, 0.0


def by_stable_baselines() -> Iterator[Episode]:
    env = RaidVecEnv(SCENARIO, ROWS)
    env.seed(SEED)
    observation, told = env.reset(), np.zeros(ROWS, int)
    while told.min() < RAIDS:
        observation, _, dones, infos = env.step(decided(observation))
        for row in np.flatnonzero(dones):
            if told[row] < RAIDS:
                yield infos[row]["episode"]["l"], infos[row]["episode"]["r"]
            told[row] += 1


def by_parallel() -> Iterator[Episode]:
    pytest.importorskip("pettingzoo", reason="needs PettingZoo: pip install .[pettingzoo]")
    from envs.parallel_env import BalticShieldParallelEnv

    env = BalticShieldParallelEnv(SCENARIO)
    for row in range(ROWS):
        for raid in range(RAIDS):
            seen, _ = env.reset(seed=None if raid else SEED + row)
            length, total = 0, 0.0
            while env.agents:
                seen, rewards, *_ = env.step(
                    {a: int(orders(seen[a]["own_pair"], seen[a]["action_mask"])) for a in seen}
                )
                length, total = length + 1, total + rewards["shooter_0"]
            yield length, total


def by_sequence() -> Iterator[Episode]:
    env = BalticShieldSequentialEnv(SCENARIO)
    for row in range(ROWS):
        for raid in range(RAIDS):
            seen, _ = env.reset(seed=None if raid else SEED + row)
            length, total, over = 0, 0.0, False
            while not over:
                choice = int(orders(seen["own_pair"], seen["action_mask"]))
                seen, reward, terminated, truncated, _ = env.step(choice)
                length, total, over = length + 1, total + reward, terminated or truncated
            yield length // SCENARIO.num_shooters, total


def by_torchrl() -> Iterator[Episode]:
    pytest.importorskip("torchrl", reason="needs TorchRL: pip install .[torchrl]")
    import torch
    from torchrl.envs import GymWrapper

    vector = BalticShieldVectorEnv(ROWS, SCENARIO, AutoresetMode.DISABLED)
    env = GymWrapper(vector, categorical_action_encoding=True)

    def policy(tensordict):  # TorchRL knows by this name what to hand over
        pair, mask = (tensordict[name].numpy() for name in ("pair", "action_mask"))
        return tensordict.set("action", torch.from_numpy(orders(pair, mask)))

    steps = env.rollout(
        400, policy, auto_reset=False, tensordict=env.reset(seed=SEED), break_when_any_done=False
    )
    rewards, done = (steps["next", name].squeeze(-1).numpy() for name in ("reward", "done"))
    for row in range(ROWS):
        ends = np.flatnonzero(done[row])[:RAIDS] + 1
        assert len(ends) == RAIDS, "too few steps for so many raids"
        for raid in np.split(rewards[row], ends)[:RAIDS]:
            yield len(raid), float(raid.sum())


ADAPTERS = {
    "next step": lambda: by_vector(AutoresetMode.NEXT_STEP),
    "same step": lambda: by_vector(AutoresetMode.SAME_STEP),
    "disabled": lambda: by_vector(AutoresetMode.DISABLED),
    "Stable-Baselines3": by_stable_baselines,
    "PettingZoo": by_parallel,
    "sequential": by_sequence,
    "TorchRL": by_torchrl,
}


@pytest.fixture(scope="module")
def expected() -> list[Episode]:
    return sorted(by_single())


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_the_same_seeds_are_the_same_episodes(adapter: str, expected: list[Episode]) -> None:
    found = sorted(ADAPTERS[adapter]())
    assert len(found) == ROWS * RAIDS
    if adapter == "TorchRL":  # which keeps rewards as float32
        assert [length for length, _ in found] == [length for length, _ in expected]
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)
    else:
        assert found == expected
    assert len({length for length, _ in expected}) > 3
    assert len({total for _, total in expected}) > 3
