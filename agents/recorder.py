"""What a run says while it learns: ``progress.jsonl``, TensorBoard and the progress bar.

``progress.jsonl`` is the record, one object a line. TensorBoard is for looking at it: the same
scalars under the same names, and beside them histograms of what the policy fires at, now and then
a picture of a validation raid, the configuration, and final scores by hyperparameters
(docs/reports.md lists them).
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import yaml
from torch.utils.tensorboard import SummaryWriter
from torch.utils.tensorboard.summary import hparams

from agents.evaluation import Evaluation
from agents.files import write_text
from agents.learned.decisions import decisions
from agents.learned.moment import generators_kept
from agents.policy import Policy
from agents.progress import CONFIG_FILE, PROGRESS_FILE, ProgressBar
from agents.rollout import record_raid
from envs.scenario import Scenario

CPU_MINUTES = "time/cpu_minutes"
_LOOKED_AT = 16  # validation raids whose decisions are drawn as histograms
_PICTURES = 8  # of a raid, in a whole run

Watch = Callable[[dict[str, float], float], object]
"""Shown the figures that were recorded, and the share of the budget that is used."""


class Recorder:
    """Takes named figures and the step they belong to; names stay stable over versions."""

    def __init__(
        self,
        folder: Path,
        title: str,
        budget: int,
        done: int = -1,
        settings: Any = None,
        scenario: Scenario | None = None,
        watch: Watch | None = None,
    ) -> None:
        """Take up the record of a run.

        Args:
            folder: Of the run.
            title: Of the bar.
            budget: The number of steps that make it full.
            done: Step from which the run goes on; what is recorded of later ones, by a process
                that was killed before it saved them, is dropped. -1: the run begins.
            settings: Dataclass of the agent's settings, shown as text; None: none.
            scenario: What is played, which charts and pictures depend on; None: there are none.
            watch: Told what is recorded.
        """
        self._watch, self._budget = watch, budget
        self._bar = ProgressBar(title, budget)
        path = folder / PROGRESS_FILE
        self._minutes_before: float | None = 0.0
        self._began = time.process_time()
        if path.is_file():
            kept = _lines_up_to(path.read_text(encoding="utf-8"), done)
            write_text(path, "".join(kept))
            if kept:  # a run begun by a version that did not record it goes on without
                self._minutes_before = json.loads(kept[-1]).get(CPU_MINUTES)
        self._writer = SummaryWriter(folder, purge_step=done + 1)
        self._file = path.open("a", encoding="utf-8")
        self._seen: dict[str, float] = {}
        self._scenario, self._first_seed = scenario, getattr(settings, "validation_seed", 0)
        self._every, self._next_picture = max(budget // _PICTURES, 1), max(done, 0)
        if scenario is not None:
            self._writer.add_custom_scalars(layout(scenario))
        if settings is not None:
            self._writer.add_text("configuration", _as_text(folder, settings, scenario))

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
        """Record figures, and show those that people wait for; without any, only how far it is.

        To figures are added the minutes of processor time, of all threads, that this process has
        taken and those before it in the folder had when they last recorded.
        """
        if figures and self._minutes_before is not None:
            spent = (time.process_time() - self._began) / 60.0
            figures = figures | {CPU_MINUTES: round(self._minutes_before + spent, 3)}
        for name, value in figures.items():
            self._writer.add_scalar(name, value, step)
        if figures:
            self._file.write(json.dumps({"step": step} | figures) + "\n")
            self._file.flush()
            if self._watch is not None:
                self._watch(figures, step / max(self._budget, 1))
        self._seen |= figures
        self._bar.update(step, self._words())

    def look(self, policy: Policy, step: int) -> None:
        """Draw what a policy fires at, and now and then a raid that it plays; draws no chance.

        Args:
            policy: As it has just been validated.
            step: At which.
        """
        if self._scenario is None:
            return
        seeds = range(self._first_seed, self._first_seed + _LOOKED_AT)
        with generators_kept():
            for name, values in decisions(policy, self._scenario, seeds, "validation").items():
                if values.size:
                    self._writer.add_histogram(name, values, step)
            if step >= self._next_picture:
                self._next_picture = step + self._every
                self._draw(policy, step)

    def _draw(self, policy: Policy, step: int) -> None:
        """Add a frame of the first validation raid: the moment of most engagements in flight."""
        assert self._scenario is not None
        if find_spec("pygame") is None:
            self._next_picture = sys.maxsize
            words = 'no pictures of raids in TensorBoard: pip install "balticshield[render]"'
            print(words, file=sys.stderr)
            return
        from envs.rendering.frame import frame

        record = record_raid(policy, self._scenario, self._first_seed)
        busy = [int(moment.shooter["busy"].sum()) for moment in record.moments]
        picture = frame(record, int(np.argmax(busy)))
        self._writer.add_image("validation/raid", picture, step, dataformats="HWC")

    def _words(self) -> str:
        words = []
        if "train/protected_share" in self._seen:
            words.append(f"protected {100 * self._seen['train/protected_share']:.1f} %")
        if "validation/protected_share" in self._seen:
            share = 100 * self._seen["validation/protected_share"]
            gain = 100 * self._seen["validation/gain_over_greedy"]
            words.append(f"validation {share:.1f} % ({gain:+.1f} over WTA)")
        return ", ".join(words)


def layout(scenario: Scenario) -> dict[str, dict[str, list[Any]]]:
    """The page of TensorBoard's custom scalars that tells how a training goes."""
    leakers = [f"validation/leakers_{kind}" for kind in scenario.kinds_coming]
    charts = {
        "protected share, beside greedy WTA, the pricing rule and the bound": [
            "validation/protected_share",
            *(f"reference/{name}" for name in ("greedy", "pricing", "bound")),
        ],
        "leakers by kind of threat, a raid": leakers,
        "rounds left, a raid": ["validation/rounds_left"],
        "wasted shots, a raid": [
            f"validation/rounds_{name}" for name in ("wasted", "at_decoys", "at_dead", "unguided")
        ],
    }
    # TensorBoard takes names for the beginnings of names.
    lines = {title: ["Multiline", [f"{tag}$" for tag in tags]] for title, tags in charts.items()}
    return {"how it goes": lines}


def record_scores(folder: Path, agent: Any, evaluation: Evaluation) -> None:
    """Write the final scores of a run into TensorBoard, by its settings (HParams).

    Args:
        folder: Of the run.
        agent: Dataclass of the agent's settings.
        evaluation: Of the trained agent, which is its subject; ``results.json`` has the same.
    """
    own = evaluation.results[evaluation.subject]
    scores = {
        "final/protected_share": own.score.estimate,
        "final/gain_over_greedy": own.gain_over_greedy.estimate,
        "final/gain_over_best_classical": own.gain_over_best_classical.estimate,
    }
    if own.gap_closed is not None:
        scores["final/gap_closed"] = own.gap_closed.estimate
    chosen: dict[str, Any] = {"agent": type(agent).__name__.removesuffix("Settings")}
    chosen |= {"scenario": evaluation.scenario} | asdict(agent)
    plain = {
        name: value if isinstance(value, bool | int | float | str) else str(value)
        for name, value in chosen.items()
    }
    with SummaryWriter(folder) as writer:
        for summary in hparams(plain, scores):
            writer._get_file_writer().add_summary(summary)
        for name, value in scores.items():
            writer.add_scalar(name, value, 0)


def _as_text(folder: Path, settings: Any, scenario: Scenario | None) -> str:
    """The run's configuration as Markdown: of the script, or else of the agent alone."""
    path = folder / CONFIG_FILE
    if path.is_file():
        text = path.read_text(encoding="utf-8")
    else:
        content: Mapping[str, Any] = {"agent": asdict(settings)}
        named = {} if scenario is None else {"scenario": scenario.name}
        text = yaml.safe_dump({**named, **content}, sort_keys=False)
    return "\n".join(f"    {line}" for line in text.splitlines())


def _lines_up_to(text: str, step: int) -> list[str]:
    """The lines of a record up to a step, without one that a killed process did not finish."""
    whole = text.splitlines(keepends=True)[: text.count("\n")]
    return [line for line in whole if json.loads(line)["step"] <= step]
