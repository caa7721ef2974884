"""The classical policies on made-up observations."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.classical import POLICY_NAMES, make_policy
from agents.classical.exact_policy import ExactPolicy
from agents.classical.policies import PricingPolicy, greedy_wta, threshold_wta
from agents.classical.terms import CALENDAR_TERMS, SHARED_TERMS, flat_price, term_names
from agents.classical.weights_file import TunedWeights, load_tuned, save_tuned, weights_path
from agents.policy import Policy
from agents.wta.greedy import greedy_batch
from agents.wta.problem import StaticProblem
from envs.observation import Layout
from envs.scenario import Scenario, load_scenario
from envs.validation import ScenarioError
from tests.envs.small import named, started

from .classical_observations import (
    Tables,
    empty_tables,
    permute_slots,
    prices_by_the_definition,
    put_track,
    random_tables,
    rows_of,
)

SCENARIO = load_scenario("standard")
OF_ALL_KINDS = (*SHARED_TERMS, *CALENDAR_TERMS)
WEIGHTS = {term: 0.02 * (n % 7 - 2) for n, term in enumerate(term_names(SCENARIO.shooter_kinds))}


def make(name: str) -> Policy:
    return make_policy(name, SCENARIO, weights=WEIGHTS, price=0.1)


def column(tables: Tables, table: str, name: str) -> np.ndarray:
    return tables[table][..., Layout(SCENARIO).index(table, name)]


def fired(policy: Policy, tables: Tables) -> dict[int, int]:
    """Slot each shooter of the first member fires at."""
    actions, _ = policy.predict(tables)
    return {s: int(a) - 1 for s, a in enumerate(actions[0]) if a > 0}


def pricing(**weights: float) -> PricingPolicy:
    return PricingPolicy(SCENARIO, weights)


def by_the_definition(tables: Tables, weights: dict[str, float], b: int) -> np.ndarray:
    """The pricing rule once more, in plain Python."""
    saved = column(tables, "pair", "value_saved")[b].astype(float)
    pk = column(tables, "pair", "pk")[b].astype(float)
    engaged = column(tables, "track", "in_flight")[b] > 0
    legal = tables["action_mask"][b, :, 1:] > 0
    prices = prices_by_the_definition(SCENARIO, tables, weights, b)
    action = np.zeros(SCENARIO.num_shooters, int)
    while True:
        price = prices + weights.get("engaged", 0.0) * engaged
        score = np.where(legal & (action == 0)[:, None], saved - price, -np.inf)
        if score.max() <= 0:
            return action
        s, i = np.unravel_index(score.argmax(), score.shape)
        action[s] = 1 + i
        saved[:, i] *= 1.0 - pk[s, i]
        engaged[i] = True


def test_every_name_makes_a_policy_of_the_protocol() -> None:
    tables = random_tables(SCENARIO, 3, seed=0)
    for name in POLICY_NAMES:
        policy = make(name)
        assert isinstance(policy, Policy)
        actions, state = policy.predict(tables, state="kept", episode_start=np.ones(3, bool))
        assert actions.shape == (3, SCENARIO.num_shooters)
        assert actions.dtype == np.int64
        assert state == "kept"
        single, _ = policy.predict({key: table[1] for key, table in tables.items()})
        assert single.tolist() == actions[1].tolist()


def test_greedy_by_hand() -> None:
    # Shooter 0 saves 0.45 at slot 3 or 0.32 at slot 5; shooter 1 saves 0.40 at slot 3, and after
    # shooter 0 has fired there 0.40 * (1 - 0.9) = 0.04: less than the 0.20 it saves at slot 5.
    tables = empty_tables(SCENARIO, 1)
    put_track(SCENARIO, tables, slot=3, value=0.5, pk={0: 0.9, 1: 0.8})
    put_track(SCENARIO, tables, slot=5, value=0.4, pk={0: 0.8, 1: 0.5})
    assert fired(greedy_wta(SCENARIO), tables) == {0: 3, 1: 5}


def test_exact_by_hand() -> None:
    # Greedy sends shooter 0 to slot 3 (0.60), where shooter 1 can only follow (0.24); the best
    # sends it to slot 5 instead: 0.55 + 0.60.
    tables = empty_tables(SCENARIO, 1)
    put_track(SCENARIO, tables, slot=3, value=1.0, pk={0: 0.6, 1: 0.6})
    put_track(SCENARIO, tables, slot=5, value=1.0, pk={0: 0.55})
    assert fired(greedy_wta(SCENARIO), tables) == {0: 3, 1: 3}
    assert fired(make("wta_exact"), tables) == {0: 5, 1: 3}


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32 - 1))
def test_exact_saves_no_less_than_greedy(seed: int) -> None:
    tables = random_tables(SCENARIO, 3, seed)
    exact = make_policy("wta_exact", SCENARIO)
    assert isinstance(exact, ExactPolicy)
    problems = [StaticProblem(*tables) for tables in zip(*exact.problems(tables), strict=True)]
    greedy, best = (policy.predict(tables)[0] for policy in (greedy_wta(SCENARIO), exact))
    for b, problem in enumerate(problems):
        assert problem.value_saved(best[b]) >= problem.value_saved(greedy[b]) - 1e-12


def test_threshold_by_hand() -> None:
    # As above, but 0.20 is below the price, so shooter 1 holds.
    tables = empty_tables(SCENARIO, 1)
    put_track(SCENARIO, tables, slot=3, value=0.5, pk={0: 0.9, 1: 0.8})
    put_track(SCENARIO, tables, slot=5, value=0.4, pk={0: 0.8, 1: 0.5})
    assert fired(threshold_wta(SCENARIO, 0.21), tables) == {0: 3}
    assert fired(threshold_wta(SCENARIO, 0.19), tables) == {0: 3, 1: 5}
    assert fired(threshold_wta(SCENARIO, 0.46), tables) == {}


def test_nearest_first_by_hand() -> None:
    tables = empty_tables(SCENARIO, 1)
    put_track(SCENARIO, tables, slot=2, value=0.9, pk={0: 0.9, 1: 0.9}, time_to_impact_min=9)
    put_track(SCENARIO, tables, slot=7, value=0.1, pk={0: 0.2}, time_to_impact_min=3)
    put_track(SCENARIO, tables, slot=8, value=0.1, pk={2: 0.2}, time_to_impact_min=1)
    assert fired(make("nearest_first"), tables) == {0: 7, 1: 2, 2: 8}


def test_each_term_moves_the_price() -> None:
    # One shot that saves 0.40 with pk 0.8; each weight is chosen to price it just above or below.
    kind = SCENARIO.shooters[0].kind
    tables = empty_tables(SCENARIO, 1)
    put_track(SCENARIO, tables, slot=0, value=0.5, pk={0: 0.8}, slack_min=2.5, in_flight=1)
    column(tables, "shooter", "rounds_share")[:, 0] = 0.75
    column(tables, "clock", "tracks")[:] = 0.2
    column(tables, "clock", "time_share")[:] = 0.5
    column(tables, "clock", "raids_left")[:] = 4
    column(tables, "clock", "days_left")[:] = 14
    column(tables, "shooter", "days_to_change")[:, 0] = 3
    terms = {f"base_{kind}": 1.0, f"scarcity_{kind}": 0.25, "tracks": 0.2, "pk": 0.8}
    terms |= {"slack": 0.5, "engaged": 1.0, "time_share": 0.5}
    terms |= {"days_ahead": -0.7, "leaving": 1.0}  # 3 / 10 - 1, and 3 days are soon
    assert set(terms) == {term for term in WEIGHTS if kind in term or term in OF_ALL_KINDS}
    for term, amount in terms.items():
        assert fired(pricing(**{term: 0.399 / amount}), tables) == {0: 0}, term
        assert fired(pricing(**{term: 0.401 / amount}), tables) == {}, term


@pytest.mark.parametrize(
    ("raids_left", "days_left", "days_to_change", "days_ahead"),
    [
        (3, 12, 0, 12),  # it stays: until the calendar ends
        (3, 12, 5, 5),  # it leaves before that
        (3, 12, 18, 12),  # it would leave after
        (3, 9000, 0, 20),  # more than 20 count as 20
        (3, 30, 25, 20),
        (0, 12, 5, 0),  # no raid may follow, whatever the calendar says
        (3, 0, 0, 0),  # the calendar ends today
    ],
)
def test_days_ahead_by_hand(
    raids_left: float, days_left: float, days_to_change: float, days_ahead: float
) -> None:
    # A shot that saves 0.40, and a shooter that costs 1 for every 10 days ahead besides its base.
    kind = SCENARIO.shooters[0].kind
    tables = empty_tables(SCENARIO, 1)
    put_track(SCENARIO, tables, slot=0, value=0.5, pk={0: 0.8})
    column(tables, "clock", "raids_left")[:] = raids_left
    column(tables, "clock", "days_left")[:] = days_left
    column(tables, "shooter", "days_to_change")[:, 0] = days_to_change
    for margin, expected in ((-1e-5, {0: 0}), (1e-5, {})):
        weights = {f"base_{kind}": 1.4 - days_ahead / 10 + margin, "days_ahead": 1.0}
        assert fired(pricing(**weights), tables) == expected


def test_days_ahead_are_each_shooters_own() -> None:
    # Shooter 0 leaves in 2 days, shooter 1 stays for the 10 of the calendar: -0.8 and 0.
    tables = empty_tables(SCENARIO, 1)
    put_track(SCENARIO, tables, slot=0, value=0.1, pk={0: 0.8})
    put_track(SCENARIO, tables, slot=1, value=0.1, pk={1: 0.8})
    column(tables, "clock", "raids_left")[:] = 5
    column(tables, "clock", "days_left")[:] = 10
    column(tables, "shooter", "days_to_change")[:, 0] = 2
    base = {f"base_{kind}": 0.1 for kind in SCENARIO.shooter_kinds}
    assert fired(pricing(**base), tables) == {}
    assert fired(pricing(**base, days_ahead=0.1), tables) == {0: 0}
    assert fired(pricing(**base, days_ahead=-0.1), tables) == {}


def test_a_shooter_that_stays_is_not_priced_for_leaving() -> None:
    # Leaving within 5 days prices at 0.3 a shot that saves 0.08.
    tables = empty_tables(SCENARIO, 1)
    put_track(SCENARIO, tables, slot=0, value=0.1, pk={0: 0.8})
    for days, fires in ((0.0, True), (0.5, False), (5.0, False), (5.5, True)):
        column(tables, "shooter", "days_to_change")[:, 0] = days
        assert bool(fired(pricing(leaving=0.3), tables)) == fires, days


def test_rounds_are_kept_for_the_last_raid_if_every_other_makes_them_dear() -> None:
    batch = started(named("short-campaign"), 16)
    kinds = batch.scenario.shooter_kinds
    # Above -1, which it is in the last raid alone, the term outweighs the base.
    base = {f"base_{kind}": 1e6 for kind in kinds}
    dear = PricingPolicy(batch.scenario, base | {"days_ahead": 1e6})
    while not batch.terminated.all():
        orders, _ = dear.predict(batch.observation)
        last = batch.state().raid["number"] + 1 == batch.scenario.campaign.raids
        assert not orders[~last].any()
        batch.step(orders)
    fourth = batch.metrics()["raids"] == 4.0
    assert fourth.any()
    assert np.array_equal(batch.metrics()["engagements"] > 0, fourth)


def test_engaged_prices_the_second_shot_of_the_epoch() -> None:
    # The second shot saves 0.5 * 0.6 * 0.4 = 0.12.
    tables = empty_tables(SCENARIO, 1)
    put_track(SCENARIO, tables, slot=4, value=0.5, pk={0: 0.6, 1: 0.6})
    assert fired(pricing(engaged=0.11), tables) == {0: 4, 1: 4}
    assert fired(pricing(engaged=0.13), tables) == {0: 4}


def test_a_negative_engaged_weight_invites_a_second_shot() -> None:
    # At a price of 0.2 the second shot, worth 0.12, would not be fired; 0.1 off the price does it.
    tables = empty_tables(SCENARIO, 1)
    put_track(SCENARIO, tables, slot=4, value=0.5, pk={0: 0.6, 1: 0.6})
    flat = flat_price(0.2, SCENARIO.shooter_kinds)
    assert fired(pricing(**flat), tables) == {0: 4}
    assert fired(pricing(**flat, engaged=-0.1), tables) == {0: 4, 1: 4}


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32 - 1))
def test_the_compiled_rule_is_the_definition(seed: int) -> None:
    rng = np.random.default_rng(seed)
    weights = {term: float(rng.normal(0.0, 0.1)) for term in WEIGHTS}
    tables = random_tables(SCENARIO, 2, seed)
    actions, _ = PricingPolicy(SCENARIO, weights).predict(tables)
    for b in range(2):
        assert actions[b].tolist() == by_the_definition(tables, weights, b).tolist()


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32 - 1))
def test_price_zero_and_zero_weights_are_greedy(seed: int) -> None:
    tables = random_tables(SCENARIO, 3, seed)
    greedy, _ = greedy_wta(SCENARIO).predict(tables)
    value = column(tables, "track", "value_at_risk") * column(tables, "track", "survival")
    pk = column(tables, "pair", "pk")
    legal = tables["action_mask"][:, :, 1:] > 0
    static = greedy_batch(value.astype(float), pk.astype(float), legal)
    zero = PricingPolicy(SCENARIO, dict.fromkeys(WEIGHTS, 0.0))
    assert greedy.tolist() == threshold_wta(SCENARIO, 0.0).predict(tables)[0].tolist()
    assert greedy.tolist() == zero.predict(tables)[0].tolist()
    assert greedy.tolist() == static.tolist()


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 2**32 - 1), st.floats(0.0, 1.0))
def test_illegal_pairs_are_never_chosen(seed: int, tracked: float) -> None:
    tables = random_tables(SCENARIO, 4, seed, tracked)
    members, shooters = np.ogrid[:4, : SCENARIO.num_shooters]
    for name in POLICY_NAMES:
        actions, _ = make(name).predict(tables)
        assert (tables["action_mask"][members, shooters, actions] == 1).all(), name


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32 - 1), st.floats(0.01, 0.5))
def test_nothing_is_fired_below_its_price(seed: int, price: float) -> None:
    tables = random_tables(SCENARIO, 3, seed)
    actions, _ = threshold_wta(SCENARIO, price).predict(tables)
    saved = np.take_along_axis(
        column(tables, "pair", "value_saved"), np.maximum(actions - 1, 0)[:, :, None], axis=2
    )[:, :, 0]
    assert (saved[actions > 0] > price).all()


@pytest.mark.parametrize("name", POLICY_NAMES)
def test_members_do_not_influence_each_other(name: str) -> None:
    tables = random_tables(SCENARIO, 65, seed=5)
    order = np.random.default_rng(0).permutation(65)
    together, _ = make(name).predict(tables)
    elsewhere, _ = make(name).predict(rows_of(tables, order))
    assert elsewhere.tolist() == together[order].tolist()
    for b in (0, 17, 64):
        alone, _ = make(name).predict(rows_of(tables, np.array([b])))
        assert alone.tolist() == together[b : b + 1].tolist()


@pytest.mark.skipif(numba.get_num_threads() < 2, reason="needs two threads")
@pytest.mark.parametrize("name", POLICY_NAMES)
def test_the_number_of_threads_changes_nothing(name: str) -> None:
    tables = random_tables(SCENARIO, 65, seed=6)
    before = numba.get_num_threads()
    actions = []
    for threads in (1, 2):
        numba.set_num_threads(threads)
        actions.append(make(name).predict(tables)[0])
    numba.set_num_threads(before)
    assert actions[0].tolist() == actions[1].tolist()


@pytest.mark.parametrize("name", [n for n in POLICY_NAMES if n != "random_legal"])
def test_permuting_slots_permutes_the_allocation(name: str) -> None:
    tables = random_tables(SCENARIO, 20, seed=7)
    order = np.random.default_rng(1).permutation(SCENARIO.num_slots)
    actions, _ = make(name).predict(tables)
    permuted, _ = make(name).predict(permute_slots(tables, order))
    back = np.where(permuted > 0, 1 + order[permuted - 1], 0)
    assert back.tolist() == actions.tolist()


def test_random_legal_is_uniform_over_the_legal_choices() -> None:
    tables = random_tables(SCENARIO, 4000, seed=8)  # 4,000 clocks: as many draws
    mask = random_tables(SCENARIO, 1, seed=9)["action_mask"]
    tables["action_mask"] = np.repeat(mask, 4000, axis=0)
    actions, _ = make_policy("random_legal", SCENARIO).predict(tables)
    for s in range(SCENARIO.num_shooters):
        share = np.bincount(actions[:, s], minlength=mask.shape[2]) / 4000
        even = 1 / mask[0, s].sum()
        # Five standard deviations of a share estimated from 4,000 draws.
        assert np.abs(share - even * mask[0, s]).max() < 5 * np.sqrt(even * (1 - even) / 4000)


def test_random_legal_follows_its_seed() -> None:
    tables = random_tables(SCENARIO, 10, seed=10)
    first, again, other = (
        make_policy("random_legal", SCENARIO, seed=seed).predict(tables)[0] for seed in (1, 1, 2)
    )
    assert first.tolist() == again.tolist()
    assert first.tolist() != other.tolist()


def test_unknown_policy_names_the_nearest() -> None:
    with pytest.raises(ValueError, match="policy: unknown 'wta_gredy'; did you mean 'wta_greedy'"):
        make_policy("wta_gredy", SCENARIO)


def test_unknown_term_names_the_nearest() -> None:
    with pytest.raises(ValueError, match="unknown 'engagd'; did you mean 'engaged'"):
        PricingPolicy(SCENARIO, {"engagd": 0.1})


@pytest.mark.parametrize("weight", [float("nan"), float("inf"), "0.1", True])
def test_a_weight_is_a_finite_number(weight: object) -> None:
    with pytest.raises(ValueError, match="weight of pk must be a finite number"):
        PricingPolicy(SCENARIO, {"pk": weight})  # type: ignore[dict-item]


def renamed(name: str) -> Scenario:
    return replace(SCENARIO, name=name)


@pytest.mark.parametrize("policy", ["wta_threshold", "wta_pricing"])
def test_a_scenario_without_weights_says_how_to_tune_them(policy: str) -> None:
    with pytest.raises(FileNotFoundError, match=r"python train.py agent=pricing scenario=other"):
        make_policy(policy, renamed("other"))


def test_weights_survive_their_file(tmp_path: Path) -> None:
    path = tmp_path / "weights.yaml"
    tuned = TunedWeights("standard", {"generations": 3}, 0.125, {"pk": -0.25, "slack": 0.5})
    save_tuned(tuned, path)
    assert load_tuned(path, "standard") == tuned
    assert "python train.py agent=pricing scenario=standard" in path.read_text()
    tables = random_tables(SCENARIO, 5, seed=11)
    from_file = make_policy("wta_pricing", SCENARIO, weights=path).predict(tables)[0]
    assert from_file.tolist() == pricing(pk=-0.25, slack=0.5).predict(tables)[0].tolist()
    flat = make_policy("wta_threshold", SCENARIO, weights=path).predict(tables)[0]
    assert flat.tolist() == threshold_wta(SCENARIO, 0.125).predict(tables)[0].tolist()


OLD_FILE = """\
scenario: standard
tuned: {generations: 3}
threshold: 0.125
weights: {base_patriot: 0.2, base_rbs70: 0.02, scarcity_nasams: 0.3, tracks: 0.1, pk: -0.25,
          slack: 0.15, engaged: 0.05, time_share: -0.1}
"""


def test_a_weights_file_without_terms_of_the_calendar_decides_as_it_did(tmp_path: Path) -> None:
    path = tmp_path / "weights.yaml"
    path.write_text(OLD_FILE)
    policy = make_policy("wta_pricing", SCENARIO, weights=path)
    tables = random_tables(SCENARIO, 40, seed=12)
    actions, _ = policy.predict(tables)
    assert (actions > 0).mean() > 0.1
    weights = load_tuned(path, "standard").weights
    for b in range(40):
        assert actions[b].tolist() == by_the_definition(tables, weights, b).tolist()
    for table, name in (("shooter", "days_to_change"), ("clock", "raids_left")):
        column(tables, table, name)[:] = 0.0
    assert policy.predict(tables)[0].tolist() == actions.tolist(), "whatever the calendar says"
    dearer = PricingPolicy(SCENARIO, weights | {"leaving": 0.3})
    tables = random_tables(SCENARIO, 40, seed=12)
    assert dearer.predict(tables)[0].tolist() != actions.tolist()


@pytest.mark.parametrize("path", sorted(weights_path("standard").parent.glob("*.yaml")))
def test_the_weights_of_the_package_load_for_their_scenario(path: Path) -> None:
    scenario = load_scenario(path.stem)
    tuned = load_tuned(path, path.stem)
    assert tuned.scenario == path.stem
    policy = make_policy("wta_pricing", scenario)
    assert isinstance(policy, PricingPolicy)
    assert policy.weights == tuned.weights
    assert scenario.campaign.raids > 1 or not set(CALENDAR_TERMS) & set(tuned.weights)


def test_a_misspelt_key_of_a_weights_file_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "weights.yaml"
    save_tuned(TunedWeights("standard", {}, 0.1, {}), path)
    path.write_text(path.read_text().replace("threshold:", "treshold:"))
    with pytest.raises(ScenarioError, match="did you mean 'threshold'"):
        load_tuned(path, "standard")
