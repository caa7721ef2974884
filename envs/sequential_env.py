"""The environment for methods that take one choice at a time: shooters decide in turn."""

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from envs.single_env import BalticShieldEnv

_MASKS = ("action_mask", "delivery_mask")

Observation = dict[str, NDArray[Any]]


class BalticShieldSequentialEnv(gymnasium.Env):
    """One raid, in which the shooters choose one after the other within an epoch.

    The joint action of `envs.single_env.BalticShieldEnv` has H heads: one a shooter and, where
    deliveries are decided, one a delivery. Here a step is the choice of one head, in order; the
    epoch is played when the last has chosen. So the action is `Discrete` and each head knows what
    those before it chose, and the same choices have the same outcome as in the joint mode.

    Observation: the tables of the joint observation, as of the start of the epoch, and
        `turn` [H], 1 for the head that is to choose;
        `chosen` [H, N], int8, 1 where a head has chosen in this epoch, rows of 0 for those to come;
        `own_pair` [I, 4], the rows of the pair table of the shooter to choose, 0 for a delivery;
        `action_mask` [N], int8, 1 where the head to choose may.
    Action: `Discrete(N)`, N = 1 + the larger of I and, where deliveries are decided, S: hold (0) or
        the track in slot i (1 + i); for a delivery by need (0) or 1 + shooter. What the mask does
        not allow is a hold, and counted in the metric `illegal_actions`.
    Reward: 0, and that of the joint mode on the step that ends the epoch.
    Episode: that of the joint mode, in H times as many steps; `max_epochs` counts epochs. To
        discount as in the joint mode, take its factor to the power 1 / H.

    Args:
        scenario: name, path or mapping.
        **joint: further arguments of `BalticShieldEnv`, such as `reward`, `max_epochs`, `split`.

    Example:
        >>> import gymnasium
        >>> env = gymnasium.make("envs:BalticShield-Sequential-v0", scenario="duel")
        >>> observation, info = env.reset(seed=7)
        >>> action = env.action_space.sample(mask=observation["action_mask"])
        >>> observation, reward, terminated, truncated, info = env.step(action)
    """

    metadata = BalticShieldEnv.metadata

    def __init__(self, scenario: Any = "standard", **joint: Any) -> None:
        self.joint = BalticShieldEnv(scenario, **joint)
        self.render_mode = self.joint.render_mode
        layout = self.joint.batch.layout
        self._sizes = layout.action_space().nvec
        self._choices = int(self._sizes.max())
        self._orders: list[int] = []
        self._seen: Observation = {}
        self.action_space = spaces.Discrete(self._choices)
        self.observation_space = _space(layout.observation_space(), self._sizes)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Begin a raid: that of `seed`, or the next one of the seed given last.

        Args:
            seed: 0 or more, or None.
            options: `split`, "train", "validation" or "test".

        Returns:
            The observation and an empty info.

        Raises:
            ValueError: on an unknown option or split.
        """
        super().reset(seed=seed)
        self._seen, info = self.joint.reset(seed=seed, options=options)
        self._orders = []
        return self._observation(), info

    def step(self, action: Any) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Choose for the head whose turn it is; play the epoch if it was the last.

        Args:
            action: integer in [0, N).

        Returns:
            Observation, reward, terminated, truncated, info.

        Raises:
            ValueError: if the action is no such integer.
        """
        if not self.action_space.contains(action):
            raise ValueError(
                f"action: {action!r} is not right; an integer in [0, {self._choices}) is "
                "needed, 0 to hold or 1 + slot"
            )
        self._orders.append(int(action))
        reward, terminated, truncated = 0.0, False, False
        info: dict[str, Any] = {}
        if len(self._orders) == len(self._sizes):
            orders, self._orders = np.array(self._orders), []
            self._seen, reward, terminated, truncated, info = self.joint.step(orders)
        return self._observation(), reward, terminated, truncated, info

    def action_masks(self) -> NDArray[np.bool_]:
        """Return which choices of the head to choose are legal now, bool [N]."""
        return self._mask().astype(np.bool_)

    def state(self) -> Any:
        """Return the whole truth, live: for planners and critics, never part of an observation."""
        return self.joint.state()

    def metrics(self) -> dict[str, float]:
        """Return every metric of the raid so far; the truth, never for a policy."""
        return self.joint.metrics()

    def render(self) -> Any:
        """Render as the joint environment does."""
        return self.joint.render()

    def close(self) -> None:
        """Close the joint environment."""
        self.joint.close()

    def _mask(self) -> NDArray[np.int8]:
        head, shooters = len(self._orders), len(self._seen["action_mask"])
        shooter = head < shooters
        row = self._seen["action_mask" if shooter else "delivery_mask"]
        mask = np.zeros(self._choices, np.int8)
        mask[: self._sizes[head]] = row[head if shooter else head - shooters]
        return mask

    def _observation(self) -> Observation:
        heads, head = len(self._sizes), len(self._orders)
        chosen = np.zeros((heads, self._choices), np.int8)
        chosen[np.arange(head), self._orders] = 1
        pair = self._seen["pair"]
        return {
            **{name: table.copy() for name, table in self._seen.items() if name not in _MASKS},
            "turn": (np.arange(heads) == head).astype(np.float32),
            "chosen": chosen,
            "own_pair": pair[head].copy() if head < len(pair) else np.zeros_like(pair[0]),
            "action_mask": self._mask(),
        }


def _space(joint: spaces.Dict, sizes: NDArray[np.int64]) -> spaces.Dict:
    heads, choices = len(sizes), int(sizes.max())
    pair = joint["pair"]
    assert isinstance(pair, spaces.Box)
    return spaces.Dict(
        {
            **{name: space for name, space in joint.items() if name not in _MASKS},
            "turn": spaces.Box(0, 1, (heads,), np.float32),
            "chosen": spaces.Box(0, 1, (heads, choices), np.int8),
            "own_pair": spaces.Box(pair.low[0], pair.high[0], dtype=np.float32),
            "action_mask": spaces.Box(0, 1, (choices,), np.int8),
        }
    )
