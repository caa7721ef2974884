"""How episodes end, and partial resets."""

import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

from envs.batch import RaidBatch
from envs.single_env import BalticShieldEnv
from envs.vector_env import BalticShieldVectorEnv
from tests.envs.small import mapping, no_orders, package, started

# One drone, 20 km away: it arrives after 400 s, in the epoch from 400 s, so the raid has 41.
LENGTH = 41


@pytest.mark.parametrize(
    ("limit", "epochs", "ends"),
    [
        (None, LENGTH, (True, False)),
        (LENGTH + 1, LENGTH, (True, False)),
        (LENGTH, LENGTH, (True, True)),
        (LENGTH - 1, LENGTH - 1, (False, True)),
        (1, 1, (False, True)),
    ],
)
def test_terminated_truncated_and_both(limit, epochs, ends):
    source = mapping(packages=[package(entry=(0, 20.1))])
    env = BalticShieldEnv(source, max_epochs=limit)
    env.reset(seed=0)
    for epoch in range(1, epochs + 1):
        *_, terminated, truncated, info = env.step(np.zeros(1, np.int64))
        assert (terminated or truncated) == (epoch == epochs)
    assert (terminated, truncated) == ends
    assert info["metrics"]["epochs"] == epochs


def test_a_raid_can_end_by_a_kill():
    batch = started(mapping(), shooter_pk=1.0)
    batch.step(np.array([[1 + int(np.argmax(batch.observation["track"][0, :, 0]))]]))
    while not batch.terminated[0]:
        batch.step(no_orders(batch))
    assert batch.metrics()["killed"][0] == 1.0
    assert batch.metrics()["epochs"][0] < 10


def test_every_raid_ends_within_the_scenarios_clock(standard):
    batch = RaidBatch(standard, 256)
    batch.reset(None, np.arange(256))
    for _ in range(standard.max_epochs):
        batch.step(no_orders(batch))
    assert np.all(batch.terminated)
    assert not np.any(batch.truncated)
    assert batch.metrics()["epochs"].max() <= standard.max_epochs


@pytest.mark.parametrize("mode", list(AutoresetMode))
def test_autoreset_by_the_table(mode):
    """Two raids cut after two epochs: what each step returns in each mode."""
    env = BalticShieldVectorEnv(2, "duel", mode, max_epochs=2)
    hold = np.zeros((2, 2), np.int64)
    env.reset(seed=9)
    seen = []
    for _ in range(5):
        observation, _, _, truncated, infos = env.step(hold)
        clock = observation["clock"][0, 0] * env.batch.scenario.max_epochs
        seen.append((round(float(clock)), bool(truncated[0]), bool(infos)))
        assert ("final_obs" in infos) == (mode == AutoresetMode.SAME_STEP and truncated[0])
    table = {
        AutoresetMode.NEXT_STEP: [(1, False), (2, True), (0, False), (1, False), (2, True)],
        AutoresetMode.SAME_STEP: [(1, False), (0, True), (1, False), (0, True), (1, False)],
        AutoresetMode.DISABLED: [(1, False), (2, True), (2, True), (2, True), (2, True)],
    }[mode]
    assert [entry[:2] for entry in seen] == table
    ended = [cut for _, cut in table]
    if mode == AutoresetMode.DISABLED:
        ended = [False, True, False, False, False]
    assert [entry[2] for entry in seen] == ended


def test_partial_resets_leave_the_other_rows_alone():
    env = BalticShieldVectorEnv(4, "duel", AutoresetMode.DISABLED)
    env.reset(seed=0)
    hold = np.zeros((4, 2), np.int64)
    for _ in range(3):
        env.step(hold)
    before = env.batch.snapshot()
    mask = np.array([True, False, False, True])
    observation, _ = env.reset(options={"reset_mask": mask})
    for name, table in observation.items():
        assert np.array_equal(table[~mask], before[name][~mask])
    assert list(env.batch.ordinals) == [1, 0, 0, 1]
    assert list(env.batch.seeds) == [0, 1, 2, 3]
    observation, _ = env.reset(seed=[None, 50, 60, None], options={"reset_mask": ~mask})
    assert list(env.batch.ordinals) == [1, 0, 0, 1]
    assert list(env.batch.seeds) == [0, 50, 60, 3]
    env.reset(seed=[None, 7, None, 8])
    assert list(env.batch.ordinals) == [2, 0, 1, 0]
    assert list(env.batch.seeds) == [0, 7, 60, 8]


def test_the_split_of_a_reset_lasts():
    env = BalticShieldVectorEnv(2, "duel")
    env.reset(seed=3, options={"split": "validation"})
    observation, _ = env.reset(seed=3)
    other, _ = BalticShieldVectorEnv(2, "duel", split="validation").reset(seed=3)
    train, _ = BalticShieldVectorEnv(2, "duel").reset(seed=3)
    assert np.array_equal(observation["track"], other["track"])
    assert not np.array_equal(observation["track"], train["track"])


def test_without_a_seed_raids_differ_from_run_to_run():
    first, second = (BalticShieldVectorEnv(2, "duel").reset()[0]["track"] for _ in range(2))
    assert not np.array_equal(first, second)
    assert not np.array_equal(first[0], first[1])
