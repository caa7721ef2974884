import numpy as np
import pytest

from envs.core import flight
from envs.core.flight import leg_at
from envs.core.params import THREAT_KIND
from envs.core.state import ABSENT, INBOUND, PENDING, THREAT, VERTEX
from tests.envs.small import (
    asset,
    at,
    filled,
    hold,
    mapping,
    package,
    shooter,
    slot_of,
    started,
)


def turning(**keys):
    """Return a drone's raid: 6 km east to a waypoint, 8 km south to another, 10 km to the aim."""
    route = [at(0, 14), at(0, 6)]
    far_aim = asset(place=(10, 6))
    return mapping(
        assets=[far_aim],
        packages=[package(entry=(-6, 14), routes=[route], **keys)],
        clock_min=30,
    )


def test_motion_by_hand():
    batch = started(turning())
    threat = batch.state().threat[0, slot_of(batch)[0]]
    # At 50 m/s: the first turn after 120 s, the second after 280 s, the impact after 480 s.
    places = {}
    for epoch in range(48):
        places[epoch * 10] = (threat.x_m, threat.y_m, threat.vx_mps, threat.vy_mps, threat.leg)
        hold(batch)
    for time_s, expected in {
        0: (-6000, 14000, 50, 0, 0),
        60: (-3000, 14000, 50, 0, 0),
        120: (0, 14000, 0, -50, 1),
        200: (0, 10000, 0, -50, 1),
        280: (0, 6000, 50, 0, 2),
        470: (9500, 6000, 50, 0, 2),
    }.items():
        assert places[time_s] == pytest.approx(expected, abs=1.5), time_s
    assert threat.impact_s == pytest.approx(480.0, abs=0.05)


def test_predicted_impact_is_straight_to_the_aim():
    batch = started(turning())
    slot = slot_of(batch)[0]
    expected = np.hypot(16e3, 8e3) / 50.0
    assert batch.state().track["impact_s"][0, slot] == pytest.approx(expected, rel=1e-4)
    assert batch.state().threat["impact_s"][0, slot] > expected


def test_speed_is_the_kinds_on_every_leg():
    batch = started("standard", 64)
    state, params = batch.state(), batch.params
    for _ in range(30):
        inbound = state.threat["status"] == 2
        threats = state.threat[inbound]
        speed = np.sqrt(sum(np.square(threats[f"v{axis}_mps"], dtype=np.float64) for axis in "xyz"))
        assert speed == pytest.approx(params.threat_kind["speed_mps"][0][threats["kind"]], rel=1e-3)
        hold(batch)


def test_a_ballistic_missile_comes_down_one_straight_leg():
    packages = [package(kind="ballistic_missile", entry=(30, 40))]
    batch = started(mapping(packages=packages, shooters=[shooter(kind="patriot")]))
    threat, kind = batch.state().threat[0, slot_of(batch)[0]], batch.params.threat_kind[0, 3]
    length = np.hypot(kind.descent_m, kind.altitude_m)
    assert threat.impact_s == pytest.approx(length / kind.speed_mps, rel=1e-5)
    start = np.array([0.6 * kind.descent_m, 0.8 * kind.descent_m, kind.altitude_m])
    while not batch.terminated[0]:
        left = 1.0 - batch.state().raid["epoch"][0] * 10.0 / threat.impact_s
        assert [threat.x_m, threat.y_m, threat.z_m] == pytest.approx(start * left, abs=5.0)
        hold(batch)


def test_leg_at():
    route = started("standard").state().route[0, 0].copy()
    route["time_s"] = np.inf
    route["time_s"][:4] = [0.0, 10.0, 20.0, 30.0]
    found = [leg_at(0, route, np.float32(time_s)) for time_s in (0.0, 9.9, 10.0, 19.9, 25.0)]
    assert found == [0, 0, 1, 1, 2]
    assert leg_at(1, route, np.float32(0.0)) == 1, "never back"


def test_an_arrival_exactly_between_two_epochs_is_still_where_it_aims():
    # The missile strikes at 60 s sharp, the picture of 60 s is taken before that counts.
    source = mapping(
        packages=[
            package("ballistic", kind="ballistic_missile", entry=(30, 40)),
            package("drones", entry=(0, 20), routes=[[at(5, 20), at(5, 10)]]),
        ]
    )
    batch = started(source)
    state, slot = batch.state(), slot_of(batch)[0]
    shift = np.float32(60.0) - state.threat["impact_s"][0, slot]
    state.route["time_s"][0, slot, :2] += shift
    state.route["time_s"][0, slot, 1] = 60.0
    state.threat["impact_s"][0, slot] = 60.0
    hold(batch, 6)
    threat = state.threat[0, slot]
    assert threat.status == 2
    assert threat.z_m == pytest.approx(0.0, abs=5.0)
    assert [threat.x_m, threat.y_m] == pytest.approx([0.0, 0.0], abs=5.0)
    hold(batch)
    assert threat.status in (4, 5)


def bent(vertices=6):
    """Return a route of three legs, and room for more: 3-4-5 each, 10 s, 20 s and 10 s long."""
    places = [(1e3, 2e3, 100.0), (4e3, 6e3, 110.0), (1e3, 10e3, 130.0), (-2e3, 6e3, 140.0)]
    rows = [dict(zip(("x_m", "y_m", "time_s"), place, strict=True)) for place in places]
    return filled(VERTEX, *rows, *[{"time_s": np.inf}] * (vertices - 4))


@pytest.mark.parametrize("vertices", [4, 5, 6])
def test_the_last_leg_ends_at_the_aim_point_and_goes_on_no_further(vertices):
    route = bent(vertices)
    for time_s, leg in ((100, 0), (109.5, 0), (110, 1), (130, 2), (139, 2), (140, 2), (1e6, 2)):
        assert leg_at(0, route, np.float32(time_s)) == leg


@pytest.mark.parametrize(
    ("leg", "now_s", "velocity", "place"),
    [
        (0, 105, (300, 400, 0), (2.5e3, 4e3, 80)),
        (1, 125, (-150, 200, 0), (1.75e3, 9e3, 80)),
        (2, 131, (-300, -400, 0), (0.7e3, 9.6e3, 80)),
    ],
)
def test_a_place_on_a_leg_by_hand(leg, now_s, velocity, place):
    threat = filled(THREAT, {"leg": leg})[0]
    kind = filled(THREAT_KIND, {"altitude_m": 80.0})[0]
    flight.move(threat, bent(), kind, np.float32(now_s))
    assert (threat.vx_mps, threat.vy_mps, threat.vz_mps) == velocity
    assert (threat.x_m, threat.y_m, threat.z_m) == pytest.approx(place)


def test_a_fall_by_hand():
    threat = filled(THREAT, {})[0]
    kind = filled(THREAT_KIND, {"altitude_m": 8e3, "ballistic": True})[0]
    for now_s, z_m in ((100, 8e3), (102.5, 6e3), (110, 0.0), (111, 0.0)):
        flight.move(threat, bent(), kind, np.float32(now_s))
        assert (threat.z_m, threat.vz_mps) == (z_m, -800.0)


def test_who_flies_by_hand():
    kinds = filled(THREAT_KIND, {"altitude_m": 80.0})
    threats = filled(THREAT, *({"status": s} for s in (PENDING, PENDING, INBOUND, ABSENT)))
    routes = np.stack([bent() for _ in threats])
    routes["time_s"][0] += 0.5  # begins half a second later
    threats["vx_mps"][2], threats["vy_mps"][2] = 300.0, 400.0
    flight.fly(threats, routes, kinds, np.float32(100.0))
    assert threats["status"].tolist() == [PENDING, INBOUND, INBOUND, ABSENT]
    assert threats["x_m"].tolist() == [0.0, 1e3, 1e3, 0.0]
    flight.fly(threats, routes, kinds, np.float32(112.0))
    assert threats["leg"].tolist() == [1, 1, 1, 0], "one of them began on its second leg"
    assert threats["x_m"][1:3] == pytest.approx([3.7e3, 3.7e3])
    assert threats["y_m"][1:3] == pytest.approx([6.4e3, 6.4e3])
