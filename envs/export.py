"""A scenario as a mapping, from which `load_scenario` makes the same again."""

from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from typing import Any

import yaml

from envs.entities import Scenario


def scenario_mapping(scenario: Scenario) -> dict[str, Any]:
    """Return a scenario as plain lists and mappings; what stands at its default is left out."""
    mapping: dict[str, Any] = _plain(scenario)
    for sensor in mapping["sensors"]:
        if "path" in sensor:
            del sensor["position"]
    return mapping


def scenario_text(scenario: Scenario) -> str:
    """Return a scenario as the text of a YAML file."""
    return yaml.safe_dump(scenario_mapping(scenario), sort_keys=False, default_flow_style=None)


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return {
            item.name: _plain(getattr(value, item.name))
            for item in fields(value)
            if not _is_default(getattr(value, item.name), item)
        }
    if isinstance(value, Mapping):
        return {key: _plain(entry) for key, entry in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(entry) for entry in value]
    return value


def _is_default(value: Any, item: Any) -> bool:
    if item.default_factory is not MISSING:
        return bool(value == item.default_factory())
    return item.default is not MISSING and bool(value == item.default)
