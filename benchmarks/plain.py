"""The allocation policy as one writes it with torch's own parts, to compare the fast path with."""

from __future__ import annotations

from typing import Any

import torch
from stable_baselines3.common.type_aliases import PyTorchObs
from torch import Tensor
from torch.distributions import Categorical

from agents.learned.distribution import ABSENT, AllocationDistribution, scaled
from agents.learned.policy import AllocationPolicy
from agents.learned.sampling import MODE, REPLAY


class PlainDistribution(AllocationDistribution):
    """The same distribution with a torch ``Categorical`` a turn, on tables [B, I]."""

    def _take_turns(self, what: int, actions: Tensor, log_prob: Tensor) -> tuple[Tensor, Tensor]:
        s, pairs = self.scores, self.scores.pairs
        member, shooter = pairs.member[pairs.choice], pairs.shooter[pairs.choice]
        every = torch.arange(pairs.batch)
        shape = (pairs.batch, pairs.shooters, pairs.slots)

        def table(of_pair: Tensor) -> Tensor:
            return torch.zeros(shape).index_put((member, shooter, pairs.track), of_pair.detach())

        saved, pk, cost, residual = (table(t) for t in (s.value_saved, s.pk, s.cost, s.residual))
        price, before, legal = (
            table(t) for t in (s.engaged_price, s.engaged, torch.ones_like(s.pk))
        )
        first = scaled(saved - cost - price * before, s.beta.detach(), s.limit) + residual
        ties = torch.zeros(shape[:2]).index_put((pairs.member, pairs.shooter), s.tie_break)
        best = torch.where(legal > 0, first, -torch.inf).amax(-1) + 1e-6 * ties
        survival, taken = torch.ones(shape[0], shape[2]), torch.zeros(shape[0], shape[2])
        seen = torch.zeros(2, *shape)
        for turn in best.argsort(dim=-1, descending=True, stable=True).unbind(-1):
            engaged = torch.maximum(before[every, turn], taken)
            score = saved[every, turn] * survival - cost[every, turn]
            z = scaled(score - price[every, turn] * engaged, s.beta.detach(), s.limit)
            z = torch.where(legal[every, turn] > 0, z + residual[every, turn], ABSENT)
            seen[:, every, turn] = torch.stack([survival, engaged])
            if what == REPLAY:
                action = actions[every, turn]
            else:
                hold = torch.logsumexp(z, -1, keepdim=True) - z.amax(-1, keepdim=True)
                choice = Categorical(logits=torch.cat([hold, z], -1))
                mode = torch.where(z.amax(-1) > 0, 1 + z.argmax(-1), 0)
                action = mode if what == MODE else choice.sample()
                log_prob += choice.log_prob(action)
            actions[every, turn] = action
            fired, track = (action > 0).float(), (action - 1).clamp(min=0)
            survival[every, track] *= 1.0 - fired * pk[every, turn, track]
            taken[every, track] = torch.maximum(taken[every, track], fired)
        at = (member, shooter, pairs.track)
        return seen[0][at], seen[1][at]


class PlainAllocationPolicy(AllocationPolicy):
    """``AllocationPolicy`` with the plain distribution."""

    def forward(
        self, obs: PyTorchObs, deterministic: bool = False
    ) -> tuple[Tensor, Tensor, Tensor]:
        """As the parent's."""
        tables = self._read(obs)
        actions, log_prob = PlainDistribution(self.actor(tables)).decide(deterministic)
        return actions, self.critic(tables), log_prob

    def evaluate_actions(self, obs: PyTorchObs, actions: Tensor) -> tuple[Tensor, Tensor, Any]:
        """As the parent's."""
        tables = self._read(obs)
        distribution = PlainDistribution(self.actor(tables))
        log_prob, entropy = distribution.evaluate(actions.long(), self.with_entropy)
        return self.critic(tables), log_prob, entropy
