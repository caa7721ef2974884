"""Classical policies: the reference points every table carries."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agents.bounds.optimal_policy import OptimalPolicy
from agents.classical.exact_policy import ExactPolicy
from agents.classical.look_ahead import LookAhead
from agents.classical.open_loop import OpenLoop
from agents.classical.policies import (
    ClassicalPolicy,
    HoldFire,
    NearestFirst,
    PricingPolicy,
    RandomLegal,
    greedy_wta,
    threshold_wta,
)
from agents.classical.weights_file import TunedWeights, load_tuned, weights_path
from agents.policy import Policy
from envs.scenario import Scenario, load_scenario
from envs.validation import one_of

POLICY_NAMES = (
    "hold_fire",
    "random_legal",
    "nearest_first",
    "wta_greedy",
    "wta_exact",
    "wta_threshold",
    "wta_pricing",
)
SOLVER_NAMES = ("optimal",)  # of scenarios that are small enough
PLANNER_NAMES = ("open_loop", "look_ahead")  # that simulate on copies of the batch they play

__all__ = [
    "PLANNER_NAMES",
    "POLICY_NAMES",
    "SOLVER_NAMES",
    "ClassicalPolicy",
    "PricingPolicy",
    "make_policy",
    "tuned_weights",
]


def make_policy(
    name: str,
    scenario: Scenario | str | Path | Mapping[str, Any],
    *,
    weights: Mapping[str, float] | str | Path | None = None,
    price: float | None = None,
    seed: int = 0,
) -> Policy:
    """Makes a classical policy for a scenario.

    Args:
        name: One of ``POLICY_NAMES``, ``SOLVER_NAMES`` or ``PLANNER_NAMES``.
        scenario: A scenario, or what ``load_scenario`` takes.
        weights: For ``wta_pricing``: term to weight, or the path of a weights file. Default: the
            weights tuned for the scenario. A path serves ``wta_threshold`` too.
        price: For ``wta_threshold`` and ``open_loop``: the price. Default: the one tuned for the
            scenario, and for ``open_loop`` none, 0, which protects more than any tried above it.
        seed: For ``random_legal``.

    Raises:
        ValueError: If the name is unknown, the message lists the known ones; or if the scenario
            is too large for a solver.
        FileNotFoundError: If the scenario has no tuned weights; the message says how to tune.
    """
    scenario = load_scenario(scenario)
    match one_of(name, (*POLICY_NAMES, *SOLVER_NAMES, *PLANNER_NAMES), "policy"):
        case "open_loop":
            return OpenLoop(scenario, price=0.0 if price is None else price)
        case "look_ahead":
            return LookAhead(scenario, make_policy("wta_pricing", scenario, weights=weights))
        case "optimal":
            return OptimalPolicy(scenario)
        case "hold_fire":
            return HoldFire()
        case "random_legal":
            return RandomLegal(seed)
        case "nearest_first":
            return NearestFirst(scenario)
        case "wta_greedy":
            return greedy_wta(scenario)
        case "wta_exact":
            return ExactPolicy(scenario)
        case "wta_threshold":
            if price is None:
                price = tuned_weights(scenario, _path(weights)).threshold
            return threshold_wta(scenario, price)
        case _:
            if not isinstance(weights, Mapping):
                weights = tuned_weights(scenario, weights).weights
            return PricingPolicy(scenario, weights)


def tuned_weights(scenario: Scenario, path: str | Path | None = None) -> TunedWeights:
    """Reads the tuned weights of a scenario from ``path``, by default from the package."""
    return load_tuned(weights_path(scenario.name) if path is None else path, scenario.name)


def _path(weights: Mapping[str, float] | str | Path | None) -> str | Path | None:
    return None if isinstance(weights, Mapping) else weights
