"""Reward: weights over named metrics."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from envs.entities import Scenario
from envs.validation import one_of


def reward_weights(
    scenario: Scenario, reward: Mapping[str, float] | None, mean_undefended_loss: float
) -> NDArray[np.float64]:
    """Return the weight of every metric, float64 [M].

    Args:
        scenario: names the metrics.
        reward: weight by metric name; None: -1 / `mean_undefended_loss` on the loss, so that the
            mean return orders policies as the score does, and, where neutral aircraft may come,
            -`neutral_penalty` / `mean_undefended_loss` on each that is shot down.
        mean_undefended_loss: of the scenario, in units of asset value.

    Raises:
        ValueError: on a metric that is unknown (the known ones are listed) or a weight that is
            not finite.
    """
    if reward is None:
        reward = {"loss": -1.0 / mean_undefended_loss}
        if scenario.traffic:
            reward["neutrals_shot"] = -scenario.neutral_penalty / mean_undefended_loss
    names = scenario.metric_names
    weights = np.zeros(len(names))
    for name, weight in reward.items():
        if not np.isfinite(weight):
            raise ValueError(f"reward.{name}: {weight!r} is not a finite number")
        weights[names.index(one_of(name, names, f"reward.{name}"))] = weight
    return weights
