"""Fighter pairs by hand: from the scramble to the turn-round."""

import numpy as np
import pytest

from envs.core import air_policing as core
from envs.core import metrics
from envs.core.params import NONE, THREAT_KIND
from envs.core.params import SHOOTER as DEPLOYMENT
from envs.core.state import INBOUND, KILLED, SHOOTER, THREAT, TRACK
from tests.envs.small import (
    asset,
    at,
    by_kind,
    filled,
    fire,
    hold,
    kind_row,
    mapping,
    no_orders,
    package,
    row_of,
    shooter,
    slot_of,
    started,
    traffic,
)

SPEED, REACTION, PATIENCE = (
    330.0,
    300.0,
    {"kinds": "believed", "aims": "believed", "misses_to_lose": 2},
)
DRONE, OTHER = 0, 1  # numbers of the two that come in `scene`
HOSTILE = by_kind(1.0, light_aircraft=0.0, regional_aircraft=0.0, airliner=0.0)


def pair(name="pair", place=(0.0, 0.0), **keys):
    return shooter(name, "fighter_pair", place, **{"rounds": 2, "reserve_rounds": 6, **keys})


def scene(*pairs, other=None, **keys):
    """Return a drone 60 km north of its aim at the origin, and a light aircraft that looks like it.

    The light aircraft flies at 52 m/s from 30 km west and 30 km north to the east.
    """
    passing = other or traffic(entry=(-30.0, 30.0), exit=(60.0, 30.0))
    return mapping(
        **{
            "assets": [asset("town"), asset("base", (-5, 0), value=2.0)],
            "shooters": list(pairs) or [pair()],
            "packages": [package(entry=(0.0, 60.0), aim=["town"]), passing],
            "picture": PATIENCE, "clock_min": 60, **keys,
        }
    )  # fmt: skip


def place(batch, s=0):
    """Return where a shooter is, in metres."""
    row = batch.state().shooter[0, s]
    return float(row.x_m), float(row.y_m)


def of(batch, field, s=0):
    return batch.state().shooter[field][0, s]


def metric(batch, *names):
    return [batch.metrics()[name][0] for name in names]


def belief(batch, number, kind):
    return batch.state().belief[0, slot_of(batch, number)[0], kind_row(kind)]


def flight_s(batch, number, s=0):
    return float(batch.state().pair["flight_s"][0, s, slot_of(batch, number)[0]])


def able_to_send(batch, s=0):
    """Return whether a pair may be sent at anything now."""
    return bool(batch.observation["action_mask"][0, s, 1:].any())


def to_intercept(batch, number, s=0):
    """Send a pair, and hold until the end of the epoch in which it arrives."""
    left_s = flight_s(batch, number, s)
    fire(batch, s, number)
    hold(batch, int(left_s // 10))


# --- the scramble ---


def test_a_scramble_waits_for_the_alert_and_flies_straight_to_the_intercept():
    # In 300 s the drone comes to 45 km; then |(0, 45,000 - 50 T, 300)| = 330 T.
    batch = started(scene())
    a, b, c = 330.0**2 - 50.0**2, 2 * 45e3 * 50.0, -(45e3**2 + 300.0**2)
    flown_s = (-b + np.sqrt(b * b - 4 * a * c)) / (2 * a)
    assert flight_s(batch, DRONE) == pytest.approx(REACTION + flown_s, rel=1e-5)
    fire(batch, 0, DRONE)
    assert (of(batch, "take_off_s"), of(batch, "busy")) == (300.0, 1)
    hold(batch, 29)
    assert place(batch) == (0.0, 0.0), "on the ground until 300 s have passed"
    hold(batch, 6)
    assert place(batch) == pytest.approx((0.0, 60.0 * SPEED), abs=1.0), "60 s aloft"
    assert metric(batch, "engagements", "rounds_fired", "intercepts") == [1.0, 0.0, 0.0]
    hold(batch, 5)
    assert metric(batch, "intercepts") == [0.0], "at 410 s it is not there yet"
    hold(batch)
    assert (REACTION + flown_s) // 10 == 41
    assert metric(batch, "intercepts") == [1.0]


def test_it_flies_to_where_a_crossing_track_will_be():
    # Towards the light aircraft, which flies east: the goal is on its way, not where it is.
    batch = started(scene())
    left_s = flight_s(batch, OTHER)
    fire(batch, 0, OTHER)
    meeting = np.array([-30e3 + 52.0 * left_s, 30e3])
    goal = (of(batch, "goal_x_m"), of(batch, "goal_y_m"))
    assert goal == pytest.approx(meeting, rel=1e-4)
    flown_m = np.linalg.norm([*meeting, 350.0])  # slant
    assert flown_m == pytest.approx(SPEED * (left_s - REACTION), rel=1e-4)
    hold(batch, 32)  # now 330 s: 30 s aloft
    assert place(batch) == pytest.approx(tuple(meeting / np.hypot(*meeting) * 9_900.0), abs=2.0)


def test_one_on_patrol_starts_at_once_and_from_there():
    batch = started(scene(pair(place=(0, -40), patrol=at(0, 40))))
    assert place(batch) == pytest.approx((0.0, 40e3), abs=1.0)
    # 20 km apart, closing with 380 m/s but for the 300 m of altitude.
    assert flight_s(batch, DRONE) == pytest.approx(20e3 / 380.0, rel=1e-3)
    fire(batch, 0, DRONE)
    assert place(batch)[1] == pytest.approx(40e3 + 3_300.0, abs=2.0)


# --- what it does where it arrives ---


def test_an_aircraft_that_is_met_is_known_for_certain_and_left_alone():
    batch = started(scene(pair(), shooter("patriot", "patriot", rounds=4)), shooter_pk=HOSTILE)
    # Alike in speed and altitude: one of each comes, so even odds.
    assert belief(batch, OTHER, "light_aircraft") == pytest.approx(0.5)
    slot = slot_of(batch, OTHER)[0]
    assert batch.observation["action_mask"][0, :, 1 + slot].tolist() == [1, 1]
    to_intercept(batch, OTHER)
    assert belief(batch, OTHER, "light_aircraft") == 1.0
    assert batch.state().track["neutral"][0, slot] == 1.0
    assert metric(batch, "intercepts", "engagements", "rounds_fired") == [1.0, 1.0, 0.0]
    assert metric(batch, "rounds_wasted", "neutrals_shot", "rounds_at_neutrals") == [0.0] * 3
    assert (of(batch, "rounds"), of(batch, "busy")) == (2, 0)
    assert batch.state().threat["status"][0, row_of(batch, OTHER)[0]] == INBOUND
    assert not batch.observation["action_mask"][0, :, 1 + slot].any(), "nobody's to shoot now"
    assert not batch.observation["pair"][0, :, slot].any()


def test_a_decoy_is_left_alone_and_may_be_met_again_to_no_effect():
    other = package("decoys", "decoy", entry=(-30.0, 30.0))
    batch = started(scene(other=other), shooter_pk=HOSTILE)
    to_intercept(batch, OTHER)
    assert belief(batch, OTHER, "decoy") == 1.0
    assert (of(batch, "rounds"), metric(batch, "rounds_fired", "killed")) == (2, [0.0, 0.0])
    to_intercept(batch, OTHER)
    assert metric(batch, "intercepts", "engagements", "rounds_fired") == [1.0, 2.0, 0.0]


def test_a_threat_is_shot_at_when_it_is_met_with_one_round():
    batch = started(scene(), shooter_pk=HOSTILE, shooter__cost_keur=500.0)
    fire(batch, 0, DRONE)
    hold(batch, 40)
    assert (of(batch, "rounds"), metric(batch, "rounds_fired")) == (2, [0.0])
    hold(batch)
    names = ("rounds_fired", "rounds_fighter_pair", "rounds_cost_keur", "killed", "intercepts")
    assert metric(batch, *names) == [1.0, 1.0, 500.0, 1.0, 1.0]
    assert (of(batch, "rounds"), of(batch, "busy")) == (1, 0)
    assert batch.state().threat["status"][0, row_of(batch, DRONE)[0]] == KILLED


def test_it_kills_with_its_pk():
    rows, pk = 2048, 0.6
    batch = started(scene(), rows, shooter_pk=pk * HOSTILE)
    left_s = batch.state().pair["flight_s"][np.arange(rows), 0, slot_of(batch, DRONE)]
    assert len(np.unique(left_s)) == 1
    fire(batch, 0, DRONE)
    hold(batch, int(left_s[0] // 10))
    assert np.all(batch.metrics()["rounds_fired"] == 1.0)
    killed = batch.metrics()["killed"]
    assert abs(killed.mean() - pk) < 4.5 * np.sqrt(pk * (1 - pk) / rows)


# --- calling back ---


def test_a_lost_track_calls_it_back_before_take_off_without_turn_round():
    batch = started(scene())
    fire(batch, 0, DRONE)
    batch.state().sensor["able"] = False
    hold(batch, 2)
    assert not batch.state().held.any(), "missed twice"
    assert of(batch, "busy") == 1
    hold(batch)
    assert (of(batch, "busy"), of(batch, "take_off_s"), of(batch, "reload_s")) == (
        0, np.inf, np.inf,
    )  # fmt: skip
    batch.state().sensor["able"] = True
    hold(batch)
    assert able_to_send(batch)
    fire(batch, 0, DRONE)
    assert of(batch, "take_off_s") == 50.0 + REACTION, "as if nothing had been"
    assert metric(batch, "rounds_wasted", "rounds_unguided") == [0.0, 0.0]


def test_a_lost_track_calls_it_back_from_its_way():
    batch = started(scene(), shooter__reload_s=95.0)
    fire(batch, 0, DRONE)
    hold(batch, 34)  # 350 s, 50 s aloft
    batch.state().sensor["able"] = False
    hold(batch, 2)
    assert place(batch)[1] == pytest.approx(70 * SPEED, abs=2.0)
    hold(batch)
    assert (of(batch, "busy"), place(batch)[1]) == (0, pytest.approx(60 * SPEED, abs=2.0))
    hold(batch, 6)
    assert place(batch) == (0.0, 0.0)
    assert of(batch, "take_off_s") == np.inf
    assert of(batch, "reload_s") == 440.0 + 95.0, "it was aloft, so it is turned round"
    assert not able_to_send(batch)


def test_one_called_back_as_it_takes_off_has_been_aloft():
    batch = started(scene(), shooter__reload_s=95.0)
    fire(batch, 0, DRONE)
    hold(batch, 26)
    batch.state().sensor["able"] = False
    hold(batch, 3)
    assert of(batch, "take_off_s") == np.inf
    assert (of(batch, "busy"), of(batch, "reload_s")) == (0, REACTION + 95.0)


def test_what_another_pair_finds_neutral_calls_it_back():
    near = pair("near", (-30, 0), patrol=at(-30, 25))
    batch = started(scene(pair(), near))
    orders = no_orders(batch)
    orders[0] = 1 + slot_of(batch, OTHER)
    assert flight_s(batch, OTHER, 1) < 20.0 < REACTION < flight_s(batch, OTHER, 0)
    batch.step(orders)
    hold(batch)
    assert metric(batch, "intercepts") == [1.0]
    hold(batch)
    assert (of(batch, "busy"), of(batch, "take_off_s"), of(batch, "reload_s")) == (
        0, np.inf, np.inf,
    )  # fmt: skip
    assert metric(batch, "engagements", "rounds_fired") == [2.0, 0.0]


# --- the way back ---


def test_one_on_patrol_goes_back_to_its_station_and_stays_aloft():
    batch = started(scene(pair(place=(-30, 0), patrol=at(-30, 20))))
    assert flight_s(batch, OTHER) == pytest.approx(10e3 / SPEED, rel=0.02)
    to_intercept(batch, OTHER)
    assert metric(batch, "intercepts") == [1.0]
    assert np.hypot(place(batch)[0] + 30e3, place(batch)[1] - 20e3) > 1e3
    hold(batch, 5)
    assert place(batch) == pytest.approx((-30e3, 20e3), abs=1.0)
    assert (of(batch, "take_off_s"), of(batch, "reload_s")) == (0.0, np.inf)
    assert able_to_send(batch)


def sortie_left_min(batch, s=0):
    return batch.observation["shooter"][0, s, batch.layout.index("shooter", "sortie_left_min")]


def test_at_the_sorties_end_it_goes_home_and_is_rearmed_from_the_reserve():
    # 30 km from home: with 3.3 km an epoch it is back in the tenth.
    batch = started(
        scene(pair(place=(0, 0), patrol=at(0, 30), rounds=1, reserve_rounds=3)),
        shooter__sortie_s=300.0, shooter__reload_s=100.0,
    )  # fmt: skip
    assert sortie_left_min(batch) == pytest.approx(5.0)
    hold(batch, 29)
    assert place(batch) == pytest.approx((0.0, 30e3), abs=1.0)
    assert sortie_left_min(batch) == pytest.approx(10.0 / 60.0)
    hold(batch)
    assert place(batch)[1] == pytest.approx(30e3, abs=2.0)
    assert not able_to_send(batch), "nothing is near enough for what is left: nothing"
    hold(batch, 9)
    assert place(batch)[1] == pytest.approx(30e3 - 9 * 3_300.0, abs=2.0)
    hold(batch)
    assert (place(batch), of(batch, "take_off_s"), of(batch, "reload_s")) == (
        (0.0, 0.0), np.inf, 500.0,
    )  # fmt: skip
    hold(batch, 9)
    assert (of(batch, "rounds"), of(batch, "reserve")) == (1, 3)
    assert not able_to_send(batch), "it is being rearmed"
    assert batch.observation["pair"][0, 0, :, 0].any(), "and yet it could, later"
    hold(batch)
    assert (of(batch, "rounds"), of(batch, "reserve"), of(batch, "reload_s")) == (4, 0, np.inf)
    assert able_to_send(batch)


def test_rearming_takes_no_more_than_the_magazine_holds():
    base = pair(place=(0, 0), patrol=at(0, 0), rounds=4, reserve_rounds=9)
    batch = started(scene(base), shooter__sortie_s=20.0, shooter__reload_s=10.0)
    hold(batch, 2)
    assert of(batch, "reload_s") == 30.0, "over its base it lands as soon as its sortie is over"
    hold(batch)
    assert (of(batch, "rounds"), of(batch, "reserve")) == (6, 7)


def test_without_rounds_it_goes_home_and_not_to_its_station():
    batch = started(
        scene(pair(place=(0, 0), patrol=at(0, 40), rounds=1, reserve_rounds=2)), shooter_pk=HOSTILE
    )
    to_intercept(batch, DRONE)
    assert metric(batch, "rounds_fired") == [1.0]
    far = place(batch)[1]
    hold(batch)
    assert place(batch)[1] == pytest.approx(far - 3_300.0, abs=2.0)
    hold(batch, int(np.ceil(far / 3_300.0)) - 2)
    assert place(batch)[1] > 0.0
    hold(batch)
    assert place(batch) == (0.0, 0.0)
    assert np.isfinite(of(batch, "reload_s"))


@pytest.mark.parametrize(("patrol", "sooner_s"), [(None, REACTION), ([0, 40], 0.0)])
def test_it_is_sent_only_where_it_can_be_within_its_sortie(patrol, sooner_s):
    aloft = {} if patrol is None else {"patrol": at(*patrol)}
    need_s = flight_s(started(scene(pair(**aloft))), DRONE) - sooner_s
    for sortie_s, legal in ((need_s + 1.0, True), (need_s - 1.0, False)):
        batch = started(scene(pair(**aloft)), shooter__sortie_s=sortie_s)
        slot = slot_of(batch, DRONE)[0]
        assert batch.observation["action_mask"][0, 0, 1 + slot] == legal
        assert (batch.state().pair["pk"][0, 0, slot] > 0.0) == legal


# --- its base, and the next raid ---


def test_a_pair_whose_base_is_destroyed_is_out_and_wastes_nothing():
    batch = started(scene(pair(place=(-5, 0), asset="base")))
    fire(batch, 0, DRONE)
    hold(batch, 33)
    assert place(batch)[1] > 1e4
    batch.state().health[0, 1] = 0.0
    hold(batch)
    assert not of(batch, "able")
    assert place(batch) == pytest.approx((-5e3, 0.0), abs=1.0)
    assert (of(batch, "busy"), of(batch, "take_off_s"), of(batch, "rounds")) == (0, np.inf, 2)
    assert metric(batch, "rounds_fired", "rounds_wasted") == [0.0, 0.0]
    hold(batch)
    assert not able_to_send(batch)
    assert not batch.observation["pair"][0, 0].any()
    slot = slot_of(batch, DRONE)[0]
    assert batch.state().track["in_flight"][0, slot] == 0


@pytest.mark.parametrize("patrol", [None, (-30, 0)])
def test_a_new_raid_puts_it_back_where_it_waits_with_its_turn_round_over(patrol):
    aloft = {} if patrol is None else {"patrol": at(*patrol)}
    source = scene(pair(place=(0, 0), rounds=2, reserve_rounds=1, **aloft), campaign={"raids": 2})
    batch = started(source, shooter_pk=HOSTILE, threat_kind__hit=0.0)
    to_intercept(batch, DRONE)
    while not batch.state().raid["lull"][0]:
        hold(batch)
    batch.state().shooter["reload_s"][0, 0] = 1e5
    batch.state().shooter["x_m"][0, 0] = 7e4
    hold(batch)
    waits = (0.0, 0.0) if patrol is None else (-30e3, 0.0)
    assert place(batch) == pytest.approx(waits, abs=1.0)
    assert of(batch, "take_off_s") == (np.inf if patrol is None else 0.0)
    assert (of(batch, "rounds"), of(batch, "reserve")) == (2, 0)
    assert of(batch, "reload_s") == np.inf
    assert able_to_send(batch)
    assert np.all(batch.state().engagement["track"] == NONE)


# --- kernels by hand ---


@pytest.mark.parametrize(
    ("goal", "distance_m", "place"),
    [
        ((4e3, -2e3), 2.5e3, (2.5e3, 0.0)),  # half of 3-4-5
        ((4e3, -2e3), 5e3, (4e3, -2e3)),
        ((4e3, -2e3), 5.1e3, (4e3, -2e3)),
        ((-2e3, 6e3), 1e3, (0.4e3, 2.8e3)),
        ((1e3, 2e3), 0.0, (1e3, 2e3)),
    ],
)
def test_a_pair_flies_straight_and_no_further(goal, distance_m, place):
    shooter_ = filled(
        SHOOTER, {"x_m": 1e3, "y_m": 2e3, "goal_x_m": goal[0], "goal_y_m": goal[1]}
    )[0]  # fmt: skip
    core.approach(shooter_, np.float32(distance_m))
    assert (shooter_.x_m, shooter_.y_m) == pytest.approx(place)


BASE = {"x_m": 1e3, "y_m": 2e3, "patrol_x_m": 3e3, "patrol_y_m": 4e3, "aloft": True,
        "sortie_s": 600.0, "reaction_s": 60.0, "rounds_per_engagement": 2,
        "interceptor_mps": 100.0}  # fmt: skip


@pytest.mark.parametrize(
    ("deployed", "rounds", "now_s", "home"),
    [
        ({}, 2, 699.0, False),
        ({}, 2, 700.0, True),  # its sortie is over
        ({}, 1, 200.0, True),
        ({"aloft": False}, 2, 200.0, True),
    ],
)
def test_where_a_free_pair_goes_by_hand(deployed, rounds, now_s, home):
    shooter_ = filled(SHOOTER, {"rounds": rounds, "take_off_s": 100.0})[0]
    found = core.go_back(shooter_, filled(DEPLOYMENT, BASE | deployed)[0], np.float32(now_s))
    assert found == home
    assert (shooter_.goal_x_m, shooter_.goal_y_m) == ((1e3, 2e3) if home else (3e3, 4e3))


def test_times_of_a_sortie_by_hand():
    deployed = filled(DEPLOYMENT, BASE)[0]
    track = filled(TRACK, {"x_m": 1e3, "y_m": 2e3, "vx_mps": 60.0, "vy_mps": -80.0})[0]
    now_s, flight = np.float32(200.0), np.float32(90.0)
    for before_s, reaction, left_s, after_s in (
        (np.inf, 60.0, 660.0, 260.0), (100.0, 0.0, 500.0, 100.0),
    ):  # fmt: skip
        shooter_ = filled(SHOOTER, {"take_off_s": before_s})[0]
        assert core.reaction_s(shooter_, deployed) == reaction
        assert core.sortie_left_s(shooter_, deployed, now_s) == left_s
        core.send(shooter_, deployed, track, flight, now_s)
        assert shooter_.take_off_s == after_s
        assert (shooter_.goal_x_m, shooter_.goal_y_m) == (1e3 + 5.4e3, 2e3 - 7.2e3)


def test_where_pairs_wait_when_a_raid_begins():
    shooters = filled(SHOOTER, {}, {})
    core.deploy(shooters, filled(DEPLOYMENT, BASE, BASE | {"aloft": False}))
    assert shooters["x_m"].tolist() == [3e3, 1e3]
    assert shooters["y_m"].tolist() == [4e3, 2e3]
    assert shooters["take_off_s"].tolist() == [0.0, np.inf]
    assert shooters["goal_x_m"].tolist() == [3e3, 3e3]
    assert shooters["goal_y_m"].tolist() == [4e3, 4e3]


@pytest.mark.parametrize(
    ("certain", "kind", "shoot"), [(False, 0, True), (False, 1, False), (False, 2, False),
                                   (True, 0, True), (True, 1, False)]
)  # fmt: skip
def test_whom_a_pair_meets_is_known_by_hand(certain, kind, shoot):
    kinds = filled(THREAT_KIND, {}, {"neutral": True}, {"decoy": True})
    track, belief_ = filled(TRACK, {"certain": certain})[0], np.float32([0.5, 0.25, 0.25])
    totals = np.zeros(metrics.BY_KIND)
    threat = filled(THREAT, {"kind": kind})[0]
    assert core.meet(track, belief_, threat, kinds[kind], totals) == shoot
    assert totals[metrics.INTERCEPTS] == totals.sum() == (0.0 if certain else 1.0)
    assert track.certain
    assert certain or (track.kind == kind and belief_[kind] == belief_.sum() == 1.0)
