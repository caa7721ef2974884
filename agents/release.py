"""Trains price networks, plays test raids with them and puts them into the package, by one command.

`python -m agents.release` takes every scenario that has tuned weights; `python -m agents.release
standard duel --seed 1` some, with another seed. Each goes on where an earlier call of the same
folder was stopped. The result's table is of 2,000 raids or more of the test split, which nothing
else plays by itself; its figures go to `--results`, and the page of all follows from them.
`--release` copies what is ahead of the pricing rule there into the package, with a card.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from agents import report
from agents.classical import make_policy
from agents.classical.weights_file import weights_path
from agents.evaluation import FIRST_SEED
from agents.files import write_text
from agents.interruption import Interruption
from agents.learned.checkpoint import WEIGHTS_FILE
from agents.learned.network_files import released_folder
from agents.learned.settings import PriceNetworkSettings
from agents.learned.training import AGENT_FOLDER
from agents.release_page import changed_settings, curve, minutes, note, page
from agents.report import RESULTS_FILE, TABLE_FILE
from agents.retune import released
from agents.runs import RELEASED, fit_network, has_bound, score
from envs.digest import scenario_digest
from envs.scenario import Scenario, load_scenario

CARD = "README.md"
TEST_RAIDS = 2000
MORE_RAIDS = {"duel": 20_000}  # of few threats, which differ far more than policies do
BASELINES = ("wta_greedy", "wta_threshold", "wta_pricing")
CHANGED: dict[str, dict[str, Any]] = {
    "standard": {"iterations": 6, "raids": 8_000, "search_raids": 2_000},
    # It alone can be solved exactly.
    "duel": {"labels": "exact", "rate": 1.0, "iterations": 9, "raids": 4_000, "hidden": 32}
    | {"memory": 8, "batch_size": 1_024, "search_raids": 10_000, "validation_raids": 20_000},
    "low-flyers": {"iterations": 2},
    "stovepipes": {"iterations": 2},
    "standardised": {"iterations": 2},
    "random": {"iterations": 2, "raids": 4_000},
    # Longer or larger episodes have more epochs to try decisions in.
    "ballistic": {"iterations": 2, "raids": 3_000},
    "air-policing": {"iterations": 2, "raids": 800}
    | {"search_raids": 500, "validation_raids": 1_024},
    "campaign": {"iterations": 2, "raids": 1_500, "search_raids": 600, "validation_raids": 1_024},
    "rotation-gap": {"iterations": 2, "raids": 2_000}
    | {"search_raids": 600, "validation_raids": 1_024},
    "rotation-overlap": {"iterations": 2, "raids": 2_000}
    | {"search_raids": 600, "validation_raids": 1_024},
    "region": {"iterations": 2, "raids": 150, "search_raids": 100, "validation_raids": 128},
}
"""What differs from the default settings, by scenario."""


def settings_of(name: str, seed: int = 0, iterations: int | None = None) -> PriceNetworkSettings:
    """The settings by which a scenario's released network is trained."""
    given: dict[str, Any] = {"start": "pricing", **CHANGED.get(name, {}), "seed": seed}
    if iterations is not None:
        given["iterations"] = iterations
    return PriceNetworkSettings(**given)


def train_and_test(
    scenario: Scenario,
    folder: Path,
    settings: PriceNetworkSettings,
    stopped: Callable[[], bool],
) -> bool:
    """Train and play the test raids, as far as it is not done; False if stopped before its end.

    What was played is played again if scenario, network, tuned weights or raids are others by now;
    what changes otherwise, such as a classical policy, needs another folder.
    """
    path, count = folder / RESULTS_FILE, MORE_RAIDS.get(scenario.name, TEST_RAIDS)
    trained = fit_network(settings, scenario, folder, stopped)
    if stopped():
        return False
    played = {"digest": scenario_digest(scenario), "raids": count}
    for name, file in (
        ("network", folder / AGENT_FOLDER / WEIGHTS_FILE),
        ("weights", weights_path(scenario.name)),
    ):
        played[name] = hashlib.sha256(file.read_bytes()).hexdigest()
    if path.is_file() and _read(path).get("played") == played:
        return True
    start, network = trained
    policies = {name: make_policy(name, scenario) for name in BASELINES}
    policies |= {start: trained[start], RELEASED: trained[network]}
    seeds = range(FIRST_SEED, FIRST_SEED + count)
    bound = has_bound(True, scenario)
    report.write(score(policies, scenario, seeds, "test", start=start, bound=bound), folder)
    write_text(path, json.dumps(_read(path) | {"played": played}, indent=2) + "\n")
    return True


def card(results: dict[str, Any], table: str, folder: Path, settings: PriceNetworkSettings) -> str:
    """What the released network is, how it was made, and what it reaches, in Markdown."""
    name = results["scenario"]
    shares = ", ".join(f"{100 * share:.1f}" for share in curve(folder))
    changed = changed_settings(settings)
    words = " ".join(f"agent.{key}={value}" for key, value in changed.items())
    spent = minutes(folder)
    took = "" if spent is None else f" It took {spent:.1f} minutes of one core of a shared machine."
    return f"""# Price network for `{name}`

Version {results["scenario_version"]} of the scenario; one training seed, {settings.seed}. What it
is: docs/learning.md. To make it again:

    python train.py agent=price_network scenario={name} {words}

Protected share on {settings.validation_raids:,} periodic validation raids, in percent, before the
first iteration and after each: {shares}. The best of them is released.{took}

{table}
Limits: notional values, one scenario; on others it plays, but nothing here says how well.
"""


def is_ahead(results: dict[str, Any]) -> bool:
    """Whether the interval of its gain over the best classical policy lies above zero.

    Where neutral aircraft come, it must not shoot down more of them than that policy may.
    """
    own, best = (results["policies"][name] for name in (RELEASED, results["best_classical"]))
    shot, allowed = own.get("neutrals_shot"), best.get("neutrals_shot")
    if shot and allowed and shot["estimate"] > allowed["high"]:
        return False
    return float(own["gain_over_best_classical"]["low"]) > 0.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m agents.release", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="SCENARIO", help="default: all with weights")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--iterations", type=int, help="default: the scenario's")
    parser.add_argument("--folder", type=Path, default=Path("runs/release"))
    parser.add_argument("--results", type=Path, default=Path("docs/released"))
    parser.add_argument("--page", type=Path, default=Path("docs/released.md"))
    parser.add_argument("--release", action="store_true", help="put networks into the package")
    chosen = parser.parse_args(arguments)
    try:
        scenarios = [load_scenario(name) for name in chosen.names or released()]
        with Interruption() as interruption:
            for scenario in scenarios:
                settings = settings_of(scenario.name, chosen.seed, chosen.iterations)
                folder = chosen.folder / f"{scenario.name}-{chosen.seed}"
                folder.mkdir(parents=True, exist_ok=True)
                if not train_and_test(scenario, folder, settings, interruption.requested):
                    print("stopped and saved; the same command goes on")
                    return interruption.exit_code
                results = _read(folder / RESULTS_FILE)
                table = (folder / TABLE_FILE).read_text(encoding="utf-8")
                text = card(results, table, folder, settings)
                write_text(folder / CARD, text)
                print(text, flush=True)
                note(results, scenario, settings, folder, chosen.results)
                write_text(chosen.page, page(chosen.results))
                if chosen.release and is_ahead(results):
                    _release(folder, released_folder(scenario.name))
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def _release(run: Path, package: Path) -> None:
    package.parent.mkdir(parents=True, exist_ok=True)
    shutil.copytree(run / AGENT_FOLDER, package, dirs_exist_ok=True)
    shutil.copy(run / CARD, package / CARD)


if __name__ == "__main__":
    sys.exit(main())
