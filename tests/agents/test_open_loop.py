"""The open-loop planner: what its search finds, and what planning is worth."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.classical import make_policy
from agents.classical.open_loop import OpenLoop
from agents.classical.open_loop_kernel import Outlook, search
from agents.rollout import play
from agents.scoring import gain_over
from envs.batch import RaidBatch
from envs.scenario import load_scenario

RAIDS = np.arange(3_000_000, 3_000_128)


def outlook(pk, value, flight=1, ready=5, free=1, price=0.0):
    """Return an outlook from pk [H, S, I] and value [I]; the rest the same for all, or arrays."""
    pk = np.asarray(pk, np.float32)
    epochs, shooters, _ = pk.shape
    return Outlook(
        pk,
        np.broadcast_to(np.asarray(flight, np.int64), pk.shape).copy(),
        np.asarray(value, np.float64),
        np.broadcast_to(np.asarray(ready, np.int64), (epochs, shooters)).copy(),
        np.broadcast_to(np.asarray(free, np.int64), (epochs, shooters)).copy(),
        np.full(shooters, float(price)),
    )


def planned(view, kicks=4):
    action = np.zeros(view.pk.shape[1], np.int64)
    return search(view, kicks, action), action.tolist()


def test_it_waits_for_the_better_shot():
    later = outlook([[[0.3]], [[0.8]]], [1.0], ready=1)
    assert planned(later) == (pytest.approx(0.8), [0])
    now = outlook([[[0.8]], [[0.3]]], [1.0], ready=1)
    assert planned(now) == (pytest.approx(0.8), [1])


def test_with_rounds_for_both_it_takes_both():
    view = outlook([[[0.5]], [[0.5]]], [1.0], ready=2)
    assert planned(view) == (pytest.approx(0.75), [1])


def test_a_channel_is_held_while_the_engagement_flies():
    # The first engagement flies for two epochs, so the second must wait for the third.
    pk = [[[0.5, 0.0]], [[0.0, 0.9]], [[0.0, 0.4]]]
    one = outlook(pk, [1.0, 1.0], flight=2, free=1)
    assert planned(one)[0] == pytest.approx(0.9), "0.9 alone, or 0.5 + 0.4: found by best gain"
    two = outlook(pk, [1.0, 1.0], flight=2, free=2)
    assert planned(two)[0] == pytest.approx(0.5 + 1.0 - 0.1 * 0.6)


def test_nothing_is_planned_below_its_price():
    view = outlook([[[0.5, 0.9]]], [1.0, 0.2], price=0.3)
    assert planned(view) == (pytest.approx(0.2), [1])
    assert planned(outlook([[[0.5, 0.9]]], [1.0, 0.2], price=0.6)) == (0.0, [0])


def test_rounds_that_come_later_are_used_later():
    view = outlook([[[0.5]], [[0.5]]], [1.0], ready=[[0], [1]])
    assert planned(view) == (pytest.approx(0.5), [0])


def best_by_enumeration(view):
    """Return what the best plan is worth, by trying every one."""
    epochs, shooters, slots = view.pk.shape
    best = 0.0
    for orders in product(range(slots + 1), repeat=epochs * shooters):
        table = np.array(orders).reshape(epochs, shooters)
        survival, fits, fired = np.ones(slots), True, 0
        for s in range(shooters):
            busy, spent = np.zeros(epochs + 8, int), 0
            for e in range(epochs):
                if table[e, s]:
                    i = table[e, s] - 1
                    spent += 1
                    busy[e : e + view.flight[e, s, i]] += 1
                    survival[i] *= 1.0 - float(view.pk[e, s, i])
                fits &= spent <= view.ready[e, s]
            fits &= bool(np.all(busy[:epochs] <= view.free[:, s]))
            fired += spent
        if fits:
            best = max(best, float(view.value @ (1.0 - survival)) - view.price[0] * fired)
    return best


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**31), st.sampled_from([(3, 2, 2), (2, 3, 2), (5, 1, 2), (2, 2, 3)]))
def test_it_is_never_above_the_best_plan_and_at_least_half_of_it(seed, shape):
    rng = np.random.default_rng(seed)
    epochs, shooters, slots = shape
    view = outlook(
        rng.random(shape) * (rng.random(shape) < 0.7),
        rng.random(slots),
        flight=rng.integers(1, 4, shape),
        ready=np.sort(rng.integers(0, 4, (epochs, shooters)), axis=0),
        free=rng.integers(0, 3, (epochs, shooters)),
    )
    best = best_by_enumeration(view)
    found, _ = planned(view)
    assert best / 2 - 1e-9 <= found <= best + 1e-9


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**31))
def test_more_kicks_never_give_a_worse_plan(seed):
    rng = np.random.default_rng(seed)
    shape = (8, 4, 6)
    view = outlook(
        rng.random(shape), rng.random(6), flight=rng.integers(1, 5, shape), ready=3, price=0.05
    )
    worths = [planned(view, kicks)[0] for kicks in (0, 1, 4, 16)]
    assert worths == sorted(worths)


@pytest.fixture(scope="module")
def duel():
    return load_scenario("duel")


def test_it_protects_more_than_greedy_which_cannot_wait(duel):
    greedy = play(make_policy("wta_greedy", duel), duel, RAIDS)
    plan = play(OpenLoop(duel, price=0.0), duel, RAIDS)
    gain = gain_over(greedy["loss"], np.array([plan["loss"]]), greedy["undefended_loss"])[0]
    assert gain.low > 0.2


@pytest.mark.parametrize("name", ["duel", "standard"])
def test_what_it_decides_does_not_depend_on_the_batch(name):
    scenario = load_scenario(name)
    whole = play(OpenLoop(scenario, price=0.05, kicks=1), scenario, RAIDS[:9])
    parts = play(OpenLoop(scenario, price=0.05, kicks=1), scenario, RAIDS[:9], batch_size=2)
    for column in ("loss", "rounds_fired", "engagements", "illegal_actions"):
        assert np.array_equal(whole[column], parts[column]), column
    assert not whole["illegal_actions"].any()
    assert whole["rounds_fired"].any()


@pytest.mark.parametrize(
    ("key", "value"), [("price", -0.1), ("price", np.nan), ("kicks", -1), ("horizon", 0)]
)
def test_arguments_out_of_range_are_errors(duel, key, value):
    with pytest.raises(ValueError, match=f"{key}: .* is not right"):
        OpenLoop(duel, **{"price": 0.0, key: value})


def test_it_must_be_shown_the_batch(duel):
    batch = RaidBatch(duel, 1)
    batch.reset()
    with pytest.raises(RuntimeError, match="watch"):
        OpenLoop(duel, price=0.0).predict(batch.observation)
