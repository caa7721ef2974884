"""The price of a round three times: in plain Python, in the compiled rule, in the network."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from agents.classical.policies import PricingPolicy
from agents.classical.terms import term_names
from agents.learned.distribution import Pairs
from agents.learned.networks import Prices
from envs.observation import Layout
from envs.scenario import load_scenario

from .classical_observations import Tables, prices_by_the_definition, random_tables, rows_of

SCENARIO = load_scenario("standard")
LAYOUT = Layout(SCENARIO)
TERMS = term_names(SCENARIO.shooter_kinds)
MEMBERS = 12


def random_weights(seed: int) -> dict[str, float]:
    rng = np.random.default_rng(seed)
    return {term: float(rng.normal(0.0, 0.1)) for term in TERMS}


def network_prices(
    tables: Tables, weights: dict[str, float], shift: np.ndarray | None = None
) -> tuple[Pairs, np.ndarray, np.ndarray]:
    """The legal pairs, what each costs, and what it costs more if its track is engaged."""
    columns = {table: [c.name for c in entry] for table, entry in LAYOUT.columns.items()}
    prices = Prices(columns, scale=2.0)
    prices.set_weights(weights)
    tensors = {name: torch.as_tensor(table) for name, table in tables.items()}
    pairs = Pairs.from_mask(tensors["action_mask"][:, :, 1:])
    at = pairs.member[pairs.choice]
    if shift is None:
        shift = np.zeros((len(tables["clock"]), len(TERMS)))
    with torch.no_grad():
        cost, engaged = prices(
            pairs,
            tensors["shooter"][pairs.member, pairs.shooter],
            tensors["pair"][at, pairs.shooter[pairs.choice], pairs.track],
            tensors["clock"],
            torch.as_tensor(shift, dtype=torch.float32),
        )
    return pairs, cost.numpy(), engaged.numpy()


def legal_pairs(pairs: Pairs) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Member, shooter and slot of each legal pair."""
    member, shooter = pairs.member[pairs.choice], pairs.shooter[pairs.choice]
    return member.numpy(), shooter.numpy(), pairs.track.numpy()


@pytest.mark.parametrize("seed", range(4))
def test_the_networks_price_is_the_definition(seed: int) -> None:
    tables, weights = random_tables(SCENARIO, MEMBERS, seed), random_weights(seed)
    pairs, cost, engaged = network_prices(tables, weights)
    plain = [prices_by_the_definition(SCENARIO, tables, weights, b) for b in range(MEMBERS)]
    member, shooter, slot = legal_pairs(pairs)
    assert len(cost) > 50
    np.testing.assert_allclose(cost, np.array(plain)[member, shooter, slot], atol=1e-6)
    np.testing.assert_allclose(engaged, weights["engaged"], atol=1e-6)


def test_each_term_of_the_networks_price_alone_is_the_definition() -> None:
    tables = random_tables(SCENARIO, MEMBERS, seed=9)
    deployed = {shooter.kind for shooter in SCENARIO.shooters}
    for term in TERMS:
        pairs, cost, _ = network_prices(tables, {term: 1.0})
        plain = [prices_by_the_definition(SCENARIO, tables, {term: 1.0}, b) for b in range(MEMBERS)]
        expected = np.array(plain)[legal_pairs(pairs)]
        np.testing.assert_allclose(cost, expected, atol=1e-6, err_msg=term)
        of_no_use = term.partition("_")[2] in SCENARIO.shooter_kinds
        absent = of_no_use and not any(term.endswith(kind) for kind in deployed)
        assert expected.any() == (term != "engaged" and not absent), term


def test_what_the_context_adds_to_the_weights_prices_its_own_member() -> None:
    tables, weights = random_tables(SCENARIO, MEMBERS, seed=5), random_weights(5)
    shift = np.random.default_rng(6).normal(0.0, 0.05, (MEMBERS, len(TERMS)))
    pairs, cost, engaged = network_prices(tables, weights, shift)
    member, shooter, slot = legal_pairs(pairs)
    for b in range(MEMBERS):
        own = {term: weights[term] + 2.0 * shift[b, n] for n, term in enumerate(TERMS)}
        plain = prices_by_the_definition(SCENARIO, tables, own, b)[shooter, slot]
        np.testing.assert_allclose(cost[member == b], plain[member == b], atol=1e-5)
        np.testing.assert_allclose(engaged[b == member], own["engaged"], atol=1e-6)


@pytest.mark.parametrize("seed", range(4))
def test_the_compiled_rule_fires_above_the_networks_price_and_not_below(seed: int) -> None:
    tables, weights = random_tables(SCENARIO, MEMBERS, seed), random_weights(seed + 100)
    pairs, cost, engaged_price = network_prices(tables, weights)
    member, shooter, slot = legal_pairs(pairs)
    # Every legal pair becomes a member of its own, in which it is the only one.
    alone, each = rows_of(tables, member), np.arange(len(member))
    alone["action_mask"][:, :, 1:] = 0
    alone["action_mask"][each, shooter, 1 + slot] = 1
    engaged = alone["track"][each, slot, LAYOUT.index("track", "in_flight")] > 0
    assert 0 < engaged.sum() < len(engaged)
    price = cost + engaged_price * engaged
    saved = LAYOUT.index("pair", "value_saved")
    for margin in (1e-5, -1e-5):
        alone["pair"][each, shooter, slot, saved] = price + margin
        actions, _ = PricingPolicy(SCENARIO, weights).predict(alone)
        expected = np.zeros_like(actions)
        expected[each, shooter] = (1 + slot) * (margin > 0)
        assert actions.tolist() == expected.tolist()
