"""What one decision is worth: raids played twice, the same but for one shooter in one epoch.

Both plays share raid and luck and go on by the same rule, so that all that differs between their
losses comes from that decision. The mean of the difference, given what the policy sees, is the
advantage of firing over holding; improving a policy by estimates of it is approximate policy
iteration by rollouts (Lagoudakis and Parr 2003). Only training raids are played, so the truth that
the plays share never reaches a policy.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.classical.pricing_kernel import tables_of
from agents.learned.deviation_kernel import note_deviations
from agents.learned.price_kernel import Floats
from agents.learned.price_network import NetworkAllocator, PriceNetwork, part_sizes
from envs.batch import RaidBatch
from envs.scenario import Scenario

_NONE = -1
_RAID_HOLDS, _RAID_FIRES = -1, -2


@dataclass
class Deviations:
    """N decisions that were tried both ways.

    Attributes:
        inputs: What the network reads of each, float32 [N, inputs], parts in the order of PARTS.
        scores: The rule's score of firing, [N].
        places: Raid (its place in the seeds), epoch, shooter and track of each, int64 [N, 4].
        gains: Loss when holding less loss when firing, penalties for neutral aircraft included, in
            shares of the largest asset's value, [N].
    """

    inputs: Floats
    scores: NDArray[np.float64]
    gains: NDArray[np.float64]
    places: NDArray[np.int64]


class Collector:
    """Plays raids and, beside them, their deviations; its batches are made once."""

    def __init__(self, scenario: Scenario, batch_size: int) -> None:
        self.scenario = scenario
        self._raids = RaidBatch(scenario, max(batch_size // 4, 1))
        self._tries = RaidBatch(scenario, max(batch_size, 2))
        self._inputs = sum(part_sizes(scenario).values())
        names = scenario.metric_names
        self._loss, self._shot = names.index("loss"), names.index("neutrals_shot")
        self._penalty = scenario.neutral_penalty if scenario.traffic else 0.0
        self._largest = max(asset.value for asset in scenario.assets)

    def collect(
        self,
        network: PriceNetwork,
        seeds: NDArray[np.int64],
        rate: float,
        progress: Callable[[int], object] | None = None,
        stopped: Callable[[], bool] | None = None,
    ) -> Deviations | None:
        """Play training raids by a network and try a share of its decisions the other way.

        What is collected depends on the network, the seeds and the rate alone, to the bit.

        Args:
            network: Plays both.
            seeds: Of the raids, [R].
            rate: Probability that an epoch of a raid has a deviation.
            progress: Told the number of raids that are over.
            stopped: Asked at every epoch; True ends the collection.

        Returns:
            The deviations, by raid and epoch; None if stopped.
        """
        allocator = NetworkAllocator(self.scenario, [network])
        book = _Book(len(seeds), self._inputs)
        raids, tries = self._raids, self._tries
        raid = np.full(raids.num_envs, _NONE)
        attempt = np.full(tries.num_envs, _NONE)
        begun = self._refill(raid, 0, seeds)
        first = np.zeros(tries.num_envs, np.int64)
        while (raid != _NONE).any() or (attempt != _NONE).any():
            if stopped is not None and stopped():
                return None
            actions = allocator(tries.observation, first)
            free = np.flatnonzero(attempt == _NONE)
            # Room for two tries each, so that what is tried does not depend on what is free.
            if (raid != _NONE).any() and len(free) >= 2 * raids.num_envs:
                own = allocator(raids.observation, first[: raids.num_envs])
                rows, others = self._deviate(allocator, own, raid, rate, book)
                free = free[: len(rows)]
                tries.fork(raids, rows, free)
                actions[free] = others
                attempt[free] = book.count - len(rows) + np.arange(len(rows))
                raids.step(own)
                over = (raid != _NONE) & (raids.terminated | raids.truncated)
                if over.any():
                    book.raid_loss[raid[over]] = self._losses(raids)[over]
                    raid[over] = _NONE
                    begun = self._refill(raid, begun, seeds)
                    if progress is not None:
                        progress(begun - int((raid != _NONE).sum()))
            tries.step(actions)
            over = (attempt != _NONE) & (tries.terminated | tries.truncated)
            book.loss[attempt[over]] = self._losses(tries)[over]
            attempt[over] = _NONE
        return book.closed(self._largest)

    def _refill(self, raid: NDArray[np.int64], begun: int, seeds: NDArray[np.int64]) -> int:
        """Begin the next raids in the rows that have none; return how many have begun."""
        rows = np.flatnonzero(raid == _NONE)[: len(seeds) - begun]
        if len(rows):
            raid[rows] = begun + np.arange(len(rows))
            start = np.zeros(len(raid), np.bool_)
            start[rows] = True
            self._raids.reset(start, seeds[np.maximum(raid, 0)], "train")
        return begun + len(rows)

    def _deviate(
        self,
        allocator: NetworkAllocator,
        actions: NDArray[np.int64],
        raid: NDArray[np.int64],
        rate: float,
        book: _Book,
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Choose deviations and note them; return their rows and what is done there instead."""
        raids = self._raids
        chosen = np.empty((len(raid), 3), np.int64)
        scores = np.empty((len(raid), 2))
        noted = np.empty((len(raid), 2, self._inputs), np.float32)
        epochs = raids.state().raid["steps"].astype(np.int64)
        tables = tables_of(raids.observation)
        keys = (actions, raids.seeds, epochs)
        note_deviations(tables, allocator.rule, *keys, rate, chosen, scores, noted)
        rows = np.flatnonzero((chosen[:, 0] != _NONE) & (raid != _NONE))
        elsewhere = rows[chosen[rows, 2] != _NONE]
        shooters, tracks = chosen[rows, 0], chosen[rows, 1]
        places = np.arange(len(rows))
        others = actions[rows]
        holds = others[places, shooters] == 0
        others[places, shooters] = np.where(holds, 1 + tracks, 0)
        # What firing is compared with: the raid as it was, or this try, which holds.
        where = np.stack([raid[rows], epochs[rows], shooters, tracks], axis=1)
        tried = book.write(where, noted[rows, 0], scores[rows, 0], holds)
        again = actions[elsewhere]
        again[np.arange(len(again)), chosen[elsewhere, 0]] = 1 + chosen[elsewhere, 2]
        own = np.isin(rows, elsewhere)
        where = where[own]
        where[:, 3] = chosen[elsewhere, 2]
        book.write(where, noted[elsewhere, 1], scores[elsewhere, 1], tried[own])
        return np.concatenate([rows, elsewhere]), np.concatenate([others, again])

    def _losses(self, batch: RaidBatch) -> NDArray[np.float64]:
        totals = batch.state().metrics
        losses: NDArray[np.float64] = totals[:, self._loss] + self._penalty * totals[:, self._shot]
        return losses


class _Book:
    """Notes on deviations under way, in arrays that grow."""

    def __init__(self, raids: int, inputs: int) -> None:
        self.count = 0
        self.raid_loss = np.full(raids, np.nan)
        self.inputs = np.empty((1024, inputs), np.float32)
        self.places = np.empty((1024, 4), np.int64)  # raid, epoch, shooter, track
        self.scores, self.loss = np.empty(1024), np.empty(1024)
        self.holding = np.empty(1024, np.int64)  # the try that held in its place, or one of below

    def write(
        self,
        places: NDArray[np.int64],
        inputs: Floats,
        scores: NDArray[np.float64],
        holding: NDArray[Any],
    ) -> NDArray[np.int64]:
        """Note tries; return their numbers.

        Args:
            places: Raid, epoch, shooter and track of each.
            inputs: What the network reads.
            scores: Of the rule.
            holding: bool, whether the raid itself held where this fires (or the other way round);
                or the number of the try that held.
        """
        own = self.count + np.arange(len(scores))
        while self.count + len(scores) > len(self.scores):
            for name in ("inputs", "places", "scores", "loss", "holding"):
                array = getattr(self, name)
                setattr(self, name, np.concatenate([array, np.empty_like(array)]))
        self.inputs[own], self.scores[own] = inputs, scores
        self.places[own] = places
        if holding.dtype == np.bool_:
            holding = np.where(holding, _RAID_HOLDS, _RAID_FIRES)
        self.holding[own] = holding
        self.count += len(scores)
        return own

    def closed(self, largest: float) -> Deviations:
        """Return what each was worth, in an order that does not depend on the batch."""
        holding, loss = self.holding[: self.count], self.loss[: self.count]
        places = self.places[: self.count]
        raid_loss = self.raid_loss[places[:, 0]]
        when_holding = np.where(holding == _RAID_HOLDS, raid_loss, loss[np.maximum(holding, 0)])
        when_holding = np.where(holding == _RAID_FIRES, loss, when_holding)
        when_firing = np.where(holding == _RAID_FIRES, raid_loss, loss)
        gains = (when_holding - when_firing) / largest
        own = np.lexsort((holding >= 0, places[:, 1], places[:, 0]))
        return Deviations(self.inputs[own], self.scores[own], gains[own], places[own])
