"""Made-up observations for tests of the classical policies: tables of the real layout."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from agents.classical.terms import LONGEST_SLACK_MIN
from envs.observation import TABLES, Layout
from envs.scenario import Scenario

Tables = dict[str, np.ndarray]


def empty_tables(scenario: Scenario, members: int) -> Tables:
    """Nothing in sight; shooters of the scenario's kinds with full magazines; all must hold."""
    layout = Layout(scenario)
    tables = {
        name: np.zeros((members, *layout.rows[name], len(layout.columns[name])), np.float32)
        for name in TABLES
    }
    tables["action_mask"] = np.zeros((members, *layout.mask_shape), np.int8)
    tables["action_mask"][:, :, 0] = 1
    for s, shooter in enumerate(scenario.shooters):
        tables["shooter"][:, s, layout.index("shooter", f"kind_{shooter.kind}")] = 1
    tables["shooter"][:, :, layout.index("shooter", "rounds_share")] = 1
    return tables


def put_track(
    scenario: Scenario,
    tables: Tables,
    slot: int,
    value: float,
    pk: dict[int, float],
    time_to_impact_min: float = 10.0,
    slack_min: float = 5.0,
    in_flight: int = 0,
) -> None:
    """Puts a track that the shooters in ``pk`` may fire at into a slot of every member."""
    layout = Layout(scenario)
    row = {
        "present": 1.0,
        "value_at_risk": value,
        "time_to_impact_min": time_to_impact_min,
        "in_flight": in_flight,
        "survival": 1.0,
    }
    for column, entry in row.items():
        tables["track"][:, slot, layout.index("track", column)] = entry
    for s, probability in pk.items():
        pair = {"pk": probability, "slack_min": slack_min, "value_saved": value * probability}
        for column, entry in pair.items():
            tables["pair"][:, s, slot, layout.index("pair", column)] = entry
        tables["action_mask"][:, s, 1 + slot] = 1


def random_tables(scenario: Scenario, members: int, seed: int, tracked: float = 0.4) -> Tables:
    """Random but consistent tables; pairs may be possible and yet illegal now."""
    rng = np.random.default_rng(seed)
    layout = Layout(scenario)
    tables = empty_tables(scenario, members)
    shooters, slots = layout.rows["pair"]
    column = layout.index
    present = rng.random((members, slots)) < tracked
    in_flight = rng.integers(0, 2, (members, slots))
    survival = np.where(in_flight > 0, rng.random((members, slots)), 1.0)
    value = rng.uniform(0.05, 1.0, (members, slots))
    pk = rng.uniform(0.1, 0.9, (members, shooters, slots))
    pk *= (rng.random(pk.shape) < 0.8) & present[:, None]
    track, pair, shooter = tables["track"], tables["pair"], tables["shooter"]
    track[..., column("track", "present")] = present
    track[..., column("track", "value_at_risk")] = value * present
    track[..., column("track", "in_flight")] = in_flight * present
    track[..., column("track", "survival")] = survival * present
    track[..., column("track", "time_to_impact_min")] = rng.uniform(0, 20, value.shape) * present
    pair[..., column("pair", "pk")] = pk
    pair[..., column("pair", "slack_min")] = rng.uniform(0, 20, pk.shape) * (pk > 0)
    pair[..., column("pair", "value_saved")] = (value * survival)[:, None] * pk
    shooter[..., column("shooter", "rounds_share")] = rng.random((members, shooters))
    tables["clock"][:, column("clock", "time_share")] = rng.random(members)
    tables["clock"][:, column("clock", "tracks")] = present.sum(1) / 10
    tables["action_mask"][:, :, 1:] = (pk > 0) & (rng.random(pk.shape) < 0.8)
    days = rng.uniform(0.2, 30.0, (members, shooters)) * (rng.random((members, shooters)) < 0.6)
    shooter[..., column("shooter", "days_to_change")] = days
    tables["clock"][:, column("clock", "raids_left")] = rng.integers(0, 15, members)
    tables["clock"][:, column("clock", "days_left")] = rng.uniform(0.0, 90.0, members)
    return tables


def prices_by_the_definition(
    scenario: Scenario, tables: Tables, weights: Mapping[str, float], b: int
) -> np.ndarray:
    """Price of every pair of a member but for the term of engaged tracks, float64 [S, I].

    The sum of weight * term once more, in plain Python.
    """
    layout = Layout(scenario)

    def value(table: str, name: str) -> np.ndarray:
        return tables[table][b, ..., layout.index(table, name)].astype(float)

    prices = np.zeros(layout.rows["pair"])
    days_left = float(value("clock", "days_left")) * bool(value("clock", "raids_left"))
    for s, shooter in enumerate(scenario.shooters):
        days = value("shooter", "days_to_change")[s]
        terms = {
            f"base_{shooter.kind}": 1.0,
            f"scarcity_{shooter.kind}": 1.0 - value("shooter", "rounds_share")[s],
            "tracks": value("clock", "tracks"),
            "pk": value("pair", "pk")[s],
            "slack": np.minimum(value("pair", "slack_min")[s] / LONGEST_SLACK_MIN, 1.0),
            "time_share": value("clock", "time_share"),
            "days_ahead": min(min(days or np.inf, days_left) / 10.0 - 1.0, 1.0),
            "leaving": 1.0 if 0.0 < days <= 5.0 else 0.0,
        }
        prices[s] = sum(weights.get(term, 0.0) * amount for term, amount in terms.items())
    return prices


def rows_of(tables: Tables, rows: np.ndarray) -> Tables:
    """Some members, in another order."""
    return {name: table[rows] for name, table in tables.items()}


def permute_slots(tables: Tables, order: np.ndarray) -> Tables:
    """New slot j holds what slot order[j] held."""
    permuted = dict(tables)
    permuted["track"] = tables["track"][:, order]
    permuted["pair"] = tables["pair"][:, :, order]
    columns = np.concatenate([[0], 1 + order])
    permuted["action_mask"] = tables["action_mask"][:, :, columns]
    return permuted
