"""The set-partitioning form and its linear relaxation, by HiGHS.

Choose one column (a set of rounds) for each target at least total loss, so that no weapon fires
more rounds than it has:

    min sum_k loss_k y_k,   sum_(k of target t) y_k = 1 for all t,   sum_k count_kw y_k <= rounds_w.

Rows 0 to T - 1 are the targets, rows T to T + W - 1 the weapons.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.wta.columns import ColumnPool


def import_highs() -> Any:
    """Imports HiGHS.

    Raises:
        ImportError: If it is missing; the message says how to install it.
    """
    try:
        import highspy
    except ImportError as error:
        raise ImportError(
            "the exact WTA solver needs HiGHS: pip install 'balticshield[wta]'"
        ) from error
    return highspy


class Master:
    """The linear relaxation over the columns found so far; it grows, and is solved again warm."""

    def __init__(self, pool: ColumnPool, rounds: NDArray[np.int64], unit: float) -> None:
        """Takes the columns of the pool; losses are divided by ``unit`` for HiGHS's tolerances."""
        highspy = import_highs()
        self.pool, self.unit = pool, unit
        self.targets = pool.value.size
        self.highs = quiet_highs()
        self._optimal = highspy.HighsModelStatus.kOptimal
        nothing = np.zeros(0, np.int32)
        lower = np.concatenate([np.ones(self.targets), np.full(rounds.size, -highspy.kHighsInf)])
        upper = np.concatenate([np.ones(self.targets), rounds.astype(float)])
        self.highs.addRows(lower.size, lower, upper, 0, nothing, nothing, np.zeros(0))
        self._inf = highspy.kHighsInf
        self._taken = 0

    def solve(self, seconds: float) -> tuple[float, NDArray[np.float64]] | None:
        """Adds what is new in the pool and solves.

        Returns:
            The optimum and the prices [W] of the weapons' rounds, or None if time ran out.
        """
        self._grow()
        self.highs.setOptionValue("time_limit", self.highs.getRunTime() + max(seconds, 1e-3))
        self.highs.run()
        if self.highs.getModelStatus() != self._optimal:
            return None
        duals = np.array(self.highs.getSolution().row_dual[self.targets :])
        optimum = self.unit * self.highs.getInfo().objective_function_value
        return optimum, np.maximum(-self.unit * duals, 0.0)

    def shares(self) -> NDArray[np.float64]:
        """How much of each column the last solution takes, in [0, 1]."""
        values = np.zeros(len(self.pool))
        found = np.array(self.highs.getSolution().col_value)
        values[: found.size] = found
        return values

    def _grow(self) -> None:
        new = range(self._taken, len(self.pool))
        if new:
            add_columns(self.highs, self.pool, new, self.unit, self._inf)
        self._taken = len(self.pool)


def quiet_highs() -> Any:
    """HiGHS on one thread, without output and without fixed time."""
    highs = import_highs().Highs()
    for option, value in (("output_flag", False), ("threads", 1), ("random_seed", 1)):
        highs.setOptionValue(option, value)
    return highs


def add_columns(
    highs: Any, pool: ColumnPool, which: range | list[int], unit: float, upper: float
) -> None:
    """Adds columns of the pool to a model that has the rows of the set-partitioning form."""
    sizes = np.array([1 + pool.weapons[k].size for k in which])
    starts = np.cumsum(sizes) - sizes
    index = np.empty(int(sizes.sum()), np.int32)
    entry = np.ones(index.size)
    for start, size, k in zip(starts.tolist(), sizes.tolist(), which, strict=True):
        index[start] = pool.target[k]
        index[start + 1 : start + size] = pool.value.size + pool.weapons[k]
        entry[start + 1 : start + size] = pool.counts[k]
    cost = np.array([pool.loss[k] for k in which]) / unit
    count = len(sizes)
    uppers = np.full(count, upper)
    highs.addCols(
        count, cost, np.zeros(count), uppers, index.size, starts.astype(np.int32), index, entry
    )


def choose_columns(
    pool: ColumnPool,
    rounds: NDArray[np.int64],
    unit: float,
    seconds: float,
    start: NDArray[np.int64] | None = None,
) -> tuple[NDArray[np.int64] | None, float]:
    """Chooses among the columns of a pool, to integers: branch and bound by HiGHS.

    Args:
        pool: Columns; each target has one at least, the empty set.
        rounds: [W].
        unit: Losses are divided by it.
        seconds: Time limit.
        start: Counts [W, T] of a known allocation whose columns are in the pool.

    Returns:
        The best allocation found [W, T], or None, and a bound of what the pool allows.
    """
    highspy = import_highs()
    master = Master(pool, rounds, unit)
    highs = master.highs
    master._grow()
    size = len(pool)
    kinds = np.full(size, highspy.HighsVarType.kInteger)
    highs.changeColsIntegrality(size, np.arange(size, dtype=np.int32), kinds)
    highs.changeColsBounds(size, np.arange(size, dtype=np.int32), np.zeros(size), np.ones(size))
    for option, value in (("mip_rel_gap", 0.0), ("mip_abs_gap", 1e-9), ("time_limit", seconds)):
        highs.setOptionValue(option, value)
    if start is not None:
        chosen = highspy.HighsSolution()
        chosen.col_value = pool.indicator(start).tolist()
        highs.setSolution(chosen)
    highs.run()
    info = highs.getInfo()
    bound = unit * info.mip_dual_bound
    values = np.array(highs.getSolution().col_value)
    if info.primal_solution_status != highspy.SolutionStatus.kSolutionStatusFeasible:
        return None, bound
    picked = np.flatnonzero(values > 0.5).tolist()
    return pool.allocation(picked, rounds.size), bound
