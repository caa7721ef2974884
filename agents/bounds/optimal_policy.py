"""The exact solution as a policy: no policy does better in expectation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from agents.bounds import exact_kernel as kernel
from agents.bounds.exact import Solved, check_solvable, solve_raid
from agents.bounds.foresight import foresee_observed
from agents.policy import Actions, Observation
from envs.observation import Layout
from envs.scenario import Scenario


@dataclass
class Plan:
    """A raid that is being played: its solution, and the state it is in."""

    solved: Solved
    rows: NDArray[np.int32]  # slot of each threat
    epoch: int
    word: int  # at the start of the epoch, or after its launches once it has been decided

    def see(self, present: NDArray[np.bool_], health: NDArray[np.float64]) -> None:
        """Go on to the next epoch: find out which of the ways it could end has come about.

        Tracks tell who lives. Who of those that struck did damage is told by the health of the
        assets, where it matters.

        Raises:
            ValueError: If there is a track of a threat that was not in view at the start.
        """
        if present.sum() > present[self.rows].sum():
            raise ValueError(
                "exact solution: a threat came into view after the raid's start; a scenario in "
                "which all are in view from the start is needed"
            )
        game, work = self.solved.game, self.solved.work
        if self.epoch >= len(game.pk):
            return  # the raid is over
        ways = kernel.outcomes(game, self.word, self.epoch, work)
        threats = np.arange(len(self.rows))
        status = (work.word[:ways, None] >> (kernel.STATUS_BITS * threats)) & 3
        alive = present[self.rows]
        fits = (work.chance[:ways] > 0.0) & ((status == kernel.ALIVE) == alive).all(axis=1)
        awaited = game.saturates & np.isin(np.arange(len(game.worth)), game.aim[alive])
        taken = np.zeros((ways, len(game.worth)))
        for i in threats:
            taken[:, game.aim[i]] += np.where(status[:, i] == kernel.HIT, game.damage[i], 0.0)
        apart = (np.abs(health - (1.0 - np.minimum(taken, 1.0))) * awaited).sum(axis=1)
        self.word = int(work.word[int(np.argmin(np.where(fits, apart, np.inf)))])
        self.epoch += 1

    def decide(self, mask: NDArray[np.int8]) -> NDArray[np.int64]:
        """Return the best joint action [S] of this epoch, and take it as done."""
        game, solution, work = self.solved.game, self.solved.solution, self.solved.work
        orders = np.zeros(len(game.places), np.int64)
        if self.epoch >= len(game.pk) or kernel.over(game, self.word):
            return orders
        action, _ = kernel.best_action(game, self.word, self.epoch, solution, work)
        chosen = action // (len(self.rows) + 1) ** np.arange(len(orders)) % (len(self.rows) + 1)
        for s in np.flatnonzero(chosen):
            slot = 1 + self.rows[chosen[s] - 1]
            # At the edge of a range, what was foreseen and what is may differ by a rounding.
            if mask[s, slot]:
                orders[s] = slot
        self.take(orders)
        return orders

    def loss(self, orders: NDArray[np.int64]) -> float:
        """Expected loss from here on if these orders [S] are followed by the best play.

        Infinite where they were not foreseen: at the edge of a range, or once all is over.
        """
        game, solution, work = self.solved.game, self.solved.solution, self.solved.work
        if self.epoch >= len(game.pk) or kernel.over(game, self.word):
            return np.inf
        action = self._number(orders)
        found: float = kernel.expected_loss(game, self.word, self.epoch, action, solution, work)
        return found

    def take(self, orders: NDArray[np.int64]) -> bool:
        """Note what was ordered in this epoch; whether that was foreseen."""
        if self.epoch >= len(self.solved.game.pk):
            return True
        word = int(kernel.launched(self.solved.game, self.word, self.epoch, self._number(orders)))
        if word >= 0:
            self.word = word
        return word >= 0

    def _number(self, orders: NDArray[np.int64]) -> int:
        """The number by which the game knows a joint action."""
        number = np.zeros(int(self.rows.max()) + 2, np.int64)  # of the threat in each slot, from 1
        number[1 + self.rows] = 1 + np.arange(len(self.rows))
        return int(number[orders] @ (len(self.rows) + 1) ** np.arange(len(orders)))


def plans(scenario: Scenario, observation: Observation, layout: Layout) -> list[Plan]:
    """Solve raids [B] that begin, from what is observed then."""
    found = []
    for foresight in foresee_observed(scenario, observation, layout):
        solved = solve_raid(scenario, foresight)
        found.append(Plan(solved, foresight.targets["row"], 0, solved.start))
    return found


@final
class OptimalPolicy:
    """Solves each raid when it begins, from what is observed then, and plays the solution.

    It remembers what it has fired, so the state that ``predict`` returns must be handed back. A
    raid that it has not seen from the start it plays by holding fire.
    """

    def __init__(self, scenario: Scenario) -> None:
        """Takes a scenario that is small enough, with a perfect picture.

        Raises:
            ValueError: If the scenario cannot be solved; see ``exact.check_solvable``.
        """
        check_solvable(scenario)
        self.scenario = scenario
        self.layout = Layout(scenario)
        self._present = self.layout.index("track", "present")
        self._health = self.layout.index("asset", "health")
        self._clock = self.layout.index("clock", "time_share")

    def predict(
        self,
        observation: Observation,
        state: Any = None,
        episode_start: NDArray[np.bool_] | None = None,
        deterministic: bool = True,
    ) -> tuple[Actions, Any]:
        """Chooses what every shooter does in this epoch; see ``agents.policy.Policy``."""
        single = observation["action_mask"].ndim == 2
        if single:
            observation = {name: table[None] for name, table in observation.items()}
        mask = observation["action_mask"]
        begun: list[Plan | None] = [None] * len(mask) if state is None else list(state)
        fresh = np.flatnonzero(observation["clock"][:, self._clock] == 0.0)
        going = np.setdiff1d(np.arange(len(mask)), fresh)
        for b in going:
            plan = begun[b]
            if plan is not None:
                present = observation["track"][b, :, self._present] > 0.0
                plan.see(present, observation["asset"][b, :, self._health].astype(np.float64))
        if fresh.size:
            seen = {name: table[fresh] for name, table in observation.items()}
            for b, plan in zip(fresh, plans(self.scenario, seen, self.layout), strict=True):
                begun[b] = plan
        actions = np.zeros(mask.shape[:2], np.int64)
        for b, plan in enumerate(begun):
            if plan is not None:
                actions[b] = plan.decide(mask[b])
        return (actions[0] if single else actions), begun
