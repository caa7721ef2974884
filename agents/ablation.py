"""What each part of the PPO training is worth: trained with all of them, and with each left out.

`python -m agents.ablation` trains every variant with several seeds on one scenario, each with the
same small budget, plays the policies at the start and at the end on the same validation raids, and
writes `docs/ablation.md` from the figures in `docs/ablation/`. Called again, it goes on where it
was stopped. Every run is scored as it ends, not by the best of its periodic validations, so that a
variant that loses what it started with shows it.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from agents import scoring
from agents.files import write_text
from agents.interruption import Interruption
from agents.learned.checkpoint import load_agent
from agents.learned.settings import PPOSettings
from agents.learned.training import TRAINING_FOLDER, fit, initial_agent
from agents.policy import Policy
from agents.progress import tracked
from agents.report import in_percent
from agents.rollout import play
from agents.runs import has_training
from envs.digest import scenario_digest
from envs.scenario import Scenario, load_scenario

SPLIT = "validation"
WHOLE = "all on"
VARIANTS: dict[str, dict[str, Any]] = {
    WHOLE: {},
    "without shaping": {"shaping": "off"},
    "without raid baseline": {"copies": 1},
    "without sequence": {"sequential": False},
    "without warm start": {"start": "nothing"},
}
"""What differs from the default settings, by the name of the variant."""

SHORT: dict[str, Any] = {
    "num_envs": 128,
    "n_steps": 64,
    "batch_size": 1024,
    "learning_rate": 2e-3,
    "validation_raids": 2,
}
"""Of every training: updates are more frequent and larger than by default, since it is short, and
nothing follows from its periodic validations."""

Figures = dict[str, dict[str, Any]]
"""By names such as "all on, seed 0": what was trained, and the scores at its start and end."""

_HEAD = """# Ablation

What each part of `agent=ppo` is worth ([learning.md](learning.md) says what they are). This page
is written by `python -m agents.ablation` from the figures in `docs/ablation/`. Every variant is
trained with the same small budget, so this is about how fast they learn, not about where they end.
Shares protected in percent on the same validation raids, of the policy that stands at the end of a
run: interquartile mean over training seeds (of five, the mean of the middle three), [95 % interval
by resampling the seeds; of so few it is rough]. Gain: over the run's own start. Difference: to
`all on`.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m agents.ablation", description=__doc__)
    parser.add_argument("scenario", nargs="?", default="standard")
    parser.add_argument("--seeds", type=int, default=5, help="runs of each variant")
    parser.add_argument("--steps", type=int, default=81_920, help="of each run")
    parser.add_argument("--raids", type=int, default=256, help="that every policy is scored on")
    parser.add_argument("--threads", type=int, default=1, help="of torch")
    parser.add_argument("--folder", type=Path, default=Path("runs/ablation"))
    parser.add_argument("--results", type=Path, default=Path("docs/ablation"))
    parser.add_argument("--page", type=Path, default=Path("docs/ablation.md"))
    chosen = parser.parse_args(arguments)
    try:
        scenario = load_scenario(chosen.scenario)
        folder, results = chosen.folder / scenario.name, chosen.results / f"{scenario.name}.json"
        common = PPOSettings(
            steps=chosen.steps, threads=chosen.threads, validate_every=chosen.steps, **SHORT
        )
        plan = [(name, seed) for seed in range(chosen.seeds) for name in VARIANTS]
        with Interruption() as interruption:
            for name, seed in tracked("ablation", plan):
                settings = replace(common, seed=seed, **VARIANTS[name])
                place = folder / f"{name.replace(' ', '-')}-{seed}"
                entry = run(settings, scenario, place, chosen.raids, interruption.requested)
                if entry is None:
                    print("stopped and saved; the same command goes on")
                    return interruption.exit_code
                note(results, scenario, f"{name}, seed {seed}", entry)
                write_text(chosen.page, page(chosen.results))
                start, end = entry["start"], entry["end"]
                print(f"{name}, seed {seed}: {start:.1%} → {end:.1%}", flush=True)
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"results: {results}, page: {chosen.page}")
    return 0


def run(
    settings: PPOSettings,
    scenario: Scenario,
    folder: Path,
    raids: int,
    stopped: Callable[[], bool],
) -> dict[str, Any] | None:
    """Train one agent and score it, or read what an earlier call found.

    Args:
        settings: Of the training.
        scenario: What is played.
        folder: Of this run.
        raids: Validation raids it is scored on.
        stopped: Asked now and then; once True, the run is saved and left.

    Returns:
        Settings, number of raids, and the scores ``start`` and ``end``; None if it was stopped.

    Raises:
        ValueError: If the folder holds a run of other settings, raids or scenario.
    """
    asked = {"settings": asdict(settings), "raids": raids, "scenario": scenario_digest(scenario)}
    begun, scored = folder / "asked.json", folder / "scored.json"
    if not begun.is_file():
        write_text(begun, json.dumps(asked, indent=1))
    if json.loads(begun.read_text(encoding="utf-8")) != asked:
        raise ValueError(f"{folder} holds another run; choose another --folder or remove it")
    if not scored.is_file():
        fit(settings, scenario, folder, resume=has_training(folder), stopped=stopped)
        if stopped():
            return None
        ends = {
            "start": _score(initial_agent(settings, scenario), scenario, raids),
            "end": _score(load_agent(folder / TRAINING_FOLDER, scenario), scenario, raids),
        }
        write_text(scored, json.dumps(ends))
    return {**asked, **json.loads(scored.read_text(encoding="utf-8"))}


def note(results: Path, scenario: Scenario, name: str, entry: Mapping[str, Any]) -> None:
    """Put what a run found into a scenario's file of figures.

    Raises:
        ValueError: If the file has figures of another budget, which no table can stand beside.
    """
    known: dict[str, Any] = {"scenario": scenario.name, "runs": {}}
    if results.is_file():
        known = json.loads(results.read_text(encoding="utf-8"))
    for other in known["runs"].values():
        if _budget(other) != _budget(entry):
            raise ValueError(
                f"{results} has runs of (steps, raids) = {_budget(other)}, this one has "
                f"{_budget(entry)}; choose another --results"
            )
    known["runs"][name] = dict(entry)
    write_text(results, json.dumps(known, indent=1) + "\n")


def page(results: Path) -> str:
    """The page of all scenarios with figures in a folder, in Markdown."""
    files = sorted(results.glob("*.json"))
    found = [json.loads(file.read_text(encoding="utf-8")) for file in files]
    return "\n".join([_HEAD, *(_section(one["scenario"], one["runs"]) for one in found)])


def table(runs: Figures) -> str:
    """One line a variant, in Markdown; ``runs`` by names as in ``note``."""
    scores = {
        name: np.array(
            [[r["start"], r["end"]] for key, r in runs.items() if key.startswith(f"{name}, ")]
        )
        for name in VARIANTS
    }
    lines = ["| variant | runs | start | end | gain | difference |", "|---|---|---|---|---|---|"]
    for name, ends in scores.items():
        if len(ends) == 0:
            continue
        start, end = ends.T
        apart = ""
        if name != WHOLE and len(scores[WHOLE]):
            apart = in_percent(scoring.over_runs(end, scores[WHOLE][:, 1]), "+.1f")
        cells = [
            f"{100 * scoring.interquartile_mean(start):.1f}",
            in_percent(scoring.over_runs(end), ".1f"),
            in_percent(scoring.over_runs(end - start), "+.1f"),
            apart,
        ]
        lines.append(f"| {name} | {len(end)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _section(scenario: str, runs: Figures) -> str:
    steps, raids = _budget(next(iter(runs.values())))
    return f"## {scenario}\n{steps:,} steps a run, {raids:,} raids.\n\n{table(runs)}\n"


def _budget(entry: Mapping[str, Any]) -> tuple[int, int]:
    return entry["settings"]["steps"], entry["raids"]


def _score(policy: Policy, scenario: Scenario, raids: int) -> float:
    rows = play(policy, scenario, np.arange(raids), SPLIT)
    return scoring.score(rows["loss"], rows["undefended_loss"])


if __name__ == "__main__":
    sys.exit(main())
