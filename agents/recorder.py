"""What a run says while it learns: TensorBoard, ``progress.jsonl``, and the progress bar."""

from __future__ import annotations

import json
from pathlib import Path
from types import TracebackType
from typing import Self

from torch.utils.tensorboard import SummaryWriter

from agents.files import write_text
from agents.progress import ProgressBar

PROGRESS_FILE = "progress.jsonl"


class Recorder:
    """Takes named figures and the step they belong to; names stay stable over versions.

    ``progress.jsonl`` is the record, one object a line; TensorBoard is for looking at it.
    """

    def __init__(self, folder: Path, title: str, budget: int, done: int = -1) -> None:
        """Take up the record of a run.

        Args:
            folder: Of the run.
            title: Of the bar.
            budget: The number of steps that make it full.
            done: Step from which the run goes on; what is recorded of later ones, by a process
                that was killed before it saved them, is dropped. -1: the run begins.
        """
        self._bar = ProgressBar(title, budget)
        path = folder / PROGRESS_FILE
        if path.is_file():
            write_text(path, _lines_up_to(path.read_text(encoding="utf-8"), done))
        self._writer = SummaryWriter(folder, purge_step=done + 1)
        self._file = path.open("a", encoding="utf-8")
        self._seen: dict[str, float] = {}

    def __enter__(self) -> Self:
        """Start showing."""
        self._bar.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop showing and close the files."""
        self._bar.__exit__(kind, error, trace)
        self._writer.close()
        self._file.close()

    def __call__(self, figures: dict[str, float], step: int) -> None:
        """Record figures, and show those that people wait for; without any, only how far it is."""
        for name, value in figures.items():
            self._writer.add_scalar(name, value, step)
        if figures:
            self._file.write(json.dumps({"step": step} | figures) + "\n")
            self._file.flush()
        self._seen |= figures
        self._bar.update(step, self._words())

    def _words(self) -> str:
        words = []
        if "train/protected_share" in self._seen:
            words.append(f"protected {100 * self._seen['train/protected_share']:.1f} %")
        if "validation/protected_share" in self._seen:
            share = 100 * self._seen["validation/protected_share"]
            gain = 100 * self._seen["validation/gain_over_greedy"]
            words.append(f"validation {share:.1f} % ({gain:+.1f} over WTA)")
        return ", ".join(words)


def _lines_up_to(text: str, step: int) -> str:
    """The lines of a record up to a step, without one that a killed process did not finish."""
    whole = text.splitlines(keepends=True)[: text.count("\n")]
    return "".join(line for line in whole if json.loads(line)["step"] <= step)
