"""What policies do, beside how well they do it: the same raids for all, as a table and a plot.

`python -m agents.behaviour standard --policies wta_pricing price_network` shows when each holds its
fire, which rounds it keeps, and at what it fires. A chance is a shooter in an epoch with a legal
pair that saves something; it is taken if the shooter fires, and judged by the pair fired at, or by
the one that saves most if it holds.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from agents.policy import Actions, Planner, Policy
from agents.progress import ProgressBar
from agents.report import COLOURS
from agents.rollout import IDLE, Rows, play
from agents.runs import load_policies
from envs.batch import RaidBatch
from envs.core.randomness import SPLITS
from envs.observation import Layout
from envs.scenario import Scenario, load_scenario

Floats = NDArray[np.float64]

EDGES = {
    "pk": np.linspace(0.0, 1.0, 11),
    "slack_min": np.array([0.0, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 1e9]),
    "value_saved": np.array([0.0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.6, 1.0]),
}
"""Edges of the classes of chances, by the column of the pair table."""


@dataclass(frozen=True)
class Behaviour:
    """What one policy did in R raids.

    Attributes:
        rows: As ``play`` returns them.
        chances: By column of ``EDGES``, how many chances there were in each class.
        taken: Likewise, how many of them it took.
        fired: [Q, K] engagements by kind of shooter and likeliest kind of the track, a raid.
        kept: [Q] share of the first supply that is left as raids end, by kind of shooter; NaN of
            kinds that are not deployed or spend no rounds.
    """

    rows: Rows
    chances: dict[str, Floats]
    taken: dict[str, Floats]
    fired: Floats
    kept: Floats


class _Count:
    """What a policy does with its chances, added up."""

    def __init__(self, scenario: Scenario) -> None:
        layout = Layout(scenario)
        self._columns = {name: layout.index("pair", name) for name in EDGES}
        first = layout.index("track", f"kind_{scenario.threat_kinds[0]}")
        self._kinds = slice(first, first + len(scenario.threat_kinds))
        deployed = [scenario.shooter_kinds.index(shooter.kind) for shooter in scenario.shooters]
        self.shooter_kind = np.array(deployed)
        self.chances = {name: np.zeros(len(edges) - 1) for name, edges in EDGES.items()}
        self.taken = {name: np.zeros(len(edges) - 1) for name, edges in EDGES.items()}
        self.fired = np.zeros((len(scenario.shooter_kinds), len(scenario.threat_kinds)))

    def add(self, batch: RaidBatch, places: NDArray[np.int64], actions: Actions) -> None:
        """Add an epoch; given to ``play`` as ``decided``."""
        observation, playing = batch.observation, (places != IDLE)[:, None]
        pair = observation["pair"]
        saved = pair[..., self._columns["value_saved"]]
        legal = (observation["action_mask"][:, :, 1:] != 0) & (saved > 0.0)
        best = np.where(legal, saved, -np.inf).argmax(axis=2)
        fires = actions > 0
        target = np.where(fires, actions - 1, best)
        chance = (fires | legal.any(axis=2)) & playing
        b, s = np.nonzero(chance)
        i = target[b, s]
        for name, column in self._columns.items():
            values = np.clip(pair[b, s, i, column], EDGES[name][0], EDGES[name][-1])
            self.chances[name] += np.histogram(values, EDGES[name])[0]
            self.taken[name] += np.histogram(values[fires[b, s]], EDGES[name])[0]
        b, s = np.nonzero(fires & playing)
        kinds = observation["track"][b, target[b, s], self._kinds].argmax(axis=1)
        np.add.at(self.fired, (self.shooter_kind[s], kinds), 1.0)


def watch_policy(
    policy: Policy,
    scenario: Scenario,
    seeds: Sequence[int],
    split: str = "validation",
    progress: Any = None,
) -> Behaviour:
    """Play raids with a policy and note what it does.

    Args:
        policy: Any but a planner, which has to be shown the batch itself.
        scenario: What is played.
        seeds: One raid each.
        split: Which set of raids.
        progress: As of ``play``.

    Raises:
        ValueError: If the policy is a planner, or the scenario draws deployments.
    """
    if scenario.deployments is not None:
        raise ValueError(
            f"behaviour: one deployment of {scenario.name!r} is needed; `python -m envs show "
            f"{scenario.name} --deployment 0 --yaml FILE` writes one"
        )
    if isinstance(policy, Planner):
        raise ValueError(f"{type(policy).__name__} plans; only reactive policies can be watched")
    count = _Count(scenario)
    kinds = count.shooter_kind
    supply, left = np.zeros(len(scenario.shooter_kinds)), np.zeros(len(scenario.shooter_kinds))
    _add_rounds(supply, kinds, np.array([[s.rounds + s.reserve_rounds for s in scenario.shooters]]))

    def ended(batch: RaidBatch, places: NDArray[np.int64]) -> None:
        over = (places != IDLE) & (batch.terminated | batch.truncated)
        shooter = batch.state().shooter[over]
        _add_rounds(left, kinds, shooter["rounds"] + shooter["reserve"])

    rows = play(policy, scenario, seeds, split, progress=progress, ended=ended, decided=count.add)
    raids = len(rows["seed"])
    kept = np.divide(left / raids, supply, out=np.full(len(left), np.nan), where=supply > 0.0)
    return Behaviour(rows, count.chances, count.taken, count.fired / raids, kept)


def _add_rounds(total: Floats, kinds: NDArray[np.int64], rounds: NDArray[Any]) -> None:
    """Add rounds [R, S] of shooters of given kinds [S] to a total by kind [Q]."""
    np.add.at(total, kinds, rounds.sum(axis=0))


def table(seen: dict[str, Behaviour], scenario: Scenario) -> str:
    """Behaviour of all policies as Markdown: per kind of shooter, rounds kept and targets."""
    coming = [scenario.threat_kinds.index(kind) for kind in scenario.kinds_coming]
    head = ["policy", "shooter", "kept %", *(f"at {scenario.threat_kinds[k]}" for k in coming)]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for name, behaviour in seen.items():
        for q in deployed_kinds(scenario):
            kept = behaviour.kept[q]
            cells = [name, scenario.shooter_kinds[q]]
            cells.append("" if np.isnan(kept) else f"{100 * kept:.0f}")
            cells += [f"{behaviour.fired[q, k]:.2f}" for k in coming]
            lines.append("| " + " | ".join(cells) + " |")
    lines += ["", "Kept: of the first supply, as raids end; the rest: engagements a raid."]
    return "\n".join(lines)


def deployed_kinds(scenario: Scenario) -> list[int]:
    """Kinds of shooters that the scenario has, as numbers, in the catalogue's order."""
    here = {shooter.kind for shooter in scenario.shooters}
    return [q for q, kind in enumerate(scenario.shooter_kinds) if kind in here]


def plot(seen: dict[str, Behaviour], scenario: Scenario, caption: str) -> Figure:
    """When fire is held (by value saved, pk and slack), which rounds are kept, what is fired at."""
    figure = Figure(figsize=(10.0, 6.4), layout="constrained")
    (saved, pk, slack), (kept, fired, legend) = figure.subplots(2, 3)
    _lines(saved, seen, "value_saved", "value saved by the shot\n(share of the largest asset's)")
    _lines(pk, seen, "pk", "pk of the shot")
    _lines(slack, seen, "slack_min", "time left after it (min)")
    kinds = deployed_kinds(scenario)
    of_kinds = [scenario.shooter_kinds[q] for q in kinds]
    _bars(kept, {n: 100 * b.kept[kinds] for n, b in seen.items()}, of_kinds)
    kept.set_xlabel("rounds left as raids end\n(% of the first supply)")
    coming = [scenario.threat_kinds.index(kind) for kind in scenario.kinds_coming]
    _bars(
        fired,
        {n: b.fired.sum(axis=0)[coming] for n, b in seen.items()},
        list(scenario.kinds_coming),
    )
    fired.set_xlabel("engagements a raid,\nby likeliest kind of the track")
    legend.axis("off")
    legend.legend(*saved.get_legend_handles_labels(), loc="center")
    figure.suptitle(caption, fontsize="small")
    return figure


def _lines(axes: Axes, seen: dict[str, Behaviour], name: str, label: str) -> None:
    """Share of chances taken in each class, where a class has enough of them to tell."""
    edges = EDGES[name].copy()
    edges[-1] = min(edges[-1], 1.5 * edges[-2])
    middle = (edges[1:] + edges[:-1]) / 2
    for n, (policy, behaviour) in enumerate(seen.items()):
        enough = behaviour.chances[name] >= 30
        share = 100 * behaviour.taken[name][enough] / behaviour.chances[name][enough]
        axes.plot(middle[enough], share, marker="o", markersize=3, color=COLOURS[n % len(COLOURS)],
                  label=policy)  # fmt: skip
    axes.set_xlabel(label)
    axes.set_ylabel("chances taken (%)")
    axes.set_ylim(bottom=0.0)
    axes.grid(alpha=0.3)


def _bars(axes: Axes, values: dict[str, Floats], names: list[str]) -> None:
    places, height = np.arange(len(names)), 0.8 / len(values)
    for n, column in enumerate(values.values()):
        shift = (n - (len(values) - 1) / 2) * height
        axes.barh(places + shift, np.nan_to_num(column), height, color=COLOURS[n % len(COLOURS)])
    axes.set_yticks(places, [name.replace("_", " ") for name in names])
    axes.invert_yaxis()
    axes.grid(alpha=0.3, axis="x")


def main(arguments: list[str] | None = None) -> int:
    """Show what policies do; return 0, or 1 with a word of what is wrong."""
    parser = argparse.ArgumentParser(prog="python -m agents.behaviour", description=__doc__)
    parser.add_argument("scenario", help="name or file")
    parser.add_argument("--policies", nargs="+", default=["wta_pricing", "price_network"])
    parser.add_argument("--raids", type=int, default=1000)
    parser.add_argument("--split", choices=SPLITS, default="validation")
    parser.add_argument("--out", type=Path, help="picture to write; default: none")
    chosen = parser.parse_args(arguments)
    if chosen.raids < 1:
        parser.error(f"--raids: {chosen.raids} is not right; 1 or more is needed")
    seen: dict[str, Behaviour] = {}
    try:
        scenario = load_scenario(chosen.scenario)
        policies = load_policies(chosen.policies, scenario)
        with ProgressBar("playing", len(policies) * chosen.raids) as bar:
            for n, (name, policy) in enumerate(policies.items()):

                def tell(done: int, before: int = n * chosen.raids, name: str = name) -> None:
                    bar.update(before + done, name)

                seeds = range(chosen.raids)
                seen[name] = watch_policy(policy, scenario, seeds, chosen.split, tell)
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    print(table(seen, scenario))
    if chosen.out is not None:
        caption = f"{scenario.name}, {chosen.raids} {chosen.split} raids, the same for all"
        plot(seen, scenario, caption).savefig(chosen.out, dpi=150)
        print(f"\nplot: {chosen.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
