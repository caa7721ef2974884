"""Given key and actions an episode is determined to the bit, wherever and however it is played."""

import numba
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

from envs.batch import RaidBatch
from envs.core.randomness import SPLITS
from envs.core.state import ABSENT
from envs.scenario import load_scenario
from envs.single_env import BalticShieldEnv
from envs.vector_env import BalticShieldVectorEnv
from tests.envs.random_play import random_orders
from tests.envs.small import assert_same, bits, named, no_orders, started

EPOCHS = 60


def orders_for(scenario, seed):
    """Return an endless schedule of actions of its own for the raid of a seed, int64 [N, S + D]."""
    rng = np.random.default_rng(seed)
    heads = scenario.num_shooters + scenario.num_decisions
    orders = rng.integers(0, scenario.num_slots + 1, (400, heads))
    return np.where(rng.random(orders.shape) < 0.5, orders, 0)


def play(batch, schedules, epochs=EPOCHS):
    """Return all that a batch shows over some epochs, each array [epochs, B, ...]."""
    shown = []
    for epoch in range(epochs):
        batch.step(np.stack([schedule[epoch] for schedule in schedules]))
        shown.append(
            {
                **batch.snapshot(),
                **batch.metrics(),
                "reward": batch.reward.copy(),
                "terminated": batch.terminated.copy(),
                "truncated": batch.truncated.copy(),
            }
        )
    return {name: np.stack([frame[name] for frame in shown]) for name in shown[0]}


def row_of(shown, row):
    return {name: array[:, row] for name, array in shown.items()}


@pytest.mark.parametrize("limit", [None, 40])
@pytest.mark.parametrize("name", ["duel", "standard", "fog", "short-campaign", "small-policing"])
def test_an_episode_is_the_same_alone_and_in_any_row(name, limit, two_threads):
    seeds = [7, 8, 1009]
    scenario = RaidBatch(named(name), 1).scenario
    alone = {}
    for seed in seeds:
        batch = RaidBatch(scenario, 1, max_epochs=limit)
        batch.reset(None, np.array([seed]))
        alone[seed] = row_of(play(batch, [orders_for(scenario, seed)]), 0)
    rows = 1024
    places = {0: 7, 1: 8, 511: 7, 512: 1009, 1023: 8}
    crowd = np.arange(5000, 5000 + rows)
    crowd[list(places)] = list(places.values())
    shared = orders_for(scenario, 1)
    schedules = [orders_for(scenario, places[n]) if n in places else shared for n in range(rows)]
    batch = RaidBatch(scenario, rows, max_epochs=limit)
    batch.reset(None, crowd)
    keep = list(places)
    for epoch in range(EPOCHS):
        batch.step(np.stack([schedule[epoch] for schedule in schedules]))
        metrics = batch.metrics()
        for row in keep:
            expected = alone[places[row]]
            found = {
                **{table: array[row] for table, array in batch.observation.items()},
                **{metric: values[row] for metric, values in metrics.items()},
                "reward": batch.reward[row],
                "terminated": batch.terminated[row],
                "truncated": batch.truncated[row],
            }
            for key, value in found.items():
                assert np.array_equal(bits(value), bits(expected[key][epoch])), (row, epoch, key)


@pytest.mark.parametrize("rows", [1, 3, 129])
@pytest.mark.parametrize("name", ["duel", "standard", "fog", "short-campaign", "small-policing"])
def test_one_and_two_threads_play_the_same(name, rows, two_threads):
    shown = []
    for count in (2, 1):
        numba.set_num_threads(count)
        batch = started(named(name), rows, seed=20)
        shown.append(play(batch, [orders_for(batch.scenario, n) for n in range(rows)]))
    assert_same(*shown)


@pytest.mark.parametrize("count", [1, 2])
def test_a_snapshot_is_the_live_observation_and_stays_when_that_goes_on(count, two_threads):
    numba.set_num_threads(count)
    batch = started("standard", 256, seed=20)
    for _ in range(20):
        batch.step(np.zeros((256, batch.scenario.num_shooters), np.int64))
    snapshot = batch.snapshot()
    live = {name: array.copy() for name, array in batch.observation.items()}
    batch.step(np.zeros((256, batch.scenario.num_shooters), np.int64))
    for name, array in live.items():
        np.testing.assert_array_equal(snapshot[name], array)
        assert array.any()


def test_two_runs_are_equal_and_every_seed_and_row_is_another_raid(standard):
    rows = 64
    one, other = started(standard, rows, seed=0), started(standard, rows, seed=rows)
    again = started(standard, rows, seed=0)
    threats = {id(batch): batch.state().threat for batch in (one, other, again)}
    for field in ("kill_u", "impact_s", "kind", "aim", "number", "status"):
        assert np.array_equal(threats[id(one)][field], threats[id(again)][field])
    luck = np.concatenate([threats[id(one)]["kill_u"], threats[id(other)]["kill_u"]])
    times = np.concatenate([threats[id(one)]["impact_s"], threats[id(other)]["impact_s"]])
    assert len({row.tobytes() for row in np.sort(luck, axis=1)}) == 2 * rows
    assert len({row.tobytes() for row in np.sort(times, axis=1)}) == 2 * rows


@pytest.mark.parametrize("name", ["standard", "fog"])
def test_two_policies_on_a_seed_meet_the_same_raid(name):
    """The raid and its luck do not depend on what is played."""
    held, fought = started(named(name), 16, seed=4), started(named(name), 16, seed=4)
    rng = np.random.default_rng(0)
    raid = ("kill_u", "impact_s", "kind", "aim", "number", "hits")
    live = held.state().threat["status"] != ABSENT
    before = {field: held.state().threat[field][live] for field in raid}
    routes = held.state().route[live].copy()
    for _ in range(80):
        held.step(no_orders(held))
        fought.step(random_orders(fought, rng))
    assert fought.metrics()["killed"].sum() > 0
    for batch in (held, fought):
        for field in raid:
            assert np.array_equal(batch.state().threat[field][live], before[field]), field
        for field in routes.dtype.names:
            assert np.array_equal(batch.state().route[field][live], routes[field]), field
    assert np.array_equal(held.metrics()["undefended_loss"], fought.metrics()["undefended_loss"])


def test_splits_are_different_raids(standard):
    luck = []
    for split in SPLITS:
        batch = RaidBatch(standard, 8)
        batch.reset(None, np.arange(8), split)
        luck.append(np.sort(batch.state().threat["kill_u"], axis=1))
    for one in range(3):
        for other in range(one):
            assert not np.any(np.all(luck[one] == luck[other], axis=1))


def test_row_i_of_a_vector_reset_is_the_single_reset_of_seed_plus_i(duel):
    vector = BalticShieldVectorEnv(5, duel)
    for options in (None, {"split": "test"}):
        together, _ = vector.reset(seed=30, options=options)
        for row in range(5):
            alone, _ = BalticShieldEnv(duel).reset(seed=30 + row, options=options)
            assert_same({name: array[row] for name, array in together.items()}, alone)


MODES = list(AutoresetMode)


def episodes_of(mode, scenario, rows, seed, wanted, **keys):
    """Return the first episodes of each row: (actions played, metrics), in order."""
    env = BalticShieldVectorEnv(rows, scenario, mode, **keys)
    observation, _ = env.reset(seed=seed)
    schedules = [orders_for(env.batch.scenario, seed + row) for row in range(rows)]
    epoch = np.zeros(rows, np.int64)  # of the present episode
    returns, found = np.zeros(rows), [[] for _ in range(rows)]
    first = [{name: array[row] for name, array in observation.items()} for row in range(rows)]
    fresh = np.zeros(rows, bool)
    while min(len(episodes) for episodes in found) < wanted:
        actions = np.stack([schedules[row][epoch[row]] for row in range(rows)])
        observation, reward, terminated, truncated, infos = env.step(actions)
        ended = terminated | truncated
        if mode == AutoresetMode.NEXT_STEP:
            assert np.all(reward[fresh] == 0.0), "the step that resets"
            assert not np.any(ended[fresh])
        played = ~fresh if mode == AutoresetMode.NEXT_STEP else np.ones(rows, bool)
        returns[played] += reward[played]
        epoch[played] += 1
        last = observation
        if mode == AutoresetMode.SAME_STEP and ended.any():
            last = {name: array.copy() for name, array in observation.items()}
            for row in np.flatnonzero(ended):
                for name in last:
                    last[name][row] = infos["final_obs"][row][name]
        for row in np.flatnonzero(ended):
            assert infos["_metrics"][row]
            end = {name: array[row] for name, array in last.items()}
            metrics = {name: values[row] for name, values in infos["metrics"].items()}
            outcome = (bool(terminated[row]), bool(truncated[row]))
            found[row].append((first[row], end, metrics, returns[row], epoch[row], outcome))
        begun = fresh if mode == AutoresetMode.NEXT_STEP else ended
        if mode == AutoresetMode.DISABLED and ended.any():
            observation, _ = env.reset(options={"reset_mask": ended})
        for row in np.flatnonzero(begun):
            first[row] = {name: array[row] for name, array in observation.items()}
            epoch[row], returns[row] = 0, 0.0
        if mode == AutoresetMode.NEXT_STEP:
            for row in np.flatnonzero(ended):
                epoch[row], returns[row] = 0, 0.0
            fresh = ended
    return [episodes[:wanted] for episodes in found]


@pytest.mark.parametrize(
    ("name", "limit"),
    [
        *(("duel", limit) for limit in (None, 20)),
        *(("fog", limit) for limit in (None, 60)),
        *(("short-campaign", limit) for limit in (None, 33)),
    ],
)
def test_later_episodes_are_equal_in_all_autoreset_modes(name, limit):
    rows, wanted, scenario = 3, 3, load_scenario(named(name))
    by_mode = [episodes_of(mode, scenario, rows, 11, wanted, max_epochs=limit) for mode in MODES]
    for row in range(rows):
        for ordinal in range(wanted):
            one = by_mode[0][row][ordinal]
            for other in (by_mode[1][row][ordinal], by_mode[2][row][ordinal]):
                for part in range(3):
                    assert_same(
                        {name: np.asarray(value) for name, value in one[part].items()},
                        {name: np.asarray(value) for name, value in other[part].items()},
                        (row, ordinal, part),
                    )
                assert one[3:] == other[3:]
            # And the same as the raid (train, seed, ordinal), whatever came before it.
            env = BalticShieldEnv(scenario, max_epochs=limit)
            env.reset(seed=11 + row)
            for _ in range(ordinal):
                observation, _ = env.reset()
            if ordinal:
                assert_same(observation, one[0])


@pytest.mark.parametrize("name", ["duel", "standard", "fog", "short-campaign", "small-policing"])
def test_nothing_is_left_of_the_raid_before(name):
    used, fresh = started(named(name), 16, seed=300), started(named(name), 16, seed=600)
    rng = np.random.default_rng(0)
    for _ in range(80):  # in the middle of some raids, and after the end of others
        used.step(random_orders(used, rng))
    assert used.metrics()["engagements"].sum() > 0
    used.reset(None, np.arange(600, 616))
    assert_same(used.observation, fresh.observation)
    schedules = [orders_for(fresh.scenario, n) for n in range(16)]
    assert_same(play(used, schedules, 100), play(fresh, schedules, 100))


@pytest.mark.parametrize("name", ["standard", "fog", "short-campaign", "small-policing"])
def test_a_saved_state_goes_on_to_the_bit(name):
    scenario = load_scenario(named(name))
    batch, other = started(scenario, 8, seed=77), RaidBatch(scenario, 8)
    schedules = [orders_for(scenario, n) for n in range(8)]
    play(batch, schedules, 30)
    saved = batch.get_state()
    copy = {name: array.copy() for name, array in saved.items()}
    shown = play(batch, schedules)
    assert_same(saved, copy, "what was saved is a copy")
    for target in (other, batch):
        target.set_state(saved)
        assert_same(target.get_state(), saved)
        assert_same(play(target, schedules), shown)
    # What comes after is the next raid of the same seeds.
    batch.reset()
    other.reset()
    assert np.array_equal(batch.ordinals, np.ones(8))
    assert_same(batch.observation, other.observation)


def test_nothing_returned_is_overwritten_or_shared():
    env = BalticShieldVectorEnv(4, "duel", max_epochs=6)
    kept = []
    observation, _ = env.reset(seed=0)
    kept.append(observation)
    for _ in range(12):
        observation, reward, terminated, truncated, infos = env.step(env.action_space.sample())
        kept.append({**observation, "reward": reward, "end": terminated, "cut": truncated,
                     "masks": env.action_masks(), **infos.get("metrics", {})})  # fmt: skip
    copies = [{name: array.copy() for name, array in frame.items()} for frame in kept]
    state = env.get_state()
    env.reset(seed=5)
    env.step(env.action_space.sample())
    env.set_state(state)
    for frame, copy in zip(kept, copies, strict=True):
        assert_same(frame, copy)
    arrays = [array for frame in kept for array in frame.values()]
    for n, one in enumerate(arrays):
        for other in arrays[:n]:
            assert not np.shares_memory(one, other)


def test_frozen_raids_stay_as_they_are(duel):
    """A raid that is over does not move while others of the batch go on."""
    batch = started(duel, 16, seed=3)
    while not batch.terminated.any():
        batch.step(no_orders(batch))
    over = batch.terminated.copy()
    assert not over.all(), "the test needs some that go on"
    saved = batch.get_state()
    before = batch.snapshot()
    rng = np.random.default_rng(0)
    for _ in range(5):
        batch.step(rng.integers(0, 5, (16, 2)))
        assert np.all(batch.reward[over] == 0.0)
    after = batch.get_state()
    names = set(saved) - {"reward"}
    assert_same({n: saved[n][over] for n in names}, {n: after[n][over] for n in names})
    for name, table in before.items():
        assert np.array_equal(table[over], batch.observation[name][over])
