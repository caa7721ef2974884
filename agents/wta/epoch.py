"""The static problem of one epoch, solved to proven optimality for a whole batch, compiled.

Each shooter fires at one track at most. The epoch falls apart into components; in each, greedy is
optimal if every shooter gets what it would take alone, else a quick search proves or improves it,
and where that ends early, a strong one with prices (``agents.wta.epoch_search``).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import prange
from numpy.typing import NDArray

from agents.wta.epoch_search import component_loss, quick_search, raise_bound, strong_search
from agents.wta.epoch_work import Component, fill_component, label_components, new_component
from agents.wta.greedy import MEMBERS_PER_BLOCK, Candidates, allocate, new_candidates
from agents.wta.problem import StaticProblem
from envs.core.compiled import compiled

_SAME = 1e-9  # relative difference of losses that is rounding


class EpochSolutions(NamedTuple):
    """Solutions of a batch.

    Attributes:
        actions: Allocations [B, S]: 0 holds, 1 + i fires at track i.
        value_saved: Expected value saved [B].
        bound: No allocation saves more [B]; equal to value_saved where that is proven optimal.
    """

    actions: NDArray[np.int64]
    value_saved: NDArray[np.float64]
    bound: NDArray[np.float64]


def solve_epochs(
    value: NDArray[np.float64], pk: NDArray[np.float64], legal: NDArray[np.bool_]
) -> EpochSolutions:
    """Solves a batch of static problems.

    Args:
        value: [B, I], expected loss of each track if not stopped.
        pk: [B, S, I], kill probability of each pair.
        legal: [B, S, I], whether the pair may be allocated.

    Returns:
        Allocations with a proof, or else with a bound.
    """
    members, shooters = pk.shape[0], pk.shape[1]
    actions = np.empty((members, shooters), np.int64)
    saved, bound = np.zeros(members), np.zeros(members)
    # Waking a second thread costs more than solving a few problems.
    if members <= MEMBERS_PER_BLOCK:
        _solve_block(value, pk, legal, 0, members, actions, saved, bound)
    else:
        optimal_batch(value, pk, legal, actions, saved, bound)
    return EpochSolutions(actions, saved, bound)


def solve_epoch(problem: StaticProblem) -> EpochSolutions:
    """Solves one static problem: a batch of one."""
    return solve_epochs(
        np.ascontiguousarray(problem.value[None], np.float64),
        np.ascontiguousarray(problem.pk[None], np.float64),
        np.ascontiguousarray(problem.legal[None], np.bool_),
    )


@compiled(parallel=True)
def optimal_batch(
    value: NDArray[np.float64],
    pk: NDArray[np.float64],
    legal: NDArray[np.bool_],
    actions: NDArray[np.int64],
    saved: NDArray[np.float64],
    bound: NDArray[np.float64],
) -> None:
    """Solves a batch; see ``solve_epochs``. The last three arguments are overwritten."""
    members = value.shape[0]
    blocks = (members + MEMBERS_PER_BLOCK - 1) // MEMBERS_PER_BLOCK
    for block in prange(blocks):
        first = block * MEMBERS_PER_BLOCK
        end = min(first + MEMBERS_PER_BLOCK, members)
        _solve_block(value, pk, legal, first, end, actions, saved, bound)


# Work arrays are made here and not in the prange loop; see agents.wta.greedy.
@compiled(allocates=True)
def _solve_block(
    value: NDArray[np.float64],
    pk: NDArray[np.float64],
    legal: NDArray[np.bool_],
    first: int,
    end: int,
    actions: NDArray[np.int64],
    saved: NDArray[np.float64],
    bound: NDArray[np.float64],
) -> None:
    shooters, slots = pk.shape[1], pk.shape[2]
    candidates = new_candidates(shooters, slots)
    part = new_component(shooters, slots)
    shooter_label, track_label = np.empty(shooters, np.int64), np.empty(slots, np.int64)
    for b in range(first, end):
        _collect(value[b], pk[b], legal[b], candidates)
        allocate(candidates, 0.0, actions[b])
        label_components(candidates.first, candidates.slot, track_label, shooter_label)
        saved[b], bound[b] = 0.0, 0.0
        for label in range(shooters):
            if shooter_label[label] != label:
                continue
            n, m = fill_component(
                label, value[b], pk[b], legal[b], shooter_label, track_label, actions[b], part
            )
            least, proven = _solve_component(part, n, m)
            total = 0.0
            for i in range(m):
                total += part.value[i]
            saved[b] += total - least
            bound[b] += total - proven
            for s in range(n):
                chosen = part.choice[s]
                actions[b, part.shooter[s]] = 0 if chosen < 0 else 1 + part.track[chosen]


@compiled()
def _collect(
    value: NDArray[np.float64],
    pk: NDArray[np.float64],
    legal: NDArray[np.bool_],
    candidates: Candidates,
) -> None:
    """Lists the legal pairs that save something."""
    count = 0
    for s in range(pk.shape[0]):
        for i in range(value.size):
            if legal[s, i] and value[i] * pk[s, i] > 0.0:
                candidates.slot[count] = i
                candidates.value_saved[count] = value[i] * pk[s, i]
                candidates.kill_probability[count] = pk[s, i]
                candidates.price[count] = 0.0
                candidates.engaged[i] = False
                count += 1
        candidates.first[s + 1] = count


@compiled()
def _solve_component(part: Component, shooters: int, tracks: int) -> tuple[float, float]:
    """Improves the component's allocation; returns its loss and a bound of the least loss."""
    loss = component_loss(part, shooters, tracks, part.choice)
    alone = 0.0
    for i in range(tracks):
        alone += part.value[i]
    for s in range(shooters):
        most = 0.0
        for i in range(tracks):
            most = max(most, part.value[i] * (1.0 - part.survival[i, s]))
        alone -= most
    if loss - alone <= _SAME * loss:
        return loss, loss
    loss, proven = quick_search(part, shooters, tracks, loss)
    if proven:
        return loss, loss
    bound = raise_bound(part, shooters, tracks, loss)
    if loss - bound <= _SAME * loss:
        return loss, loss
    return strong_search(part, shooters, tracks, loss, bound)
