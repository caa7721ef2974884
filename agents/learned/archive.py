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

from agents.learned.priced import PriceSetter, price_space, rule_of
from agents.policy import Observation, Policy
from envs.observation import Layout, flat_mask
from envs.scenario import Scenario


class ArchivedAgent:
    """A policy of somebody else's training, behind the one ``predict`` protocol.

    If its actions are prices it is to be wrapped in a ``PriceSetter``.
    """

    def __init__(self, policy: BasePolicy) -> None:
        """Take a policy whose spaces are those of the scenario, or the same flattened."""
        self.policy = policy

    def predict(
        self,
        observation: Observation,
        state: Any = None,
        episode_start: NDArray[np.bool_] | None = None,
        deterministic: bool = True,
    ) -> tuple[NDArray[Any], Any]:
        """Actions int64 [B, S], or prices float32, for tables [B, ...].

        What is illegal becomes a hold.
        """
        seen: Any = dict(observation)
        if isinstance(self.policy.observation_space, spaces.Box):
            rows = [table.reshape(len(table), -1) for _, table in sorted(observation.items())]
            seen = np.concatenate(rows, axis=1).astype(np.float32)
        masks: dict[str, Any] = {}
        if isinstance(self.policy, Maskable):
            masks["action_masks"] = flat_mask(observation)
        actions, state = self.policy.predict(seen, state, episode_start, deterministic, **masks)
        if not isinstance(self.policy.action_space, spaces.Box):
            actions = actions.astype(np.int64, copy=False)
        return actions, state


def load_archive(path: Path, scenario: Scenario) -> Policy:
    """Read the policy of an algorithm that was saved by Stable-Baselines3.

    That is of PPO, A2C, MaskablePPO, TRPO and whatever is made as they are, one's own included; if
    its actions are prices (added to those of the best rule), also of SAC, TD3 and their like. The
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
    if data is None or made is None or not issubclass(made, BasePolicy):
        raise ValueError(f"{path} is not an archive of one of Stable-Baselines3's algorithms")
    # The policy alone: its algorithm, environment and buffers are not needed to play.
    arguments = data["policy_kwargs"]
    if issubclass(made, ActorCriticPolicy) and data.get("use_sde"):
        arguments = arguments | {"use_sde": True}
    try:
        spaces_of = (data["observation_space"], data["action_space"])
        policy = made(*spaces_of, lambda _: 0.0, **arguments)
        policy.load_state_dict(weights["policy"])
    except (TypeError, RuntimeError) as error:
        raise ValueError(f"{path} holds a policy that cannot be built again: {error}") from error
    _check_spaces(path, policy, scenario)
    agent = ArchivedAgent(policy)
    if isinstance(policy.action_space, spaces.Box):
        return PriceSetter(agent, rule_of(scenario))
    return agent


def _check_spaces(path: Path, policy: BasePolicy, scenario: Scenario) -> None:
    layout = Layout(scenario)
    tables = layout.observation_space()
    known = (tables, spaces.flatten_space(tables))
    if not any(_same_shape(policy.observation_space, space) for space in known):
        raise ValueError(
            f"{path} sees {policy.observation_space}; scenario {scenario.name!r} has {tables}, "
            f"or the same flattened"
        )
    actions: list[spaces.Space[Any]] = [
        *(layout.action_space(by_need) for by_need in (True, False)),
        price_space(scenario),
    ]
    if policy.action_space not in actions:
        raise ValueError(
            f"{path} chooses from {policy.action_space}; scenario {scenario.name!r} "
            f"needs {actions[0]}, or {actions[-1]} for prices"
        )


def _same_shape(one: spaces.Space[Any], other: spaces.Space[Any]) -> bool:
    """Whether two spaces are of the same tables; bounds may have been rounded on the way."""
    if isinstance(one, spaces.Dict) and isinstance(other, spaces.Dict):
        shapes = [{name: table.shape for name, table in s.spaces.items()} for s in (one, other)]
        return shapes[0] == shapes[1]
    return type(one) is type(other) and one.shape == other.shape
