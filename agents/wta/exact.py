"""The exact solver: columns, prices, enumeration.

1. An allocation to start from: greedy, linear assignment where it applies, block search.
2. The linear relaxation of the set-partitioning form by column generation (``relax``); every target
   is priced exactly, and every pricing gives a valid bound, so stopping early leaves a proven gap.
3. A better allocation by a dive from the relaxation's optimum, and by block search from there.
4. All columns that a still better allocation may use, listed by their cost at the best prices; the
   best choice among them is the optimum (Baldacci, Christofides and Mingozzi 2008).
   Where they are too many, a better allocation is sought among the columns at hand first.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from agents.wta.assignment import assign_single_rounds
from agents.wta.clock import Clock
from agents.wta.columns import ColumnPool
from agents.wta.dive import dive
from agents.wta.dual import Priced, Pricer, ascend, first_prices
from agents.wta.enumeration import FEW_NODES, MANY_NODES, columns_within
from agents.wta.instance import ZERO_LOSS, Instance, Solution, solution
from agents.wta.local_search import PATIENCE, BlockSearch
from agents.wta.marginal import marginal_counts
from agents.wta.master import choose_columns
from agents.wta.relaxation import relax

ASCENT_STEPS, ASCENT_NODES = 40, 150
"""Of the prices that column generation starts from; nodes of one target's search."""

DIVE_SHARE, POLISH_SHARE = 0.5, 0.2
"""Of the time that is left, the most that the dive and the block search after it may take."""

CLOSED = 1e-9
"""Relative gap that counts as none: rounding of sums."""


@dataclass
class _State:
    """What is known so far of the reduced instance.

    Attributes:
        value: [T].
        survival: After one round [T, W].
        rounds: [W].
        counts: The best allocation [W, T].
        loss: Its loss.
        bound: The best bound.
        prices: The prices that gave it [W].
        nothing: Loss below which two allocations are the same.
    """

    value: NDArray[np.float64]
    survival: NDArray[np.float64]
    rounds: NDArray[np.int64]
    counts: NDArray[np.int64]
    loss: float
    bound: float
    prices: NDArray[np.float64]
    nothing: float

    def closed(self) -> bool:
        return self.loss - self.bound <= max(CLOSED * self.loss, self.nothing)

    def offer(self, counts: NDArray[np.int64]) -> None:
        """Takes an allocation if it is better."""
        loss = float(_surviving(replace(self, counts=counts)).sum())
        if loss < self.loss:
            self.loss, self.counts = loss, counts

    def learn(self, priced: Priced, prices: NDArray[np.float64]) -> None:
        """Takes a bound if it is better."""
        if priced.bound > self.bound:
            self.bound, self.prices = priced.bound, prices


def solve_exact(
    instance: Instance, seconds: float | None = None, seed: int = 0, search_steps: int = 20
) -> Solution:
    """Solves an instance to proven optimality, or as far as the time allows.

    Args:
        instance: The instance.
        seconds: Time limit; None for none. The present step is finished or cut short by HiGHS. The
            first call of a fresh installation compiles for about half a minute, which counts
            (``agents.wta.solvers.warm_up``).
        seed: Of the block search.
        search_steps: Most steps of the block search that the solver starts from.

    Returns:
        The best allocation, with a bound that is valid whenever the solver stopped.

    Raises:
        ImportError: If HiGHS is not installed.
    """
    clock = Clock(seconds)
    survival = instance.survival_by_target()
    useful = np.flatnonzero((instance.value > 0) & (survival[:, instance.rounds > 0] < 1).any(1))
    rest = float(np.delete(instance.value, useful).sum())
    counts = np.zeros(instance.pk.shape, np.int64)
    bound = rest
    if useful.size:
        value, survival = instance.value[useful], np.ascontiguousarray(survival[useful])
        state = _begin(value, survival, instance.rounds, seed, search_steps, clock)
        if not state.closed():
            _close(state, clock)
        counts[:, useful] = state.counts
        bound += state.bound
    return solution(instance, "exact", counts, bound, clock.seconds())


def _begin(
    value: NDArray[np.float64],
    survival: NDArray[np.float64],
    rounds: NDArray[np.int64],
    seed: int,
    steps: int,
    clock: Clock,
) -> _State:
    counts = marginal_counts(value, survival, rounds)
    nothing = 1e-3 * CLOSED * ZERO_LOSS * float(value.sum())
    prices = np.zeros(rounds.size)
    state = _State(value, survival, rounds, counts, np.inf, 0.0, prices, nothing)
    state.offer(counts)
    if clock.over():
        return state
    if rounds.sum() <= value.size:
        single, prices = assign_single_rounds(value, survival, rounds)
        state.offer(single)
        state.learn(Pricer(value, survival, rounds)(prices), prices)
    work = float(value.size) ** 2 * min(value.size, int(rounds.sum()))
    steps = max(min(steps, int(2e9 / work)), min(steps, 3))
    search = BlockSearch(value, survival, rounds, state.counts, seed)
    while not state.closed() and search.steps < steps and clock.seconds() < 0.1 * clock.limit:
        state.offer(search.run(1))
    return state


def _close(state: _State, clock: Clock) -> None:
    pool = ColumnPool(state.value, state.survival)
    pool.add_allocation(state.counts)
    if state.bound <= 0.0:
        keep: list[Priced] = []
        start = first_prices(state.value, state.survival, state.rounds, state.counts)
        few = Pricer(state.value, state.survival, state.rounds, ASCENT_NODES)
        state.prices = ascend(few, start, ASCENT_STEPS, clock, keep)
        for priced in keep:
            pool.add_priced(priced)
    if clock.over():
        return
    tolerance = max(CLOSED * state.loss, state.nothing)
    relaxed = relax(pool, state.rounds, state.prices, _unit(state), tolerance, clock)
    if relaxed.bound > state.bound:
        state.bound, state.prices = relaxed.bound, relaxed.prices
    if relaxed.shares is not None and not state.closed():
        state.offer(dive(pool, relaxed, state.rounds, _unit(state), clock.part(DIVE_SHARE)))
    _polish(state, clock)
    for nodes in (FEW_NODES, MANY_NODES):
        if not state.closed() and not clock.over():
            _enumerate(state, nodes, clock)
        if nodes == FEW_NODES and not state.closed() and not clock.over():
            _choose(state, pool, 0.5 * clock.left())


def _surviving(state: _State) -> NDArray[np.float64]:
    left = state.value.copy()
    weapon, target = np.nonzero(state.counts)
    power = state.counts[weapon, target]
    np.multiply.at(left, target, state.survival[target, weapon] ** power)
    return left


def _polish(state: _State, clock: Clock) -> None:
    """Block search from the best allocation, as long as it gains."""
    search = BlockSearch(state.value, state.survival, state.rounds, state.counts)
    part = clock.part(POLISH_SHARE)
    while not state.closed() and not part.over() and search.idle < PATIENCE:
        state.offer(search.run(1))


def _choose(state: _State, pool: ColumnPool, seconds: float) -> None:
    """A better allocation out of the columns at hand."""
    pool.add_allocation(state.counts)
    seconds = min(seconds, 60.0)
    found, _ = choose_columns(pool, state.rounds, _unit(state), seconds, state.counts)
    if found is not None:
        state.offer(found)


def _enumerate(state: _State, nodes: int, clock: Clock) -> None:
    """The optimum out of all columns that a better allocation may use."""
    value, survival, rounds = state.value, state.survival, state.rounds
    priced = Pricer(value, survival, rounds)(state.prices)
    slack = state.loss - priced.bound
    pool = columns_within(value, survival, rounds, state.prices, priced.cost, slack, nodes, clock)
    if pool is None or clock.over():
        return
    found, bound = choose_columns(pool, rounds, _unit(state), clock.left(), state.counts)
    if found is not None:
        state.offer(found)
    # What the listed columns cannot reach is no better than the allocation that slack came from.
    state.bound = max(state.bound, min(state.loss, bound))


def _unit(state: _State) -> float:
    """Losses are given to HiGHS in hundredths of the loss, far above its tolerances."""
    return max(state.loss, state.nothing, 1e-300) / 100.0
