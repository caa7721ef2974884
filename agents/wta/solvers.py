"""The solvers by name, all with the same call and the same kind of result."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from agents.wta.assignment import assign_single_rounds
from agents.wta.clock import Clock
from agents.wta.dual import Pricer, ascend
from agents.wta.enumeration import columns_within
from agents.wta.exact import solve_exact
from agents.wta.instance import Instance, Solution, solution
from agents.wta.local_search import BlockSearch
from agents.wta.marginal import marginal_counts
from envs.validation import one_of

SOLVER_NAMES = ("marginal", "assignment", "search", "exact")


def solve(
    instance: Instance,
    solver: str = "exact",
    *,
    seconds: float | None = None,
    steps: int = 200,
    seed: int = 0,
) -> Solution:
    """Solves an instance.

    ===============  ==========================================================================
    ``marginal``     maximum marginal return (greedy); proves nothing
    ``assignment``   the best allocation with at most one round for each target, and the
                     Lagrangian bound at its prices: where they meet it is optimal
    ``search``       block search from the better of the two; anytime, proves nothing
    ``exact``        column generation and enumeration; proves optimality, or a gap
    ===============  ==========================================================================

    Args:
        instance: What to solve.
        solver: One of ``SOLVER_NAMES``.
        seconds: Time limit; None for none. ``marginal`` and ``assignment`` run to their end.
        steps: Most steps of ``search``.
        seed: Of the block search.

    Raises:
        ValueError: If the solver is unknown, or seconds or steps are out of range.
        ImportError: If ``exact`` is wanted and HiGHS is not installed.
    """
    one_of(solver, SOLVER_NAMES, "solver")
    if steps < 0:
        raise ValueError(f"steps must not be negative, got {steps}")
    match solver:
        case "marginal":
            return solve_marginal(instance)
        case "assignment":
            return solve_assignment(instance)
        case "search":
            return solve_search(instance, steps, seconds, seed)
        case _:
            return solve_exact(instance, seconds, seed)


def solve_marginal(instance: Instance) -> Solution:
    """Maximum marginal return."""
    clock = Clock()
    counts = marginal_counts(instance.value, instance.survival_by_target(), instance.rounds)
    return solution(instance, "marginal", counts, 0.0, clock.seconds())


def solve_assignment(instance: Instance) -> Solution:
    """Linear assignment, with its certificate as the bound."""
    clock = Clock()
    survival = instance.survival_by_target()
    counts, prices = assign_single_rounds(instance.value, survival, instance.rounds)
    bound = Pricer(instance.value, survival, instance.rounds)(prices).bound
    return solution(instance, "assignment", counts, bound, clock.seconds())


def solve_search(
    instance: Instance, steps: int = 200, seconds: float | None = None, seed: int = 0
) -> Solution:
    """Block search from greedy, or from linear assignment where that is better."""
    clock = Clock(seconds)
    survival = instance.survival_by_target()
    starts = [marginal_counts(instance.value, survival, instance.rounds)]
    if not clock.over():
        starts.append(assign_single_rounds(instance.value, survival, instance.rounds)[0])
    start = starts[int(np.argmin([instance.loss(counts) for counts in starts]))]
    search = BlockSearch(instance.value, survival, instance.rounds, start, seed)
    while search.steps < steps and not clock.over():
        search.run(1)
    return solution(instance, "search", search.run(0), 0.0, clock.seconds())


def warm_up(solvers: Sequence[str] = SOLVER_NAMES) -> None:
    """Compiles what the solvers need, so that later times and limits are theirs alone."""
    value, pk = np.array([3.0, 2.0]), np.array([[0.5, 0.4], [0.3, 0.6]])
    instance = Instance(value, pk, np.array([2, 1]), np.ones((2, 2), np.bool_))
    for solver in solvers:
        solve(instance, solver, steps=2)
    if "exact" in solvers:
        # So small an instance is closed before what the large ones need.
        survival, prices = instance.survival_by_target(), np.ones(2)
        ascend(Pricer(value, survival, instance.rounds), prices, 1, Clock(), [])
        BlockSearch(value, survival, instance.rounds, np.zeros((2, 2), np.int64)).run(1)
        columns_within(value, survival, instance.rounds, prices, np.zeros(2), 5.0)
