"""The environment for many agents: a PettingZoo parallel environment, one agent a shooter."""

from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray
from pettingzoo import ParallelEnv

from envs.batch import mean_undefended_loss
from envs.entities import Scenario
from envs.observation import Layout
from envs.single_env import BalticShieldEnv
from envs.validation import one_of

CREDITS = ("shared", "own")
_COMMON = ("track", "shooter", "asset", "clock")

Observation = dict[str, NDArray[Any]]


class BalticShieldParallelEnv(ParallelEnv[str, Observation, int]):
    """One raid, in which every shooter decides for itself; needs the extra `pettingzoo`.

    Agents `shooter_0`, `shooter_1`, … are the rows of the scenario's shooters, all of them from the
    first epoch to the last: one out of action may only hold. Deliveries go by need.

    Observation: Dict of the tables `track`, `shooter`, `asset` and `clock` that all agents see;
        `own_pair` [I, 4], the agent's rows of the pair table; `own_shooter` [S], 1 in its row of
        `shooter`; `action_mask` [1 + I], int8, 1 where legal. Columns: docs/observation.md.
    Action: `Discrete(1 + I)`, hold (0) or one engagement of the track in slot i (1 + i).
    Reward: "shared" gives every agent the reward of `envs.single_env.BalticShieldEnv`. "own" gives
        each the value that its order is expected to save, see `expected_savings`, in units of the
        scenario's mean undefended loss.
    Episode: one raid; it ends for all agents at once. The last infos hold all metrics.

    Which threats a shooter's rounds really stopped is no number of the core: several engagements
    wear one threat down together. So "own" is what was to be expected when the order was given, by
    the beliefs of the defence. It pays for every good shot at once and nothing for a round kept for
    later: easy to learn from, and not the goal, which is the shared reward and what to report.

    Args:
        scenario: name, path or mapping.
        credit: "shared" or "own".
        **joint: further arguments of `BalticShieldEnv`, such as `max_epochs`, `split`, `reward`.

    Raises:
        ValueError: on an unknown credit, or weights in `reward` together with credit "own".

    Example:
        >>> from envs.parallel_env import BalticShieldParallelEnv
        >>> env = BalticShieldParallelEnv("duel")
        >>> observations, infos = env.reset(seed=7)
        >>> holds = {agent: 0 for agent in env.agents}
        >>> observations, rewards, terminated, truncated, infos = env.step(holds)
    """

    # PettingZoo's own way to declare it.
    metadata = {**BalticShieldEnv.metadata, "name": "BalticShield-v0"}  # noqa: RUF012

    def __init__(self, scenario: Any = "standard", credit: str = "shared", **joint: Any) -> None:
        self.credit = one_of(credit, CREDITS, "credit")
        if credit == "own" and joint.get("reward") is not None:
            raise ValueError("reward: weights are of the shared reward; leave them out with 'own'")
        self.joint = BalticShieldEnv(scenario, **joint)
        batch = self.joint.batch
        self._unit = _value_unit(batch.scenario)
        self.possible_agents = [f"shooter_{s}" for s in range(batch.scenario.num_shooters)]
        self.agents: list[str] = []
        self.observation_spaces = {a: _agent_space(batch.layout) for a in self.possible_agents}
        choices = batch.layout.mask_shape[1]
        self.action_spaces = {agent: spaces.Discrete(choices) for agent in self.possible_agents}
        self.state_space = spaces.flatten_space(self.joint.observation_space)
        self._seen: Observation = {}

    @property
    def render_mode(self) -> str | None:
        """How the joint environment renders."""
        return self.joint.render_mode

    def observation_space(self, agent: str) -> gymnasium.Space[Any]:
        """Return the space of an agent's observations, always the same object."""
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> gymnasium.Space[Any]:
        """Return the space of an agent's actions, always the same object."""
        return self.action_spaces[agent]

    def reset(
        self, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Observation], dict[str, dict[str, Any]]]:
        """Begin a raid: that of `seed`, or the next one of the seed given last.

        Args:
            seed: 0 or more, or None.
            options: `split`; other entries are left to wrappers, as PettingZoo does.

        Returns:
            Observations and empty infos by agent.
        """
        known = {"split": options["split"]} if options and "split" in options else None
        self._seen, _ = self.joint.reset(seed=seed, options=known)
        self.agents = self.possible_agents.copy()
        return self._observations(), {agent: {} for agent in self.agents}

    def step(
        self, actions: Mapping[str, int]
    ) -> tuple[
        dict[str, Observation],
        dict[str, float],
        dict[str, bool],
        dict[str, bool],
        dict[str, dict[str, Any]],
    ]:
        """Play one epoch.

        Args:
            actions: of every agent, 0 to hold or 1 + slot; what is illegal is a hold.

        Returns:
            Observations, rewards, terminated, truncated and infos by agent.

        Raises:
            RuntimeError: if the raid is over.
            ValueError: if agents are missing or unknown.
        """
        if not self.agents:
            raise RuntimeError("the raid is over, or has not begun: call reset()")
        if set(actions) != set(self.agents):
            odd = sorted(set(actions) ^ set(self.agents))
            raise ValueError(f"actions: one of each agent is needed; missing or unknown: {odd}")
        orders = np.array([actions[agent] for agent in self.agents])
        own = expected_savings(self.joint.batch.layout, self._seen, orders) * self._unit
        self._seen, reward, terminated, truncated, info = self.joint.step(orders)
        agents, shared = self.agents, self.credit == "shared"
        result = (
            self._observations(),
            {agent: reward if shared else float(own[s]) for s, agent in enumerate(agents)},
            dict.fromkeys(agents, terminated),
            dict.fromkeys(agents, truncated),
            {agent: dict(info) for agent in agents},
        )
        if terminated or truncated:
            self.agents = []
        return result

    def state(self) -> NDArray[Any]:
        """Return all that the defence knows, the joint observation, as one vector.

        For critics and mixers that are trained centrally; `state_space` is its space. The truth
        itself is `joint.state()`.
        """
        return np.asarray(spaces.flatten(self.joint.observation_space, self._seen))

    def render(self) -> Any:
        """Render as the joint environment does."""
        return self.joint.render()

    def close(self) -> None:
        """Close the joint environment."""
        self.joint.close()

    def _observations(self) -> dict[str, Observation]:
        """Return every agent's observation; no two share an array."""
        seen, shooters = self._seen, len(self.possible_agents)
        return {
            agent: {
                **{name: seen[name].copy() for name in _COMMON},
                "own_pair": seen["pair"][s].copy(),
                "own_shooter": (np.arange(shooters) == s).astype(np.float32),
                "action_mask": seen["action_mask"][s].copy(),
            }
            for s, agent in enumerate(self.agents)
        }


def expected_savings(
    layout: Layout, observation: Mapping[str, NDArray[Any]], orders: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the value that each shooter's order is expected to save when it is given.

    saved_s = value_saved_si * product of 1 - pk_ri over the shooters r < s that were ordered to
    engage the same track i; both columns are the core's (docs/observation.md). So what several
    engagements of one epoch save together is counted once, shared out in the order of shooters,
    and the sum is what the joint order is expected to save. Holds and illegal orders save nothing.

    Args:
        layout: of the observation.
        observation: tables of one member before the order.
        orders: integers [S], 0 to hold or 1 + slot.

    Returns:
        float64 [S], in units of the largest asset value; less than 0 where the penalty for a
        neutral aircraft outweighs the value at risk.
    """
    mask = observation["action_mask"]
    pk, saved = (
        observation["pair"][..., layout.index("pair", name)].astype(np.float64)
        for name in ("pk", "value_saved")
    )
    left = np.ones(pk.shape[1])
    savings = np.zeros(len(orders))
    for s, order in enumerate(orders):
        if 0 < order < mask.shape[1] and mask[s, order]:
            savings[s] = saved[s, order - 1] * left[order - 1]
            left[order - 1] *= 1.0 - pk[s, order - 1]
    return savings


def _agent_space(layout: Layout) -> spaces.Dict:
    joint = layout.observation_space()
    shooters, choices = layout.mask_shape
    pair = joint["pair"]
    assert isinstance(pair, spaces.Box)
    return spaces.Dict(
        {
            **{name: joint[name] for name in _COMMON},
            "own_pair": spaces.Box(pair.low[0], pair.high[0], dtype=np.float32),
            "own_shooter": spaces.Box(0, 1, (shooters,), np.float32),
            "action_mask": spaces.Box(0, 1, (choices,), np.int8),
        }
    )


def _value_unit(scenario: Scenario) -> float:
    """Return the largest asset value in units of the mean undefended loss."""
    return max(asset.value for asset in scenario.assets) / mean_undefended_loss(scenario)
