"""Block search: takes one round from many targets at once and lays them out again optimally.

With at most one round taken from each target, and at most one given to each, laying out again is a
linear assignment, solved exactly: one step searches a neighbourhood of exponential size (the
multi-exchanges of Ahuja, Kumar, Jha and Orlin 2007, without their limit on length). Steps never
make the allocation worse. When some steps in a row gain nothing, rounds are thrown about (a kick)
and the search goes on from there; the best allocation is kept.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from agents.wta.assignment import match_rows, unit_weapons
from envs.core.compiled import compiled
from envs.core.randomness import uniform

PATIENCE = 6
"""Steps in a row without gain before a kick."""

KICK_SHARE = 0.05
"""Share of the rounds that a kick moves, at least two."""


@compiled()
def surviving(
    value: NDArray[np.float64],
    survival: NDArray[np.float64],
    weapon: NDArray[np.int64],
    target: NDArray[np.int64],
    left: NDArray[np.float64],
) -> float:
    """Surviving value in all and of each target [T, overwritten]; target -1 is not fired."""
    for t in range(value.size):
        left[t] = value[t]
    for n in range(weapon.size):
        if target[n] >= 0:
            left[target[n]] *= survival[target[n], weapon[n]]
    total = 0.0
    for t in range(value.size):
        total += left[t]
    return total


@compiled()
def _take(
    target: NDArray[np.int64],
    share: float,
    key: np.uint64,
    step: int,
    taken: NDArray[np.int64],
    seen: NDArray[np.int64],
) -> int:
    """Takes one random round from each of a share of the targets, and rounds not fired.

    Returns how many, at most one for each target, and lists them in ``taken``.
    """
    seen[:] = 0
    count = 0
    for t in range(seen.size):
        taken[t] = -1
    for n in range(target.size):
        t = target[n]
        if t >= 0:
            seen[t] += 1  # each of a target's rounds is the one with equal probability
            if uniform(key, 1, n, step) * seen[t] < 1.0:
                taken[t] = n
    for t in range(seen.size):
        if taken[t] >= 0 and uniform(key, 2, t, step) < share:
            taken[count] = taken[t]
            count += 1
    for n in range(target.size):
        if target[n] < 0 and count < seen.size:
            taken[count] = n
            count += 1
    return count


@compiled(allocates=True)
def _lay_out(
    value: NDArray[np.float64],
    survival: NDArray[np.float64],
    weapon: NDArray[np.int64],
    target: NDArray[np.int64],
    taken: NDArray[np.int64],
    left: NDArray[np.float64],
) -> None:
    """Gives the rounds taken to targets again, at most one each, so that the loss is least."""
    for n in taken:
        target[n] = -1
    surviving(value, survival, weapon, target, left)
    cost = np.empty((value.size, taken.size))
    for t in range(value.size):
        for column in range(taken.size):
            cost[t, column] = -left[t] * (1.0 - survival[t, weapon[taken[column]]])
    column_of = np.empty(value.size, np.int64)
    match_rows(cost, column_of, np.empty(value.size), np.empty(taken.size))
    for t in range(value.size):
        if column_of[t] >= 0:
            target[taken[column_of[t]]] = t


@compiled()
def _kick(
    survival: NDArray[np.float64],
    weapon: NDArray[np.int64],
    target: NDArray[np.int64],
    key: np.uint64,
    step: int,
) -> None:
    """Throws some rounds at targets that they may be fired at."""
    moves = max(2, int(KICK_SHARE * weapon.size))
    for move in range(moves):
        n = int(uniform(key, 3, move, step) * weapon.size)
        t = int(uniform(key, 4, move, step) * survival.shape[0])
        if survival[t, weapon[n]] < 1.0:
            target[n] = t


@compiled(allocates=True)
def _improve(
    value: NDArray[np.float64],
    survival: NDArray[np.float64],
    weapon: NDArray[np.int64],
    target: NDArray[np.int64],
    steps: int,
    first_step: int,
    key: np.uint64,
    idle: int,
    best: NDArray[np.int64],
) -> int:
    """Runs some steps from ``target``; ``best`` is updated; returns the steps without gain."""
    left = np.empty(value.size)
    taken = np.empty(value.size, np.int64)
    seen = np.empty(value.size, np.int64)
    present = surviving(value, survival, weapon, target, left)
    least = surviving(value, survival, weapon, best, left)
    for step in range(first_step, first_step + steps):
        if idle >= PATIENCE:
            target[:] = best
            _kick(survival, weapon, target, key, step)
            present = surviving(value, survival, weapon, target, left)
            idle = 0
        # One step in two leaves half of the targets as they are, so that they may gain a round.
        share = 1.0 if step % 2 == 0 else 0.5
        count = _take(target, share, key, step, taken, seen)
        if count > 0:
            _lay_out(value, survival, weapon, target, taken[:count], left)
        after = surviving(value, survival, weapon, target, left)
        idle = 0 if after < present * (1.0 - 1e-12) else idle + 1
        present = after
        if present < least:
            least = present
            best[:] = target
    return idle


class BlockSearch:
    """An anytime search: ``run`` may be called again and goes on where it was."""

    def __init__(
        self,
        value: NDArray[np.float64],
        survival: NDArray[np.float64],
        rounds: NDArray[np.int64],
        counts: NDArray[np.int64],
        seed: int = 0,
    ) -> None:
        """Starts from counts [W, T]; value [T], survival [T, W], rounds [W]."""
        self.value, self.survival = value, survival
        self.shape = counts.shape
        self.weapon = unit_weapons(rounds)
        self.best = _unit_targets(counts, rounds)
        self.present = self.best.copy()
        self.key = np.uint64(seed)
        self.steps = self.idle = 0

    def run(self, steps: int) -> NDArray[np.int64]:
        """Takes some steps more and returns the best counts so far [W, T]."""
        if steps > 0 and self.weapon.size > 0:
            self.idle = _improve(
                self.value,
                self.survival,
                self.weapon,
                self.present,
                steps,
                self.steps,
                self.key,
                self.idle,
                self.best,
            )
        self.steps += steps
        counts = np.zeros(self.shape, np.int64)
        fired = self.best >= 0
        np.add.at(counts, (self.weapon[fired], self.best[fired]), 1)
        return counts


def _unit_targets(counts: NDArray[np.int64], rounds: NDArray[np.int64]) -> NDArray[np.int64]:
    """Target of every single round [N], -1 where it is not fired."""
    target = np.full(int(rounds.sum()), -1, np.int64)
    first = np.cumsum(rounds) - rounds
    for w in range(rounds.size):
        fired = np.repeat(np.arange(counts.shape[1]), counts[w])
        target[first[w] : first[w] + fired.size] = fired
    return target
