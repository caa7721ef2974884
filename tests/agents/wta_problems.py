"""Small problems, and their optima by trying everything."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations_with_replacement, product

import numpy as np
from hypothesis import strategies as st

from agents.wta.instance import Instance


def instance(value: list, pk: list, rounds: list, feasible: list | None = None) -> Instance:
    allowed = np.ones_like(pk, bool) if feasible is None else np.array(feasible, bool)
    return Instance(np.array(value, float), np.array(pk, float), np.array(rounds), allowed)


@st.composite
def small_instances(draw: st.DrawFn) -> Instance:
    """Up to three weapons of up to three rounds, up to three targets; ties and extremes."""
    weapons, targets = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    number = st.floats(0.0, 1.0, width=32)
    chance = st.one_of(st.sampled_from([0.0, 0.25, 0.5, 0.9, 1.0]), number)
    worth = st.one_of(st.sampled_from([0.0, 1.0, 2.0]), number)
    pairs = weapons * targets
    value = draw(st.lists(worth, min_size=targets, max_size=targets))
    pk = draw(st.lists(chance, min_size=pairs, max_size=pairs))
    feasible = draw(st.lists(st.booleans(), min_size=pairs, max_size=pairs))
    rounds = draw(st.lists(st.integers(0, 2), min_size=weapons, max_size=weapons))
    shape = (weapons, targets)
    return Instance(
        np.array(value), np.reshape(pk, shape), np.array(rounds), np.reshape(feasible, shape)
    )


def allocations(problem: Instance) -> Iterator[np.ndarray]:
    """Every allocation in which all rounds are fired or spent on nothing."""
    targets = problem.num_targets
    ways = []
    for w in range(problem.num_weapons):
        goals = [*np.flatnonzero(problem.feasible[w]).tolist(), targets]
        salvos = combinations_with_replacement(goals, int(problem.rounds[w]))
        ways.append([np.bincount(salvo, minlength=targets + 1)[:targets] for salvo in salvos])
    for rows in product(*ways):
        yield np.array(rows)


def least_loss(problem: Instance) -> float:
    return min(problem.loss(counts) for counts in allocations(problem))
