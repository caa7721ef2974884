"""Rollout buffers that are allocated once, copied never, and know which rows share a raid."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from sb3_contrib.common.maskable.buffers import (
    MaskableDictRolloutBuffer,
    MaskableDictRolloutBufferSamples,
)
from stable_baselines3.common.buffers import DictRolloutBuffer
from stable_baselines3.common.type_aliases import DictRolloutBufferSamples
from torch import Tensor

from agents.learned.sparse_product import SparseRows


class RaidRolloutBuffer(DictRolloutBuffer):
    """SB3's Dict buffer, kept in one place for its whole life, with an optional raid baseline.

    If ``copies`` rows play each raid (same threats, same luck), the advantage of a row is taken
    relative to its siblings at the same epoch of the same raid. What a sibling meets does not
    depend on this row's actions, so the gradient keeps its mean, while the variance of raids and
    luck, which is most of it, falls away.

    Args:
        buffer_size: Steps per row, T.
        observation_space: Dict of tables.
        action_space: MultiDiscrete, or Box.
        device: Torch device; only the CPU is used.
        gae_lambda: Bias against variance of the advantage.
        gamma: Discount.
        n_envs: Rows, N; a multiple of copies, siblings adjacent.
        copies: Rows that play the same raid.
        seed: Of the order of the minibatches.
    """

    def __init__(
        self,
        buffer_size: int,
        observation_space: spaces.Dict,
        action_space: spaces.Space,
        device: torch.device | str = "cpu",
        gae_lambda: float = 1.0,
        gamma: float = 0.99,
        n_envs: int = 1,
        copies: int = 1,
        seed: int = 0,
    ) -> None:
        if copies < 1 or n_envs % copies:
            raise ValueError(f"copies={copies} must divide the number of rows, n_envs={n_envs}")
        self.copies = copies
        self.rng = np.random.default_rng(seed)
        self._epoch = np.zeros(n_envs, np.int64)
        self._ordinal = np.zeros(n_envs, np.int64)
        self._allocated = False
        self._batch: dict[str, Tensor] = {}
        super().__init__(
            buffer_size, observation_space, action_space, device, gae_lambda, gamma, n_envs
        )

    def reset(self) -> None:
        """Make the buffer empty; its memory stays."""
        if not self._allocated:
            super().reset()
            shape = (self.buffer_size, self.n_envs)
            self.epochs = np.zeros(shape, np.int64)
            self.ordinals = np.zeros(shape, np.int64)
            self._allocated = True
        self.pos, self.full = 0, False

    def get_state(self) -> dict[str, np.ndarray]:
        """Copies of what outlives a rollout, beside ``rng``: int64 [N] each."""
        return {"epoch": self._epoch.copy(), "ordinal": self._ordinal.copy()}

    def set_state(self, saved: dict[str, np.ndarray]) -> None:
        """Go on from what ``get_state`` returned, with the next rollout."""
        self._epoch[:], self._ordinal[:] = saved["epoch"], saved["ordinal"]

    def add(self, obs: Any, action: Any, reward: Any, episode_start: Any, *args: Any) -> None:
        """As SB3's; also notes which epoch of which raid each row is at."""
        starts = np.asarray(episode_start, dtype=bool)
        if starts.all():
            # The environment was reset as a whole: siblings are in step again.
            self._ordinal[:] = 0
        self._ordinal[starts] += 1
        self._epoch[starts] = 0
        self.epochs[self.pos] = self._epoch
        self.ordinals[self.pos] = self._ordinal
        self._epoch += 1
        super().add(obs, action, reward, episode_start, *args)

    def compute_returns_and_advantage(self, last_values: Tensor, dones: np.ndarray) -> None:
        """Generalised advantages, minus the siblings' mean where copies of a raid are played."""
        super().compute_returns_and_advantage(last_values, dones)
        if self.copies > 1:
            self.advantages -= self.sibling_mean(self.advantages)

    def sibling_mean(self, values: np.ndarray) -> np.ndarray:
        """Mean of values [T, N] over a row's siblings at the same epoch of the same raid.

        A sibling that is not there (its raid is over, or lies outside this rollout) counts as 0.
        """
        epoch_count = int(self.epochs.max()) + 1
        first = int(self.ordinals.min())
        ordinal_count = int(self.ordinals.max()) - first + 1
        group = np.arange(self.n_envs) // self.copies
        raid = group * ordinal_count + (self.ordinals - first)
        key = (raid * epoch_count + self.epochs).ravel()
        sums = np.bincount(key, weights=values.ravel())
        others = sums[key].reshape(values.shape) - values
        return (others / (self.copies - 1)).astype(np.float32)

    def get(  # type: ignore[override]
        self, batch_size: int | None = None
    ) -> Generator[DictRolloutBufferSamples, None, None]:
        """Minibatches in random order; each is overwritten by the next."""
        if not self.full:
            raise RuntimeError("the rollout is not complete yet")
        total = self.buffer_size * self.n_envs
        batch_size = total if batch_size is None else batch_size
        order = torch.from_numpy(self.rng.permutation(total))
        for start in range(0, total, batch_size):
            yield self._minibatch(order[start : start + batch_size])

    def _minibatch(self, index: Tensor) -> DictRolloutBufferSamples:
        return DictRolloutBufferSamples(
            observations={k: self._take(k, v, index) for k, v in self.observations.items()},
            actions=self._take(".actions", self.actions, index),
            old_values=self._take(".values", self.values, index),
            old_log_prob=self._take(".log_probs", self.log_probs, index),
            advantages=self._take(".advantages", self.advantages, index),
            returns=self._take(".returns", self.returns, index),
        )

    def _take(self, name: str, array: np.ndarray, index: Tensor) -> Tensor:
        """Rows of [T, N, ...] by flat index, into memory kept from the last minibatch."""
        flat = torch.from_numpy(array.reshape(-1, *array.shape[2:]))
        out = self._batch.get(name)
        if out is None or len(out) != len(index):
            out = self._batch[name] = torch.empty(len(index), *flat.shape[1:], dtype=flat.dtype)
        return torch.index_select(flat, 0, index, out=out)


_OF_STEPS = ("rewards", "episode_starts", "values", "log_probs", "advantages", "returns")


class SparseRolloutBuffer(MaskableDictRolloutBuffer):
    """sb3-contrib's Dict buffer with observations as lists of what is not usual, kept in one place.

    Samples and their order are those of the parent; ``observations`` of a minibatch are
    ``SparseRows``, for ``SparseMaskablePolicy``. Masks take one byte an entry instead of four.
    """

    def reset(self) -> None:
        """Make the buffer empty; its memory stays."""
        if not hasattr(self, "rows"):
            assert isinstance(self.action_space, spaces.MultiDiscrete)
            self.mask_dims = int(self.action_space.nvec.sum())
            size = self.n_envs * self.buffer_size
            self.rows = SparseRows.empty(size, spaces.flatdim(self.observation_space))
            # Row by row, as the parent lays samples out before it draws minibatches.
            self._actions = np.zeros((self.n_envs, self.buffer_size, self.action_dim), np.float32)
            self._masks = np.zeros((self.n_envs, self.buffer_size, self.mask_dims), np.bool_)
            shape = (self.buffer_size, self.n_envs)
            for name in _OF_STEPS:
                setattr(self, name, np.zeros(shape, np.float32))
        self.pos, self.full, self.generator_ready = 0, False, False

    def add(  # type: ignore[override]
        self,
        obs: dict[str, np.ndarray],
        action: np.ndarray,
        reward: np.ndarray,
        episode_start: np.ndarray,
        value: Tensor,
        log_prob: Tensor,
        action_masks: np.ndarray | None = None,
    ) -> None:
        """Note one step of every row; see the parent."""
        assert action_masks is not None
        chosen = np.arange(self.n_envs, dtype=np.int64) * self.buffer_size + self.pos
        tables = {name: obs[name] for name in self.observation_space.spaces}
        if self.pos == 0:
            self.rows.expect(tables)
        self.rows.at(chosen).write(tables)
        self._actions[:, self.pos] = action.reshape(self.n_envs, -1)
        self._masks[:, self.pos] = action_masks.reshape(self.n_envs, -1)
        self.rewards[self.pos], self.episode_starts[self.pos] = reward, episode_start
        self.values[self.pos] = value.flatten().numpy()
        self.log_probs[self.pos] = log_prob.numpy()
        self.pos += 1
        self.full = self.pos == self.buffer_size

    def get(  # type: ignore[override]
        self, batch_size: int | None = None
    ) -> Generator[MaskableDictRolloutBufferSamples, None, None]:
        """Minibatches in random order."""
        if not self.full:
            raise RuntimeError("the rollout is not complete yet")
        total = self.buffer_size * self.n_envs
        batch_size = total if batch_size is None else batch_size
        order = np.random.permutation(total)
        values, log_probs, advantages, returns = (
            torch.from_numpy(a.T.ravel())
            for a in (self.values, self.log_probs, self.advantages, self.returns)
        )
        actions, masks = (
            torch.from_numpy(a.reshape(total, -1)) for a in (self._actions, self._masks)
        )
        for start in range(0, total, batch_size):
            chosen = order[start : start + batch_size]
            index = torch.from_numpy(chosen)
            yield MaskableDictRolloutBufferSamples(
                observations=self.rows.at(chosen),  # type: ignore[arg-type]
                actions=actions[index],
                old_values=values[index],
                old_log_prob=log_probs[index],
                advantages=advantages[index],
                returns=returns[index],
                action_masks=masks[index],
            )
