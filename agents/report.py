"""An evaluation on paper: table, ``results.json``, ``results.csv``, a plot and one HTML page."""

from __future__ import annotations

import csv
import json
import os
import platform
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import MappingProxyType
from typing import Any

from matplotlib.figure import Figure

from agents.evaluation import BOUND, REFERENCE, BoundResult, Evaluation, PolicyResult
from agents.files import write_text
from agents.progress import PROGRESS_FILE
from agents.report_page import page
from agents.scoring import CONFIDENCE, RESAMPLES, Estimate, protected_share

COLOURS = ("#d55e00", "#0072b2", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
"""Of policies in plots, apart also for colour-blind eyes."""

_COLOUR, _BOUND_COLOUR = "#1f4e79", "#b03a2e"
RESULTS_FILE, TABLE_FILE = "results.json", "table.md"
_PACKAGES = ("balticshield", "gymnasium", "numba", "numpy")
_PACKAGES_OF_SOME = ("torch", "stable-baselines3", "sb3-contrib", "cma")
REPORT = "report.html"


def table(evaluation: Evaluation) -> str:
    """The results as a Markdown table that also reads well in a terminal."""
    start, best = evaluation.start, evaluation.best_classical
    traffic, limit = _has_traffic(evaluation), evaluation.bound
    head = ["policy", "protected share", *["neutrals shot"] * traffic, f"gain over {REFERENCE}"]
    head += ["gap closed"] * (limit is not None)
    head += [f"gain over {best}"] * (best != REFERENCE) + [f"gain over {start}"] * bool(start)
    lines = [[*head, "ms a decision, p50 / p99"]]
    for name, result in evaluation.results.items():
        cells = [name, in_percent(result.score, ".1f")]
        if result.neutrals_shot is not None:
            cells.append(result.neutrals_shot.in_words(".2f"))
        cells.append(_gain(name, REFERENCE, result.gain_over_greedy))
        if limit is not None:
            cells.append(_gap(name, result))
        if best != REFERENCE:
            cells.append(_gain(name, best, result.gain_over_best_classical))
        if start is not None and result.gain_over_start is not None:
            cells.append(_gain(name, start, result.gain_over_start))
        time = result.decision_time_ms
        lines.append([*cells, f"{time['p50']:.3f} / {time['p99']:.3f}"])
    if limit is not None:
        gain = in_percent(limit.gain_over_greedy, "+.1f")
        cells = [BOUND, in_percent(limit.score, ".1f"), gain, "100"]
        lines.append(cells + [""] * (len(lines[0]) - len(cells)))
    widths = [max(len(line[k]) for line in lines) for k in range(len(lines[0]))]
    lines.insert(1, ["-" * width for width in widths])
    rows = (" | ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)) for line in lines)
    return "\n".join(f"| {row} |" for row in rows) + "\n\n" + _caption(evaluation) + "\n"


def write(
    evaluation: Evaluation,
    folder: Path,
    replays: Mapping[str, str] | None = None,
    pictures: Mapping[str, str] | None = None,
) -> None:
    """Write an evaluation into a folder.

    ``table.md``, ``results.json``, ``results.csv``, ``results.png`` and ``report.html``, the page
    that shows them all, with the course of the training if there is its record in the folder.

    Args:
        evaluation: What is written.
        folder: Made if need be.
        replays: File in the folder that shows a telling raid: ``most_gained``, ``most_lost``.
        pictures: Other pictures in the folder, file by what to call it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / TABLE_FILE).write_text(table(evaluation), encoding="utf-8")
    _write_csv(evaluation, folder / "results.csv")
    plot(evaluation).savefig(folder / "results.png", dpi=150)
    results = as_dict(evaluation, replays or {}) | {"pictures": dict(pictures or {})}
    write_text(folder / REPORT, page(results, _course(folder)))
    # Last, since it tells a sweep that a run is over.
    write_text(folder / RESULTS_FILE, json.dumps(results, indent=2) + "\n")


def _course(folder: Path) -> list[dict[str, float]]:
    """The record of a training in a folder, or nothing."""
    path = folder / PROGRESS_FILE
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    return [json.loads(line) for line in lines]


def as_dict(
    evaluation: Evaluation, replays: Mapping[str, str] = MappingProxyType({})
) -> dict[str, Any]:
    """Everything but the single raids, for JSON; see :func:`write`."""
    return {
        "scenario": evaluation.scenario,
        "scenario_version": evaluation.scenario_version,
        "split": evaluation.split,
        "raids": len(evaluation.seeds),
        "seeds": {"first": evaluation.seeds[0], "last": evaluation.seeds[-1]},
        "reference": REFERENCE,
        "best_classical": evaluation.best_classical,
        "start": evaluation.start,
        "subject": evaluation.subject,
        "against": evaluation.against,
        "telling": _telling_as_dict(evaluation, replays),
        "command": shlex.join(sys.orig_argv),
        "bootstrap": {"confidence": CONFIDENCE, "resamples": RESAMPLES},
        "versions": _versions(),
        "bound": _bound_as_dict(evaluation.bound),
        "machine": {"processor": platform.machine(), "cores": os.cpu_count()},
        "policies": {
            name: {
                "score": result.score.as_dict(),
                "gain_over_greedy": result.gain_over_greedy.as_dict(),
                "gain_over_best_classical": result.gain_over_best_classical.as_dict(),
                **_where_there_is(result),
                "decision_time_ms": result.decision_time_ms,
                "decision_class": result.decision_class,
                "gap_closed": result.gap_closed and result.gap_closed.as_dict(),
                "metrics": result.metrics,
                "lost": result.lost and asdict(result.lost),
            }
            for name, result in evaluation.results.items()
        },
    }


def _versions() -> dict[str, str]:
    """Of Python, of what is always there, and of what is there."""
    versions = {"python": platform.python_version()} | {p: version(p) for p in _PACKAGES}
    for package in _PACKAGES_OF_SOME:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return versions


def _telling_as_dict(evaluation: Evaluation, replays: Mapping[str, str]) -> dict[str, Any] | None:
    telling = evaluation.telling
    if telling is None:
        return None
    raids = {
        name: {"seed": seed, "gain": gain, "replay": replays.get(name)}
        for name, (seed, gain) in telling.raids()
    }
    none = dict.fromkeys(("most_gained", "most_lost"))
    return {"policy": telling.policy, "against": telling.against, **none, **raids}


def _where_there_is(result: PolicyResult) -> dict[str, Any]:
    some = {"gain_over_start": result.gain_over_start, "neutrals_shot": result.neutrals_shot}
    return {name: value.as_dict() for name, value in some.items() if value is not None}


def _has_traffic(evaluation: Evaluation) -> bool:
    return any(result.neutrals_shot is not None for result in evaluation.results.values())


def _bound_as_dict(bound: BoundResult | None) -> dict[str, Any] | None:
    if bound is None:
        return None
    return {
        "kind": bound.kind,
        "score": bound.score.as_dict(),
        "gain_over_greedy": bound.gain_over_greedy.as_dict(),
        "scores": {kind: estimate.as_dict() for kind, estimate in bound.scores.items()},
    }


def plot(evaluation: Evaluation) -> Figure:
    """Score of each policy, and its gain over the reference, with their intervals.

    Where neutral aircraft came, a third panel shows how many each policy shot down.
    """
    names = list(evaluation.results)
    results = list(evaluation.results.values())
    shot = [result.neutrals_shot for result in results if result.neutrals_shot is not None]
    panels = 3 if shot else 2
    figure = Figure(figsize=(4.5 * panels, 1.4 + 0.4 * len(names)), layout="constrained")
    left, right, *others = figure.subplots(1, panels, sharey=True)
    for axes in others:
        draw_estimates(axes, names, shot, _COLOUR, scale=1.0)
        axes.set_xlabel("neutral aircraft shot down in an episode")
    draw_estimates(left, names, [result.score for result in results], _COLOUR)
    draw_estimates(right, names, [result.gain_over_greedy for result in results], _COLOUR)
    left.set_xlabel("protected share (%)")
    right.set_xlabel(f"gain over {REFERENCE} (points)")
    if evaluation.bound is not None:
        left.axvline(100.0 * evaluation.bound.score.estimate, color=_BOUND_COLOUR, label=BOUND)
        right.axvline(100.0 * evaluation.bound.gain_over_greedy.estimate, color=_BOUND_COLOUR)
        left.legend(fontsize="small")
    right.axvline(0.0, color="0.6", linewidth=1.0, zorder=0)
    left.invert_yaxis()
    figure.suptitle(_caption(evaluation), fontsize="small")
    return figure


def draw_estimates(
    axes: Any,
    places: Any,
    estimates: Sequence[Estimate],
    colour: str,
    label: str | None = None,
    scale: float = 100.0,
) -> None:
    """Draw estimates times a scale, with their intervals, one a place on the other axis."""
    centre = [scale * e.estimate for e in estimates]
    below = [scale * (e.estimate - e.low) for e in estimates]
    above = [scale * (e.high - e.estimate) for e in estimates]
    axes.errorbar(
        centre, places, xerr=[below, above], fmt="o", color=colour, capsize=3, label=label
    )
    axes.grid(axis="x", alpha=0.3)


def _write_csv(evaluation: Evaluation, path: Path) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        columns = list(next(iter(evaluation.results.values())).rows)
        writer.writerow(["policy", *columns])
        for name, result in evaluation.results.items():
            values = (result.rows[column].tolist() for column in columns)
            writer.writerows([name, *row] for row in zip(*values, strict=True))
        if evaluation.bound is not None:
            _write_bound(evaluation, evaluation.bound, columns, writer)


def _write_bound(
    evaluation: Evaluation, bound: BoundResult, columns: Sequence[str], writer: Any
) -> None:
    """Write the bound's rows: what concerns single raids, and nothing where it has no figure."""
    undefended = next(iter(evaluation.results.values())).rows["undefended_loss"]
    known = {"seed": list(evaluation.seeds), "undefended_loss": undefended.tolist()}
    known["loss"] = bound.loss.tolist()
    known["protected_share"] = protected_share(bound.loss, undefended).tolist()
    for raid in range(len(evaluation.seeds)):
        writer.writerow([BOUND, *(known[c][raid] if c in known else "" for c in columns)])


def _caption(evaluation: Evaluation) -> str:
    first, last = evaluation.seeds[0], evaluation.seeds[-1]
    shot = "; neutrals shot: mean of an episode" if _has_traffic(evaluation) else ""
    limit = evaluation.bound
    words = "" if limit is None else f"; {BOUND}: {limit.kind} (docs/bounds.md)"
    return (
        f"Scenario {evaluation.scenario}, {len(evaluation.seeds)} {evaluation.split} raids "
        f"(seeds {first} to {last}), in percent, [{CONFIDENCE:.0%} interval]{words}{shot}"
    )


def _gap(name: str, result: PolicyResult) -> str:
    if name == REFERENCE:
        return "0"
    return "" if result.gap_closed is None else in_percent(result.gap_closed, ".1f")


def _gain(name: str, reference: str, gain: Estimate) -> str:
    return "reference" if name == reference else in_percent(gain, "+.1f")


def in_percent(estimate: Estimate, form: str) -> str:
    """An estimate and its interval in percent, each number in the given form."""
    return estimate.in_words(form, scale=100.0)
