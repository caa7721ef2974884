"""Maximum marginal return for instances: weapons may fire several rounds, also at one target."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from envs.core.compiled import compiled


@compiled()
def _find_target(left: NDArray[np.float64], survival: NDArray[np.float64], w: int) -> int:
    best = -1
    most = 0.0
    for t in range(left.size):
        saved = left[t] * (1.0 - survival[t, w])
        if saved > most:
            most = saved
            best = t
    return best


@compiled(allocates=True)
def fire_marginally(
    left: NDArray[np.float64],
    survival: NDArray[np.float64],
    rounds: NDArray[np.int64],
    counts: NDArray[np.int64],
) -> None:
    """Fires the round that saves most, again and again, until no round saves anything.

    Ties go to the lower weapon, then to the lower target. Greedy for a submodular function over a
    partition matroid: it saves at least half of what the best allocation saves (Nemhauser, Wolsey
    and Fisher 1978).

    Args:
        left: Surviving value of each target [T]; kept up to date.
        survival: After one round [T, W].
        rounds: Rounds that each weapon still has [W].
        counts: Rounds by weapon and target [W, T]; those fired are added.
    """
    weapons = rounds.size
    unspent = rounds.copy()
    target = np.full(weapons, -1, np.int64)
    for w in range(weapons):
        if unspent[w] > 0:
            target[w] = _find_target(left, survival, w)
    while True:
        fired = -1
        most = 0.0
        for w in range(weapons):
            if target[w] >= 0:
                saved = left[target[w]] * (1.0 - survival[target[w], w])
                if saved > most:
                    most = saved
                    fired = w
        if fired < 0:
            return
        hit = target[fired]
        left[hit] *= survival[hit, fired]
        counts[fired, hit] += 1
        unspent[fired] -= 1
        for w in range(weapons):
            if target[w] == hit:
                target[w] = _find_target(left, survival, w) if unspent[w] > 0 else -1


def marginal_counts(
    value: NDArray[np.float64], survival: NDArray[np.float64], rounds: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Allocates from nothing by maximum marginal return; counts [W, T]."""
    counts = np.zeros((rounds.size, value.size), np.int64)
    fire_marginally(value.copy(), survival, rounds, counts)
    return counts
