"""The bounds: by hand, never below a policy or the exact solution, and never up without rounds."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.bounds import __main__ as command
from agents.bounds.bound import LUCK_KNOWN, LUCK_UNKNOWN, RaidBounds, bound_raid, raid_bounds
from agents.bounds.exact import game_of, solve, solve_raid
from agents.bounds.foresight import check_supported, foresee
from agents.bounds.prices import Prices, no_prices
from agents.bounds.problem import Fire, Supply, fire_of, supply_of, worth_of
from agents.bounds.replies import UNITS, needs_of, replies_known, weights_of
from agents.bounds.search import protected_at, search_prices
from agents.classical import make_policy
from agents.classical.policies import threshold_wta
from agents.rollout import play
from envs.scenario import Scenario, load_scenario, scenario_names
from envs.scenario_params import scenario_params
from tests.envs.small import mapping, named

from .bounds_cases import VARIANTS, steadfast, variant

NEVER = np.iinfo(np.int32).max
UNKNOWN = np.zeros(0)


def fire(*rows: tuple[int, int, int, int, float], targets: int) -> Fire:
    """Return engagements from (target, shooter, launch, free, pk)."""
    table = np.array(sorted(rows), float).reshape(-1, 5)
    first = np.searchsorted(table[:, 0], np.arange(targets + 1))
    shooter, step, free = table[:, 1:4].T.astype(np.int64)
    return Fire(
        shooter.copy(), step.copy(), free.copy(), table[:, 4].copy(), first.astype(np.int64)
    )


def supply(*rounds: float, channels: float = 9.0) -> Supply:
    shooters = len(rounds)
    return Supply(
        np.ones(shooters),
        np.full(shooters, channels),
        np.array(rounds, float)[:, None],
        np.full((shooters, 1), NEVER),
        np.zeros(1),
        np.zeros((1, shooters), np.bool_),
    )


def least(shots: Fire, have: Supply, worth: list[float], needs: Any = UNKNOWN) -> float:
    start = no_prices(have, 10)
    return search_prices(shots, have, np.array(worth), np.asarray(needs, float), start, 2000)[0]


def test_one_round_and_one_threat_by_hand() -> None:
    # pk 0.5 of 10; with the luck known it dies of it if -ln u <= ln 2.
    shots = fire((0, 0, 0, 1, 0.5), targets=1)
    assert least(shots, supply(1.0), [10.0]) == pytest.approx(5.0)
    assert least(shots, supply(1.0), [10.0], needs_of(np.array([0.6]))) == pytest.approx(10.0)
    assert least(shots, supply(1.0), [10.0], needs_of(np.array([0.4]))) == pytest.approx(0.0)


def test_rounds_channels_and_launches_limit_by_hand() -> None:
    # Two threats of 10, each hit for certain, in one epoch or in two.
    at_once = fire((0, 0, 0, 2, 1.0), (1, 0, 0, 2, 1.0), targets=2)
    in_turn = fire((0, 0, 0, 2, 1.0), (1, 0, 1, 3, 1.0), targets=2)
    for needs in (UNKNOWN, np.ones(2)):
        assert least(in_turn, supply(2.0), [10, 10], needs) == pytest.approx(20.0, abs=1e-2)
        assert least(in_turn, supply(1.0), [10, 10], needs) == pytest.approx(10.0, abs=1e-2)
        # One launch an epoch, and one channel that is busy for two.
        assert least(at_once, supply(2.0), [10, 10], needs) == pytest.approx(10.0, abs=1e-2)
        one = supply(2.0, channels=1.0)
        assert least(in_turn, one, [10, 10], needs) == pytest.approx(10.0, abs=1e-2)


def test_a_reload_comes_too_late_by_hand() -> None:
    # One round ready and one from epoch 5 on: both threats can be shot at in epochs 0 and 1 alone.
    shots = fire((0, 0, 0, 2, 1.0), (1, 0, 1, 3, 1.0), targets=2)
    late = supply(2.0)._replace(rounds=np.array([[1.0, 2.0]]), until=np.array([[5, NEVER]]))
    assert least(shots, late, [10, 8]) == pytest.approx(10.0, abs=1e-2)
    soon = late._replace(until=np.array([[1, NEVER]]))
    assert least(shots, soon, [10, 8]) == pytest.approx(18.0, abs=1e-2)


def test_a_delivery_serves_whoever_needs_it_most_but_once() -> None:
    shots = fire((0, 0, 0, 2, 1.0), (1, 1, 0, 3, 1.0), targets=2)
    shared = supply(0.0, 0.0)._replace(
        pool_rounds=np.array([1.0]), pool_of=np.array([[True, True]])
    )
    assert least(shots, shared, [10, 8]) == pytest.approx(10.0, abs=0.1)


def test_reserves_are_there_when_their_reloads_can_have_ended() -> None:
    # RBS 70: 3 ready, 2 beside it, one reload of 30 s at a time, which fits after the first shot.
    two = load_scenario(
        mapping(shooters=[mapping()["shooters"][0] | {"kind": "rbs70", "rounds": 3,
                                                      "reserve_rounds": 2}])
    )  # fmt: skip
    have = supply_of(two, scenario_params(two), 0.0)
    assert have.rounds.tolist() == [[3.0, 4.0, 5.0]]
    assert have.until.tolist() == [[4, 7, NEVER]]


def cheapest_by_trying(pk: list[float], costs: list[float], need: float) -> float:
    weights, best = -np.log1p(-np.array(pk)), np.inf
    for size in range(1, len(pk) + 1):
        for chosen in combinations(range(len(pk)), size):
            if sum(weights[list(chosen)]) >= need:
                best = min(best, sum(costs[n] for n in chosen))
    return best


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0.05, 0.95), st.floats(0.0, 4.0)), min_size=1, max_size=7),
    st.floats(0.01, 0.99),
)
def test_covering_is_never_dearer_than_the_cheapest_set(
    shots: list[tuple[float, float]], kill_u: float
) -> None:
    pk, costs = [p for p, _ in shots], [c for _, c in shots]
    made = fire(*((0, 0, k, k + 1, p) for k, p in enumerate(pk)), targets=1)
    needs = needs_of(np.array([kill_u]))
    used, gains = np.zeros(len(pk)), np.zeros(1)
    weights = weights_of(made.pk)
    replies_known(made, weights, np.array(costs), np.array([10.0]), needs, used, gains)
    exact = cheapest_by_trying(pk, costs, float(needs[0]))
    assert gains[0] >= max(0.0, 10.0 - exact) - 1e-9
    # And it is the cheapest set for a need lower by the rounding of as many weights as there are.
    lower = cheapest_by_trying(pk, costs, float(needs[0]) * (1.0 - len(pk) / UNITS))
    assert gains[0] <= max(0.0, 10.0 - lower) + 1e-9
    if gains[0] > 0.0:
        assert used @ np.array(costs) == pytest.approx(10.0 - gains[0])


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.5, 1.5), st.sampled_from(["duel", "NASAMS alone"]))
def test_any_prices_bound_the_exact_solution_in_expectation(
    seed: int, scale: float, name: str
) -> None:
    """Prices near the best, where the bound is a point or two from the optimum."""
    scenario, rng = VARIANTS[name], np.random.default_rng(seed)
    foresight = foresee(scenario, np.array([seed]), "train")[0]
    params = scenario_params(scenario)
    shots, have = fire_of(foresight), supply_of(scenario, params, 0.0)
    steps, m = foresight.steps, len(foresight.targets)
    rank = rng.random(m)
    guess = worth_of(scenario, params, foresight, rank).guess
    _, found = search_prices(shots, have, guess, UNKNOWN, no_prices(have, steps), 100)
    prices = Prices(*(scale * price for price in found))
    game = game_of(scenario, foresight)
    undefended = solve(game, np.zeros(2, int)).expected_loss
    hit = params.threat_kind[0]["hit"][foresight.targets["kind"]]
    # The mean over which threats hit, by trying all.
    mean = 0.0
    for way in range(2**m):
        hits = np.array([bool(way >> i & 1) for i in range(m)])
        foresight.targets["hits"] = hits
        worth = worth_of(scenario, params, foresight, rank)
        used, gains = np.zeros(len(shots.pk)), np.zeros(m)
        bound = protected_at(shots, have, worth.expected, UNKNOWN, prices, used, gains)
        mean += float(np.prod(np.where(hits, hit, 1.0 - hit))) * bound
    assert mean >= undefended - solve_raid(scenario, foresight).expected_loss - 1e-9


@pytest.mark.parametrize("name", VARIANTS)
def test_bounds_stand_above_the_exact_solution(name: str) -> None:
    scenario, seeds = VARIANTS[name], np.arange(60)
    bounds = raid_bounds(scenario, seeds, "train")
    games = [game_of(scenario, f) for f in foresee(scenario, seeds, "train")]
    rounds = np.array([s.rounds for s in scenario.shooters])
    saved = [solve(g, 0 * rounds).expected_loss - solve(g, rounds).expected_loss for g in games]
    optimum = float(np.mean(saved))
    # The bound is a mean over the luck of 60 raids; four standard errors of its distance.
    for protected in (bounds.luck_known, bounds.arrivals_known):
        apart = protected - np.array(saved)
        assert apart.mean() > -4.0 * apart.std() / np.sqrt(len(seeds))
    assert bounds.protected.mean() < 1.6 * optimum


PLAYED = [
    ("duel", 200), ("standard", 60), ("saturation", 40), ("decoys", 24), ("low-flyers", 24),
    ("stovepipes", 24), ("fog", 24), ("short-campaign", 60), ("ballistic", 12),
    ("small-policing", 60), ("air-policing", 16),
]  # fmt: skip


@pytest.mark.parametrize(("name", "raids"), PLAYED)
def test_no_policy_protects_more_in_any_raid_than_with_luck_known(name: str, raids: int) -> None:
    scenario, seeds = steadfast(name), np.arange(raids)
    bounds = raid_bounds(scenario, seeds)
    policies = {
        n: make_policy(n, scenario) for n in ("random_legal", "nearest_first", "wta_greedy")
    }
    policies["threshold"] = threshold_wta(scenario, 0.1)
    for policy_name, policy in policies.items():
        rows = play(policy, scenario, seeds)
        np.testing.assert_allclose(bounds.undefended_loss, rows["undefended_loss"], rtol=1e-5)
        saved = rows["undefended_loss"] - rows["loss"]
        assert np.all(saved <= bounds.luck_known + 1e-4), policy_name
        assert saved.mean() <= bounds.arrivals_known.mean(), policy_name
        assert saved.max() > 0.0


@pytest.mark.parametrize("name", ["duel", "standard", "air-policing"])
def test_rounds_taken_away_never_raise_a_bound(name: str) -> None:
    scenario = load_scenario(name)
    fewer = replace(
        scenario, shooters=tuple(replace(s, rounds=max(1, s.rounds - 1)) for s in scenario.shooters)
    )
    params = scenario_params(scenario)
    for foresight in foresee(scenario, np.arange(8), "validation"):
        full = bound_raid(scenario, params, foresight)
        less = bound_raid(fewer, scenario_params(fewer), foresight)
        # The search is not exact: less than a percent.
        assert less[2] <= full[2] * 1.01 + 1e-9
        assert less[3] <= full[3] * 1.01 + 1e-9
    # For given prices, there is no doubt.
    have, shots = supply_of(scenario, params, 0.0), fire_of(foresight)
    prices = Prices(*(p + 0.3 for p in no_prices(have, foresight.steps)))
    worth = worth_of(scenario, params, foresight, np.zeros(len(foresight.targets))).guess
    used, gains = np.zeros(len(shots.pk)), np.zeros(len(worth))
    values = [
        protected_at(
            shots, supply_of(s, scenario_params(s), 0.0), worth, UNKNOWN, prices, used, gains
        )
        for s in (fewer, scenario)
    ]
    assert values[0] < values[1]


def test_without_rounds_in_reach_nothing_can_be_protected() -> None:
    far = variant(shooters__0__position=[28.0, 58.0], shooters__1__position=[28.0, 58.0])
    bounds = raid_bounds(far, np.arange(5))
    np.testing.assert_array_equal(bounds.luck_known, 0.0)
    np.testing.assert_allclose(bounds.arrivals_known, 0.0, atol=1e-9)


def test_a_raid_has_the_same_bound_beside_any_other(standard: Scenario) -> None:
    both, one = raid_bounds(standard, [3, 9]), raid_bounds(standard, [9])
    assert both.luck_known[1] == one.luck_known[0]
    assert both.undefended_loss[1] == one.undefended_loss[0]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_what_threats_cost_in_any_order_bounds_what_stopping_them_saves(
    data: st.DataObject,
) -> None:
    """Two raids with a repair between, one asset: played out for every set of threats stopped."""
    scenario, m = steadfast("short-campaign"), data.draw(st.integers(1, 6))
    foresight = foresee(scenario, np.array([1]), "train")[0]
    rows = np.resize(foresight.targets, m)
    rows["raid"] = np.sort(data.draw(st.lists(st.integers(0, 1), min_size=m, max_size=m)))
    rows["aim"], rows["hits"], rows["kind"] = 0, True, 0
    rows["impact_s"] = np.arange(m)
    made = replace(foresight, targets=rows, days=np.array([0.0, 3.0]))
    params = scenario_params(scenario)
    damage = data.draw(st.floats(0.1, 0.9))
    params.threat_kind.setflags(write=True)
    params.threat_kind["damage"] = damage
    rank = np.array(data.draw(st.permutations(range(m))), float)
    worth = worth_of(scenario, params, made, rank).loss
    value, regained = params.asset[0]["value"][0], 3.0 * scenario.campaign.repair_per_day

    def loss(stopped: tuple[int, ...]) -> float:
        health, total = 1.0, 0.0
        for raid in (0, 1):
            for i in range(m):
                if rows["raid"][i] == raid and i not in stopped:
                    taken = min(health, damage)
                    health -= taken
                    total += value * taken
            health = min(1.0, health + regained)
        return total

    for size in range(m + 1):
        for stopped in combinations(range(m), size):
            assert loss(()) - loss(stopped) <= worth[list(stopped)].sum() + 1e-9


def test_the_smaller_mean_is_the_bound() -> None:
    bounds = RaidBounds(np.ones(2), np.array([0.2, 0.9]), np.array([0.5, 0.5]))
    assert bounds.kind == LUCK_UNKNOWN
    np.testing.assert_array_equal(bounds.protected, [0.5, 0.5])
    other = RaidBounds(np.ones(2), np.array([0.2, 0.7]), np.array([0.5, 0.5]))
    assert other.kind == LUCK_KNOWN


def test_what_is_not_supported_is_refused() -> None:
    with pytest.raises(ValueError, match=r"can be destroyed .*\(Radar Antaversis\)"):
        check_supported(load_scenario(named("fog")))
    with pytest.raises(ValueError, match="can be destroyed"):
        check_supported(load_scenario(named("short-campaign")))
    alike = steadfast("fog")
    check_supported(alike)
    kinds = alike.catalogue.threats
    fast = replace(kinds["ballistic_missile"], audible=True)
    kinds["ballistic_missile"], before = fast, kinds["ballistic_missile"]  # type: ignore[index]
    try:
        with pytest.raises(ValueError, match="believed to be of another class"):
            check_supported(alike)
    finally:
        kinds["ballistic_missile"] = before  # type: ignore[index]
    with pytest.raises(ValueError, match="at least one seed"):
        raid_bounds(alike, [])


def test_the_command_prints_a_line_a_scenario(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["duel", "standard", "--raids", "4"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split("|")[1].strip() == "scenario"
    cells = [line.split("|")[1:-1] for line in lines[2:4]]
    assert [row[0].strip() for row in cells] == ["duel", "standard"]
    assert cells[0][4].strip() and not cells[1][4].strip()
    bound = float(cells[0][3].split("±")[0])
    assert bound == min(float(cells[0][n].split("±")[0]) for n in (1, 2))
    assert "4 validation raids" in lines[-1]
    assert command.main(["standart"]) == 1
    assert "standard" in capsys.readouterr().err


def test_all_packaged_scenarios_have_a_bound(capsys):
    names = [scenario.name for scenario in command._asked([])]
    assert names == list(scenario_names())
    assert not capsys.readouterr().err


def test_what_is_not_supported_is_left_out_unless_it_is_named(monkeypatch, capsys):
    scenarios = {"duel": load_scenario("duel"), "fog": load_scenario(named("fog"))}
    monkeypatch.setattr(command, "load_scenario", scenarios.__getitem__)
    monkeypatch.setattr(command, "scenario_names", lambda: tuple(scenarios))
    assert [scenario.name for scenario in command._asked([])] == ["duel"]
    assert "fog is left out: bounds: " in capsys.readouterr().err
    with pytest.raises(ValueError, match="not supported"):
        command._asked(["duel", "fog"])
