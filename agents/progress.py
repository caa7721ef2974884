"""Progress for people: a bar on a terminal, a line now and then anywhere else.

Every command that takes more than two seconds shows one, and how much time is left.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Self, TypeVar

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

PROGRESS_FILE = "progress.jsonl"
"""The record of a run, in its folder: one object a line, the step and named figures."""

CONFIG_FILE = "config.yaml"
"""The configuration of a run of ``train.py``, in its folder."""

_LINE_EVERY_S = 30.0
_TICK_S = 0.5
Item = TypeVar("Item")


class ProgressBar:
    """Shows how far something is, with a few words of how well it goes.

    ``with ProgressBar("training", total=1000) as bar: bar.update(10, "protected 31 %")``
    """

    def __init__(self, title: str, total: int, console: Console | None = None) -> None:
        """Title and total number of steps; nothing is shown before ``with``."""
        self._title, self._total, self._words = title, total, ""
        self._console = console or Console(file=sys.stderr)
        self._task: TaskID | None = None
        self._shown_at = self._began_at = time.monotonic()
        self._first: int | None = None  # what was done before the first update, by an earlier run
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeRemainingColumn(compact=True),
            TextColumn("{task.fields[words]}"),
            console=self._console,
            expand=True,
            # What a command prints stands above the bar on a terminal, and else in its own file.
            redirect_stdout=sys.stdout.isatty(),
        )

    def __enter__(self) -> Self:
        """Start showing."""
        if self._console.is_terminal:
            self._bar.start()
            self._task = self._bar.add_task(self._title, total=self._total, words="")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop showing; errors pass through."""
        if self._task is not None:
            self._bar.stop()

    def update(self, done: int, words: str = "", title: str | None = None) -> None:
        """Show ``done`` of the total, and a few words.

        Args:
            done: Steps done so far; more than the total counts as the total.
            words: How well it goes; the last words given stay.
            title: Replaces the title.
        """
        self._title = title or self._title
        done = min(done, self._total)
        if self._first is None:
            self._first, self._began_at = done, time.monotonic()
            if self._task is not None:
                self._bar.reset(self._task, completed=done)
        if self._task is None:
            self._line(done, words)
        else:
            self._words = words or self._words
            self._bar.update(self._task, completed=done, description=self._title, words=self._words)

    def _line(self, done: int, words: str) -> None:
        now = time.monotonic()
        if now - self._shown_at < _LINE_EVERY_S and done < self._total:
            return
        self._shown_at = now
        done_here = max(done - (self._first or 0), 1)
        left_min = (now - self._began_at) / done_here * (self._total - done) / 60.0
        share = done / max(self._total, 1)
        line = f"{self._title}: {share:.0%} of {self._total}, {left_min:.1f} min left  {words}"
        self._console.print(line.rstrip(), highlight=False, markup=False, soft_wrap=True)


def tracked(title: str, items: Sequence[Item]) -> Iterator[Item]:
    """Yield items one after the other, and show how many are done.

    ``for scenario in tracked("playing", scenarios): ...``
    """
    with ProgressBar(title, len(items)) as bar:
        for done, item in enumerate(items):
            bar.update(done, "" if len(str(item)) > 40 else str(item))
            yield item
        bar.update(len(items))


@contextmanager
def waiting(title: str, limit_s: float) -> Iterator[None]:
    """Show how much of a time limit has passed, for work that cannot say how far it is."""
    began, over = time.monotonic(), threading.Event()
    with ProgressBar(title, max(round(limit_s), 1)) as bar:

        def tick() -> None:
            while not over.wait(_TICK_S):
                bar.update(min(int(time.monotonic() - began), max(round(limit_s), 1) - 1))

        clock = threading.Thread(target=tick, daemon=True)
        clock.start()
        try:
            yield
        finally:
            over.set()
            clock.join()
