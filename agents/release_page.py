"""Released agents on paper: what each training reached on test raids, as JSON and one page."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from agents import scoring
from agents.files import write_text
from agents.learned.settings import PriceNetworkSettings
from agents.recorder import CPU_MINUTES, PROGRESS_FILE
from agents.report import in_percent
from agents.runs import RELEASED
from agents.scoring import Estimate
from envs.digest import scenario_digest
from envs.scenario import Scenario

_HEAD = """# Released agents

What price networks ([learning.md](learning.md)) reach on test raids, which nothing was trained,
tuned or chosen on. This page is written by `python -m agents.release`, from the figures in
`docs/released/`; one training is made again by `python -m agents.release SCENARIO --seed N`, and
its settings and curve stand in the card beside its weights, in `agents/learned/released/`. A
network by its name: `evaluate.py scenario=NAME 'policies=[wta_pricing,price_network]'`. The one of
`duel`, which is small enough to be solved, was taught by the exact solution.

Protected share in percent, [95 % interval]; gains are over the best classical policy, paired raid
by raid; gap closed: gain over greedy WTA / (bound − greedy WTA). Classical are greedy WTA, one
tuned price and the tuned pricing rule, the strongest of the reactive class
([ladder.md](ladder.md)). p99: 99 of 100 decisions take at most so long, one at a time on one thread
of a shared machine. CPU minutes: of one core, that the training took, where it was recorded.
"""


def changed_settings(settings: PriceNetworkSettings) -> dict[str, Any]:
    """Settings that are not the default ones, by name."""
    default = PriceNetworkSettings()
    return {key: own for key, own in asdict(settings).items() if own != getattr(default, key)}


def curve(folder: Path) -> list[float]:
    """Protected share on the validation raids, before training and after each iteration."""
    lines = (folder / PROGRESS_FILE).read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    return list({row["step"]: row["validation/protected_share"] for row in rows}.values())


def minutes(folder: Path) -> float | None:
    """Of processor time that the training in a folder took, if that was recorded."""
    last = (folder / PROGRESS_FILE).read_text(encoding="utf-8").splitlines()[-1]
    spent: float | None = json.loads(last).get(CPU_MINUTES)
    return spent


def note(
    results: dict[str, Any],
    scenario: Scenario,
    settings: PriceNetworkSettings,
    run: Path,
    folder: Path,
) -> None:
    """Write the figures of one training into a folder.

    Args:
        results: Of the test raids, as ``report.as_dict`` returns them.
        scenario: What was played.
        settings: Of the training.
        run: Its folder, which has its record.
        folder: Of such figures, one file a training.
    """
    own, best = (results["policies"][name] for name in (RELEASED, results["best_classical"]))
    figures = {
        "scenario": scenario.name,
        "version": scenario.version,
        "digest": scenario_digest(scenario),
        **{key: results[key] for key in ("split", "raids", "best_classical")},
        "seed": settings.seed,
        "settings": changed_settings(settings),
        "curve": [round(share, 6) for share in curve(run)],
        "cpu_minutes": minutes(run),
        "classical": _figure(best["score"]),
        "score": _figure(own["score"]),
        "gain": _figure(own["gain_over_best_classical"]),
        "neutrals_shot": _figure(own.get("neutrals_shot")),
        "p99_ms": round(own["decision_time_ms"]["p99"], 3),
        "bound": _figure(results["bound"] and results["bound"]["score"]),
        "gap_closed": _figure(own["gap_closed"]),
        "gap_closed_classical": _figure(best["gap_closed"]),
    }
    text = json.dumps(figures, indent=1) + "\n"
    write_text(folder / f"{scenario.name}-{settings.seed}.json", text)


def page(results: Path) -> str:
    """Return the page of all trainings with figures in a folder, in Markdown."""
    found = [json.loads(file.read_text("utf-8")) for file in sorted(results.glob("*-*.json"))]
    alike: dict[str, list[dict[str, Any]]] = {}
    for figures in found:
        same = [figures["scenario"], {**figures["settings"], "seed": None}]
        alike.setdefault(json.dumps(same, sort_keys=True), []).append(figures)
    lines = [
        "| scenario | best classical | price network | gain | bound | gap closed, classical → "
        "network | p99, ms | CPU minutes | test raids |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    lines += [_line(figures) for figures in found if figures["seed"] == 0]
    several = [trainings for trainings in alike.values() if len(trainings) > 1]
    return "\n".join([_HEAD, *lines, "", *(_seeds(several) if several else [])]) + "\n"


def _line(figures: dict[str, Any]) -> str:
    """A scenario's line: the training of seed 0, which is the one released if ahead."""
    gap, before = figures["gap_closed"], figures["gap_closed_classical"]
    cells = [
        f"`{figures['scenario']}`",
        f"{figures['best_classical']} {_share(figures['classical'])}",
        _share(figures["score"]),
        in_percent(Estimate(**figures["gain"]), "+.1f"),
        _share(figures["bound"]) if figures["bound"] else "",
        f"{_share(before)} → {_share(gap)}" if gap and before else "",
        f"{figures['p99_ms']:.3f}",
        f"{spent:.1f}" if (spent := figures.get("cpu_minutes")) is not None else "",
        f"{figures['raids']:,}",
    ]
    return "| " + " | ".join(cells) + " |"


def _seeds(several: list[list[dict[str, Any]]]) -> list[str]:
    """A table of trainings that differ by their seed alone."""
    lines = [
        "## Several training seeds",
        "",
        "Trainings with the same settings but for the seed, scored on the same test raids. IQM: "
        "the interquartile mean over trainings, its interval by resampling the trainings; the "
        "raids are the same, so what raids one happens to play is not in it.",
        "",
        "| scenario | settings | seeds | IQM of protected share | IQM of the gain | gain of each |",
        "|---|---|---|---|---|---|",
    ]
    for trainings in several:
        first, seeds = trainings[0], [one["seed"] for one in trainings]
        settings = ", ".join(f"{k}={v}" for k, v in first["settings"].items() if k != "seed")
        shares = np.array([one["score"]["estimate"] for one in trainings])
        gains = np.array([one["gain"]["estimate"] for one in trainings])
        each = ", ".join(f"{100 * gain:+.1f}" for gain in gains)
        score, gain = scoring.over_runs(shares), scoring.over_runs(gains)
        lines.append(
            f"| `{first['scenario']}` | {settings or 'default'} | {', '.join(map(str, seeds))} "
            f"| {in_percent(score, '.1f')} | {in_percent(gain, '+.1f')} | {each} |"
        )
    return lines


def _share(figure: dict[str, float]) -> str:
    return f"{100 * figure['estimate']:.1f}"


def _figure(estimate: dict[str, float] | None) -> dict[str, float] | None:
    return estimate and {key: round(value, 6) for key, value in estimate.items()}
