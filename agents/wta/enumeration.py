"""All columns that an allocation better than the best known may use.

At prices u with the bound L, an allocation of loss below U uses only columns whose cost exceeds
their target's least cost by less than U - L: costs add up to the loss, less what unused rounds
cost. When U - L is small, few columns are left, and choosing among them is all that remains.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from agents.wta.clock import Clock
from agents.wta.columns import ColumnPool
from agents.wta.pricing import Work, _sort_by_ratio, gather, least_cost, new_work, split_cost
from envs.core.compiled import compiled

MOST_COLUMNS = 25_000
"""Columns beyond which the choice among them is left alone; HiGHS then overruns its limit."""

FEW_NODES, MANY_NODES = 2_000_000, 30_000_000
"""Nodes of all searches: some seconds, and about a minute."""


@compiled()
def _more(work: Work, depth: int, margin: float) -> bool:
    """Fires one more round of this depth's candidate, if it can pay but for the margin."""
    k = work.place[depth]
    survival = work.survival[k]
    if work.fired[depth] >= work.rounds[k]:
        return False
    before = work.left[depth] * survival ** work.fired[depth]
    if before * (1.0 - survival) + margin < work.price[k]:
        return False
    if before * survival < work.floor[depth]:
        return False
    work.fired[depth] += 1
    return True


@compiled()
def _exhausted(limit: float, candidates: int, depth: int, work: Work) -> bool:
    k = work.place[depth]
    if k >= candidates:
        return True
    left, spent = work.left[depth], work.spent[depth]
    if least_cost(left, spent, work.price[k], work.least[k]) > limit:
        return True
    return split_cost(left, spent, k, candidates, work) > limit


@compiled()
def list_sets(
    value: float,
    candidates: int,
    limit: float,
    margin: float,
    nodes: int,
    work: Work,
    first: NDArray[np.int64],
    weapon: NDArray[np.int64],
    count: NDArray[np.int64],
) -> tuple[int, int]:
    """Lists all sets of gathered candidates that cost at most ``limit``.

    Args:
        value: Of the target.
        candidates: How many were gathered.
        limit: Most that a set may cost, surviving value plus prices.
        margin: Limit less the least cost.
        nodes: Nodes that are left.
        work: Work arrays, gathered.
        first: Overwritten: entries of set n are first[n] to first[n + 1].
        weapon: Overwritten.
        count: Overwritten.

    Returns:
        How many sets, or -1 if there was no room for all, and the nodes that are left.
    """
    _sort_by_ratio(candidates, work)
    sets, end, depth = 0, 0, 0
    first[0] = 0
    if value <= limit:
        sets = 1
        first[1] = 0
    work.place[0], work.fired[0], work.left[0], work.spent[0] = 0, 0, value, 0.0
    work.floor[0] = 0.0
    while depth >= 0:
        if work.fired[depth] == 0 and _exhausted(limit, candidates, depth, work):
            depth -= 1
            continue
        k = work.place[depth]
        if not _more(work, depth, margin):
            work.place[depth] += 1
            work.fired[depth] = 0
            continue
        nodes -= 1 + candidates // 32  # what the bounds look at
        survival = work.survival[k]
        left = work.left[depth] * survival ** work.fired[depth]
        spent = work.spent[depth] + work.price[k] * work.fired[depth]
        if left + spent <= limit:
            if sets + 2 > first.size or end + depth + 1 > weapon.size:
                return -1, nodes
            for d in range(depth + 1):
                weapon[end] = work.weapon[work.place[d]]
                count[end] = work.fired[d]
                end += 1
            sets += 1
            first[sets] = end
        if nodes <= 0:
            return -1, 0
        own_floor = (work.price[k] - margin) * survival / (1.0 - survival)
        work.floor[depth + 1] = max(work.floor[depth], own_floor)
        work.place[depth + 1], work.fired[depth + 1] = k + 1, 0
        work.left[depth + 1], work.spent[depth + 1] = left, spent
        depth += 1
    return sets, nodes


def columns_within(
    value: NDArray[np.float64],
    survival: NDArray[np.float64],
    rounds: NDArray[np.int64],
    prices: NDArray[np.float64],
    least: NDArray[np.float64],
    slack: float,
    nodes: int = FEW_NODES,
    clock: Clock | None = None,
) -> ColumnPool | None:
    """Lists every column whose cost is within ``slack`` of its target's least cost.

    Args:
        value: [T].
        survival: After one round [T, W].
        rounds: [W].
        prices: [W].
        least: A bound of each target's least cost [T].
        slack: >= 0.
        nodes: Most nodes of all searches.
        clock: Stops between two targets.

    Returns:
        The columns, the empty sets among them; None if they are too many or time is over.
    """
    pool = ColumnPool(value, survival)
    order = np.argsort(prices, kind="stable")
    work = new_work(rounds.size)
    first = np.empty(MOST_COLUMNS + 1, np.int64)
    weapon, count = np.empty((2, 8 * MOST_COLUMNS), np.int64)
    margin = slack * (1.0 + 1e-9) + 1e-12 * float(value.max())
    for t in range(value.size):
        if clock is not None and clock.over():
            return None
        candidates, _ = gather(value[t], survival[t], prices, rounds, order, margin, 0, work)
        sets, nodes = list_sets(
            value[t], candidates, least[t] + margin, margin, nodes, work, first, weapon, count
        )
        if sets < 0 or len(pool) + sets > MOST_COLUMNS:
            return None
        for n in range(sets):
            entries = slice(first[n], first[n + 1])
            pool.add(t, weapon[entries].copy(), count[entries].copy())
    return pool
