"""What one decision is worth by the exact solution, where raids are small enough to be solved.

The raids are those that the network itself plays; what is compared is the expected loss of holding
and of firing, each followed by the best play: the cost to go of an expert on the learner's own
path, as in AggreVaTe (Ross and Bagnell, arXiv 1406.5979). There is no luck in it, so that few
decisions tell much, and a hold counts for all that can still be made of it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from agents.bounds.exact import check_solvable
from agents.bounds.optimal_policy import Plan, plans
from agents.classical.pricing_kernel import tables_of
from agents.learned.deviation_kernel import note_deviations
from agents.learned.deviations import Deviations
from agents.learned.price_network import NetworkAllocator, PriceNetwork, part_sizes
from envs.batch import RaidBatch
from envs.observation import Layout
from envs.scenario import Scenario

_ROWS = 64  # raids solved and played side by side: a solution takes some megabytes
_NONE = -1


class ExactCollector:
    """Judges decisions as ``agents.learned.deviations.Collector`` does, by the exact solution."""

    def __init__(self, scenario: Scenario) -> None:
        """Take a scenario that can be solved.

        Raises:
            ValueError: It cannot be; see ``agents.bounds.exact.check_solvable``.
        """
        check_solvable(scenario)
        self.scenario = scenario
        self._raids = RaidBatch(scenario, _ROWS)
        self._layout = Layout(scenario)
        self._present = self._layout.index("track", "present")
        self._health = self._layout.index("asset", "health")
        self._inputs = sum(part_sizes(scenario).values())
        self._largest = max(asset.value for asset in scenario.assets)

    def collect(
        self,
        network: PriceNetwork,
        seeds: NDArray[np.int64],
        rate: float,
        progress: Callable[[int], object] | None = None,
        stopped: Callable[[], bool] | None = None,
    ) -> Deviations | None:
        """Play training raids by a network and judge a share of its decisions.

        Args:
            network: Plays.
            seeds: Of the raids, [R].
            rate: Probability that an epoch of a raid has a decision judged.
            progress: Told the number of raids that are over.
            stopped: Asked before every block of raids; True ends the collection.

        Returns:
            The decisions, by raid and epoch; None if stopped.
        """
        allocator = NetworkAllocator(self.scenario, [network])
        blocks = []
        for first in range(0, len(seeds), _ROWS):
            if stopped is not None and stopped():
                return None
            blocks.append(self._block(allocator, seeds[first : first + _ROWS], first, rate))
            if progress is not None:
                progress(first + len(seeds[first : first + _ROWS]))
        columns = zip(*blocks, strict=True)
        inputs, scores, gains, places = (np.concatenate(column) for column in columns)
        order = np.lexsort((places[:, 1], places[:, 0]))
        return Deviations(inputs[order], scores[order], gains[order], places[order])

    def _block(
        self, allocator: NetworkAllocator, seeds: NDArray[np.int64], first: int, rate: float
    ) -> tuple[NDArray[np.float32], NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
        """Play raids side by side to their ends; their inputs, scores, gains and places."""
        raids, used = self._raids, len(seeds)
        padded = np.concatenate([seeds, np.zeros(len(raids.seeds) - used, np.int64)])
        raids.reset(np.ones(len(padded), np.bool_), padded, "train")
        begun = {name: table[:used] for name, table in raids.observation.items()}
        playing: dict[int, Plan] = dict(enumerate(plans(self.scenario, begun, self._layout)))
        row = np.zeros(len(padded), np.int64)
        chosen, scores = np.empty((len(padded), 3), np.int64), np.empty((len(padded), 2))
        noted = np.empty((len(padded), 2, self._inputs), np.float32)
        inputs, found, places = [np.empty((0, self._inputs), np.float32)], [], []
        while playing:
            epochs = raids.state().raid["steps"].astype(np.int64)
            own = allocator(raids.observation, row)
            keys = (own, raids.seeds, epochs)
            tables = tables_of(raids.observation)
            note_deviations(tables, allocator.rule, *keys, rate, chosen, scores, noted)
            for b in list(playing):
                shooter, *tracks = chosen[b]
                some = [] if shooter == _NONE else [n for n in (0, 1) if tracks[n] != _NONE]
                for n in some:
                    gain = self._gain(playing[b], own[b], shooter, tracks[n])
                    if np.isfinite(gain):
                        inputs.append(noted[b, n : n + 1].copy())
                        found.append((scores[b, n], gain))
                        places.append((first + b, epochs[b], shooter, tracks[n]))
                if not playing[b].take(own[b]):
                    del playing[b]  # what was not foreseen cannot be judged further
            raids.step(own)
            over = raids.terminated | raids.truncated
            present = raids.observation["track"][:, :, self._present] > 0.0
            health = raids.observation["asset"][:, :, self._health].astype(np.float64)
            for b in list(playing):
                if over[b]:
                    del playing[b]
                else:
                    playing[b].see(present[b], health[b])
        table = np.array(found, np.float64).reshape(-1, 2)
        where = np.array(places, np.int64).reshape(-1, 4)
        return np.concatenate(inputs), table[:, 0], table[:, 1] / self._largest, where

    def _gain(self, plan: Plan, own: NDArray[np.int64], shooter: int, track: int) -> float:
        """Expected loss when holding less that when firing, the others doing as they do."""
        hold, fire = own.copy(), own.copy()
        hold[shooter], fire[shooter] = 0, 1 + track
        when_firing = plan.loss(fire)
        return plan.loss(hold) - when_firing if np.isfinite(when_firing) else np.nan
