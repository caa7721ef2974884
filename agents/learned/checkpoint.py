"""Agents and training states as folders of JSON and safetensors; loading runs no code from them.

Folders are replaced as a whole (``agents.files``): a reader finds the old or the new one.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors import numpy as safetensors_numpy
from safetensors.torch import load_file, save_file
from sb3_contrib.common.maskable.policies import MaskableActorCriticPolicy
from stable_baselines3.common.policies import BasePolicy

from agents.classical import PricingPolicy
from agents.files import LoadError, complete_folder, replace_folder
from agents.learned.models import Model, build_policy, columns_of
from agents.learned.moment import Moment, restore, take
from agents.learned.priced import PricedVecEnv, PriceSetter
from agents.learned.settings import AGENT_NAMES, AllocationSettings, TrainingSettings
from agents.policy import Observation, Policy
from envs.observation import flat_mask
from envs.scenario import Scenario

FORMAT = 1
AGENT_CLASSES = {name: settings for settings, name in AGENT_NAMES.items()}
CONFIG_FILE, WEIGHTS_FILE = "config.json", "policy.safetensors"
_OPTIMIZER = "optimizer.safetensors"
_MOMENT, _COUNTERS = "moment.safetensors", "training.json"


class LearnedAgent:
    """A trained policy behind the one ``predict`` protocol; reads the mask from the observation.

    If its actions are prices it is to be wrapped in a ``PriceSetter``.
    """

    def __init__(self, policy: BasePolicy) -> None:
        """Take the policy as it is; it is not copied."""
        self.policy = policy

    def predict(
        self,
        observation: Observation,
        state: Any = None,
        episode_start: NDArray[np.bool_] | None = None,
        deterministic: bool = True,
    ) -> tuple[NDArray[Any], Any]:
        """Actions int64 [B, S], or prices float32, for tables [B, ...]; keeps no state."""
        self.policy.set_training_mode(False)
        tensors = {name: torch.as_tensor(table) for name, table in observation.items()}
        arguments: dict[str, Any] = {}
        if isinstance(self.policy, MaskableActorCriticPolicy):
            arguments["action_masks"] = flat_mask(observation)
        before = torch.get_float32_matmul_precision()
        torch.set_float32_matmul_precision("highest")  # the same scores wherever it is evaluated
        try:
            with torch.no_grad():
                actions = self.policy._predict(tensors, deterministic=deterministic, **arguments)
        finally:
            torch.set_float32_matmul_precision(before)
        return actions.reshape(len(actions), -1).numpy(), state


def as_agent(policy: BasePolicy, rule: PricingPolicy | None) -> Policy:
    """A torch policy of the package as one that allocates: at its prices, if it has a rule."""
    agent = LearnedAgent(policy)
    return agent if rule is None else PriceSetter(agent, rule)


def rule_in(model: Model) -> PricingPolicy | None:
    """The rule to whose prices a model's actions are added, if they are prices."""
    return model.env.rule if isinstance(model.env, PricedVecEnv) else None


def save_agent(
    folder: Path,
    policy: BasePolicy,
    settings: TrainingSettings,
    scenario: Scenario,
    rule: PricingPolicy | None = None,
) -> None:
    """Write an agent's folder: ``config.json`` and ``policy.safetensors``."""
    replace_folder(folder, lambda new: _write_agent(new, policy, settings, scenario, rule))


def load_agent(folder: Path, scenario: Scenario) -> Policy:
    """Read an agent's folder.

    Args:
        folder: As written by ``save_agent`` or ``save_training``.
        scenario: What it will play; its observation must have the columns it was trained on.

    Raises:
        FileNotFoundError: There is no agent there.
        ValueError: It is of another format, or its columns or weights do not fit the scenario.
    """
    folder = saved_folder(folder)
    config = read_config(folder)
    check_columns(folder, config["columns"], scenario)
    settings = AGENT_CLASSES[config["agent"]](**config["settings"])
    if not isinstance(settings, TrainingSettings):
        raise ValueError(f"{folder} holds an agent {config['agent']!r}, which is no torch policy")
    if isinstance(settings, AllocationSettings):
        # The weights come from the file; the start they once had does not matter.
        settings.start = "greedy"
    policy = build_policy(settings, scenario)
    load_weights(policy, folder)
    return as_agent(policy, _saved_rule(config, scenario))


def save_training(
    folder: Path,
    model: Model,
    settings: TrainingSettings,
    scenario: Scenario,
    extra: Any,
    moment: Moment | None = None,
) -> None:
    """Write all that is needed to continue to the bit: an agent's folder, optimiser and moment.

    Args:
        folder: Replaced as a whole.
        model: What is being trained.
        settings: Of the training.
        scenario: What is played.
        extra: Anything JSON holds, given back by ``load_training``.
        moment: From which the model has made no update since; None: now.

    Raises:
        SaveError: If the folder cannot be written; the one before is still there.
    """
    moment = take(model) if moment is None else moment

    def write(new: Path) -> None:
        _write_agent(new, model.policy, settings, scenario, rule_in(model))
        tensors, groups = _flat_optimizer(model.policy.optimizer)
        save_file(tensors, new / _OPTIMIZER)
        safetensors_numpy.save_file(moment.arrays, new / _MOMENT)
        counters = {**moment.values, "groups": groups, "extra": extra}
        (new / _COUNTERS).write_text(json.dumps(counters, indent=1))

    replace_folder(folder, write)


def load_training(folder: Path, model: Model) -> Any:
    """Continue from what ``save_training`` wrote, as if there had been no interruption.

    Args:
        folder: As written by ``save_training``.
        model: Fresh, of the same settings and scenario; brought to where the saved one stood.

    Returns:
        The ``extra`` that was saved.

    Raises:
        FileNotFoundError: There is no saved training there.
        LoadError: It is damaged, does not fit the model, or is of a version that saved too little.
    """
    folder = saved_folder(folder)
    if not (folder / _MOMENT).is_file():
        raise LoadError(
            f"{folder} has no {_MOMENT}: a version that could not continue exactly saved it; its "
            f"agent can be evaluated, but training starts anew"
        )
    load_weights(model.policy, folder)
    if isinstance(model.env, PricedVecEnv):
        # What the package's weights are by now does not matter.
        model.env.rule = PricingPolicy(model.env.scenario, read_config(folder)["rule"])
    counters = json.loads((folder / _COUNTERS).read_text())
    groups, extra = counters.pop("groups"), counters.pop("extra")
    _restore_optimizer(model.policy.optimizer, _tensors(folder / _OPTIMIZER), groups)
    arrays = {name: t.numpy() for name, t in _tensors(folder / _MOMENT).items()}
    restore(model, Moment(arrays, counters))
    return extra


def saved_agent(folder: Path) -> str:
    """Which agent a folder holds, by name.

    Raises:
        FileNotFoundError: There is no agent there.
        ValueError: It is of another format or of an unknown name.
    """
    return str(read_config(saved_folder(folder))["agent"])


def saved_steps(folder: Path) -> int:
    """Steps made by the training saved in a folder."""
    steps = json.loads((saved_folder(folder) / _COUNTERS).read_text())["steps"]
    return int(steps)


def load_weights(policy: BasePolicy, folder: Path) -> None:
    """Fill a policy with the weights of an agent's folder.

    Raises:
        LoadError: The file is damaged, or names or shapes differ.
    """
    try:
        policy.load_state_dict(_tensors(folder / WEIGHTS_FILE))
    except RuntimeError as error:
        raise LoadError(f"{folder / WEIGHTS_FILE} does not fit this policy: {error}") from error


def _saved_rule(config: dict[str, Any], scenario: Scenario) -> PricingPolicy | None:
    return PricingPolicy(scenario, config["rule"]) if "rule" in config else None


def _write_agent(
    folder: Path,
    policy: BasePolicy,
    settings: TrainingSettings,
    scenario: Scenario,
    rule: PricingPolicy | None,
) -> None:
    config: dict[str, Any] = {
        "format": FORMAT,
        "agent": AGENT_NAMES[type(settings)],
        "scenario": scenario.name,
        "columns": columns_of(scenario),
        "settings": asdict(settings),
    }
    if rule is not None:
        config["rule"] = rule.weights
    weights = {name: t.detach().contiguous() for name, t in policy.state_dict().items()}
    (folder / CONFIG_FILE).write_text(json.dumps(config, indent=1))
    save_file(weights, folder / WEIGHTS_FILE)


def read_config(folder: Path) -> dict[str, Any]:
    """Read an agent's ``config.json``.

    Raises:
        ValueError: It is of another format, or names an agent that is not known.
    """
    config = json.loads((folder / CONFIG_FILE).read_text())
    if config.get("format") != FORMAT:
        raise ValueError(
            f"{folder / CONFIG_FILE} has format {config.get('format')!r}; "
            f"this version reads {FORMAT}"
        )
    if config["agent"] not in AGENT_CLASSES:
        raise ValueError(f"unknown agent {config['agent']!r}; known: {', '.join(AGENT_CLASSES)}")
    return dict(config)


def check_columns(folder: Path, trained: dict[str, list[str]], scenario: Scenario) -> None:
    """Refuse an agent whose observation had other columns than the scenario's has.

    Raises:
        ValueError: They differ; the message shows both.
    """
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


def _tensors(path: Path) -> dict[str, torch.Tensor]:
    try:
        return dict(load_file(path))
    except SafetensorError as error:
        raise LoadError(f"{path} is damaged: {error}") from error


def saved_folder(folder: Path) -> Path:
    """The saved folder, also where its writer was killed; see ``agents.files``."""
    found = complete_folder(Path(folder))
    if found is None or not (found / CONFIG_FILE).is_file():
        raise FileNotFoundError(f"{folder} holds no saved agent: it has no {CONFIG_FILE}")
    return found
