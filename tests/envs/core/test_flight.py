import numpy as np
import pytest

from envs.core.flight import leg_at
from tests.envs.small import asset, at, hold, mapping, package, shooter, slot_of, started


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
