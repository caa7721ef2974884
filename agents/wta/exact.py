"""The exact solver: columns, prices, enumeration.

1. An allocation to start from: greedy, linear assignment where it applies, block search.
2. The linear relaxation of the set-partitioning form by column generation; every target is priced
   exactly, and every pricing gives a valid bound, so stopping early leaves a proven gap. Prices are
   taken half way between the relaxation's and the best known (Wentges 1997), which calms them.
3. A better allocation by a dive from the relaxation's optimum.
4. All columns that a still better allocation may use, listed by their cost at the best prices; the
   best choice among them is the optimum (Baldacci, Christofides and Mingozzi 2008).
   Where they are too many, a better allocation is sought among the columns at hand first.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agents.wta.assignment import assign_single_rounds
from agents.wta.clock import Clock
from agents.wta.columns import ColumnPool
from agents.wta.dive import dive
from agents.wta.dual import Priced, Pricer, ascend, first_prices
from agents.wta.enumeration import columns_within
from agents.wta.instance import ZERO_LOSS, Instance, Solution, solution
from agents.wta.local_search import BlockSearch
from agents.wta.marginal import marginal_counts
from agents.wta.master import Master, choose_columns
from agents.wta.pricing import NODE_BUDGET

ASCENT_STEPS = 30
"""Supergradient steps before the linear programmes; more gain nothing (docs/wta.md)."""

THOROUGH = 10 * NODE_BUDGET
"""Nodes of one target's search once column generation has run dry at the usual budget."""

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
        left = self.value.copy()
        weapon, target = np.nonzero(counts)
        np.multiply.at(left, target, self.survival[target, weapon] ** counts[weapon, target])
        loss = float(left.sum())
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
    pricer = Pricer(state.value, state.survival, state.rounds)
    pool = ColumnPool(state.value, state.survival)
    keep: list[Priced] = []
    start = state.prices
    if state.bound <= 0.0:
        start = first_prices(state.value, state.survival, state.rounds, state.counts)
    prices, bound = ascend(pricer, start, state.loss, ASCENT_STEPS, clock, keep)
    if bound > state.bound:
        state.bound, state.prices = bound, prices
    for priced in keep:
        pool.add_priced(priced)
    pool.add_allocation(state.counts)
    if state.closed() or clock.over():
        return
    master = Master(pool, state.rounds, _unit(state))
    solved = _generate(state, master, pricer, clock)
    if solved and not state.closed():
        state.offer(dive(master, pricer, pool, clock))
    for last in (False, True):
        if not state.closed() and not clock.over():
            _enumerate(state, clock)
        if not last and not state.closed() and not clock.over():
            _choose(state, pool, 0.5 * clock.left())


def _generate(state: _State, master: Master, pricer: Pricer, clock: Clock) -> bool:
    """Column generation until the bound meets the relaxation's optimum; says if it was solved."""
    while not clock.over():
        solved = master.solve(clock.left())
        if solved is None:
            return False
        optimum, prices = solved
        if optimum - state.bound <= max(CLOSED * optimum, state.nothing) or state.closed():
            return True
        smooth = 0.5 * (state.prices + prices)
        new = 0
        for trial in (smooth, prices):
            priced = pricer(trial)
            new += master.pool.add_priced(priced)
            state.learn(priced, trial)
            if new:
                break
        if new == 0:
            # The relaxation is solved, but for searches that their budget cut short.
            if pricer.budget >= THOROUGH:
                return True
            pricer.budget = THOROUGH
    return False


def _choose(state: _State, pool: ColumnPool, seconds: float) -> None:
    """A better allocation out of the columns at hand."""
    pool.add_allocation(state.counts)
    seconds = min(seconds, 60.0)
    found, _ = choose_columns(pool, state.rounds, _unit(state), seconds, state.counts)
    if found is not None:
        state.offer(found)


def _enumerate(state: _State, clock: Clock) -> None:
    """The optimum out of all columns that a better allocation may use."""
    value, survival, rounds = state.value, state.survival, state.rounds
    priced = Pricer(value, survival, rounds, THOROUGH)(state.prices)
    slack = state.loss - priced.bound
    pool = columns_within(value, survival, rounds, state.prices, priced.cost, slack)
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
