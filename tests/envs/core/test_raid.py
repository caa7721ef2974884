"""Raids as their packages say, drawn from the key alone."""

import numpy as np
import pytest

from envs.core import raid as core
from envs.core.params import NONE, PACKAGE, PLACE, THREAT_KIND
from envs.core.randomness import NUMBER, PACKAGE_TIME, THREAT_TIME, uniform
from envs.core.state import ABSENT, INBOUND, PENDING, THREAT, VERTEX
from tests.envs.small import (
    assert_same,
    asset,
    at,
    by_kind,
    filled,
    hold,
    mapping,
    package,
    shooter,
    slot_of,
    started,
)

ROWS = 2048


def test_number_is_uniform_between_its_bounds():
    batch = started(mapping(packages=[package(number=(1, 4))]), ROWS)
    counts = np.sum(batch.state().threat["status"] != ABSENT, axis=1)
    shares = np.bincount(counts, minlength=5) / ROWS
    assert shares[0] == 0.0
    assert np.all(np.abs(shares[1:] - 0.25) < 4.5 * np.sqrt(0.25 * 0.75 / ROWS))


def test_kinds_are_drawn_by_weight():
    mixed = package(number=(2, 2))
    mixed["kinds"] = {"slow_drone": 3, "decoy": 1, "jet_drone": 0}
    batch = started(mapping(packages=[mixed]), ROWS)
    threats = batch.state().threat
    kinds = threats["kind"][threats["status"] != ABSENT]
    expected = by_kind(slow_drone=0.75, decoy=0.25)
    shares = np.bincount(kinds, minlength=expected.size) / kinds.size
    assert np.all(
        np.abs(shares - expected) <= 4.5 * np.sqrt(0.25 * 0.75 / kinds.size) * (expected > 0)
    )


def test_aims_are_drawn_by_full_value_among_those_listed():
    assets = [asset("a", (0, 0), value=1), asset("b", (1, 0), value=3), asset("c", (2, 0), value=9)]
    source = mapping(assets=assets, packages=[package(number=(2, 2), aim=["b", "a"])])
    threats = started(source, ROWS).state().threat
    aims = threats["aim"][threats["status"] != ABSENT]
    shares = np.bincount(aims, minlength=3) / aims.size
    assert abs(shares[0] - 0.25) < 4.5 * np.sqrt(0.25 * 0.75 / aims.size)
    assert shares[2] == 0.0


def test_same_aim_is_common_to_a_package_and_still_varies():
    assets = [asset("a", (0, 0)), asset("b", (1, 0))]
    source = mapping(assets=assets, packages=[package(number=(3, 3), same_aim=True)])
    threats = started(source, 256).state().threat
    aims = np.where(threats["status"] != ABSENT, threats["aim"], -1)
    present = aims >= 0
    lowest = np.where(present, aims, 9).min(axis=1)
    assert np.all(aims.max(axis=1) == lowest)
    assert 64 < lowest.sum() < 192


def test_arrivals_keep_their_window_spread_and_spacing():
    timed = package(number=(3, 3), time_on_target_min=[8, 10], spread_min=1.0, spacing_min=0.5)
    batch = started(mapping(packages=[timed], clock_min=20), ROWS)
    by_rank = np.stack(
        [batch.state().threat["impact_s"][np.arange(ROWS), slot_of(batch, n)] for n in range(3)]
    ).astype(np.float64)
    tolerance = 0.05
    for rank, times in enumerate(by_rank):
        low, high = 480.0 + 30.0 * rank, 600.0 + 60.0 + 30.0 * rank
        assert low - tolerance <= times.min() < low + 15.0
        assert high - 15.0 < times.max() <= high + tolerance
    # One time for the package, so differences within it stay inside spread and spacing.
    difference = by_rank[1] - by_rank[0]
    assert np.all((difference > -30.0 - tolerance) & (difference < 90.0 + tolerance))
    assert np.corrcoef(by_rank[0], by_rank[1])[0, 1] > 0.5


def test_what_cannot_arrive_in_time_is_on_its_way_at_the_start():
    batch = started(mapping(packages=[package(entry=(0, 20), time_on_target_min=[1, 1])]))
    threat = batch.state().threat[0, slot_of(batch)[0]]
    assert threat.status == INBOUND
    assert [threat.x_m, threat.y_m] == pytest.approx([0.0, 20e3], abs=1.0)
    assert threat.impact_s == pytest.approx(400.0, rel=1e-4)
    later = started(mapping(packages=[package(entry=(0, 20), time_on_target_min=[8, 8])]))
    threat = later.state().threat[0, slot_of(later)[0]]
    assert threat.status == PENDING
    assert threat.impact_s == pytest.approx(480.0, abs=0.05)


def test_entries_are_uniform_along_the_line():
    line = package(entry=(0, 20))
    line["entry"] = [at(-10, 20), at(10, 20)]
    batch = started(mapping(packages=[line]), ROWS)
    route = batch.state().route[np.arange(ROWS), slot_of(batch)]
    x_m = np.float64(route["x_m"][:, 0])
    assert np.all(np.abs(route["y_m"][:, 0] - 20e3) < 2.0)
    assert -10e3 - 1 <= x_m.min() < -9.9e3
    assert abs(x_m.mean()) < 4.5 * 20e3 / np.sqrt(12 * ROWS)
    assert x_m.std() == pytest.approx(20e3 / np.sqrt(12), rel=0.05)


def test_a_sector_is_an_arc_of_bearings():
    arc = package()
    del arc["entry"]
    arc["sector"] = {"centre": at(2, 3), "radius_km": 20, "from_deg": 330, "to_deg": 390}
    batch = started(mapping(packages=[arc]), ROWS)
    route = batch.state().route[np.arange(ROWS), slot_of(batch)]
    dx, dy = route["x_m"][:, 0] - 2e3, route["y_m"][:, 0] - 3e3
    assert np.hypot(dx, dy) == pytest.approx(20e3, rel=2e-3)  # chords of 17 points
    bearing = np.degrees(np.arctan2(dx, dy))
    assert -30.1 < bearing.min() < -28.0
    assert 28.0 < bearing.max() < 30.1


def test_waypoints_stay_inside_their_jitter_and_all_routes_are_flown():
    routes = [[], [at(5, 15)], [at(-5, 15), at(-5, 10)]]
    source = mapping(packages=[package(routes=routes, route_jitter_km=1.0)], clock_min=20)
    batch = started(source, ROWS)
    route = batch.state().route[np.arange(ROWS), slot_of(batch)]
    vias = np.isfinite(route["time_s"]).sum(axis=1) - 2
    shares = np.bincount(vias, minlength=3) / ROWS
    assert np.all(np.abs(shares - 1 / 3) < 4.5 * np.sqrt(2 / 9 / ROWS))
    one = route[vias == 1]
    for name, centre in (("x_m", 5e3), ("y_m", 15e3)):
        offset = np.float64(one[name][:, 1]) - centre
        assert np.abs(offset).max() <= 1e3 + 1.0
        assert offset.std() == pytest.approx(1e3 / np.sqrt(3), rel=0.1)
    last = np.take_along_axis(route["time_s"], vias[:, None] + 1, axis=1)[:, 0]
    slot_impact = batch.state().threat["impact_s"][np.arange(ROWS), slot_of(batch)]
    assert np.array_equal(last, slot_impact)


def test_slots_are_shuffled_by_the_key():
    batch = started(mapping(slots=8), ROWS)
    shares = np.bincount(slot_of(batch), minlength=8) / ROWS
    assert np.all(np.abs(shares - 1 / 8) < 4.5 * np.sqrt(7 / 64 / ROWS))


def test_a_raid_does_not_depend_on_what_was_played_before():
    """A slot's leftovers must not matter: reset after play equals reset from scratch."""
    fresh, used = started("standard", 8, seed=50), started("standard", 8, seed=3)
    rng = np.random.default_rng(0)
    for _ in range(60):
        used.step(rng.integers(0, 33, (8, used.scenario.num_shooters)))
    used.reset(None, np.arange(50, 58))
    for _ in range(40):
        assert_same(fresh.observation, used.observation)
        assert_same(fresh.metrics(), used.metrics())
        orders = rng.integers(0, 33, (8, used.scenario.num_shooters))
        fresh.step(orders)
        used.step(orders)


def test_a_ballistic_missile_starts_its_descent_in_the_entrys_direction():
    source = mapping(
        packages=[package(kind="ballistic_missile", entry=(-30, 40))],
        shooters=[shooter(kind="patriot")],
    )
    batch = started(source)
    route, kind = batch.state().route[0, slot_of(batch)[0]], batch.params.threat_kind[0, 3]
    place = [route["x_m"][0], route["y_m"][0]]
    assert place == pytest.approx([-0.6 * kind.descent_m, 0.8 * kind.descent_m], abs=2.0)


def test_a_row_without_a_threat_is_empty():
    """Also where a larger raid, under way, was before."""
    batch = started(mapping(packages=[package(number=(1, 4))]), 6, threat_kind__hit=1.0)
    hold(batch, 3)
    batch.reset(None, np.arange(100, 106))
    threats, routes = batch.state().threat, batch.state().route
    free = threats["status"] == ABSENT
    assert 0 < free.sum() < free.size
    for name in set(threats.dtype.names) - {"impact_s"}:
        assert not threats[name][free].any(), name
    assert np.all(threats["impact_s"][free] == np.inf)
    assert not routes["x_m"][free].any() and not routes["y_m"][free].any()
    assert np.all(routes["time_s"][free] == np.inf)


# --- kernels by hand ---

KEYS = [np.uint64(key) for key in range(20)]


@pytest.mark.parametrize(
    ("u", "place"), [(0.0, (1, 2)), (0.25, (3, 6)), (0.5, (5, 10)), (0.75, (25, -10))]
)
def test_a_place_along_an_entry_line_by_hand(u, place):
    line = filled(PLACE, {"x_m": 1, "y_m": 2}, {"x_m": 5, "y_m": 10}, {"x_m": 45, "y_m": -30})
    vertex = filled(VERTEX, {})[0]
    core.draw_place(vertex, line, u)
    assert (vertex.x_m, vertex.y_m) == place


@pytest.mark.parametrize("ballistic", [False, True])
def test_the_times_of_a_route_by_hand(ballistic):
    # Two legs of 3-4-5, 5 km and 10 km, at 500 m/s; with 12 km of descent on each, 13 and 15.6 km.
    places = ({"x_m": 1e3, "y_m": 2e3}, {"x_m": 4e3, "y_m": -2e3}, {"x_m": -2e3, "y_m": -10e3})
    first, second = (5e3, 10e3) if not ballistic else (13e3, np.hypot(10e3, 12e3))
    kind = filled(
        THREAT_KIND, {"speed_mps": 500.0, "altitude_m": 12e3, "ballistic": ballistic}
    )[0]  # fmt: skip
    length_s = (first + second) / 500.0
    for on_target_s, start_s in ((100.0, 100.0 - length_s), (length_s - 5.0, 0.0)):
        route, threat = filled(VERTEX, *places, {"time_s": np.inf}), filled(THREAT, {})[0]
        core.time_route(threat, route, 2, kind, np.float32(on_target_s))
        times = [start_s, start_s + first / 500.0, start_s + length_s, np.inf]
        assert route["time_s"] == pytest.approx(times)
        assert threat.impact_s == route["time_s"][2]


@pytest.mark.parametrize(("chance", "least"), [(1.0, 2), (0.5, 0)])
def test_the_size_and_the_time_of_a_package_are_its_draws(chance, least):
    package_ = filled(
        PACKAGE,
        {"chance": chance, "fewest": 2, "most": 5, "time_min_s": 60.0, "time_max_s": 100.0,
         "spread_s": 8.0, "spacing_s": 3.0},
    )[0]  # fmt: skip
    sizes = []
    for key in KEYS:
        comes = chance == 1.0 or uniform(key, NUMBER, 3, 1) < chance
        size = 2 + int(uniform(key, NUMBER, 3, 0) * 4) if comes else 0
        sizes.append(core.package_size(package_, key, 3))
        assert sizes[-1] == size
        time_s = 60.0 + 40.0 * uniform(key, PACKAGE_TIME, 3, 0)
        assert core.package_time_s(package_, key, 3) == pytest.approx(time_s)
        late_s = 8.0 * uniform(key, THREAT_TIME, 7, 0) + 3.0 * 2
        assert core.delay_s(package_, 7, 2, key) == pytest.approx(late_s)
        assert core.package_aim(package_, np.array([0.0, 1.0]), key, 3) == NONE
    assert (min(sizes), max(sizes)) == (least, 5)


def test_a_package_without_choice_aims_at_what_has_the_weight():
    alike = filled(PACKAGE, {"same_aim": True})[0]
    assert {core.package_aim(alike, np.array([0.0, 2.0]), key, 3) for key in KEYS} == {1}


def test_shuffled_rows_are_all_there_and_every_one_comes_first():
    orders = np.full((20, 5), NONE)
    for order, key in zip(orders, KEYS, strict=True):
        core.shuffle(order, 4, key)
    assert np.all(np.sort(orders[:, :4], axis=1) == range(4))
    assert set(orders[:, 0]) == set(orders[:, 3]) == set(range(4))
    assert np.all(orders[:, 4] == NONE)


def test_an_empty_row_by_hand():
    names = [name for name in THREAT.names if name != "impact_s"]
    threats, routes = filled(THREAT, dict.fromkeys(names, 1)), np.ones((1, 3), VERTEX)
    core.clear(threats, routes)
    for name in names:
        assert threats[name][0] == 0, name
    assert threats["impact_s"][0] == np.inf
    assert not routes["x_m"].any() and not routes["y_m"].any()
    assert np.all(routes["time_s"] == np.inf)
