"""What the benchmark compares the allocation policy with learns the same."""

from __future__ import annotations

import numpy as np
import torch

from agents.learned.distribution import AllocationDistribution
from benchmarks.plain import PlainAllocationPolicy, PlainDistribution
from tests.agents.learned_observations import COLUMNS, made_up_observation, made_up_spaces

SIZES = (9, 6, 4)


def policy() -> PlainAllocationPolicy:
    torch.manual_seed(0)
    made = PlainAllocationPolicy(
        *made_up_spaces(*SIZES), lambda _: 1e-3, columns=COLUMNS, beta=20.0, with_entropy=True
    )
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(torch.randn(parameter.shape), alpha=0.03)
    return made


def test_plain_and_fast_allocations_have_the_same_probabilities_and_gradients() -> None:
    made = policy()
    tables = {n: torch.as_tensor(t) for n, t in made_up_observation(64, *SIZES).items()}
    actions, _, log_prob = made(tables)
    assert (actions > 0).any(1).float().mean() > 0.9
    found = []
    for kind in (PlainDistribution, AllocationDistribution):
        distribution = kind(made.actor(made._read(tables)))
        figures = distribution.evaluate(actions, with_entropy=True)
        torch.testing.assert_close(figures[0], log_prob, atol=1e-4, rtol=1e-4)
        loss = figures[0].sum() + figures[1].sum()
        parameters = list(made.actor.parameters())
        found.append([*figures, *torch.autograd.grad(loss, parameters)])
    for own, other in zip(*found, strict=True):
        torch.testing.assert_close(own, other, atol=2e-3, rtol=1e-3)


def test_plain_and_fast_allocations_choose_the_same_and_draw_as_often() -> None:
    made = policy()
    tables = {n: torch.as_tensor(t) for n, t in made_up_observation(300, *SIZES).items()}
    with torch.no_grad():
        scores = made.actor(made._read(tables))
        pair = PlainDistribution(scores), AllocationDistribution(scores)
        best = [d.decide(deterministic=True)[0].numpy() for d in pair]
        drawn = [np.mean([(d.decide(False)[0] > 0).float().mean() for _ in range(8)]) for d in pair]
    np.testing.assert_array_equal(*best)
    assert abs(drawn[0] - drawn[1]) < 0.02
