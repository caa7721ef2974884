"""The static problem of the literature: weapons with several rounds each, and targets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

ZERO_LOSS = 1e-9
"""Losses below this share of the total value count as nothing when a gap is formed."""


@dataclass(frozen=True)
class Instance:
    """Weapons, targets, and what they are worth; minimise the expected surviving value.

    loss(counts) = sum_t value_t prod_w (1 - pk_wt)^counts_wt, with sum_t counts_wt <= rounds_w and
    counts_wt > 0 only where the pair is feasible (Manne 1958). A round may stay unused, so every
    instance has an allocation. A weapon may fire several rounds at one target.

    Attributes:
        value: Value of each target [T], any unit, finite and >= 0.
        pk: Kill probability of one round [W, T], in [0, 1]; ignored where not feasible.
        rounds: Rounds of each weapon [W], >= 0.
        feasible: Whether the weapon may fire at the target [W, T].
    """

    value: NDArray[np.float64]
    pk: NDArray[np.float64]
    rounds: NDArray[np.int64]
    feasible: NDArray[np.bool_]

    def __post_init__(self) -> None:
        """Brings arrays to their types and rejects what is no instance.

        Raises:
            ValueError: If shapes do not fit together, a value or a number of rounds is negative or
                not finite, or a pk lies outside [0, 1].
        """
        object.__setattr__(self, "value", np.ascontiguousarray(self.value, np.float64))
        object.__setattr__(self, "pk", np.ascontiguousarray(self.pk, np.float64))
        object.__setattr__(self, "rounds", _whole(self.rounds))
        object.__setattr__(self, "feasible", np.ascontiguousarray(self.feasible, np.bool_))
        if self.value.ndim != 1 or self.rounds.ndim != 1 or 0 in self.pk.shape:
            raise ValueError(
                f"value {self.value.shape}, rounds {self.rounds.shape} and pk {self.pk.shape} must "
                "be [T], [W] and [W, T] with at least one weapon and one target"
            )
        expected = (self.rounds.size, self.value.size)
        for name in ("pk", "feasible"):
            shape = getattr(self, name).shape
            if shape != expected:
                raise ValueError(f"{name} has shape {shape}, {expected} fits rounds and value")
        _all(np.isfinite(self.value) & (self.value >= 0), self.value, "value", "finite and >= 0")
        _all(self.rounds >= 0, self.rounds, "rounds", ">= 0")
        _all((self.pk >= 0) & (self.pk <= 1), self.pk, "pk", "in [0, 1]")

    @property
    def num_weapons(self) -> int:
        """Weapons, W."""
        return self.rounds.size

    @property
    def num_targets(self) -> int:
        """Targets, T."""
        return self.value.size

    def survival_by_target(self) -> NDArray[np.float64]:
        """Survival of a target after one round [T, W]: 1 - pk, and 1 where not feasible."""
        return np.ascontiguousarray(np.where(self.feasible, 1.0 - self.pk, 1.0).T)

    def loss(self, counts: NDArray[Any]) -> float:
        """Expected surviving value of an allocation.

        Args:
            counts: Rounds fired by each weapon at each target [W, T], whole numbers.

        Raises:
            ValueError: If counts have the wrong shape, are negative or not whole, a weapon fires
                more rounds than it has, or fires where it must not.
        """
        counts = np.asarray(counts)
        if counts.shape != self.pk.shape:
            raise ValueError(f"counts have shape {counts.shape}, must be {self.pk.shape}")
        whole = counts.astype(np.int64)
        if (whole != counts).any() or (whole < 0).any():
            raise ValueError("counts must be whole numbers >= 0")
        fired = whole.sum(axis=1)
        over = np.flatnonzero(fired > self.rounds)
        if over.size:
            w = int(over[0])
            raise ValueError(f"weapon {w} fires {fired[w]} rounds and has {self.rounds[w]}")
        wrong = np.argwhere((whole > 0) & ~self.feasible)
        if wrong.size:
            raise ValueError(f"weapon {wrong[0][0]} may not fire at target {wrong[0][1]}")
        used_w, used_t = np.nonzero(whole)
        survival = np.ones_like(self.value)
        np.multiply.at(survival, used_t, (1.0 - self.pk[used_w, used_t]) ** whole[used_w, used_t])
        return float(self.value @ survival)


@dataclass(frozen=True)
class Solution:
    """What every solver returns.

    Attributes:
        solver: Name of the solver.
        counts: Rounds by weapon and target [W, T].
        objective: Expected surviving value of the allocation.
        bound: No allocation has a smaller one; 0 if the solver proves nothing.
        seconds: Wall-clock time spent.
        total_value: Sum of the values, which says what counts as nothing.
    """

    solver: str
    counts: NDArray[np.int64]
    objective: float
    bound: float
    seconds: float
    total_value: float

    @property
    def gap(self) -> float:
        """(objective - bound) / objective, of a loss no smaller than ``ZERO_LOSS`` of the value."""
        if self.total_value <= 0.0:
            return 0.0
        scale = max(self.objective, ZERO_LOSS * self.total_value)
        return max(0.0, self.objective - self.bound) / scale


def solution(
    instance: Instance, solver: str, counts: NDArray[Any], bound: float, seconds: float
) -> Solution:
    """Judges an allocation by the instance itself, whatever the solver believed.

    The bound is cut to [0, objective]; what it may exceed by is rounding.
    """
    objective = instance.loss(counts)
    cut = float(min(max(bound, 0.0), objective))
    whole = np.asarray(counts, np.int64)
    return Solution(solver, whole, objective, cut, seconds, float(instance.value.sum()))


def _whole(rounds: Any) -> NDArray[np.int64]:
    given = np.asarray(rounds)
    if given.dtype.kind not in "iu" and not (np.isfinite(given) & (given == np.floor(given))).all():
        raise ValueError(f"rounds must be whole numbers, got {given.tolist()}")
    return np.ascontiguousarray(given, np.int64)


def _all(right: NDArray[np.bool_], array: NDArray[Any], name: str, rule: str) -> None:
    if not right.all():
        place = tuple(int(n) for n in np.argwhere(~right)[0])
        raise ValueError(f"{name}{list(place)} is {array[place]}, must be {rule}")
