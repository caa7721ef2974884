"""Beliefs by hand: what a track is, what it aims at, and what follows from both."""

import numpy as np
import pytest

from envs.catalogue import load_catalogue
from envs.core import identification as core
from envs.core.lanes import LANES
from envs.core.params import ASSET, NONE, THREAT_KIND
from envs.core.state import INBOUND, KILLED, THREAT, TRACK
from tests.envs.small import (
    asset,
    by_kind,
    detected,
    filled,
    fire,
    fog,
    held,
    hold,
    kind_row,
    line,
    mapping,
    package,
    play_out,
    row_of,
    sensor,
    shooter,
    slot_of,
    started,
)

SLOW, JET, CRUISE, BALLISTIC, DECOY = map(
    kind_row, ("slow_drone", "jet_drone", "cruise_missile", "ballistic_missile", "decoy")
)
BELIEVED = {"kinds": "believed", "misses_to_lose": 20}
SURE = {"sensor__identification_m": 1e9, "sensor__identification_rate": 1.0}


def scene(kinds=None, entry=(0.0, 20.0), **keys):
    """Return one threat whose kind is drawn from weights, seen from the start."""
    mixed = package(entry=entry) | {"kinds": kinds or {"slow_drone": 0.65, "decoy": 0.35}}
    return mapping(**{"packages": [mixed], "picture": BELIEVED, "clock_min": 60, **keys})


def beliefs(batch, number=0):
    """Return what is believed of a threat, float32 [B, K]."""
    return batch.state().belief[np.arange(batch.num_envs), slot_of(batch, number)]


def truth(batch, field="kind", number=0):
    return batch.state().threat[field][np.arange(batch.num_envs), row_of(batch, number)]


# --- Bayes' rule ---


def learnt(prior, *reports, right=0.9):
    """Return the belief after reports, of which a wrong one may name any other kind alike."""
    belief, track = np.float32(prior), started("duel").state().track[0, 0]
    for named in reports:
        core.learn(track, belief, named, np.float32(right), len(prior))
    assert track.kind == np.argmax(belief)
    return list(belief)


def test_bayes_rule_by_hand():
    prior = [0.5, 0.3, 0.2]  # right 0.9, wrong 0.05 each
    # 0.45, 0.015, 0.01 of 0.475
    assert learnt(prior, 0) == pytest.approx([0.45 / 0.475, 0.015 / 0.475, 0.01 / 0.475])
    # then 0.45 * 0.05, 0.015 * 0.9, 0.01 * 0.05, that is 0.0225, 0.0135, 0.0005 of 0.0365
    assert learnt(prior, 0, 1) == pytest.approx([0.0225 / 0.0365, 0.0135 / 0.0365, 0.0005 / 0.0365])
    assert learnt(prior, 1, 0) == pytest.approx(learnt(prior, 0, 1)), "in any order"
    # Two that contradict each other about equals cancel.
    assert learnt([0.5, 0.5], 0, 1) == pytest.approx([0.5, 0.5])
    # One sure report settles it.
    assert learnt(prior, 2, right=1.0) == [0.0, 0.0, 1.0]


def test_what_is_ruled_out_stays_out_and_doubt_never_becomes_certainty():
    prior = [0.0, 0.6, 0.4]
    belief = learnt(prior, 0, *[1] * 40, right=0.99)
    assert belief[0] == 0.0
    assert 0.0 < belief[2] < 1e-5
    assert belief[1] < 1.0
    # A report of what is ruled out speaks against none of the others.
    assert learnt(prior, 0) == pytest.approx(prior)


def test_one_report_by_hand_and_how_often_it_is_wrong():
    # Three kinds alike in flight; 0.9 right, 0.05 for each of the two others.
    rows, right = 8192, 0.9
    alike = {"threat_kind__speed_mps": 50.0, "threat_kind__altitude_m": 300.0}
    source = scene({"slow_drone": 0.5, "jet_drone": 0.3, "decoy": 0.2})
    batch = started(source, rows, **SURE, sensor__identification_right=right, **alike)
    kinds = [SLOW, JET, DECOY]
    by_hand = {
        SLOW: [0.45 / 0.475, 0.015 / 0.475, 0.01 / 0.475],
        JET: [0.025 / 0.305, 0.27 / 0.305, 0.01 / 0.305],
        DECOY: [0.025 / 0.22, 0.015 / 0.22, 0.18 / 0.22],
    }
    found = beliefs(batch)
    named = np.full(rows, -1)
    for kind, expected in by_hand.items():
        named[np.all(np.abs(found[:, kinds] - expected) < 1e-5, axis=1)] = kind
    assert np.all(named != -1)
    assert not found[:, [CRUISE, BALLISTIC]].any()
    metrics, wrong = batch.metrics(), named != truth(batch)
    assert np.all(metrics["identifications"] == 1.0)
    assert np.array_equal(metrics["wrong_identifications"], wrong)
    tolerance = 4.5 * np.sqrt(0.1 * 0.9 / rows)
    assert abs(wrong.mean() - (1.0 - right)) < tolerance
    # Of the wrong ones about a slow drone half name each of the others.
    about = wrong & (truth(batch) == SLOW)
    assert abs(np.mean(named[about] == JET) - 0.5) < 4.5 * np.sqrt(0.25 / about.sum())


@pytest.mark.parametrize("rate", [0.0, 0.3])
def test_reports_come_as_often_as_the_rate_says(rate):
    rows, epochs = 1024, 8
    tuned = SURE | {"sensor__identification_rate": rate, "sensor__identification_right": 0.9}
    batch = started(scene(), rows, **tuned)
    hold(batch, epochs - 1)
    count, trials = batch.metrics()["identifications"].sum(), rows * epochs
    assert abs(count - rate * trials) <= 4.5 * np.sqrt(rate * (1 - rate) * trials)


def test_the_sensor_with_the_highest_rate_reports():
    rows = 4096
    sensors = [sensor("often"), sensor("seldom", place=(1, 0))]
    batch = started(
        scene(sensors=sensors), rows, sensor__identification_m=1e9,
        sensor__identification_rate=np.float32([0.9, 0.5]),
        sensor__identification_right=np.float32([0.6, 1.0]),
    )  # fmt: skip
    metrics = batch.metrics()
    for share, p, trials in (
        (metrics["identifications"].mean(), 0.9, rows),
        (
            metrics["wrong_identifications"].sum() / metrics["identifications"].sum(),
            0.4,
            0.9 * rows,
        ),
    ):
        assert abs(share - p) < 4.5 * np.sqrt(p * (1 - p) / trials)


def test_what_is_certain_needs_no_report():
    # A raid of one kind is certain from the start, one of two kinds after a sure report.
    for kinds, reports in (({"slow_drone": 1}, 0.0), ({"slow_drone": 1, "decoy": 1}, 1.0)):
        batch = started(scene(kinds), 64, **SURE, sensor__identification_right=1.0)
        hold(batch, 3)
        assert np.all(beliefs(batch)[np.arange(64), truth(batch)] == 1.0)
        assert np.all(batch.metrics()["identifications"] == reports)


@pytest.mark.parametrize("right", [0.6, 0.8])
def test_beliefs_are_as_right_as_they_say(right):
    """Calibration: of the tracks believed with 65 % to be drones about 65 % are, and so on."""
    rows, p = 8192, 0.65
    tuned = {"sensor__identification_m": 1e9, "sensor__identification_rate": 0.5}
    batch = started(scene(), rows, **tuned, sensor__identification_right=right)
    hold(batch, 5)
    believed, drone = beliefs(batch)[:, SLOW].astype(float), truth(batch) == SLOW
    # After r reports of a drone more than of a decoy the odds are 0.65 / 0.35 (right / wrong)^r.
    odds = p / (1 - p) * (right / (1 - right)) ** np.arange(-6, 7)
    levels = odds / (1 + odds)
    near = np.abs(believed[:, None] - levels).argmin(axis=1)
    assert np.abs(believed - levels[near]).max() < 1e-5
    checked = 0
    for level, share in enumerate(levels):
        there = near == level
        if there.sum() * min(share, 1 - share) > 20:
            sigma = np.sqrt(share * (1 - share) / there.sum())
            assert abs(drone[there].mean() - share) < 4.5 * sigma, share
            checked += 1
    assert checked >= 5


# --- what is known for certain ---


@pytest.mark.parametrize(("decoy_mps", "alike"), [(54.0, True), (46.0, True), (56.0, False)])
def test_a_measured_speed_rules_out_what_flies_at_another(decoy_mps, alike):
    # A drone at 50 m/s: a tenth is 5 m/s. Prior 0.65 to 0.35.
    speeds = np.float32([kind.speed_mps for kind in load_catalogue().threats.values()])
    speeds[DECOY] = decoy_mps
    batch = started(scene(), 64, threat_kind__speed_mps=speeds)
    drones = truth(batch) == SLOW
    expected = by_kind(slow_drone=0.65, decoy=0.35) if alike else by_kind(slow_drone=1.0)
    assert beliefs(batch)[drones] == pytest.approx(np.tile(expected, (drones.sum(), 1)), abs=1e-6)


def test_in_a_fog_every_track_of_a_radar_has_the_speed_of_its_kind():
    source = fog(slots=40)
    source["sensors"] = [row for row in source["sensors"] if row["kind"] == "long_range_radar"]
    source["picture"] = source["picture"] | {"organic_sensors": False}
    source["shooters"][8]["networked"] = True
    batch = started(source, 16, seed=30, sensor__identification_rate=0.0)
    speeds = batch.params.threat_kind["speed_mps"][0]
    prior = batch.params.kind_prior[0]
    kinds = set()
    for _ in range(60):
        hold(batch)
        rows, slots = np.nonzero(held(batch))
        kind = batch.state().threat["kind"][rows, batch.state().track["threat"][rows, slots]]
        possible = prior * (np.abs(speeds - speeds[kind][:, None]) <= 0.1 * speeds[kind][:, None])
        expected = possible / possible.sum(axis=1, keepdims=True)
        assert batch.state().belief[rows, slots] == pytest.approx(expected, abs=1e-6)
        kinds.update(kind)
    assert kinds == {SLOW, JET, CRUISE, BALLISTIC, DECOY}


def test_what_is_heard_is_audible_and_what_is_then_seen_has_a_speed():
    # Prior: 0.4, 0.2, 0.3, 0, 0.1. Heard: no cruise missile. Seen at 50 m/s: no jet either.
    kinds = {"slow_drone": 0.4, "jet_drone": 0.2, "cruise_missile": 0.3, "decoy": 0.1}
    # The radar has a slow one in range once it is within 18.9 km, after three epochs.
    radar_m = 18.9e3
    batch = started(
        scene(kinds, sensors=[line((-9, 20), (9, 20)), sensor()]), 64, threat_kind__signature=1.0,
        sensor__range_m=np.float32([5e3, radar_m]), threat_kind__altitude_m=1.0,
        sensor__identification_rate=0.0,
    )  # fmt: skip
    heard = truth(batch) != CRUISE
    assert 0 < heard.sum() < 64
    assert np.array_equal(held(batch).any(axis=1), heard)
    expected = by_kind(slow_drone=0.4, jet_drone=0.2, decoy=0.1) / 0.7
    assert beliefs(batch)[heard] == pytest.approx(np.tile(expected, (heard.sum(), 1)), abs=1e-6)
    slow = np.isin(truth(batch), (SLOW, DECOY))
    hold(batch, 2)
    assert beliefs(batch)[slow] == pytest.approx(np.tile(expected, (slow.sum(), 1)), abs=1e-6)
    hold(batch)
    expected = by_kind(slow_drone=0.4, decoy=0.1) / 0.5
    assert beliefs(batch)[slow] == pytest.approx(np.tile(expected, (slow.sum(), 1)), abs=1e-6)


def test_a_raid_of_one_kind_is_known_from_the_first_detection():
    batch = started(scene({"jet_drone": 1}), sensor__identification_rate=0.0)
    assert beliefs(batch)[0, JET] == 1.0


def test_decoys_look_like_drones_until_identified():
    rows = 128
    batch = started(scene(), rows, sensor__identification_rate=0.0)
    first = batch.layout.index("track", "kind_slow_drone")
    for _ in range(10):
        assert {DECOY, SLOW} == set(truth(batch))
        assert len(np.unique(beliefs(batch), axis=0)) == 1, "the same of all, to the bit"
        expected = by_kind(slow_drone=0.65, decoy=0.35)
        columns = slice(first, first + expected.size)
        shown = batch.observation["track"][np.arange(rows), slot_of(batch), columns]
        assert shown == pytest.approx(np.tile(expected, (rows, 1)), abs=1e-6)
        hold(batch)


# --- identification ---


def test_reports_come_from_within_the_identification_range_alone():
    # From 12 km at 50 m/s; 10 km, slant, at 300 m of altitude.
    batch = started(
        scene(entry=(0, 12)), 16, sensor__identification_m=10e3, sensor__identification_rate=1.0,
        sensor__identification_right=0.9,
    )  # fmt: skip
    counts = np.zeros(16)
    for _ in range(15):
        slant = np.hypot(np.hypot(truth(batch, "x_m"), truth(batch, "y_m")), truth(batch, "z_m"))
        counts += slant <= 10e3
        assert np.array_equal(batch.metrics()["identifications"], counts)
        hold(batch)
    # 12 - 0.5 n km of ground <= sqrt(10^2 - 0.3^2) = 9.9955 km: from epoch 5 on.
    assert np.all(counts == 10.0)


def test_what_is_not_detected_is_not_identified():
    half = {"sensor__detection": 0.5, "sensor__identification_right": 0.9}
    batch = started(scene(), 512, **SURE, **half, picture__by_chance=True)
    counts = np.zeros(512)
    for _ in range(6):
        counts += detected(batch).sum(axis=1)
        assert np.array_equal(batch.metrics()["identifications"], counts)
        hold(batch)
    assert 0.4 < counts.mean() / 6 < 0.6


def test_a_sensor_reports_on_what_it_detects_itself():
    # One radar detects always and cannot tell kinds apart, one that can detects with chance 0.4.
    rows, epochs, p = 1024, 6, 0.4
    batch = started(
        scene(sensors=[sensor("all"), sensor("some")]), rows, picture__by_chance=True,
        sensor__range_m=1e8, sensor__detection=np.float32([1.0, p]), sensor__identification_m=1e9,
        sensor__identification_rate=np.float32([0.0, 1.0]), sensor__identification_right=0.9,
    )  # fmt: skip
    hold(batch, epochs - 1)
    assert np.all(batch.state().track["seen"][np.arange(rows), slot_of(batch)])
    count, trials = batch.metrics()["identifications"].sum(), rows * epochs
    assert abs(count - p * trials) < 4.5 * np.sqrt(p * (1 - p) * trials)


def test_microphones_tell_kinds_apart_near_their_line():
    # 3 km before a line that reaches 5 km, identifying within 2 km: after 1 km, from epoch 2 on.
    batch = started(
        scene(sensors=[line((-9, 17), (9, 17))]), sensor__range_m=5e3,
        sensor__identification_m=2.01e3, sensor__identification_rate=1.0,
        threat_kind__altitude_m=1.0,
    )  # fmt: skip
    seen = []
    for _ in range(5):
        seen.append(batch.metrics()["identifications"][0])
        hold(batch)
    assert seen == [0.0, 0.0, 1.0, 2.0, 3.0]


# --- aim points ---


def aims_of(batch, number=0):
    """Return likeliest aim, belief in it, value and predicted impact of a track."""
    track = batch.state().track[0, slot_of(batch, number)[0]]
    return track.aim, track.aim_belief, track.value, track.impact_s


AIMS = {"kinds": "public", "aims": "believed"}


def test_aims_of_level_flight_by_hand():
    # From 20 km north, southwards. Ahead: cos = 1, weight 10 (0.001 + 1) = 10.01. At 45 degrees:
    # cos^8 = 2^-4, weight 6 (0.001 + 0.0625) = 0.381. Behind: 4 * 0.001 = 0.004.
    assets = [
        asset("side", (20, 0), value=6.0),
        asset("ahead", (0, 0), value=10.0, hardness=0.25),
        asset("behind", (0, 40), value=4.0),
    ]
    source = scene({"slow_drone": 1}, assets=assets, picture=AIMS)
    source["packages"][0]["aim"] = ["ahead"]
    batch = started(source, threat_kind__damage=0.4, threat_kind__hit=0.5)
    aim, belief, value, impact_s = aims_of(batch)
    assert aim == 1
    assert belief == pytest.approx(10.01 / 10.395, rel=1e-5)
    # V = value * damage (1 - hardness) * hit: 1.2 on the side, 1.5 ahead, 0.8 behind.
    by_hand = (0.381 * 1.2 + 10.01 * 1.5 + 0.004 * 0.8) / 10.395
    assert value == pytest.approx(by_hand, rel=1e-5)
    assert impact_s == pytest.approx(400.0, rel=1e-4)
    layout, row = batch.layout, batch.observation["track"][0, slot_of(batch)[0]]
    assert row[layout.index("track", "aim_belief")] == pytest.approx(belief)
    assert row[layout.index("track", "value_at_risk")] == pytest.approx(by_hand / 10.0, rel=1e-5)
    # What has been lost is no longer at risk, and weighs as before.
    batch.state().health[0, 1] = 0.0
    hold(batch)
    aim, _, value, _ = aims_of(batch)
    assert aim == 1
    # After 500 m: towards the side (20, -19.5), cos^2 = 19.5^2 / (20^2 + 19.5^2).
    side = 6.0 * (0.001 + (19.5**2 / (20**2 + 19.5**2)) ** 4)
    by_hand = (side * 1.2 + 0.004 * 0.8) / (side + 10.01 + 0.004)
    assert value == pytest.approx(by_hand, rel=1e-3)


def test_the_likeliest_aim_need_not_be_the_true_one():
    # Two assets one behind the other, the farther worth more: both are straight ahead.
    assets = [asset("near", (0, 5), value=2.0), asset("far", (0, 0), value=8.0)]
    source = scene({"slow_drone": 1}, assets=assets, picture=AIMS)
    source["packages"][0]["aim"] = ["near"]
    batch = started(source)
    aim, belief, _, impact_s = aims_of(batch)
    assert truth(batch, "aim") == 0
    assert (aim, belief) == (1, pytest.approx(0.8))
    assert impact_s == pytest.approx(20e3 / 50.0, rel=1e-4), "straight to the aim believed in"


def test_aims_of_a_falling_track_by_hand():
    # It falls straight at the target: weight 10 (0.001 + 1). 2 km off: 5 (0.001 + 1 / 4); 4 km
    # off: 5 (0.001 + 1 / 25); 60 km off, where it comes from: (1 + 900)^-2 = 1.2e-6.
    assets = [
        asset("2 km", (2, 0), value=5.0),
        asset("4 km", (0, -4), value=5.0),
        asset("target", (0, 0), value=10.0),
        asset("60 km", (0, 60), value=1.0),
    ]
    source = mapping(
        assets=assets, picture=AIMS, shooters=[shooter(kind="patriot")],
        packages=[package(kind="ballistic_missile", entry=(0, 60), aim=["target"])],
    )  # fmt: skip
    batch = started(source)
    hold(batch)
    aim, belief, _, impact_s = aims_of(batch)
    weights = [5 * 0.251, 5 * 0.041, 10 * 1.001, 1 * (0.001 + 901.0**-2)]
    assert aim == 2
    assert belief == pytest.approx(10.01 / sum(weights), rel=1e-3)
    slant_m = np.hypot(45e3, 40e3)
    assert impact_s == pytest.approx(slant_m / 1500.0 - 10.0, abs=0.05)


def test_a_track_at_rest_may_aim_at_anything_by_value():
    assets = [asset("one", (0, 0), value=3.0), asset("two", (30, 0), value=7.0)]
    source = scene(
        {"slow_drone": 1}, assets=assets, picture=AIMS, sensors=[line((-9, 20), (9, 20))]
    )
    batch = started(source, sensor__range_m=1e6)  # heard once: no velocity yet
    aim, belief, _, impact_s = aims_of(batch)
    assert (aim, belief) == (1, pytest.approx(0.7))
    assert impact_s == np.inf


@pytest.mark.parametrize("aims", ["public", "believed"])
@pytest.mark.parametrize("kinds", ["public", "believed"])
def test_value_at_risk_is_expected_over_kinds_and_aims(kinds, aims):
    # Drones: 0.4 * 0.5 = 0.2 of an asset's value; decoys: nothing. Prior 0.65 of a drone.
    assets = [asset("side", (20, 0), value=6.0), asset("ahead", value=10.0)]
    source = scene(assets=assets, picture={"kinds": kinds, "aims": aims, "misses_to_lose": 2})
    source["packages"][0]["aim"] = ["ahead"]
    harmless = by_kind(1.0, decoy=0.0)
    tuned = {"threat_kind__damage": 0.4 * harmless, "threat_kind__hit": 0.5 * harmless}
    batch = started(source, 32, **tuned, sensor__identification_rate=0.0)
    drone = 0.65 if kinds == "believed" else (truth(batch) == SLOW).astype(float)
    at_aim = 2.0 if aims == "public" else (0.381 * 1.2 + 10.01 * 2.0) / 10.391
    state = batch.state()
    value = state.track["value"][np.arange(32), slot_of(batch)]
    assert value == pytest.approx(drone * at_aim * np.ones(32), rel=1e-5)
    share = batch.observation["track"][np.arange(32), slot_of(batch)]
    column = batch.layout.index("track", "aim_belief")
    expected = 1.0 if aims == "public" else 10.01 / 10.391
    assert share[:, column] == pytest.approx(np.full(32, expected), rel=1e-5)
    columns = [batch.layout.index("track", f"kind_{kind}") for kind in ("slow_drone", "decoy")]
    both = np.stack([drone * np.ones(32), 1.0 - drone * np.ones(32)], axis=1)
    assert share[:, columns] == pytest.approx(both, abs=1e-6)


# --- what follows for fire ---


def test_pk_shown_is_by_belief_and_the_outcome_by_the_truth():
    # 0.65 * 0.8 + 0.35 * 0.2 = 0.59 is shown of both; of drones 0.8 die, of decoys 0.2.
    rows = 8192
    pk = by_kind(slow_drone=0.8, decoy=0.2)
    batch = started(
        scene(shooters=[shooter(kind="patriot")]), rows, shooter_pk=pk, shooter__falloff=0.0,
        sensor__identification_rate=0.0,
    )  # fmt: skip
    pairs = batch.state().pair[np.arange(rows), 0, slot_of(batch)]
    assert pairs["pk"] == pytest.approx(np.full(rows, 0.59), rel=1e-5)
    fire(batch)
    kinds = truth(batch)
    survival = batch.state().track["survival"][np.arange(rows), slot_of(batch)]
    assert survival == pytest.approx(np.full(rows, 0.41), rel=1e-5)
    play_out(batch)
    dead = truth(batch, "status") == KILLED
    for kind, expected in ((SLOW, 0.8), (DECOY, 0.2)):
        of_kind = dead[kinds == kind]
        assert abs(of_kind.mean() - expected) < 4.5 * np.sqrt(0.16 / of_kind.size)


def test_falloff_weighs_on_the_true_pk_alike():
    # pk = 0.9 of a drone and 0.3 of a decoy, a third; what is shown is between, and so is nothing
    # else: true pk / shown pk = 0.9 / 0.69 and 0.3 / 0.69, whatever the range.
    pk = by_kind(slow_drone=0.9, decoy=0.3)
    batch = started(
        scene(shooters=[shooter(kind="patriot")]), 64, shooter_pk=pk, shooter__falloff=0.9,
        shooter__air_range_max_m=25e3, sensor__identification_rate=0.0,
    )  # fmt: skip
    fire(batch)
    flying = batch.state().engagement[:, 0, 0]
    by_hand = np.where(truth(batch) == SLOW, 0.9, 0.3) / (0.65 * 0.9 + 0.35 * 0.3)
    assert flying["pk"].max() < 0.5, "falloff counts"
    assert flying["true_pk"] / flying["pk"] == pytest.approx(by_hand, rel=1e-5)


def test_a_shooter_never_kills_what_it_only_takes_for_its_target():
    # Believed a drone with 0.65, which it kills for certain; decoys it cannot engage at all.
    rows = 512
    pk = by_kind(slow_drone=1.0)
    batch = started(
        scene(shooters=[shooter(kind="patriot", rounds=8)]), rows, shooter_pk=pk,
        shooter__falloff=0.0, sensor__identification_rate=0.0,
    )  # fmt: skip
    kinds = truth(batch)
    pairs = batch.state().pair[np.arange(rows), 0, slot_of(batch)]
    assert pairs["pk"] == pytest.approx(np.full(rows, 0.65), rel=1e-5)
    fire(batch)
    fire(batch)
    play_out(batch)
    metrics = batch.metrics()
    assert np.array_equal(metrics["killed"], kinds == SLOW)
    assert np.array_equal(metrics["rounds_at_decoys"], 2.0 * (kinds == DECOY))


def test_what_is_believed_for_certain_to_be_no_target_cannot_be_engaged():
    pk = by_kind(decoy=0.9)
    source = scene({"slow_drone": 0.5, "decoy": 0.5})
    batch = started(source, 256, **SURE, sensor__identification_right=1.0, shooter_pk=pk)
    legal = batch.observation["action_mask"][:, 0, 1:].any(axis=1)
    assert np.array_equal(legal, truth(batch) == DECOY)
    assert np.all(truth(batch, "status") == INBOUND)


def test_a_sensor_that_detects_nothing_reports_nothing():
    """The radar sees the drone, the sight of the RBS 70 would tell it apart but never detects."""
    source = scene(
        shooters=[shooter("sight", "rbs70")],
        picture={**BELIEVED, "organic_sensors": True, "detection": "by_chance"},
    )
    sighted = started(source, 16)
    blind = started(source, 16, sensor__detection=np.array([1.0, 0.0], np.float32))
    for batch in (sighted, blind):
        hold(batch, 36)
    assert sighted.metrics()["identifications"].sum() > 50
    assert blind.metrics()["identifications"].sum() == 0


# --- kernels by hand ---


@pytest.mark.parametrize(
    ("falls", "place", "weight"),
    [
        # It heads for the north-east, (0.6, 0.8), or would strike at (1 km, 2 km).
        (True, (1e3, 2e3), 1.0),
        (True, (1e3, 4e3), 0.25),  # 2 km off: (1 / 2)^2
        (True, (-1e3, 2e3), 0.25),
        (True, (1e3, -2e3), 0.04),  # 4 km off: (1 / 5)^2
        (False, (4e3, 6e3), 1.0),  # straight ahead
        (False, (1e3, 12e3), 0.8**8),
        (False, (11e3, 2e3), 0.6**8),
        (False, (-3e3, 5e3), 0.0),  # right across
        (False, (-2e3, -2e3), 0.0),  # behind
    ],
)
def test_how_well_a_track_heads_for_a_place(falls, place, weight):
    table = np.zeros((core.AIMS, LANES), np.float32)
    table[:, 0] = 1e3, 2e3, 0.6, 0.8, falls
    found = core._closeness(table, 0, *np.float32(place))
    assert found == pytest.approx(weight, rel=1e-4, abs=1e-9)


def test_tracks_that_fall_are_gathered_where_they_would_strike():
    level = {"x_m": 1e3, "y_m": 2e3, "z_m": 500.0, "vx_mps": 30.0, "vy_mps": -40.0}
    tracks = filled(TRACK, level, {}, level | {"vz_mps": -50.0}, {"x_m": 7.0, "y_m": 8.0})
    table, slots = np.zeros((core.AIMS, LANES), np.float32), np.zeros(4, np.int64)
    held_ = np.array([True, False, True, True])
    assert core._gather(held_, tracks, table, slots) == (3, True)
    assert slots[:3].tolist() == [0, 2, 3]
    assert table[:, 0] == pytest.approx([1e3, 2e3, 0.6, -0.8, 0.0])
    assert table[:, 1] == pytest.approx([1.3e3, 1.6e3, 0.6, -0.8, 1.0])  # after 10 s
    assert table[:, 2].tolist() == [7.0, 8.0, 0.0, 0.0, 0.0], "at rest it heads nowhere"
    held_[2] = False
    assert core._gather(held_, tracks, table, slots) == (2, False)


@pytest.mark.parametrize(
    ("velocity", "impact_s"),
    [((60, 80, 0), 50.0), ((0, 0, 0), np.inf), ((30, 40, -120), 100.0), ((60, 80, 1), 50.0)],
)
def test_the_predicted_impact_by_hand(velocity, impact_s):
    # 3-4-12: 5 km away over ground, 13 km in all if it falls.
    track = filled(
        TRACK, dict(zip(("vx_mps", "vy_mps", "vz_mps"), velocity, strict=True))
        | {"x_m": 1e3, "y_m": 2e3, "z_m": 12e3},
    )[0]  # fmt: skip
    aim = filled(ASSET, {"x_m": 4e3, "y_m": 6e3})[0]
    assert core.predicted_impact_s(track, aim) == pytest.approx(impact_s, rel=1e-4)


def test_the_value_of_a_track_is_by_belief_or_certain():
    kinds = filled(THREAT_KIND, {"damage": 0.5, "hit": 0.5}, {"damage": 1.0, "hit": 1.0}, {})
    target, belief = filled(ASSET, {"value": 8.0})[0], np.float32([0.5, 0.25, 0.25])
    for track, value in (
        ({"certain": False, "kind": 1}, 0.5 * 2.0 + 0.25 * 8.0),
        ({"certain": True, "kind": 0}, 2.0),
        ({"certain": True, "kind": 1}, 8.0),
    ):
        row = filled(TRACK, track)[0]
        assert core.believed_loss(row, belief, kinds, target, 1.0) == pytest.approx(value)


def test_what_is_public_of_aims_by_hand():
    kinds = filled(THREAT_KIND, {"damage": 0.5, "hit": 1.0})
    assets = filled(ASSET, {}, {"x_m": 4e3, "y_m": 6e3, "value": 8.0})
    flies = {"x_m": 1e3, "y_m": 2e3, "vx_mps": 60.0, "vy_mps": 80.0, "certain": True, "aim": 9}
    tracks = filled(TRACK, flies | {"threat": 1}, flies, flies | {"threat": 0})
    threats = filled(THREAT, {"aim": NONE, "impact_s": 70.0}, {"aim": 1, "impact_s": 99.0})
    held_, beliefs_ = np.array([True, False, True]), np.ones((3, 1), np.float32)
    core.know_aims(
        threats, held_, tracks, beliefs_, assets, np.array([1.0, 0.25]), kinds, np.float32(30.0)
    )
    assert tracks["aim"].tolist() == [1, 9, NONE]
    assert tracks["aim_belief"].tolist() == [1.0, 0.0, 1.0]
    assert tracks["value"].tolist() == [8.0 * 0.25, 0.0, 0.0]
    assert tracks["impact_s"] == pytest.approx([50.0, 0.0, 40.0])


@pytest.mark.parametrize(
    ("right", "coming", "expected"),
    [
        # Likelihoods 0.8 of the kind named and 0.1 of the others: 0.2, 0.05, 0 of 0.25.
        (0.8, 3, [0.2, 0.8, 0.0]),
        (0.75, 2, [0.4, 0.6, 0.0]),  # 0.75 and 0.25
        (1.0, 1, [0.0, 1.0, 0.0]),
    ],
)
def test_one_report_is_learnt_by_hand(right, coming, expected):
    belief_, track = np.float32([0.5, 0.25, 0.0]), filled(TRACK, {})[0]
    core.learn(track, belief_, 1, np.float32(right), coming)
    assert belief_ == pytest.approx(expected)
    assert track.kind == 1
    assert track.certain == (right == 1.0)


def test_another_kind_is_one_that_may_come():
    prior = np.float32([0.25, 0.0, 0.5, 0.25])
    assert [core.other_kind(prior, 2, place) for place in (0, 1, 2)] == [0, 3, 2]
    assert [core.other_kind(prior, 0, place) for place in (0, 1)] == [2, 3]


@pytest.mark.parametrize(
    ("track", "measured", "left"),
    [
        # Kinds of 100 m/s, of 110, of 300 and a falling one of 100, at 1,000 m and the last at 0.
        ({"vx_mps": 60.0, "vy_mps": -80.0}, True, [0, 1, 3]),
        ({"vx_mps": 60.0, "vy_mps": -80.0, "z_m": 1375.0}, True, [0, 1, 3]),  # by 100 m and a fifth
        ({"vx_mps": 60.0, "vy_mps": -80.0, "z_m": 1376.0}, True, [3]),
        ({"vx_mps": 60.0, "vy_mps": -80.0, "z_m": 750.0}, True, [0, 1, 3]),
        ({"vx_mps": 60.0, "vy_mps": -80.0, "z_m": 749.0}, True, [3]),
        ({"vx_mps": 100.0, "vz_mps": -285.0}, True, [2]),
        ({"vx_mps": 60.0, "measured": True}, True, [0, 1, 2, 3]),  # measured before
        ({"vx_mps": 60.0}, False, [0, 2]),  # heard
        ({"vx_mps": 60.0, "measured": True}, False, [0, 2]),
    ],
)
def test_what_a_detection_rules_out_by_hand(track, measured, left):
    kinds = filled(
        THREAT_KIND,
        {"speed_mps": 100.0, "altitude_m": 1e3, "audible": True},
        {"speed_mps": 110.0, "altitude_m": 1e3},
        {"speed_mps": 300.0, "altitude_m": 1e3, "audible": True},
        {"speed_mps": 100.0, "ballistic": True},
    )
    belief_, row = np.full(4, 0.25, np.float32), filled(TRACK, {"z_m": 1e3} | track)[0]
    core.believe_known(row, belief_, kinds, measured)
    assert np.flatnonzero(belief_).tolist() == left
    assert belief_[left] == pytest.approx(1.0 / len(left))
    assert row.kind == left[0] or len(left) == 4
    assert row.measured == (measured or track.get("measured", False))


@pytest.mark.parametrize(
    ("falling", "weights"),
    [
        (0.0, [8 * 0.001, 2 * 1.001]),  # it flies straight at the second
        # 10 and 5 km off: 1 + 25 and 1 + 6.25.
        (-1e6, [8 * (0.001 + 26.0**-2), 2 * (0.001 + 7.25**-2)]),
    ],
)
def test_aims_and_value_by_hand_over_two_kinds(falling, weights):
    assets = filled(
        ASSET, {"x_m": -9e3, "y_m": 2e3, "value": 8.0}, {"x_m": 4e3, "y_m": 6e3, "value": 2.0}
    )
    kinds = filled(THREAT_KIND, {"damage": 0.5, "hit": 1.0}, {"damage": 1.0, "hit": 1.0}, {})
    track = {"x_m": 1e3, "y_m": 2e3, "vx_mps": 60.0, "vy_mps": 80.0, "vz_mps": falling}
    tracks, slots = filled(TRACK, {}, track), np.zeros(2, np.int64)
    table = np.zeros((core.AIMS + 2 + 3, LANES), np.float32)
    beliefs_ = np.float32([[1, 0, 0], [0.5, 0.5, 0.0]])
    core.believe_aims(
        np.array([False, True]), tracks, beliefs_, assets, np.array([1.0, 0.25]), kinds, table,
        slots,
    )  # fmt: skip
    # Losses of 4 and 8 at the first; 0.25 * 2 at the second, whatever the kind.
    value = (weights[0] * 6.0 + weights[1] * 0.5) / sum(weights)
    assert tracks["aim"].tolist() == [0, 1]
    assert tracks["aim_belief"][1] == pytest.approx(max(weights) / sum(weights), rel=1e-5)
    assert tracks["value"][1] == pytest.approx(value, rel=1e-5)
