"""The static problem and its greedy solver."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.wta.greedy import greedy_batch, solve_greedy
from agents.wta.problem import StaticProblem, best_by_enumeration


def problem(value: list, pk: list, legal: list | None = None) -> StaticProblem:
    allowed = np.ones_like(pk, bool) if legal is None else np.array(legal, bool)
    return StaticProblem(np.array(value, float), np.array(pk, float), allowed)


def random_problem(seed: int, shooters: int = 4, tracks: int = 4) -> StaticProblem:
    rng = np.random.default_rng(seed)
    value = rng.uniform(0.1, 1.0, tracks)
    pk = rng.uniform(0.1, 0.9, (shooters, tracks))
    return StaticProblem(value, pk, rng.random((shooters, tracks)) < 0.7)


def test_two_shooters_share_two_tracks() -> None:
    # Marginal returns: s0 saves 5.0 or 3.2, s1 saves 4.0 or 0.4. First s0 at track 0 (5.0);
    # then s1 saves 4.0 * (1 - 0.5) = 2.0 there and 0.4 at track 1: both fire at track 0.
    both_at_first = problem([10, 4], [[0.5, 0.8], [0.4, 0.1]])
    assert solve_greedy(both_at_first).tolist() == [1, 1]
    assert both_at_first.value_saved(np.array([1, 1])) == pytest.approx(10 * (1 - 0.5 * 0.6))


def test_second_shooter_moves_on_when_the_first_saves_enough() -> None:
    # s0 at track 0 saves 9; then s1 saves 8 * 0.1 = 0.8 there but 1.0 at track 1.
    assert solve_greedy(problem([10, 2], [[0.9, 0.2], [0.8, 0.5]])).tolist() == [1, 2]


def test_greedy_can_miss_the_best() -> None:
    # s0 takes track 0 (0.60), and s1 can only follow there: 0.60 + 0.6 * 0.4 = 0.84.
    # The best sends s0 to track 1 instead: 0.55 + 0.6 = 1.15.
    trap = problem([1, 1], [[0.6, 0.55], [0.6, 0.0]], [[1, 1], [1, 0]])
    assert solve_greedy(trap).tolist() == [1, 1]
    best, saved = best_by_enumeration(trap)
    assert best.tolist() == [2, 1]
    assert saved == pytest.approx(1.15)


def test_nothing_to_save_holds() -> None:
    assert solve_greedy(problem([0, 1], [[0.9, 0.0]])).tolist() == [0]


def test_ties_go_to_the_lower_shooter_then_the_lower_track() -> None:
    # Equal pairs: s0 takes track 0, then s1 prefers the untouched track 1.
    assert solve_greedy(problem([1, 1], [[0.5, 0.5], [0.5, 0.5]])).tolist() == [1, 2]


@settings(deadline=None)  # the first call compiles
@given(st.integers(0, 2**32 - 1))
def test_saves_at_least_half_of_the_best(seed: int) -> None:
    instance = random_problem(seed)
    _, best = best_by_enumeration(instance)
    assert instance.value_saved(solve_greedy(instance)) >= 0.5 * best - 1e-12


def test_is_within_a_few_percent_of_the_best_on_average() -> None:
    instances = [random_problem(seed) for seed in range(200)]
    greedy = np.array([p.value_saved(solve_greedy(p)) for p in instances])
    best = np.array([best_by_enumeration(p)[1] for p in instances])
    assert (greedy <= best + 1e-12).all()
    assert 1 - greedy.sum() / best.sum() < 0.03


@settings(deadline=None)  # the first call compiles
@given(st.integers(0, 2**32 - 1))
def test_renaming_tracks_renames_the_allocation(seed: int) -> None:
    instance = random_problem(seed, shooters=5, tracks=6)
    order = np.random.default_rng(seed).permutation(6)
    renamed = StaticProblem(instance.value[order], instance.pk[:, order], instance.legal[:, order])
    allocation = solve_greedy(renamed)
    back = np.where(allocation > 0, 1 + order[allocation - 1], 0)
    assert back.tolist() == solve_greedy(instance).tolist()


def test_members_of_a_batch_do_not_influence_each_other() -> None:
    instances = [random_problem(seed, shooters=5, tracks=6) for seed in range(50)]
    tables = [np.stack(t) for t in zip(*((p.value, p.pk, p.legal) for p in instances), strict=True)]
    together = greedy_batch(*tables)
    assert together.any()
    for row, instance in zip(together, instances, strict=True):
        assert row.tolist() == solve_greedy(instance).tolist()


@pytest.mark.parametrize(
    ("value", "pk", "message"),
    [
        ([1.0, 1.0, 1.0], [[0.5, 0.5]], "do not fit together"),
        ([-1.0, 1.0], [[0.5, 0.5]], "must not be negative, the smallest is -1.0"),
        ([1.0, 1.0], [[0.5, 1.5]], r"pk must lie in \[0, 1\]"),
    ],
)
def test_nonsense_is_rejected(value: list, pk: list, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        problem(value, pk)


def test_an_illegal_allocation_has_no_value() -> None:
    with pytest.raises(ValueError, match="shooter 0 may not fire at track 1"):
        problem([1, 1], [[0.5, 0.5]], [[1, 0]]).value_saved(np.array([2]))
