"""AllocationPolicy: SB3's actor-critic interface around the allocation networks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.distributions import Distribution
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.type_aliases import PyTorchObs, Schedule
from torch import Tensor

from agents.learned.distribution import AllocationDistribution
from agents.learned.networks import Actor, Columns, Critic, Tables, read_tables

GREEDY_PRICE = 0.001
"""Price of a round at the greedy start, as a share of the largest asset's value: a hair above
zero, so that shots at tracks of no value are not taken."""

UNINFORMED_BETA = 1.0
"""Scaled score per unit of score where no rule is known: value saved counts less than chance."""


class AllocationPolicy(ActorCriticPolicy):
    """Allocates shooters to tracks by a learned price of rounds; see ``distribution`` for how.

    Observation: the Dict of tables of ``envs.observation``; action: int64 [B, S], 0 holds, 1 + i
    fires at slot i. The weights do not depend on the numbers of tracks, shooters and assets.

    Args:
        observation_space: Dict space of the tables.
        action_space: MultiDiscrete([1 + I] * S).
        lr_schedule: Learning rate by remaining progress.
        columns: Names of the columns of each table.
        width: Width of tokens and hidden layers.
        beta: Scaled score per unit of small score at the start.
        score_limit: What scaled scores tend to; see ``distribution``.
        price_scale: How much faster than the other parameters the price weights move.
        exposure_scale: Return lost per unit of value at risk; sum over tracks gives the value.
            0 leaves this out of the critic.
        start_weights: Price weights by term to start from; None: the greedy start.
        informed: Whether to start as the rule of these weights; else as a random network beside
            which the scores say next to nothing.
        sequential: Whether shooters see what the others chose in this epoch.
        with_entropy: Whether evaluate_actions computes the entropy (needed if ent_coef > 0).
        **kwargs: For ActorCriticPolicy.
    """

    def __init__(
        self,
        observation_space: spaces.Space,
        action_space: spaces.Space,
        lr_schedule: Schedule,
        *,
        columns: Columns,
        width: int = 32,
        beta: float = 100.0,
        score_limit: float = 10.0,
        price_scale: float = 2.0,
        exposure_scale: float = 0.1,
        start_weights: Mapping[str, float] | None = None,
        informed: bool = True,
        sequential: bool = True,
        with_entropy: bool = False,
        **kwargs: Any,
    ) -> None:
        self.columns = {name: list(names) for name, names in columns.items()}
        self.width = width
        self.beta = beta
        self.score_limit = score_limit
        self.price_scale = price_scale
        self.exposure_scale = exposure_scale
        self.start_weights = start_weights
        self.informed = informed
        self.sequential = sequential
        self.with_entropy = with_entropy
        super().__init__(observation_space, action_space, lr_schedule, net_arch=[], **kwargs)

    def _build(self, lr_schedule: Schedule) -> None:
        beta = self.beta if self.informed else UNINFORMED_BETA
        self.actor = Actor(
            self.columns, self.width, self.price_scale, beta, self.score_limit, self.sequential
        )
        self.critic = Critic(self.columns, self.width, self.exposure_scale)
        start = self.start_weights
        if not self.informed:
            start = {}
            self.actor.query.reset_parameters()
        elif start is None:
            terms = self.actor.prices.terms
            start = {t: GREEDY_PRICE for t in terms if t.startswith("base_")}
        self.actor.prices.set_weights(start)
        self.optimizer = self.optimizer_class(
            self.parameters(),
            lr=lr_schedule(1),  # type: ignore[call-arg]
            **self.optimizer_kwargs,
        )

    def _read(self, obs: PyTorchObs) -> Tables:
        assert isinstance(obs, dict)
        return read_tables(obs, self.columns["track"].index("present"))

    def forward(
        self, obs: PyTorchObs, deterministic: bool = False
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Actions int64 [B, S], values float32 [B, 1], log_prob float32 [B]."""
        tables = self._read(obs)
        actions, log_prob = AllocationDistribution(self.actor(tables)).decide(deterministic)
        return actions, self.critic(tables), log_prob

    def evaluate_actions(
        self, obs: PyTorchObs, actions: Tensor
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """Values float32 [B, 1], log_prob float32 [B], entropy float32 [B] or None."""
        tables = self._read(obs)
        distribution = AllocationDistribution(self.actor(tables))
        log_prob, entropy = distribution.evaluate(actions.long(), self.with_entropy)
        return self.critic(tables), log_prob, entropy

    def predict_values(self, obs: PyTorchObs) -> Tensor:
        """Expected returns, float32 [B, 1]."""
        return self.critic(self._read(obs))

    def _predict(self, observation: PyTorchObs, deterministic: bool = False) -> Tensor:
        tables = self._read(observation)
        with torch.no_grad():
            return AllocationDistribution(self.actor(tables)).decide(deterministic)[0]

    def get_distribution(self, obs: PyTorchObs) -> Distribution:
        """Not offered: the joint distribution is sequential, see ``evaluate_actions``.

        Raises:
            NotImplementedError: Always.
        """
        raise NotImplementedError(
            "AllocationPolicy has no SB3 Distribution; use forward or evaluate_actions"
        )

    def price_weights(self) -> dict[str, float]:
        """The price weights by term, as the classical rule reads them."""
        return self.actor.prices.weights()

    def prices(self, observation: Mapping[str, Any]) -> NDArray[np.float32]:
        """What firing must save at least, as an epoch begins, the residual left out.

        Args:
            observation: Tables [B, ...].

        Returns:
            float32 [N], of the legal pairs, in shares of the largest asset's value.
        """
        tensors = {name: torch.as_tensor(table) for name, table in observation.items()}
        with torch.no_grad():
            scores = self.actor(self._read(tensors))
        prices: NDArray[np.float32] = (scores.cost + scores.engaged_price * scores.engaged).numpy()
        return prices
