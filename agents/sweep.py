"""Summarises the runs of a sweep over their seeds: one table, one CSV and one plot.

`python -m agents.sweep runs/sweep` takes the runs that `train.py -m` made there. Runs that
differ by their seed alone are one line: the interquartile mean of their protected shares, and of
their gains over the best classical policy, with the interval that their spread gives. All runs of
a scenario are scored on the same raids, so the spread is that of training.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from matplotlib.figure import Figure

from agents.files import write_text
from agents.progress import CONFIG_FILE
from agents.report import RESULTS_FILE, draw_estimates, in_percent
from agents.scoring import CONFIDENCE, interquartile_mean, over_runs

_OF_THE_RUN = ("seed", "agent.seed", "folder", "sweep", "resume", "cluster", "agent.threads")
"""Keys that do not make runs unlike."""
_KIND = ("agent_name", "scenario.name")


@dataclass(frozen=True)
class Run:
    """One run that is over.

    Attributes:
        seed: Of its training.
        settings: The values of its configuration by their dotted keys, as text.
        score: Protected share of what it learned.
        gain: The same less that of the best classical policy, on the same raids.
    """

    folder: Path
    seed: int
    settings: dict[str, str]
    score: float
    gain: float


def read_runs(sweep: Path) -> tuple[list[Run], list[Path]]:
    """The runs of a sweep that are over, and the folders of those that are not.

    Raises:
        ValueError: If there is none.
    """
    found, waiting = [], []
    for path in sorted(sweep.glob(f"*/{CONFIG_FILE}")):
        if not (path.parent / RESULTS_FILE).is_file():
            waiting.append(path.parent)
            continue
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
        results = json.loads((path.parent / RESULTS_FILE).read_text(encoding="utf-8"))
        learned = list(results["policies"].values())[-1]
        settings = {key: value for key, value in leaves(config) if key not in _OF_THE_RUN}
        gain = learned["gain_over_best_classical"]["estimate"]
        share = learned["score"]["estimate"]
        found.append(Run(path.parent, int(config["seed"]), settings, share, gain))
    if not found:
        raise ValueError(f"{sweep} has no run that is over; train.py -m sweep={sweep} makes some")
    return found, waiting


def leaves(node: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """The values of a nested mapping by their dotted keys, as text."""
    if isinstance(node, dict):
        for name, value in node.items():
            yield from leaves(value, f"{key}.{name}".lstrip("."))
    else:
        yield key, json.dumps(node, sort_keys=True) if isinstance(node, list) else str(node)


def groups(runs: Sequence[Run]) -> dict[str, list[Run]]:
    """Runs that differ by their seed alone, by what sets them apart from the others."""
    kinds = [tuple(run.settings[key] for key in _KIND) for run in runs]
    named: dict[str, list[Run]] = {}
    for run, kind in zip(runs, kinds, strict=True):
        alike = [other for other, its in zip(runs, kinds, strict=True) if its == kind]
        shown = [*_apart(_KIND, runs), *_apart(sorted(run.settings), alike)]
        name = ", ".join(f"{key}={run.settings[key]}" for key in shown) or ", ".join(kind)
        named.setdefault(name, []).append(run)
    return named


def _apart(keys: Sequence[str], runs: Sequence[Run]) -> list[str]:
    return [key for key in keys if len({run.settings.get(key) for run in runs}) > 1]


def table(named: dict[str, list[Run]], waiting: Sequence[Path] = ()) -> str:
    """The summary as a Markdown table, the best first."""
    lines = ["| runs | seeds | protected share | gain over the best classical | lowest, highest |"]
    lines += ["|---|---|---|---|---|"]
    for name, runs in _best_first(named):
        shares, gains = [run.score for run in runs], [run.gain for run in runs]
        ends = f"{100 * min(shares):.1f}, {100 * max(shares):.1f}"
        cells = [name, str(len(runs)), _words(shares, ".1f"), _words(gains, "+.1f"), ends]
        lines.append(f"| {' | '.join(cells)} |")
    caption = (
        "Interquartile means over seeds (a quarter of them, rounded down, left out at each end), "
        f"in percent, [{CONFIDENCE:.0%} bootstrap interval over seeds]; few seeds give rough ones."
    )
    left = [f"Not over yet: {', '.join(path.name for path in waiting)}"] if waiting else []
    return "\n".join([*lines, "", caption, *left]) + "\n"


def plot(named: dict[str, list[Run]]) -> Figure:
    """Every run as a dot, and the interquartile mean with its interval."""
    figure = Figure(figsize=(9.0, 1.4 + 0.45 * len(named)), layout="constrained")
    axes = figure.subplots()
    ordered = _best_first(named)
    for place, (_, runs) in enumerate(ordered):
        axes.plot([100 * run.score for run in runs], [place] * len(runs), "o", color="0.75")
    means = [over_runs(np.array([run.score for run in runs])) for _, runs in ordered]
    draw_estimates(axes, range(len(ordered)), means, "#1f4e79")
    axes.set_yticks(range(len(ordered)), [name for name, _ in ordered], fontsize="small")
    axes.set_xlabel("protected share (%), interquartile mean over seeds; grey: single runs")
    axes.invert_yaxis()
    return figure


def write(named: dict[str, list[Run]], waiting: Sequence[Path], folder: Path) -> None:
    """Write ``summary.md``, ``summary.csv`` and ``summary.png``."""
    write_text(folder / "summary.md", table(named, waiting))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["runs", "seed", "protected_share", "gain_over_best_classical", "folder"])
    for name, runs in named.items():
        writer.writerows([name, r.seed, r.score, r.gain, r.folder.name] for r in runs)
    write_text(folder / "summary.csv", text.getvalue())
    temporary = folder / ".summary.new.png"
    plot(named).savefig(temporary, dpi=150)
    os.replace(temporary, folder / "summary.png")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m agents.sweep", description=__doc__)
    parser.add_argument("sweep", type=Path, nargs="?", default=Path("runs/sweep"))
    sweep = parser.parse_args(arguments).sweep
    try:
        runs, waiting = read_runs(sweep)
        named = groups(runs)
        write(named, waiting, sweep)
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    print(table(named, waiting))
    print(f"summary: {sweep}")
    return 0


def _best_first(named: dict[str, list[Run]]) -> list[tuple[str, list[Run]]]:
    def mean(item: tuple[str, list[Run]]) -> float:
        return -float(interquartile_mean(np.array([run.score for run in item[1]])))

    return sorted(named.items(), key=mean)


def _words(values: Sequence[float], form: str) -> str:
    found = over_runs(np.array(values))
    return f"{100 * found.estimate:{form}}" if len(values) == 1 else in_percent(found, form)


if __name__ == "__main__":
    sys.exit(main())
