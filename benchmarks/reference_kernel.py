"""A frozen piece of work to measure against, so that figures of different days compare.

Never change this file: what later versions of the core are held to is the ratio of their steps a
second to this kernel's rounds a second, in one run on one machine.
"""

import numba
import numpy as np
from numpy.typing import NDArray

SHOOTERS, TRACKS, COLUMNS = 12, 32, 4


@numba.njit(parallel=True, error_model="numpy")
def reference(state: NDArray[np.float32], table: NDArray[np.float32]) -> None:
    """Move 32 points and solve 384 intercept-like quadratics in each of B members.

    Args:
        state: float32 [B, 4, 32], places and velocities, changed in place.
        table: float32 [B, 12, 32, 4], written.
    """
    one, half, step = np.float32(1.0), np.float32(0.5), np.float32(1e-3)
    for b in numba.prange(state.shape[0]):
        x, y, u, v = state[b]
        for i in range(TRACKS):
            x[i] += u[i] * step
            y[i] += v[i] * step
        for s in range(SHOOTERS):
            near = np.float32(s) * half
            for i in range(TRACKS):
                dx, dy = x[i] - near, y[i] + near
                closing = dx * u[i] + dy * v[i]
                distance = dx * dx + dy * dy
                root = np.sqrt(closing * closing + distance + one)
                time = distance / (root + one)
                table[b, s, i, 0] = time
                table[b, s, i, 1] = one - half * time
                table[b, s, i, 2] = closing
                table[b, s, i, 3] = root


def inputs(members: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return a state and a table for a batch, always the same, their memory touched."""
    state = np.linspace(-1.0, 1.0, members * 4 * TRACKS, dtype=np.float32)
    table = np.zeros((members, SHOOTERS, TRACKS, COLUMNS), np.float32)
    return np.ascontiguousarray(state.reshape(members, 4, TRACKS)), table
