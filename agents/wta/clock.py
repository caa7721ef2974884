"""Time limits."""

from __future__ import annotations

import math
import time


class Clock:
    """Counts seconds from its making against a limit."""

    def __init__(self, limit: float | None = None) -> None:
        """Starts to count; without a limit it is never over.

        Raises:
            ValueError: If the limit is not positive.
        """
        if limit is not None and not limit > 0:
            raise ValueError(f"seconds must be a positive number, got {limit}")
        self.limit = math.inf if limit is None else float(limit)
        self._start = time.perf_counter()

    def seconds(self) -> float:
        """Seconds since the start."""
        return time.perf_counter() - self._start

    def left(self) -> float:
        """Seconds that are left, not below 0."""
        return max(0.0, self.limit - self.seconds())

    def part(self, share: float) -> Clock:
        """A clock of its own over a share of what is left."""
        return Clock(max(share * self.left(), 1e-9))

    def over(self) -> bool:
        """Whether the limit is reached."""
        return self.seconds() >= self.limit
