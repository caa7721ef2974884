"""Versions and digests of the packaged scenarios, as they were frozen."""

import json
from pathlib import Path

from envs.digest import scenario_digest
from envs.scenario import Scenario, load_scenario, scenario_names

PATH = Path(__file__).parent / "frozen_scenarios.json"

Frozen = dict[str, dict[str, int | str]]


def read() -> Frozen:
    """Return version and digest of each scenario, by name, as recorded."""
    return json.loads(PATH.read_text(encoding="utf-8"))


def present() -> Frozen:
    """Return the same of the scenarios as they are."""
    return {name: entry(load_scenario(name)) for name in scenario_names()}


def entry(scenario: Scenario) -> dict[str, int | str]:
    return {"version": scenario.version, "digest": scenario_digest(scenario)}


def problems(recorded: Frozen, now: Frozen) -> list[str]:
    """Return what is wrong, a line a scenario: behaves otherwise under a version recorded."""
    found = [f"{name}: is recorded and not there" for name in recorded if name not in now]
    for name, own in now.items():
        before = recorded.get(name)
        if before is None:
            found.append(f"{name}: is not recorded yet")
        elif before["digest"] != own["digest"] and own["version"] <= before["version"]:
            found.append(f"{name}: plays otherwise than version {before['version']} did")
        elif before != own:
            found.append(f"{name}: version {own['version']} is not recorded yet")
    return found
