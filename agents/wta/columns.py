"""A pool of columns: sets of rounds at one target, each kept once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from agents.wta.dual import Priced


class ColumnPool:
    """Columns of the set-partitioning form, as lists of weapons and rounds.

    Attributes:
        target: Target of each column.
        weapons: Weapons of each column.
        counts: Rounds of each of them.
        loss: Surviving value of the target under each column.
    """

    def __init__(self, value: NDArray[np.float64], survival: NDArray[np.float64]) -> None:
        """Starts with the empty set of each target; value [T], survival [T, W]."""
        self.value, self.survival = value, survival
        self.target: list[int] = []
        self.weapons: list[NDArray[np.int64]] = []
        self.counts: list[NDArray[np.int64]] = []
        self.loss: list[float] = []
        self._place: dict[bytes, int] = {}
        nothing = np.zeros(0, np.int64)
        for t in range(value.size):
            self.add(t, nothing, nothing)

    def __len__(self) -> int:
        """Columns so far."""
        return len(self.target)

    def add(self, t: int, weapons: NDArray[np.int64], counts: NDArray[np.int64]) -> bool:
        """Adds a column unless it is there; says whether it was new."""
        if weapons.size > 1:
            order = np.argsort(weapons)
            weapons, counts = weapons[order], counts[order]
        key = _key(t, weapons, counts)
        if key in self._place:
            return False
        self._place[key] = len(self.target)
        self.target.append(t)
        self.weapons.append(weapons)
        self.counts.append(counts)
        self.loss.append(float(self.value[t] * np.prod(self.survival[t, weapons] ** counts)))
        return True

    def add_priced(self, priced: Priced) -> int:
        """Adds the sets that the targets buy; returns how many were new."""
        new = 0
        for t in range(self.value.size):
            entries = slice(priced.first[t], priced.first[t + 1])
            new += self.add(t, priced.weapon[entries], priced.count[entries])
        return new

    def add_allocation(self, allocation: NDArray[np.int64]) -> None:
        """Adds the sets of an allocation [W, T]."""
        for t in range(self.value.size):
            used = np.flatnonzero(allocation[:, t])
            self.add(t, used, allocation[used, t])

    def part(self, targets: NDArray[np.int64], rounds: NDArray[np.int64]) -> ColumnPool:
        """The pool of some targets alone, with their columns that fit into the rounds [W]."""
        number = np.full(self.value.size, -1)
        number[targets] = np.arange(targets.size)
        part = ColumnPool(self.value[targets], np.ascontiguousarray(self.survival[targets]))
        for t, weapons, counts in zip(self.target, self.weapons, self.counts, strict=True):
            if number[t] >= 0 and (counts <= rounds[weapons]).all():
                part.add(int(number[t]), weapons, counts)
        return part

    def indicator(self, allocation: NDArray[np.int64]) -> NDArray[np.float64]:
        """1 for each column that an allocation [W, T] uses, as far as they are here."""
        chosen = np.zeros(len(self))
        for t in range(self.value.size):
            used = np.flatnonzero(allocation[:, t])
            place = self._place.get(_key(t, used, allocation[used, t]))
            if place is not None:
                chosen[place] = 1.0
        return chosen

    def allocation(self, chosen: list[int], num_weapons: int) -> NDArray[np.int64]:
        """Turns one column a target into an allocation [W, T]."""
        counts = np.zeros((num_weapons, self.value.size), np.int64)
        for n in chosen:
            counts[self.weapons[n], self.target[n]] = self.counts[n]
        return counts


def _key(t: int, weapons: NDArray[np.int64], counts: NDArray[np.int64]) -> bytes:
    return b"%d " % t + weapons.tobytes() + counts.tobytes()
