"""The static weapon-target assignment (WTA) problem of one epoch."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class StaticProblem:
    """Who fires at what now, at most one engagement a shooter.

    Maximise the expected value saved, sum_i value_i (1 - prod_s (1 - pk_si)^x_si), which is the
    same as minimising the WTA loss sum_i value_i prod_s (1 - pk_si)^x_si (Manne 1958).

    Attributes:
        value: Expected loss if the track is not stopped [I], any unit, >= 0.
        pk: Kill probability of one engagement [S, I], in [0, 1].
        legal: Whether the shooter may fire at the track now [S, I].
    """

    value: NDArray[np.float64]
    pk: NDArray[np.float64]
    legal: NDArray[np.bool_]

    def __post_init__(self) -> None:
        """Rejects tables that do not fit together.

        Raises:
            ValueError: If shapes differ, a value is negative or a pk lies outside [0, 1].
        """
        if self.pk.shape != self.legal.shape or self.pk.shape[1:] != self.value.shape:
            raise ValueError(
                f"value {self.value.shape}, pk {self.pk.shape} and legal {self.legal.shape} do not "
                "fit together: they must be [I], [S, I] and [S, I]"
            )
        if not (self.value >= 0).all():
            raise ValueError(f"value must not be negative, the smallest is {self.value.min()}")
        if not ((self.pk >= 0) & (self.pk <= 1)).all():
            raise ValueError("pk must lie in [0, 1]")

    def value_saved(self, allocation: NDArray[np.int64]) -> float:
        """Expected value saved by an allocation.

        Args:
            allocation: [S], 0 holds, 1 + i fires at track i.

        Returns:
            sum_i value_i (1 - prod over s allocated to i of (1 - pk_si)).

        Raises:
            ValueError: If a shooter fires at a track it may not fire at.
        """
        survival = np.ones_like(self.value)
        for s, choice in enumerate(allocation):
            if choice == 0:
                continue
            if not self.legal[s, choice - 1]:
                raise ValueError(f"shooter {s} may not fire at track {choice - 1}")
            survival[choice - 1] *= 1.0 - self.pk[s, choice - 1]
        return float(self.value @ (1.0 - survival))


def best_by_enumeration(problem: StaticProblem) -> tuple[NDArray[np.int64], float]:
    """Tries every allocation; for small problems and as a reference for the solvers.

    Returns:
        The best allocation [S] and the expected value it saves.
    """
    choices = [[0, *(1 + np.flatnonzero(row)).tolist()] for row in problem.legal]
    allocations = (np.array(choice, np.int64) for choice in product(*choices))
    best = max(allocations, key=problem.value_saved)
    return best, problem.value_saved(best)
