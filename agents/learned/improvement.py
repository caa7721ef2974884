"""Learns a price network by policy improvement: try decisions both ways, fit, take the best step.

In every iteration training raids are played with some decisions tried the other way
(`agents.learned.deviations`), or judged by the exact solution (`agents.learned.exact_gains`); a
small network is fitted to what firing gained over holding; and

    score(s, i) += step * gain(s, i)

is made with the step that protects most on other training raids, 0 among them. So what has learned
nothing changes little, and the pricing rule is where learning starts. A fit learns from the
decisions of the last iterations too: they were worth about as much under the rules before.

Gains are fitted by the network and, beside it, by a multiple of the score: of that, what rises with
the score alone, the network has nothing to add.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from agents.classical.trials import Trials
from agents.learned.deviations import Collector, Deviations
from agents.learned.exact_gains import ExactCollector
from agents.learned.price_kernel import Floats
from agents.learned.price_network import PARTS, NetworkAllocator, PriceNetwork, part_sizes
from agents.learned.settings import PriceNetworkSettings
from envs.scenario import Scenario

STEPS = (0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
"""Steps tried in an iteration."""

_GAIN_SCALE = 20.0  # brings gains to the order of one
_HELD_OUT = 10  # one in so many deviations is held out of the fit
_ARRAYS = ("inputs", "scores", "gains", "places")
_BLOCK = 2**32  # between the first raids of two seeds of training


@dataclass(frozen=True)
class Fit:
    """A network fitted to deviations, by itself: parts, out, and what it explains."""

    parts: Mapping[str, Floats]
    out: Floats
    explained: float
    """Share of the variance of held-out gains."""

    def gains(self, inputs: Floats) -> Floats:
        """What firing is thought to gain, [N], for inputs [N, parts one after the other]."""
        first = np.concatenate([self.parts[name] for name in PARTS])
        gains: Floats = np.maximum(inputs @ first, np.float32(0.0)) @ self.out
        return gains


class _Gain(nn.Module):
    """One hidden layer; what is learned is added to a constant times the score."""

    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__()
        self.first = nn.Linear(inputs, hidden)
        self.out = nn.Linear(hidden, 1, bias=False)
        nn.init.zeros_(self.out.weight)
        self.slope = nn.Parameter(torch.zeros(()))

    def forward(self, inputs: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        gain: torch.Tensor = self.out(torch.relu(self.first(inputs)))[:, 0]
        return gain + self.slope * scores


def fit_gains(
    deviations: Deviations, sizes: Mapping[str, int], settings: PriceNetworkSettings, seed: int
) -> Fit:
    """Fit a network to what firing gained over holding, by least squares.

    The pass that explains best a tenth of the decisions that is held out is taken; if none explains
    anything, the output is zero. Decisions of one raid may be on both sides.

    Args:
        deviations: In random order.
        sizes: Inputs of each part.
        settings: Of the fit.
        seed: Of the first weights and the order of decisions.

    Raises:
        ValueError: There are too few decisions to fit anything to.
    """
    if len(deviations.gains) < _HELD_OUT:
        raise ValueError(
            f"only {len(deviations.gains)} decisions were tried; more raids or a larger rate "
            "are needed"
        )
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")  # the same weights whatever ran before
    try:
        return _fit(deviations, sizes, settings, seed)
    finally:
        torch.set_float32_matmul_precision(before)


def _fit(
    deviations: Deviations, sizes: Mapping[str, int], settings: PriceNetworkSettings, seed: int
) -> Fit:
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = _Gain(deviations.inputs.shape[1], settings.hidden)
    inputs = torch.from_numpy(deviations.inputs)
    scores = torch.from_numpy(deviations.scores.astype(np.float32))
    gains = torch.from_numpy((deviations.gains * _GAIN_SCALE).astype(np.float32))
    last = max(len(gains) // _HELD_OUT, 1)
    train, held = slice(0, len(gains) - last), slice(len(gains) - last, None)
    batches = max((len(gains) - last) // settings.batch_size, 1)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
    )
    total = settings.epochs * batches
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda made: 1.0 - made / (total + 1))
    spread = float(((gains[held] - gains[train].mean()) ** 2).mean())
    best, explained = {k: v.clone() for k, v in model.state_dict().items()}, 0.0
    for _ in range(settings.epochs):
        order = torch.randperm(len(gains) - last, generator=generator)
        for rows in order.chunk(batches):
            loss = ((model(inputs[rows], scores[rows]) - gains[rows]) ** 2).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        with torch.no_grad():
            left = float(((model(inputs[held], scores[held]) - gains[held]) ** 2).mean())
        if spread > 0.0 and 1.0 - left / spread > explained:
            explained = 1.0 - left / spread
            best = {k: v.clone() for k, v in model.state_dict().items()}
    return _unpack(best, sizes, explained)


def _unpack(state: Mapping[str, torch.Tensor], sizes: Mapping[str, int], explained: float) -> Fit:
    first = state["first.weight"].T.numpy()
    ends = np.cumsum([sizes[name] for name in PARTS])[:-1]
    pieces = dict(zip(PARTS, np.split(first, ends), strict=True))
    parts = {name: np.ascontiguousarray(piece) for name, piece in pieces.items()}
    parts["context"] = parts["context"].copy()
    parts["context"][0] += state["first.bias"].numpy()
    out = (state["out.weight"][0].numpy() / _GAIN_SCALE).astype(np.float32)
    return Fit(parts, out, explained)


class Improvement:
    """Policy improvement, an iteration at a time; see `agents.learned.network_training.Learner`."""

    def __init__(
        self, network: PriceNetwork, scenario: Scenario, settings: PriceNetworkSettings
    ) -> None:
        self.network, self.scenario, self.settings = network, scenario, settings
        exact = settings.labels == "exact"
        self._collector = (
            ExactCollector(scenario) if exact else Collector(scenario, settings.num_envs)
        )
        self._trials = Trials(scenario, settings.num_envs)
        self._remembered: list[Deviations] = []

    def advance(
        self, number: int, progress: Callable[[float], object], stopped: Callable[[], bool]
    ) -> dict[str, float] | None:
        """Make one iteration; see the module."""
        settings, raids = self.settings, self.settings.raids
        collected, searched = train_seeds(settings, number)
        whole = raids + settings.search_raids
        newest = self._collector.collect(
            self.network, collected, settings.rate, lambda over: progress(over / whole), stopped
        )
        if newest is None:
            return None
        self._remembered = [*self._remembered, newest][-settings.memory :]
        seed = settings.seed * _BLOCK + number
        known = _shuffled(self._remembered, seed)
        fit = fit_gains(known, part_sizes(self.scenario), settings, seed)
        grown = [self.network.grown(fit.parts, fit.out * np.float32(step)) for step in STEPS]
        scores = self._trials.score(NetworkAllocator(self.scenario, grown), searched, "train")
        best = int(scores.argmax())
        if best > 0:
            self.network = grown[best]
            for deviations in self._remembered:
                deviations.scores += STEPS[best] * fit.gains(deviations.inputs)
        return {
            "train/protected_share": float(scores[best]),
            "train/gain_of_step": float(scores[best] - scores[0]),
            "train/step": STEPS[best],
            "train/decisions": float(len(newest.gains)),
            "train/explained_variance": fit.explained,
            "train/hidden_units": float(self.network.hidden),
        }

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The decisions that the next fits learn from."""
        return {
            f"{number}.{name}": getattr(deviations, name)
            for number, deviations in enumerate(self._remembered)
            for name in _ARRAYS
        }

    def restore(self, network: PriceNetwork, arrays: dict[str, NDArray[Any]]) -> None:
        """Go on from a network and what ``arrays`` returned."""
        self.network = network
        self._remembered = [
            Deviations(*(arrays[f"{number}.{name}"] for name in _ARRAYS))
            for number in range(len(arrays) // len(_ARRAYS))
        ]


def _shuffled(remembered: list[Deviations], seed: int) -> Deviations:
    order = np.random.default_rng(seed).permutation(sum(len(own.gains) for own in remembered))
    return Deviations(
        *(np.concatenate([getattr(own, name) for own in remembered])[order] for name in _ARRAYS)
    )


def train_seeds(
    settings: PriceNetworkSettings, iteration: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Seeds of the raids of an iteration: to try decisions on, and to choose the step on."""
    first = (1 + settings.seed) * _BLOCK + iteration * (settings.raids + settings.search_raids)
    collected = first + np.arange(settings.raids, dtype=np.int64)
    searched = first + settings.raids + np.arange(settings.search_raids, dtype=np.int64)
    return collected, searched
