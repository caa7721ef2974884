"""Maximum marginal return: the pair that saves most is allocated first, again and again.

For the static problem this is the greedy algorithm for a submodular function over a partition
matroid, so it saves at least half of what the best allocation saves (Nemhauser, Wolsey and Fisher
1978); on random instances it is within a few percent (den Broeder, Ellison and Emerling 1959).

The solver works on a short list of candidate pairs instead of the full [S, I] table, because most
pairs are illegal or not worth their price. Ties of score go to the lower shooter row, then to the
lower slot; slots are shuffled by the raid, so this favours nothing in particular.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import prange
from numpy.typing import NDArray

from agents.wta.problem import StaticProblem
from envs.core.compiled import compiled

MEMBERS_PER_BLOCK = 16
"""Members that share one set of work arrays; the result does not depend on it."""


class Candidates(NamedTuple):
    """Work arrays: the pairs that may be allocated, those of one shooter side by side.

    N = S * I is room for every pair; shooter s owns the entries first[s] to first[s + 1].
    """

    first: NDArray[np.int64]
    """[S + 1]."""
    slot: NDArray[np.int64]
    """[N]."""
    value_saved: NDArray[np.float64]
    """[N], expected value saved by this engagement given what is in flight."""
    kill_probability: NDArray[np.float64]
    """[N]."""
    price: NDArray[np.float64]
    """[N], price while the track is not engaged."""
    engaged: NDArray[np.bool_]
    """[I], whether the track has something in flight or allocated; read where it has entries."""
    survival: NDArray[np.float64]
    """[I], given what has been allocated in this epoch."""
    best: NDArray[np.int64]
    """[S], the entry of largest score; -1 if none is above zero or the shooter has fired."""
    best_score: NDArray[np.float64]
    """[S], 0 where best is -1."""


@compiled(allocates=True)
def new_candidates(num_shooters: int, num_slots: int) -> Candidates:
    """Room for every pair of [S, I]."""
    pairs = num_shooters * num_slots
    return Candidates(
        np.zeros(num_shooters + 1, np.int64),
        np.empty(pairs, np.int64),
        np.empty(pairs),
        np.empty(pairs),
        np.empty(pairs),
        np.zeros(num_slots, np.bool_),
        np.empty(num_slots),
        np.empty(num_shooters, np.int64),
        np.empty(num_shooters),
    )


@compiled()
def _find_best(candidates: Candidates, engaged_price: float, s: int) -> None:
    best = -1
    best_score = 0.0
    for n in range(candidates.first[s], candidates.first[s + 1]):
        i = candidates.slot[n]
        score = candidates.value_saved[n] * candidates.survival[i] - candidates.price[n]
        if candidates.engaged[i]:
            score -= engaged_price
        if score > best_score:
            best_score = score
            best = n
    candidates.best[s] = best
    candidates.best_score[s] = best_score


@compiled()
def allocate(candidates: Candidates, engaged_price: float, action: NDArray[np.int64]) -> None:
    """Allocates the pair of largest score, again and again, while that score is above zero.

    score = value_saved * survival - price - engaged_price if the track is engaged, where survival
    is the product of 1 - pk over what has been allocated at the track in this epoch. Only the
    shooters that wanted the track just allocated look for another one.

    Args:
        candidates: Pairs to choose from; survival and best are set here.
        engaged_price: Price added for a track that is engaged.
        action: [S], overwritten: 0 or, for a shooter that fires, 1 + slot.
    """
    shooters = action.shape[0]
    action[:] = 0
    if candidates.first[shooters] == 0:
        return
    candidates.survival[:] = 1.0
    for s in range(shooters):
        _find_best(candidates, engaged_price, s)
    while True:
        fired = 0
        for s in range(1, shooters):
            if candidates.best_score[s] > candidates.best_score[fired]:
                fired = s
        entry = candidates.best[fired]
        if entry < 0:
            return
        target = candidates.slot[entry]
        action[fired] = 1 + target
        candidates.survival[target] *= 1.0 - candidates.kill_probability[entry]
        candidates.engaged[target] = True
        candidates.best[fired] = -1
        candidates.best_score[fired] = 0.0
        for s in range(shooters):
            if action[s] > 0:
                continue
            wanted = candidates.best[s]
            # A negative engaged price makes the track better for those who did not want it.
            if engaged_price < 0.0 or (wanted >= 0 and candidates.slot[wanted] == target):
                _find_best(candidates, engaged_price, s)


@compiled(parallel=True)
def greedy_batch(
    value: NDArray[np.float64], pk: NDArray[np.float64], legal: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """Solves a batch of static problems by maximum marginal return.

    Args:
        value: [B, I], expected loss of each track if not stopped.
        pk: [B, S, I], kill probability of each pair.
        legal: [B, S, I], whether the pair may be allocated.

    Returns:
        Allocations [B, S]: 0 holds, 1 + i fires at track i.
    """
    members, shooters = pk.shape[0], pk.shape[1]
    actions = np.empty((members, shooters), np.int64)
    blocks = (members + MEMBERS_PER_BLOCK - 1) // MEMBERS_PER_BLOCK
    for block in prange(blocks):
        first = block * MEMBERS_PER_BLOCK
        _solve_block(value, pk, legal, first, min(first + MEMBERS_PER_BLOCK, members), actions)
    return actions


# Work arrays belong to a function of their own: Numba 0.68 frees a tuple of arrays too early when
# it is made in the body of a prange loop.
@compiled(allocates=True)
def _solve_block(
    value: NDArray[np.float64],
    pk: NDArray[np.float64],
    legal: NDArray[np.bool_],
    first: int,
    end: int,
    actions: NDArray[np.int64],
) -> None:
    shooters, slots = pk.shape[1], pk.shape[2]
    candidates = new_candidates(shooters, slots)
    for b in range(first, end):
        count = 0
        for s in range(shooters):
            for i in range(slots):
                if legal[b, s, i]:
                    candidates.slot[count] = i
                    candidates.value_saved[count] = value[b, i] * pk[b, s, i]
                    candidates.kill_probability[count] = pk[b, s, i]
                    candidates.price[count] = 0.0
                    candidates.engaged[i] = False
                    count += 1
            candidates.first[s + 1] = count
        allocate(candidates, 0.0, actions[b])


def solve_greedy(problem: StaticProblem) -> NDArray[np.int64]:
    """Allocates one static problem by maximum marginal return.

    Returns:
        Allocation [S]: 0 holds, 1 + i fires at track i.
    """
    value = np.ascontiguousarray(problem.value[None], np.float64)
    pk = np.ascontiguousarray(problem.pk[None], np.float64)
    legal = np.ascontiguousarray(problem.legal[None], np.bool_)
    allocation: NDArray[np.int64] = greedy_batch(value, pk, legal)[0]
    return allocation
