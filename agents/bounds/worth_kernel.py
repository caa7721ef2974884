"""What each threat of an undefended raid costs, compiled."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from envs.core.compiled import compiled


@compiled(allocates=True)
def risks(
    raid: NDArray[np.int64],
    aim: NDArray[np.int64],
    part: NDArray[np.float64],
    damage: NDArray[np.float64],
    value: NDArray[np.float64],
    repaired: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return what each threat in turn costs if it hits and nobody fires.

    risk_i = value_a min(health_a, damage_i), and then health_a falls by part_i min(...).

    Args:
        raid: [m], raid of each threat; threats stand in order of impact.
        aim: [m], its asset.
        part: [m], 1 if it does damage, 0 if not; or with what probability it does.
        damage: [m], health that a hit takes at most.
        value: [A], of the assets.
        repaired: [raids], health that every asset regains after each raid.

    Returns:
        [m]. Once nothing has any health the episode is over: what comes later costs nothing.
    """
    health = np.ones(value.shape[0])
    risk = np.zeros(aim.shape[0])
    now = 0
    for i in range(aim.shape[0]):
        if health.max() <= 0.0:
            break
        while now < raid[i]:
            for a in range(health.shape[0]):
                health[a] = min(1.0, health[a] + repaired[now])
            now += 1
        taken = min(health[aim[i]], damage[i])
        risk[i] = value[aim[i]] * taken
        health[aim[i]] -= part[i] * taken
    return risk
