"""Price networks as folders of JSON and safetensors, and those that come with the package."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from agents.files import LoadError, replace_folder
from agents.learned.checkpoint import (
    CONFIG_FILE,
    FORMAT,
    WEIGHTS_FILE,
    check_columns,
    read_config,
    saved_folder,
)
from agents.learned.models import columns_of
from agents.learned.price_network import PARTS, NetworkPolicy, PriceNetwork
from agents.learned.settings import AGENT_NAMES, NetworkSettings
from envs.scenario import Scenario

NETWORK_NAMES = tuple(
    name for kind, name in AGENT_NAMES.items() if issubclass(kind, NetworkSettings)
)
"""Agents that are price networks."""

_FREE = ("iterations", "num_envs", "threads")  # settings that a continued training may change
_OUT, _STATE_FILE, _ARRAYS_FILE = "out", "training.json", "training.safetensors"


def save_network(
    folder: Path,
    network: PriceNetwork,
    settings: NetworkSettings,
    scenario: Scenario,
    training: tuple[Mapping[str, Any], Mapping[str, NDArray[Any]]] | None = None,
) -> None:
    """Write a network's folder: ``config.json`` and ``policy.safetensors``.

    Args:
        folder: Replaced as a whole.
        network: What is saved.
        settings: How it was made.
        scenario: What it was made for.
        training: What a continued training needs, values that JSON holds and arrays; None: nothing.
    """

    def write(new: Path) -> None:
        config = {
            "format": FORMAT,
            "agent": AGENT_NAMES[type(settings)],
            "scenario": scenario.name,
            "scenario_version": scenario.version,
            "columns": columns_of(scenario),
            "settings": asdict(settings),
            "prices": dict(network.prices),
        }
        (new / CONFIG_FILE).write_text(json.dumps(config, indent=1))
        weights = {name: np.ascontiguousarray(network.parts[name]) for name in PARTS}
        save_file(weights | {_OUT: np.ascontiguousarray(network.out)}, new / WEIGHTS_FILE)
        if training is not None:
            values, arrays = training
            (new / _STATE_FILE).write_text(json.dumps(dict(values), indent=1))
            save_file(dict(arrays), new / _ARRAYS_FILE)

    replace_folder(folder, write)


def load_network(folder: Path, scenario: Scenario) -> PriceNetwork:
    """Read a network's folder.

    Raises:
        FileNotFoundError: There is no agent there.
        ValueError: It is no price network, of another format, or does not fit the scenario.
    """
    folder = saved_folder(folder)
    config = read_config(folder)
    if config["agent"] not in NETWORK_NAMES:
        raise ValueError(f"{folder} holds an agent {config['agent']!r}, which is no price network")
    check_columns(folder, config["columns"], scenario)
    weights = _arrays(folder / WEIGHTS_FILE)
    missing = sorted({*PARTS, _OUT} ^ set(weights))
    if missing:
        raise ValueError(f"{folder / WEIGHTS_FILE} lacks or adds weights: {', '.join(missing)}")
    out = weights.pop(_OUT)
    return PriceNetwork(config["prices"], weights, out)


def load_state(folder: Path) -> dict[str, Any]:
    """Read the values that ``save_network`` was given for a continued training.

    Raises:
        FileNotFoundError: There are none.
    """
    return dict(json.loads((saved_folder(folder) / _STATE_FILE).read_text()))


def load_arrays(folder: Path) -> dict[str, NDArray[Any]]:
    """Read the arrays that ``save_network`` was given for a continued training.

    Raises:
        LoadError: Their file is damaged.
    """
    return _arrays(saved_folder(folder) / _ARRAYS_FILE)


def check_continues(folder: Path, settings: NetworkSettings, scenario: Scenario) -> None:
    """Refuse to go on with a training that was another one.

    Raises:
        ValueError: Its settings or its scenario's version were others; the message names the key.
    """
    config = read_config(saved_folder(folder))
    wanted = asdict(settings) | {"agent": AGENT_NAMES[type(settings)]}
    wanted |= {"scenario": scenario.name, "scenario_version": scenario.version}
    had = config["settings"] | {key: config[key] for key in config if key in wanted}
    for key, value in wanted.items():
        if key not in _FREE and had.get(key) != value:
            raise ValueError(
                f"{folder} was trained with {key} = {had.get(key)!r}, not {value!r}; "
                f"to change that, begin in another folder"
            )


def _arrays(path: Path) -> dict[str, NDArray[Any]]:
    try:
        return dict(load_file(path))
    except SafetensorError as error:
        raise LoadError(f"{path} is damaged: {error}") from error


def released_folder(scenario_name: str) -> Path:
    """Where the package keeps the price network of a scenario, if it has one."""
    return Path(str(files("agents"))) / "learned" / "released" / scenario_name


def released_policy(scenario: Scenario) -> NetworkPolicy:
    """The price network that comes with the package.

    Raises:
        FileNotFoundError: If the scenario has none; the message says how to train one.
    """
    folder = released_folder(scenario.name)
    if not folder.is_dir():
        raise FileNotFoundError(
            f"scenario {scenario.name!r} has no price network at {folder}. Train one with "
            f"`python train.py agent=price_network scenario={scenario.name}` and name its folder."
        )
    return NetworkPolicy(scenario, load_network(folder, scenario))
