"""A search on paper: ``best.yaml``, ``trials.csv`` and ``search.png``."""

from __future__ import annotations

import csv
import io
import os
from pathlib import Path

import optuna
import yaml
from matplotlib.figure import Figure
from optuna.trial import FrozenTrial, TrialState

from agents.files import write_text
from agents.search_space import Space

_COLOURS = {TrialState.COMPLETE: "#1f4e79", TrialState.PRUNED: "#b0b0b0"}


def write(study: optuna.Study, space: Space, folder: Path) -> None:
    """Write the figures of a study's trials so far."""
    if best := best_of(study):
        found = {
            "agent": space.agent,
            "scenario": space.content["scenario"],
            "settings": {**space.settings, **best.params},
            "validation_protected_share": round(float(best.value or 0.0), 4),
            "trial": best.number,
            "train": space.command(best.params),
        }
        write_text(folder / "best.yaml", yaml.safe_dump(found, sort_keys=False, width=1000))
    write_text(folder / "trials.csv", _csv(_told(study), list(space.ranges)))


def write_plot(study: optuna.Study, space: Space, folder: Path) -> None:
    """Draw a study's trials so far, if any is over."""
    if told := _told(study):
        temporary = folder / ".search.new.png"
        plot(told, list(space.ranges)).savefig(temporary, dpi=150)
        os.replace(temporary, folder / "search.png")


def words(study: optuna.Study, space: Space, folder: Path) -> str:
    """How a search stands, for people."""
    states = [trial.state for trial in study.get_trials(deepcopy=False)]
    counts = {state.name.lower(): states.count(state) for state in TrialState}
    lines = ["trials: " + ", ".join(f"{n} {name}" for name, n in counts.items() if n)]
    if best := best_of(study):
        lines += [
            f"best: {100 * float(best.value or 0.0):.1f} % of the validation raids, a maximum"
        ]
        lines += [f"to train with it: {space.command(best.params)}"]
    return "\n".join([*lines, f"all of it: {folder}"])


def best_of(study: optuna.Study) -> FrozenTrial | None:
    """The trial that validated best, or None before one is complete."""
    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    return max(complete, key=lambda trial: float(trial.value or 0.0), default=None)


def plot(trials: list[FrozenTrial], names: list[str]) -> Figure:
    """Validation curves, the best of each, and what each setting had to do with it."""
    panels = 2 + len(names)
    figure = Figure(figsize=(3.2 * panels, 3.2), layout="constrained")
    curves, history, *settings = figure.subplots(1, panels, sharey=True)
    for trial in trials:
        steps = sorted(trial.intermediate_values)
        shares = [100 * trial.intermediate_values[step] for step in steps]
        colour = _COLOURS[trial.state]
        curves.plot([step / 10 for step in steps], shares, color=colour, alpha=0.6)
        best = max(shares)
        history.plot(trial.number, best, "o", color=colour)
        for axes, name in zip(settings, names, strict=True):
            value = trial.params[name]
            axes.plot(
                value if isinstance(value, int | float) else str(value), best, "o", color=colour
            )
    for axes, name in zip(settings, names, strict=True):
        axes.set_xlabel(name)
        if getattr(trials[0].distributions[name], "log", False):
            axes.set_xscale("log")
    curves.set_xlabel("budget used (%)")
    curves.set_ylabel("protected share (%), validation")
    history.set_xlabel("trial; grey: pruned")
    return figure


def _told(study: optuna.Study) -> list[FrozenTrial]:
    """Trials that are over and have a curve."""
    over = study.get_trials(deepcopy=False, states=tuple(_COLOURS))
    return [trial for trial in over if trial.intermediate_values]


def _csv(trials: list[FrozenTrial], names: list[str]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["trial", "state", "best_validation", "budget_used", *names])
    for trial in trials:
        best, used = max(trial.intermediate_values.values()), max(trial.intermediate_values) / 1000
        values = (trial.params[name] for name in names)
        writer.writerow([trial.number, trial.state.name.lower(), best, used, *values])
    return text.getvalue()
