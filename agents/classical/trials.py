"""Many weight vectors on the same raids, in one compiled batch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from agents.classical.pricing_kernel import PriceAllocator
from agents.classical.terms import find_columns
from envs.batch import RaidBatch
from envs.scenario import Scenario


class Trials:
    """Plays candidates against raids and scores them; every candidate meets the same luck.

    Rows of one batch are handed (candidate, raid) pairs as they come free, so a long raid holds
    up nothing. An episode depends on its raid and its candidate alone, so neither the batch size
    nor the order changes a score.
    """

    def __init__(self, scenario: Scenario, batch_size: int) -> None:
        """Makes the batch once; all runs share it."""
        self._batch = RaidBatch(scenario, batch_size)
        self._batch_size = batch_size
        self._columns = find_columns(scenario)
        names = scenario.metric_names
        self._loss_columns = [names.index("loss"), names.index("undefended_loss")]

    def score(
        self, weights: NDArray[np.float64], seeds: NDArray[np.int64], split: str
    ) -> NDArray[np.float64]:
        """Scores every candidate on all raids.

        Args:
            weights: [N, T], one candidate a row.
            seeds: [R], seeds of the raids.
            split: Set the raids are drawn from: train or validation.

        Returns:
            [N], sum over raids of (undefended loss - loss) / sum of undefended loss.
        """
        loss, undefended_loss = self.losses(weights, seeds, split)
        at_risk = max(float(undefended_loss[0].sum()), np.finfo(float).tiny)
        score: NDArray[np.float64] = (undefended_loss - loss).sum(axis=1) / at_risk
        return score

    def losses(
        self, weights: NDArray[np.float64], seeds: NDArray[np.int64], split: str
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Plays every candidate on all raids.

        Returns:
            Loss and undefended loss, each [N, R], in the scenario's unit of value.
        """
        candidates, raids = len(weights), len(seeds)
        results = np.empty((2, raids * candidates))
        allocator = PriceAllocator(self._columns, weights)
        batch = self._batch
        job = np.full(self._batch_size, -1)  # the (raid, candidate) pair of each row; -1: none
        free = np.ones(self._batch_size, bool)
        handed_out = 0
        while free.any():
            finished = free & (job >= 0)
            if finished.any():
                totals = batch.state().metrics[finished]
                results[:, job[finished]] = totals[:, self._loss_columns].T
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
        loss, undefended_loss = np.ascontiguousarray(
            results.reshape(2, raids, candidates).transpose(0, 2, 1)
        )
        return loss, undefended_loss

    def _play_until_some_end(
        self, allocator: PriceAllocator, weights_row: NDArray[np.int64], busy: NDArray[np.bool_]
    ) -> NDArray[np.bool_]:
        batch = self._batch
        while True:
            batch.step(allocator(batch.observation, weights_row))
            over: NDArray[np.bool_] = batch.terminated | batch.truncated
            if (over & busy).any():
                return over & busy
