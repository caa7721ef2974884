"""How policies spend their rounds over the raids of a campaign, the same campaigns for all.

`python -m agents.raid_by_raid ballistic --shooters patriot samp_t --threats ballistic_missile`
prints, for each policy and raid, the rounds that shooters of these kinds have left as the raid
begins, how many of these threats are killed in it and how many do damage, and the value lost; and
draws it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from agents import scoring
from agents.progress import ProgressBar
from agents.report import COLOURS, in_percent
from agents.rollout import IDLE, Rows, Watch, play
from agents.runs import load_policies
from envs.batch import RaidBatch
from envs.core.randomness import SPLITS
from envs.scenario import Scenario, load_scenario
from envs.validation import one_of

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Course:
    """What one policy did in C campaigns of up to N raids.

    Attributes:
        rows: As ``play`` returns them.
        rounds: [C, N] rounds and reserve of the shooters asked for that are there as the raid
            begins; NaN where a campaign had no such raid.
        lost: [C, N] value lost in the raid; 0 where there was none.
        killed: [C, N] threats of the kinds asked for that were killed in the raid.
        leakers: [C, N] those that did damage.
    """

    rows: Rows
    rounds: Floats
    lost: Floats
    killed: Floats
    leakers: Floats


@dataclass(frozen=True)
class Question:
    """Whose rounds are counted, and which threats.

    Attributes:
        shooters: Kinds of shooters.
        threats: Kinds of threats.
    """

    shooters: tuple[str, ...]
    threats: tuple[str, ...]


def question(scenario: Scenario, shooters: Sequence[str], threats: Sequence[str]) -> Question:
    """Check kinds by name; none given: all that are deployed, all that come.

    Raises:
        ScenarioError: If a kind is not of the scenario; the message lists those that are.
    """
    deployed = sorted({shooter.kind for shooter in scenario.shooters})
    coming = scenario.kinds_coming
    return Question(
        tuple(one_of(kind, deployed, "shooters") for kind in shooters) or tuple(deployed),
        tuple(one_of(kind, coming, "threats") for kind in threats) or tuple(coming),
    )


def follow(
    load: Sequence[str], scenario: Scenario, asked: Question, seeds: Sequence[int], split: str
) -> dict[str, Course]:
    """Play campaigns with each policy and note how they stand as every raid begins.

    Args:
        load: Names of policies, as ``load_policies`` takes them; greedy WTA is added first.
        scenario: What is played.
        asked: Whose rounds and which threats.
        seeds: One campaign each.
        split: Which set of raids.
    """
    policies = load_policies(load, scenario)
    courses: dict[str, Course] = {}
    with ProgressBar("playing", len(policies) * len(seeds)) as bar:
        for n, (name, policy) in enumerate(policies.items()):
            rounds, totals, watch = _diary(scenario, asked, len(seeds))
            before = n * len(seeds)

            def tell(done: int, before: int = before, name: str = name) -> None:
                bar.update(before + done, name)

            rows = play(policy, scenario, seeds, split, progress=tell, watch=watch)
            courses[name] = _course(rows, rounds, totals, asked)
    return courses


def _columns(asked: Question) -> dict[str, list[str]]:
    """Metrics that add up to what is shown."""
    killed = [f"killed_{kind}" for kind in asked.threats]
    leakers = [f"leakers_{kind}" for kind in asked.threats]
    return {"lost": ["loss"], "killed": killed, "leakers": leakers}


def _diary(
    scenario: Scenario, asked: Question, campaigns: int
) -> tuple[Floats, dict[str, Floats], Watch]:
    """Blank pages [C, N], and the watcher of ``play`` that fills them as raids begin."""
    kinds = [scenario.shooter_kinds.index(kind) for kind in asked.shooters]
    shape = (campaigns, scenario.campaign.raids)
    rounds = np.full(shape, np.nan)
    totals = {name: np.full(shape, np.nan) for name in _columns(asked)}

    def watch(batch: RaidBatch, places: NDArray[np.int64]) -> None:
        state = batch.state()
        begins = (places != IDLE) & (state.raid["epoch"] == 0) & ~state.raid["lull"]
        if not begins.any():
            return
        page = (places[begins], state.raid["number"][begins])
        shooters, sets = state.shooter[begins], state.raid["params_index"][begins]
        counted = shooters["able"] & np.isin(batch.params.shooter["kind"][sets], kinds)
        rounds[page] = ((shooters["rounds"] + shooters["reserve"]) * counted).sum(axis=1)
        metrics = batch.metrics(begins)
        for name, columns in _columns(asked).items():
            totals[name][page] = sum(metrics[column][begins] for column in columns)

    return rounds, totals, watch


def _course(rows: Rows, rounds: Floats, totals: dict[str, Floats], asked: Question) -> Course:
    """Turn totals as each raid began into amounts of each raid."""
    amounts = {}
    for name, columns in _columns(asked).items():
        last = np.sum([rows[column] for column in columns], axis=0)[:, None]
        begun = np.concatenate([totals[name], last], axis=1)
        amounts[name] = np.diff(np.where(np.isnan(begun), last, begun), axis=1)
    return Course(rows, rounds, **amounts)


def table(courses: dict[str, Course], asked: Question) -> str:
    """Scores of the policies, then each raid, as Markdown."""
    first = next(iter(courses.values())).rows
    undefended = first["undefended_loss"]
    losses = np.stack([course.rows["loss"] for course in courses.values()])
    scores = scoring.score_all(losses, undefended)
    gains = scoring.gain_over(first["loss"], losses, undefended)
    lines = [f"| policy | protected share | gain over {next(iter(courses))} |", "|---|---|---|"]
    for n, name in enumerate(courses):
        gain = in_percent(gains[n], "+.1f") if n else "reference"
        lines.append(f"| {name} | {in_percent(scores[n], '.1f')} | {gain} |")
    shooters, threats = ", ".join(asked.shooters), ", ".join(asked.threats)
    lines += [
        "",
        f"Rounds: of {shooters}, as the raid begins; killed and leakers: of {threats}, a raid; "
        "lost: percent of the undefended loss of all raids.",
        "",
        "| policy | raid | rounds | of the first raid's | killed | leakers | lost |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, course in courses.items():
        for n in range(course.rounds.shape[1]):
            played = ~np.isnan(course.rounds[:, n])
            if not played.any():
                break
            rounds, supply = course.rounds[played, n].mean(), course.rounds[:, 0].mean()
            killed, leakers = course.killed[played, n].mean(), course.leakers[played, n].mean()
            lost = course.lost[:, n].sum() / undefended.sum()
            lines.append(
                f"| {name} | {n + 1} | {rounds:.1f} | {rounds / max(supply, 1e-9):.0%} "
                f"| {killed:.2f} | {leakers:.2f} | {100 * lost:.1f} |"
            )
    return "\n".join(lines)


def plot(courses: dict[str, Course], asked: Question, caption: str) -> Figure:
    """Rounds as each raid begins, threats killed in it, and what is lost in it."""
    figure = Figure(figsize=(10.0, 3.2), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    for n, (name, course) in enumerate(courses.items()):
        played = (~np.isnan(course.rounds)).any(axis=0)
        raids = 1 + np.flatnonzero(played)
        style = {"color": COLOURS[n % len(COLOURS)], "marker": "o", "label": name}
        left.plot(raids, np.nanmean(course.rounds[:, played], axis=0), **style)
        begun = (~np.isnan(course.rounds)).sum(axis=0)
        killed = course.killed.sum(axis=0) / np.maximum(begun, 1)
        middle.plot(raids, killed[played], **style)
        lost = course.lost.sum(axis=0) / course.rows["undefended_loss"].sum()
        right.plot(raids, 100 * lost[played], **style)
    left.set_ylabel("rounds as the raid begins\n" + _together(asked.shooters))
    middle.set_ylabel("killed in the raid\n" + _together(asked.threats))
    right.set_ylabel("lost in the raid\n(% of the undefended loss)")
    for axes in (left, middle, right):
        axes.set_xlabel("raid")
        axes.set_xticks(raids)
        axes.set_ylim(bottom=0.0)
        axes.grid(alpha=0.3)
    left.legend(fontsize="small")
    figure.suptitle(caption, fontsize="small")
    return figure


def _together(kinds: Sequence[str]) -> str:
    return ", ".join(kinds) if len(kinds) < 4 else f"of {len(kinds)} kinds"


def main(arguments: list[str] | None = None) -> int:
    """Show a campaign raid by raid; return 0, or 1 with a word of what is wrong."""
    parser = argparse.ArgumentParser(prog="python -m agents.raid_by_raid", description=__doc__)
    parser.add_argument("scenario", help="a campaign; name or file")
    parser.add_argument("--shooters", nargs="+", default=[], metavar="KIND", help="default: all")
    parser.add_argument("--threats", nargs="+", default=[], metavar="KIND", help="default: all")
    parser.add_argument("--policies", nargs="+", default=["wta_threshold", "wta_pricing"])
    parser.add_argument("--raids", type=int, default=2000, help="campaigns to play")
    parser.add_argument("--split", choices=SPLITS, default="validation")
    parser.add_argument("--out", type=Path, help="picture to write; default: none")
    chosen = parser.parse_args(arguments)
    if chosen.raids < 1:
        parser.error(f"--raids: {chosen.raids} is not right; 1 or more is needed")
    try:
        scenario = load_scenario(chosen.scenario)
        asked = question(scenario, chosen.shooters, chosen.threats)
        courses = follow(chosen.policies, scenario, asked, range(chosen.raids), chosen.split)
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    print(table(courses, asked))
    if chosen.out is not None:
        caption = f"{scenario.name}, {chosen.raids} {chosen.split} campaigns, the same for all"
        plot(courses, asked, caption).savefig(chosen.out, dpi=150)
        print(f"\nplot: {chosen.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
