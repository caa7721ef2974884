"""RaidVecEnv: the batched core as a native Stable-Baselines3 VecEnv."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import gymnasium as gym
import numpy as np
from stable_baselines3.common.vec_env.base_vec_env import VecEnv, VecEnvIndices

from envs.batch import RaidBatch, check_actions
from envs.observation import flat_mask
from envs.scenario import Scenario


class RaidVecEnv(VecEnv):
    """B raids at once for SB3: a finished row starts its next raid within the same step.

    Row i of ``seed(s)`` plays seed ``s + i // copies``; the row's later raids follow by ordinal.
    The last observation of a raid is in ``info["terminal_observation"]``, the raid's return,
    length, wall time and metrics in ``info["episode"]``. ``set_options({"split": ...})`` chooses
    the split from the next ``reset`` on.

    Args:
        scenario: What to play.
        num_envs: Rows, B.
        reward: Weights over metrics; None for the default.
        max_epochs: Truncate after this many epochs; None for the scenario's clock alone.
        split: Which raids: train, validation or test.
        copies: Rows that play the same raid with the same luck (for a baseline of siblings).
        by_need: Whether deliveries go by need even where the scenario lets them be decided, so
            that actions are [B, S].
        shaping: Return lost per unit of value at risk, the weight of the potential

                Φ = -shaping · Σ_i value_at_risk_i · survival_i

            over the tracks i of an observation: what is expected to be lost, given what is in
            flight. Rewards become ``reward + gamma · Φ(next) - Φ(now)``, with Φ = 0 once a raid is
            over, which changes no order of policies (Ng, Harada and Russell 1999); returns in
            ``info["episode"]`` stay as they are. 0: none.
        gamma: Discount of the learner, for ``shaping`` alone.
    """

    def __init__(
        self,
        scenario: Scenario,
        num_envs: int,
        *,
        reward: Mapping[str, float] | None = None,
        max_epochs: int | None = None,
        split: str = "train",
        copies: int = 1,
        by_need: bool = False,
        shaping: float = 0.0,
        gamma: float = 1.0,
    ) -> None:
        if copies < 1 or num_envs % copies:
            raise ValueError(f"copies={copies} must divide num_envs={num_envs}")
        self.scenario = scenario
        self.batch = RaidBatch(scenario, num_envs, reward=reward, max_epochs=max_epochs)
        self.split = split
        self.copies = copies
        self.shaping = shaping
        self.gamma = gamma
        self._actions: np.ndarray | None = None
        self._seeded = False
        self._returns = np.zeros(num_envs)
        self._lengths = np.zeros(num_envs, np.int64)
        self._started = time.perf_counter()
        layout = self.batch.layout
        self._at_risk = [layout.index("track", c) for c in ("value_at_risk", "survival")]
        # Last: VecEnv's constructor asks for render_mode at once.
        super().__init__(num_envs, layout.observation_space(), layout.action_space(by_need))

    def reset(self) -> dict[str, np.ndarray]:
        """Start a raid in every row, using up the seeds and options set before.

        Returns:
            Observation tables [B, ...], owned by the caller.
        """
        splits = {o["split"] for o in self._options if "split" in o}
        if len(splits) > 1:
            raise ValueError(f"rows of one batch play one split, got {sorted(splits)}")
        if splits:
            self.split = splits.pop()
        if self._seeds[0] is None and not self._seeded:
            self.seed(None)
        seeds = None  # seeded before: every row goes on to its next raid
        if self._seeds[0] is not None:
            seeds = self._seeds[0] + np.arange(self.num_envs, dtype=np.int64) // self.copies
        self._seeded = True
        self._reset_seeds()
        self._reset_options()
        self._returns[:] = 0.0
        self._lengths[:] = 0
        self._started = time.perf_counter()
        self.batch.reset(None, seeds, self.split)
        return self.batch.snapshot()

    def step(
        self, actions: np.ndarray
    ) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray, list[dict[str, Any]]]:
        """``step_async`` and ``step_wait`` in one."""
        self.step_async(actions)
        return self.step_wait()

    def step_async(self, actions: np.ndarray) -> None:
        """Keep the actions, int64 [B, S], for step_wait."""
        self._actions = check_actions(actions, self.scenario, self.num_envs)

    def step_wait(
        self,
    ) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray, list[dict[str, Any]]]:
        """Step every row; rows that end start their next raid.

        Returns:
            Observations, rewards float64 [B], dones bool [B], infos; all owned by the caller.
        """
        if self._actions is None:
            raise RuntimeError("step_wait needs actions: call step_async first")
        before = self.potential() if self.shaping else None
        self.batch.step(self._actions)
        self._actions = None
        # Copies: SB3 adds bootstrap values into the rewards it is given.
        rewards = self.batch.reward.copy()
        self._returns += rewards
        self._lengths += 1
        dones = self.batch.terminated | self.batch.truncated
        if before is not None:
            rewards += self.gamma * np.where(self.batch.terminated, 0.0, self.potential()) - before
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        if dones.any():
            self._close_episodes(np.flatnonzero(dones), infos)
            self.batch.reset(dones)
            self._returns[dones] = 0.0
            self._lengths[dones] = 0
        return self.batch.snapshot(), rewards, dones, infos

    def potential(self) -> np.ndarray:
        """What is expected to be lost of what is in sight, Φ, float64 [B]; see ``shaping``."""
        at_risk, survival = self.batch.observation["track"][..., self._at_risk].T.astype(float)
        return -self.shaping * (at_risk * survival).sum(0)

    def _close_episodes(self, rows: np.ndarray, infos: list[dict[str, Any]]) -> None:
        """Fill the infos of rows whose raid is over."""
        metrics = self.batch.metrics()
        seconds = round(time.perf_counter() - self._started, 6)
        for row in rows:
            truncated = bool(self.batch.truncated[row] and not self.batch.terminated[row])
            infos[row]["TimeLimit.truncated"] = truncated
            infos[row]["terminal_observation"] = {
                name: table[row].copy() for name, table in self.batch.observation.items()
            }
            infos[row]["episode"] = {
                "r": float(self._returns[row]),
                "l": int(self._lengths[row]),
                "t": seconds,
                **{name: float(values[row]) for name, values in metrics.items()},
            }

    def get_state(self) -> dict[str, np.ndarray]:
        """Copies of everything that changes: the batch, and the raids' returns and lengths."""
        own = {"returns": self._returns.copy(), "lengths": self._lengths.copy()}
        return {**self.batch.get_state(), **own}

    def set_state(self, saved: Mapping[str, np.ndarray]) -> None:
        """Go on from what ``get_state`` returned, instead of from a reset.

        Raises:
            ValueError: If an array is missing, unknown, or of another shape or dtype.
        """
        own = ("returns", "lengths")
        self.batch.set_state({name: a for name, a in saved.items() if name not in own})
        self._returns[:], self._lengths[:] = (saved[name] for name in own)
        self._seeded = True
        self._reset_seeds()

    def action_masks(self) -> np.ndarray:
        """Legal choices, True = legal, head by head; see ``envs.observation.flat_mask``."""
        return flat_mask(self.batch.observation)

    def close(self) -> None:
        """Nothing to release."""

    def has_attr(self, attr_name: str) -> bool:
        """Whether rows have an attribute or method of this name (SB3's default pickles it)."""
        return hasattr(self, attr_name)

    def get_attr(self, attr_name: str, indices: VecEnvIndices = None) -> list[Any]:
        """The attribute, once per row asked for; ``render_mode`` is None."""
        value = None if attr_name == "render_mode" else getattr(self, attr_name)
        return [value for _ in self._get_indices(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: VecEnvIndices = None) -> None:
        """Set an attribute of the batch as a whole.

        Raises:
            NotImplementedError: For some rows only; rows share everything but their raid.
        """
        if indices is not None:
            raise NotImplementedError("rows share their attributes; leave out indices")
        setattr(self, attr_name, value)

    def env_method(
        self, method_name: str, *method_args: Any, indices: VecEnvIndices = None, **kwargs: Any
    ) -> list[Any]:
        """``action_masks``: one row view per row asked for.

        Raises:
            AttributeError: Any other method; rows have none of their own.
        """
        if method_name != "action_masks":
            raise AttributeError(f"rows have the method 'action_masks', not {method_name!r}")
        masks = self.action_masks()
        return [masks[i] for i in self._get_indices(indices)]

    def env_is_wrapped(
        self, wrapper_class: type[gym.Wrapper], indices: VecEnvIndices = None
    ) -> list[bool]:
        """False for every row: rows are not Gymnasium environments."""
        return [False for _ in self._get_indices(indices)]
