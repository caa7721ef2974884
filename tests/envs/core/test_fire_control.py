"""Intercept geometry against independent numerical roots, and every condition of legality."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from envs.core import fire_control
from tests.envs.small import asset, held, mapping, package, sensor, shooter, slot_of, started

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
