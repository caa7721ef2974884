"""Open-loop planning: the known tracks, allocated over this epoch and those to come.

In every epoch a plan is made as if nobody fired before its engagements and nothing new came, and
what it launches now is ordered; in the next epoch it is made again from what is then seen. So it
waits for a better shot where one will come, which no policy of a single epoch can see. Arrivals to
come are in the price of an engagement alone.
"""

from __future__ import annotations

from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from agents.classical.open_loop_kernel import Outlook, search
from agents.classical.planning import ClassicalPlanner
from agents.policy import Actions, Observation
from envs.batch import RaidBatch
from envs.observation import Layout
from envs.scenario import Scenario

ROWS = 32
"""Members looked up side by side; what is decided does not depend on it."""


@final
class OpenLoop(ClassicalPlanner):
    """Plans engagements of the known tracks over the epochs to come, again in every epoch.

    What can be engaged when is looked up by letting a copy of the raid, with all that is hidden
    drawn anew, pass without fire.

    Args:
        scenario: What is played.
        price: Of an engagement, as a share of the largest asset's value, 0 or more.
        kicks: Times that the search starts again from the best plan without one track, 0 or more.
        horizon: Epochs planned at most, 1 or more.

    Raises:
        ValueError: If an argument is out of range.
    """

    def __init__(
        self, scenario: Scenario, *, price: float, kicks: int = 4, horizon: int = 90
    ) -> None:
        for name, value, least in (
            ("price", price, 0),
            ("kicks", kicks, 0),
            ("horizon", horizon, 1),
        ):
            if not value >= least:
                raise ValueError(f"{name}: {value!r} is not right; {least} or more is needed")
        self.scenario, self.price, self.kicks, self.horizon = scenario, price, kicks, horizon
        layout = Layout(scenario)
        self._value = layout.index("track", "value_at_risk")
        self._survival = layout.index("track", "survival")
        self._to_impact = layout.index("track", "time_to_impact_min")
        self._copies = RaidBatch(scenario, ROWS)

    def decide(self, observation: Observation, batch: RaidBatch) -> Actions:
        """Chooses actions [B, S]; see ``ClassicalPlanner``."""
        mask = observation["action_mask"]
        actions = np.zeros(mask.shape[:2], np.int64)
        over = batch.terminated | batch.truncated
        # Where nobody may fire now, what is planned for later need not be known.
        members = np.flatnonzero(~over & mask[:, :, 1:].any(axis=(1, 2)))
        for n in range(0, len(members), ROWS):
            some = members[n : n + ROWS]
            pk, flight, ready = self._look_up(some, observation, batch)
            for place, b in enumerate(some):
                tables = pk[:, place], flight[:, place], ready[:, place]
                outlook = self._outlook(*tables, observation, batch, int(b))
                search(outlook, self.kicks, actions[b])
                legal = np.take_along_axis(mask[b], actions[b][:, None], axis=1)[:, 0] != 0
                actions[b][~legal] = 0
        return actions

    def _look_up(
        self, members: NDArray[np.intp], observation: Observation, batch: RaidBatch
    ) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
        """Returns pk and epochs of flight [H, n, S, I], engagements ready [H, n, S] if all hold."""
        copies = self._copies
        rows = np.zeros(ROWS, np.int64)
        rows[: len(members)] = members
        copies.imagine(batch, rows, np.zeros(ROWS, np.int64))
        copies.terminated[len(members) :] = True
        truth = copies.state()
        deployed = copies.params.shooter[truth.raid["params_index"][: len(members)]]
        truth.shooter["busy"] = 0  # what is in flight counts by its pk, not by its luck
        spends = np.maximum(deployed["rounds_per_engagement"], 1)
        endless = deployed["rounds_per_engagement"] == 0
        latest = observation["track"][members, :, self._to_impact].max(initial=0.0)
        epochs = int(np.clip(np.ceil(latest * 60.0 / self.scenario.epoch_s), 1, self.horizon))
        held = batch.state().held[members]
        size = (epochs, len(members), *truth.pair.shape[1:])
        pk, flight = np.zeros(size, np.float32), np.ones(size, np.int64)
        ready = np.zeros(size[:3], np.int64)
        hold = np.zeros((ROWS, self.scenario.num_shooters), np.int64)
        for e in range(epochs):
            pair = truth.pair[: len(members)]
            same = truth.held[: len(members)] & held  # a slot taken anew is another track
            pk[e] = np.where(same[:, None], pair["pk"], 0.0)
            flight[e] = np.ceil(pair["flight_s"] / self.scenario.epoch_s)
            rounds = truth.shooter["rounds"][: len(members)]
            ready[e] = np.where(endless, 10_000, rounds // spends)
            held = same
            if e + 1 < epochs:
                copies.step(hold)
        return pk, np.maximum(flight, 1), np.maximum.accumulate(ready, axis=0)

    def _outlook(
        self,
        pk: NDArray[Any],
        flight: NDArray[Any],
        ready: NDArray[Any],
        observation: Observation,
        batch: RaidBatch,
        b: int,
    ) -> Outlook:
        track = observation["track"][b]
        shooters, engagements = batch.state().shooter[b], batch.state().engagement[b]
        now_s = float(batch.state().raid["epoch"][b] * self.scenario.epoch_s)
        channels = batch.params.shooter["channels"][batch.state().raid["params_index"][b]]
        ends = np.ceil((engagements["resolve_s"] - now_s) / self.scenario.epoch_s)
        used = np.arange(ends.shape[1]) < shooters["busy"][:, None]
        later = np.arange(len(pk))[:, None, None] < np.where(used, ends, 0.0)
        return Outlook(
            np.ascontiguousarray(pk),
            np.ascontiguousarray(flight),
            np.asarray(track[:, self._value] * track[:, self._survival], np.float64),
            np.ascontiguousarray(ready),
            np.asarray(channels - later.sum(axis=2), np.int64),
            np.full(len(channels), self.price),
        )
