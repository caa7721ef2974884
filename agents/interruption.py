"""Stopping on request: the first Ctrl-C or SIGTERM asks, the second insists."""

from __future__ import annotations

import os
import signal
from types import FrameType, TracebackType
from typing import Any, Self

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interruption:
    """While entered, turns the first SIGINT or SIGTERM into a request that work can look at.

    A second signal acts as it would have without this, so that a hung process can be stopped.
    Signals reach the main thread alone; enter it there.
    """

    def __init__(self) -> None:
        """Nothing is caught before ``with``."""
        self.signal: signal.Signals | None = None
        self._before: dict[signal.Signals, Any] = {}

    @property
    def exit_code(self) -> int:
        """What a shell expects of a process ended so: 130 for Ctrl-C, 143 for SIGTERM."""
        return 0 if self.signal is None else 128 + int(self.signal)

    def requested(self) -> bool:
        """Whether somebody asked to stop."""
        return self.signal is not None

    def __enter__(self) -> Self:
        """Start catching."""
        self._before = {number: signal.signal(number, self._catch) for number in _SIGNALS}
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Restore what was there before; errors pass through."""
        self._restore()

    def _catch(self, number: int, frame: FrameType | None) -> None:
        self.signal = signal.Signals(number)
        self._restore()
        # Not print: a handler may run in the middle of one.
        os.write(2, b"\nstopping: saving the run first (once more to stop at once)\n")

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}
