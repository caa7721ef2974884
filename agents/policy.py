"""The one protocol every policy follows, classical or learned."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from envs.batch import RaidBatch

Observation = Mapping[str, NDArray[Any]]
Actions = NDArray[np.int64]


@runtime_checkable
class Policy(Protocol):
    """Decides for a whole batch at once; the signature is Stable-Baselines3's ``predict``.

    Classical policies are memoryless: they ignore ``state`` and ``episode_start`` and hand the
    state back as it came.
    """

    def predict(
        self,
        observation: Observation,
        state: Any = None,
        episode_start: NDArray[np.bool_] | None = None,
        deterministic: bool = True,
    ) -> tuple[Actions, Any]:
        """Chooses what every shooter does in this epoch.

        Args:
            observation: Tables of the environment's ``Dict`` observation, each [B, ...].
            state: Whatever the previous call returned, None at first.
            episode_start: [B], True where an episode has just begun.
            deterministic: Whether a policy that samples should take its mode instead.

        Returns:
            Actions [B, S], int64 (0 holds, 1 + i fires at the track in slot i), and the state.
        """
        ...


@runtime_checkable
class Planner(Policy, Protocol):
    """A policy that simulates on copies of the batch it plays, with all that is hidden drawn anew.

    Whoever plays it shows it the batch first; row b of the observation is then row b of the batch.
    """

    def watch(self, batch: RaidBatch) -> None:
        """Takes the batch that is played."""
        ...
