import numpy as np
import pytest

from envs.core.params import NONE
from envs.core.sensing import in_view
from tests.envs.small import asset, hold, mapping, package, sensor, slot_of, started


@pytest.fixture(scope="module")
def records():
    """Return one threat, one kind and one sensor to be filled in."""
    batch = started("duel")
    params = batch.params
    return (
        batch.state().threat[0, :1].copy(),
        params.threat_kind[0, :1].copy(),
        params.sensor[0, :1].copy(),
    )


def view(records, ground_m, altitude_m, antenna_m, range_m=1e6, signature=1.0):
    threat, kind, radar = (record.copy() for record in records)
    for name, value in (("x_m", 0.6 * ground_m), ("y_m", 0.8 * ground_m), ("z_m", altitude_m)):
        threat[name] = value
    kind["signature"] = signature
    for name, value in (("x_m", 0.0), ("y_m", 0.0)):
        radar[name] = value
    radar["antenna_m"], radar["range_m"] = antenna_m, range_m
    return in_view(threat[0], kind[0], radar[0])


@pytest.mark.parametrize(
    ("antenna_m", "altitude_m", "horizon_m"),
    [
        (25.0, 100.0, 4124.0 * 15.0),  # 61,860 m: "about 62 km" in the model's own words
        (0.0, 400.0, 4124.0 * 20.0),
        (9.0, 10_000.0, 4124.0 * 103.0),
    ],
)
def test_line_of_sight_ends_at_the_radio_horizon(records, antenna_m, altitude_m, horizon_m):
    assert view(records, horizon_m * 0.9999, altitude_m, antenna_m)
    assert not view(records, horizon_m * 1.0001, altitude_m, antenna_m)


def test_range_is_slant_and_scaled_by_signature(records):
    # 3-4-5: 30 km of ground and 40 km of altitude are 50 km away.
    assert view(records, 30e3, 40e3, 10.0, range_m=50.01e3)
    assert not view(records, 30e3, 40e3, 10.0, range_m=49.99e3)
    assert view(records, 30e3, 40e3, 10.0, range_m=100.02e3, signature=0.5)
    assert not view(records, 30e3, 40e3, 10.0, range_m=99.98e3, signature=0.5)


def test_track_says_value_and_time_to_impact():
    source = mapping(assets=[asset(value=8.0, hardness=0.25)], packages=[package(entry=(0, 20))])
    batch = started(source, threat_kind__damage=0.4, threat_kind__hit=0.5)
    track = batch.state().track[0, slot_of(batch)[0]]
    # V = value * min(health, damage * (1 - hardness)) * hit = 8 * 0.3 * 0.5
    assert track.held
    assert track.value == pytest.approx(1.2, rel=1e-6)
    assert track.impact_s == pytest.approx(20e3 / 50.0, rel=1e-5)
    hold(batch)
    assert track.impact_s == pytest.approx(20e3 / 50.0 - 10.0, rel=1e-5)
    batch.state().health[0, 0] = 0.2  # less than one hit takes
    hold(batch)
    assert track.value == pytest.approx(8 * 0.2 * 0.5, rel=1e-6)


def test_a_track_keeps_the_sensor_that_has_it():
    near, far = sensor("near", place=(0, 0)), sensor("far", place=(10, 0))
    batch = started(mapping(sensors=[far, near]))
    track = batch.state().track[0, slot_of(batch)[0]]
    assert track.sensor == 0
    batch.state().track["sensor"] = 1
    hold(batch)
    assert track.sensor == 1, "still in view of the one that had it last"


def test_unseen_threats_have_no_row():
    batch = started(mapping(), sensor__range_m=1e3)
    assert not batch.state().track["held"].any()
    assert batch.state().track["sensor"][0, slot_of(batch)[0]] == NONE
    for table in ("track", "pair"):
        assert not batch.observation[table].any()
    assert not batch.observation["action_mask"][:, :, 1:].any()


def test_threats_still_to_come_are_not_seen():
    # On target after 8 minutes: 400 s of flight, so it starts 80 s into the raid.
    late = package(time_on_target_min=[8, 8])
    batch = started(mapping(packages=[late]))
    held = []
    for _ in range(10):
        held.append(bool(batch.observation["track"][0, :, 0].any()))
        hold(batch)
    assert held == [False] * 8 + [True] * 2
    assert np.all(batch.observation["clock"][0, 1] == np.float32(0.1))
