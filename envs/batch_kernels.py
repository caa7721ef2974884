"""The loops over a batch: the core's step and the observation, member by member, in threads."""

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from envs.core import fire_control, identification, sensing
from envs.core.compiled import compiled
from envs.core.lanes import lanes
from envs.core.randomness import imagined_key
from envs.core.start import redraw
from envs.core.state import State
from envs.core.step import reset_one, step_one
from envs.encoding import encode


def scratch(state: State, threads: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return scratch memory for each thread: float32 [n, rows, columns], int64 [n, places].

    A row for each quantity that some phase lays side by side; a column for each threat, track,
    shooter, sensor or asset, rounded up to whole vectors.
    """
    slots, nations = state.holding.shape[1:]
    assets, kinds = state.health.shape[1], state.belief.shape[2]
    shooters, channels = state.engagement.shape[1:]
    most = max(slots, state.threat.shape[1], assets, shooters, state.sensor.shape[1])
    rows = max(fire_control.ROWS, identification.AIMS + assets + kinds, sensing.NATIONS + nations)
    table = np.zeros((threads, rows, lanes(most)), np.float32)
    return table, np.zeros((threads, max(most, shooters * channels)), np.int64)


@compiled()
def step_some(first, end, state, params, tables, frame, weights, actions, reward, table, order):
    """Step the members from `first` to `end` that are not over; write reward and observation."""
    for b in range(first, end):
        if not (state.raid[b].terminated or state.raid[b].truncated):
            reward[b] = step_one(state, params, b, actions[b], weights, table, order)
            encode(state, params, tables, frame, b, False)
        else:
            reward[b] = 0.0


@compiled(parallel=True)
def step_threaded(state, params, tables, frame, weights, actions, reward, table, order, threads):
    """Step every member as `step_some` does, each thread its share of the batch."""
    members = state.raid.shape[0]
    for n in numba.prange(threads):
        step_some(
            n * members // threads,
            (n + 1) * members // threads,
            state,
            params,
            tables,
            frame,
            weights,
            actions,
            reward,
            table[n],
            order[n],
        )


@compiled()
def reset_some(first, end, state, params, tables, frame, weights, rows, keys, table, order):
    """Begin raid (split, seed, ordinal), int64 [B, 3], in the members of `rows`, bool [B]."""
    for b in range(first, end):
        if rows[b]:
            split, seed, ordinal = keys[b, 0], keys[b, 1], keys[b, 2]
            reset_one(state, params, b, split, seed, ordinal, weights, table, order)
            encode(state, params, tables, frame, b, True)


@compiled()
def undefended_batch(state, params, seeds, weights, table, order):
    """Draw training raid (seed, 0) of each seed, int64 [B], for its undefended loss."""
    for b in range(seeds.shape[0]):
        reset_one(state, params, b, 0, seeds[b], 0, weights, table[0], order[0])


@compiled()
def redraw_batch(state, params, seeds, table, order):
    """Draw anew what the defence of each member cannot know, by its seed, int64 [B]."""
    for b in range(seeds.shape[0]):
        redraw(state, params, b, imagined_key(seeds[b]), table[0], order[0])


@compiled()
def encode_batch(state, params, tables, frame):
    """Write the observation of every member."""
    for b in range(state.raid.shape[0]):
        encode(state, params, tables, frame, b, True)
