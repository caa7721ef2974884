"""Impacts by hand: damage, hardness, saturation, order."""

import numpy as np
import pytest

from envs.core import damage as core
from envs.core import metrics as columns
from envs.core.params import ASSET, NONE, THREAT_KIND
from envs.core.params import SENSOR as DEPLOYED
from envs.core.params import SHOOTER as DEPLOYMENT
from envs.core.state import DUD, INBOUND, KILLED, LEAKED, PENDING, SENSOR, SHOOTER, THREAT
from tests.envs.small import asset, filled, hold, mapping, package, play_out, shooter, started


def raid_of(number, value=10.0, hardness=0.0, **tuned):
    """Return a batch of one: `number` drones at 20 km, all at one asset."""
    source = mapping(
        assets=[asset(value=value, hardness=hardness)],
        packages=[package(number=(number, number))],
        slots=max(number, 1),
    )
    return started(source, **{"threat_kind__hit": 1.0, **tuned})


@pytest.mark.parametrize(
    ("number", "damage", "hardness", "loss", "health"),
    [
        (1, 0.4, 0.0, 4.0, 0.6),
        (1, 0.4, 0.25, 3.0, 0.7),
        (2, 0.4, 0.25, 6.0, 0.4),
        (3, 0.4, 0.0, 10.0, 0.0),  # 0.4 + 0.4 + the 0.2 that is left
        (5, 0.4, 0.0, 10.0, 0.0),
        (1, 1.0, 1.0, 0.0, 1.0),
    ],
)
def test_loss_by_hand(number, damage, hardness, loss, health):
    batch = raid_of(number, hardness=hardness, threat_kind__damage=damage)
    assert batch.metrics()["undefended_loss"][0] == pytest.approx(loss, rel=1e-12)
    play_out(batch)
    metrics = batch.metrics()
    assert metrics["loss"][0] == pytest.approx(loss, rel=1e-12)
    assert batch.state().health[0, 0] == pytest.approx(health, abs=1e-12)
    assert metrics["leakers"][0] == metrics["leakers_slow_drone"][0] == number
    assert metrics["assets_lost"][0] == (1.0 if health == 0.0 else 0.0)
    assert metrics["protected_share"][0] == (0.0 if loss else 1.0)


def test_the_last_hit_takes_exactly_what_is_left():
    batch = raid_of(7, threat_kind__damage=0.3)
    play_out(batch)
    assert batch.state().health[0, 0] == 0.0


def test_duds_do_no_damage():
    batch = raid_of(3, threat_kind__hit=0.0)
    play_out(batch)
    metrics = batch.metrics()
    assert metrics["duds"][0] == 3.0
    assert metrics["leakers"][0] == metrics["loss"][0] == metrics["undefended_loss"][0] == 0.0
    assert metrics["protected_share"][0] == 1.0, "nothing was at risk"


def test_share_of_hits_is_the_hit_probability():
    rows, hit = 4096, 0.7
    batch = started(mapping(), rows, threat_kind__hit=hit)
    play_out(batch)
    leaked = batch.metrics()["leakers"].mean()
    assert abs(leaked - hit) < 4.5 * np.sqrt(hit * (1 - hit) / rows)


def test_impacts_go_by_time_then_number():
    source = mapping(packages=[package(number=(4, 4))])
    for seed in range(6):  # as many shuffles of the slots
        threats = started(source, seed=seed).state().threat[0]
        slots = np.argsort(threats["number"])
        threats["impact_s"][slots] = [25.0, 15.0, 25.0, 15.0]
        order = []
        while (first := core.next_impact(threats, np.float32(25.5))) != NONE:
            order.append(int(threats["number"][first]))
            threats["status"][first] = LEAKED
        assert order == [1, 3, 0, 2]
        threats["status"] = INBOUND
        assert core.next_impact(threats, np.float32(15.0)) == NONE, "until_s itself is not due"
        threats["status"] = PENDING
        assert core.next_impact(threats, np.float32(16.0)) == slots[1], "seen or not"
        threats["status"] = KILLED
        assert core.next_impact(threats, np.float32(99.0)) == NONE


def test_a_raid_that_destroys_everything_is_over_at_once():
    batch = raid_of(4, threat_kind__damage=1.0)
    batch.state().threat["impact_s"][0, :2] = 15.0
    hold(batch)
    assert not batch.terminated[0]
    hold(batch)
    assert batch.terminated[0]
    assert not batch.truncated[0]
    assert batch.metrics()["leakers"][0] == 2.0
    assert batch.metrics()["epochs"][0] == 2.0


def test_a_shooter_that_is_an_asset_dies_with_it():
    source = mapping(
        assets=[asset("city", (0, 30)), asset("site")],
        shooters=[shooter("site battery", rounds=6, asset="site"), shooter("free", rounds=6)],
        packages=[
            package("first", entry=(0, 15), aim=["site"]),
            package("second", entry=(-20, 30), aim=["city"]),
        ],
    )
    far = {"shooter__air_range_max_m": 60e3, "shooter_pk": 1e-6}
    batch = started(source, threat_kind__hit=1.0, threat_kind__damage=1.0, **far)
    state = batch.state()
    numbers = list(state.threat["number"][0])
    first, second = numbers.index(0), numbers.index(1)
    state.threat["impact_s"][0, first] = 15.0
    orders = np.array([[1 + second, 1 + second]])
    batch.step(orders)
    in_flight = state.engagement["resolve_s"][0, :, 0]
    assert np.all(in_flight > 20.0), "the test needs both to be in flight when the site falls"
    assert np.all(state.shooter["able"][0])
    batch.step(orders)  # the site falls in this epoch: its launch at the start still counts
    assert list(state.shooter["able"][0]) == [False, True]
    assert list(state.shooter["busy"][0]) == [0, 2], "its rounds in flight are lost"
    metrics = batch.metrics()
    assert metrics["rounds_fired"][0] == 4.0
    assert metrics["rounds_wasted"][0] == 2.0
    assert not batch.observation["action_mask"][0, 0, 1:].any()
    assert batch.observation["shooter"][0, 0, 0] == 0.0
    track = state.track[0, second]
    assert track.in_flight == 2, "only those of the shooter that is left"
    batch.step(orders)
    assert batch.metrics()["illegal_actions"][0] == 1.0
    assert batch.metrics()["rounds_fired"][0] == 5.0


# --- kernels by hand ---


def test_an_empty_row_of_assets_has_no_health():
    healths = np.full(3, 0.25)
    core.restore(healths, filled(ASSET, {"value": 4.0}, {"value": 0.0}, {"value": 1e-3}))
    assert healths.tolist() == [1.0, 0.0, 1.0]
    assert not core.everything_lost(healths)
    assert not core.everything_lost(np.array([0.0, 1e-9]))
    assert core.everything_lost(np.zeros(2))


def test_what_falls_out_with_its_asset_by_hand():
    shooters, sensors = filled(SHOOTER, *[{"able": True}] * 4), filled(SENSOR, *[{"able": 1}] * 6)
    shooters["able"][3] = False
    deployment = filled(DEPLOYMENT, *({"asset": n} for n in (NONE, 0, 1, NONE)))
    deployed = filled(
        DEPLOYED,
        {"asset": NONE, "shooter": NONE},
        {"asset": 0, "shooter": NONE},
        {"asset": 1, "shooter": NONE},
        {"asset": NONE, "shooter": 0},
        {"asset": NONE, "shooter": 2},  # the organic sensor of one that is lost
        {"asset": NONE, "shooter": 3},  # of one that is not there
    )
    core.put_out_of_action(shooters, deployment, sensors, deployed, np.array([1e-9, 0.0]))
    assert shooters["able"].tolist() == [True, True, False, False]
    assert sensors["able"].tolist() == [True, True, False, True, False, False]


@pytest.mark.parametrize(
    ("health", "lost"), [(1.0, 0.375), (0.375, 0.375), (0.25, 0.25), (0.0, 0.0)]
)
def test_one_hit_by_hand(health, lost):
    kind = filled(THREAT_KIND, {"damage": 0.5, "hit": 0.5})[0]
    target = filled(ASSET, {"hardness": 0.25, "value": 8.0})[0]
    assert core.health_lost(kind, target, health) == lost
    assert core.expected_loss(kind, target, health) == 8.0 * lost * 0.5
    healths = np.array([1.0, health])
    assert core.strike(kind, target, healths, 1) == 8.0 * lost
    assert healths.tolist() == [1.0, health - lost]


def test_impacts_by_hand():
    kinds = filled(
        THREAT_KIND, {"damage": 0.75, "hit": 1.0}, {"damage": 0.25, "hit": 1.0}, {"neutral": True}
    )
    assets = filled(ASSET, {"value": 8.0}, {"value": 2.0})
    hit = {"status": INBOUND, "hits": True, "impact_s": 5.0}
    threats = filled(
        THREAT,
        hit, hit | {"kind": 1, "number": 1}, hit | {"number": 2},  # the last finds nothing
        hit | {"kind": 1, "aim": 1, "status": PENDING, "number": 3},
        hit | {"hits": False}, hit | {"hits": False, "kind": 2},
        hit | {"impact_s": 10.0}, hit | {"status": KILLED},
    )  # fmt: skip
    healths, totals = np.ones(2), np.zeros(columns.BY_KIND + 9)
    core.impacts(threats, kinds, assets, healths, totals, np.float32(10.0))
    assert threats["status"].tolist() == [LEAKED] * 4 + [DUD, DUD, INBOUND, KILLED]
    assert healths.tolist() == [0.0, 0.75]
    assert totals[columns.LEAKERS] == 4.0
    assert totals[columns.BY_KIND + 3 : columns.BY_KIND + 6].tolist() == [2.0, 2.0, 0.0]
    assert totals[columns.LOSS] == 8.0 + 0.5
    assert (totals[columns.DUDS], totals[columns.ASSETS_LOST]) == (1.0, 1.0)
