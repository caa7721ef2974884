"""Diving: from the optimum of the relaxation to a good allocation.

Columns that the relaxation takes (nearly) whole are fixed, a few of the others with them; the
relaxation is solved again with new columns at its new prices, until every target has its column.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from agents.wta.clock import Clock
from agents.wta.columns import ColumnPool
from agents.wta.dual import Pricer
from agents.wta.marginal import fire_marginally
from agents.wta.master import Master

NEARLY_WHOLE = 0.8
LEAST_SHARE = 0.1
"""Share of the open targets that is fixed at least in each round of the dive."""


def dive(master: Master, pricer: Pricer, pool: ColumnPool, clock: Clock) -> NDArray[np.int64]:
    """Dives from a relaxation that has been solved; the master is of no use afterwards.

    Args:
        master: The relaxation, solved.
        pricer: Finds new columns.
        pool: The columns of the master; it grows.
        clock: When it is over, greedy fires what is left.

    Returns:
        An allocation [W, T].
    """
    rounds = pricer.rounds.copy()
    chosen: dict[int, int] = {}  # target: column
    while len(chosen) < pool.value.size and not clock.over():
        fixed = _fix(master.shares(), pool, rounds, chosen)
        if not fixed:
            break
        master.fix(fixed)
        for _ in range(2):
            solved = master.solve(clock.left())
            if solved is None or not pool.add_priced(pricer(solved[1])):
                break
        if master.solve(clock.left()) is None:
            break
    counts = pool.allocation(list(chosen.values()), pricer.rounds.size)
    left = pool.value.copy()
    for t, k in chosen.items():
        left[t] = pool.loss[k]
    fire_marginally(left, pool.survival, pricer.rounds - counts.sum(axis=1), counts)
    return counts


def _fix(
    shares: NDArray[np.float64],
    pool: ColumnPool,
    rounds: NDArray[np.int64],
    chosen: dict[int, int],
) -> list[int]:
    """Fixes columns of open targets, the largest shares first, as far as there are rounds."""
    open_targets = pool.value.size - len(chosen)
    least = max(1, int(LEAST_SHARE * open_targets))
    fixed: list[int] = []
    for k in np.argsort(-shares, kind="stable").tolist():
        if shares[k] <= 1e-6 or (shares[k] < NEARLY_WHOLE and len(fixed) >= least):
            break
        weapons, counts = pool.weapons[k], pool.counts[k]
        if pool.target[k] in chosen or (rounds[weapons] < counts).any():
            continue
        rounds[weapons] -= counts
        chosen[pool.target[k]] = k
        fixed.append(k)
    return fixed
