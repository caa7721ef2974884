"""Tuned weights as readable YAML files, one per scenario."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from agents.files import write_text
from envs.validation import bounded, build

_HEADER = """\
# Weights of the pricing rule, tuned by CMA-ES on training raids and chosen on validation raids.
# A shooter fires where value_saved exceeds the sum of weight * term; unit: share of the value of
# the largest asset. The terms are explained in agents/classical/terms.py.
# Made by: python train.py agent=pricing scenario={scenario} (with the settings below)
"""


@dataclass(frozen=True)
class TunedWeights:
    """What tuning found for one scenario.

    Attributes:
        scenario: Name of the scenario.
        tuned: How it was found and what it scored; for people.
        threshold: The best single price for all engagements.
        weights: Weight of each term of the pricing rule.
    """

    scenario: str
    tuned: dict[str, Any]
    threshold: float = bounded()
    weights: dict[str, float] = field(default_factory=dict)


def weights_path(scenario_name: str) -> Path:
    """Where the package keeps the tuned weights of a scenario."""
    return Path(str(files("agents"))) / "classical" / "weights" / f"{scenario_name}.yaml"


def load_tuned(source: str | Path, scenario_name: str) -> TunedWeights:
    """Reads a weights file.

    Args:
        source: Path of a weights file.
        scenario_name: Scenario it is wanted for, to say how to make the file.

    Raises:
        FileNotFoundError: If there is no such file; the message says how to tune one.
        ScenarioError: If the file has an unknown key, misses one or has a wrong value.
    """
    path = Path(source)
    if not path.is_file():
        raise FileNotFoundError(
            f"scenario {scenario_name!r} has no tuned weights at {path}. Tune them with "
            f"`python train.py agent=pricing scenario={scenario_name}`, or pass weights."
        )
    return build(TunedWeights, yaml.safe_load(path.read_text(encoding="utf-8")), str(path))


def start_prices(scenario_name: str, start: str) -> dict[str, float]:
    """The weights that a learner starts from.

    Args:
        scenario_name: What is learned.
        start: ``greedy``: none; ``pricing``: the tuned ones; ``best``: those where the package has
            some for the scenario, or else none.

    Raises:
        FileNotFoundError: If it is ``pricing`` and there are none.
    """
    path = weights_path(scenario_name)
    if start == "pricing" or (start == "best" and path.is_file()):
        return dict(load_tuned(path, scenario_name).weights)
    return {}


def save_tuned(tuned: TunedWeights, path: str | Path) -> None:
    """Writes a weights file atomically: a reader sees the old one or the new one."""
    content = {
        "scenario": tuned.scenario,
        "tuned": tuned.tuned,
        "threshold": round(tuned.threshold, 6),
        "weights": {term: round(weight, 6) for term, weight in tuned.weights.items()},
    }
    text = _HEADER.format(scenario=tuned.scenario) + yaml.safe_dump(content, sort_keys=False)
    write_text(Path(path), text)
