"""Learns a price network by direct search: an evolution strategy over all its weights at once.

Every iteration plays mirrored pairs of candidates around the mean on the same fresh training raids
with the same luck; the mean moves by Adam along

    gradient = sum_k (rank(+k) - rank(-k)) noise_k / (2 pairs spread)

with ranks scaled to [-1/2, 1/2]. Reference: Salimans et al., "Evolution Strategies as a Scalable
Alternative to Reinforcement Learning", arXiv 1703.03864. Only scores are needed, so a whole policy
can be judged inside the compiled batch loop.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from agents.classical.terms import term_names, weight_vector
from agents.classical.trials import Trials
from agents.classical.tuning import deployed_kinds
from agents.cluster import Map
from agents.learned.price_network import PARTS, NetworkAllocator, PriceNetwork, part_sizes
from agents.learned.settings import EvolutionSettings
from envs.scenario import Scenario

_BLOCK = 2**32  # between the first raids of two seeds of training
_STATE = ("step", "exp_avg", "exp_avg_sq")


class Evolution:
    """An evolution strategy; see `agents.learned.network_training.Learner`."""

    def __init__(
        self,
        network: PriceNetwork,
        scenario: Scenario,
        settings: EvolutionSettings,
        mapped: Map | None = None,
    ) -> None:
        self.scenario, self.settings = scenario, settings
        self._trials = Trials(scenario, settings.num_envs, mapped)
        self._kinds = deployed_kinds(scenario)
        self._terms = term_names(self._kinds, scenario.campaign.raids > 1)
        start = network if network.hidden > 0 else self._with_units(network)
        self._mean = torch.from_numpy(self._flat(start)).requires_grad_()
        self.network = self._network(self._mean.detach().numpy())
        self._adam = torch.optim.Adam([self._mean], lr=settings.learning_rate)

    def advance(
        self, number: int, progress: Callable[[float], object], stopped: Callable[[], bool]
    ) -> dict[str, float] | None:
        """Play one generation and move the mean."""
        if stopped():
            return None
        settings = self.settings
        noise = np.random.default_rng((settings.seed, 1 + number)).standard_normal(
            (settings.pairs, self._mean.numel()), np.float32
        )
        around = np.concatenate([noise, -noise]) * np.float32(settings.spread)
        candidates = [self._network(self._mean.detach().numpy() + one) for one in around]
        first = (1 + settings.seed) * _BLOCK + number * settings.raids
        seeds = first + np.arange(settings.raids, dtype=np.int64)
        scores = self._trials.score(NetworkAllocator(self.scenario, candidates), seeds, "train")
        beaten = np.sign(scores[:, None] - scores).sum(axis=1)
        ranks = beaten / (2 * (len(scores) - 1))  # those that tie share a rank
        weights = (ranks[: settings.pairs] - ranks[settings.pairs :]).astype(np.float32)
        gradient = weights @ noise / np.float32(2 * settings.pairs * settings.spread)
        self._mean.grad = torch.from_numpy(-gradient)
        self._adam.step()
        self.network = self._network(self._mean.detach().numpy())
        return {
            "train/protected_share": float(scores.mean()),
            "train/best_protected_share": float(scores.max()),
            "train/gradient_norm": float(np.linalg.norm(gradient)),
        }

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Adam's state."""
        state = self._adam.state[self._mean]
        return {name: state[name].numpy().copy() for name in _STATE if name in state}

    def restore(self, network: PriceNetwork, arrays: dict[str, NDArray[Any]]) -> None:
        """Go on from a network and what ``arrays`` returned."""
        self.network = network
        with torch.no_grad():
            self._mean.copy_(torch.from_numpy(self._flat(network)))
        if arrays:
            own = {name: torch.from_numpy(array.copy()) for name, array in arrays.items()}
            self._adam.state[self._mean] = own

    def _with_units(self, network: PriceNetwork) -> PriceNetwork:
        """Random first layer, zero second layer: plays as before."""
        generator = np.random.default_rng((self.settings.seed, 0))
        sizes, hidden = part_sizes(self.scenario), self.settings.hidden
        scale = np.float32(sum(sizes.values()) ** -0.5)
        parts = {
            name: scale * generator.standard_normal((sizes[name], hidden), np.float32)
            for name in PARTS
        }
        return network.grown(parts, np.zeros(hidden, np.float32))

    def _flat(self, network: PriceNetwork) -> NDArray[np.float32]:
        prices = weight_vector(
            {term: network.prices.get(term, 0.0) for term in self._terms},
            self._kinds,
            self.scenario.campaign.raids > 1,
        )
        parts = [network.parts[name].ravel() for name in PARTS]
        return np.concatenate([prices.astype(np.float32), *parts, network.out])

    def _network(self, flat: NDArray[np.float32]) -> PriceNetwork:
        sizes, terms = part_sizes(self.scenario), len(self._terms)
        hidden = (len(flat) - terms) // (sum(sizes.values()) + 1)
        ends = np.cumsum([terms, *(sizes[name] * hidden for name in PARTS)])
        prices, *parts, out = np.split(flat, ends)
        shaped = {
            name: np.ascontiguousarray(part.reshape(sizes[name], hidden))
            for name, part in zip(PARTS, parts, strict=True)
        }
        return PriceNetwork(
            dict(zip(self._terms, prices.tolist(), strict=True)), shaped, out.copy()
        )
