"""What must hold whatever is played, on scenarios that nobody thought of."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envs.batch import RaidBatch, mean_undefended_loss
from envs.catalogue import load_catalogue
from envs.deployments import deployment
from envs.scenario import load_scenario, scenario_names
from tests.envs.checked_play import play_checked
from tests.envs.small import (
    asset,
    at,
    line,
    named,
    package,
    sensor,
    shooter,
    started,
    traffic,
    tune,
)

SHOOTERS = tuple(load_catalogue().shooters)
DRONES = ("slow_drone", "jet_drone", "cruise_missile", "decoy")
NEUTRAL = tuple(name for name, kind in load_catalogue().threats.items() if kind.neutral)

places = st.tuples(st.integers(-25, 25), st.integers(-25, 25))


@st.composite
def scenarios(draw):
    """Draw a scenario of up to three packages, with everything that can be set varied."""
    assets = [
        asset(f"asset {n}", draw(places), value=draw(st.sampled_from([0.5, 3.0, 10.0])),
              hardness=draw(st.sampled_from([0.0, 0.3, 1.0])))
        for n in range(draw(st.integers(1, 3)))
    ]  # fmt: skip
    shooters = []
    for n in range(draw(st.integers(1, 4))):
        kind = load_catalogue().shooters[name := draw(st.sampled_from(SHOOTERS))]
        own = draw(st.sampled_from(["", assets[0]["name"]]))
        rounds = draw(st.integers(max(kind.rounds_per_engagement, 1), kind.magazine_rounds))
        reserve = draw(st.integers(0, 12))
        shooters.append(
            shooter(f"shooter {n}", name, draw(places), rounds=rounds, reserve_rounds=reserve)
            | ({"asset": own} if own else {})
            | ({"patrol": at(*draw(places))} if kind.flies and draw(st.booleans()) else {})
        )
    packages = []
    for n in range(draw(st.integers(1, 3))):
        low = draw(st.integers(1, 3))
        packages.append(
            package(
                f"package {n}", "slow_drone", (low, low + draw(st.integers(0, 2))),
                draw(st.sampled_from([(32, 0), (-30, 26), (0, 30), (28, -28)])),
                routes=draw(st.sampled_from([[[]], [[at(26, 27)]], [[], [at(-27, 3), at(0, 26)]]])),
                route_jitter_km=draw(st.sampled_from([0.0, 3.0])),
                same_aim=draw(st.booleans()),
                spread_min=draw(st.sampled_from([0.0, 2.0])),
                spacing_min=draw(st.sampled_from([0.0, 0.3])),
            )
            | {"time_on_target_min": draw(st.sampled_from([[0, 0], [3, 3], [2, 8]]))}
        )  # fmt: skip
        # Drones in every raid, so that every shooter has something to engage.
        packages[-1]["kinds"] = {"slow_drone": 1} | dict.fromkeys(
            draw(st.lists(st.sampled_from([*DRONES, "ballistic_missile"]), max_size=3)), 2.0
        )
    if draw(st.booleans()):
        packages.append(
            traffic(
                kind=draw(st.sampled_from(NEUTRAL)), number=(draw(st.integers(0, 1)), 3),
                entry=draw(st.sampled_from([(-30, 10), (20, -28)])),
                exit=draw(st.sampled_from([(30, 0), (-10, 30)])),
                chance=draw(st.sampled_from([1.0, 0.5])),
                spread_min=draw(st.sampled_from([0.0, 8.0])),
            )
        )  # fmt: skip
    return {
        "name": "drawn", "version": 1, "description": "drawn at random",
        "slots": sum(p["number"][1] for p in packages) + draw(st.integers(0, 3)),
        "clock_min": 120, "epoch_s": draw(st.sampled_from([10.0, 7.5, 20.0])),
        "assets": assets, "shooters": shooters, "packages": packages,
        "sensors": [sensor("radar", draw(st.sampled_from(["long_range_radar", "gap_filler_radar"])),
                           draw(places))],
    }  # fmt: skip


@st.composite
def foggy(draw):
    """Draw a scenario as above with a picture that is not perfect, of any kind."""
    source = draw(scenarios())
    share = st.sampled_from([0.0, 0.3, 1.0])
    organic = draw(st.booleans())
    traffic = any("exit" in row for row in source["packages"])
    source["picture"] = {
        "kinds": draw(st.sampled_from(["believed", "public"])),
        "aims": draw(st.sampled_from(["believed", "public"])),
        "detection": draw(st.sampled_from(["by_chance", "in_view"])),
        "detections_to_start": draw(st.integers(1, 3)),
        "misses_to_lose": draw(st.integers(2, 4)),  # never 1, which might be a perfect picture
        "organic_sensors": organic,
        "kill_confirmed": draw(share),
        "false_kill": draw(share),
    }
    if traffic and source["picture"]["kinds"] == "believed":
        source["picture"]["aims"] = "believed"  # public ones would tell who aims at nothing
    nations = st.sampled_from(["LVA", "EST", "FIN"])
    for one in source["shooters"]:
        one["nation"] = draw(nations)
        sighted = organic and load_catalogue().shooters[one["kind"]].sensor
        one["networked"] = not sighted or draw(st.booleans())
    assets = st.sampled_from([row["name"] for row in source["assets"]])
    source["sensors"] += [
        sensor("site", "gap_filler_radar", draw(places), nation=draw(nations), asset=draw(assets)),
        line(*draw(st.lists(places, min_size=2, max_size=4, unique=True)), nation=draw(nations)),
        line(draw(places), (26, 20), (-10, 26), name="plane", kind="airborne_radar"),
    ]
    source["sharing"] = {"foreign_delay_epochs": draw(st.integers(0, 4))}
    # At times fewer slots than threats.
    source["slots"] = max(1, source["slots"] - draw(st.integers(0, 6)))
    return source


@st.composite
def campaigns(draw):
    """Draw a campaign of such raids, with contingents, deliveries and repair of any kind."""
    source = draw(scenarios() | foggy())
    source["campaign"] = {
        "raids": draw(st.integers(2, 4)),
        "lull_days": draw(st.sampled_from([[1, 1], [0.3, 2.9]])),
        "days": draw(st.sampled_from([2.0, 1000.0])),
        "repair_per_day": draw(st.sampled_from([0.0, 0.06, 1.0])),
    }
    shooters = source["shooters"]
    source["contingents"] = [
        {"name": one["name"], "nation": one["nation"], "shooters": [one["name"]],
         "arrives_day": draw(st.sampled_from([0, 0.5, 1])),
         "travel_days": draw(st.sampled_from([0, 0.5]))}
        | ({"leaves_day": draw(st.sampled_from([2, 2.25]))} if draw(st.booleans()) else {})
        for one in shooters[1:]  # the first is always there
        if draw(st.booleans())
    ]  # fmt: skip
    source["deliveries"] = []
    for _ in range(draw(st.integers(0, 3))):
        taker = draw(st.sampled_from(shooters))
        if taker["kind"] == "jammer":
            continue
        source["deliveries"].append(
            {"kind": taker["kind"], "rounds_per_day": draw(st.sampled_from([0.3, 1.25, 12.0])),
             "first_day": draw(st.sampled_from([0.0, 1.1])),
             "nations": draw(st.sampled_from([[], [taker["nation"]]]))}
        )  # fmt: skip
    if source["deliveries"]:
        source["campaign"]["hand_out"] = draw(st.sampled_from(["by_need", "decided"]))
    return source


@settings(max_examples=25)
@given(source=scenarios(), seed=st.integers(0, 10**6), illegal=st.sampled_from([0.0, 0.3]))
def test_random_play_on_random_scenarios(source, seed, illegal):
    batch = RaidBatch(source, 2)
    batch.reset(None, np.arange(seed, seed + 2))
    play_checked(batch, np.random.default_rng(seed), illegal)


@settings(max_examples=40)
@given(source=foggy(), seed=st.integers(0, 10**6), illegal=st.sampled_from([0.0, 0.3]))
def test_random_play_in_random_fog(source, seed, illegal):
    batch = RaidBatch(source, 2)
    batch.reset(None, np.arange(seed, seed + 2))
    play_checked(batch, np.random.default_rng(seed), illegal)


@settings(max_examples=40)
@given(source=campaigns(), seed=st.integers(0, 10**6), illegal=st.sampled_from([0.0, 0.3]))
def test_random_play_on_random_campaigns(source, seed, illegal):
    batch = RaidBatch(source, 2)
    batch.reset(None, np.arange(seed, seed + 2))
    play_checked(batch, np.random.default_rng(seed), illegal)


@settings(max_examples=30)
@given(
    source=scenarios() | foggy() | campaigns(),
    seed=st.integers(0, 10**6),
    limit=st.sampled_from([None, 1, 25, 150]),
)
def test_undefended_loss_is_the_loss_of_holding_fire(source, seed, limit):
    check_undefended(RaidBatch(source, 8, max_epochs=limit), seed)


@pytest.mark.parametrize("limit", [None, 1, 17, 60])
@pytest.mark.parametrize("name", ["duel", "standard", "fog", "short-campaign", "small-policing"])
def test_undefended_loss_is_the_loss_of_holding_fire_on_many_raids(name, limit):
    batch = RaidBatch(named(name), 400, max_epochs=limit)
    check_undefended(batch, seed=0)
    if limit is None:
        assert batch.metrics()["loss"].max() > 0.0


def check_undefended(batch, seed):
    batch.reset(None, np.arange(seed, seed + batch.num_envs))
    hold = np.zeros((batch.num_envs, batch.scenario.num_shooters), np.int64)
    while not np.all(batch.terminated | batch.truncated):
        batch.step(hold)
    metrics = batch.metrics()
    assert np.array_equal(metrics["loss"], metrics["undefended_loss"]), "to the bit"
    at_risk = metrics["undefended_loss"] > 0.0
    assert np.all(metrics["protected_share"] == np.where(at_risk, 0.0, 1.0))


@pytest.mark.parametrize("illegal", [0.0, 0.2])
@pytest.mark.parametrize("name", [*scenario_names(), "fog", "short-campaign", "small-policing"])
def test_random_play_on_the_projects_scenarios(name, illegal):
    many = ("duel", "standard", "fog", "short-campaign", "small-policing")
    source = named(name)
    if name == "random":  # a deployment by itself, which plays as in the batch (test_deployments)
        source = deployment(load_scenario(name), "train", 1)
    batch = started(source, 24 if name in many else 4, seed=900)
    metrics = play_checked(batch, np.random.default_rng(1), illegal)
    assert np.any(metrics["raids"] > 1) == (batch.scenario.campaign.raids > 1)
    if name == "short-campaign":
        assert metrics["raids"].max() == 4.0
        assert metrics["rounds_delivered"].min() > 0.0
        assert metrics["assets_lost"].max() > 0.0
    if name == "small-policing":
        often = ("neutrals_shot", "rounds_at_neutrals", "intercepts", "rounds_fighter_pair")
        assert min(metrics[name].sum() for name in often) > 0, "all of it happens"
        assert all(metrics[f"killed_{kind}"].sum() > 0 for kind in ("jet_drone", "light_aircraft"))
        assert metrics["rounds_delivered"].max() > 0.0
    if name == "fog":
        rare = ("identifications", "wrong_identifications", "rounds_at_dead", "rounds_unguided")
        assert min(metrics[name].sum() for name in rare) > 0, "all of it happens"
        assert np.any(metrics["tracked_share"] < 1.0)
    assert metrics["killed"].sum() > 0
    assert metrics["leakers"].sum() > 0
    assert (metrics["illegal_actions"].sum() > 0) == (illegal > 0)


@pytest.mark.parametrize("name", ["duel", "short-campaign", "small-policing"])
def test_rewards_add_up_to_minus_the_share_of_mean_loss_and_to_penalties(name):
    batch = RaidBatch(named(name), 32)
    batch.reset(None, np.arange(32))
    rewards = np.zeros(32)
    rng = np.random.default_rng(5)
    while not batch.terminated.all():
        batch.step(rng.integers(0, 5, (32, batch.scenario.num_shooters)))
        rewards += batch.reward
    metrics, penalty = batch.metrics(), batch.scenario.neutral_penalty
    assert np.any(metrics["neutrals_shot"] > 0) == batch.scenario.traffic
    cost = metrics["loss"] + penalty * metrics["neutrals_shot"]
    assert rewards == pytest.approx(-cost / mean_undefended_loss(batch.scenario))


@pytest.mark.parametrize("illegal", [0.0, 0.2])
def test_random_play_of_pairs_with_short_sorties(illegal):
    """A few minutes aloft and a short turn-round: pairs come home, are rearmed and go out again."""
    short = {"shooter__reload_s": 45.0, "shooter__reaction_s": 25.0}
    batch = RaidBatch(named("small-policing"), 24)
    flies = batch.params.shooter["sortie_s"][0] > 0.0
    tune(batch, **short, shooter__sortie_s=np.where(flies, 145.0, 0.0))
    batch.reset(None, np.arange(24))
    metrics = play_checked(batch, np.random.default_rng(1), illegal)
    # The pairs start with 2 rounds and 1: what they fire beyond was taken on after a landing.
    assert metrics["rounds_fighter_pair"].max() > 3.0


def test_the_normaliser_is_the_mean_undefended_loss_of_the_first_training_raids(duel):
    batch = RaidBatch(duel, 1024)
    batch.reset(None, np.arange(1024), "train")
    assert mean_undefended_loss(duel) == batch.metrics()["undefended_loss"].mean()


def test_a_reward_of_ones_own():
    weights = {"killed": 2.0, "rounds_fired": -0.25, "undefended_loss": 5.0}
    batch = RaidBatch("duel", 16, reward=weights)
    batch.reset(None, np.arange(16))
    play_checked(batch, np.random.default_rng(2), illegal=0.1)
    total = np.zeros(16)
    batch.reset(None, np.arange(16))
    rng = np.random.default_rng(2)
    while not batch.terminated.all():
        batch.step(rng.integers(0, 5, (16, 2)))
        total += batch.reward
    metrics = batch.metrics()
    expected = 2.0 * metrics["killed"] - 0.25 * metrics["rounds_fired"]
    assert total == pytest.approx(expected), "what is known at the start is no reward"
