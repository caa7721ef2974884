"""The exact solver of one epoch, on batches."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.wta.epoch import solve_epoch, solve_epochs
from agents.wta.greedy import solve_greedy
from agents.wta.instance import Instance
from agents.wta.problem import StaticProblem, best_by_enumeration
from agents.wta.solvers import solve

SAME = 1e-9


def draw(seed: int, shooters: int, tracks: int, legal: float = 0.7) -> StaticProblem:
    """Every second problem has few distinct numbers, with ties, zeros and certain kills."""
    rng = np.random.default_rng(seed)
    shape = (shooters, tracks)
    if seed % 2:
        value, pk = rng.choice([0.0, 0.5, 1.0], tracks), rng.choice([0.0, 0.3, 0.8, 1.0], shape)
    else:
        value, pk = rng.random(tracks), rng.random(shape)
    return StaticProblem(value, pk, rng.random(shape) < legal)


def batch_of(problems: list[StaticProblem]) -> list[np.ndarray]:
    return [np.stack(t) for t in zip(*((p.value, p.pk, p.legal) for p in problems), strict=True)]


def test_greedys_trap_is_solved() -> None:
    # Greedy takes 0.60, then 0.24; the best is 0.55 + 0.60 (see test_wta_greedy).
    trap = StaticProblem(
        np.ones(2), np.array([[0.6, 0.55], [0.6, 0.0]]), np.array([[1, 1], [1, 0]], bool)
    )
    assert solve_greedy(trap).tolist() == [1, 1]
    solved = solve_epoch(trap)
    assert solved.actions.tolist() == [[2, 1]]
    assert solved.value_saved[0] == solved.bound[0] == pytest.approx(1.15)


@settings(deadline=None, max_examples=300)  # the first call compiles
@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.integers(1, 5), st.floats(0.0, 1.0))
def test_it_is_enumeration(seed: int, shooters: int, tracks: int, legal: float) -> None:
    problem = draw(seed, shooters, tracks, legal)
    _, best = best_by_enumeration(problem)
    solved = solve_epoch(problem)
    assert problem.value_saved(solved.actions[0]) == pytest.approx(best, abs=SAME)
    assert solved.value_saved[0] == pytest.approx(best, abs=SAME)
    assert solved.bound[0] == pytest.approx(best, abs=SAME)


@pytest.mark.parametrize(("shooters", "tracks"), [(12, 32), (12, 6), (20, 10), (70, 60)])
def test_it_agrees_with_the_exact_solver(shooters: int, tracks: int) -> None:
    """Sizes that the quick search cannot finish; with more than 64 shooters a bound is left."""
    for seed in range(6):
        problem = draw(2 * seed, shooters, tracks, 0.8)
        as_instance = Instance(problem.value, problem.pk, np.ones(shooters), problem.legal)
        optimum = problem.value.sum() - solve(as_instance, "exact").objective
        solved = solve_epoch(problem)
        saved = problem.value_saved(solved.actions[0])
        assert solved.value_saved[0] == pytest.approx(saved)
        assert saved <= optimum + 1e-7 <= solved.bound[0] + 2e-7
        assert saved >= problem.value_saved(solve_greedy(problem)) - SAME
        if solved.bound[0] <= solved.value_saved[0] + SAME:
            assert saved == pytest.approx(optimum, abs=1e-7)


def test_most_problems_of_an_epochs_size_are_proven() -> None:
    problems = [draw(2 * seed, 12, 32, 0.3) for seed in range(100)]
    solved = solve_epochs(*batch_of(problems))
    assert (solved.bound - solved.value_saved <= 1e-8).mean() >= 0.99


def test_members_of_a_batch_do_not_influence_each_other() -> None:
    problems = [draw(seed, 7, 9) for seed in range(50)]
    together = solve_epochs(*batch_of(problems))
    assert together.actions.any()
    for b, problem in enumerate(problems):
        alone = solve_epoch(problem)
        assert together.actions[b].tolist() == alone.actions[0].tolist()
        assert together.bound[b] == alone.bound[0]


def test_components_add_up() -> None:
    """Two problems side by side that share nothing are solved as if they were alone."""
    one, two = draw(2, 5, 4, 1.0), draw(4, 6, 3, 1.0)
    pk, legal = np.zeros((11, 7)), np.zeros((11, 7), bool)
    pk[:5, :4], pk[5:, 4:] = one.pk, two.pk
    legal[:5, :4], legal[5:, 4:] = one.legal, two.legal
    both = solve_epoch(StaticProblem(np.concatenate([one.value, two.value]), pk, legal))
    apart = [solve_epoch(problem) for problem in (one, two)]
    assert both.value_saved[0] == pytest.approx(sum(s.value_saved[0] for s in apart))
    second = np.where(apart[1].actions[0] > 0, apart[1].actions[0] + 4, 0)
    assert both.actions[0].tolist() == [*apart[0].actions[0].tolist(), *second.tolist()]


def test_nothing_to_do_holds() -> None:
    nothing = StaticProblem(np.zeros(3), np.full((2, 3), 0.5), np.ones((2, 3), bool))
    solved = solve_epoch(nothing)
    assert solved.actions.tolist() == [[0, 0]]
    assert solved.value_saved[0] == solved.bound[0] == 0.0
