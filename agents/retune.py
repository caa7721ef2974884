"""Tunes the pricing rule of many scenarios anew, one after the other, by one command.

`python -m agents.retune` takes every scenario that has released weights, with the budget and seed
written in its file; `python -m agents.retune standard decoys --generations 200` some, with another
budget. Each goes on where an earlier call of the same folder was stopped. The weights are written
beside the search's history; `--release` puts them into the package.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from agents.classical.tuning_history import TuningSettings
from agents.classical.weights_file import load_tuned, save_tuned, weights_path
from agents.interruption import Interruption
from agents.runs import WEIGHTS_FILE, fit_pricing
from envs.scenario import load_scenario, scenario_names

_KEYS = {  # of the settings, by the words of a weights file
    "generations": "generations",
    "candidates": "candidates",
    "train_raids_per_generation": "raids",
    "seed": "seed",
    "initial_step": "initial_step",
    "calendar": "calendar",
    "start": "start",
    "validation_raids": "validation_raids",
    "validation_first_seed": "validation_seed",
}


def released() -> tuple[str, ...]:
    """Names of the scenarios whose weights the package has."""
    return tuple(name for name in scenario_names() if weights_path(name).is_file())


def settings_of(name: str, generations: int | None = None) -> TuningSettings:
    """The settings by which a scenario's released weights were tuned.

    Args:
        name: Scenario with released weights.
        generations: Budget to take instead, or None.

    Raises:
        FileNotFoundError: If the scenario has no released weights.
    """
    tuned = load_tuned(weights_path(name), name).tuned
    given: dict[str, Any] = {key: tuned[word] for word, key in _KEYS.items() if word in tuned}
    if generations is not None:
        given["generations"] = generations
    return TuningSettings(**given)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m agents.retune", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="SCENARIO", help="default: all with weights")
    parser.add_argument("--generations", type=int, help="default: as in the weights file")
    parser.add_argument("--folder", type=Path, default=Path("runs/retune"))
    parser.add_argument("--release", action="store_true", help="put the weights into the package")
    chosen = parser.parse_args(arguments)
    try:
        work = [
            (load_scenario(name), settings_of(name, chosen.generations))
            for name in chosen.names or released()
        ]
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    with Interruption() as interruption:
        for scenario, settings in work:
            folder = chosen.folder / scenario.name
            folder.mkdir(parents=True, exist_ok=True)
            print(f"{scenario.name}: {settings.generations} generations, in {folder}", flush=True)
            try:
                fit_pricing(settings, scenario, folder, interruption.requested)
            except ValueError as error:
                print(f"{error}; another --folder is needed", file=sys.stderr)
                return 1
            if interruption.requested():
                print("stopped and saved; the same command goes on")
                return interruption.exit_code
            if chosen.release:
                found = load_tuned(folder / WEIGHTS_FILE, scenario.name)
                save_tuned(found, weights_path(scenario.name))
    return 0


if __name__ == "__main__":
    sys.exit(main())
