"""What a policy spends its rounds on, as figures to draw histograms of.

What was fired at and what was let go says what rounds are worth to any policy; policies that have
a price of their own tell that, too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.classical import PricingPolicy
from agents.learned.checkpoint import LearnedAgent
from agents.learned.policy import AllocationPolicy
from agents.learned.price_network import NetworkPolicy, bare_network
from agents.policy import Actions, Observation, Policy
from agents.rollout import IDLE, play
from envs.batch import RaidBatch
from envs.observation import Layout
from envs.scenario import Scenario

Figures = dict[str, NDArray[np.float64]]
_PRICED = 8  # prices are taken in one epoch of so many


def decisions(policy: Policy, scenario: Scenario, seeds: Sequence[int], split: str) -> Figures:
    """Play some raids and note what is fired at.

    Args:
        policy: Decides; no planner.
        scenario: What is played.
        seeds: One raid each.
        split: Which set of raids.

    Returns:
        By name: ``actions/firing``, shooters that fire, of each epoch in which some may;
        ``actions/pk`` of what is fired at; ``actions/value_saved`` of the same and
        ``actions/value_saved_held``, the most that each shooter that holds could have saved, both
        in shares of the largest asset's value; and ``prices/pair`` in the same unit, of legal
        pairs as an epoch begins, where the policy has prices.
    """
    notes = _Notes(policy, scenario)
    play(policy, scenario, seeds, split, batch_size=len(seeds), decided=notes.add)
    return notes.figures()


class _Notes:
    """How a policy decides, epoch by epoch."""

    def __init__(self, policy: Policy, scenario: Scenario) -> None:
        self._prices = prices_of(policy, scenario)
        layout = Layout(scenario)
        self._pk, self._saved = (layout.index("pair", name) for name in ("pk", "value_saved"))
        self._shooters = scenario.num_shooters
        self._epoch = 0
        names = ["firing", "pk", "value_saved", "value_saved_held"]
        self._noted: dict[str, list[NDArray[Any]]] = {f"actions/{name}": [] for name in names}
        if self._prices is not None:
            self._noted["prices/pair"] = []

    def add(self, batch: RaidBatch, places: NDArray[np.int64], actions: Actions) -> None:
        """Note an epoch; given to ``play`` as ``decided``."""
        under_way = places != IDLE
        own = {name: table[under_way] for name, table in batch.observation.items()}
        self._note(own, actions[under_way, : self._shooters])
        if self._prices is not None and self._epoch % _PRICED == 0:
            self._noted["prices/pair"].append(self._prices(own))
        self._epoch += 1

    def figures(self) -> Figures:
        return {
            name: np.concatenate(parts).astype(np.float64) for name, parts in self._noted.items()
        }

    def _note(self, observation: Observation, actions: Actions) -> None:
        legal = observation["action_mask"][:, :, 1:] != 0
        saved = np.where(legal, observation["pair"][..., self._saved], 0.0)
        may, fires = legal.any(axis=2), actions > 0
        member, shooter = np.nonzero(fires)
        at = (member, shooter, actions[fires] - 1)
        noted = {
            "firing": fires.sum(axis=1)[may.any(axis=1)],
            "pk": observation["pair"][(*at, self._pk)],
            "value_saved": saved[at],
            "value_saved_held": saved.max(axis=2)[may & ~fires],
        }
        for name, values in noted.items():
            self._noted[f"actions/{name}"].append(values)


def prices_of(policy: Policy, scenario: Scenario) -> Callable[[Observation], Any] | None:
    """How to ask a policy for its prices of the legal pairs of a batch, [N]; None: it has none."""
    match policy:
        case PricingPolicy():
            return NetworkPolicy(scenario, bare_network(policy.weights, scenario)).prices
        case NetworkPolicy():
            return policy.prices
        case LearnedAgent(policy=AllocationPolicy() as own):
            return own.prices
        case _:
            return None
