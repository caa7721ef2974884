"""Prices as actions: a learner sets one price a shooter in every epoch, the pricing rule allocates.

So a continuous action of any Stable-Baselines3 algorithm becomes an allocation, and what to fire at
what is left to the classical rule. All prices zero is that rule itself.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from agents.classical import PricingPolicy
from agents.classical.weights_file import start_prices
from agents.learned.adapter import RaidVecEnv
from agents.policy import Actions, Observation
from envs.scenario import Scenario

PRICE_RANGE = 0.25
"""What an action of 1 adds to a shooter's price, as a share of the largest asset's value.

For its kind and rounds gone the tuned rule of `standard` asks −0.16 to 0.23.
"""


class PricedVecEnv(RaidVecEnv):
    """``RaidVecEnv`` with an action float32 [B, S] in [−1, 1]: what is added to each price.

    They are added to those of ``rule_of(scenario, start)``; archives of Stable-Baselines3 are
    scored with ``best``. Deliveries go by need. Everything else, and the other arguments, are the
    parent's.
    """

    def __init__(
        self, scenario: Scenario, num_envs: int, *, start: str = "best", **arguments: Any
    ) -> None:
        super().__init__(scenario, num_envs, by_need=True, **arguments)
        self.rule = rule_of(scenario, start)
        self.action_space = price_space(scenario)

    def step_async(self, actions: np.ndarray) -> None:
        """Keep what the rule allocates at these prices, float [B, S]."""
        super().step_async(allocation(self.rule, self.batch.observation, actions))


class PriceSetter:
    """A policy that sets prices, as one that allocates: behind the one ``predict`` protocol."""

    def __init__(self, setter: Any, rule: PricingPolicy) -> None:
        """Take whatever predicts prices float [B, S] for observation tables [B, ...]."""
        self.setter, self.rule = setter, rule

    def predict(
        self,
        observation: Observation,
        state: Any = None,
        episode_start: NDArray[np.bool_] | None = None,
        deterministic: bool = True,
    ) -> tuple[Actions, Any]:
        """Actions int64 [B, S] of the rule at the prices that are set."""
        prices, state = self.setter.predict(observation, state, episode_start, deterministic)
        return allocation(self.rule, observation, prices), state


def allocation(
    rule: PricingPolicy, observation: Observation, prices: NDArray[np.floating[Any]]
) -> Actions:
    """What a rule allocates, int64 [B, S], if prices [B, S], clipped to [−1, 1], are added to it.

    Raises:
        ValueError: A price is not a number, or the shape is another.
    """
    shape = observation["action_mask"].shape[:2]
    if np.shape(prices) != shape or np.isnan(prices).any():
        got = "not a number" if np.shape(prices) == shape else np.shape(prices)
        raise ValueError(f"prices must be numbers of shape {shape}, got {got}")
    return rule.decide(observation, PRICE_RANGE * np.clip(prices, -1.0, 1.0))


def price_space(scenario: Scenario) -> spaces.Box:
    """One price a shooter."""
    return spaces.Box(-1.0, 1.0, (scenario.num_shooters,), np.float32)


def rule_of(scenario: Scenario, start: str = "best") -> PricingPolicy:
    """The rule that prices are added to; ``start`` as in ``NetworkSettings``."""
    return PricingPolicy(scenario, start_prices(scenario.name, start))
