"""Many candidates for a policy on the same raids, in one compiled batch."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from agents.cluster import Map, pieces
from agents.policy import Actions, Observation
from envs.batch import RaidBatch
from envs.scenario import Scenario

_METRICS = ("loss", "undefended_loss", "neutrals_shot")
_EPISODES = 512
"""Episodes of one job on a cluster, whatever its size."""


class Allocator(Protocol):
    """Several candidates behind one call: each member of a batch is played by one of them."""

    @property
    def candidates(self) -> int:
        """How many there are, N."""
        ...

    def __call__(self, observation: Observation, candidate: NDArray[np.int64]) -> Actions:
        """Chooses actions [B, S] for tables [B, ...]; ``candidate`` [B] says by which."""
        ...


def share_less_penalties(scenario: Scenario, rows: Mapping[str, NDArray[np.float64]]) -> float:
    """What tuning and training maximise: the protected share less what shooting neutrals costs.

    Args:
        scenario: What was played.
        rows: [R] by name: ``loss``, ``undefended_loss`` and ``neutrals_shot`` of each raid.

    Returns:
        Sum over raids of (undefended loss - loss - penalty * neutral aircraft shot down) / sum of
        undefended loss: the protected share where no neutral aircraft may come.
    """
    at_risk = max(float(rows["undefended_loss"].sum()), np.finfo(float).tiny)
    penalty = scenario.neutral_penalty if scenario.traffic else 0.0
    saved = rows["undefended_loss"] - rows["loss"] - penalty * rows["neutrals_shot"]
    return float(saved.sum() / at_risk)


class Trials:
    """Plays candidates against raids and scores them; every candidate meets the same luck.

    Rows of one batch are handed (candidate, raid) pairs as they come free, so a long raid holds
    up nothing. An episode depends on its raid and its candidate alone, so neither the batch size
    nor the order changes a score.
    """

    def __init__(self, scenario: Scenario, batch_size: int, mapped: Map | None = None) -> None:
        """Makes the batch once; all runs share it. With ``mapped``, others play, in pieces."""
        self._scenario, self._mapped = scenario, mapped
        self._batch = RaidBatch(scenario, batch_size)
        self._batch_size = batch_size
        names = scenario.metric_names
        self._columns_kept = [names.index(name) for name in _METRICS]
        self._scenario = scenario

    def score(
        self, allocator: Allocator, seeds: NDArray[np.int64], split: str
    ) -> NDArray[np.float64]:
        """Scores every candidate on all raids, in the order that the mean return gives them.

        Neutral aircraft shot down count at the scenario's penalty: the protected share alone does
        not see what it costs to fire at whatever might be a threat.

        Args:
            allocator: The N candidates.
            seeds: [R], seeds of the raids.
            split: Set the raids are drawn from: train or validation.

        Returns:
            [N], see :func:`share_less_penalties`.
        """
        totals = self.play(allocator, seeds, split)
        rows = dict(zip(_METRICS, totals, strict=True))
        scores = [
            share_less_penalties(self._scenario, {name: own[n] for name, own in rows.items()})
            for n in range(allocator.candidates)
        ]
        return np.array(scores)

    def play(
        self, allocator: Allocator, seeds: NDArray[np.int64], split: str
    ) -> tuple[NDArray[np.float64], ...]:
        """Plays every candidate on all raids.

        Returns:
            Loss and undefended loss, in the scenario's unit of value, and neutral aircraft shot
            down, each [N, R].
        """
        if self._mapped is not None:
            return self._play_everywhere(self._mapped, allocator, seeds, split)
        candidates, raids = allocator.candidates, len(seeds)
        results = np.empty((len(self._columns_kept), raids * candidates))
        batch = self._batch
        job = np.full(self._batch_size, -1)  # the (raid, candidate) pair of each row; -1: none
        free = np.ones(self._batch_size, bool)
        handed_out = 0
        while free.any():
            finished = free & (job >= 0)
            if finished.any():
                totals = batch.state().metrics[finished]
                results[:, job[finished]] = totals[:, self._columns_kept].T
            rows = np.flatnonzero(free)
            job[rows] = -1
            rows = rows[: results.shape[1] - handed_out]
            job[rows] = np.arange(handed_out, handed_out + len(rows))
            handed_out += len(rows)
            busy = job >= 0
            if not busy.any():
                break
            if len(rows):
                start = np.zeros(self._batch_size, bool)
                start[rows] = True
                batch.reset(start, seeds[np.maximum(job, 0) // candidates], split)
            free = self._play_until_some_end(allocator, np.maximum(job, 0) % candidates, busy)
        # In one piece, so that sums over raids round alike for any number of candidates.
        tables = np.ascontiguousarray(results.reshape(-1, raids, candidates).transpose(0, 2, 1))
        return tuple(tables)

    def _play_everywhere(
        self, mapped: Map, allocator: Allocator, seeds: NDArray[np.int64], split: str
    ) -> tuple[NDArray[np.float64], ...]:
        jobs = pieces(seeds, max(1, _EPISODES // allocator.candidates))
        play = partial(_piece, self._scenario, self._batch_size, allocator, split)
        parts = zip(*mapped(play, jobs), strict=True)
        return tuple(np.concatenate(part, axis=1) for part in parts)

    def _play_until_some_end(
        self, allocator: Allocator, candidate: NDArray[np.int64], busy: NDArray[np.bool_]
    ) -> NDArray[np.bool_]:
        batch = self._batch
        while True:
            batch.step(allocator(batch.observation, candidate))
            over: NDArray[np.bool_] = batch.terminated | batch.truncated
            if (over & busy).any():
                return over & busy


def _piece(
    scenario: Scenario, batch_size: int, allocator: Allocator, split: str, seeds: NDArray[np.int64]
) -> tuple[NDArray[np.float64], ...]:
    batch_size = min(batch_size, allocator.candidates * len(seeds))
    return Trials(scenario, batch_size).play(allocator, seeds, split)
