"""Two searches that prove an epoch's allocation optimal: one quick, one strong.

The first branches on the shooters; what a shooter saves falls as others fire, so no allocation
saves more than what was saved plus what each remaining shooter would save alone. The second puts
prices on the shooters, as in ``agents.wta.dual``, lists the few columns of each track that a better
allocation may use, and branches on the tracks.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.wta.enumeration import list_sets
from agents.wta.epoch_work import MOST_COLUMNS, Component
from agents.wta.pricing import gather, price_target
from envs.core.compiled import compiled

QUICK_NODES = 300
"""Nodes of the first search."""

STRONG_NODES = 50_000
"""Nodes of the second."""

ASCENT_STEPS = 60
PRICING_NODES = 500

_SAME = 1e-9  # relative difference of losses that is rounding


@compiled()
def _copy(source: NDArray[Any], target: NDArray[Any], size: int) -> None:
    # Assigning a slice of an array to another would need reference counting.
    for n in range(size):
        target[n] = source[n]


@compiled()
def component_loss(part: Component, shooters: int, tracks: int, choice: NDArray[np.int64]) -> float:
    """Surviving value under an allocation; ``left`` is set to that of each track."""
    total = 0.0
    for i in range(tracks):
        part.left[i] = part.value[i]
    for s in range(shooters):
        if choice[s] >= 0:
            part.left[choice[s]] *= part.survival[choice[s], s]
    for i in range(tracks):
        total += part.left[i]
    return total


@compiled()
def _promise(part: Component, first: int, shooters: int, tracks: int) -> float:
    """Most that the shooters from ``first`` on may save together."""
    total = 0.0
    for s in range(first, shooters):
        most = 0.0
        for i in range(tracks):
            most = max(most, part.left[i] * (1.0 - part.survival[i, s]))
        total += most
    return total


@compiled()
def _list_options(part: Component, s: int, tracks: int) -> None:
    """Options of shooter s, what saves most first; holding comes last."""
    count = 0
    for i in range(tracks):
        gain = part.left[i] * (1.0 - part.survival[i, s])
        if gain <= 0.0:
            continue
        n = count
        while n > 0 and part.gain[s, n - 1] < gain:
            part.gain[s, n] = part.gain[s, n - 1]
            part.option[s, n] = part.option[s, n - 1]
            n -= 1
        part.gain[s, n] = gain
        part.option[s, n] = i
        count += 1
    # To hold never saves more than to fire; it is an option only where nothing can be saved.
    if count == 0:
        part.option[s, 0] = -1
        part.gain[s, 0] = 0.0
        count = 1
    part.options[s] = count
    part.place[s] = -1


@compiled()
def quick_search(part: Component, shooters: int, tracks: int, least: float) -> tuple[float, bool]:
    """Branches on the shooters; returns the least loss and whether it is proven."""
    nodes = 0
    loss = 0.0
    for i in range(tracks):
        part.left[i] = part.value[i]
        loss += part.value[i]
    same = _SAME * least
    s = 0
    _list_options(part, 0, tracks)
    while s >= 0:
        if part.place[s] >= 0:  # take back what this shooter tried
            i = part.option[s, part.place[s]]
            if i >= 0:
                loss += part.before[s] - part.left[i]
                part.left[i] = part.before[s]
        part.place[s] += 1
        if part.place[s] >= part.options[s]:
            s -= 1
            continue
        i = part.option[s, part.place[s]]
        part.trial[s] = i
        if i >= 0:
            part.before[s] = part.left[i]
            part.left[i] *= part.survival[i, s]
            loss -= part.before[s] - part.left[i]
        nodes += 1
        if nodes > QUICK_NODES:
            return least, False
        if s + 1 == shooters:
            if loss < least - same:
                least = loss
                _copy(part.trial, part.choice, shooters)
            continue
        if loss - _promise(part, s + 1, shooters, tracks) < least - same:
            s += 1
            _list_options(part, s, tracks)
    return least, True


@compiled()
def _price(part: Component, shooters: int, tracks: int) -> float:
    """Prices all tracks; sets ``bought`` and ``cost``; returns the bound of the loss."""
    order = part.trial  # shooters by rising price
    for s in range(shooters):
        n = s
        while n > 0 and part.prices[order[n - 1]] > part.prices[s]:
            order[n] = order[n - 1]
            n -= 1
        order[n] = s
    bound = 0.0
    for s in range(shooters):
        part.bought[s] = 0.0
        bound -= part.prices[s]
    work = part.pricing
    for i in range(tracks):
        _, part.cost[i], size = price_target(
            part.value[i],
            part.survival[i],
            part.rounds,
            part.prices,
            order[:shooters],
            PRICING_NODES,
            work,
        )
        bound += part.cost[i]
        for d in range(size):
            part.bought[work.weapon[work.best_place[d]]] += 1.0
    return bound


@compiled()
def raise_bound(part: Component, shooters: int, tracks: int, loss: float) -> float:
    """Climbs the Lagrangian bound; leaves the best prices in ``best_prices``."""
    component_loss(part, shooters, tracks, part.choice)
    for s in range(shooters):
        # Between what this shooter saves where it is and what it would save elsewhere.
        more = 0.0
        for i in range(tracks):
            if i != part.choice[s]:
                more = max(more, part.left[i] * (1.0 - part.survival[i, s]))
        part.prices[s] = more
        part.direction[s] = 0.0
    best, share, idle = -np.inf, 1.0, 0
    for _ in range(ASCENT_STEPS):
        bound = _price(part, shooters, tracks)
        idle += 1
        if bound > best:
            best, idle = bound, 0
            _copy(part.prices, part.best_prices, shooters)
        if loss - best <= _SAME * loss:
            break
        if idle >= 5:
            share *= 0.5
            idle = 0
        norm = 0.0
        for s in range(shooters):
            gradient = part.bought[s] - 1.0
            if part.prices[s] <= 0.0 and gradient < 0.0:
                gradient = 0.0
            part.direction[s] = 0.5 * part.direction[s] + gradient
            norm += part.direction[s] ** 2
        if norm == 0.0:
            break
        step = share * (loss - bound) / norm
        for s in range(shooters):
            part.prices[s] = max(part.prices[s] + step * part.direction[s], 0.0)
    return best


@compiled()
def _list_columns(part: Component, shooters: int, tracks: int, slack: float) -> bool:
    """Lists all columns within the slack at the best prices; False if they are too many."""
    _copy(part.best_prices, part.prices, shooters)
    _price(part, shooters, tracks)
    order = part.trial[:shooters]
    work = part.pricing
    columns, nodes = 0, STRONG_NODES
    part.column_first[0] = 0
    for i in range(tracks):
        margin = slack * (1.0 + 1e-9)
        found, _ = gather(
            part.value[i], part.survival[i], part.prices, part.rounds, order, margin, 0, work
        )
        limit = part.cost[i] + margin
        sets, nodes = list_sets(
            part.value[i], found, limit, margin, nodes, work, part.first, part.weapon, part.fired
        )
        if sets < 0 or columns + sets > MOST_COLUMNS:
            return False
        for n in range(sets):
            mask = np.uint64(0)
            cost = part.value[i]
            spent = 0.0
            for entry in range(part.first[n], part.first[n + 1]):
                s = part.weapon[entry]
                mask |= np.uint64(1) << np.uint64(s)
                cost *= part.survival[i, s]
                spent += part.prices[s]
            part.column_mask[columns] = mask
            part.column_excess[columns] = max(cost + spent - part.cost[i], 0.0)
            columns += 1
        part.column_first[i + 1] = columns
    reach = np.uint64(0)
    part.reach[tracks] = reach
    for i in range(tracks - 1, -1, -1):
        for n in range(part.column_first[i], part.column_first[i + 1]):
            reach |= part.column_mask[n]
        part.reach[i] = reach
    return True


@compiled()
def _lost(part: Component, shooters: int, available: np.uint64) -> float:
    """Prices of the shooters that no column can use any more: what the bound counted on."""
    total = 0.0
    for s in range(shooters):
        if (available >> np.uint64(s)) & np.uint64(1) == np.uint64(0):
            total += part.best_prices[s]
    return total


@compiled()
def _take_columns(part: Component, shooters: int, tracks: int) -> None:
    """Turns the columns looked at into the best allocation."""
    for s in range(shooters):
        part.choice[s] = -1
    for i in range(tracks):
        mask = part.column_mask[part.place[i]]
        for s in range(shooters):
            if (mask >> np.uint64(s)) & np.uint64(1) == np.uint64(1):
                part.choice[s] = i


@compiled()
def strong_search(
    part: Component, shooters: int, tracks: int, least: float, bound: float
) -> tuple[float, float]:
    """Branches on the tracks' columns; returns the least loss and a bound of it."""
    slack = least - bound
    if shooters > 64 or not _list_columns(part, shooters, tracks, slack):
        return least, bound
    nodes, depth = 0, 0
    part.place[0] = part.column_first[0] - 1
    part.used[0], part.excess[0] = np.uint64(0), 0.0
    limit = slack - _SAME * least
    while depth >= 0:
        part.place[depth] += 1
        n = part.place[depth]
        if n >= part.column_first[depth + 1]:
            depth -= 1
            continue
        mask = part.column_mask[n]
        if mask & part.used[depth] != np.uint64(0):
            continue
        used = part.used[depth] | mask
        excess = part.excess[depth] + part.column_excess[n]
        if excess + _lost(part, shooters, used | part.reach[depth + 1]) >= limit:
            continue
        nodes += 1
        if nodes > STRONG_NODES:
            return least, bound
        if depth + 1 < tracks:
            depth += 1
            part.place[depth] = part.column_first[depth] - 1
            part.used[depth], part.excess[depth] = used, excess
            continue
        _take_columns(part, shooters, tracks)
        least = component_loss(part, shooters, tracks, part.choice)
        limit = least - bound - _SAME * least
    return least, least
