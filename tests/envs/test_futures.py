"""Imagined futures: the present as it is known, and nothing of the truth behind it."""

import numpy as np
import pytest

from agents.classical import make_policy
from envs.batch import RaidBatch
from envs.core.state import ABSENT, INBOUND, KILLED, PENDING
from tests.envs.small import (
    assert_same,
    asset,
    fire,
    hold,
    mapping,
    named,
    package,
    sensor,
    shooter,
    started,
)

ROWS, FUTURES = 8, 4


def under_way(name, epochs=25):
    """Return raids played for a while by plain greedy."""
    batch = started(named(name), ROWS)
    policy = make_policy("wta_greedy", batch.scenario)
    for _ in range(epochs):
        batch.step(policy.predict(batch.observation)[0])
    return batch, policy


def imagined(batch, seeds=None):
    """Return futures of every row of a batch, its first rows those of row 0."""
    futures = RaidBatch(batch.scenario, batch.num_envs * FUTURES)
    rows = np.repeat(np.arange(batch.num_envs), FUTURES)
    seeds = np.tile(np.arange(FUTURES), batch.num_envs) if seeds is None else seeds
    futures.imagine(batch, rows, seeds)
    return futures, rows


def truth_changed(batch):
    """Change whatever a defence cannot know in the state of a batch."""
    state = batch.state()
    state.raid["key"] += np.uint64(12345)
    state.raid["campaign_key"] += np.uint64(54321)
    threats = state.threat
    threats["kill_u"] = 1.0 - threats["kill_u"]
    threats["hits"] ^= True
    pending = threats["status"] == PENDING
    threats["status"][pending] = ABSENT
    threats["impact_s"][pending] = np.inf
    state.engagement["true_pk"] = 0.5
    if not batch.params.picture["perfect"][0]:
        tracked = np.zeros(threats.shape, np.bool_)
        for b in range(batch.num_envs):
            doubtful = state.held[b] & ~state.track[b]["certain"]
            tracked[b, state.track[b]["threat"][doubtful]] = True
        threats["kind"][tracked] = (threats["kind"][tracked] + 1) % len(batch.scenario.threat_kinds)
        state.route["x_m"][tracked] += 5_000.0
        untracked = (threats["status"] == INBOUND) & (state.contact["track"] < 0)
        threats["status"][untracked] = ABSENT


@pytest.mark.parametrize("name", ["duel", "standard", "fog", "short-campaign"])
def test_a_future_begins_with_the_present_as_it_is_known(name):
    batch, _ = under_way(name, 6)
    before = batch.get_state()
    futures, rows = imagined(batch)
    for table, array in batch.observation.items():
        assert np.array_equal(futures.observation[table], array[rows]), table
    assert_same(batch.get_state(), before)


@pytest.mark.parametrize("name", ["standard", "fog", "short-campaign"])
def test_futures_do_not_depend_on_the_truth(name):
    batch, policy = under_way(name)
    futures, _ = imagined(batch)
    truth_changed(batch)
    others, _ = imagined(batch)
    for _ in range(40):
        for each in (futures, others):
            each.step(policy.predict(each.observation)[0])
        for table, array in futures.observation.items():
            assert np.array_equal(others.observation[table], array), table
        assert np.array_equal(futures.reward, others.reward)


def test_a_seed_is_a_future():
    batch, policy = under_way("standard")
    same, rows = imagined(batch, np.zeros(ROWS * FUTURES, np.int64))
    apart, _ = imagined(batch)
    for futures in (same, apart):
        for _ in range(60):
            futures.step(policy.predict(futures.observation)[0])
    losses = same.metrics()["loss"].reshape(ROWS, FUTURES)
    assert np.all(losses == losses[:, :1])
    losses = apart.metrics()["loss"].reshape(ROWS, FUTURES)
    assert np.mean([len(set(row)) > 1 for row in losses]) > 0.5
    assert rows[0] == rows[FUTURES - 1] == 0


def test_what_is_imagined_at_the_start_is_a_raid_of_the_scenario():
    # Nothing is seen yet: the futures are raids of the same distribution, drawn from other keys.
    source = mapping(
        sensors=[sensor(kind="gap_filler_radar")],
        packages=[package(number=(1, 3), entry=(0, 90), time_on_target_min=[40, 50])],
        clock_min=60,
    )
    batch = started(source, ROWS)
    futures = RaidBatch(batch.scenario, 3_000)
    futures.imagine(batch, np.zeros(3_000, np.int64), np.arange(3_000))
    numbers = np.sum(futures.state().threat["status"] == PENDING, axis=1)
    assert set(numbers) == {1, 2, 3}
    for number in (1, 2, 3):  # 1/3 each, four standard errors
        assert abs(np.mean(numbers == number) - 1 / 3) < 4 * np.sqrt(2 / 9 / 3_000)


def test_an_engagement_in_flight_kills_in_as_many_futures_as_its_pk_says():
    batch = started(mapping(packages=[package(entry=(0, 12))]), 1)
    fire(batch)
    pk = float(batch.state().engagement["pk"][0, 0, 0])
    futures = RaidBatch(batch.scenario, 4_000)
    futures.imagine(batch, np.zeros(4_000, np.int64), np.arange(4_000))
    assert np.all(futures.state().threat["status"][:, :] != KILLED)
    hold(futures, 5)
    killed = np.mean(futures.metrics()["killed"])
    assert 0.3 < pk < 0.95
    assert abs(killed - pk) < 4 * np.sqrt(pk * (1 - pk) / 4_000)


def test_what_is_public_of_a_track_stays_as_it_is():
    source = mapping(
        assets=[asset(), asset("other", (8, 0), value=5.0)],
        shooters=[shooter()],
        packages=[package(number=(3, 3), entry=(0, 15))],
    )
    batch = started(source, ROWS)
    hold(batch, 2)
    futures, rows = imagined(batch)
    now, then = futures.state(), batch.state()
    for b, row in enumerate(rows):
        for slot in np.flatnonzero(then.held[row]):
            real, other = then.threat[row, then.track[row, slot]["threat"]], now.threat[b, slot]
            for field in ("kind", "aim"):
                assert other[field] == real[field]
            for field in ("x_m", "y_m", "z_m", "vx_mps", "vy_mps", "impact_s"):
                assert other[field] == pytest.approx(real[field], rel=1e-4, abs=0.1), field


def test_beliefs_decide_what_a_track_is_imagined_to_be():
    source = named("fog")
    batch = started(source, 32)
    hold(batch, 40)
    futures = RaidBatch(batch.scenario, 32 * 200)
    rows = np.repeat(np.arange(32), 200)
    futures.imagine(batch, rows, np.tile(np.arange(200), 32))
    state, compared = batch.state(), 0
    for b in range(32):
        for slot in np.flatnonzero(state.held[b] & ~state.track[b]["certain"]):
            belief = state.belief[b, slot]
            kinds = futures.state().threat["kind"][rows == b, slot]
            for kind, share in enumerate(belief):
                # Five standard errors, and as many tracks as there are.
                error = 5 * np.sqrt(share * (1 - share) / 200) + 1e-9
                assert abs(np.mean(kinds == kind) - share) <= error
            compared += 1
    assert compared > 20
