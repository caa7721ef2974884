"""The compiled pricing rule: one kernel behind wta_greedy, wta_threshold and wta_pricing."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import prange
from numpy.typing import NDArray

from agents.classical.terms import LONGEST_SLACK_MIN, MANY_DAYS, SOON_DAYS, Columns
from agents.wta.greedy import MEMBERS_PER_BLOCK, Candidates, allocate, new_candidates
from envs.core.compiled import compiled

Table = NDArray[np.float32]


@compiled()
def _days_ahead(days_to_change: float, clock: Table, columns: Columns) -> float:
    """Days in which a shooter that is there may still meet a raid: -1 none, 1 many."""
    if clock[columns.clock_raids_left] <= 0.0:
        return -1.0
    days_left = np.float64(clock[columns.clock_days_left])
    days = min(days_left, days_to_change) if days_to_change > 0.0 else days_left
    return min(days / MANY_DAYS - 1.0, 1.0)


@compiled()
def shooter_price(
    shooter: Table, clock: Table, columns: Columns, weights: NDArray[np.float64]
) -> float:
    """The part of the price that is the same for all tracks: of the shooter and of the time."""
    kinds = columns.num_kinds
    rounds_gone = 1.0 - shooter[columns.shooter_rounds_share]
    price = weights[2 * kinds] * clock[columns.clock_tracks]
    price += weights[2 * kinds + 4] * clock[columns.clock_time_share]
    calendar = 2 * kinds + 5
    days = np.float64(shooter[columns.shooter_days_to_change])
    for q in range(kinds):
        if shooter[columns.shooter_first_kind + q] > 0.0:
            price += weights[q] + weights[kinds + q] * rounds_gone
    price += weights[calendar] * _days_ahead(days, clock, columns)
    if 0.0 < days <= SOON_DAYS:
        price += weights[calendar + 1]
    return price


@compiled()
def _collect(
    member: Any,
    columns: Columns,
    weights: NDArray[np.float64],
    added: NDArray[np.float64],
    candidates: Candidates,
) -> None:
    """Lists the legal pairs of one member that are, or may become, worth their price."""
    track, shooter, pair, clock, mask = member
    shooters, slots = mask.shape[0], mask.shape[1] - 1
    shared = weights[2 * columns.num_kinds :]
    pk_weight, slack_weight, engaged_weight = shared[1], shared[2], shared[3]
    # Only a negative engaged weight can make a pair better later in the epoch.
    least_score = min(engaged_weight, 0.0)
    count = 0
    for s in range(shooters):
        own_price = np.nan
        for i in range(slots):
            if mask[s, 1 + i] == 0:
                continue
            if np.isnan(own_price):
                own_price = shooter_price(shooter[s], clock, columns, weights) + added[s]
            pk = np.float64(pair[s, i, columns.pair_pk])
            value_saved = np.float64(pair[s, i, columns.pair_value_saved])
            slack = min(np.float64(pair[s, i, columns.pair_slack]) / LONGEST_SLACK_MIN, 1.0)
            price = own_price + pk_weight * pk + slack_weight * slack
            if value_saved - price <= least_score:
                continue
            candidates.slot[count] = i
            candidates.value_saved[count] = value_saved
            candidates.kill_probability[count] = pk
            candidates.price[count] = price
            candidates.engaged[i] = track[i, columns.track_in_flight] > 0.0
            count += 1
        candidates.first[s + 1] = count


# Work arrays are made here and not in the prange loop; see agents.wta.greedy.
@compiled(allocates=True)
def _allocate_block(
    tables: Any,
    columns: Columns,
    weights: NDArray[np.float64],
    weights_row: NDArray[np.int64],
    added: NDArray[np.float64],
    first: int,
    end: int,
    actions: NDArray[np.int64],
) -> None:
    track, shooter, pair, clock, mask = tables
    candidates = new_candidates(mask.shape[1], mask.shape[2] - 1)
    engaged_term = 2 * columns.num_kinds + 3
    for b in range(first, end):
        own = weights[weights_row[b]]
        member = (track[b], shooter[b], pair[b], clock[b], mask[b])
        _collect(member, columns, own, added[b], candidates)
        allocate(candidates, own[engaged_term], actions[b])


@compiled(parallel=True)
def allocate_by_price(
    track: Table,
    shooter: Table,
    pair: Table,
    clock: Table,
    mask: NDArray[np.int8],
    columns: Columns,
    weights: NDArray[np.float64],
    weights_row: NDArray[np.int64],
    added: NDArray[np.float64],
    actions: NDArray[np.int64],
) -> None:
    """Allocates every member by greedy on value saved minus price.

    price(s, i) = sum_t weight_t * term_t(s, i) + added(s); the terms are those of
    ``terms.term_names``.

    Args:
        track: [B, I, .] observation table, as are the next three.
        shooter: [B, S, .].
        pair: [B, S, I, .].
        clock: [B, .].
        mask: [B, S, 1 + I], non-zero where legal.
        columns: Where the quantities stand in the tables.
        weights: [N, T], one weight vector a row.
        weights_row: [B], the row of ``weights`` each member uses.
        added: [B, S].
        actions: [B, S], overwritten.
    """
    members = mask.shape[0]
    blocks = (members + MEMBERS_PER_BLOCK - 1) // MEMBERS_PER_BLOCK
    for block in prange(blocks):
        first = block * MEMBERS_PER_BLOCK
        end = min(first + MEMBERS_PER_BLOCK, members)
        tables = (track, shooter, pair, clock, mask)
        _allocate_block(tables, columns, weights, weights_row, added, first, end, actions)


class PriceAllocator:
    """Holds what the kernel needs besides the observation, and the buffer it writes."""

    def __init__(self, columns: Columns, weights: NDArray[np.float64]) -> None:
        """Keeps ``weights`` [N, T] for members to choose a row of."""
        self.columns = columns
        self.weights = np.ascontiguousarray(np.atleast_2d(weights), np.float64)

    @property
    def candidates(self) -> int:
        """Rows of weights."""
        return len(self.weights)

    def __call__(
        self,
        observation: Any,
        candidate: NDArray[np.int64],
        added: NDArray[np.floating[Any]] | None = None,
    ) -> NDArray[np.int64]:
        """Allocates for a batch; see ``allocate_by_price``."""
        track, shooter, pair, clock, mask = tables_of(observation)
        actions = np.empty(mask.shape[:2], np.int64)
        if added is None:
            added = np.zeros(mask.shape[:2])
        allocate_by_price(
            track,
            shooter,
            pair,
            clock,
            mask,
            self.columns,
            self.weights,
            candidate,
            np.ascontiguousarray(added, np.float64),
            actions,
        )
        return actions


def tables_of(observation: Any) -> tuple[Any, ...]:
    """Track, shooter, pair, clock and mask, as the kernels take them."""
    tables = [
        np.ascontiguousarray(observation[name], np.float32)
        for name in ("track", "shooter", "pair", "clock")
    ]
    return (*tables, np.ascontiguousarray(observation["action_mask"], np.int8))
