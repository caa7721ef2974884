"""Diving: from the optimum of the relaxation to a good allocation.

Columns that the relaxation takes (nearly) whole are fixed, a few of the others with them. What is
left, the open targets and the rounds not fired, is a smaller instance: its relaxation is solved
with the columns that still fit and some new ones, and so on until every target has its column.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from agents.wta.clock import Clock
from agents.wta.columns import ColumnPool
from agents.wta.marginal import fire_marginally, marginal_counts
from agents.wta.relaxation import Relaxed, relax

NEARLY_WHOLE = 0.8
LEAST_SHARE = 0.05
"""Share of the open targets that is fixed at least in each round of the dive."""

_EXACT = 1e-4
"""Share of the bound to which the smaller relaxations are solved."""


def dive(
    pool: ColumnPool,
    relaxed: Relaxed,
    rounds: NDArray[np.int64],
    unit: float,
    clock: Clock,
) -> NDArray[np.int64]:
    """Dives from a relaxation that has been solved.

    Args:
        pool: Its columns.
        relaxed: What was found.
        rounds: [W].
        unit: Losses are divided by it for HiGHS.
        clock: When it is over, greedy fires what is left.

    Returns:
        An allocation [W, T].
    """
    value, survival, rounds = pool.value, pool.survival, rounds.copy()
    counts = np.zeros((rounds.size, value.size), np.int64)
    left = value.copy()
    open_targets = np.arange(value.size)  # targets of the pool below, as they are numbered above
    while relaxed.shares is not None and not clock.over():
        fixed = _fix(relaxed.shares, pool, rounds)
        for k in fixed:
            t = open_targets[pool.target[k]]
            counts[pool.weapons[k], t] = pool.counts[k]
            left[t] = pool.loss[k]
        still = np.setdiff1d(np.arange(open_targets.size), [pool.target[k] for k in fixed])
        if not fixed or still.size == 0:
            break
        pool = pool.part(still, rounds)
        open_targets = open_targets[still]
        pool.add_allocation(marginal_counts(pool.value, pool.survival, rounds))
        tolerance = _EXACT * abs(relaxed.bound)
        relaxed = relax(pool, rounds, relaxed.prices, unit, tolerance, clock)
    fire_marginally(left, survival, rounds, counts)
    return counts


def _fix(shares: NDArray[np.float64], pool: ColumnPool, rounds: NDArray[np.int64]) -> list[int]:
    """Columns to fix, the largest shares first, as far as there are rounds, which are taken."""
    least = max(1, int(LEAST_SHARE * pool.value.size))
    done: set[int] = set()
    fixed: list[int] = []
    for k in np.argsort(-shares, kind="stable").tolist():
        if shares[k] <= 1e-6 or (shares[k] < NEARLY_WHOLE and len(fixed) >= least):
            break
        weapons, counts = pool.weapons[k], pool.counts[k]
        if pool.target[k] in done or (rounds[weapons] < counts).any():
            continue
        rounds[weapons] -= counts
        done.add(pool.target[k])
        fixed.append(k)
    return fixed
