"""Column generation: the relaxation of the set-partitioning form over all columns there are.

Prices are taken half way between those of the relaxation over the columns found so far and the
best known (Wentges 1997), which calms them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agents.wta.clock import Clock
from agents.wta.columns import ColumnPool
from agents.wta.dual import Pricer
from agents.wta.master import Master


@dataclass(frozen=True)
class Relaxed:
    """What column generation ends with.

    Attributes:
        bound: Valid lower bound of the loss, at most the relaxation's optimum.
        prices: The prices that gave it [W].
        shares: How much the relaxation takes of each column of the pool, as far as it was solved.
    """

    bound: float
    prices: NDArray[np.float64]
    shares: NDArray[np.float64] | None


def relax(
    pool: ColumnPool,
    rounds: NDArray[np.int64],
    prices: NDArray[np.float64],
    unit: float,
    tolerance: float,
    clock: Clock,
) -> Relaxed:
    """Adds columns to a pool until the bound meets the relaxation's optimum.

    Args:
        pool: Columns to begin with; it grows.
        rounds: [W].
        prices: Prices to begin with [W].
        unit: Losses are divided by it for HiGHS.
        tolerance: Distance of bound and optimum that counts as none.
        clock: Stops earlier.
    """
    pricer, master = Pricer(pool.value, pool.survival, rounds), Master(pool, rounds, unit)
    priced = pricer(prices)
    pool.add_priced(priced)
    bound, shares = priced.bound, None
    while not clock.over():
        solved = master.solve(clock.left())
        if solved is None:
            break
        optimum, present = solved
        shares = master.shares()
        if optimum - bound <= tolerance:
            break
        new = 0
        for trial in (0.5 * (prices + present), present):
            priced = pricer(trial)
            new += pool.add_priced(priced)
            if priced.bound > bound:
                bound, prices = priced.bound, trial
            if new:
                break
        if new == 0:
            break  # solved, but for searches that their budget cut short
    return Relaxed(bound, prices, shares)
