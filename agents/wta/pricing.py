"""Exact pricing: the cheapest set of rounds at one target when each round has a price.

For target t and prices u >= 0 of the weapons' rounds, find

    min over n of  value_t prod_w q_wt^n_w + sum_w u_w n_w,   0 <= n_w <= rounds_w,  q = 1 - pk.

It is a search in depth over the weapons in the order of their price, kept small by four facts:

1. A weapon is of use only while value * survival * pk > u: what a round saves falls as others are
   added, so this is checked again whenever a round is added, also for those chosen before.
2. A weapon that is neither cheaper nor deadlier than another is used only when the other is used
   up. In the order of price: after a weapon was left out, only deadlier ones may follow.
3. What follows costs at least the present price and leaves at least the least q to come, which
   bounds every continuation: min over j of j u + left * q_least^j.
4. With y = -ln of the survival, what follows is a knapsack with the convex cost left * exp(-y);
   rounds that may be split are bought in the order of price / -ln q until that ratio exceeds what
   survives. Searches that grow long use this sharper bound too.

A search of more than a budget of nodes ends with a bound instead of the optimum.

The sum over targets, less the price of all rounds, is the Lagrangian bound of the whole problem
(``dual_bound``); its best value over all prices is the bound of the set-partitioning form.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from envs.core.compiled import compiled

NODE_BUDGET = 20_000
"""Nodes of one search; on random instances of the literature it takes some tens or hundreds."""

ALL_NODES = 1_000_000
"""Nodes of all targets together, after which each target is searched with ``_FEW`` nodes."""

_FEW = 50

MOST_ROUNDS = 16
"""Rounds at one target that fact 2 is first applied with; larger sets are searched when needed."""

_LONG = 200  # nodes after which the sharper bound pays

_LONGEST = 64  # rounds that fact 3 looks ahead; cutting it short keeps the bound valid


class Work(NamedTuple):
    """Work arrays of one search; W + 1 entries each but for the last two."""

    weapon: NDArray[np.int64]
    """The candidates in the order of price; the next four are theirs."""
    price: NDArray[np.float64]
    survival: NDArray[np.float64]
    rounds: NDArray[np.int64]
    least: NDArray[np.float64]
    """Least survival of this and all later candidates."""
    by_ratio: NDArray[np.int64]
    """Candidates in the order of price / -ln(survival); made for long searches."""
    ratio: NDArray[np.float64]
    place: NDArray[np.int64]
    """By depth, as all that follow: the candidate looked at."""
    fired: NDArray[np.int64]
    """Its rounds in use."""
    left: NDArray[np.float64]
    """Surviving value before its rounds."""
    spent: NDArray[np.float64]
    """Price of what was chosen before."""
    cap: NDArray[np.float64]
    """Survival below which a candidate must lie (fact 2)."""
    floor: NDArray[np.float64]
    """Surviving value below which something chosen before is not worth its price (fact 1)."""
    best_place: NDArray[np.int64]
    best_count: NDArray[np.int64]
    nodes: NDArray[np.int64]
    """[1], nodes of all searches so far."""
    deadliest: NDArray[np.float64]
    """[MOST_ROUNDS], least survivals of single rounds among the candidates so far."""


@compiled(allocates=True)
def new_work(weapons: int) -> Work:
    """Room for a search over this many weapons."""
    size = weapons + 1
    return Work(
        np.empty(size, np.int64),
        np.empty(size),
        np.empty(size),
        np.empty(size, np.int64),
        np.empty(size),
        np.empty(size, np.int64),
        np.empty(size),
        np.empty(size, np.int64),
        np.empty(size, np.int64),
        np.empty(size),
        np.empty(size),
        np.empty(size),
        np.empty(size),
        np.empty(size, np.int64),
        np.empty(size, np.int64),
        np.zeros(1, np.int64),
        np.empty(MOST_ROUNDS),
    )


@compiled()
def least_cost(left: float, spent: float, price: float, survival: float) -> float:
    """Bound of every continuation (fact 3): min over j of spent + j price + left survival^j."""
    for _ in range(_LONGEST):
        if left * (1.0 - survival) <= price:
            return spent + left
        spent += price
        left *= survival
    return spent


@compiled()
def _sort_by_ratio(candidates: int, work: Work) -> None:
    for k in range(candidates):
        survival = work.survival[k]
        work.ratio[k] = work.price[k] / -np.log(survival) if survival > 0.0 else 0.0
        n = k
        while n > 0 and work.ratio[work.by_ratio[n - 1]] > work.ratio[k]:
            work.by_ratio[n] = work.by_ratio[n - 1]
            n -= 1
        work.by_ratio[n] = k


@compiled()
def split_cost(left: float, spent: float, first: int, candidates: int, work: Work) -> float:
    """Bound of every continuation from candidate ``first`` on (fact 4)."""
    certain = np.inf  # cost of one round that leaves nothing; such a round is not split
    before = spent
    for n in range(candidates):
        k = work.by_ratio[n]
        if k < first:
            continue
        ratio = work.ratio[k]
        if left <= ratio:
            break
        if work.survival[k] == 0.0:
            certain = min(certain, before + work.price[k])
            continue
        survival = work.survival[k] ** work.rounds[k]
        if left * survival < ratio:
            spent += ratio * (1.0 + np.log(left / ratio))
            left = 0.0
            break
        left *= survival
        spent += work.price[k] * work.rounds[k]
    return min(certain, spent + left)


@compiled()
def gather(
    value: float,
    survival: NDArray[np.float64],
    prices: NDArray[np.float64],
    rounds: NDArray[np.int64],
    order: NDArray[np.int64],
    margin: float,
    most_rounds: int,
    work: Work,
) -> tuple[int, float]:
    """Lists the candidates of one target in the order of price.

    A candidate's single round saves more than its price, less ``margin`` (0 to price exactly).
    One that ``most_rounds`` rounds beat in price and survival is left out (0: none is): by fact 2
    it is used only in sets of more rounds.

    Returns:
        How many there are, and what a set that uses one left out costs at least.
    """
    count = 0
    certain = np.inf
    for n in range(most_rounds):
        work.deadliest[n] = 1.0
    for w in order:
        if prices[w] >= value + margin:
            break
        if rounds[w] == 0 or value * (1.0 - survival[w]) + margin <= prices[w]:
            continue
        if survival[w] >= 1.0:
            continue
        if most_rounds > 0:
            if survival[w] >= work.deadliest[most_rounds - 1]:
                certain = 0.0
                continue
            _insert(survival[w], rounds[w], most_rounds, work.deadliest)
        work.weapon[count] = w
        work.price[count] = prices[w]
        work.survival[count] = survival[w]
        work.rounds[count] = rounds[w]
        count += 1
    least = 1.0
    for k in range(count - 1, -1, -1):
        least = min(least, work.survival[k])
        work.least[k] = least
    if certain == 0.0:
        fired = 0
        for k in range(count):
            more = min(work.rounds[k], most_rounds - fired)
            certain += more * work.price[k]
            fired += more
    return count, certain


@compiled()
def _insert(survival: float, rounds: int, size: int, deadliest: NDArray[np.float64]) -> None:
    """Puts some equal rounds into a sorted list of the deadliest."""
    shift = min(rounds, size)
    n = size - 1
    while n >= shift and deadliest[n - shift] > survival:
        deadliest[n] = deadliest[n - shift]
        n -= 1
    while n >= 0 and shift > 0 and deadliest[n] > survival:
        deadliest[n] = survival
        n -= 1
        shift -= 1


@compiled()
def _start(work: Work, depth: int, place: int, left: float, spent: float) -> None:
    work.place[depth] = place
    work.fired[depth] = 0
    work.left[depth] = left
    work.spent[depth] = spent


@compiled()
def _add_round(work: Work, depth: int) -> bool:
    """Fires one more round of the candidate at this depth, or says that it is of no use."""
    k = work.place[depth]
    survival = work.survival[k]
    before = work.left[depth] * survival ** work.fired[depth]
    if work.fired[depth] >= work.rounds[k] or before * (1.0 - survival) <= work.price[k]:
        return False
    if work.fired[depth] == 0 and survival >= work.cap[depth]:
        return False
    if before * survival < work.floor[depth]:
        return False
    work.fired[depth] += 1
    return True


@compiled()
def _descend(work: Work, depth: int, left: float, spent: float) -> None:
    k = work.place[depth]
    survival = work.survival[k]
    _start(work, depth + 1, k + 1, left, spent)
    used_up = work.fired[depth] == work.rounds[k]
    work.cap[depth + 1] = work.cap[depth] if used_up else min(work.cap[depth], survival)
    own_floor = work.price[k] * survival / (1.0 - survival)
    work.floor[depth + 1] = max(work.floor[depth], own_floor)


@compiled()
def search(value: float, candidates: int, budget: int, work: Work) -> tuple[float, float, int]:
    """Finds the cheapest set among gathered candidates.

    Returns:
        Its cost (surviving value plus prices), a bound of every set's cost, equal to it unless the
        budget ran out, and the number of weapons in it, found in ``best_place``, ``best_count``.
    """
    best, size, nodes, depth = value, 0, 0, 0
    _start(work, 0, 0, value, 0.0)
    work.cap[0], work.floor[0] = 1.0, 0.0
    while depth >= 0:
        k = work.place[depth]
        if work.fired[depth] == 0 and _closed(best, candidates, depth, nodes, work):
            depth -= 1
            continue
        if not _add_round(work, depth):
            work.cap[depth] = min(work.cap[depth], work.survival[k])
            work.place[depth] += 1
            work.fired[depth] = 0
            continue
        left = work.left[depth] * work.survival[k] ** work.fired[depth]
        spent = work.spent[depth] + work.price[k] * work.fired[depth]
        if left + spent < best:
            best = left + spent
            size = depth + 1
            for d in range(size):
                work.best_place[d] = work.place[d]
                work.best_count[d] = work.fired[d]
        _descend(work, depth, left, spent)
        depth += 1
        nodes += 1
        work.nodes[0] += 1
        if nodes == _LONG:
            _sort_by_ratio(candidates, work)
        if nodes >= budget:
            _sort_by_ratio(candidates, work)
            return best, _open_bound(best, candidates, depth, work), size
    return best, best, size


@compiled()
def _closed(best: float, candidates: int, depth: int, nodes: int, work: Work) -> bool:
    """Whether nothing from this depth's candidate on can be cheaper than the best."""
    k = work.place[depth]
    if k >= candidates:
        return True
    left, spent = work.left[depth], work.spent[depth]
    if least_cost(left, spent, work.price[k], work.least[k]) >= best:
        return True
    return nodes >= _LONG and split_cost(left, spent, k, candidates, work) >= best


@compiled()
def _open_bound(best: float, candidates: int, deepest: int, work: Work) -> float:
    """Bound of all that a search has not looked at: one set of continuations for each depth."""
    bound = best
    for depth in range(deepest + 1):
        k = work.place[depth]
        if k < candidates:
            left, spent = work.left[depth], work.spent[depth]
            here = least_cost(left, spent, work.price[k], work.least[k])
            bound = min(bound, max(here, split_cost(left, spent, k, candidates, work)))
    return bound


@compiled()
def price_target(
    value: float,
    survival: NDArray[np.float64],
    rounds: NDArray[np.int64],
    prices: NDArray[np.float64],
    order: NDArray[np.int64],
    budget: int,
    work: Work,
) -> tuple[float, float, int]:
    """Prices one target; see ``search`` for what it returns."""
    found, certain = gather(value, survival, prices, rounds, order, 0.0, MOST_ROUNDS, work)
    best, bound, size = search(value, found, budget, work)
    if certain < best:
        found, _ = gather(value, survival, prices, rounds, order, 0.0, 0, work)
        best, bound, size = search(value, found, budget, work)
    return best, bound, size


@compiled()
def price_targets(
    value: NDArray[np.float64],
    survival: NDArray[np.float64],
    rounds: NDArray[np.int64],
    prices: NDArray[np.float64],
    order: NDArray[np.int64],
    budget: int,
    work: Work,
    cost: NDArray[np.float64],
    first: NDArray[np.int64],
    weapon: NDArray[np.int64],
    count: NDArray[np.int64],
) -> float:
    """Prices every target; the sets found stand one after another in ``weapon`` and ``count``.

    Args:
        value: [T].
        survival: [T, W], after one round.
        rounds: [W].
        prices: [W], >= 0.
        order: [W], weapons by rising price.
        budget: Nodes of the search for one target.
        work: Work arrays.
        cost: [T], overwritten: cost of the set found, surviving value plus prices.
        first: [T + 1], overwritten: target t's entries are first[t] to first[t + 1].
        weapon: Overwritten; sets that find no room are left out, their costs are not.
        count: Overwritten.

    Returns:
        The sum over targets of a bound of the cheapest cost.
    """
    total = 0.0
    end = 0
    work.nodes[0] = 0
    for t in range(value.size):
        own = budget if work.nodes[0] < ALL_NODES else min(budget, _FEW)
        best, bound, size = price_target(value[t], survival[t], rounds, prices, order, own, work)
        cost[t] = best
        total += bound
        first[t] = end
        if end + size <= weapon.size:
            for d in range(size):
                weapon[end] = work.weapon[work.best_place[d]]
                count[end] = work.best_count[d]
                end += 1
    first[value.size] = end
    return total
