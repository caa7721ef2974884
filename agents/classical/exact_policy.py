"""WTA exact: greedy's own problem, solved to optimality in each epoch."""

from __future__ import annotations

from typing import final

import numpy as np
from numpy.typing import NDArray

from agents.classical.policies import ClassicalPolicy
from agents.policy import Actions, Observation
from agents.wta.epoch import solve_epochs
from envs.observation import Layout
from envs.scenario import Scenario


@final
class ExactPolicy(ClassicalPolicy):
    """Fires what saves most in this epoch, counting what is in flight; never keeps a round back.

    Maximises sum_i value_i (1 - prod_s (1 - pk_si)^x_si), value = value at risk * survival of what
    is in flight: the additive surrogate that ``wta_greedy`` maximises one pair after another.
    """

    def __init__(self, scenario: Scenario) -> None:
        """Finds its columns in the scenario's layout."""
        layout = Layout(scenario)
        self._value_at_risk = layout.index("track", "value_at_risk")
        self._survival = layout.index("track", "survival")
        self._pk = layout.index("pair", "pk")
        self._value_saved = layout.index("pair", "value_saved")

    def problems(
        self, observation: Observation
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
        """The static problem of each member: value [B, I], pk [B, S, I], legal [B, S, I]."""
        track = observation["track"]
        value = track[:, :, self._value_at_risk].astype(np.float64) * track[:, :, self._survival]
        pk = observation["pair"][:, :, :, self._pk].astype(np.float64)
        # Where a neutral aircraft is so likely that a shot costs more than it saves, none is taken.
        gains = observation["pair"][:, :, :, self._value_saved] > 0.0
        legal = np.ascontiguousarray((observation["action_mask"][:, :, 1:] != 0) & gains)
        return value, pk, legal

    def decide(self, observation: Observation) -> Actions:
        """Takes the best allocation of the epoch."""
        return solve_epochs(*self.problems(observation)).actions
