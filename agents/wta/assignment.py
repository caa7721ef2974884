"""Linear assignment: the WTA problem in which every target receives at most one round.

Such an allocation is a minimum-cost matching of rounds to targets. It is optimal for the WTA
problem itself when the Lagrangian bound at the matching's own prices meets it, which is the
certificate that ``solve`` returns as its bound.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from envs.core.compiled import compiled


@compiled(allocates=True)
def match_rows(
    cost: NDArray[np.float64],
    column_of: NDArray[np.int64],
    row_price: NDArray[np.float64],
    column_price: NDArray[np.float64],
) -> None:
    """Matches rows to columns of their own at least total cost; a row may stay single at cost 0.

    Shortest augmenting paths, one row after another (Jonker and Volgenant 1987), the row with the
    least cost first: what comes late then stays single, or displaces few. At the end row_price[r]
    + column_price[c] <= cost[r, c], with equality where matched; neither price is positive, that
    of a single row and of a free column is 0: the proof of optimality.

    Args:
        cost: [N, M], finite.
        column_of: [N], overwritten; -1 for a single row.
        row_price: [N], overwritten.
        column_price: [M], overwritten.
    """
    rows, columns = cost.shape
    row_of = np.full(columns, -1, np.int64)
    previous = np.empty(columns, np.int64)  # the column before on the shortest path, -1 at the root
    distance = np.empty(columns)
    settled = np.empty(columns, np.bool_)
    own = np.empty(rows)
    for r in range(rows):
        own[r] = cost[r].min()
    column_of[:] = -1
    row_price[:] = 0.0
    column_price[:] = 0.0
    for root in np.argsort(own):
        distance[:] = np.inf
        settled[:] = False
        row, last, shortest = root, -1, 0.0
        # Cheapest end of the path at a row that becomes single, and the column it gives up.
        alone, given_up = 0.0, -1
        while True:
            nearest = -1
            least = np.inf
            offset = shortest - row_price[row]
            for c in range(columns):
                if settled[c]:
                    continue
                through = offset + cost[row, c] - column_price[c]
                if through < distance[c]:
                    distance[c] = through
                    previous[c] = last
                if distance[c] < least:
                    least = distance[c]
                    nearest = c
            if nearest < 0 or least >= alone:
                shortest = alone
                last = given_up
                break
            shortest = least
            last = nearest
            settled[last] = True
            row = row_of[last]
            if row < 0:
                break
            if shortest - row_price[row] < alone:
                alone = shortest - row_price[row]
                given_up = last
        row_price[root] += shortest
        for c in range(columns):
            if settled[c]:
                column_price[c] -= shortest - distance[c]
                if row_of[c] >= 0:
                    row_price[row_of[c]] += shortest - distance[c]
        if last >= 0 and row_of[last] >= 0:
            column_of[row_of[last]] = -1
        while last >= 0:
            before = previous[last]
            row = root if before < 0 else row_of[before]
            row_of[last] = row
            column_of[row] = last
            last = before


def unit_weapons(rounds: NDArray[np.int64]) -> NDArray[np.int64]:
    """Weapon of every single round [N], those of one weapon side by side."""
    return np.repeat(np.arange(rounds.size), rounds)


def assign_single_rounds(
    value: NDArray[np.float64], survival: NDArray[np.float64], rounds: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Allocates at most one round to each target so that the loss is least.

    Args:
        value: [T].
        survival: After one round [T, W].
        rounds: [W].

    Returns:
        Counts [W, T], and the price [W] of one more round of each weapon.
    """
    unit = unit_weapons(np.minimum(rounds, value.size))
    counts = np.zeros((rounds.size, value.size), np.int64)
    prices = np.zeros(rounds.size)
    if unit.size == 0:
        return counts, prices
    cost = np.ascontiguousarray(value[:, None] * (survival - 1.0)[:, unit])
    match, target_price, unit_price = np.empty(value.size, np.int64), *map(np.empty, cost.shape)
    match_rows(cost, match, target_price, unit_price)
    targets = np.flatnonzero(match >= 0)
    counts[unit[match[targets]], targets] = 1
    # A round left over has the price 0, so its weapon's rounds have; rounds of one weapon are
    # alike, and their prices are equal but for rounding.
    np.maximum.at(prices, unit, -unit_price)
    if targets.size == unit.size:
        # Nothing is left over: all prices may rise together until a target is as well off alone.
        prices += max(0.0, float(-target_price.max()))
    return counts, np.maximum(prices, 0.0)
