"""Bounds where shooters fly and jam, aircraft pass, and sensors are lost: by hand, and in play."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from agents.bounds import foresight
from agents.bounds.bound import raid_bounds
from agents.bounds.exact import check_solvable
from agents.bounds.foresight import check_supported, foresee
from agents.bounds.problem import fire_of, supply_of
from agents.bounds.reach_kernel import soonest_meeting
from agents.classical import make_policy
from agents.policy import Policy
from envs.batch import RaidBatch
from envs.core.params import SHOOTER
from envs.core.randomness import JAMMING, uniform
from envs.core.state import INBOUND
from envs.scenario import Scenario, load_scenario
from envs.scenario_params import scenario_params
from tests.envs.small import at, kind_row, named


def losing_sensors(**keys: Any) -> Scenario:
    """Return air policing with few sensors, one of which and a battery can be destroyed."""
    source = named("small-policing") | keys
    sensors = [source["sensors"][0] | {"asset": "town"}, source["sensors"][1]]
    first = source["packages"][0] | {"number": [6, 8], "time_on_target_min": [0, 8]}
    jets = source["packages"][1] | {"chance": 1.0, "number": [2, 4], "time_on_target_min": [2, 10]}
    packages = [first, jets, *source["packages"][2:]]
    return load_scenario(source | {"sensors": sensors, "packages": packages, "slots": 30} | keys)


def meeting(track: tuple[float, ...], now_s: float, **deployed: Any) -> float:
    """Return when a pair at the origin, 300 m/s, can meet a track (x, y, vx, vy)."""
    pair = np.zeros(1, SHOOTER)
    pair["interceptor_mps"], pair["reaction_s"] = 300.0, 100.0
    for name, value in deployed.items():
        pair[name] = value
    return float(soonest_meeting(pair[0], *track, now_s))


def test_when_a_pair_can_meet_a_track_by_hand() -> None:
    # 10 m of slack are less than 0.1 s.
    near = {"abs": 0.1}
    assert meeting((30e3, 0.0, 0.0, 0.0), 0.0, aloft=True) == pytest.approx(100.0, **near)
    assert meeting((30e3, 0.0, -100.0, 0.0), 0.0, aloft=True) == pytest.approx(75.0, **near)
    assert meeting((30e3, 0.0, 100.0, 0.0), 0.0, aloft=True) == pytest.approx(150.0, **near)
    # Aloft for 50 s it may be half of the way there; after 100 s it may be there already.
    assert meeting((30e3, 0.0, 0.0, 0.0), 50.0, aloft=True) == pytest.approx(100.0, **near)
    assert meeting((30e3, 0.0, 0.0, 0.0), 170.0, aloft=True) == pytest.approx(170.0)
    # On alert it takes off after 100 s.
    assert meeting((30e3, 0.0, 0.0, 0.0), 0.0) == pytest.approx(200.0, **near)
    assert meeting((30e3, 0.0, -100.0, 0.0), 0.0) == pytest.approx(100.0 + 50.0, **near)
    # From where it patrols.
    aloft = {"aloft": True, "patrol_x_m": 30e3, "patrol_y_m": 40e3}
    assert meeting((0.0, 0.0, 0.0, 0.0), 0.0, **aloft) == pytest.approx(50e3 / 300.0, **near)
    # What is as fast is taken to be met at once.
    assert meeting((90e3, 0.0, 300.0, 0.0), 20.0, aloft=True) == 20.0


def played(policy: Policy, scenario: Scenario, seed: int) -> list[tuple[int, ...]]:
    """Play the first raid of a seed; return (shooter, row, epoch) of what could stop a threat.

    Of shooters what they launch at a live threat, of pairs what they fire.
    """
    batch = RaidBatch(scenario, 1)
    batch.reset(seeds=np.array([seed]), split="validation")
    state, flies = batch.state(), batch.params.shooter[0]["sortie_s"] > 0.0
    events = []
    while not batch.terminated[0] and state.raid["number"][0] == 0 and not state.raid["lull"][0]:
        actions = policy.predict(batch.observation)[0]
        epoch, rounds = int(state.raid["epoch"][0]), state.shooter["rounds"][0].copy()
        status = state.threat["status"][0].copy()
        pairs, going = state.pair[0].copy(), state.engagement["target"][0, :, 0].copy()
        for s in np.flatnonzero(actions[0]):
            row = int(state.track["threat"][0, actions[0, s] - 1])
            ends = epoch * scenario.epoch_s + pairs[s, actions[0, s] - 1]["flight_s"]
            if not flies[s] and status[row] == INBOUND and ends < state.threat["impact_s"][0, row]:
                events.append((int(s), row, epoch))
            going[s] = row
        batch.step(actions)
        for s in np.flatnonzero(flies & (state.shooter["rounds"][0] < rounds)):
            events.append((int(s), int(going[s]), epoch))
    return events


@pytest.mark.parametrize("name", ["air-policing", "losing sensors"])
def test_whatever_a_policy_does_is_in_the_list(name: str) -> None:
    scenario = losing_sensors() if name == "losing sensors" else load_scenario(name)
    kinds, seen = scenario_params(scenario).threat_kind[0], {True: 0, False: 0}
    flies = scenario_params(scenario).shooter[0]["sortie_s"] > 0.0
    for seed in range(4 if name == "air-policing" else 12):
        ahead = foresee(scenario, np.array([seed]), "validation")[0]
        targets = {int(t["row"]): n for n, t in enumerate(ahead.targets) if t["raid"] == 0}
        chances = ahead.chances
        listed = set(
            zip(*(chances[c].tolist() for c in ("shooter", "target", "step")), strict=True)
        )
        for policy in ("random_legal", "wta_greedy"):
            for s, row, epoch in played(make_policy(policy, scenario), scenario, seed):
                if not kinds[ahead.targets[targets[row]]["kind"]]["neutral"]:
                    jams = scenario_params(scenario).shooter[0]["jams"][s]
                    assert (s, targets[row], epoch) in listed or jams, (policy, seed, s, row, epoch)
                    seen[bool(flies[s])] += 1
    assert min(seen.values()) > 5


def test_tracks_coast_from_older_detections_past_the_corners_of_routes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As if a sensor had been lost: each engagement of the copy, as good or better, and others."""
    corner = [[list(at(4, 4)), list(at(-4, 4)), list(at(2, 8))]]
    kinds = {"jet_drone": 1, "slow_drone": 0.1}
    source: dict[str, Any] = {"name": "turning", "kinds": kinds, "number": [6, 6], "routes": corner}
    source |= {"entry": [at(20, 18)], "time_on_target_min": [5, 15]}
    scenario = losing_sensors(packages=[source, source | {"name": "more"}], clock_min=40)
    more = foresee(scenario, np.arange(4), "train")
    monkeypatch.setattr(foresight, "_sensors_that_may_be_lost", lambda _: [])
    fewer = foresee(scenario, np.arange(4), "train")
    better = 0
    for large, small in zip(more, fewer, strict=True):
        best = {(c["shooter"], c["target"], c["step"], c["turn"]): c for c in large.chances}
        for chance in small.chances:
            same = best[tuple(chance[n] for n in ("shooter", "target", "step", "turn"))]
            assert same["pk"] >= chance["pk"] and same["free"] <= chance["free"]
            better += int(same["pk"] > 1.0001 * chance["pk"])
        better += len(large.chances) - len(small.chances)
    assert better > 10


def test_what_cannot_be_jammed_is_not_in_the_list() -> None:
    scenario = load_scenario("air-policing")
    params = scenario_params(scenario)
    shares = params.threat_kind[0]["jammable"]
    ahead = foresee(scenario, np.array([4]), "validation")[0]
    batch = RaidBatch(scenario, 1)
    batch.reset(seeds=np.array([4]), split="validation")
    key = batch.state().raid["key"][0]
    tried = {True: 0, False: 0}
    jamming = ahead.chances[params.shooter[0]["jams"][ahead.chances["shooter"]]]
    for target, row in enumerate(ahead.targets):
        if row["raid"] > 0 or row["kind"] != kind_row("slow_drone"):
            continue
        possible = uniform(key, JAMMING, row["number"], 0) < shares[row["kind"]]
        own = jamming[jamming["target"] == target]
        assert possible or len(own) == 0
        assert np.all(own["pk"] <= 0.3 + 1e-6)
        tried[bool(possible)] += 1
    assert len(jamming) > 0
    assert min(tried.values()) > 0


def test_pairs_fire_after_the_others_in_any_order_and_in_the_first_epochs_not_at_all() -> None:
    scenario = load_scenario("air-policing")
    ahead = foresee(scenario, np.array([4]), "validation")[0]
    flies = scenario_params(scenario).shooter[0]["sortie_s"] > 0.0
    rows = ahead.chances
    assert np.array_equal(rows["turn"] > 0, flies[rows["shooter"]])
    fire, alert = fire_of(ahead), [0, 2]  # Siauliai and Amari: 300 s to take off
    first = rows["step"][np.isin(rows["shooter"], alert)].min()
    assert first >= 30 > rows["step"].min()
    for low, high in zip(fire.first[:-1], fire.first[1:], strict=True):
        steps, own = fire.step[low:high], flies[fire.shooter[low:high]]
        assert np.all(np.diff(steps) >= 0)
        assert not np.any(own[:-1] & ~own[1:] & (np.diff(steps) == 0))
        for step in np.unique(steps[own]):
            there = fire.shooter[low:high][own & (steps == step)].tolist()
            pairs = sorted(set(there))
            assert there == pairs * len(pairs), "as often as there are pairs: every order is in it"


def test_reserves_of_a_pair_count_from_the_start() -> None:
    scenario = replace(
        load_scenario("air-policing"), campaign=type(load_scenario("duel").campaign)()
    )
    have = supply_of(scenario, scenario_params(scenario), 0.0)
    assert set(have.rounds[0]) == {5.0}
    assert have.spent[12] == 0.0, "a jammer spends no rounds"


@pytest.mark.parametrize("name", ["air-policing", "losing sensors"])
def test_pairs_jammers_and_sensors_that_are_lost_are_bounded(name: str) -> None:
    scenario = losing_sensors() if name == "losing sensors" else load_scenario(name)
    check_supported(scenario)
    bounds = raid_bounds(scenario, range(4))
    assert np.all(bounds.luck_known > 0.0)
    with pytest.raises(ValueError, match="exact solution"):
        check_solvable(scenario)
    without = replace(
        scenario, shooters=tuple(s for s in scenario.shooters if "pair" not in s.kind)
    )
    fewer = raid_bounds(without, range(4))
    for few, all_there in zip(
        (fewer.luck_known, fewer.arrivals_known),
        (bounds.luck_known, bounds.arrivals_known),
        strict=True,
    ):
        assert np.all(few <= all_there * 1.01)
