"""An index says nothing: other slots, the same raid."""

import numpy as np
import pytest

from envs.core.state import ABSENT
from tests.envs.random_play import random_orders
from tests.envs.small import assert_same, bits, started

BY_SLOT = {"threat": 1, "route": 1, "track": 1, "pair": 2}  # arrays and their axis of slots


def permuted(saved, old):
    """Return a saved state in which slot n holds what slot old[n] held."""
    state = {name: array.copy() for name, array in saved.items()}
    for name, axis in BY_SLOT.items():
        state[name] = np.take(saved[name], old, axis=axis)
    columns = np.concatenate([[0], 1 + old])
    state["action_mask"] = saved["action_mask"][:, :, columns]
    new = np.argsort(old)
    state["engagement"]["target"] = new[saved["engagement"]["target"]]
    return state


@pytest.mark.parametrize("name", ["duel", "standard"])
@pytest.mark.parametrize("begin", [0, 12])
def test_permuting_the_slots_permutes_the_outcome(name, begin):
    rows, slots = 8, {"duel": 4, "standard": 32}[name]
    straight, crossed = started(name, rows, seed=40), started(name, rows, seed=0)
    rng = np.random.default_rng(begin)
    for _ in range(begin):
        straight.step(random_orders(straight, rng))
    old = rng.permutation(slots)
    new = np.argsort(old)
    crossed.set_state(permuted(straight.get_state(), old))
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
