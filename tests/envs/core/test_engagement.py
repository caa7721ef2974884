"""Kill or miss: frequencies by hand, one kill number a threat, order, evasion."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from envs.core import engagement as core
from envs.core import metrics
from envs.core.params import NONE, THREAT_KIND
from envs.core.params import SHOOTER as DEPLOYMENT
from envs.core.randomness import JAMMING, uniform
from envs.core.state import ENGAGEMENT, INBOUND, KILLED, SHOOTER, THREAT, TRACK, VERTEX
from tests.envs.small import (
    assert_same,
    asset,
    filled,
    fire,
    hold,
    mapping,
    no_orders,
    package,
    play_out,
    shooter,
    slot_of,
    started,
)

ROWS = 4096


def one_drone(rows=ROWS, **tuned):
    """Return raids of one drone against a battery with plenty of channels and rounds."""
    source = mapping(shooters=[shooter(kind="patriot", rounds=12)])
    return started(source, rows, shooter__falloff=0.0, threat_kind__hit=1.0, **tuned)


@pytest.mark.parametrize("pk", [0.05, 0.5, 0.9])
def test_one_engagement_kills_with_frequency_pk(pk):
    batch = one_drone(shooter_pk=pk)
    fire(batch)
    play_out(batch)
    killed = batch.metrics()["killed"].mean()
    assert abs(killed - pk) < 4.5 * np.sqrt(pk * (1 - pk) / ROWS)
    assert np.all(batch.metrics()["rounds_wasted"] == 0.0)


@pytest.mark.parametrize("n", [2, 3, 5])
def test_n_engagements_kill_with_frequency_by_hand(n):
    pk = 0.25
    batch = one_drone(shooter_pk=pk)
    for _ in range(n):
        # Those already killed show no track, so fire at what is left: same frequency.
        orders = no_orders(batch)
        orders[:, 0] = 1 + slot_of(batch)
        batch.step(orders)
    play_out(batch)
    expected = 1.0 - (1.0 - pk) ** n
    killed = batch.metrics()["killed"].mean()
    assert abs(killed - expected) < 4.5 * np.sqrt(expected * (1 - expected) / ROWS)


def test_engagements_judged_together_kill_with_the_same_frequency():
    source = mapping(shooters=[shooter(f"battery {n}", rounds=2) for n in range(3)])
    pks = np.array([0.2, 0.35, 0.5], np.float32)
    batch = started(source, ROWS, shooter__falloff=0.0, shooter_pk=pks[None, :, None])
    orders = np.broadcast_to(1 + slot_of(batch)[:, None], (ROWS, 3)).copy()
    batch.step(orders)
    survival = batch.state().track["survival"][np.arange(ROWS), slot_of(batch)]
    expected = 1.0 - np.prod(1.0 - pks)
    assert survival == pytest.approx(1.0 - expected, rel=1e-6)
    play_out(batch)
    killed = batch.metrics()["killed"].mean()
    assert abs(killed - expected) < 4.5 * np.sqrt(expected * (1 - expected) / ROWS)


@pytest.fixture(scope="module")
def records():
    """Return an engagement, a threat, a route and a kind, from a cruise missile's raid."""
    batch = started("duel")
    state, params = batch.state(), batch.params
    return (
        state.engagement[0, 0, :1].copy(),
        state.threat[0, :1].copy(),
        state.route[0, 0].copy(),
        params.threat_kind[0, :1].copy(),
    )


def dies(records, pks, u):
    """Return whether a threat of kill number u is dead after engagements of these pks."""
    engagement, threat, route, kind = records
    engagement, threat, route = engagement.copy(), threat.copy(), route.copy()
    route["time_s"] = np.inf
    threat["survival"], threat["kill_u"] = 1.0, u
    engagement["pk"] = 0.123  # what was believed does not matter
    dead = False
    for pk in pks:
        engagement["true_pk"], engagement["leg"], engagement["resolve_s"] = pk, 0, 10.0
        dead = core.kills(engagement[0], threat[0], route, kind[0]) or dead
    return dead


chances = st.lists(st.floats(0.0, 1.0, width=32), max_size=8)
kill_number = st.floats(0.0, 1.0, exclude_max=True)


@given(pks=chances, u=kill_number, extra=st.floats(0.0, 1.0, width=32), data=st.data())
def test_an_extra_engagement_never_saves_a_threat(records, pks, u, extra, data):
    place = data.draw(st.integers(0, len(pks)))
    more = [*pks[:place], extra, *pks[place:]]
    assert dies(records, more, u) >= dies(records, pks, u)


@given(pks=st.lists(st.sampled_from([0.0, 0.5, 0.75]), max_size=6), u=kill_number, data=st.data())
def test_the_order_of_engagements_does_not_matter(records, pks, u, data):
    # Powers of two, whose products are exact in any order.
    shuffled = data.draw(st.permutations(pks))
    assert dies(records, pks, u) == dies(records, shuffled, u)
    assert dies(records, pks, u) == (np.prod([1.0 - pk for pk in pks]) <= u)


def test_certain_and_impossible_kills(records):
    assert dies(records, [1.0], 0.0)
    assert not dies(records, [0.0], 1.0 - 2**-53)


def test_more_fire_kills_no_fewer():
    """Played out: what dies under some fire dies under that fire and more."""
    rows = 512
    source = mapping(
        shooters=[shooter("one", "patriot", rounds=12), shooter("two", "patriot", rounds=12)],
        packages=[package(number=(3, 3), spacing_min=0.2)],
    )
    less, more = (started(source, rows, shooter_pk=0.4) for _ in range(2))
    rng = np.random.default_rng(3)
    for epoch in range(10):
        orders = no_orders(less)
        orders[:, 0] = rng.integers(0, 5, rows) * (epoch % 3 == 0)
        less.step(orders)
        orders[:, 1] = rng.integers(0, 5, rows) * (epoch % 3 == 0)
        more.step(orders)
    play_out(less)
    play_out(more)
    dead = less.state().threat["status"] == KILLED
    assert np.all(more.state().threat["status"][dead] == KILLED)
    assert more.metrics()["killed"].sum() > less.metrics()["killed"].sum() > 0


def test_engagements_are_judged_by_time_then_shooter():
    batch = started(mapping(shooters=[shooter(f"battery {n}") for n in range(3)]))
    shooters, flying = batch.state().shooter[0], batch.state().engagement[0]
    times = {(0, 0): 7.0, (0, 1): 3.0, (1, 0): 3.0, (2, 0): 12.0, (2, 1): 1.0}
    for (s, c), time_s in times.items():
        flying["resolve_s"][s, c] = time_s
    shooters["busy"] = [2, 1, 2]
    order = np.zeros(64, np.int64)
    count = core.due(shooters, flying, np.float32(10.0), order)
    channels = flying.shape[1]
    found = [(n // channels, n % channels) for n in order[:count]]
    assert found == [(2, 1), (0, 1), (1, 0), (0, 0)]
    assert core.due(shooters, flying, np.float32(3.0), order) == 1, "until_s itself is not due"


@pytest.mark.parametrize(("ahead_s", "kills"), [(0.001, True), (0.0, False), (-0.001, False)])
def test_only_strictly_before_the_impact_counts(ahead_s, kills):
    batch = one_drone(1, shooter_pk=1.0)
    fire(batch)
    state, slot = batch.state(), slot_of(batch)[0]
    # Judged and due in the same epoch, so that the phases' order alone would kill.
    resolve_s = np.float32(15.0)
    state.engagement["resolve_s"][0, 0, 0] = resolve_s
    state.threat["impact_s"][0, slot] = resolve_s + np.float32(ahead_s)
    hold(batch)
    metrics_now = batch.metrics()
    assert metrics_now["killed"][0] == float(kills)
    assert metrics_now["leakers"][0] == float(not kills)
    assert metrics_now["rounds_wasted"][0] == float(not kills)


def test_fire_at_the_dead_is_wasted_and_counted():
    batch = one_drone(1, shooter_pk=1.0)
    # A second threat, so that the raid goes on when the first is dead.
    batch = started(
        mapping(
            shooters=[shooter(kind="patriot", rounds=12)],
            packages=[package(number=(2, 2), spacing_min=1.0)],
        ),
        shooter_pk=1.0,
    )
    fire(batch)
    fire(batch)
    hold(batch, 4)
    totals = batch.metrics()
    assert (totals["engagements"][0], totals["rounds_fired"][0]) == (2.0, 2.0)
    assert (totals["killed"][0], totals["rounds_wasted"][0]) == (1.0, 1.0)
    assert batch.state().shooter["busy"][0, 0] == 0


def test_a_channel_is_free_from_the_epoch_after_the_end():
    batch = one_drone(1, shooter_pk=1e-6, shooter__channels=1)
    fire(batch)
    resolve_s = float(batch.state().engagement["resolve_s"][0, 0, 0])
    busy = []
    for _ in range(5):
        hold(batch)
        busy.append(int(batch.state().shooter["busy"][0, 0]))
    now = 20.0 + 10.0 * np.arange(5)
    assert busy == [int(resolve_s >= time) for time in now]
    assert 1 in busy
    assert 0 in busy


@pytest.mark.parametrize(("passed", "evasion"), [(0, 0.5), (1, 0.5), (2, 0.5), (2, 0.25), (3, 1.0)])
def test_pk_falls_with_each_waypoint_passed_since_launch(records, passed, evasion):
    engagement, threat, _, kind = (record.copy() for record in records)
    route = np.zeros(6, records[2].dtype).view(type(records[2]))
    # Waypoints at 10, 20, 30 s, then the aim point; one passed before launch does not count.
    route["time_s"] = [0.0, 10.0, 20.0, 30.0, 40.0, np.inf]
    threat["survival"], threat["kill_u"] = 1.0, 0.0
    kind["evasion"] = evasion
    launch_leg = 0 if passed == 3 else 1
    engagement["true_pk"], engagement["leg"] = 0.8, launch_leg
    engagement["resolve_s"] = 10.0 * (launch_leg + passed) + 5.0
    core.kills(engagement[0], threat[0], route, kind[0])
    pk = float(np.float32(0.8)) * (1.0 - evasion) ** passed
    assert threat["survival"][0] == pytest.approx(1.0 - pk, rel=1e-12)


def test_a_turn_between_launch_and_intercept_saves_some():
    # 5 km to a waypoint, then 20 km on: fired at before the turn, judged after it.
    rows, pk, evasion = ROWS, 0.8, 0.5
    source = mapping(
        assets=[asset(place=(0, 0))],
        shooters=[shooter(kind="patriot", rounds=12)],
        packages=[package(entry=(5, 20), routes=[[list(asset(place=(0, 20))["position"])]])],
        clock_min=30,
    )
    frequencies = []
    for wait in (9, 11):  # the turn is 100 s into the raid, the flight takes about 24 s
        batch = started(
            source, rows, shooter_pk=pk, shooter__falloff=0.0, threat_kind__evasion=evasion
        )
        hold(batch, wait)
        fire(batch)
        play_out(batch)
        frequencies.append(batch.metrics()["killed"].mean())
    for frequency, expected in zip(frequencies, (pk * (1 - evasion), pk), strict=True):
        assert abs(frequency - expected) < 4.5 * np.sqrt(expected * (1 - expected) / rows)


def test_the_picture_counts_what_is_in_flight():
    batch = one_drone(1, shooter_pk=0.5)
    fire(batch)
    fire(batch)
    track, flying = batch.state().track[0, slot_of(batch)[0]], batch.state().engagement[0, 0]
    assert track.in_flight == 2
    assert track.survival == 0.25
    assert track.resolve_s == pytest.approx(flying["resolve_s"][:2].min() - 20.0)
    layout, row = batch.layout, batch.observation["track"][0, slot_of(batch)[0]]
    assert row[layout.index("track", "in_flight")] == 2.0
    assert row[layout.index("track", "survival")] == 0.25
    assert row[layout.index("track", "next_resolve_min")] == pytest.approx(track.resolve_s / 60)


def test_illegal_orders_hold_and_are_counted():
    batch = one_drone(1)
    before = batch.get_state()
    slot = slot_of(batch)[0]
    empty = next(i for i in range(4) if i != slot)
    for orders in (-1, 5, 10**12, -(2**62), 1 + empty):
        batch.set_state(before)
        batch.step(np.array([[orders]]))
        assert batch.metrics()["illegal_actions"][0] == 1.0, orders
        illegal = batch.get_state()
        batch.set_state(before)
        hold(batch)
        holding = batch.get_state()
        column = metrics.ILLEGAL_ACTIONS
        assert illegal["metrics"][0, column] == 1.0 + holding["metrics"][0, column]
        illegal["metrics"][0, column] = holding["metrics"][0, column]
        assert_same(illegal, holding, orders)


def test_a_threat_is_shot_at_only_while_inbound():
    batch = one_drone(ROWS, shooter_pk=0.5)
    for _ in range(8):
        orders = no_orders(batch)
        orders[:, 0] = 1 + slot_of(batch)
        inbound = batch.state().threat["status"][np.arange(ROWS), slot_of(batch)] == INBOUND
        fired = batch.metrics()["engagements"]
        over = batch.terminated.copy()
        batch.step(orders)
        rose = batch.metrics()["engagements"] - fired
        assert not np.any(rose[~inbound | over])


def test_what_is_in_flight_when_the_raid_ends_is_wasted():
    rows = 32
    batch = started("standard", rows, seed=0)
    choices = np.arange(batch.observation["action_mask"].shape[2])
    while not batch.terminated.all():
        # Everybody fires at the last slot that is legal, so many shoot at the dead.
        batch.step((batch.observation["action_mask"] * choices).max(axis=2).astype(np.int64))
    totals = batch.metrics()
    assert not batch.state().shooter["busy"].any()
    judged = totals["rounds_fired"] - totals["rounds_wasted"]
    assert (judged >= totals["killed"]).all() and totals["rounds_wasted"].any()


# --- kernels by hand ---

KINDS = [{"cost_keur": 5.0}, {"neutral": True, "cost_keur": 9.0}, {"decoy": True}]
PAIR = {"sortie_s": 600.0}  # a fighter pair


@pytest.mark.parametrize(
    ("deployed", "flying", "threat", "totals"),
    [
        ({}, {}, {}, {"killed": 1, "killed_cost_keur": 5}),
        ({}, {}, {"kind": 1}, {"neutrals_shot": 1}),
        ({}, {}, {"kind": 2}, {"killed": 1}),
        ({}, {}, {"kill_u": 0.0}, {}),
        ({}, {}, {"impact_s": 10.5}, {"killed": 1, "killed_cost_keur": 5}),
        ({}, {}, {"impact_s": 10.0}, {"rounds_wasted": 2}),  # it lands at the same moment
        ({}, {}, {"impact_s": 9.5}, {"rounds_wasted": 2}),
        ({}, {}, {"status": KILLED}, {"rounds_wasted": 2}),
        ({}, {"track": NONE}, {}, {"rounds_wasted": 2, "rounds_unguided": 2}),
        ({}, {"track": NONE}, {"status": KILLED}, {"rounds_wasted": 2}),
        (PAIR, {}, {}, {"killed": 1, "killed_cost_keur": 5, "intercepts": 1, "rounds_fired": 2,
                        "rounds_cost_keur": 6}),
        (PAIR, {}, {"kill_u": 0.0}, {"intercepts": 1, "rounds_fired": 2, "rounds_cost_keur": 6}),
        (PAIR, {}, {"kind": 1}, {"intercepts": 1}),
        (PAIR, {}, {"kind": 2}, {"intercepts": 1}),
        (PAIR, {}, {"status": KILLED}, {}),
        (PAIR, {}, {"impact_s": 10.0}, {}),
        (PAIR, {"track": NONE}, {}, {}),
        (PAIR, {"track": NONE}, {"status": KILLED}, {}),
    ],
)  # fmt: skip
def test_the_end_of_an_engagement_by_hand(deployed, flying, threat, totals):
    engagements = filled(ENGAGEMENT, {}, {"resolve_s": 10.0, "true_pk": 0.5} | flying)
    shooters, kinds = filled(SHOOTER, {}, {"rounds": 7}), filled(THREAT_KIND, *KINDS)
    deployment = filled(
        DEPLOYMENT, {}, {"rounds_per_engagement": 2, "cost_keur": 3.0} | deployed
    )  # fmt: skip
    # Survival falls to 0.5 with the engagement, its kill number.
    threats = filled(
        THREAT, {"status": INBOUND, "survival": 1.0, "kill_u": 0.5, "impact_s": 99.0} | threat
    )
    tracks, beliefs = filled(TRACK, {}), np.float32([[0.5, 0.25, 0.25]])
    found = np.zeros(metrics.BY_KIND + 7)
    core.resolve(
        engagements.reshape(2, 1), shooters, deployment, threats, filled(VERTEX, {}, {})[None],
        kinds, tracks, beliefs, found, np.array([1]), 1,
    )  # fmt: skip
    expected = np.zeros(metrics.BY_KIND + 7)
    for name, value in totals.items():
        expected[metrics.FIXED.index(name)] = value
    kind = threats["kind"][0]
    dies = totals.get("killed") or totals.get("neutrals_shot")
    expected[metrics.BY_KIND + kind] = dies or 0.0
    fired = totals.get("rounds_fired", 0)
    expected[metrics.BY_KIND + 6] = fired
    assert found.tolist() == expected.tolist()
    assert (threats["status"][0] == KILLED) == bool(dies or threat.get("status") == KILLED)
    assert shooters["rounds"].tolist() == [0, 7 - fired]
    lost = flying.get("track") == NONE or (deployed and not fired)
    assert engagements["track"][1] == (NONE if lost else 0)


@pytest.mark.parametrize(
    ("threat", "totals"),
    [
        ({"status": INBOUND}, {}),
        ({"status": INBOUND, "kind": 1}, {"rounds_at_neutrals": 2}),
        ({"status": INBOUND, "kind": 2}, {"rounds_at_decoys": 2}),
        ({"status": KILLED}, {"rounds_at_dead": 2}),
    ],
)
def test_what_is_spent_by_hand(threat, totals):
    shooter_ = filled(SHOOTER, {"rounds": 7})[0]
    deployed = filled(DEPLOYMENT, {"rounds_per_engagement": 2, "cost_keur": 3.0, "kind": 1})[0]
    kinds, found = filled(THREAT_KIND, *KINDS), np.zeros(metrics.BY_KIND + 8)
    core.spend(shooter_, deployed, filled(THREAT, threat)[0], kinds, found)
    expected = np.zeros(metrics.BY_KIND + 8)
    for name, value in (totals | {"rounds_fired": 2, "rounds_cost_keur": 6}).items():
        expected[metrics.FIXED.index(name)] = value
    expected[metrics.BY_KIND + 7] = 2.0
    assert found.tolist() == expected.tolist()
    assert shooter_.rounds == 5


def test_what_is_dropped_with_its_shooter_by_hand():
    for over, busy, wasted in ((False, [2, 0, 0, 0], 6.0), (True, [0, 0, 0, 0], 10.0)):
        shooters = filled(
            SHOOTER,
            {"able": True, "busy": 2}, {"busy": 3}, {"busy": 1}, {"able": True},
        )  # fmt: skip
        deployment = filled(
            DEPLOYMENT, *({"rounds_per_engagement": 2, "sortie_s": s} for s in (0, 0, 600, 0))
        )
        totals = np.zeros(metrics.BY_KIND)
        core.drop_lost(shooters, deployment, totals, over)
        assert shooters["busy"].tolist() == busy
        assert totals[metrics.ROUNDS_WASTED] == totals.sum() == wasted, "a pair fires nothing"


def test_channels_are_given_back_by_hand():
    ends = [[30.0, 10.0, 40.0], [19.9, 20.0, 5.0]]
    engagements = np.zeros((2, 3), ENGAGEMENT)
    for name in ENGAGEMENT.names:
        engagements[name] = [[1, 2, 3], [4, 5, 6]]
    engagements["resolve_s"] = ends
    shooters = filled(SHOOTER, {"busy": 3}, {"busy": 2})
    core.free_channels(shooters, engagements, np.float32(20.0))
    assert shooters["busy"].tolist() == [2, 1]
    assert engagements["resolve_s"][0, :2].tolist() == [30.0, 40.0]
    assert engagements["resolve_s"][1, 0] == 20.0, "until_s itself is not over"
    for name in set(ENGAGEMENT.names) - {"resolve_s"}:
        assert engagements[name][0, :2].tolist() == [1, 3], name
        assert engagements[name][1, 0] == 5, name
    core.lose_guidance(engagements, 3)
    assert engagements["track"].tolist() == [[1, NONE, NONE], [5, 5, 6]]


def test_what_is_in_flight_by_hand():
    engagements = np.zeros((2, 2), ENGAGEMENT)
    engagements["track"] = [[0, NONE], [0, 1]]
    engagements["pk"], engagements["resolve_s"] = [[0.5, 0.5], [0.25, 0.5]], [[30, 9], [25, 9]]
    tracks, held = filled(TRACK, {}, {}, {}), np.array([True, False, True])
    shooters = filled(SHOOTER, {"busy": 2}, {"busy": 2})
    core.sum_up(shooters, engagements, held, tracks, np.float32(20.0))
    assert tracks["in_flight"].tolist() == [2, 0, 0]
    assert tracks["survival"].tolist() == [0.375, 0.0, 1.0]
    assert tracks["resolve_s"].tolist() == [5.0, 0.0, np.inf]


@pytest.mark.parametrize(
    ("certain", "kind", "neutral", "judged"),
    [
        # Believed: 0.5 * 0.8 / (1 - 0.25) = 0.5333; of kind 0, 0.8 / 0.5333 = 1.5 times 0.25.
        (False, 0, 0.25, 0.375),
        (True, 0, 0.25, 0.25),
        (False, 1, 0.25, 0.25),  # neutral: as surely as what it was taken for
        (False, 2, 0.25, 0.0),  # what it cannot hit at all
        (False, 0, 1.0, 0.0),
    ],
)
def test_what_an_engagement_is_judged_by(certain, kind, neutral, judged):
    base, belief = np.float32([0.8, 0.0, 0.0]), np.float32([0.5, 0.25, 0.25])
    track = filled(TRACK, {"certain": certain, "neutral": neutral})[0]
    threat, kinds = filled(THREAT, {"kind": kind})[0], filled(THREAT_KIND, *KINDS)
    deployed = filled(DEPLOYMENT, {})[0]
    pk = np.float32(0.25)
    found = core.judged_pk(pk, base, track, belief, threat, kinds, deployed, np.uint64(1))
    assert found == pytest.approx(judged)


def test_pk_believed_by_hand():
    base, belief = np.float32([0.8, 0.4, 0.0]), np.float32([0.5, 0.25, 0.25])
    for neutral, pk in ((0.0, 0.5), (0.25, 2 / 3), (0.5, 1.0), (0.75, 1.0), (1.0, 0.0)):
        assert core.believed_pk(base, belief, np.float32(neutral)) == pytest.approx(pk)


def test_jamming_works_on_what_can_be_jammed():
    for number in range(9):
        u = uniform(np.uint64(3), JAMMING, number, 0)
        for jammable, pk in ((0.5, 0.25), (0.1, 0.05), (u, 0.0), (0.4, 0.5)):
            kind = filled(THREAT_KIND, {"jammable": jammable})[0]
            found = core.jamming_pk(np.float32(pk), kind, number, np.uint64(3))
            works = u < jammable
            assert found == pytest.approx(min(pk / jammable, 1.0) if works else 0.0)
