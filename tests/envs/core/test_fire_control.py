"""Intercept geometry against independent numerical roots, and every condition of legality."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from envs.core import fire_control
from envs.core.lanes import LANES
from envs.core.params import NONE, THREAT_KIND
from envs.core.params import SHOOTER as DEPLOYMENT
from envs.core.state import SHOOTER, TRACK
from tests.envs.small import (
    asset,
    filled,
    held,
    mapping,
    package,
    sensor,
    shooter,
    slot_of,
    started,
)

AIR_M = 4124.0


@pytest.fixture(scope="module")
def battery():
    """Return a function that makes the record of a shooter at the origin."""
    records = started("duel").params.shooter[0, :1]

    def make(**fields):
        made = records.copy()
        for name, value in {"x_m": 0.0, "y_m": 0.0, **fields}.items():
            made[name] = value
        return made[0]

    return make


def flight_of(battery, place, velocity):
    """Return the core's time of flight to one track."""
    table = np.zeros((fire_control.FLIGHT + 1, 1), np.float32)
    table[[fire_control.X, fire_control.Y, fire_control.Z], 0] = place
    table[[fire_control.VX, fire_control.VY, fire_control.VZ], 0] = velocity
    table[fire_control.SPEED2, 0] = np.sum(np.square(np.float32(velocity)))
    fire_control.fly_out(table, 1, battery, battery, battery.reaction_s)
    return float(table[fire_control.FLIGHT, 0])


def gap(place, velocity, speed, wait, flight):
    """Return distance to the track less distance flown, in float64, `flight` after launch."""
    where = np.float64(place)[:, None] + np.float64(velocity)[:, None] * (wait + flight)
    return np.sqrt(np.sum(where**2, axis=0)) - speed * flight


def first_root(place, velocity, speed, wait, longest=4000.0):
    """Return the first time at which the gap closes, by scanning and bisection, or inf."""
    times = np.linspace(0.0, longest, 200_001)
    gaps = gap(place, velocity, speed, wait, times)
    crossings = np.flatnonzero((gaps[:-1] > 0.0) & (gaps[1:] <= 0.0))
    if not crossings.size:
        return np.inf
    low, high = times[crossings[0]], times[crossings[0] + 1]
    for _ in range(80):
        middle = (low + high) / 2.0
        if gap(place, velocity, speed, wait, np.array([middle]))[0] > 0.0:
            low = middle
        else:
            high = middle
    return (low + high) / 2.0


place = st.tuples(st.floats(-60e3, 60e3), st.floats(-60e3, 60e3), st.floats(50.0, 20e3))
velocity = st.tuples(st.floats(-400, 400), st.floats(-400, 400), st.floats(-200, 0))


@given(place, velocity, st.floats(150.0, 1500.0), st.floats(0.0, 20.0))
def test_flight_is_the_first_root_of_the_intercept(battery, place, velocity, speed, wait):
    start = np.float64(place) + np.float64(velocity) * wait
    assume(np.linalg.norm(start) > 100.0)
    flight = flight_of(battery(interceptor_mps=speed, reaction_s=wait), place, velocity)
    expected = first_root(place, velocity, speed, wait)
    if flight > 3900.0 or expected == np.inf:
        # Beyond the scan, or a track that hardly comes nearer: it must then not be close.
        assert flight > 3900.0 or abs(
            gap(place, velocity, speed, wait, np.array([flight]))[0]
        ) < 1e-3 * np.linalg.norm(start)
    else:
        # Float32: the solution is known as well as the gap is steep.
        error_m = gap(place, velocity, speed, wait, np.array([flight]))[0]
        assert abs(error_m) < 2e-5 * (np.linalg.norm(start) + speed * flight) + 0.5


@pytest.mark.parametrize(
    ("case", "start", "flown", "speed", "expected"),
    [
        ("standing still", (30e3, 40e3, 0), (0, 0, 0), 500, 100.0),
        ("head on", (20e3, 0, 0), (-200, 0, 0), 800, 20.0),
        ("tail chase", (20e3, 0, 0), (200, 0, 0), 800, 20e3 / 600),
        ("crossing", (30e3, 0, 0), (0, 300, 0), 500, 30e3 / 400),
        ("coming down", (0, 0, 20e3), (0, 0, -500), 1500, 10.0),
        ("equal speeds, head on", (20e3, 0, 0), (-500, 0, 0), 500, 20.0),
        # |d + v T|^2 = u^2 T^2 at equal speeds: T = d.d / (-2 d.v), here with d.v = -d u / 2.
        ("equal speeds, aslant", (20e3, 0, 0), (-250, 250 * np.sqrt(3), 0), 500, 40.0),
        ("equal speeds, crossing", (20e3, 0, 0), (0, 500, 0), 500, np.inf),
        ("equal speeds, receding", (20e3, 0, 0), (500, 0, 0), 500, np.inf),
        ("faster, head on", (30e3, 0, 0), (-1000, 0, 0), 500, 20.0),
        ("faster, receding", (30e3, 0, 0), (1000, 0, 0), 500, np.inf),
        # Passes at 16 km, 12 km before: reached only if sin(angle) <= u / v, here 0.8 > 0.5.
        ("faster, passing too far", (16e3, 12e3, 0), (0, -1000, 0), 500, np.inf),
    ],
)
def test_flight_by_hand(battery, case, start, flown, speed, expected):
    flight = flight_of(battery(interceptor_mps=speed, reaction_s=0.0), start, flown)
    assert flight == pytest.approx(expected, rel=1e-5), case


def test_reaction_comes_before_flight(battery):
    # 10 s at 200 m/s bring it from 22 to 20 km, then they meet at 800 + 200 m/s.
    late = battery(interceptor_mps=800, reaction_s=10.0)
    assert flight_of(late, (22e3, 0, 0), (-200, 0, 0)) == pytest.approx(20.0, rel=1e-5)


def one_track(entry=(0.0, 20.0), kind="slow_drone", **tuned):
    """Return a batch of one with one track: a battery, a radar and an asset at the origin."""
    source = mapping(packages=[package(kind=kind, entry=entry)], clock_min=30)
    return started(source, **{"threat_kind__altitude_m": 300.0, **tuned})


def pair_of(batch):
    return batch.state().pair[0, 0, slot_of(batch)[0]]


def legal(batch):
    return bool(batch.state().action_mask[0, 0, 1 + slot_of(batch)[0]])


def test_pair_by_hand():
    # Drone at 20 km, 50 m/s, 300 m high; interceptor 650 m/s after 6 s: meets it nearly head on.
    batch = one_track(shooter__air_range_max_m=25e3, shooter__falloff=0.4, shooter_pk=0.8)
    flight = first_root((0, 20e3, 300), (0, -50, 0), 650.0, 6.0)
    range_m = 650.0 * flight
    pair = pair_of(batch)
    assert pair.flight_s == pytest.approx(6.0 + flight, rel=1e-4)
    assert pair.pk == pytest.approx(0.8 * (1 - 0.4 * (range_m / 25e3) ** 2), rel=1e-4)
    assert legal(batch)


@pytest.mark.parametrize("share", [0.0, 0.25, 0.5, 1.0])
def test_pk_falls_with_the_square_of_range(share):
    reference = one_track(shooter__air_range_max_m=25e3, shooter__falloff=0.0, shooter_pk=0.7)
    flight = pair_of(reference).flight_s - 6.0
    batch = one_track(shooter__air_range_max_m=25e3, shooter__falloff=share, shooter_pk=0.7)
    expected = 0.7 * (1.0 - share * (650.0 * flight / 25e3) ** 2)
    assert pair_of(batch).pk == pytest.approx(expected, rel=1e-5)


INTERCEPT_M = 18_290.0  # slant range at which `one_track` is met, within 30 m


@pytest.mark.parametrize(
    ("condition", "field", "inside", "outside"),
    [
        ("maximum range", "shooter__air_range_max_m", INTERCEPT_M + 50, INTERCEPT_M - 50),
        ("minimum range", "shooter__air_range_min_m", INTERCEPT_M - 50, INTERCEPT_M + 50),
        ("lowest altitude", "shooter__air_altitude_min_m", 300.0, 301.0),
        ("highest altitude", "shooter__air_altitude_max_m", 300.0, 299.0),
        ("kill probability", "shooter_pk", 0.01, 0.0),
    ],
)
def test_engagement_is_possible_only_inside(condition, field, inside, outside):
    assert legal(one_track(**{field: inside})), condition
    batch = one_track(**{field: outside})
    assert not legal(batch), condition
    assert pair_of(batch).pk == 0.0
    assert pair_of(batch).flight_s == 0.0


def test_guidance_looks_no_further_than_the_horizon():
    # Sensor far above the scene, so that only the shooter's own mast limits: the intercept is
    # 18.3 km away, and a target at 1 m is seen by a mast of (18,290 / 4,124 - 1)^2 = 11.8 m.
    mast = (INTERCEPT_M / AIR_M - 1.0) ** 2
    near = {"threat_kind__altitude_m": 1.0, "sensor__antenna_m": 1000.0}
    band = {"shooter__air_altitude_min_m": 0.0}
    assert legal(one_track(shooter__antenna_m=mast + 0.2, **near, **band))
    assert not legal(one_track(shooter__antenna_m=mast - 0.2, **near, **band))


def test_intercept_must_come_before_impact():
    # 20 km at 50 m/s take 400 s; an interceptor with a reaction of 401 s comes too late.
    assert legal(one_track(shooter__reaction_s=380.0, shooter__air_range_min_m=0.0))
    assert not legal(one_track(shooter__reaction_s=401.0, shooter__air_range_min_m=0.0))


def test_ballistic_targets_have_limits_of_their_own():
    source = mapping(
        shooters=[shooter(kind="patriot", rounds=4)],
        packages=[package(kind="ballistic_missile", entry=(0.0, 60.0))],
    )
    batch = started(source)
    assert legal(batch)
    pair = pair_of(batch)
    kind = batch.params.threat_kind[0, batch.state().threat["kind"][0, slot_of(batch)[0]]]
    # On the straight way down: altitude at the intercept, and the range flown to it.
    length = np.hypot(kind.descent_m, kind.altitude_m)
    left = 1.0 - pair.flight_s * kind.speed_mps / length
    aim_range = length * left
    assert (pair.flight_s - 8.0) * 1200.0 == pytest.approx(aim_range, rel=1e-3)
    altitude = kind.altitude_m * left
    for field, inside, outside in (
        ("ballistic_altitude_min_m", altitude - 20, altitude + 20),
        ("ballistic_altitude_max_m", altitude + 20, altitude - 20),
        ("ballistic_range_min_m", aim_range - 20, aim_range + 20),
        ("ballistic_range_max_m", aim_range + 20, aim_range - 20),
    ):
        assert legal(started(source, **{f"shooter__{field}": inside})), field
        assert not legal(started(source, **{f"shooter__{field}": outside})), field
    # What limits fire at aircraft does not matter.
    assert legal(started(source, shooter__air_range_max_m=0.0, shooter__air_altitude_max_m=0.0))


def test_rounds_and_channels_decide_what_is_legal_now():
    batch = one_track()
    slot = slot_of(batch)[0]
    state = batch.state()
    assert state.shooter[0, 0].rounds == 2
    batch.step(np.array([[1 + slot]]))
    assert legal(batch)
    batch.step(np.array([[1 + slot]]))
    assert state.shooter[0, 0].rounds == 0
    assert not legal(batch)
    assert pair_of(batch).pk == 0.0, "no rounds left and none to come: nothing is possible"

    source = mapping(shooters=[shooter(rounds=2, reserve_rounds=6)])
    batch = started(source)
    for _ in range(2):
        batch.step(np.array([[1 + slot_of(batch)[0]]]))
    assert not legal(batch)
    assert pair_of(batch).pk > 0.0, "rounds are to come: possible, if not now"

    batch = one_track(shooter__channels=1)
    batch.step(np.array([[1 + slot]]))
    assert not legal(batch)
    assert pair_of(batch).pk > 0.0


def test_an_engagement_that_spends_two_rounds_needs_two():
    batch = one_track(shooter__rounds_per_engagement=2)
    assert legal(batch)
    batch.step(np.array([[1 + slot_of(batch)[0]]]))
    assert batch.state().shooter[0, 0].rounds == 0
    assert batch.metrics()["rounds_fired"] == [2.0]
    assert batch.metrics()["engagements"] == [1.0]
    one_left = one_track(shooter__rounds_per_engagement=2, shooter__rounds=1)
    assert not legal(one_left)


def test_a_pair_may_get_there_exactly_as_its_sortie_ends():
    # Without a reaction the time needed and the sortie are the same number, to the bit.
    source = mapping(shooters=[shooter(kind="fighter_pair")])
    need_s = np.float32(pair_of(started(source, shooter__reaction_s=0.0)).flight_s)
    assert need_s > 0.0
    for sortie_s, inside in ((need_s, True), (np.nextafter(need_s, np.float32(0.0)), False)):
        batch = started(source, shooter__reaction_s=0.0, shooter__sortie_s=sortie_s)
        assert legal(batch) == (pair_of(batch).pk > 0.0) == inside


def test_the_reaction_of_a_pair_is_not_part_of_its_sortie():
    source, slow = mapping(shooters=[shooter(kind="fighter_pair")]), {"shooter__reaction_s": 100.0}
    need_s = pair_of(started(source, **slow)).flight_s - 100.0
    assert legal(started(source, **slow, shooter__sortie_s=need_s + 1.0))
    assert not legal(started(source, **slow, shooter__sortie_s=need_s - 1.0))


def test_no_shot_without_a_track():
    # The drone comes from behind the horizon of a low radar: 4,124 (sqrt(20) + sqrt(20)) = 36.9 km.
    source = mapping(
        assets=[asset()],
        shooters=[shooter(kind="patriot", rounds=4)],
        sensors=[sensor(kind="gap_filler_radar")],
        packages=[package(entry=(0.0, 39.0))],
        clock_min=20,
    )
    low = {"threat_kind__altitude_m": 20.0, "shooter__air_altitude_min_m": 0.0}
    batch = started(source, sensor__antenna_m=20.0, **low)
    unseen = seen = 0
    while not batch.terminated[0]:
        tracks = held(batch)[0]
        assert not np.any(batch.observation["action_mask"][0, :, 1:][:, ~tracks])
        assert not np.any(batch.observation["pair"][0][:, ~tracks])
        unseen += int(not tracks.any())
        seen += int(tracks.any() and batch.observation["action_mask"][0, :, 1:].any())
        batch.step(np.zeros((1, 1), np.int64))
    # 39 km to 36.9 km at 50 m/s: 42 s, so the first five epochs show nothing.
    assert unseen == 5
    assert seen > 0


# --- kernels by hand ---

# Reaches 10 km, and interceptors are under way for up to 20 + 10 s.
BATTERY = {"x_m": 1e3, "y_m": -2e3, "able": True, "rounds": 1, "take_off_s": np.inf}
REACHES = {"air_range_max_m": 10e3, "interceptor_mps": 1e3, "reaction_s": 20.0}


def near_table(speed=100.0, z_m=12e3):
    """Return a table with one track 13 km from `BATTERY`, 3-4-12, and its number of tracks."""
    table = np.zeros((fire_control.ROWS, LANES), np.float32)
    table[[fire_control.X, fire_control.Y, fire_control.Z], 0] = 4e3, 2e3, z_m
    table[fire_control.SPEED, 0], table[fire_control.SLOT, 0] = speed, 7.0
    return table


@pytest.mark.parametrize(
    ("shooter_", "deployed", "speed", "near"),
    [
        ({}, {}, 100.0, 1),  # 10 km, and 30 s of 100 m/s: 13 km
        ({}, {}, 99.0, 0),  # 12.97 km, and a thousandth of that: 12.983
        ({"able": False}, {}, 100.0, 0),
        ({"rounds": 0}, {}, 100.0, 0),
        ({"rounds": 0, "reserve": 1}, {}, 100.0, 1),
        ({"take_off_s": 0.0}, {}, 100.0, 0),  # aloft there is no reaction
        ({"take_off_s": 0.0}, {}, 300.0, 1),
        ({}, {"ballistic_range_max_m": 13e3, "air_range_max_m": 0.0}, 0.0, 1),
        ({}, {"ballistic_range_max_m": 13e3}, 0.0, 1),
        ({}, {"ballistic_range_max_m": 12e3}, 0.0, 0),
    ],
)
def test_what_may_come_near_by_hand(shooter_, deployed, speed, near):
    table = near_table(speed)
    deployment = filled(DEPLOYMENT, REACHES | deployed)
    fire_control.count_near(table, 1, filled(SHOOTER, BATTERY | shooter_), deployment)
    assert table[fire_control.NEARBY, 0] == near
    assert not table[fire_control.NEARBY, 1:].any(), "there are no others"
    assert fire_control.choose_near(table, 1, 0) == near
    assert table[fire_control.NEAR + fire_control.SLOT, 0] == 7.0 * near
    if near:
        copied = table[fire_control.NEAR : fire_control.NEAR + fire_control.PK, 0]
        assert copied.tolist() == table[: fire_control.PK, 0].tolist()


def test_near_is_near_in_all_three_directions():
    table = np.zeros((fire_control.ROWS, LANES), np.float32)
    table[fire_control.SHOOTER_X, 0], table[fire_control.SHOOTER_Y, 0] = 1e3, -2e3
    table[fire_control.FAR, 0] = 13e3
    for place, near in (((4e3, 2e3, 12e3), True), ((-2e3, -6e3, 12e3), True),
                        ((4e3, 2e3, 12.1e3), False), ((4e3, 2.2e3, 12e3), False),
                        ((4.3e3, 2e3, 12e3), False)):  # fmt: skip
        assert fire_control.is_near(table, 0, *np.float32(place), np.float32(0.0)) == near, place


def test_the_tracks_held_side_by_side():
    tracks = filled(
        TRACK,
        {},
        {"x_m": 1, "y_m": 2, "z_m": 3, "vx_mps": 4, "vy_mps": 5, "vz_mps": -20, "impact_s": 9,
         "kind": 1, "certain": True},
        {"vx_mps": 3, "vy_mps": -4, "kind": 0},
    )  # fmt: skip
    kinds, table = filled(THREAT_KIND, {}, {"ballistic": True}), near_table()
    assert fire_control.gather(np.array([False, True, True]), tracks, kinds, table) == 2
    assert table[: fire_control.PK, 0].tolist() == [1, 2, 3, 4, 5, -20, 21, 441, 9, 1, 1, 1]
    assert table[: fire_control.PK, 1].tolist() == [0, 0, 0, 3, -4, 0, 5, 25, 0, 0, NONE, 2]


def test_the_belief_in_neutral_kinds_is_their_sum():
    kinds = filled(THREAT_KIND, {}, {"neutral": True}, {"neutral": True})
    tracks = filled(TRACK, {}, {"neutral": 0.75}, {})
    beliefs = np.float32([[0.5, 0.25, 0.25], [1.0, 0.0, 0.0], [0.0, 1.0, 0.5]])
    fire_control.doubt(np.array([True, False, True]), tracks, beliefs, kinds)
    assert tracks["neutral"].tolist() == [0.5, 0.75, 1.0]


# Ranges of 5 to 20 km from 100 m to 5 km against what flies, 2 to 10 km from 1 to 8 km against what
# falls; 1,000 m/s, a reaction of 5 s.
JUDGES = {
    "interceptor_mps": 1e3, "falloff": 0.5, "antenna_m": 1e4,
    "air_range_min_m": 5e3, "air_range_max_m": 20e3,
    "air_altitude_min_m": 100.0, "air_altitude_max_m": 5e3,
    "ballistic_range_min_m": 2e3, "ballistic_range_max_m": 10e3,
    "ballistic_altitude_min_m": 1e3, "ballistic_altitude_max_m": 8e3,
}  # fmt: skip


@pytest.mark.parametrize(
    ("flies", "pk"),
    [
        ({"FLIGHT": 10.0}, 0.7),  # 0.8 (1 - 0.5 / 4)
        ({"FLIGHT": 20.0}, 0.4),  # exactly at maximum range
        ({"FLIGHT": 20.01}, 0.0),
        ({"FLIGHT": 5.0}, 0.775),  # exactly at minimum range
        ({"FLIGHT": 4.99}, 0.0),
        ({"Z": 100.0}, 0.7),
        ({"Z": 99.9}, 0.0),
        ({"Z": 5e3}, 0.7),
        ({"Z": 5001.0}, 0.0),
        ({"Z": 6500.0, "VZ": -100.0}, 0.7),  # 5,000 m high when it is met, after 15 s
        ({"Z": 6501.0, "VZ": -100.0}, 0.0),
        ({"IMPACT": 15.0}, 0.0),  # met exactly as it strikes
        ({"IMPACT": 15.01}, 0.7),
        ({"BALLISTIC": 1.0}, 0.4),  # the same 10 km are its maximum range
        ({"BALLISTIC": 1.0, "FLIGHT": 10.01}, 0.0),
        ({"BALLISTIC": 1.0, "FLIGHT": 5.0}, 0.7),
        ({"BALLISTIC": 1.0, "FLIGHT": 2.0}, 0.784),  # 0.8 (1 - 0.5 / 25)
        ({"BALLISTIC": 1.0, "FLIGHT": 1.99}, 0.0),
        ({"BALLISTIC": 1.0, "Z": 8e3}, 0.4),
        ({"BALLISTIC": 1.0, "Z": 8001.0}, 0.0),
        ({"BALLISTIC": 1.0, "Z": 999.0}, 0.0),
    ],
)
def test_pk_at_the_intercept_by_hand_and_exactly_at_each_limit(flies, pk):
    track = {"FLIGHT": 10.0, "Z": 1e3, "IMPACT": 1e3, "PK": 0.8} | flies
    table = np.zeros((fire_control.FLIGHT + 1, 1), np.float32)
    for name, value in track.items():
        table[getattr(fire_control, name), 0] = value
    fire_control.judge(table, 1, filled(DEPLOYMENT, JUDGES)[0], np.float32(5.0))
    assert table[fire_control.PK, 0] == pytest.approx(pk, rel=1e-6)


@pytest.mark.parametrize(
    ("antenna_m", "flight_s", "z_m", "sees"),
    [
        # The horizon of 16 m at sea level, and of 9 m at 1 m: 16,496 m, at 1,031 m/s.
        (16.0, 16.0, 0.0, True),
        (16.0, 16.01, 0.0, False),
        (9.0, 16.0, 1.0, True),
        (9.0, 16.01, 1.0, False),
        (16.0, 16.0, -1.0, True),
        # 20 s of flight are 20,620 m, 12,080 m of them over ground: within the horizon of 0 m.
        (0.0, 20.0, 16_711.0, True),
    ],
)
def test_guidance_ends_exactly_at_the_horizon(antenna_m, flight_s, z_m, sees):
    table = np.zeros((fire_control.FLIGHT + 1, 1), np.float32)
    table[[fire_control.PK, fire_control.IMPACT], 0] = 0.5, 1e3
    table[fire_control.FLIGHT, 0], table[fire_control.Z, 0] = flight_s, z_m
    wide = {"interceptor_mps": 1031.0, "air_range_max_m": 1e6, "antenna_m": antenna_m,
            "air_altitude_min_m": -10.0, "air_altitude_max_m": 1e6}  # fmt: skip
    fire_control.judge(table, 1, filled(DEPLOYMENT, wide)[0], np.float32(0.0))
    assert table[fire_control.PK, 0] == (0.5 if sees else 0.0)
