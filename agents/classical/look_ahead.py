"""Look-ahead: one step of policy improvement by simulation, on top of any base policy.

In every epoch some allocations near the base policy's are tried on copies of the environment, in
the same imagined futures, with the base policy playing on; the best on average is chosen. What the
defence cannot know is drawn anew in every future (`envs.batch.RaidBatch.imagine`), so nothing is
learned from the truth. This is the rollout algorithm (Bertsekas, Tsitsiklis and Wu 1997) with
common random numbers.
"""

from __future__ import annotations

import zlib
from typing import final

import numpy as np
from numpy.typing import NDArray

from agents.classical.planning import ClassicalPlanner
from agents.policy import Actions, Observation, Planner, Policy
from envs.batch import RaidBatch
from envs.observation import Layout
from envs.scenario import Scenario

ROWS = 512
"""Futures simulated side by side at most; what is decided does not depend on it."""


@final
class LookAhead(ClassicalPlanner):
    """Chooses among allocations near the base policy's by their mean return in imagined futures.

    Args:
        scenario: What is played.
        base: Policy to improve, which also plays the futures; must be deterministic.
        candidates: Allocations tried in an epoch at most, the base policy's included, 2 or more.
        futures: Futures in which each is tried, 2 or more.
        horizon: Epochs simulated at most; None: to the episode's end.
        caution: Standard errors by which an allocation's mean gain must exceed 0 to be chosen.
        seed: Of the futures.

    Raises:
        ValueError: If a budget is too small, or the base policy is a planner itself.
    """

    def __init__(
        self,
        scenario: Scenario,
        base: Policy,
        *,
        candidates: int = 12,
        futures: int = 32,
        horizon: int | None = None,
        caution: float = 2.0,
        seed: int = 0,
    ) -> None:
        for name, value, least in (("candidates", candidates, 2), ("futures", futures, 2)):
            if value < least:
                raise ValueError(f"{name}: {value!r} is not right; {least} or more is needed")
        if horizon is not None and horizon < 1:
            raise ValueError(f"horizon: {horizon!r} is not right; 1 or more, or None, is needed")
        if isinstance(base, Planner):
            raise ValueError(f"base: {type(base).__name__} plans itself; a reactive one is needed")
        self.scenario, self.base = scenario, base
        self.candidates, self.futures = candidates, futures
        self.horizon, self.caution, self.seed = horizon, caution, seed
        layout = Layout(scenario)
        self._pk = layout.index("pair", "pk")
        self._value_saved = layout.index("pair", "value_saved")
        self._copies = RaidBatch(scenario, max(ROWS, candidates * futures))

    def decide(self, observation: Observation, batch: RaidBatch) -> Actions:
        """Chooses actions [B, S]; see ``ClassicalPlanner``."""
        actions = np.array(self.base.predict(observation)[0])
        over = batch.terminated | batch.truncated
        tried: list[tuple[int, NDArray[np.int64]]] = []
        for b in np.flatnonzero(~over):
            choices = self.neighbours(actions[b], observation, int(b))
            if len(choices) > 1:
                tried.append((int(b), choices))
        for some in _portions(tried, len(self._copies.seeds) // self.futures):
            self._improve(some, observation, batch, actions)
        return actions

    def neighbours(self, action: Actions, observation: Observation, b: int) -> NDArray[np.int64]:
        """Lists allocations that differ from one in one shooter, the likeliest to gain first.

        By turns: a shooter that holds fires at its best track given the rest, most value saved
        first; a shooter that fires holds instead, least value saved first. All holding comes third.

        Returns:
            [n, S], 1 <= n <= candidates; the first is the action itself.
        """
        mask = observation["action_mask"][b][:, 1:] != 0
        pair = observation["pair"][b]
        value_saved = np.where(mask, pair[:, :, self._value_saved], 0.0)
        fires = action > 0
        left = np.ones(mask.shape[1])
        for s in np.flatnonzero(fires):
            left[action[s] - 1] *= 1.0 - pair[s, action[s] - 1, self._pk]
        worth = value_saved * left
        best = worth.argmax(axis=1)
        gains = worth[np.arange(len(best)), best]
        adds = [s for s in np.argsort(-gains, kind="stable") if not fires[s] and gains[s] > 0.0]
        saved = value_saved[np.arange(len(best)), np.maximum(action - 1, 0)]
        drops = [s for s in np.argsort(saved, kind="stable") if fires[s]]
        rows = [action]
        if len(drops) > 1:
            rows.append(np.zeros_like(action))
        for n in range(max(len(adds), len(drops))):
            if n < len(adds):
                rows.append(_with(action, adds[n], 1 + best[adds[n]]))
            if n < len(drops):
                rows.append(_with(action, drops[n], 0))
        return np.array(rows[: self.candidates])

    def _improve(
        self,
        tried: list[tuple[int, NDArray[np.int64]]],
        observation: Observation,
        batch: RaidBatch,
        actions: Actions,
    ) -> None:
        """Simulates the choices of some members, and puts the best into ``actions``."""
        rows, seeds, first = [], [], []
        for b, choices in tried:
            start = self._future_seed(observation, b)
            for choice in choices:
                rows += [b] * self.futures
                seeds += [start + n for n in range(self.futures)]
                first += [choice] * self.futures
        returns = self._simulate(batch, np.array(rows), np.array(seeds), np.array(first))
        place = 0
        for b, choices in tried:
            size = len(choices) * self.futures
            table = returns[place : place + size].reshape(len(choices), self.futures)
            actions[b] = choices[self._best(table)]
            place += size

    def _best(self, returns: NDArray[np.float64]) -> int:
        """The choice of largest gain over the first, less its doubt; the first if none gains."""
        gain = returns - returns[0]
        doubt = gain.std(axis=1, ddof=1) / np.sqrt(self.futures)
        sure = gain.mean(axis=1) - self.caution * doubt
        return int(sure.argmax()) if sure.max() > 0.0 else 0

    def _future_seed(self, observation: Observation, b: int) -> int:
        """A seed that follows from what is seen, so that decisions repeat and no truth leaks."""
        seen = zlib.crc32(np.ascontiguousarray(observation["track"][b]).tobytes())
        seen = zlib.crc32(np.ascontiguousarray(observation["clock"][b]).tobytes(), seen)
        return int((self.seed * 2**32 + seen) * 2**16 % 2**62)

    def _simulate(
        self,
        batch: RaidBatch,
        rows: NDArray[np.int64],
        seeds: NDArray[np.int64],
        first: NDArray[np.int64],
    ) -> NDArray[np.float64]:
        """Returns of the copies [n] that begin with the given actions [n, S]."""
        copies, used = self._copies, len(rows)
        room = np.zeros(copies.num_envs - used, np.int64)
        copies.imagine(batch, np.concatenate([rows, room]), np.concatenate([seeds, room]))
        copies.terminated[used:] = True
        returns = np.zeros(copies.num_envs)
        orders = np.zeros((copies.num_envs, first.shape[1]), np.int64)
        orders[:used] = first
        epochs = 0
        while True:
            copies.step(orders)
            returns += copies.reward
            epochs += 1
            flying = np.flatnonzero(~(copies.terminated | copies.truncated))
            if len(flying) == 0 or epochs == self.horizon:
                return returns[:used]
            orders[flying] = self._orders(flying)

    def _orders(self, flying: NDArray[np.int64]) -> Actions:
        """What the base policy does in some of the copies; a few are looked at by themselves."""
        observation = self._copies.observation
        if 2 * len(flying) > self._copies.num_envs:
            return self.base.predict(observation, None, None)[0][flying]
        some = {name: table[flying] for name, table in observation.items()}
        return self.base.predict(some, None, None)[0]


def _with(action: Actions, s: int, order: int) -> Actions:
    changed = action.copy()
    changed[s] = order
    return changed


def _portions(
    tried: list[tuple[int, NDArray[np.int64]]], room: int
) -> list[list[tuple[int, NDArray[np.int64]]]]:
    """Splits members into portions whose choices fit side by side."""
    portions: list[list[tuple[int, NDArray[np.int64]]]] = []
    taken = room
    for b, choices in tried:
        if taken + len(choices) > room:
            portions.append([])
            taken = 0
        portions[-1].append((b, choices))
        taken += len(choices)
    return portions
