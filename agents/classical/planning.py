"""What planners share: the batch that they play, on copies of which they simulate."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.policy import Actions, Observation
from envs.batch import RaidBatch


class ClassicalPlanner(ABC):
    """A policy without memory that simulates on copies of its batch; see ``agents.policy.Planner``.

    ``deterministic`` changes nothing.
    """

    _batch: RaidBatch | None = None

    @abstractmethod
    def decide(self, observation: Observation, batch: RaidBatch) -> Actions:
        """Chooses actions [B, S] for tables [B, ...], those of the rows of a batch."""

    def watch(self, batch: RaidBatch) -> None:
        """Take the batch that is played; its rows are what ``predict`` gets the tables of."""
        self._batch = batch

    def predict(
        self,
        observation: Observation,
        state: Any = None,
        episode_start: NDArray[np.bool_] | None = None,
        deterministic: bool = True,
    ) -> tuple[Actions, Any]:
        """Chooses actions [B, S]; see ``agents.policy.Policy``.

        Raises:
            RuntimeError: If ``watch`` was not called.
        """
        if self._batch is None:
            raise RuntimeError("a planner simulates on copies of its batch: watch(batch) first")
        return self.decide(observation, self._batch), state
