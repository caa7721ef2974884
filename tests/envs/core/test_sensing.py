"""What is in view, in range and over the horizon, and how often it is detected."""

import numpy as np
import pytest

from envs.core import sensing
from envs.core.lanes import LANES
from envs.core.params import NONE, PICTURE, PLACE, THREAT_KIND
from envs.core.params import SENSOR as DEPLOYED
from envs.core.params import SHOOTER as DEPLOYMENT
from envs.core.randomness import DETECTION, uniform
from envs.core.state import ABSENT, INBOUND, PENDING, SENSOR, THREAT
from tests.envs.random_play import random_orders
from tests.envs.small import (
    asset,
    detected,
    filled,
    fog,
    held,
    hold,
    line,
    mapping,
    package,
    reachable,
    row_of,
    sensor,
    shooter,
    slot_of,
    started,
)

BY_CHANCE = {"detection": "by_chance"}
STILL = {"threat_kind__speed_mps": 1.0}  # 10 m in an epoch


@pytest.fixture(scope="module")
def records():
    """Return one threat, one kind and one sensor, as it is and as deployed, to be filled in."""
    batch = started("duel")
    return (
        batch.state().threat[0, :1].copy(),
        batch.params.threat_kind[0, :1].copy(),
        batch.state().sensor[0, :1].copy(),
        batch.params.sensor[0, :1].copy(),
    )


def view(records, ground_m, altitude_m, antenna_m, range_m=1e6, signature=1.0):
    """Return whether a sensor at the origin has a threat in view."""
    threat, kind, radar, deployed = (record.copy() for record in records)
    for name, value in (("x_m", 0.6 * ground_m), ("y_m", 0.8 * ground_m), ("z_m", altitude_m)):
        threat[name] = value
    kind["signature"] = signature
    radar["x_m"] = radar["y_m"] = 0.0
    deployed["x_m"] = deployed["y_m"] = 5e5  # where it stood once does not matter
    deployed["antenna_m"], deployed["range_m"] = antenna_m, range_m
    return sensing.in_view(threat[0], kind[0], radar[0], deployed[0])


HORIZONS = [
    (25.0, 100.0, 4124.0 * 15.0),  # 61,860 m: "about 62 km" in the model's own words
    (0.0, 400.0, 4124.0 * 20.0),
    (9.0, 10_000.0, 4124.0 * 103.0),
]


@pytest.mark.parametrize(("antenna_m", "altitude_m", "horizon_m"), HORIZONS)
def test_line_of_sight_ends_at_the_radio_horizon(records, antenna_m, altitude_m, horizon_m):
    assert view(records, horizon_m * 0.9999, altitude_m, antenna_m)
    assert not view(records, horizon_m * 1.0001, altitude_m, antenna_m)


@pytest.mark.parametrize("by_chance", [True, False])
@pytest.mark.parametrize(("antenna_m", "altitude_m", "horizon_m"), HORIZONS)
def test_the_chance_of_detection_ends_there_too(
    records, antenna_m, altitude_m, horizon_m, by_chance
):
    deployed = records[3].copy()
    deployed["antenna_m"], deployed["range_m"], deployed["detection"] = antenna_m, 1e6, 0.9
    for share, inside in ((0.9999, True), (1.0001, False)):
        ground2 = np.float32((share * horizon_m) ** 2)
        slant2, root_z = np.float32(ground2 + altitude_m**2), np.float32(altitude_m**0.5)
        p = sensing.chance(deployed[0], ground2, slant2, root_z, np.float32(1.0), by_chance)
        expected = 0.9 * (1.0 - (slant2 / 1e12) ** 2) if by_chance else 1.0
        assert p == pytest.approx(expected if inside else 0.0, rel=1e-6)


@pytest.mark.parametrize(
    ("antenna_m", "altitude_m", "horizon_m"),
    [(25.0, 100.0, 61_860.0), (0.0, 400.0, 82_480.0), (9.0, 900.0, 4124.0 * 33.0)],
)
def test_by_chance_too_a_raid_is_detected_inside_the_horizon_and_never_outside(
    antenna_m, altitude_m, horizon_m
):
    tuned = {"sensor__antenna_m": antenna_m, "threat_kind__altitude_m": altitude_m}
    for share, inside in ((0.999, True), (1.001, False)):
        source = mapping(
            packages=[package(entry=(0, share * horizon_m / 1e3))], clock_min=60, picture=BY_CHANCE
        )
        # A range beyond measure, so that the chance is 1 in sight.
        batch = started(source, 64, sensor__range_m=1e8, sensor__detection=1.0, **tuned)
        assert np.all(held(batch).any(axis=1) == inside)


def test_range_is_slant_and_scaled_by_signature(records):
    # 3-4-5: 30 km of ground and 40 km of altitude are 50 km away.
    assert view(records, 30e3, 40e3, 10.0, range_m=50.01e3)
    assert not view(records, 30e3, 40e3, 10.0, range_m=49.99e3)
    assert view(records, 30e3, 40e3, 10.0, range_m=100.02e3, signature=0.5)
    assert not view(records, 30e3, 40e3, 10.0, range_m=99.98e3, signature=0.5)


def watched(share, rows, epochs=1):
    """Return how often drones that hardly move, 40 km away, are detected, of `rows` * `epochs`.

    Args:
        share: distance / (range of the sensor * signature of the kind).
    """
    source = mapping(
        packages=[package(entry=(24, 32))],
        picture=BY_CHANCE | {"misses_to_lose": 20},
        clock_min=60,
    )
    reach_m = np.hypot(40e3, 100.0) / (share * 0.6)
    radar = {"sensor__antenna_m": 1000.0, "sensor__detection": 0.9, "sensor__range_m": reach_m}
    drone = {"threat_kind__signature": 0.6, "threat_kind__altitude_m": 100.0, **STILL}
    batch = started(source, rows, **radar, **drone)
    count = 0
    for _ in range(epochs):
        count += detected(batch).sum()
        hold(batch)
    return count


@pytest.mark.parametrize(
    ("share", "p"),
    # 0.9 (1 - share^4)
    [(0.2, 0.89856), (0.6, 0.78336), (0.8, 0.53136), (0.95, 0.166944)],
)
def test_detections_are_as_frequent_as_the_fourth_power_of_range_says(share, p):
    seeds, epochs = 2048, 4
    for rows, times in ((4 * seeds, 1), (seeds, epochs)):
        count, trials = watched(share, rows, epochs=times), rows * times
        nearer = 0.002 * trials  # in later epochs they are up to 30 m nearer
        assert abs(count - p * trials) < 4.5 * np.sqrt(p * (1.0 - p) * trials) + nearer
    assert watched(1.001, 256, epochs=4) == 0


def test_one_more_sensor_never_takes_a_detection_away():
    """A superset of sensors detects a superset of (threat, epoch), and more."""
    some = fog(slots=40)
    some["sensors"], more = some["sensors"][3:4], some["sensors"]
    few = some["picture"] | {"organic_sensors": False, "detections_to_start": 1}
    some["picture"] = few
    some["shooters"][8]["networked"] = True
    many = started(some | {"sensors": more}, 8, seed=50)
    one = started(some, 8, seed=50)
    gained = 0
    while not np.all(one.terminated):
        assert np.all(detected(many)[detected(one)])
        gained += (detected(many) & ~detected(one)).sum()
        hold(one)
        hold(many)
    assert gained > 0 < one.metrics()["threats_tracked"].sum()


def test_no_radar_detects_behind_its_horizon():
    """Whole raids of everything, against the formula and the truth of each epoch."""
    source = fog()
    source["sensors"] = [row for row in source["sensors"] if row["kind"] == "gap_filler_radar"]
    batch = started(source, 16, seed=70)
    rng = np.random.default_rng(0)
    near_but_hidden = 0
    while not np.all(batch.terminated):
        running = ~batch.terminated[:, None]  # where a raid is over nobody looks
        seen, in_range = reachable(batch)
        assert not np.any(detected(batch) & ~seen & running)
        near_but_hidden += (in_range & ~seen & running).sum()
        batch.step(random_orders(batch, rng))
    assert near_but_hidden > 0
    assert batch.metrics()["threats_tracked"].sum() > 0


def corners(*places):
    made = np.zeros(len(places), PLACE)
    made["x_m"], made["y_m"] = np.array(places, np.float32).T
    return made


@pytest.mark.parametrize(
    ("place", "squared"),
    [
        ((5e3, 3e3), 9e6),  # beside the first leg
        ((13e3, 2e3), 9e6),  # beside the second
        ((8e3, 4e3), 4e6),  # nearer to the second, 2 km, than to the first, 4 km
        ((-3e3, 4e3), 25e6),  # before the beginning: 3-4-5
        ((13e3, 9e3), 25e6),  # beyond the end: 3-4-5
        ((13e3, -4e3), 25e6),  # outside the corner: 3-4-5
        ((10e3, 5e3), 0.0),
    ],
)
def test_distance_from_a_line_by_hand(place, squared):
    bent = corners((0, 0), (10e3, 0), (10e3, 5e3))
    assert sensing.distance2(*np.float32(place), bent, 3) == pytest.approx(squared, rel=1e-6)


def test_a_line_ends_where_its_points_do():
    bent = corners((0, 0), (10e3, 0), (10e3, 5e3))
    # Beyond the end of the first leg, 5 km to its side.
    assert sensing.distance2(np.float32(10e3), np.float32(5e3), bent, 2) == pytest.approx(25e6)
    # The same corner twice is a point.
    twice = corners((1e3, 1e3), (1e3, 1e3))
    assert sensing.distance2(np.float32(4e3), np.float32(5e3), twice, 2) == pytest.approx(25e6)


MICROPHONES = [line((-10, 10), (10, 10))]


def test_a_line_of_microphones_never_hears_a_cruise_missile():
    kinds = {"slow_drone": 1, "jet_drone": 1, "cruise_missile": 1, "ballistic_missile": 1}
    flock = package(number=(8, 8), spacing_min=1) | {"kinds": kinds}
    source = mapping(packages=[flock], slots=8, clock_min=60, sensors=MICROPHONES,
                     picture=BY_CHANCE)  # fmt: skip
    wide = {"sensor__range_m": 1e7, "sensor__antenna_m": 1e4, "sensor__detection": 1.0}
    batch = started(source, 16, **wide)
    audible = batch.params.threat_kind["audible"][0]
    threats = batch.state().threat
    for _ in range(120):
        inbound = threats["status"] == INBOUND
        assert np.array_equal(detected(batch), inbound & audible[threats["kind"]])
        hold(batch)
    tracked = [threats["tracked"][threats["kind"] == kind].any() for kind in range(4)]
    assert tracked == [True, True, False, False]


def test_a_line_of_microphones_hears_over_the_horizon_what_a_radar_there_does_not_see():
    # The drone flies at 1 m, 9 km from a line or a mast at height 0, whose horizon is at 4.1 km.
    for place, reach_m, hears in (((0, 19), 9.1e3, True), ((0, 19), 8.9e3, False),
                                  # 6 km beyond the end of the line and 8 km behind it: 10 km.
                                  ((16, 18), 10.1e3, True), ((16, 18), 9.9e3, False)):  # fmt: skip
        tuned = {"sensor__range_m": reach_m, "sensor__antenna_m": 0.0, "sensor__detection": 1.0}
        tuned |= {"threat_kind__altitude_m": 1.0, "threat_kind__signature": 1.0}
        raid = {"packages": [package(entry=place)], "picture": {"kinds": "believed"}}
        batch = started(mapping(sensors=MICROPHONES, **raid), **tuned)
        assert held(batch).any() == hears
        blind = started(mapping(sensors=[sensor(place=(0, 10))], **raid), **tuned)
        assert not held(blind).any()


def test_how_often_microphones_hear():
    # 3 km from a line that reaches 5 km: 0.8 (1 - 0.6^4) = 0.69632, whatever the signature.
    rows, p = 8192, 0.69632
    tuned = {"sensor__range_m": 5e3, "sensor__detection": 0.8, "threat_kind__signature": 0.1}
    batch = started(
        mapping(sensors=MICROPHONES, packages=[package(entry=(0, 13))], picture=BY_CHANCE),
        rows, threat_kind__altitude_m=1.0, **tuned,
    )  # fmt: skip
    assert abs(held(batch).sum() - p * rows) < 4.5 * np.sqrt(p * (1 - p) * rows)


def test_an_orbit_by_hand():
    # A square of 40 km: 160 km round, 800 s at 200 m/s, a corner every 200 s.
    square = line((0, 0), (40, 0), (40, 40), (0, 40), name="plane", kind="airborne_radar")
    batch = started(mapping(sensors=[sensor(), square], clock_min=60), **STILL)
    plane, places = batch.state().sensor[0, 1], {}
    for epoch in range(81):
        places[epoch] = (plane["x_m"], plane["y_m"])
        hold(batch)
    by_hand = {0: (0, 0), 10: (20e3, 0), 20: (40e3, 0), 30: (40e3, 20e3), 40: (40e3, 40e3),
               60: (0, 40e3), 70: (0, 20e3), 80: (0, 0)}  # fmt: skip
    for epoch, place in by_hand.items():
        assert places[epoch] == pytest.approx(place, abs=5.0), epoch
    assert batch.state().sensor[0, 0].x_m == batch.params.sensor[0, 0].x_m


@pytest.mark.parametrize("picture", [{}, {"kinds": "believed"}])
def test_a_sensor_that_flies_sees_from_where_it_is_now(picture):
    # 40 km out and back at 200 m/s: 400 s. A drone 10 km beside the far end is within 15 km
    # while the plane is past 40 - sqrt(15^2 - 10^2) = 28.82 km: from 144.1 s to 255.9 s.
    there_and_back = line((0, 0), (40, 0), name="plane", kind="airborne_radar")
    source = mapping(
        sensors=[there_and_back], packages=[package(entry=(40, 10))], picture=picture, clock_min=60
    )
    batch = started(source, **STILL, threat_kind__signature=1.0, sensor__range_m=15e3,
                    threat_kind__altitude_m=10.0)  # fmt: skip
    seen = []
    for epoch in range(60):
        if held(batch).any():
            seen.append(epoch)
        hold(batch)
    assert seen == [*range(15, 26), *range(55, 60)], "and again in the next turn"


def test_a_plane_sees_low_flyers_that_a_mast_does_not():
    # At 80 m the mast of 30 m ends at 4,124 (5.48 + 8.94) = 59.5 km, the plane at 428 km.
    raid = {"packages": [package(kind="cruise_missile", entry=(0, 120))], "clock_min": 20}
    raid["picture"] = {"aims": "believed"}
    mast = started(mapping(sensors=[sensor()], **raid))
    plane = line((0, 0), (0, -10), name="plane", kind="airborne_radar")
    assert not held(mast).any()
    assert held(started(mapping(sensors=[plane], **raid))).any()
    hold(mast, 24)  # 57.6 km at 240 m/s: 62.4 km away
    assert not held(mast).any()
    hold(mast, 2)  # 57.6 km away
    assert held(mast).any()


@pytest.mark.parametrize("picture", [{"organic_sensors": True}, {"organic_sensors": True,
                                     "kinds": "believed"}])  # fmt: skip
def test_a_shooter_brings_its_own_sensor_which_dies_with_it(picture):
    # The radar proper is out of reach of anything.
    source = mapping(
        assets=[asset("site"), asset("city", (0, -5))],
        shooters=[shooter(asset="site")],
        sensors=[sensor(place=(-300, 0))],
        picture=picture,
    )
    far = {"sensor__range_m": np.array([1e3, 90e3], np.float32)}
    assert not held(started(source | {"picture": {}}, sensor__range_m=1e3)).any()
    batch = started(source, **far)
    assert held(batch).any()
    batch.state().health[0, 0] = 0.0
    hold(batch)
    assert not batch.state().shooter["able"][0, 0]
    assert not held(batch).any()
    assert not batch.observation["track"].any()


@pytest.mark.parametrize("picture", [{}, {"kinds": "believed"}])
def test_a_sensor_that_is_an_asset_sees_nothing_once_that_is_lost(picture):
    source = mapping(
        assets=[asset("site", (0, 5)), asset("city", (0, -5))],
        sensors=[sensor(asset="site")],
        packages=[package("first", aim=["site"]), package("second", "decoy", aim=["city"])],
        picture=picture,
    )
    batch = started(source, threat_kind__damage=1.0, threat_kind__hit=1.0)
    seen = []
    while batch.state().threat["status"][0, row_of(batch, 0)[0]] == INBOUND:
        seen.append(int(held(batch).sum()))
        hold(batch)
    # 15 km at 50 m/s: 300 s.
    assert seen == [2] * 31
    assert not batch.terminated[0]
    assert batch.state().health[0, 0] == 0.0
    hold(batch)
    assert not held(batch).any()
    batch.reset()
    assert held(batch).sum() == 2, "in the next raid it is there again"


def test_track_says_value_and_time_to_impact():
    source = mapping(assets=[asset(value=8.0, hardness=0.25)], packages=[package(entry=(0, 20))])
    batch = started(source, threat_kind__damage=0.4, threat_kind__hit=0.5)
    track = batch.state().track[0, slot_of(batch)[0]]
    # V = value * min(health, damage * (1 - hardness)) * hit = 8 * 0.3 * 0.5
    assert held(batch).any()
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


@pytest.mark.parametrize("picture", [{}, {"kinds": "believed"}])
def test_unseen_threats_have_no_row(picture):
    batch = started(mapping(picture=picture), sensor__range_m=1e3)
    assert not held(batch).any()
    assert batch.state().track["sensor"][0, row_of(batch)[0]] == NONE
    for table in ("track", "pair"):
        assert not batch.observation[table].any()
    assert not batch.observation["action_mask"][:, :, 1:].any()


@pytest.mark.parametrize("picture", [{}, {"kinds": "believed"}])
def test_threats_still_to_come_are_not_seen(picture):
    # On target after 8 minutes: 400 s of flight, so it starts 80 s into the raid.
    late = package(time_on_target_min=[8, 8])
    batch = started(mapping(packages=[late], picture=picture))
    seen = []
    for _ in range(10):
        seen.append(bool(batch.observation["track"][0, :, 0].any()))
        hold(batch)
    assert seen == [False] * 8 + [True] * 2
    assert np.all(batch.observation["clock"][0, 1] == np.float32(0.1))


def test_metrics_say_how_many_threats_were_tracked_and_how_late():
    # Range 60 km * 0.6 = 36 km, slant: it enters at 40 km and is tracked once it has flown the
    # 4,001 m to 35,999 m of ground range, after 80.02 s, that is at 90 s.
    far = package("far", entry=(0, 40), aim=["depot"])
    never = package("never", entry=(-90, 0), aim=["other"])
    source = mapping(
        assets=[asset(), asset("other", (-91.5, 0))], packages=[far, never], clock_min=30
    )
    for picture in ({}, {"kinds": "believed", "detections_to_start": 3}):
        batch = started(source | {"picture": picture}, sensor__range_m=60e3)
        late_s = 90.0 if not picture else 110.0  # the second and third detection come 20 s later
        assert batch.metrics()["threats"] == [2.0]
        assert batch.metrics()["threats_tracked"] == [0.0]
        hold(batch, 30)
        metrics = batch.metrics()
        assert metrics["threats_tracked"] == [1.0]
        assert metrics["tracked_share"] == [0.5]
        assert metrics["track_delay_s"] == metrics["mean_track_delay_s"] == [late_s]


def test_there_are_as_many_threats_as_the_metric_says():
    batch = started(fog(), 16)
    coming = np.sum(batch.state().threat["status"] != ABSENT, axis=1)
    assert np.array_equal(batch.metrics()["threats"], coming)


def test_lines_are_lines_where_all_else_is_certain_too():
    """With a line the picture is not perfect, so that it hears along all of it, and no missile."""
    sensors = [line((-30, 10), (30, 10))]
    drone = started(mapping(sensors=sensors, picture={}))
    heard = 0
    for _ in range(40):
        heard += int(held(drone).any())
        hold(drone)
    assert heard > 15, "some 10 km at 50 m/s, across the middle of the line"
    missile = package(kind="cruise_missile", entry=(-30, 20))
    deaf = started(mapping(sensors=sensors, packages=[missile]))
    for _ in range(12):
        assert not held(deaf).any()
        hold(deaf)


# --- kernels by hand: sensors and threats stand where a wrong sign would show ---

RADAR = {"x_m": 10e3, "y_m": -20e3, "able": True}
OVER = {"x_m": 13e3, "y_m": -16e3, "z_m": 12e3}  # 3-4-12: 5 km of ground from there, 13 km in all
HIGH = {"antenna_m": 1e4, "detection": 1.0}  # a mast that looks over everything here


@pytest.mark.parametrize(
    ("range_m", "seen"), [(26e3, True), (25.9e3, False)], ids=["exactly in range", "beyond"]
)
def test_in_view_by_hand(range_m, seen):
    threat, kind = filled(THREAT, OVER)[0], filled(THREAT_KIND, {"signature": 0.5})[0]
    deployed = filled(DEPLOYED, {**HIGH, "range_m": range_m})
    sensors = filled(SENSOR, RADAR)
    assert sensing.in_view(threat, kind, sensors[0], deployed[0]) == seen
    assert sensing.seen_by(threat, kind, sensors, deployed, NONE) == (0 if seen else NONE)
    assert sensing.seen_by(threat, kind, sensors, deployed, 0) == (0 if seen else NONE)
    sensors["able"] = False
    for last in (NONE, 0):
        assert sensing.seen_by(threat, kind, sensors, deployed, last) == NONE


@pytest.mark.parametrize(("beyond_m", "seen"), [(0.0, True), (1.0, False)])
def test_exactly_on_the_horizon_is_in_view(beyond_m, seen):
    # 4,124 (sqrt(25) + sqrt(121)) = 65,984 m, whose square is exact in single precision.
    away_m = np.float32(65_984.0 + beyond_m)
    threat = filled(THREAT, {"x_m": away_m, "z_m": 121.0})[0]
    kind = filled(THREAT_KIND, {"signature": 1.0})[0]
    deployed = filled(DEPLOYED, {"antenna_m": 25.0, "range_m": 1e6, "detection": 1.0})[0]
    assert sensing.in_view(threat, kind, filled(SENSOR, {})[0], deployed) == seen
    ground2, one = away_m * away_m, np.float32(1.0)
    p = sensing.chance(deployed, ground2, ground2, np.float32(11.0), one, False)
    assert p == (1.0 if seen else 0.0)


@pytest.mark.parametrize(
    ("share", "p", "in_range"), [(0.5, 0.75, 1.0), (1.0, 0.0, 1.0), (1.25, 0.0, 0.0)]
)
def test_chances_by_hand_and_exactly_at_the_end_of_the_range(share, p, in_range):
    # 0.8 (1 - 0.5^4) = 0.75; at the end of the range the chance is 0, but if nothing is missed
    # what is there is detected.
    deployed = filled(DEPLOYED, {"antenna_m": 1e4, "detection": 0.8, "range_m": 16e3})[0]
    half, zero = np.float32(0.5), np.float32(0.0)
    for by_chance, expected in ((True, p), (False, in_range)):
        seen2 = np.float32((share * 8e3) ** 2)  # a signature of 0.5 halves the range
        found = sensing.chance(deployed, seen2, seen2, zero, half, by_chance)
        assert found == pytest.approx(expected, rel=1e-6)
        heard2 = np.float32((share * 16e3) ** 2)
        found = sensing.chance_heard(deployed, heard2, by_chance)
        assert found == pytest.approx(expected, rel=1e-6)


def test_a_detection_number_is_a_draw_in_single_precision():
    key = np.uint64(7)
    drawn = uniform(key, DETECTION, 3, 5)
    number = sensing.detection_number(key, 3, 5)
    assert number == np.float32(number)
    assert 0.0 <= drawn - number < 2.0**-24
    assert number == np.floor(drawn * 2.0**24) / 2.0**24


@pytest.mark.parametrize(
    ("now_s", "place"),
    # A corner every 200 s: three turns and 1.5, 3.75 and 0.25 legs on; exactly at a corner.
    [(2700, (40, 20)), (750, (0, 10)), (50, (10, 0)), (400, (40, 40)), (800, (0, 0))],
)
def test_an_orbit_by_hand_alone(now_s, place):
    deployed = filled(DEPLOYED, {"orbit_s": 800.0, "points": 5}, {"points": 0, "x_m": 7.0})
    paths = np.zeros((2, 5), PLACE)
    paths["x_m"][0], paths["y_m"][0] = [0, 40e3, 40e3, 0, 0], [0, 0, 40e3, 40e3, 0]
    sensors = filled(SENSOR, {"x_m": 1.0, "y_m": 2.0}, {"x_m": 3.0, "y_m": 4.0})
    sensing.place(sensors, deployed, paths, np.float32(now_s))
    assert (sensors["x_m"][0], sensors["y_m"][0]) == (place[0] * 1e3, place[1] * 1e3)
    assert (sensors["x_m"][1], sensors["y_m"][1]) == (3.0, 4.0), "the other stands"
    sensing.deploy(sensors, deployed)
    assert sensors["x_m"].tolist() == [0.0, 7.0]
    assert sensors["y_m"].tolist() == [0.0, 0.0]


def detection_table(nations=0, **rows):
    """Return a table of two threats, the first `OVER` and the other next to nothing."""
    table = np.zeros((sensing.NATIONS + nations, LANES), np.float32)
    table[:3, :2] = np.transpose([list(OVER.values()), [1e6, 1e6, 9.0]])
    table[sensing.ROOT_Z, :2] = np.sqrt(table[sensing.Z, :2])
    table[sensing.SIGNATURE, :2] = 1.0
    for name, value in rows.items():
        table[getattr(sensing, name), :2] = value
    return table


def test_looking_raises_a_row_by_hand():
    # 13 of 26 km: 1 - 0.5^4 = 0.9375.
    deployed = filled(DEPLOYED, {**HIGH, "range_m": 26e3})[0]
    sensor_ = filled(SENSOR, RADAR)[0]
    table = detection_table(SEEN=[0.5, 0.25], EVERYBODY=[0.96875, 0.0])
    for row in (sensing.SEEN, sensing.EVERYBODY):
        sensing.look(deployed, sensor_, True, table, 2, row)
    assert table[sensing.SEEN, :2].tolist() == [0.9375, 0.25]
    assert table[sensing.EVERYBODY, :2].tolist() == [0.96875, 0.0]


def test_listening_raises_both_rows_by_hand():
    # 3 km beside the line and 4 km above it: 5 of 10 km.
    table = detection_table(HEARD=[0.5, 0.0], EVERYBODY=[0.96875, 0.0], AUDIBLE=[1.0, 0.0])
    table[:3, 0] = 15e3, 3e3, 4e3
    table[:3, 1] = table[:3, 0]
    along = corners((0, 0), (20e3, 0))
    deployed = filled(DEPLOYED, {"detection": 1.0, "range_m": 10e3, "points": 2})[0]
    sensing.listen(deployed, along, True, table, 2, sensing.EVERYBODY)
    assert table[sensing.HEARD, :2].tolist() == [0.9375, 0.0], "the other makes no sound"
    assert table[sensing.EVERYBODY, :2].tolist() == [0.96875, 0.0]
    sensing.listen(deployed, along, True, table, 2, sensing.ALONE)
    assert table[sensing.ALONE, :2].tolist() == [0.9375, 0.0]


def test_the_nearest_threat_by_hand():
    table = detection_table()
    table[:2, :2] = [[13e3, 10e3], [-16e3, -32e3]]
    sensors = filled(SENSOR, RADAR, RADAR | {"able": False}, {"x_m": 10e3, "y_m": -32e3, "able": 1})
    sensing.find_nearest(sensors, filled(DEPLOYED, {}, {}, {}), table, 2)
    assert table[sensing.NEAREST, :3].tolist() == [25e6, np.inf, 0.0]


def test_for_whom_a_sensor_sees():
    shooters = filled(DEPLOYMENT, {"networked": True}, {"networked": False})
    for deployed, row in (
        ({"shooter": NONE, "nation": NONE}, sensing.EVERYBODY),
        ({"shooter": NONE, "nation": 1}, sensing.NATIONS + 1),
        ({"shooter": 0, "nation": 1}, sensing.NATIONS + 1),
        ({"shooter": 0, "nation": NONE}, sensing.EVERYBODY),
        ({"shooter": 1, "nation": 1}, sensing.ALONE),
    ):
        assert sensing.row_of(filled(DEPLOYED, deployed)[0], shooters) == row


SCENE = {"shooter": NONE, "nation": NONE, "range_m": 26e3, "identification_m": 6e3, **HIGH}


def surveyed(sensors, restricted=False):
    """Return what a survey writes of one threat inbound, `OVER`, its counts, and the nearest."""
    threats = filled(THREAT, {**OVER, "status": PENDING}, {**OVER, "status": INBOUND, "kind": 1})
    kinds = filled(THREAT_KIND, {"signature": 9.0}, {"signature": 1.0, "audible": True})
    places = filled(SENSOR, *(RADAR | row.get("now", {}) for row in sensors))
    rows = [{name: value for name, value in row.items() if name != "now"} for row in sensors]
    deployed = filled(DEPLOYED, *(SCENE | row for row in rows))
    paths = np.zeros((len(sensors), 2), PLACE)
    paths["x_m"][:, 1], paths["y_m"] = 20e3, -16e3  # right below the threat
    picture = filled(PICTURE, {"by_chance": True, "restricted": restricted})[0]
    shooters = filled(DEPLOYMENT, {"networked": False})
    table, rows = np.full((sensing.NATIONS + 2, LANES), 0.125, np.float32), np.zeros(2, np.int64)
    count, asked = sensing.survey(
        threats, kinds, places, deployed, paths, shooters, picture, 2, table, rows
    )
    assert (count, rows[0]) == (1, 1), "of the two the second alone is there"
    assert table[:3, 0].tolist() == list(OVER.values())
    assert table[sensing.ROOT_Z, 0] == np.float32(12e3**0.5)
    assert (table[sensing.SIGNATURE, 0], table[sensing.AUDIBLE, 0]) == (1.0, 1.0)
    return table, table[sensing.ASKED, :asked].tolist()


@pytest.mark.parametrize(
    ("sensors", "seen", "heard", "asked"),
    [
        ([{}], 0.9375, 0.0, []),
        ([{"now": {"able": False}, "identification_rate": 0.5}], 0.0, 0.0, []),
        ([{"identification_rate": 0.5}], 0.9375, 0.0, [0]),
        ([{"identification_rate": 0.5, "identification_m": 4.9e3}], 0.9375, 0.0, []),
        ([{"range_m": 13e3}, {}], 0.9375, 0.0, []),
        ([{"range_m": 52e3}, {}], 0.99609375, 0.0, []),
        ([{"identification_rate": 0.5, "range_m": 4.9e3}], 0.0, 0.0, [0]),
        # 12 km above a line that hears 24 km: the same chance, wherever the line is.
        ([{"acoustic": True, "range_m": 24e3, "points": 2}], 0.0, 0.9375, []),
        ([{}, {"acoustic": True, "range_m": 24e3, "points": 2, "identification_rate": 0.1,
               "now": {"x_m": 1e6}}], 0.9375, 0.9375, [1]),
        ([{"acoustic": True, "range_m": 24e3, "points": 2, "now": {"able": False}}], 0.0, 0.0, []),
    ],
)  # fmt: skip
def test_a_survey_by_hand(sensors, seen, heard, asked):
    table, found = surveyed(sensors)
    assert (table[sensing.SEEN, 0], table[sensing.HEARD, 0]) == (seen, heard)
    assert found == asked


def test_a_survey_by_nation():
    wide = {"range_m": 52e3}  # 1 - 0.25^4
    of_all, of_one, alone = {}, {"nation": 1}, {"shooter": 0}
    hears = {"acoustic": True, "range_m": 24e3, "points": 2, "nation": 0}
    rows = [sensing.EVERYBODY, sensing.ALONE, sensing.NATIONS, sensing.NATIONS + 1, sensing.SEEN]
    few, many = 0.9375, 0.99609375
    for sensors, expected in (
        ([of_all | wide, of_one, alone, hears], [many, few, few, few, many]),
        ([of_all, of_one | wide, hears], [few, 0.0, few, many, many]),
        ([of_all, of_one, alone | wide], [few, many, 0.0, few, many]),
        ([hears], [0.0, 0.0, few, 0.0, 0.0]),
    ):
        table, _ = surveyed(sensors, restricted=True)
        assert table[rows, 0].tolist() == expected
        assert table[sensing.HEARD, 0] == (few if hears in sensors else 0.0)


TELLS = {**HIGH, "range_m": 26e3, "identification_m": 13e3, "identification_rate": 0.5}


@pytest.mark.parametrize(
    ("sensors", "detection", "least", "best"),
    [
        ([TELLS], 0.0, 0.0, 0),
        ([TELLS], 0.9375, 0.0, NONE),  # exactly its chance: not detected
        ([TELLS], 0.93749994, 0.0, 0),
        ([TELLS], 0.0, 0.5, NONE),  # its rate must be above the least
        ([TELLS | {"identification_m": 12.9e3}], 0.0, 0.0, NONE),
        ([TELLS | {"range_m": 13e3}], 0.0, 0.0, NONE),  # a chance of 0 is none, for any number
        ([TELLS, TELLS], 0.0, 0.0, 0),  # the first of equals
        ([TELLS, TELLS | {"identification_rate": 0.6}], 0.0, 0.0, 1),
        ([TELLS | {"identification_rate": 0.6}, TELLS], 0.0, 0.0, 0),
        ([TELLS, TELLS | {"identification_rate": 0.9, "identification_m": 1e3}], 0.0, 0.0, 0),
        # A line 12 km below it, with the 13 km of a radar that would be too far to tell.
        ([TELLS | {"acoustic": True, "identification_m": 12e3, "range_m": 24e3, "points": 2}],
         0.9, 0.0, 0),
    ],
)  # fmt: skip
def test_who_tells_what_a_threat_is_by_hand(sensors, detection, least, best):
    deployed = filled(DEPLOYED, *sensors)
    places = filled(SENSOR, *[RADAR] * len(sensors))
    paths = np.zeros((len(sensors), 2), PLACE)
    paths["x_m"][:, 1], paths["y_m"] = 20e3, -16e3
    table = np.zeros((sensing.NATIONS, LANES), np.float32)
    table[sensing.ASKED, : len(sensors)] = range(len(sensors))
    threat = filled(THREAT, OVER)[0]
    detection, asked = np.float32(detection), len(sensors)

    def chosen(audible):
        kind = filled(THREAT_KIND, {"signature": 1.0, "audible": audible})[0]
        return sensing.identifier(
            threat, kind, places, deployed, paths, True, detection, least, table, asked
        )

    assert chosen(True) == best
    assert chosen(False) == (NONE if deployed["acoustic"][0] else best)
