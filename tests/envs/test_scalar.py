"""The core agrees with an independent model in plain Python, transition by transition."""

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings

from tests.envs import scalar
from tests.envs.random_play import random_orders
from tests.envs.scalar_play import Sides, agree
from tests.envs.test_invariants import scenarios


@pytest.mark.parametrize(
    ("scenario", "transitions"),
    [
        ("duel", 1500),
        ("standard", 120),
        ("small-clear", 300),
        ("short-campaign", 600),
        ("small-policing", 600),
        ("campaign", 40),
    ],
)
def test_the_core_agrees_with_the_scalar_model(scenario, transitions):
    """A few thousand of them; as many as asked with `python -m tests.envs.scalar_play`."""
    done, close = agree(scenario, transitions, seed=5)
    assert done >= transitions
    assert close <= done / 100


def test_lulls_are_played_on_both_sides():
    sides = Sides("small-policing", 4)
    sides.batch.reset(None, [1, 2, 3, 4])
    generator, lulls = np.random.default_rng(0), 0
    while not sides.batch.terminated.all():
        lulls += int(sides.batch.state().raid["lull"].sum())
        sides.step(random_orders(sides.batch, generator, illegal=0.1))
    assert lulls >= 4
    assert sides.batch.metrics()["rounds_delivered"].min() > 0


def test_a_slip_in_a_lull_is_found():
    sides = Sides("short-campaign", 4)
    sides.batch.reset(None, [1, 2, 3, 4])
    sides.deliveries[0].rounds_per_day *= 3.0
    with pytest.raises(AssertionError):
        while not sides.batch.terminated.all():
            sides.step(np.zeros((4, len(sides.made)), np.int64))


@settings(max_examples=15, suppress_health_check=list(HealthCheck))
@given(source=scenarios())
def test_they_agree_on_random_scenarios(source):
    """With shooters that can be destroyed, reserves, waypoints, and kinds of every sort."""
    assume(not any(one["kind"] in ("fighter_pair", "jammer") for one in source["shooters"]))
    assume(not any("exit" in package for package in source["packages"]))
    agree(source, transitions=60, seed=7, members=2)


@pytest.mark.parametrize("slip", ["falloff", "reload_rounds", "interceptor_mps", "reaction_s"])
def test_a_slip_in_one_of_them_is_found(slip):
    """Were a figure of a shooter another one on one side, the two would differ."""
    sides = Sides("duel", 4)
    sides.batch.reset(None, [1, 2, 3, 4])
    for made in sides.made:
        setattr(made, slip, getattr(made, slip) * 1.1 + 0.1)
        made.reserve = 4
    sides.batch.state().shooter["reserve"] = 4
    with pytest.raises(AssertionError):
        for _ in range(60):
            orders = sides.batch.observation["action_mask"].argmax(axis=2) * 0
            mask = sides.batch.observation["action_mask"][:, :, 1:]
            orders[:] = mask.argmax(axis=2) + mask.any(axis=2)
            sides.step(orders)


def test_the_search_for_an_intercept_finds_the_closed_form():
    """Straight at it, at right angles to it, and from behind, where it is never caught."""
    made = scalar.Row(x_m=0.0, y_m=0.0, interceptor_mps=500.0, reaction_s=10.0)
    tau, _ = scalar.intercept((20_000.0, 0.0, 0.0), (-100.0, 0.0, 0.0), made)
    assert tau == pytest.approx((20_000.0 + 500.0 * 10.0) / 600.0)
    tau, _ = scalar.intercept((0.0, 3_000.0, 4_000.0), (0.0, 0.0, 0.0), made)
    assert tau == pytest.approx(20.0)
    assert scalar.intercept((20_000.0, 0.0, 0.0), (600.0, 0.0, 0.0), made)[0] is None
