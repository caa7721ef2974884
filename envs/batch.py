"""A batch of raids under way: the one object that every adapter drives and none reaches around."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from envs import batch_kernels as kernels
from envs import encoding
from envs.core import metrics
from envs.core import state as core_state
from envs.core.params import Params
from envs.core.randomness import SPLITS
from envs.core.state import State
from envs.entities import Scenario
from envs.observation import Layout
from envs.parameter_sets import parameter_sets
from envs.reward import reward_weights
from envs.scenario import load_scenario
from envs.validation import one_of

UNLIMITED = np.iinfo(np.int32).max
_CALIBRATION_RAIDS = 1024
# Waking a thread costs as much as stepping several members: small batches stay on one.
_MEMBERS_A_THREAD = 16


class RaidBatch:
    """B raids of one scenario, stepped together by the compiled core.

    Each row has a seed and an ordinal: it plays the raids (split, seed, 0), (split, seed, 1), …
    and nothing but those and the actions decides what happens in it.

    Args:
        scenario: name, path, mapping or `Scenario`.
        num_envs: number B of raids.
        reward: weight by metric name; None for the default, -loss / mean undefended loss.
        max_epochs: limit after which an episode is truncated; None for none.
        split: raids played at first, "train", "validation" or "test".

    Attributes:
        observation: arrays [B, ...] by table. Live: the next `reset` or `step` overwrites them.
        reward: float64 [B] of the last step.
        terminated: bool [B], the raid is over. Live.
        truncated: bool [B], `max_epochs` was reached. Live.
        seeds: int64 [B], seed of each row.
        ordinals: int64 [B], raids that each row has played before the present one.

    Raises:
        ScenarioError: if the scenario is not as it should be.
        ValueError: on a number of raids or a limit below 1, or an unknown metric in `reward`.
    """

    def __init__(
        self,
        scenario: Any,
        num_envs: int,
        reward: Mapping[str, float] | None = None,
        max_epochs: int | None = None,
        split: str = "train",
    ) -> None:
        if num_envs < 1:
            raise ValueError(f"num_envs: {num_envs!r} is not right; 1 or more is needed")
        if max_epochs is not None and max_epochs < 1:
            raise ValueError(f"max_epochs: {max_epochs!r} is not right; 1 or more is needed")
        self.scenario = load_scenario(scenario)
        self.num_envs = num_envs
        self.layout = Layout(self.scenario)
        self._sets = parameter_sets(self.scenario)
        self.params = self._sets.params
        self._tables = encoding.allocate(self.layout, num_envs)
        self._state = core_state.allocate(_sizes(self.scenario, self.params, num_envs))
        self._state.raid["max_epochs"] = UNLIMITED if max_epochs is None else max_epochs
        self.weights = reward_weights(self.scenario, reward, mean_undefended_loss(self.scenario))
        self._metric_names = self.scenario.metric_names
        self.reward = np.zeros(num_envs)
        threads: int = getattr(numba.config, "NUMBA_NUM_THREADS")  # noqa: B009 (untyped)
        # Most rewards weigh the first metric alone: zeros behind the last weight need no adding up.
        weighed = self.weights[: 1 + np.max(np.flatnonzero(self.weights), initial=-1)]
        self._batch = (self._state, self.params, self._tables, self._sets.frames, weighed)
        self._scratch = kernels.scratch(self._state, threads)
        self.terminated = self._state.raid["terminated"]
        self.truncated = self._state.raid["truncated"]
        arrays = {
            **self._tables._asdict(),
            "action_mask": self._state.action_mask,
            "delivery_mask": self._state.delivery_mask,
        }
        self.observation = {name: arrays[name] for name in self.layout.observation_space()}
        entropy = np.random.SeedSequence().generate_state(num_envs, np.uint64)
        self.seeds = (entropy >> np.uint64(1)).astype(np.int64)
        self.ordinals = np.full(num_envs, -1, np.int64)
        self._splits = np.full(num_envs, split_index(split), np.int64)

    def reset(
        self,
        mask: NDArray[np.bool_] | None = None,
        seeds: NDArray[np.int64] | None = None,
        split: str | None = None,
    ) -> None:
        """Begin a raid in the rows of `mask`.

        Args:
            mask: bool [B]; None for all rows.
            seeds: int64 [B], read in the rows of `mask`, which then play raid (split, seed, 0);
                None: each of them goes on to the next raid of its own seed.
            split: "train", "validation" or "test"; None: as before.

        Raises:
            ValueError: on an unknown split, a negative seed, or a mask or seeds of another shape.
        """
        rows = np.ones(self.num_envs, np.bool_) if mask is None else np.asarray(mask)
        if rows.shape != (self.num_envs,) or rows.dtype != np.bool_:
            raise ValueError(
                f"mask: {rows.dtype}{list(rows.shape)} is not right; "
                f"bool[{self.num_envs}] is needed"
            )
        if seeds is not None and np.shape(seeds) != (self.num_envs,):
            raise ValueError(
                f"seeds: shape {list(np.shape(seeds))} is not right; [{self.num_envs}] is needed"
            )
        chosen = None if seeds is None else np.asarray(seeds, np.int64)[rows]
        if chosen is not None and chosen.size and chosen.min() < 0:
            raise ValueError(f"seed: {chosen.min()} is not right; 0 or more is needed")
        if split is not None:
            self._splits[rows] = split_index(split)
        if chosen is None:
            self.ordinals[rows] += 1
        else:
            self.seeds[rows] = chosen
            self.ordinals[rows] = 0
        keys = np.stack([self._splits, self.seeds, self.ordinals], axis=1)
        self._state.raid["params_index"][rows] = self._sets.of_raids(keys[rows])
        self._sets.draw(self._state.raid["params_index"][rows])
        table, order = self._scratch
        kernels.reset_some(0, self.num_envs, *self._batch, rows, keys, table[0], order[0])
        self.reward[rows] = 0.0

    def step(self, actions: NDArray[np.int64]) -> None:
        """Play one epoch in every row. Rows whose raid is over stay as they are, reward 0.

        Args:
            actions: integers [B, S], 0 to hold or 1 + slot; what is illegal is a hold, counted.
                Where the scenario lets deliveries be decided, [B, S + D] or [B, S]: for each of
                them 0, by need, or 1 + shooter; left out, all go by need.

        Raises:
            ValueError: on actions of another shape or dtype.
        """
        actions = check_actions(actions, self.scenario, self.num_envs)
        threads = self._threads()
        table, order = self._scratch
        if threads > 1:
            kernels.step_threaded(*self._batch, actions, self.reward, table, order, threads)
        else:
            kernels.step_some(
                0, self.num_envs, *self._batch, actions, self.reward, table[0], order[0]
            )

    def _threads(self) -> int:
        return max(1, min(numba.get_num_threads(), self.num_envs // _MEMBERS_A_THREAD))

    def metrics(self, rows: NDArray[np.bool_] | None = None) -> dict[str, NDArray[np.float64]]:
        """Return every metric of the raids so far, copies of float64 [B], by name.

        Beside the core's metrics: `protected_share` = 1 - loss / undefended loss (1 if nothing
        was at risk), `tracked_share` = threats tracked / threats, `mean_track_delay_s` of those
        tracked, `epochs`, of all raids, a lull counted as one, `loss_meur`, `cost_exchange`,
        `rounds_left` and `days_of_stock` as in `docs/observation.md`.

        Args:
            rows: bool [B]; the others' metrics are 0. None: all rows.
        """
        asked = np.ones(self.num_envs, np.bool_) if rows is None else rows
        totals = np.where(asked, self._state.metrics.T, 0.0)
        named = dict(zip(self._metric_names, totals, strict=True))
        loss, risk = named["loss"], named["undefended_loss"]
        tracked, fired = named["threats_tracked"], named["rounds_fired"]
        left = np.where(asked, self._rounds_left(), 0.0)
        days = np.maximum(self._state.raid["day"].astype(np.float64), 1.0)
        return {
            "protected_share": np.where(asked, 1.0 - _ratio(loss, risk), 0.0),
            **named,
            "tracked_share": _ratio(tracked, named["threats"]),
            "mean_track_delay_s": _ratio(named["track_delay_s"], tracked),
            "epochs": np.where(asked, self._state.raid["steps"], 0).astype(np.float64),
            "loss_meur": loss * self.scenario.value_meur,
            "cost_exchange": _ratio(named["rounds_cost_keur"], named["killed_cost_keur"]),
            "rounds_left": left,
            "days_of_stock": left * days / np.maximum(fired, 1.0),
        }

    def _rounds_left(self) -> NDArray[np.float64]:
        state = self._state
        spends = self.params.shooter["rounds_per_engagement"][state.raid["params_index"]] > 0
        left = (state.shooter["rounds"] + state.shooter["reserve"]) * spends
        return np.asarray(left.sum(axis=1) + state.depot.sum(axis=1), np.float64)

    def deployment(self, row: int) -> Scenario:
        """Return what a row plays: the scenario, or the one of its deployments that it has."""
        return self._sets.deployment(int(self._state.raid["params_index"][row]))

    def snapshot(self) -> dict[str, NDArray[Any]]:
        """Return copies of the observation, which nothing will overwrite."""
        return {name: array.copy() for name, array in self.observation.items()}

    def state(self) -> State:
        """Return the whole truth of the batch, live: for planners and critics, never a policy."""
        return self._state

    def imagine(
        self, source: "RaidBatch", rows: NDArray[np.int64], seeds: NDArray[np.int64]
    ) -> None:
        """Put every row at the present of a row of another batch, with another future.

        All that the other's defence cannot know is drawn anew by what it believes: luck, what its
        tracks really are and where they go, and threats not tracked yet, from the raid's
        distribution. So what is simulated from here may be shown to a policy.

        Args:
            source: batch of the same scenario.
            rows: int64 [B], the row of `source` for each own row.
            seeds: int64 [B], 0 or more; rows of one source row and one seed have the same future.
        """
        self.fork(source, rows, np.arange(self.num_envs))
        kernels.redraw_batch(self._state, self.params, seeds, *self._scratch)

    def fork(
        self, source: "RaidBatch", rows: NDArray[np.int64], own_rows: NDArray[np.int64]
    ) -> None:
        """Put own rows where rows of another batch are, to the bit; played alike, they go on alike.

        This carries the truth over, so it is for training and tests; planners `imagine`.

        Args:
            source: batch of the same scenario.
            rows: int64 [N], rows of `source`.
            own_rows: int64 [N], rows of this batch, all different.
        """
        own, other = self._state._asdict(), source._state._asdict()
        for name, array in own.items():
            array[own_rows] = other[name][rows]
        for mine, its in zip(self._tables, source._tables, strict=True):
            mine[own_rows] = its[rows]
        self._sets.draw(self._state.raid["params_index"][own_rows])

    def get_state(self) -> dict[str, NDArray[Any]]:
        """Return a copy of everything that changes; `set_state` brings it back to the bit."""
        own = {"seeds": self.seeds, "ordinals": self.ordinals, "splits": self._splits}
        arrays = {**self._state._asdict(), **own, "reward": self.reward}
        return {name: array.copy() for name, array in arrays.items()}

    def set_state(self, saved: Mapping[str, NDArray[Any]]) -> None:
        """Go on from what `get_state` returned, of this batch or one of the same shape.

        Raises:
            ValueError: if an array is missing, unknown, or of another shape or dtype.
        """
        own = {"seeds": self.seeds, "ordinals": self.ordinals, "splits": self._splits}
        arrays = {**self._state._asdict(), **own, "reward": self.reward}
        if set(saved) != set(arrays):
            odd = sorted(set(saved) ^ set(arrays))
            raise ValueError(f"state: keys differ from those of get_state(): {', '.join(odd)}")
        for name, array in arrays.items():
            if saved[name].shape != array.shape or saved[name].dtype != array.dtype:
                raise ValueError(
                    f"state.{name}: {saved[name].dtype}{list(saved[name].shape)} is not right; "
                    f"{array.dtype}{list(array.shape)} is needed"
                )
        for name, array in arrays.items():
            array[...] = saved[name]
        for table in self._tables:
            table.fill(0.0)
        self._sets.draw(self._state.raid["params_index"])
        kernels.encode_batch(self._state, self.params, self._tables, self._sets.frames)


def split_index(split: str) -> int:
    """Return the number of a split.

    Raises:
        ValueError: on an unknown one; the message lists the known ones.
    """
    return SPLITS.index(one_of(split, SPLITS, "split"))


@lru_cache(maxsize=32)
def mean_undefended_loss(scenario: Scenario) -> float:
    """Return the mean undefended loss of 1,024 training raids of a scenario, always the same."""
    sets = parameter_sets(scenario)
    state = core_state.allocate(_sizes(scenario, sets.params, _CALIBRATION_RAIDS))
    state.raid["max_epochs"] = UNLIMITED
    seeds = np.arange(_CALIBRATION_RAIDS)
    keys = np.stack([np.zeros_like(seeds), seeds, np.zeros_like(seeds)], axis=1)
    state.raid["params_index"] = sets.of_raids(keys)
    sets.draw(state.raid["params_index"])
    nothing, scratch = np.zeros(len(scenario.metric_names)), kernels.scratch(state, 1)
    kernels.undefended_batch(state, sets.params, seeds, nothing, *scratch)
    mean = float(state.raid["undefended_loss"].mean())
    return mean if mean > 0.0 else 1.0


def _ratio(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0.0)


def _sizes(scenario: Scenario, params: Params, members: int) -> dict[str, int]:
    return {
        "B": members,
        "T": scenario.num_threats,
        "I": scenario.num_slots,
        "I+1": scenario.num_slots + 1,
        "S+1": scenario.num_shooters + 1,
        "R": params.sensor.shape[1],
        "F": params.delay.shape[1],
        "D": params.delivery.shape[1],
        "K": len(scenario.threat_kinds),
        "S": scenario.num_shooters,
        "A": scenario.num_assets,
        "C": max(scenario.catalogue.shooters[s.kind].fire_channels for s in scenario.shooters),
        "V": params.via.shape[3] + 2,
        "M": len(metrics.FIXED) + 2 * len(scenario.threat_kinds) + len(scenario.shooter_kinds),
    }


def check_actions(actions: Any, scenario: Scenario, *members: int) -> NDArray[np.int64]:
    """Return joint actions as int64 [*members, S], or [*members, S + D] if they decide deliveries.

    Raises:
        ValueError: if shape or dtype is not right; the message names both.
    """
    array = np.asarray(actions)
    shooters, decisions = scenario.num_shooters, scenario.num_decisions
    shapes = [[*members, shooters], [*members, shooters + decisions]][: 1 + (decisions > 0)]
    if list(array.shape) not in shapes or not np.issubdtype(array.dtype, np.integer):
        raise ValueError(
            f"action: {array.dtype}{list(array.shape)} is not right; integers of shape "
            f"{' or '.join(str(shape) for shape in shapes)} are needed, 0 to hold or 1 + slot"
        )
    return np.ascontiguousarray(array, np.int64)
