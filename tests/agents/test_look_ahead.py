"""Look-ahead by simulation: better than its base, repeatable, and blind to the truth."""

import numpy as np
import pytest

from agents.classical import make_policy
from agents.classical.look_ahead import LookAhead
from agents.classical.open_loop import OpenLoop
from agents.rollout import play
from agents.runs import load_policies
from agents.scoring import gain_over
from envs.batch import RaidBatch
from envs.scenario import load_scenario

RAIDS = np.arange(3_000_000, 3_000_128)


@pytest.fixture(scope="module")
def duel():
    return load_scenario("duel")


def improved(duel, base="wta_greedy", **budget):
    return LookAhead(duel, make_policy(base, duel), **{"candidates": 8, "futures": 32, **budget})


def test_it_protects_more_than_its_base_on_the_same_raids(duel):
    base = play(make_policy("wta_threshold", duel), duel, RAIDS)
    better = play(improved(duel, "wta_threshold"), duel, RAIDS)
    gain = gain_over(base["loss"], np.array([better["loss"]]), base["undefended_loss"])[0]
    assert gain.low > 0.0


def test_what_it_decides_depends_neither_on_the_batch_nor_on_chance(duel):
    whole = play(improved(duel), duel, RAIDS[:24])
    again = play(improved(duel), duel, RAIDS[:24], batch_size=5)
    for name in ("loss", "rounds_fired", "engagements"):
        assert np.array_equal(whole[name], again[name]), name
    first, other = (
        play(improved(duel, futures=2, caution=0.0, seed=n), duel, RAIDS[:24]) for n in range(2)
    )
    assert not np.array_equal(first["loss"], other["loss"])


def test_its_choices_do_not_change_when_the_hidden_truth_does(duel):
    policies, batches = [], []
    for flipped in (False, True):
        batch = RaidBatch(duel, 16)
        batch.reset(seeds=np.arange(16))
        if flipped:
            threats = batch.state().threat
            threats["kill_u"] = 1.0 - threats["kill_u"]
            threats["hits"] ^= True
        policies.append(improved(duel))
        policies[-1].watch(batch)
        batches.append(batch)
    choices = [p.predict(b.observation)[0] for p, b in zip(policies, batches, strict=True)]
    assert np.array_equal(*choices)
    assert choices[0].any()


def test_neighbours_differ_from_the_base_by_one_shooter_or_hold(duel):
    batch = RaidBatch(duel, 32)
    batch.reset(seeds=np.arange(32))
    policy = improved(duel)
    base = policy.base.predict(batch.observation)[0]
    legal = batch.observation["action_mask"]
    for b in range(32):
        rows = policy.neighbours(base[b], batch.observation, b)
        assert np.array_equal(rows[0], base[b])
        assert len({tuple(row) for row in rows}) == len(rows) <= 8
        for row in rows[1:]:
            assert np.sum(row != base[b]) == 1 or not row.any()
            assert all(legal[b, s, order] for s, order in enumerate(row))


@pytest.mark.parametrize(
    ("budget", "said"),
    [
        ({"candidates": 1}, "candidates: 1 is not right; 2 or more"),
        ({"futures": 1}, "futures: 1 is not right; 2 or more"),
        ({"horizon": 0}, "horizon: 0 is not right; 1 or more"),
    ],
)
def test_a_budget_too_small_is_an_error(duel, budget, said):
    with pytest.raises(ValueError, match=said):
        improved(duel, **budget)


def test_it_must_be_shown_the_batch(duel):
    batch = RaidBatch(duel, 1)
    batch.reset()
    with pytest.raises(RuntimeError, match="watch"):
        improved(duel).predict(batch.observation)


def test_it_does_not_look_ahead_on_a_planner(duel):
    with pytest.raises(ValueError, match="base: LookAhead plans itself"):
        LookAhead(duel, improved(duel))


def test_planners_are_found_by_name(duel):
    assert isinstance(load_policies(["look_ahead"], duel)["look_ahead"], LookAhead)
    named = load_policies(["look_ahead:wta_threshold", "open_loop"], duel)
    assert isinstance(named["look_ahead:wta_threshold"], LookAhead)
    assert isinstance(named["open_loop"], OpenLoop)
    with pytest.raises(ValueError, match="wta_greedee"):
        load_policies(["look_ahead:wta_greedee"], duel)
