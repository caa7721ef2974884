"""sb3-contrib's MultiInputPolicy computed on what is there: the same network, the same results."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from sb3_contrib.common.maskable.policies import MaskableMultiInputActorCriticPolicy
from torch import Tensor, nn

from agents.learned.legal_choices import LegalChoices, decide
from agents.learned.sparse_product import SparseProduct, SparseRows

Seen = Mapping[str, Tensor] | SparseRows


class SparseMaskablePolicy(MaskableMultiInputActorCriticPolicy):
    """The actor-critic of ``MaskablePPO("MultiInputPolicy")``, made for mostly empty tables.

    Weights, their names and their start are those of the parent, and so are actions, values,
    log-probabilities, entropies and gradients up to rounding. What training calls (``forward``,
    ``evaluate_actions``, ``predict_values``) reads observations as tables or as ``SparseRows``;
    ``predict`` is the parent's.
    """

    def __init__(self, observation_space: Any, action_space: Any, *args: Any, **kw: Any) -> None:
        super().__init__(observation_space, action_space, *args, **kw)
        self.options = torch.as_tensor(action_space.nvec, dtype=torch.int64)
        self._rows = SparseRows.empty(0, 0)
        self._laid_out: tuple[list[tuple[int, int]], Tensor, Tensor] | None = None

    def forward(  # type: ignore[override]
        self, obs: Seen, deterministic: bool = False, action_masks: np.ndarray | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Actions int64 [B, S], values float32 [B, 1], log_prob float32 [B]."""
        latent, values = self._read(obs)
        weight, bias = _parts(self.action_net)
        mask = torch.as_tensor(action_masks)
        actions, log_prob = decide(latent, weight, bias, mask, self.options, not deterministic)
        return actions, values, log_prob

    def evaluate_actions(  # type: ignore[override]
        self, obs: Seen, actions: Tensor, action_masks: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Values float32 [B, 1], log_prob float32 [B], entropy float32 [B]."""
        latent, values = self._read(obs)
        weight, bias = _parts(self.action_net)
        log_prob, entropy = LegalChoices.apply(
            latent, weight, bias, action_masks, actions, self.options
        )
        return values, log_prob, entropy

    def predict_values(self, obs: Seen) -> Tensor:  # type: ignore[override]
        """Expected returns, float32 [B, 1]."""
        return self._read(obs)[1]

    def _read(self, obs: Seen) -> tuple[Tensor, Tensor]:
        """What the last layer of the actor reads, float32 [B, H], and the values [B, 1]."""
        rows = obs if isinstance(obs, SparseRows) else self._listed(obs)
        actor, critic = self.mlp_extractor.policy_net, self.mlp_extractor.value_net
        first = SparseProduct.apply(rows, *self._first_layers())
        of_actor, of_critic = first.split(first.shape[1] // 2, dim=1)
        return actor[1:](of_actor), self.value_net(critic[1:](of_critic))

    def _first_layers(self) -> tuple[Tensor, Tensor]:
        """Weight [F, 2 H] and bias [2 H] of the first layers of actor and critic, side by side."""
        layers = self.mlp_extractor.policy_net[0], self.mlp_extractor.value_net[0]
        if torch.is_grad_enabled():
            return _side_by_side(*layers)
        # In a rollout the weights stay, so laying them out anew in every epoch would be a waste.
        moved = [(p.data_ptr(), p._version) for layer in layers for p in layer.parameters()]
        if self._laid_out is None or self._laid_out[0] != moved:
            self._laid_out = moved, *_side_by_side(*layers)
        return self._laid_out[1:]

    def _listed(self, obs: Mapping[str, Tensor]) -> SparseRows:
        batch = len(next(iter(obs.values())))
        # What a gradient is still to be taken of must not be written over.
        if len(self._rows) != batch or torch.is_grad_enabled():
            self._rows = SparseRows.empty(batch, self.features_dim)
        assert isinstance(self.observation_space, spaces.Dict)
        self._rows.write({name: obs[name].numpy() for name in self.observation_space.spaces})
        return self._rows


def _side_by_side(actor: nn.Module, critic: nn.Module) -> tuple[Tensor, Tensor]:
    weights, biases = zip(_parts(actor), _parts(critic), strict=True)
    return torch.cat(weights).t().contiguous(), torch.cat(biases)


def _parts(layer: nn.Module) -> tuple[Tensor, Tensor]:
    assert isinstance(layer, nn.Linear)
    return layer.weight, layer.bias
