"""A record is a copy: it changes nothing, and adds up to the core's own metrics."""

import numpy as np
import pytest

from envs.batch import RaidBatch
from envs.core import metrics
from envs.core.state import ABSENT, INBOUND, KILLED, LEAKED, PENDING
from envs.rendering.record import (
    ASTRAY,
    CALLED_BACK,
    DROPPED,
    IN_FLIGHT,
    KILL,
    LATE,
    LEFT_ALONE,
    MISS,
    Record,
    Recorder,
)
from envs.sampling import sample_legal
from tests.envs.small import assert_same, named

SCENARIOS = ("duel", "standard", "fog", "small-policing", "decoys", "rotation-gap")


def recorded(name: str, seed: int, row: int = 0, members: int = 1) -> tuple[Record, RaidBatch]:
    """Play an episode with random legal actions, most of them holds, and record one member."""
    batch, rng = RaidBatch(named(name), members), np.random.default_rng(seed)
    recorder = Recorder(batch, row)
    batch.reset(None, seed + np.arange(members), "test")
    recorder.note()
    while not batch.terminated[row]:
        actions = sample_legal(batch.observation["action_mask"], rng)
        batch.step(np.where(rng.random(actions.shape) < 0.3, actions, 0))
        recorder.note()
    return recorder.record, batch


@pytest.mark.parametrize("name", SCENARIOS)
@pytest.mark.parametrize("seed", [0, 1])
def test_engagements_add_up_to_the_metrics(name, seed):
    record, batch = recorded(name, seed)
    totals, deployed = record.last.metrics, record.params.shooter[0]
    rounds, flies = deployed["rounds_per_engagement"], deployed["sortie_s"] > 0.0
    outcomes = [one.outcome for one in record.engagements]
    assert len(outcomes) == totals[metrics.ENGAGEMENTS] > 0
    assert IN_FLIGHT not in outcomes
    assert outcomes.count(KILL) == totals[metrics.KILLED] + totals[metrics.NEUTRALS_SHOT]
    wasted = [
        one
        for one in record.engagements
        if one.outcome in (LATE, ASTRAY) or (one.outcome == DROPPED and not flies[one.shooter])
    ]
    assert sum(rounds[one.shooter] for one in wasted) == totals[metrics.ROUNDS_WASTED]
    astray = [one for one in record.engagements if one.outcome == ASTRAY]
    assert sum(rounds[one.shooter] for one in astray) == totals[metrics.ROUNDS_UNGUIDED]
    for one in record.engagements:
        assert flies[one.shooter] or one.outcome not in (LEFT_ALONE, CALLED_BACK)
        assert 0.0 < one.pk <= 1.0
        assert one.launched <= one.ended <= one.resolves
    assert record.last.protected_share == batch.metrics()["protected_share"][0]


def test_every_outcome_comes_up():
    outcomes = {
        one.outcome
        for name, seed in (("decoys", 3), ("small-policing", 0), ("fog", 0), ("duel", 0))
        for one in recorded(name, seed)[0].engagements
    }
    assert {KILL, MISS, LATE, LEFT_ALONE, CALLED_BACK} <= outcomes


def test_moments_are_copies_of_the_state_epoch_by_epoch():
    batch = RaidBatch("duel", 3)
    recorder = Recorder(batch, 1)
    batch.reset(None, np.array([5, 6, 7]), "test")
    kept = []
    for _ in range(12):
        recorder.note()
        kept.append({name: array[1].copy() for name, array in batch.state()._asdict().items()})
        batch.step(sample_legal(batch.observation["action_mask"], np.random.default_rng(1)))
    assert recorder.record.seed == 6
    for n, (moment, state) in enumerate(zip(recorder.record.moments, kept, strict=True)):
        assert moment.step == n == state["raid"].epoch
        for name in ("threat", "track", "shooter", "engagement", "health", "held", "belief"):
            np.testing.assert_array_equal(getattr(moment, name), state[name])
        legal = state["action_mask"][:, 1:] != 0
        np.testing.assert_array_equal(moment.legal, legal.sum(axis=0))
        best = np.where(legal, state["pair"]["pk"], 0.0).max(axis=0)
        np.testing.assert_array_equal(moment.best_pk, best.astype(np.float32))


@pytest.mark.parametrize("name", ["standard", "fog", "small-policing"])
def test_recording_leaves_the_core_as_it_is_to_the_bit(name):
    batches = [RaidBatch(named(name), 2) for _ in range(2)]
    recorder, rng = Recorder(batches[0]), np.random.default_rng(3)
    for batch in batches:
        batch.reset(None, np.array([3, 4]), "test")
    for _ in range(60):
        recorder.note()
        actions = sample_legal(batches[0].observation["action_mask"], rng)
        for batch in batches:
            batch.step(actions)
        assert_same(batches[0].get_state(), batches[1].get_state())
        assert_same(batches[0].snapshot(), batches[1].snapshot())


def test_threats_that_died_are_those_that_a_kill_names():
    record, _ = recorded("standard", 4)
    died = set(np.flatnonzero(record.last.threat["status"] == KILLED).tolist())
    assert died == {one.threat for one in record.engagements if one.outcome == KILL}
    assert died


def test_a_record_begins_anew_with_the_raid_and_where_steps_were_left_out():
    batch = RaidBatch("duel", 1)
    recorder, hold = Recorder(batch), np.zeros((1, 2), np.int64)
    batch.reset(None, np.array([1]))
    recorder.note()
    batch.step(hold)
    recorder.note()
    recorder.note()
    assert [m.step for m in recorder.record.moments] == [0, 1]
    first = recorder.record
    batch.step(hold)
    batch.step(hold)
    recorder.note()
    assert [m.step for m in recorder.record.moments] == [3]
    batch.reset()
    recorder.note()
    assert [m.step for m in recorder.record.moments] == [0]
    assert len(first.moments) == 2


def test_a_campaign_is_one_record():
    record, _ = recorded("rotation-gap", 2)
    numbers = [int(m.raid.number) for m in record.moments]
    assert numbers == sorted(numbers)
    assert numbers[-1] > 0
    assert [m.step for m in record.moments] == list(range(len(numbers)))
    for one in record.engagements:
        assert numbers[int(one.launched)] == one.raid
    status = record.last.threat["status"]
    assert set(np.unique(status)) & {KILLED, LEAKED}
    assert not set(np.unique(status)) - {ABSENT, PENDING, INBOUND, KILLED, LEAKED, 5}


@pytest.mark.parametrize("late_s", [-0.5, 0.5])
def test_an_engagement_that_ends_after_the_threat_has_struck_is_late(late_s):
    batch = RaidBatch("standard", 1)
    recorder, rng = Recorder(batch), np.random.default_rng(0)
    batch.reset(None, np.array([1]), "test")
    state, struck = batch.state(), False
    while not struck:
        recorder.note()
        until_s = (state.raid["epoch"][0] + 1) * batch.params.epoch_s[0]
        for one in recorder.record.in_flight():
            row = state.engagement[0, one.shooter, 0]
            alone = state.shooter["busy"][0, one.shooter] == 1
            alone &= state.held[0, one.slot] and state.track["in_flight"][0, one.slot] == 1
            if alone and 1.0 < until_s - row.resolve_s < 9.0 and not struck:
                # Let the threat strike half a second before or after the engagement ends; were it
                # not too late, the engagement would kill.
                for threats in (state.threat[0], recorder.record.last.threat):
                    threats["impact_s"][one.threat] = row.resolve_s - late_s
                    threats["kill_u"][one.threat] = 1.0
                struck, found = True, one
        wasted = state.metrics[0, metrics.ROUNDS_WASTED]
        batch.step(np.zeros((1, 12), np.int64) if struck else orders(batch, rng))
    recorder.note()
    assert found.outcome == (LATE if late_s > 0.0 else KILL)
    assert (state.metrics[0, metrics.ROUNDS_WASTED] > wasted) == (late_s > 0.0)


def orders(batch, rng):
    actions = sample_legal(batch.observation["action_mask"], rng)
    return np.where(rng.random(actions.shape) < 0.2, actions, 0)
