"""Agents and training states as folders of JSON and safetensors; loading runs no code from them.

A folder is written beside its place, flushed to disk and moved in by renaming, so a reader finds
the old one or the new one whole, whatever kills the writer.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from stable_baselines3.common.policies import BasePolicy

from agents.learned.models import Model, build_policy, columns_of
from agents.learned.settings import MaskablePPOSettings, PPOSettings, TrainingSettings
from agents.policy import Actions, Observation
from envs.observation import flat_mask
from envs.scenario import Scenario

FORMAT = 1
AGENT_CLASSES: dict[str, type[TrainingSettings]] = {
    "ppo": PPOSettings,
    "maskable_ppo": MaskablePPOSettings,
}
_CONFIG, _WEIGHTS, _OPTIMIZER = "config.json", "policy.safetensors", "optimizer.safetensors"


class LearnedAgent:
    """A trained policy behind the one ``predict`` protocol; reads the mask from the observation."""

    def __init__(self, policy: BasePolicy) -> None:
        """Take the policy as it is; it is not copied."""
        self.policy = policy

    def predict(
        self,
        observation: Observation,
        state: Any = None,
        episode_start: NDArray[np.bool_] | None = None,
        deterministic: bool = True,
    ) -> tuple[Actions, Any]:
        """Actions int64 [B, S] for observation tables [B, ...]; keeps no state."""
        self.policy.set_training_mode(False)
        tensors = {name: torch.as_tensor(table) for name, table in observation.items()}
        arguments: dict[str, Any] = {}
        if not hasattr(self.policy, "price_weights"):
            arguments["action_masks"] = flat_mask(observation)
        before = torch.get_float32_matmul_precision()
        torch.set_float32_matmul_precision("highest")  # the same scores wherever it is evaluated
        try:
            with torch.no_grad():
                actions = self.policy._predict(tensors, deterministic=deterministic, **arguments)
        finally:
            torch.set_float32_matmul_precision(before)
        return actions.reshape(len(actions), -1).numpy().astype(np.int64, copy=False), state


def save_agent(
    folder: Path, policy: BasePolicy, settings: TrainingSettings, scenario: Scenario
) -> None:
    """Write an agent's folder: ``config.json`` and ``policy.safetensors``."""
    _replace_folder(folder, lambda new: _write_agent(new, policy, settings, scenario))


def load_agent(folder: Path, scenario: Scenario) -> LearnedAgent:
    """Read an agent's folder.

    Args:
        folder: As written by ``save_agent`` or ``save_training``.
        scenario: What it will play; its observation must have the columns it was trained on.

    Raises:
        FileNotFoundError: There is no agent there.
        ValueError: It is of another format, or its columns or weights do not fit the scenario.
    """
    folder = _complete_folder(folder)
    config = _read_config(folder)
    _check_columns(folder, config["columns"], scenario)
    settings = AGENT_CLASSES[config["agent"]](**config["settings"])
    if isinstance(settings, PPOSettings):
        # The weights come from the file; the start they once had does not matter.
        settings.start = "greedy"
    policy = build_policy(settings, scenario)
    load_weights(policy, folder)
    return LearnedAgent(policy)


def save_training(
    folder: Path, model: Model, settings: TrainingSettings, scenario: Scenario, extra: Any
) -> None:
    """Write all that is needed to continue: an agent's folder plus optimiser and counters.

    Args:
        folder: Replaced as a whole.
        model: What is being trained.
        settings: Of the training.
        scenario: What is played.
        extra: Anything JSON holds, given back by ``load_training``.
    """

    def write(new: Path) -> None:
        _write_agent(new, model.policy, settings, scenario)
        tensors, groups = _flat_optimizer(model.policy.optimizer)
        tensors["torch_rng"] = torch.get_rng_state()
        save_file(tensors, new / _OPTIMIZER)
        counters = {
            "steps": model.num_timesteps,
            "updates": model._n_updates,
            "groups": groups,
            "extra": extra,
        }
        (new / "training.json").write_text(json.dumps(counters, indent=1))

    _replace_folder(folder, write)


def load_training(folder: Path, model: Model) -> Any:
    """Continue from what ``save_training`` wrote: weights, optimiser, counters, torch's generator.

    Returns:
        The ``extra`` that was saved.

    Raises:
        FileNotFoundError: There is no saved training there.
        ValueError: It does not fit the model.
    """
    folder = _complete_folder(folder)
    load_weights(model.policy, folder)
    counters = json.loads((folder / "training.json").read_text())
    tensors = load_file(folder / _OPTIMIZER)
    torch.set_rng_state(tensors.pop("torch_rng"))
    _restore_optimizer(model.policy.optimizer, tensors, counters["groups"])
    model.num_timesteps = counters["steps"]
    model._n_updates = counters["updates"]
    return counters["extra"]


def saved_steps(folder: Path) -> int:
    """Steps made by the training saved in a folder."""
    steps = json.loads((_complete_folder(folder) / "training.json").read_text())["steps"]
    return int(steps)


def load_weights(policy: BasePolicy, folder: Path) -> None:
    """Fill a policy with the weights of an agent's folder.

    Raises:
        ValueError: Names or shapes differ.
    """
    try:
        policy.load_state_dict(load_file(folder / _WEIGHTS))
    except RuntimeError as error:
        raise ValueError(f"{folder / _WEIGHTS} does not fit this policy: {error}") from error


def _write_agent(
    folder: Path, policy: BasePolicy, settings: TrainingSettings, scenario: Scenario
) -> None:
    names = {cls: name for name, cls in AGENT_CLASSES.items()}
    config = {
        "format": FORMAT,
        "agent": names[type(settings)],
        "scenario": scenario.name,
        "columns": columns_of(scenario),
        "settings": asdict(settings),
    }
    weights = {name: t.detach().contiguous() for name, t in policy.state_dict().items()}
    (folder / _CONFIG).write_text(json.dumps(config, indent=1))
    save_file(weights, folder / _WEIGHTS)


def _read_config(folder: Path) -> dict[str, Any]:
    config = json.loads((folder / _CONFIG).read_text())
    if config.get("format") != FORMAT:
        raise ValueError(
            f"{folder / _CONFIG} has format {config.get('format')!r}; this version reads {FORMAT}"
        )
    if config["agent"] not in AGENT_CLASSES:
        raise ValueError(f"unknown agent {config['agent']!r}; known: {', '.join(AGENT_CLASSES)}")
    return dict(config)


def _check_columns(folder: Path, trained: dict[str, list[str]], scenario: Scenario) -> None:
    for table, names in columns_of(scenario).items():
        if trained.get(table) != names:
            raise ValueError(
                f"{folder} was trained on {table} columns {trained.get(table)}, but scenario "
                f"{scenario.name!r} has {names}; its catalogue differs"
            )


def _flat_optimizer(
    optimizer: torch.optim.Optimizer,
) -> tuple[dict[str, torch.Tensor], list[dict[str, Any]]]:
    state = optimizer.state_dict()
    tensors = {
        f"{index}.{name}": torch.as_tensor(value).detach().contiguous()
        for index, entries in state["state"].items()
        for name, value in entries.items()
    }
    return tensors, state["param_groups"]


def _restore_optimizer(
    optimizer: torch.optim.Optimizer,
    tensors: dict[str, torch.Tensor],
    groups: list[dict[str, Any]],
) -> None:
    state: dict[int, dict[str, torch.Tensor]] = {}
    for key, tensor in tensors.items():
        index, name = key.split(".", 1)
        state.setdefault(int(index), {})[name] = tensor
    optimizer.load_state_dict({"state": state, "param_groups": groups})


def _replace_folder(folder: Path, write: Callable[[Path], None]) -> None:
    """Write into a new folder, then put it in the place of the old one."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    fresh, previous = _beside(folder, "new"), _beside(folder, "previous")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir()
    write(fresh)
    for path in (*fresh.iterdir(), fresh):
        _flush(path)
    if folder.exists():
        shutil.rmtree(previous, ignore_errors=True)
        os.rename(folder, previous)
    # Killed here, the reader finds the previous one, which is whole.
    os.rename(fresh, folder)
    _flush(folder.parent)
    shutil.rmtree(previous, ignore_errors=True)


def _complete_folder(folder: Path) -> Path:
    """The folder, or the previous one if a writer was killed between the two renames."""
    for candidate in (Path(folder), _beside(Path(folder), "previous")):
        if (candidate / _CONFIG).is_file():
            return candidate
    raise FileNotFoundError(f"{folder} holds no saved agent: it has no {_CONFIG}")


def _beside(folder: Path, suffix: str) -> Path:
    return folder.with_name(f".{folder.name}.{suffix}")


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
