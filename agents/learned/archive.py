"""Policies from archives that Stable-Baselines3 wrote; loading one runs code that stands in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray
from sb3_contrib.common.maskable.policies import MaskableActorCriticPolicy as Maskable
from stable_baselines3.common.policies import ActorCriticPolicy, BasePolicy
from stable_baselines3.common.save_util import load_from_zip_file

from agents.policy import Actions, Observation
from envs.observation import Layout, flat_mask
from envs.scenario import Scenario


class ArchivedAgent:
    """A policy of somebody else's training, behind the one ``predict`` protocol."""

    def __init__(self, policy: BasePolicy) -> None:
        """Take a policy whose spaces are those of the scenario, or the same flattened."""
        self.policy = policy

    def predict(
        self,
        observation: Observation,
        state: Any = None,
        episode_start: NDArray[np.bool_] | None = None,
        deterministic: bool = True,
    ) -> tuple[Actions, Any]:
        """Actions int64 [B, S] for observation tables [B, ...]; what is illegal becomes a hold."""
        seen: Any = dict(observation)
        if isinstance(self.policy.observation_space, spaces.Box):
            rows = [table.reshape(len(table), -1) for _, table in sorted(observation.items())]
            seen = np.concatenate(rows, axis=1).astype(np.float32)
        masks: dict[str, Any] = {}
        if isinstance(self.policy, Maskable):
            masks["action_masks"] = flat_mask(observation)
        actions, state = self.policy.predict(seen, state, episode_start, deterministic, **masks)
        return actions.astype(np.int64, copy=False), state


def load_archive(path: Path, scenario: Scenario) -> ArchivedAgent:
    """Read the actor-critic policy of an algorithm that was saved by Stable-Baselines3.

    That is of PPO, A2C, MaskablePPO, TRPO and whatever is made as they are, one's own included. The
    archive holds pickles, which run code of whoever made it: call this for your own alone.

    Args:
        path: The zip.
        scenario: What it will play.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is no such archive, or its spaces are not those of the scenario.
    """
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    data, weights, _ = load_from_zip_file(path, device="cpu")
    made = data.get("policy_class") if data else None
    if data is None or made is None or not issubclass(made, ActorCriticPolicy | Maskable):
        raise ValueError(f"{path} is not an archive of one of Stable-Baselines3's actor-critics")
    # The policy alone: its algorithm, environment and buffers are not needed to play.
    policy = made(
        data["observation_space"], data["action_space"], lambda _: 0.0, **data["policy_kwargs"]
    )
    policy.load_state_dict(weights["policy"])
    _check_spaces(path, policy, scenario)
    return ArchivedAgent(policy)


def _check_spaces(path: Path, policy: BasePolicy, scenario: Scenario) -> None:
    layout = Layout(scenario)
    tables = layout.observation_space()
    known = (tables, spaces.flatten_space(tables))
    if not any(_same_shape(policy.observation_space, space) for space in known):
        raise ValueError(
            f"{path} sees {policy.observation_space}; scenario {scenario.name!r} has {tables}, "
            f"or the same flattened"
        )
    actions = [layout.action_space(by_need) for by_need in (True, False)]
    if policy.action_space not in actions:
        raise ValueError(
            f"{path} chooses from {policy.action_space}; scenario {scenario.name!r} "
            f"needs {actions[0]}"
        )


def _same_shape(one: spaces.Space[Any], other: spaces.Space[Any]) -> bool:
    """Whether two spaces are of the same tables; bounds may have been rounded on the way."""
    if isinstance(one, spaces.Dict) and isinstance(other, spaces.Dict):
        shapes = [{name: table.shape for name, table in s.spaces.items()} for s in (one, other)]
        return shapes[0] == shapes[1]
    return type(one) is type(other) and one.shape == other.shape
