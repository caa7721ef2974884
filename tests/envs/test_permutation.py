"""An index says nothing: other slots, the same raid."""

from typing import get_type_hints

import numpy as np
import pytest

from envs.core.params import NONE
from envs.core.state import ABSENT, State
from tests.envs.random_play import random_orders
from tests.envs.small import assert_same, bits, fog, held, started

AXES = {
    name: hint.__metadata__[0].split()
    for name, hint in get_type_hints(State, include_extras=True).items()
}


def permuted(saved, old, letters):
    """Return a saved state in which row n of the axes of these letters holds what old[n] held."""
    state = {name: array.copy() for name, array in saved.items()}
    for name, axes in AXES.items():
        for axis, letter in enumerate(axes):
            if letter in letters:
                state[name] = np.take(state[name], old, axis=axis)
            elif letter == "I+1" and "I" in letters:
                state[name] = np.take(state[name], np.append(0, 1 + old), axis=axis)
    new = np.append(np.argsort(old), NONE)  # so that NONE, the last, stays NONE
    if "T" in letters:
        state["track"]["threat"] = new[state["track"]["threat"]]
        state["engagement"]["target"] = new[state["engagement"]["target"]]
    if "I" in letters:
        state["contact"]["track"] = new[state["contact"]["track"]]
        state["engagement"]["track"] = new[state["engagement"]["track"]]
    return state


@pytest.mark.parametrize("name", ["duel", "standard"])
@pytest.mark.parametrize("begin", [0, 12])
def test_permuting_the_slots_permutes_the_outcome(name, begin):
    """In a perfect picture, where the threat of a track has its slot for a row."""
    rows, slots = 8, {"duel": 4, "standard": 32}[name]
    straight, crossed = started(name, rows, seed=40), started(name, rows, seed=0)
    rng = np.random.default_rng(begin)
    for _ in range(begin):
        straight.step(random_orders(straight, rng))
    old = rng.permutation(slots)
    new = np.argsort(old)
    crossed.set_state(permuted(straight.get_state(), old, ("T", "I")))
    while not np.all(straight.terminated):
        orders = random_orders(straight, rng, illegal=0.1)
        orders = np.clip(orders, 0, slots)
        straight.step(orders)
        crossed.step(np.where(orders > 0, 1 + new[orders - 1], 0))
        assert_same(straight.metrics(), crossed.metrics())
        assert np.array_equal(bits(straight.reward), bits(crossed.reward))
        for table in ("shooter", "asset", "clock"):
            assert np.array_equal(straight.observation[table], crossed.observation[table])
        assert np.array_equal(straight.observation["track"][:, old], crossed.observation["track"])
        assert np.array_equal(straight.observation["pair"][:, :, old], crossed.observation["pair"])
    one, other = straight.state().threat[:, old], crossed.state().threat
    assert np.array_equal(one["status"], other["status"])
    live = one["status"] != ABSENT
    assert np.array_equal(one["survival"][live], other["survival"][live])
    assert straight.metrics()["killed"].sum() > 0


def slots_in(batch, other, orders):
    """Return for orders to `batch` those to `other` at the tracks of the same threats."""
    state, there = batch.state(), other.state()
    members = np.arange(batch.num_envs)[:, None]
    number = state.threat["number"][members, state.track["threat"][members, orders - 1]]
    found = there.threat["number"][:, None] == number[:, :, None]
    found &= (there.threat["status"] != ABSENT)[:, None]
    slot = there.contact["track"][members, found.argmax(axis=2)]
    return np.where(orders > 0, 1 + slot, 0)


def by_number(batch, table):
    """Return rows of tracks, or of what belongs to them, in the order of the threats' numbers."""
    state, members = batch.state(), np.arange(batch.num_envs)[:, None]
    number = state.threat["number"][members, state.track["threat"]]
    order = np.argsort(np.where(held(batch), number, 999), axis=1, kind="stable")
    return np.take_along_axis(table, order[:, :, None], axis=1)


def test_permuting_the_threats_of_a_fog_changes_their_slots_and_nothing_else():
    """Which row of the state a threat has decides nothing as long as there are slots enough."""
    rows, scenario = 8, fog(slots=40)
    straight, crossed = started(scenario, rows, seed=40), started(scenario, rows, seed=0)
    rng = np.random.default_rng(0)
    crossed.set_state(permuted(straight.get_state(), rng.permutation(40), ("T",)))
    moved = False
    while not np.all(straight.terminated):
        orders = random_orders(straight, rng)
        others = slots_in(straight, crossed, orders)
        moved |= bool(np.any(others != orders))
        straight.step(orders)
        crossed.step(others)
        assert_same(straight.metrics(), crossed.metrics())
        assert np.array_equal(bits(straight.reward), bits(crossed.reward))
        for table in ("shooter", "asset", "clock"):
            assert np.array_equal(straight.observation[table], crossed.observation[table]), table
        one, other = (by_number(batch, batch.observation["track"]) for batch in (straight, crossed))
        assert np.array_equal(one, other)
    assert moved
    metrics = straight.metrics()
    assert min(metrics[name].sum() for name in ("killed", "identifications", "rounds_unguided")) > 0
