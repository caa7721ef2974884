"""The joint distribution of one epoch's allocation, shooters deciding one after another.

A shooter's choice is one categorical over [hold, its legal tracks]. With ``z`` the scaled scores
of those tracks (bounded, sign and order kept, plus a residual), the logits are
``[logsumexp(z) - max(z), z]``: hold competes with the *best* track, not with their number, so that

    P(fire)     = sigmoid(max z)
    P(i | fire) = softmax(z)_i

and the most probable allocation is the classical pricing rule's: fire at the best track if its
score is positive. Earlier choices of the epoch lower the later ones' scores (a track already shot
at is worth less), in an order set by the scores themselves and never by the index of a shooter.

Illegal pairs are not there at all: everything is computed on lists of legal pairs, which are a
few of the hundreds of pairs in the tables.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from agents.learned.sampling import DRAW, MODE, REPLAY, take_turns

ABSENT = -80.0
"""Scaled score of an absent pair in a table; exp(-80) is below any probability and fast."""


@dataclass(frozen=True)
class Pairs:
    """The legal pairs of B states in the order of (member, shooter, track).

    N pairs belong to R choices; a choice is a shooter with at least one legal track.
    """

    batch: int
    """Number of states, B."""
    shooters: int
    """Number of shooters, S."""
    slots: int
    """Number of track slots, I."""
    track: Tensor
    """int64 [N], slot of each pair."""
    choice: Tensor
    """int64 [N], the choice each pair belongs to."""
    member: Tensor
    """int64 [R], state of each choice."""
    shooter: Tensor
    """int64 [R], shooter of each choice."""

    @classmethod
    def from_mask(cls, legal: Tensor) -> Pairs:
        """List the pairs that a mask [B, S, I] allows."""
        batch, shooters, slots = legal.shape
        pair_member, pair_shooter, track = legal.nonzero(as_tuple=True)
        key, choice = torch.unique_consecutive(
            pair_member * shooters + pair_shooter, return_inverse=True
        )
        member = torch.div(key, shooters, rounding_mode="floor")
        return cls(batch, shooters, slots, track, choice, member, key - member * shooters)


@dataclass(frozen=True)
class PairScores:
    """What the choices of one epoch are made of.

    ``score = value_saved * survival - cost - engaged_price * engaged``, where ``survival`` is what
    this epoch's earlier turns leave of a track, and ``engaged`` is 1 for a track with something in
    flight or allocated in an earlier turn.
    """

    pairs: Pairs
    value_saved: Tensor
    """float32 [N], share of the largest asset's value, given what is in flight."""
    pk: Tensor
    """float32 [N], probability of kill."""
    cost: Tensor
    """float32 [N], the price without its engaged term."""
    engaged: Tensor
    """float32 [N], 1 where something is in flight at the track."""
    engaged_price: Tensor
    """float32 [N], the price of shooting at an engaged track."""
    residual: Tensor
    """float32 [N], added to the scaled score."""
    beta: Tensor
    """float32 scalar, scaled score per unit of small score."""
    tie_break: Tensor
    """float32 [R], function of the shooter's features; decides the order of equal scores."""
    limit: float
    """What scaled scores tend to: the lower, the more often the best choice is not taken."""


class AllocationDistribution:
    """Samples allocations and gives their log-probabilities; see the module's text."""

    def __init__(self, scores: PairScores) -> None:
        self.scores = scores

    def decide(self, deterministic: bool) -> tuple[Tensor, Tensor]:
        """Draw (or take the most probable) allocation, turn by turn.

        Args:
            deterministic: Fire at the best track if its score is positive, instead of sampling.

        Returns:
            actions int64 [B, S] (0 holds, 1 + i fires at slot i) and log_prob float32 [B].
        """
        pairs = self.scores.pairs
        actions = torch.zeros(pairs.batch, pairs.shooters, dtype=torch.int64)
        log_prob = torch.zeros(pairs.batch)
        self._take_turns(MODE if deterministic else DRAW, actions, log_prob)
        return actions, log_prob

    def evaluate(self, actions: Tensor, with_entropy: bool) -> tuple[Tensor, Tensor | None]:
        """Log-probability of given allocations, and the entropy along them.

        Args:
            actions: int64 [B, S].
            with_entropy: Whether to compute the entropy.

        Returns:
            log_prob float32 [B], and float32 [B] or None: the sum over shooters of the entropy of
            their choice given the choices before (whose mean over samples is the joint entropy).
        """
        pairs = self.scores.pairs
        z = self.choice_table(actions)
        best, total = z.amax(-1), torch.logsumexp(z, -1)
        action = actions[pairs.member, pairs.shooter]
        z_chosen = z.gather(-1, (action - 1).clamp(min=0)[:, None])[:, 0]
        log_fire = z_chosen - total + functional.logsigmoid(best)
        log_choice = torch.where(action > 0, log_fire, functional.logsigmoid(-best))
        log_prob = self._sum_by_member(log_choice)
        if not with_entropy:
            return log_prob, None
        return log_prob, self._sum_by_member(choice_entropy(z, best, total))

    def choice_table(self, actions: Tensor) -> Tensor:
        """Scaled scores float32 [R, I] each shooter saw, given everybody's choices."""
        s, pairs = self.scores, self.scores.pairs
        survival, engaged = self._take_turns(REPLAY, actions, torch.zeros(pairs.batch))
        score = s.value_saved * survival - s.cost - s.engaged_price * engaged
        table = torch.full((len(pairs.member), pairs.slots), ABSENT)
        z = scaled(score, s.beta, s.limit) + s.residual
        return table.index_put((pairs.choice, pairs.track), z)

    def _take_turns(self, what: int, actions: Tensor, log_prob: Tensor) -> tuple[Tensor, Tensor]:
        """Run the compiled turns; returns survival and engaged as each pair's shooter saw them."""
        s, pairs = self.scores, self.scores.pairs
        choices = len(pairs.member)
        uniform = 1.0 - torch.rand(choices) if what == DRAW else torch.ones(choices)
        survival, engaged = torch.empty_like(s.pk), torch.empty_like(s.pk)
        take_turns(
            what,
            s.value_saved.numpy(),
            s.pk.numpy(),
            s.cost.detach().numpy(),
            s.engaged_price.detach().numpy(),
            s.engaged.numpy(),
            s.residual.detach().numpy(),
            pairs.track.numpy(),
            _starts(pairs.choice, choices),
            pairs.shooter.numpy(),
            _starts(pairs.member, pairs.batch),
            s.tie_break.numpy(),
            float(s.beta.detach()),
            s.limit,
            uniform.numpy(),
            actions.numpy(),
            survival.numpy(),
            engaged.numpy(),
            log_prob.numpy(),
            np.empty((4, max(pairs.slots, pairs.shooters))),
        )
        return survival, engaged

    def _sum_by_member(self, of_choice: Tensor) -> Tensor:
        pairs = self.scores.pairs
        return torch.zeros(pairs.batch).index_add(0, pairs.member, of_choice)


def scaled(score: Tensor, beta: Tensor, limit: float) -> Tensor:
    """``beta * score`` bent towards plus or minus ``limit``; sign and order stay."""
    x = beta * score
    return x / (1.0 + x.abs() / limit)


def choice_entropy(z: Tensor, best: Tensor, total: Tensor) -> Tensor:
    """Entropy of each choice, [...]: of fire or hold, plus that of the track where it fires.

    ``H = -p log p - (1-p) log (1-p) + p (logsumexp(z) - sum softmax(z) z)``, p = sigmoid(max z).
    """
    fire = torch.sigmoid(best)
    of_fire = functional.softplus(best) - best * fire
    of_track = total - (torch.exp(z - total[..., None]) * z).sum(-1)
    return of_fire + fire * of_track


def _starts(group: Tensor, count: int) -> np.ndarray:
    """Where each of ``count`` groups begins in a sorted list of them, int64 [count + 1]."""
    return np.searchsorted(group.numpy(), np.arange(count + 1))
