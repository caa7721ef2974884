"""What a search of settings varies, from YAML: the settings as they are, and ranges for some.

agent: price_network
scenario: standard
settings: {iterations: 3}
space:
learning_rate: {low: 0.001, high: 0.02, log: true}
hidden: {low: 8, high: 48, step: 8}
start: [greedy, pricing]
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import optuna
import yaml
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from agents.runs import AGENTS
from envs.scenario import Scenario, load_scenario
from envs.validation import one_of

_KEYS = ("agent", "scenario", "settings", "space")
_RANGE = ("low", "high", "log", "step")


@dataclass(frozen=True)
class Space:
    """A search space.

    Attributes:
        agent: Name of the agent, a key of ``agents.runs.AGENTS``.
        scenario: What is learned.
        settings: Settings of the agent that stay, where they are not the agent's own.
        ranges: What the others may be, by name.
        content: The file's content.
    """

    agent: str
    scenario: Scenario
    settings: dict[str, Any]
    ranges: dict[str, BaseDistribution]
    content: dict[str, Any]

    def build(self, chosen: Mapping[str, Any]) -> Any:
        """The agent's settings with chosen values.

        Raises:
            ValueError: If the values do not fit together.
        """
        return AGENTS[self.agent](**self.settings, **chosen)

    def suggest(self, trial: optuna.Trial) -> dict[str, Any]:
        """The values of a trial; the same when asked again."""
        return {name: _suggest(trial, name, found) for name, found in self.ranges.items()}

    def command(self, chosen: Mapping[str, Any]) -> str:
        """The command that trains with chosen values."""
        words = [f"agent.{key}={value}" for key, value in {**self.settings, **chosen}.items()]
        given = self.content["scenario"]
        return " ".join(["python train.py", f"agent={self.agent}", f"scenario={given}", *words])


def read_space(path: Path) -> Space:
    """Read a search space.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If something in it is not right, or unknown.
    """
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    if not isinstance(content, dict):
        raise ValueError(f"{path}: keys are needed: {', '.join(_KEYS)}")
    for key in content:
        one_of(key, _KEYS, f"key of {path}")
    for key in ("agent", "scenario", "space"):
        if not content.get(key):
            raise ValueError(f"{path}: {key} is missing")
    one_of(content["agent"], tuple(AGENTS), "agent")
    settings = content.get("settings") or {}
    known = tuple(item.name for item in fields(AGENTS[content["agent"]]))
    for key in (*settings, *content["space"]):
        one_of(key, known, f"setting of {content['agent']}")
    both = sorted(set(settings) & set(content["space"]))
    if both:
        raise ValueError(f"{path}: {', '.join(both)} stands in settings and in space")
    ranges = {name: _range(name, given) for name, given in content["space"].items()}
    scenario = load_scenario(content["scenario"])
    return Space(content["agent"], scenario, settings, ranges, content)


def _range(name: str, given: Any) -> BaseDistribution:
    if isinstance(given, list) and given:
        return CategoricalDistribution(given)
    if not isinstance(given, dict) or not {"low", "high"} <= set(given):
        raise ValueError(f"space.{name}: {given!r} is not right; a list, or low and high, is")
    for key in given:
        one_of(key, _RANGE, f"key of space.{name}")
    whole = all(type(given[key]) is int for key in ("low", "high"))
    step = {} if given.get("step") is None else {"step": given["step"]}
    make = IntDistribution if whole else FloatDistribution
    try:
        return make(given["low"], given["high"], log=given.get("log", False), **step)
    except (TypeError, ValueError) as error:
        raise ValueError(f"space.{name}: {given!r} is not right: {error}") from error


def _suggest(trial: optuna.Trial, name: str, found: BaseDistribution) -> Any:
    if isinstance(found, CategoricalDistribution):
        return trial.suggest_categorical(name, found.choices)
    if isinstance(found, IntDistribution):
        return trial.suggest_int(name, found.low, found.high, step=found.step, log=found.log)
    assert isinstance(found, FloatDistribution)
    return trial.suggest_float(name, found.low, found.high, step=found.step, log=found.log)
