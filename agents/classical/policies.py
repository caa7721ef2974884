"""The classical policies, all behind the one ``predict`` protocol."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from agents.classical.pricing_kernel import PriceAllocator
from agents.classical.reference_kernels import choose_nearest, choose_random
from agents.classical.terms import find_columns, flat_price, weight_vector
from agents.policy import Actions, Observation
from envs.scenario import Scenario


class ClassicalPolicy(ABC):
    """A policy without memory that does the same whenever it sees the same.

    ``predict`` takes the tables of a batch [B, ...], or of a single environment [...] as
    Stable-Baselines3's policies do. ``deterministic`` changes nothing: random legal has no mode.
    """

    @abstractmethod
    def decide(self, observation: Observation) -> Actions:
        """Chooses actions [B, S] for tables [B, ...]."""

    def predict(
        self,
        observation: Observation,
        state: Any = None,
        episode_start: NDArray[np.bool_] | None = None,
        deterministic: bool = True,
    ) -> tuple[Actions, Any]:
        """Chooses what every shooter does in this epoch; see ``agents.policy.Policy``."""
        if observation["action_mask"].ndim == 2:
            batch_of_one = {name: table[None] for name, table in observation.items()}
            return self.decide(batch_of_one)[0], state
        return self.decide(observation), state


@final
class HoldFire(ClassicalPolicy):
    """Never fires: the lower end."""

    def decide(self, observation: Observation) -> Actions:
        """Holds, everywhere."""
        return np.zeros(observation["action_mask"].shape[:2], np.int64)


@final
class RandomLegal(ClassicalPolicy):
    """Every shooter picks one of its legal choices with equal probability."""

    def __init__(self, seed: int = 0) -> None:
        """Two policies of one seed decide alike."""
        self.seed = np.uint64(seed)

    def decide(self, observation: Observation) -> Actions:
        """Draws among the legal choices."""
        mask, actions = _mask_and_actions(observation)
        track, clock = (
            np.ascontiguousarray(observation[name], np.float32).view(np.uint32)
            for name in ("track", "clock")
        )
        choose_random(track, clock, mask, self.seed, actions)
        return actions


@final
class NearestFirst(ClassicalPolicy):
    """Every shooter fires at its legal track of least time to impact."""

    def __init__(self, scenario: Scenario) -> None:
        """Finds its columns in the scenario's layout."""
        self.columns = find_columns(scenario)

    def decide(self, observation: Observation) -> Actions:
        """Takes the most urgent track of each shooter."""
        mask, actions = _mask_and_actions(observation)
        track = np.ascontiguousarray(observation["track"], np.float32)
        choose_nearest(track, mask, self.columns, actions)
        return actions


@final
class PricingPolicy(ClassicalPolicy):
    """Greedy WTA on value saved minus a price that is linear in named terms.

    In rounds within the epoch, the legal pair of a shooter that has not fired yet with the largest

        score(s, i) = value_saved(s, i) - sum_t weight_t * term_t(s, i)

    is allocated while its score is above zero; after each, value_saved of the others at that
    track falls by the factor 1 - pk. All weights zero: greedy WTA (maximum marginal return,
    counting what is in flight). One price for all: the threshold policy.
    """

    def __init__(self, scenario: Scenario, weights: Mapping[str, float]) -> None:
        """Takes weights by term name (``terms.term_names``); a term not given weighs 0.

        Raises:
            ValueError: If a term is unknown or a weight is not a finite number.
        """
        self.weights = dict(weights)
        vector = weight_vector(weights, scenario.shooter_kinds)
        self._allocate = PriceAllocator(find_columns(scenario), vector)
        self._weights_row = np.zeros(0, np.int64)

    def decide(
        self, observation: Observation, added: NDArray[np.floating[Any]] | None = None
    ) -> Actions:
        """Allocates while something is worth its price, with ``added`` [B, S] added to it."""
        members = observation["action_mask"].shape[0]
        if self._weights_row.size != members:
            self._weights_row = np.zeros(members, np.int64)
        return self._allocate(observation, self._weights_row, added)


def greedy_wta(scenario: Scenario) -> PricingPolicy:
    """Maximum marginal return: fires whatever saves something."""
    return PricingPolicy(scenario, {})


def threshold_wta(scenario: Scenario, price: float) -> PricingPolicy:
    """Greedy WTA that fires only what saves more than one price.

    Args:
        scenario: Scenario to play.
        price: Least expected value saved, as a share of the largest asset's value.
    """
    return PricingPolicy(scenario, flat_price(price, scenario.shooter_kinds))


def _mask_and_actions(observation: Observation) -> tuple[NDArray[np.int8], Actions]:
    mask = np.ascontiguousarray(observation["action_mask"], np.int8)
    return mask, np.empty(mask.shape[:2], np.int64)
