"""What a sensor, a shooter or a common picture is worth: the same raids on two scenarios, paired.

`python -m agents.compare stovepipes standardised` plays each policy on the raids of both;
`python -m agents.compare low-flyers --without "Ears of Narva"` takes sensors or shooters away. It
prints a table and draws it. The scenarios must bring the same raids to the same assets.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from agents import scoring
from agents.progress import ProgressBar
from agents.report import draw_estimates, in_percent
from agents.rollout import Rows, play
from agents.runs import load_policies
from envs.core.randomness import SPLITS
from envs.scenario import Scenario, load_scenario
from envs.validation import one_of

PICTURE_METRICS = (
    "tracked_share",
    "mean_track_delay_s",
    "wrong_identifications",
    "rounds_at_decoys",
    "rounds_at_dead",
    "rounds_unguided",
)


@dataclass(frozen=True)
class Comparison:
    """What one policy did on the same raids of two scenarios."""

    policy: str
    scores: tuple[scoring.Estimate, scoring.Estimate]
    gain: scoring.Estimate
    metrics: tuple[dict[str, float], dict[str, float]]


def without(scenario: Scenario, names: Sequence[str]) -> Scenario:
    """Return a scenario without some of its sensors and shooters.

    Raises:
        ScenarioError: if there is neither of a name; the message lists the known ones.
        ValueError: if no sensor or no shooter would be left.
    """
    known = [sensor.name for sensor in scenario.sensors]
    known += [shooter.name for shooter in scenario.shooters]
    for name in names:
        one_of(name, known, "without")
    sensors = tuple(sensor for sensor in scenario.sensors if sensor.name not in names)
    shooters = tuple(shooter for shooter in scenario.shooters if shooter.name not in names)
    for kept, what in ((sensors, "sensor"), (shooters, "shooter")):
        if not kept:
            raise ValueError(f"without: no {what} would be left; one or more is needed")
    left = [
        replace(group, shooters=tuple(name for name in group.shooters if name not in names))
        for group in scenario.contingents
    ]
    contingents = tuple(group for group in left if group.shooters)
    return replace(scenario, sensors=sensors, shooters=shooters, contingents=contingents)


def compare(policy: str, rows: tuple[Rows, Rows]) -> Comparison:
    """Score one policy on two scenarios, and their difference raid by raid.

    Args:
        policy: Its name.
        rows: Of the first and of the second scenario, as ``play`` returns them.

    Raises:
        ValueError: If the raids are not the same.
    """
    first, second = rows
    undefended = first["undefended_loss"]
    if not np.array_equal(undefended, second["undefended_loss"]):
        raise ValueError("the two scenarios do not bring the same raids to the same assets")
    losses = np.stack([first["loss"], second["loss"]])
    scores = scoring.score_all(losses, undefended)
    gain = scoring.gain_over(first["loss"], losses[1:], undefended)[0]
    metrics = (scoring.mean_metrics(first), scoring.mean_metrics(second))
    return Comparison(policy, (scores[0], scores[1]), gain, metrics)


def table(comparisons: Sequence[Comparison], labels: tuple[str, str]) -> str:
    """The comparisons as Markdown: scores and gain in percent, then the picture."""
    lines = [f"| policy | {labels[0]} | {labels[1]} | difference |", "|---|---|---|---|"]
    for entry in comparisons:
        cells = [in_percent(score, ".1f") for score in entry.scores]
        lines.append(f"| {entry.policy} | {' | '.join(cells)} | {in_percent(entry.gain, '+.1f')} |")
    lines += [
        "",
        f"| {comparisons[0].policy}, a raid | {labels[0]} | {labels[1]} |",
        "|---|---|---|",
    ]
    for name in PICTURE_METRICS:
        values = [f"{metrics[name]:.2f}" for metrics in comparisons[0].metrics]
        lines.append(f"| {name} | {' | '.join(values)} |")
    return "\n".join(lines)


def plot(comparisons: Sequence[Comparison], labels: tuple[str, str], caption: str) -> Figure:
    """Scores on both scenarios, and the paired difference, with their intervals."""
    figure = Figure(figsize=(9.0, 1.8 + 0.5 * len(comparisons)), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    names = [entry.policy for entry in comparisons]
    places = np.arange(len(names))
    for n, (label, colour, shift) in enumerate(
        zip(labels, ("#d55e00", "#0072b2"), (-0.12, 0.12), strict=True)
    ):
        estimates = [entry.scores[n] for entry in comparisons]
        draw_estimates(left, places + shift, estimates, colour, label)
    draw_estimates(right, places, [entry.gain for entry in comparisons], "#009e73", "difference")
    left.set_yticks(places, names)
    left.set_ylim(len(names) - 0.5, -0.5)
    left.set_xlabel("protected share (%)")
    left.set_xlim(left=0.0)
    left.legend(fontsize="small")
    right.axvline(0.0, color="0.6", linewidth=1.0, zorder=0)
    right.set_xlabel(f"{labels[1]} less {labels[0]} (points)")
    figure.suptitle(caption, fontsize="small")
    return figure


def main(arguments: list[str] | None = None) -> int:
    """Compare two scenarios; return 0, or 1 with a word of what is wrong."""
    parser = argparse.ArgumentParser(prog="python -m agents.compare", description=__doc__)
    parser.add_argument("scenarios", nargs="+", help="two, or one with --without; name or file")
    parser.add_argument(
        "--without", nargs="+", default=[], metavar="NAME", help="take away these sensors, shooters"
    )
    parser.add_argument("--policies", nargs="+", default=["wta_greedy"])
    parser.add_argument("--raids", type=int, default=2000)
    parser.add_argument("--split", choices=SPLITS, default="validation")
    parser.add_argument("--out", type=Path, help="picture to write; default: none")
    chosen = parser.parse_args(arguments)
    if len(chosen.scenarios) != (1 if chosen.without else 2) or chosen.raids < 1:
        parser.error("give two scenarios, or one and --without, and one raid or more")
    try:
        _compare_and_show(chosen)
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _compare_and_show(chosen: argparse.Namespace) -> None:
    first = load_scenario(chosen.scenarios[0])
    if chosen.without:
        scenarios = (without(first, chosen.without), first)
        taken = chosen.without[0] if len(chosen.without) == 1 else f"{len(chosen.without)} of them"
        labels = (f"without {taken}", first.name)
    else:
        second = load_scenario(chosen.scenarios[1])
        scenarios, labels = (first, second), (first.name, second.name)
    seeds = range(chosen.raids)
    comparisons: list[Comparison] = []
    with ProgressBar("playing", 2 * len(chosen.policies) * chosen.raids) as bar:
        for name in chosen.policies:
            rows: list[Rows] = []
            for scenario in scenarios:
                done = 2 * len(comparisons) * chosen.raids + len(rows) * chosen.raids
                policy = load_policies([name], scenario)[name]
                tell = _told(bar, done, f"{name}, {scenario.name}")
                rows.append(play(policy, scenario, seeds, chosen.split, progress=tell))
            comparisons.append(compare(name, (rows[0], rows[1])))
    print(table(comparisons, labels))
    if chosen.out is not None:
        caption = f"{chosen.raids} {chosen.split} raids, the same for both, [95% interval]"
        plot(comparisons, labels, caption).savefig(chosen.out, dpi=150)
        print(f"\nplot: {chosen.out}")


def _told(bar: ProgressBar, done: int, label: str) -> Callable[[int], None]:
    return lambda raids: bar.update(done + raids, label)


if __name__ == "__main__":
    sys.exit(main())
