"""Neutral traffic: where it flies, who may shoot at it, and what a mistake costs."""

import numpy as np
import pytest

from envs.batch import mean_undefended_loss
from envs.core.engagement import believed_pk
from envs.core.identification import alike_in_altitude
from envs.core.state import ABSENT, DUD, INBOUND, KILLED
from envs.scenario import load_scenario
from tests.envs.small import (
    asset,
    at,
    by_kind,
    fire,
    hold,
    kind_row,
    mapping,
    package,
    play_out,
    row_of,
    shooter,
    slot_of,
    started,
    traffic,
)

DRONE, LIGHT = 0, 1  # numbers of the two in `scene`
BELIEVED = {"kinds": "believed", "aims": "believed", "misses_to_lose": 20}
UNTOLD = {"sensor__identification_rate": 0.0, "shooter__falloff": 0.0}


def scene(**keys):
    """Return a drone and a light aircraft that nothing tells apart, and one long-range battery."""
    return mapping(
        **{
            "shooters": [shooter(kind="patriot", rounds=8)],
            "packages": [package(), traffic(entry=(-20, 15), exit=(20, 15))],
            "picture": BELIEVED, "clock_min": 20, **keys,
        }
    )  # fmt: skip


def threat(batch, number, field):
    return batch.state().threat[field][np.arange(batch.num_envs), row_of(batch, number)]


def track(batch, number, field):
    return batch.state().track[field][np.arange(batch.num_envs), slot_of(batch, number)]


# --- routes ---


def test_it_flies_from_entry_to_exit_and_leaves_without_harm():
    line = [at(20, 10), at(20, 14), at(24, 14)]
    batch = started(scene(packages=[package(), traffic() | {"exit": line}]), 256)
    rows, route = row_of(batch, LIGHT), batch.state().route[np.arange(256), row_of(batch, LIGHT)]
    assert route["x_m"][:, 0] == pytest.approx(np.full(256, -20e3), abs=1.0)
    x, y = route["x_m"][:, 1], route["y_m"][:, 1]
    up, over = np.abs(x - 20e3) < 1.0, np.abs(y - 14e3) < 1.0
    assert np.all(up | over)
    assert np.all((x > 20e3 - 1) & (x < 24e3 + 1) & (y > 10e3 - 1) & (y < 14e3 + 1))
    # Both halves of the line are 4 km long.
    assert abs(np.mean(up & ~over) - 0.5) < 4.5 * np.sqrt(0.25 / 256)
    flown_s = np.hypot(x + 20e3, y - 15e3) / 52.0
    assert threat(batch, LIGHT, "impact_s") == pytest.approx(flown_s, rel=1e-5)
    assert np.all(threat(batch, LIGHT, "aim") == -1)
    play_out(batch)
    assert np.all(batch.state().threat["status"][np.arange(256), rows] == DUD)
    metrics = batch.metrics()
    settled = metrics["leakers"] + metrics["duds"]
    assert np.all(settled == 1.0), "the drone alone"
    assert np.all(metrics["threats"] == 1.0)
    assert np.all(metrics["neutrals"] == 1.0)
    assert np.all(metrics["threats_tracked"] == 1.0)
    assert np.all(metrics["epochs"] >= flown_s // 10), "the raid lasts until it has left"
    assert np.array_equal(metrics["loss"], metrics["undefended_loss"])


@pytest.mark.parametrize("chance", [0.0, 0.3, 1.0])
def test_a_package_comes_as_often_as_its_chance_says(chance):
    rows = 4096
    source = mapping(packages=[package(), package("more", number=(2, 3), chance=chance)], slots=8)
    counts = np.sum(started(source, rows).state().threat["status"] != ABSENT, axis=1)
    assert set(np.unique(counts)) == (
        {1} if chance == 0 else {3, 4} | ({1} if chance < 1 else set())
    )
    came = np.mean(counts > 1)
    assert abs(came - chance) <= 4.5 * np.sqrt(chance * (1 - chance) / rows)
    # Whether it comes does not decide how many.
    if chance > 0:
        many = np.mean(counts[counts > 1] == 4)
        assert abs(many - 0.5) < 4.5 * np.sqrt(0.25 / np.sum(counts > 1))


def test_the_prior_counts_a_package_by_its_chance():
    source = scene(packages=[package(number=(2, 2)), traffic(number=(0, 4), chance=0.5)])
    prior = started(source).params.kind_prior[0]
    assert prior == pytest.approx(by_kind(slow_drone=2 / 3, light_aircraft=1 / 3))


# --- who may shoot ---


def test_pk_is_believed_of_what_is_a_threat():
    pk = np.float32([0.8, 0.2, 0.0])
    # 0.4 * 0.8 + 0.1 * 0.2 = 0.34 of the half that is no neutral.
    assert believed_pk(pk, np.float32([0.4, 0.1, 0.5]), np.float32(0.5)) == pytest.approx(0.68)
    assert believed_pk(pk, np.float32([0.4, 0.6, 0.0]), np.float32(0.0)) == pytest.approx(0.44)
    assert believed_pk(pk, np.float32([0.0, 0.0, 1.0]), np.float32(1.0)) == 0.0


def test_an_aircraft_taken_for_a_drone_is_shot_with_the_pk_predicted():
    rows, pk = 2048, 0.8
    tuned = {"shooter_pk": by_kind(slow_drone=pk), "shooter__cost_keur": 100.0}
    batch = started(scene(), rows, **UNTOLD, **tuned)
    for number in (DRONE, LIGHT):
        assert track(batch, number, "neutral") == pytest.approx(np.full(rows, 0.5))
        pairs = batch.state().pair["pk"][np.arange(rows), 0, slot_of(batch, number)]
        assert pairs == pytest.approx(np.full(rows, pk), rel=1e-5)
    fire(batch, 0, LIGHT)
    flying = batch.state().engagement[:, 0, 0]
    assert np.array_equal(flying["true_pk"], flying["pk"])
    play_out(batch)
    metrics, shot = batch.metrics(), threat(batch, LIGHT, "status") == KILLED
    assert abs(shot.mean() - pk) < 4.5 * np.sqrt(pk * (1 - pk) / rows)
    assert np.array_equal(metrics["neutrals_shot"], shot)
    assert np.array_equal(metrics["killed_light_aircraft"], shot)
    assert np.all(metrics["rounds_at_neutrals"] == 1.0)
    for name in ("killed", "killed_cost_keur", "rounds_at_decoys"):
        assert not metrics[name].any(), name


def test_the_reward_takes_the_penalty_for_each_one_shot_exactly():
    batch = started(scene(neutral_penalty=3.0), 64, **UNTOLD, threat_kind__hit=0.0)
    total = np.zeros(64)
    fire(batch, 0, LIGHT)
    total += batch.reward
    while not batch.terminated.all():
        hold(batch)
        total += batch.reward
    shot = batch.metrics()["neutrals_shot"]
    assert 0 < shot.sum() < 64
    mean = mean_undefended_loss(batch.scenario)
    assert total == pytest.approx(-3.0 / mean * shot, rel=1e-12)
    # The scenario's mean loss is that of the drone: 10 * 0.15 * 0.8, and no aircraft's.
    assert mean == pytest.approx(10.0 * 0.15 * 0.8, rel=0.1)


PICTURES = {
    "perfect": ({}, {}),
    "identified by a sure report": (
        BELIEVED,
        {"sensor__identification_m": 1e9, "sensor__identification_rate": 1.0,
         "sensor__identification_right": 1.0},
    ),
    "kinds public": ({"misses_to_lose": 2}, {}),
    "kinds public, by chance": ({"misses_to_lose": 20, "detection": "by_chance"}, {}),
    "aims believed": ({"aims": "believed"}, {}),
}  # fmt: skip


@pytest.mark.parametrize("name", PICTURES)
def test_what_is_known_to_be_neutral_is_illegal_for_every_shooter(name):
    picture, tuned = PICTURES[name]
    kinds = ("patriot", "nasams", "jammer", "interceptor_drone", "fighter_pair", "gun_35mm")
    shooters = [shooter(kind, kind, (0, n / 4), rounds=1) for n, kind in enumerate(kinds)]
    # Both cross the middle of the battery's range.
    packages = [package(entry=(0, 6)), traffic(entry=(-4, 2), exit=(4, 2))]
    source = scene(shooters=shooters, picture=picture, packages=packages)
    batch = started(source, 8, **tuned, shooter__reaction_s=1.0)
    fired, neutral = np.zeros(len(kinds), bool), 0
    for _ in range(14):
        light, drone = (slot_of(batch, number) for number in (LIGHT, DRONE))
        for b in np.flatnonzero(light >= 0):
            assert batch.state().track["neutral"][b, light[b]] == 1.0
            assert not batch.observation["action_mask"][b, :, 1 + light[b]].any()
            assert not batch.observation["pair"][b, :, light[b]].any()
            neutral += 1
        for b in np.flatnonzero(drone >= 0):
            fired |= batch.observation["action_mask"][b, :, 1 + drone[b]] == 1
        hold(batch)
    assert fired.all(), "each of them may fire at the drone at some time"
    assert neutral > 50


def test_value_saved_takes_off_the_penalty_by_hand():
    # Believed with one half a drone, which puts 0.15 * 0.8 of 10 at risk, of which the largest
    # asset is worth 10. Penalty 3: 0.3 of it, with one half. pk 0.8; a pair looks before it fires.
    shooters = [shooter(kind="patriot", rounds=8), shooter("pair", "fighter_pair")]
    batch = started(scene(shooters=shooters, neutral_penalty=3.0), **UNTOLD,
                    shooter_pk=by_kind(slow_drone=0.8))  # fmt: skip
    column = batch.layout.index("pair", "value_saved")
    saved = batch.observation["pair"][0, :, slot_of(batch, DRONE)[0], column]
    assert saved[0] == pytest.approx((0.5 * 0.12 - 0.5 * 0.3) * 0.8, rel=1e-5)
    assert saved[1] == pytest.approx(0.5 * 0.12 * 0.8, rel=1e-5)
    # With a shot under way, all of it counts a fifth.
    fire(batch, 0, DRONE)
    saved = batch.observation["pair"][0, :, slot_of(batch, DRONE)[0], column]
    assert saved[0] == pytest.approx(0.2 * (0.5 * 0.12 - 0.5 * 0.3) * 0.8, rel=1e-5)


def test_a_fine_beyond_a_hundred_of_the_largest_assets_counts_as_that_in_the_observation():
    batch = started(scene(neutral_penalty=1e6), **UNTOLD, shooter_pk=by_kind(slow_drone=0.8))
    column = batch.layout.index("pair", "value_saved")
    saved = batch.observation["pair"][0, 0, slot_of(batch, DRONE)[0], column]
    assert saved == pytest.approx((0.5 * 0.12 - 0.5 * 100.0) * 0.8, rel=1e-5)


# --- what rules a kind out ---


@pytest.mark.parametrize(
    ("altitude", "alike"),
    # A track at 300 m: a fifth of it and 100 m more are 160 m.
    [(300.0, True), (459.0, True), (461.0, False), (141.0, True), (139.0, False)],
)
def test_an_altitude_rules_out_what_flies_at_another(altitude, alike):
    altitudes = started(scene()).params.threat_kind["altitude_m"].copy()
    altitudes[:, kind_row("light_aircraft")] = altitude
    batch = started(scene(), threat_kind__altitude_m=altitudes, **UNTOLD)
    assert batch.params.threat_kind["altitude_m"][0, kind_row("slow_drone")] == 300.0
    expected = by_kind(slow_drone=0.5, light_aircraft=0.5) if alike else by_kind(slow_drone=1.0)
    belief = batch.state().belief[0, slot_of(batch, DRONE)[0]]
    assert belief == pytest.approx(expected)
    assert track(batch, DRONE, "neutral")[0] == pytest.approx(0.5 if alike else 0.0)


def test_what_comes_down_may_be_at_any_altitude():
    batch = started(scene())
    kinds, seen = batch.params.threat_kind[0], batch.state().track[0, slot_of(batch, DRONE)[0]]
    possible = [bool(alike_in_altitude(kind, seen)) for kind in kinds]
    names = batch.scenario.threat_kinds
    high = {"jet_drone", "cruise_missile", "regional_aircraft", "airliner"}  # or low: 80 m
    assert {name for name, fits in zip(names, possible, strict=True) if not fits} == high


def test_an_airliner_is_never_taken_for_a_missile_of_its_speed():
    packages = [
        package("missile", "cruise_missile", entry=(0, 60)),
        traffic("airliner", "airliner", entry=(-60, 30), exit=(60, 30)),
    ]
    batch = started(scene(packages=packages, assets=[asset()]), **UNTOLD)
    seen = 0
    while not batch.terminated[0]:
        for number, neutral in ((0, 0.0), (1, 1.0)):
            if slot_of(batch, number)[0] >= 0 and threat(batch, number, "status")[0] == INBOUND:
                assert track(batch, number, "neutral")[0] == neutral
                seen += 1
        hold(batch)
    assert seen > 20


def test_a_scenario_has_traffic_if_some_may_come():
    assert load_scenario(scene()).traffic
    never = scene(packages=[package(), traffic(number=(0, 0))])
    assert not load_scenario(never).traffic
    assert not load_scenario(mapping()).traffic
