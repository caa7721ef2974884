"""Compiled decisions of the simple policies every table carries: random legal, nearest first."""

from __future__ import annotations

import numpy as np
from numba import prange
from numpy.typing import NDArray

from agents.classical.terms import Columns
from envs.core.compiled import compiled
from envs.core.randomness import uniform

Table = NDArray[np.float32]

_FOLD = np.uint64(0x100000001B3)  # the prime of the FNV-1a hash


@compiled(parallel=True)
def choose_nearest(
    track: Table, mask: NDArray[np.int8], columns: Columns, actions: NDArray[np.int64]
) -> None:
    """Every shooter fires at its legal track of least time to impact, whatever others do.

    Args:
        track: [B, I, .] observation table.
        mask: [B, S, 1 + I], non-zero where legal.
        columns: Where the quantities stand in the tables.
        actions: [B, S], overwritten. Ties go to the lower slot.
    """
    members, shooters, choices = mask.shape
    for b in prange(members):
        for s in range(shooters):
            actions[b, s] = 0
            least = np.inf
            for choice in range(1, choices):
                if mask[b, s, choice] == 0:
                    continue
                time_to_impact = track[b, choice - 1, columns.track_time_to_impact]
                if time_to_impact < least:
                    least = time_to_impact
                    actions[b, s] = choice


@compiled(parallel=True)
def choose_random(
    track_bits: NDArray[np.uint32],
    clock_bits: NDArray[np.uint32],
    mask: NDArray[np.int8],
    seed: np.uint64,
    actions: NDArray[np.int64],
) -> None:
    """Every shooter picks one of its legal choices, hold among them, with equal probability.

    The draw is a function of the seed and of what the member observes, so a raid is played the
    same wherever it stands in a batch.

    Args:
        track_bits: [B, I, .] observation table seen as integers.
        clock_bits: [B, .], likewise.
        mask: [B, S, 1 + I], non-zero where legal.
        seed: Seed of the policy.
        actions: [B, S], overwritten.
    """
    members, shooters, choices = mask.shape
    for b in prange(members):
        key = seed
        for column in range(clock_bits.shape[1]):
            key = (key ^ np.uint64(clock_bits[b, column])) * _FOLD
        for i in range(choices - 1):
            for column in range(track_bits.shape[2]):
                key = (key ^ np.uint64(track_bits[b, i, column])) * _FOLD
        for s in range(shooters):
            legal = 0
            for choice in range(choices):
                legal += mask[b, s, choice] != 0
            nth = int(uniform(key, 0, s, 0) * legal)
            for choice in range(choices):
                if mask[b, s, choice] != 0:
                    if nth == 0:
                        actions[b, s] = choice
                    nth -= 1
