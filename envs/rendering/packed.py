"""Lines and paths as few whole numbers, for replays.

Lengths are whole hundreds of metres, times whole tenths of a step; what is packed holds the
difference of each point from the one before, and of points only those that matter.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

UNIT_M = 100.0
TENTHS = 10.0
Array = NDArray[Any]


def simplified(line: Array, fine: float) -> Array:
    """Return a line [n, 2] without points nearer than `fine` to what is left (Douglas, Peucker)."""

    def stray(some: Array) -> Array:
        start, way = some[0], some[-1] - some[0]
        along = np.clip((some - start) @ way / max(way @ way, 1e-9), 0.0, 1.0)
        return np.linalg.norm(some - start - along[:, None] * way, axis=1)

    return line[_kept(line, fine, stray)]


def straightened(path: Array, fine: float) -> Array:
    """Return a path [n, 3] of time, x and y without points that constant speed explains.

    Left out is what lies within `fine` of where it would be at its time if what is kept before and
    after it were joined at constant speed.
    """

    def stray(some: Array) -> Array:
        share = (some[:, 0] - some[0, 0]) / max(some[-1, 0] - some[0, 0], 1e-9)
        there = some[0, 1:] + share[:, None] * (some[-1, 1:] - some[0, 1:])
        return np.linalg.norm(some[:, 1:] - there, axis=1)

    return path[_kept(path, fine, stray)]


def _kept(points: Array, fine: float, stray: Callable[[Array], Array]) -> list[int]:
    """Return which points to keep: the ends, and between two kept ones the farthest astray."""
    if len(points) < 3:
        return list(range(len(points)))
    kept, waiting = {0, len(points) - 1}, [(0, len(points) - 1)]
    while waiting:
        first, last = waiting.pop()
        if last - first < 2:
            continue
        away = stray(points[first : last + 1])
        worst = first + int(np.argmax(away))
        if away[worst - first] > fine and first < worst < last:
            kept.add(worst)
            waiting += [(first, worst), (worst, last)]
    return sorted(kept)


def packed_path(points: Array) -> list[int]:
    """Return a path [n, 3] of steps and metres as flat differences, tenths and hundred metres."""
    turns = straightened(points, UNIT_M)
    return _differences(np.round(turns / (1.0 / TENTHS, UNIT_M, UNIT_M)).astype(int))


def packed_line(line: Array) -> list[int]:
    """Return a line [n, 2] in metres as flat differences in hundreds of metres."""
    return _differences(np.round(np.asarray(line) / UNIT_M).astype(int))


def _differences(rows: Array) -> list[int]:
    first: list[int] = rows[:1].ravel().tolist()
    return first + np.diff(rows, axis=0).ravel().tolist()


def units(metres: float) -> int:
    """Return metres as whole hundreds."""
    return round(metres / UNIT_M)


def tenths(steps: float) -> int:
    """Return steps as whole tenths."""
    return round(TENTHS * steps)
