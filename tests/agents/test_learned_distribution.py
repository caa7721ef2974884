"""The allocation distribution against torch's own categoricals and against a slow replay."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from torch.distributions import Categorical

from agents.learned.distribution import (
    ABSENT,
    AllocationDistribution,
    Pairs,
    PairScores,
    choice_entropy,
    scaled,
)

LIMIT = 3.0


@dataclasses.dataclass
class Case:
    """Scores as tables: float32 [B, S, I], engaged [B, I], engaged_price [B], tie_break [B, S]."""

    value_saved: torch.Tensor
    pk: torch.Tensor
    cost: torch.Tensor
    engaged: torch.Tensor
    engaged_price: torch.Tensor
    residual: torch.Tensor
    legal: torch.Tensor
    beta: torch.Tensor
    tie_break: torch.Tensor

    def distribution(self) -> AllocationDistribution:
        """The distribution, from lists of the legal entries."""
        pairs = Pairs.from_mask(self.legal)
        at = pairs.member[pairs.choice]
        legal = self.legal > 0
        scores = PairScores(
            pairs=pairs,
            value_saved=self.value_saved[legal],
            pk=self.pk[legal],
            cost=self.cost[legal],
            engaged=self.engaged[at, pairs.track],
            engaged_price=self.engaged_price[at],
            residual=self.residual[legal],
            beta=self.beta,
            tie_break=self.tie_break[pairs.member, pairs.shooter],
            limit=LIMIT,
        )
        return AllocationDistribution(scores)


def random_scores(batch: int, shooters: int, tracks: int, seed: int = 0) -> Case:
    generator = torch.Generator().manual_seed(seed)

    def uniform(*shape: int) -> torch.Tensor:
        return torch.rand(*shape, generator=generator)

    pk = uniform(batch, shooters, tracks)
    return Case(
        value_saved=uniform(batch, 1, tracks) * pk * 0.3,
        pk=pk,
        cost=uniform(batch, shooters, tracks) * 0.15,
        engaged=(uniform(batch, tracks) < 0.3).float(),
        engaged_price=uniform(batch) * 0.1,
        residual=uniform(batch, shooters, tracks) - 0.5,
        legal=(uniform(batch, shooters, tracks) < 0.6).float(),
        beta=torch.tensor(20.0),
        tie_break=uniform(batch, shooters),
    )


def choice_logits(z: torch.Tensor) -> torch.Tensor:
    """Logits of [hold, tracks] as the module's text states them."""
    hold = torch.logsumexp(z, -1, keepdim=True) - z.amax(-1, keepdim=True)
    return torch.cat([hold, z], -1)


def slow_log_prob(scores: Case, row: int, actions: list[int]) -> tuple[float, float]:
    """log_prob and entropy of one row's allocation, shooter by shooter with Categorical."""
    value_saved, pk, cost, legal = (
        t[row].double() for t in (scores.value_saved, scores.pk, scores.cost, scores.legal)
    )
    engaged = scores.engaged[row].double().clone()
    price = scores.engaged_price[row].double()
    untouched = scaled(value_saved - cost - price * engaged, scores.beta.double(), LIMIT)
    untouched = (untouched + scores.residual[row]).masked_fill(legal == 0, -torch.inf)
    best = untouched.amax(-1) + 1e-6 * scores.tie_break[row]
    order = sorted(range(len(actions)), key=lambda s: (-float(best[s]), s))
    survival = torch.ones_like(engaged)
    log_prob, entropy = 0.0, 0.0
    for s in order:
        score = value_saved[s] * survival - cost[s] - price * engaged
        z = scaled(score, scores.beta.double(), LIMIT) + scores.residual[row, s]
        z = z.where(legal[s] > 0, ABSENT)
        choice = Categorical(logits=choice_logits(z))
        log_prob += float(choice.log_prob(torch.tensor(actions[s])))
        entropy += float(choice.entropy())
        if actions[s] > 0:
            track = actions[s] - 1
            survival[track] *= 1 - pk[s, track]
            engaged[track] = 1.0
    return log_prob, entropy


def test_log_prob_and_entropy_equal_a_replay_with_categoricals() -> None:
    torch.manual_seed(1)
    scores = random_scores(40, 6, 7)
    distribution = scores.distribution()
    actions, drawn_log_prob = distribution.decide(deterministic=False)
    log_prob, entropy = distribution.evaluate(actions, with_entropy=True)
    assert entropy is not None
    slow = [slow_log_prob(scores, b, actions[b].tolist()) for b in range(40)]
    slow_log_probs, slow_entropies = np.array(slow).T
    assert (actions > 0).any(1).float().mean() > 0.9  # the case is not an empty one
    np.testing.assert_allclose(log_prob, slow_log_probs, atol=1e-4)
    np.testing.assert_allclose(drawn_log_prob, slow_log_probs, atol=1e-4)
    np.testing.assert_allclose(entropy, slow_entropies, atol=1e-4)


def single_choice(z: torch.Tensor, rows: int) -> Case:
    """Scores for which one shooter's scaled scores are z [I], illegal where they say so."""
    none = torch.zeros(rows, 1, len(z))
    return Case(
        value_saved=none,
        pk=none,
        cost=none,
        engaged=none[:, 0],
        engaged_price=none[:, 0, 0],
        residual=none + z,
        legal=(z > ABSENT).float().expand(rows, 1, -1).contiguous(),
        beta=torch.tensor(1.0),
        tie_break=none[..., 0],
    )


def test_one_choices_entropy_equals_torchs_categorical() -> None:
    scores = random_scores(50, 1, 9)
    z = (scores.beta * (scores.value_saved - scores.cost)).where(scores.legal > 0, ABSENT)[:, 0]
    reference = Categorical(logits=choice_logits(z.double()))
    best, total = z.amax(-1), torch.logsumexp(z, -1)
    np.testing.assert_allclose(choice_entropy(z, best, total), reference.entropy(), atol=1e-5)


def test_sampled_frequencies() -> None:
    z = torch.tensor([0.3, ABSENT, -0.5, 1.0, ABSENT])
    draws = 200_000
    torch.manual_seed(3)
    actions, log_prob = single_choice(z, draws).distribution().decide(deterministic=False)
    counts = torch.bincount(actions[:, 0], minlength=6) / draws
    probabilities = torch.softmax(choice_logits(z), -1)
    # Five standard errors of a frequency.
    np.testing.assert_allclose(counts, probabilities, atol=5 * 0.5 / draws**0.5)
    assert counts[2] == 0 and counts[5] == 0
    np.testing.assert_allclose(log_prob, probabilities.log()[actions[:, 0]], atol=1e-5)


@pytest.mark.parametrize("price", [-50.0, 0.0, 50.0])
def test_illegal_pairs_are_never_chosen(price: float) -> None:
    torch.manual_seed(0)
    scores = random_scores(400, 6, 5)
    # Illegal pairs look most attractive: only the mask may hold them back.
    scores = dataclasses.replace(scores, residual=90.0 * (1 - scores.legal) - price)
    for deterministic in (False, True):
        actions, log_prob = scores.distribution().decide(deterministic)
        b, s = torch.nonzero(actions, as_tuple=True)
        assert (scores.legal[b, s, actions[b, s] - 1] == 1).all()
        assert torch.isfinite(log_prob).all()
    able = (scores.legal.sum(-1) > 0).sum()
    fired = (actions > 0).sum()
    assert {-50.0: fired == able, 0.0: 0 < fired < able, 50.0: fired == 0}[price]


@pytest.mark.parametrize("uniform", [2.0**-24, 1.0])
def test_extreme_uniforms_draw_legal_tracks(
    uniform: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "rand", lambda count: torch.full((count,), 1.0 - uniform))
    for legal in range(6):
        z = torch.full((6,), ABSENT)
        z[legal] = 40.0
        actions, _ = single_choice(z, 1).distribution().decide(deterministic=False)
        assert actions.item() == 1 + legal


def test_nothing_legal_means_hold_for_certain() -> None:
    scores = random_scores(3, 4, 5)
    scores = dataclasses.replace(scores, legal=torch.zeros_like(scores.legal))
    distribution = scores.distribution()
    actions, log_prob = distribution.decide(deterministic=False)
    again, entropy = distribution.evaluate(actions, with_entropy=True)
    assert not actions.any() and entropy is not None
    for figure in (log_prob, again, entropy):
        assert torch.equal(figure.abs() < 1e-6, torch.ones(3, dtype=torch.bool))


def test_later_shooters_see_what_was_allocated() -> None:
    """Two sure shots at one valuable track: the second shooter turns to the other track."""
    one = torch.ones(1, 2, 2)
    scores = Case(
        value_saved=torch.tensor([[[0.5, 0.1], [0.4, 0.1]]]),
        pk=one * 0.99,
        cost=one * 0.02,
        residual=one * 0.0,
        engaged=torch.zeros(1, 2),
        engaged_price=torch.zeros(1),
        legal=one,
        beta=torch.tensor(30.0),
        tie_break=torch.zeros(1, 2),
    )
    actions, _ = scores.distribution().decide(deterministic=True)
    assert actions.tolist() == [[1, 2]]
    dear = dataclasses.replace(scores, engaged_price=torch.full((1,), 0.2), pk=one * 0.1)
    actions, _ = dear.distribution().decide(deterministic=True)
    # Survival 0.9 leaves 0.36 at the first track, but engaged tracks now cost 0.2 more.
    assert actions.tolist() == [[1, 1]]
    dearer = dataclasses.replace(scores, engaged_price=torch.full((1,), 0.3), pk=one * 0.1)
    assert dearer.distribution().decide(deterministic=True)[0].tolist() == [[1, 2]]


def test_gradient_reaches_costs_and_raises_the_chosen() -> None:
    scores = random_scores(8, 5, 6)
    cost = scores.cost.clone().requires_grad_()
    distribution = dataclasses.replace(scores, cost=cost).distribution()
    actions, _ = distribution.decide(deterministic=False)
    distribution.evaluate(actions, with_entropy=False)[0].sum().backward()
    assert cost.grad is not None
    b, s = torch.nonzero(actions, as_tuple=True)
    assert len(b) > 0 and (cost.grad[b, s, actions[b, s] - 1] < 0).all()
