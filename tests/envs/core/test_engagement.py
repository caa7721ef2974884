"""Kill or miss: frequencies by hand, one kill number a threat, order, evasion."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from envs.core import engagement as core
from envs.core import metrics
from envs.core.state import INBOUND, KILLED
from tests.envs.small import (
    assert_same,
    asset,
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
