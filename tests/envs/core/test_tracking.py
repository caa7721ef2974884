"""How tracks begin, go on and end, and what becomes of threats engaged."""

import numpy as np
import pytest

from envs.core import tracking as core
from envs.core.params import NONE, PICTURE
from envs.core.randomness import ASSESSMENT, uniform
from envs.core.state import (
    ABSENT,
    CONTACT,
    DUD,
    ENGAGEMENT,
    INBOUND,
    KILLED,
    LEAKED,
    PENDING,
    THREAT,
    TRACK,
)
from tests.envs.random_play import check_slots, check_tracks
from tests.envs.small import (
    at,
    detected,
    filled,
    fire,
    held,
    hold,
    line,
    mapping,
    package,
    row_of,
    sensor,
    shooter,
    slot_of,
    started,
)

ROWS = 2048
CERTAIN = {"sensor__detection": 1.0, "sensor__range_m": 1e9, "sensor__antenna_m": 1e6}
STILL = {"threat_kind__speed_mps": 1.0}  # 10 m in an epoch


def scene(to_start=1, to_lose=20, **keys):
    """Return one drone, whose track begins and ends after so many detections and misses."""
    picture = {
        "detections_to_start": to_start,
        "misses_to_lose": to_lose,
        **keys.pop("picture", {}),
    }
    return mapping(**{"picture": picture, "clock_min": 60, **keys})


def blind(batch, blind=True):
    """Switch all sensors off, or on again."""
    batch.state().sensor["able"] = not blind


# --- beginning ---


@pytest.mark.parametrize("to_start", [1, 2, 3])
def test_a_track_begins_with_its_last_detection_of_m(to_start):
    # The epochs until detection m of chance p: mean m / p, variance m (1 - p) / p^2.
    p = 0.5
    source = scene(to_start, picture={"detection": "by_chance"})
    batch = started(source, ROWS, **CERTAIN | {"sensor__detection": p}, **STILL)
    hold(batch, 60)
    assert held(batch).sum() == ROWS
    epochs = 1 + batch.state().track["start"][held(batch)]
    assert abs(epochs.mean() - to_start / p) < 4.5 * np.sqrt(to_start * (1 - p) / p**2 / ROWS)
    # The soonest is m detections in m epochs.
    assert epochs.min() == to_start
    at_once, share = np.mean(epochs == to_start), p**to_start
    assert abs(at_once - share) < 4.5 * np.sqrt(share * (1 - share) / ROWS)


@pytest.mark.parametrize(("misses", "start"), [(1, 3), (2, 5)])
def test_n_misses_in_between_begin_the_count_anew(misses, start):
    # With m = 3 and n = 2, detected at 0. Missed at 1: the others are at 2 and 3. Missed at 1 and
    # 2, the first is forgotten: three more, at 3, 4 and 5.
    batch = started(scene(to_start=3, to_lose=2), **CERTAIN)
    blind(batch)
    hold(batch, misses)
    blind(batch, False)
    hold(batch, 4)
    assert batch.state().track["start"][held(batch)] == [start]


def test_a_track_shows_its_age_and_whether_it_was_seen():
    batch = started(scene(to_start=2), **CERTAIN)
    layout = batch.layout
    shown = []
    for epoch in range(6):
        blind(batch, epoch in (2, 3))
        hold(batch)
        row = batch.observation["track"][0, slot_of(batch)[0]]
        shown.append([row[layout.index("track", name)] for name in ("age_min", "seen")])
    # The second detection, and so the track, is of epoch 1, shown after the first step.
    ages = np.float32([0, 10, 20, 30, 40, 50]) / 60
    assert [age for age, _ in shown] == pytest.approx(ages)
    assert [seen for _, seen in shown] == [1, 1, 0, 0, 1, 1]


# --- going on ---


def turning():
    """Return a drone that comes from the east, and after 5 km, 100 s, turns to the south."""
    north = package(entry=(5, 20), routes=[[at(0, 20)]])
    return scene(to_lose=20, packages=[north])


def test_while_seen_a_track_is_where_its_threat_is():
    batch = started(turning(), **CERTAIN)
    state = batch.state()
    for _ in range(20):
        hold(batch)
        track, threat = state.track[0, slot_of(batch)[0]], state.threat[0, row_of(batch)[0]]
        for name in ("x_m", "y_m", "z_m", "vx_mps", "vy_mps", "vz_mps"):
            assert track[name] == threat[name], name
    assert threat.leg == 1


def test_while_missed_a_track_goes_straight_on():
    batch = started(turning(), **CERTAIN)
    hold(batch, 5)
    blind(batch)
    state = batch.state()
    for epoch in range(6, 20):
        hold(batch)
        track, threat = state.track[0, slot_of(batch)[0]], state.threat[0, row_of(batch)[0]]
        assert (track.x_m, track.y_m) == pytest.approx((5e3 - 500.0 * epoch, 20e3), abs=2.0)
        assert track.z_m == 300.0
        assert (track.vx_mps, track.vy_mps) == pytest.approx((-50.0, 0.0), abs=1e-3)
        # The threat itself turns at 100 s.
        by_hand = (max(0.0, 5e3 - 500.0 * epoch), 20e3 - max(0.0, 500.0 * (epoch - 10)))
        assert (threat.x_m, threat.y_m) == pytest.approx(by_hand, abs=2.0)
    blind(batch, False)
    hold(batch)
    assert (track.x_m, track.y_m) == (threat.x_m, threat.y_m)


def test_a_missile_that_comes_down_is_not_predicted_below_the_sea():
    raid = [package(kind="ballistic_missile", entry=(0, 60)), package("late")]
    batch = started(scene(packages=raid), **CERTAIN)
    slot = slot_of(batch)[0]
    hold(batch, 2)
    blind(batch)
    batch.state().threat["impact_s"][0, row_of(batch)[0]] = 1e6  # it does not strike
    hold(batch, 5)
    # 60 km at 1,500 m/s take 40 s; after 70 s it is predicted at the sea and further on.
    track = batch.state().track[0, slot]
    assert track.z_m == 0.0
    assert track.vz_mps < 0.0
    assert np.all(np.isfinite(batch.observation["track"]))


def test_a_track_that_only_microphones_have_infers_its_velocity_from_two_places():
    # Detected at once, and again after 20 s.
    source = scene(sensors=[line((-30, 20), (30, 20))])
    batch = started(source, **CERTAIN | {"sensor__range_m": 1e6})
    track = batch.state().track[0, slot_of(batch)[0]]
    assert (track.vx_mps, track.vy_mps) == (0.0, 0.0), "one place says nothing of velocity"
    # At rest it never strikes, and may be anything's: LONG, which stands for "not known".
    row, layout = batch.observation["track"][0, slot_of(batch)[0]], batch.layout
    assert row[layout.index("track", "time_to_impact_min")] == 2000.0
    blind(batch)
    hold(batch)
    assert track.y_m == pytest.approx(20e3, abs=2.0)
    blind(batch, False)
    hold(batch)
    # 1,000 m in 20 s.
    assert (track.vx_mps, track.vy_mps) == pytest.approx((0.0, -50.0), abs=0.1)
    assert track.vz_mps == 0.0


def test_an_inferred_velocity_is_the_mean_of_the_way_between():
    # Detected at 90 s, 500 m before its turn, and at 110 s, 500 m after it.
    south_east = turning() | {"sensors": [line((-9, 20), (9, 20))]}
    batch = started(south_east, **CERTAIN | {"sensor__range_m": 1e6})
    hold(batch, 9)
    track = batch.state().track[0, slot_of(batch)[0]]
    assert (track.vx_mps, track.vy_mps) == pytest.approx((-50.0, 0.0), abs=0.2)
    blind(batch)
    hold(batch)
    blind(batch, False)
    hold(batch)
    assert (track.vx_mps, track.vy_mps) == pytest.approx((-25.0, -25.0), abs=0.2)


def test_a_radar_measures_what_microphones_infer():
    sensors = [line((-9, 20), (9, 20)), sensor()]
    batch = started(turning() | {"sensors": sensors}, **CERTAIN | {"sensor__range_m": 1e6})
    state = batch.state()
    state.sensor["able"][0, 1] = False
    hold(batch, 9)
    state.sensor["able"][0, 0] = False
    hold(batch)
    state.sensor["able"][0] = True
    hold(batch)
    track = state.track[0, slot_of(batch)[0]]
    assert (track.vx_mps, track.vy_mps) == pytest.approx((0.0, -50.0), abs=1e-3)


# --- ending ---


@pytest.mark.parametrize("to_lose", [1, 2, 3, 5])
def test_a_track_is_lost_with_the_last_of_n_misses(to_lose):
    # Kinds are believed, since with n = 1 the picture would else be perfect.
    batch = started(scene(to_lose=to_lose, picture={"kinds": "believed"}), **CERTAIN)
    hold(batch, 2)
    blind(batch)
    left = []
    for _ in range(6):
        hold(batch)
        left.append(int(held(batch).sum()))
    assert left == [1] * (to_lose - 1) + [0] * (7 - to_lose)
    assert not batch.observation["track"].any()
    assert not batch.observation["action_mask"][:, :, 1:].any()


def test_misses_count_from_the_last_detection():
    batch = started(scene(to_lose=3), **CERTAIN)
    for _ in range(4):
        blind(batch)
        hold(batch, 2)
        assert held(batch).any()
        blind(batch, False)
        hold(batch)
    assert batch.state().track["start"][held(batch)] == [0]
    blind(batch)
    hold(batch, 3)
    assert not held(batch).any()


def test_a_threat_lost_is_found_again_in_any_slot():
    batch = started(scene(to_start=2, to_lose=2), ROWS, **CERTAIN)
    hold(batch)
    before = slot_of(batch)
    assert np.all(before != NONE)
    blind(batch)
    hold(batch, 2)
    assert np.all(slot_of(batch) == NONE)
    blind(batch, False)
    hold(batch)
    assert not held(batch).any(), "it takes two detections again"
    hold(batch)
    after = slot_of(batch)
    assert np.all(after != NONE)
    # Four slots, all free: each alike, whatever it was before.
    for slots in (before, after):
        shares = np.bincount(slots, minlength=4) / ROWS
        assert np.all(np.abs(shares - 0.25) < 4.5 * np.sqrt(0.25 * 0.75 / ROWS))
    assert abs(np.mean(after == before) - 0.25) < 4.5 * np.sqrt(0.25 * 0.75 / ROWS)
    assert np.all(batch.metrics()["threats_tracked"] == 1.0), "one threat, twice tracked"


def test_a_strike_ends_a_track_at_once():
    raid = [package(entry=(0, 5)), package("later", entry=(0, 20))]
    for hits in (0.0, 1.0):
        batch = started(scene(packages=raid), **CERTAIN, threat_kind__hit=hits)
        slot = slot_of(batch)[0]
        hold(batch, 10)
        assert held(batch)[0, slot]
        hold(batch)  # 5 km at 50 m/s: 100 s
        assert not held(batch)[0, slot]
        assert held(batch).sum() == 1


def test_more_threats_than_slots_wait_for_a_free_one():
    swarm = package(number=(10, 10), spacing_min=0.1)
    battery = [shooter(kind="patriot", rounds=16)]
    source = scene(slots=3, packages=[swarm], shooters=battery)
    batch = started(source, 64, **CERTAIN, shooter_pk=1.0)
    assert batch.state().threat.shape[1] == 10
    state = batch.state()
    most = 0
    for _ in range(60):
        before = state.contact["track"].copy()
        orders = np.zeros((64, 1), np.int64)
        legal = batch.observation["action_mask"][:, 0, 1:]
        orders[:, 0] = np.where(legal.any(axis=1), 1 + legal.argmax(axis=1), 0)
        batch.step(orders)
        check_tracks(batch)
        check_slots(batch, before)
        running = ~batch.terminated
        inbound = np.sum(state.threat["status"] == INBOUND, axis=1)
        assert np.array_equal(held(batch).sum(axis=1)[running], np.minimum(inbound, 3)[running])
        most = max(most, inbound.max())
    assert most == 10
    assert np.all(batch.terminated)
    metrics = batch.metrics()
    assert metrics["killed"].min() > 3.0, "a slot serves one threat after the other"
    assert np.array_equal(metrics["threats_tracked"], state.threat["tracked"].sum(axis=1))


# --- kill assessment ---


def shot_at(rows=ROWS, pk=1.0, **picture):
    """Return raids of two drones after an engagement of the first has just been judged."""
    raid = [package("first"), package("second", entry=(20, 20))]
    source = scene(packages=raid, shooters=[shooter(kind="patriot", rounds=12)], picture=picture)
    batch = started(source, rows, **CERTAIN, shooter_pk=pk, shooter__falloff=0.0)
    fire(batch)
    resolve_s = batch.state().engagement["resolve_s"][:, 0, 0]
    assert resolve_s.min() > 20.0 and resolve_s.max() < 30.0
    hold(batch)
    assert np.all(slot_of(batch) != NONE)
    hold(batch)
    return batch


def first(batch, field="status"):
    """Return a field of the first threat of each raid."""
    return batch.state().threat[field][np.arange(batch.num_envs), row_of(batch)]


@pytest.mark.parametrize("confirmed", [0.0, 0.7, 1.0])
def test_a_kill_is_confirmed_as_often_as_the_picture_says(confirmed):
    batch = shot_at(kill_confirmed=confirmed, false_kill=1.0 - confirmed)
    assert np.all(first(batch) == KILLED)
    reported = np.mean(slot_of(batch) == NONE)
    assert abs(reported - confirmed) <= 4.5 * np.sqrt(confirmed * (1 - confirmed) / ROWS)


@pytest.mark.parametrize("false", [0.0, 0.3, 1.0])
def test_what_lives_is_reported_dead_as_often_as_the_picture_says(false):
    batch = shot_at(pk=1e-6, kill_confirmed=1.0 - false, false_kill=false)
    assert np.all(first(batch) == INBOUND)
    # Detected at once, it has a new track in the same epoch.
    tracks = batch.state().track["start"][np.arange(ROWS), slot_of(batch)]
    reported = np.mean(tracks == 3)
    assert abs(reported - false) <= 4.5 * np.sqrt(false * (1 - false) / ROWS)
    assert np.all((tracks == 3) | (tracks == 0))


def test_what_is_dead_and_not_reported_goes_straight_on_until_it_is_lost():
    batch = shot_at(1, kill_confirmed=0.0, misses_to_lose=4)
    assert first(batch) == KILLED
    slot = slot_of(batch)[0]
    track = batch.state().track[0, slot]
    # Seen last at 20 s, 19 km north; missed at 30, 40, 50 s, and at 60 s for the last time.
    for place in (18.5e3, 18.0e3, 17.5e3):
        assert held(batch)[0, slot]
        assert not track.seen
        assert track.y_m == pytest.approx(place, abs=2.0)
        assert not detected(batch)[0, row_of(batch)[0]]
        hold(batch)
    assert not held(batch)[0, slot]
    assert held(batch).sum() == 1, "the other one"


def test_a_second_report_may_tell_what_the_first_did_not():
    # Dead since 30 s at most; each engagement that ends then says so with the same chance.
    batch = shot_at(kill_confirmed=0.5)
    again = slot_of(batch) != NONE
    orders = np.zeros((ROWS, 1), np.int64)
    orders[again, 0] = 1 + slot_of(batch)[again]
    batch.step(orders)
    hold(batch, 2)
    assert np.array_equal(batch.metrics()["engagements"], 1.0 + again)
    told = np.mean(slot_of(batch)[again] == NONE)
    assert abs(told - 0.5) < 4.5 * np.sqrt(0.25 / again.sum())


def test_rounds_at_the_dead_by_hand():
    batch = shot_at(1, kill_confirmed=0.0)
    assert first(batch) == KILLED
    assert batch.metrics()["rounds_at_dead"] == [0.0], "that one was alive when it was fired"
    fire(batch)
    fire(batch)
    assert batch.metrics()["rounds_at_dead"] == [2.0]
    assert batch.metrics()["rounds_wasted"] == [0.0]
    fire(batch, number=1)
    hold(batch, 5)
    metrics = batch.metrics()
    assert (metrics["rounds_at_dead"], metrics["rounds_wasted"]) == ([2.0], [2.0])
    assert metrics["killed"] == [2.0], "nothing dies twice, and the other one did"
    assert metrics["rounds_unguided"] == [0.0]


def two_shots(**picture):
    """Return a raid with two engagements under way at one drone, the later of which would kill."""
    raid = [package("first"), package("second", entry=(20, 20))]
    source = scene(packages=raid, shooters=[shooter(kind="patriot", rounds=12)], picture=picture)
    batch = started(source, **CERTAIN, shooter__rounds_per_engagement=3)
    fire(batch)
    fire(batch)
    flying = batch.state().engagement[0, 0]
    flying["resolve_s"][:2] = [25.0, 35.0]
    flying["true_pk"][:2] = [0.0, 1.0]
    return batch


def test_a_threat_falsely_reported_dead_is_found_again_and_its_engagements_are_lost():
    batch = two_shots(false_kill=1.0)
    before = batch.state().track[0, slot_of(batch)[0]].copy()
    assert before["in_flight"] == 2
    hold(batch)
    # The first missed, its report ended the track, and a new one began in the same epoch.
    track = batch.state().track[0, slot_of(batch)[0]]
    assert track.start == 3
    assert (track.in_flight, track.survival) == (0, 1.0), "nothing flies at the new track"
    assert batch.state().shooter["busy"][0, 0] == 1, "the channel stays in use until its time"
    assert batch.metrics()["rounds_wasted"] == [0.0]
    hold(batch)
    assert batch.state().shooter["busy"][0, 0] == 0
    metrics = batch.metrics()
    assert metrics["rounds_wasted"] == metrics["rounds_unguided"] == [3.0]
    assert metrics["killed"] == [0.0]
    assert first(batch) == INBOUND


def test_a_threat_missed_too_often_is_beyond_its_engagements():
    for to_lose, killed in ((1, 0.0), (5, 1.0)):  # 1: lost at 30 s, before the second ends
        batch = two_shots(misses_to_lose=to_lose, kinds="believed")
        blind(batch)
        hold(batch, 2)
        metrics = batch.metrics()
        assert metrics["killed"] == [killed]
        assert metrics["rounds_unguided"] == metrics["rounds_wasted"] == [3.0 * (1.0 - killed)]


def test_a_slot_used_again_does_not_guide_what_flew_at_its_last_track():
    batch = two_shots(false_kill=1.0)
    # All slots but that of the first drone are taken, so that its new track gets it again.
    slot = slot_of(batch)[0]
    others = [i for i in range(4) if i != slot]
    batch.state().held[0, others] = True
    hold(batch)
    assert slot_of(batch)[0] == slot
    assert batch.state().engagement["track"][0, 0, 0] == NONE
    hold(batch)
    assert batch.metrics()["killed"] == [0.0]


# --- kernels by hand ---


def picture_of(contact, **track):
    """Return two contacts, of which one has the track in slot 1, and what flies at it."""
    contacts = filled(CONTACT, {"track": NONE}, {"track": 1, "detections": 2} | contact)
    tracks = filled(TRACK, {}, {"threat": 1, "seen": True} | track)
    engagements = np.zeros((1, 3), ENGAGEMENT)
    engagements["track"] = [[0, 1, NONE]]
    return contacts, np.array([False, True]), tracks, engagements


def is_lost(contacts, held_, tracks, engagements):
    """Return whether the track has ended, which must then be so everywhere."""
    lost = not held_[1]
    assert contacts["track"].tolist() == [NONE, NONE if lost else 1]
    assert (contacts["detections"][1] == 0) == lost
    assert tracks["threat"].tolist() == [0, NONE if lost else 1]
    assert engagements["track"].tolist() == [[0, NONE if lost else 1, NONE]]
    return lost


@pytest.mark.parametrize(("misses", "lost"), [(0, False), (1, False), (2, True)])
def test_a_miss_by_hand(misses, lost):
    moves = {"x_m": 1e3, "y_m": 2e3, "vx_mps": 30.0, "vy_mps": -40.0}
    for z_m, falls, left_m in ((500.0, -20.0, 300.0), (150.0, -20.0, 0.0), (80.0, 0.0, 80.0)):
        scene_ = picture_of({"misses": misses}, z_m=z_m, vz_mps=falls, **moves)
        contacts, held_, tracks, engagements = scene_
        rule = filled(PICTURE, {"misses_to_lose": 3})[0]
        core.miss(contacts[0], held_, tracks, engagements, rule, np.float32(10.0))
        assert contacts["misses"].tolist() == [0, misses], "never detected, never missed"
        core.miss(contacts[1], held_, tracks, engagements, rule, np.float32(10.0))
        assert is_lost(*scene_) == lost
        if not lost:
            track = tracks[1]
            assert contacts["misses"][1] == misses + 1
            assert not track.seen
            assert (track.x_m, track.y_m, track.z_m) == (1.3e3, 1.6e3, left_m)


@pytest.mark.parametrize(
    ("status", "lost", "misses"),
    [(INBOUND, False, 0), (PENDING, False, 0), (ABSENT, False, 0), (KILLED, False, 1),
     (LEAKED, True, 0), (DUD, True, 0)],
)  # fmt: skip
def test_which_tracks_end_by_hand(status, lost, misses):
    scene_ = picture_of({})
    threats = filled(THREAT, {"status": LEAKED}, {"status": status})
    rule = filled(PICTURE, {"misses_to_lose": 3})[0]
    core.end_tracks(threats, *scene_, rule, np.float32(10.0))
    assert is_lost(*scene_) == lost
    assert scene_[0]["misses"].tolist() == [0, misses]


def test_a_free_slot_is_drawn_alike():
    taken = np.array([True, False, False, True, False])
    found = [core.free_slot(taken, u) for u in (0.0, 0.33, 0.34, 0.66, 0.67, 0.999)]
    assert found == [1, 1, 2, 2, 4, 4]
    assert core.free_slot(np.array([True, True]), 0.5) == NONE


@pytest.mark.parametrize(
    ("again", "measured", "velocity"),
    [(True, True, (7, 8, 9)), (True, False, (150, -200, 50)), (False, False, (1, 2, 3)),
     (False, True, (7, 8, 9))],
)  # fmt: skip
def test_following_by_hand(again, measured, velocity):
    contact = filled(CONTACT, {"x_m": 1e3, "y_m": 2e3, "z_m": 100.0})[0]
    threat = filled(
        THREAT,
        {"x_m": 4e3, "y_m": -2e3, "z_m": 1100.0, "vx_mps": 7.0, "vy_mps": 8.0, "vz_mps": 9.0},
    )[0]  # fmt: skip
    track = filled(TRACK, {"vx_mps": 1.0, "vy_mps": 2.0, "vz_mps": 3.0})[0]
    core.follow(track, threat, contact, again, measured, np.float32(20.0))
    assert track.seen
    assert (track.x_m, track.y_m, track.z_m) == (4e3, -2e3, 1100.0)
    assert (track.vx_mps, track.vy_mps, track.vz_mps) == velocity
    core.start(contact, track, 5, 3, 8)
    assert (contact.track, track.threat, track.start, track.measured) == (3, 5, 8, False)
    assert (track.vx_mps, track.vy_mps, track.vz_mps) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize("status", [INBOUND, KILLED, LEAKED])
@pytest.mark.parametrize("reports", [0, 1, 2, 3, 4, 5])
def test_a_report_of_a_kill_by_hand(status, reports):
    key = np.uint64(6)
    rule = filled(PICTURE, {"kill_confirmed": 0.6, "false_kill": 0.4})[0]
    threats = filled(THREAT, {}, {"status": status, "number": 9})
    scene_ = picture_of({"reports": reports})
    scene_[3]["target"] = [[0, 1, 1]]
    core.assess(scene_[3], threats, scene_[0], *scene_[1:3], rule, np.array([1, 2]), 2, key)
    share = {INBOUND: 0.4, KILLED: 0.6, LEAKED: 0.0}[status]
    assert is_lost(*scene_) == (uniform(key, ASSESSMENT, 9, reports) < share)
    assert scene_[0]["reports"].tolist() == [0, reports + (status != LEAKED)]


@pytest.mark.parametrize("perfect", [True, False])
def test_an_empty_picture_by_hand(perfect):
    contacts, held_, tracks, engagements = picture_of({"misses": 2, "reports": 3}, value=3.0)
    core.clear(contacts, held_, tracks, engagements, perfect)
    for name in ("detections", "misses", "reports"):
        assert not contacts[name].any()
    assert np.all(contacts["track"] == NONE) and np.all(engagements["track"] == NONE)
    assert not held_.any()
    assert tracks["seen"].all() and tracks["measured"].all() and tracks["certain"].all()
    assert tracks["threat"].tolist() == ([0, 1] if perfect else [NONE, NONE])
    assert np.all(tracks["sensor"] == NONE) and np.all(tracks["aim_belief"] == 1.0)
    for name in ("value", "impact_s", "neutral"):
        assert not tracks[name].any()
