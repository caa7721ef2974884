"""The environment as a single Gymnasium environment: a batch of one."""

from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from envs.batch import RaidBatch, check_actions
from envs.observation import flat_mask
from envs.rendering.renderer import RENDER_FPS, RENDER_MODES, Renderer
from envs.validation import one_of


class BalticShieldEnv(gymnasium.Env):
    """Interceptor allocation in one raid on the Baltic states.

    Observation: Dict of float32 tables and an int8 mask, of fixed size; units and bounds of each
        column are in `envs.observation.Layout`. `track` [I, 17 + K], `shooter` [S, 11 + Q],
        `asset` [A, 5], `pair` [S, I, 4], `clock` [6], `action_mask` [S, 1 + I]. Where deliveries
        are decided, `delivery` [D, 3 + Q] and `delivery_mask` [D, 1 + S].
    Action: `MultiDiscrete([1 + I] * S)`; for each shooter hold (0) or one engagement of the track
        in slot i (1 + i). What the mask does not allow is a hold, and counted in the metric
        `illegal_actions`. Where deliveries are decided, D more: by need (0) or 1 + shooter.
    Reward: -(loss of the epoch) / (mean undefended loss of the scenario), or weights over metrics.
    Episode: one raid. Terminated when every threat is settled or everything is lost; truncated
        only by `max_epochs`. The last info holds all metrics under `metrics`.

    Args:
        scenario: name, path or mapping.
        reward: weight by metric name; None for the default.
        max_epochs: limit after which an episode is truncated; None for none.
        split: raids played at first, "train", "validation" or "test".
        render_mode: "human", "rgb_array" (uint8 [960, 960, 3]), "ansi" or None; pictures show the
            truth, so they are for people and never for a policy.

    Example:
        >>> import gymnasium
        >>> env = gymnasium.make("envs:BalticShield-v0", scenario="duel")
        >>> observation, info = env.reset(seed=7)
        >>> hold = env.action_space.sample() * 0
        >>> observation, reward, terminated, truncated, info = env.step(hold)
    """

    metadata = {  # noqa: RUF012 (Gymnasium's own way to declare it)
        "render_modes": list(RENDER_MODES),
        "render_fps": RENDER_FPS,
    }

    def __init__(
        self,
        scenario: Any = "standard",
        reward: Mapping[str, float] | None = None,
        max_epochs: int | None = None,
        split: str = "train",
        render_mode: str | None = None,
    ) -> None:
        self.batch = RaidBatch(scenario, 1, reward, max_epochs, split)
        self.render_mode = render_mode
        self._renderer = Renderer(self.batch, render_mode)
        self.observation_space = self.batch.layout.observation_space()
        self.action_space = self.batch.layout.action_space()

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
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
        for option in options or {}:
            one_of(option, ["split"], "options")
        seeds = None if seed is None else np.array([seed], np.int64)
        self.batch.reset(None, seeds, (options or {}).get("split"))
        self._renderer.note()
        return self._observation(), {}

    def step(
        self, action: Any
    ) -> tuple[dict[str, NDArray[Any]], float, bool, bool, dict[str, Any]]:
        """Play one epoch.

        Args:
            action: integers [S], 0 to hold or 1 + slot; see `RaidBatch.step`.

        Returns:
            Observation, reward, terminated, truncated, info.

        Raises:
            ValueError: on an action of another shape or dtype.
        """
        self.batch.step(check_actions(action, self.batch.scenario)[None])
        self._renderer.note()
        terminated, truncated = bool(self.batch.terminated[0]), bool(self.batch.truncated[0])
        info: dict[str, Any] = {}
        if terminated or truncated:
            info["metrics"] = self.metrics()
        return self._observation(), float(self.batch.reward[0]), terminated, truncated, info

    def render(self) -> Any:
        """Return the present as the render mode has it; see `envs.rendering.renderer.Renderer`."""
        return self._renderer.render()

    def close(self) -> None:
        """Close the window of mode `human`."""
        self._renderer.close()

    def action_masks(self) -> NDArray[np.bool_]:
        """Return which choices are legal now; see `envs.observation.flat_mask`."""
        return flat_mask(self.batch.observation)[0]

    def state(self) -> Any:
        """Return the whole truth, live: for planners and critics, never part of an observation."""
        return self.batch.state()

    def metrics(self) -> dict[str, float]:
        """Return every metric of the raid so far; the truth, never for a policy."""
        return {name: float(values[0]) for name, values in self.batch.metrics().items()}

    def get_state(self) -> dict[str, NDArray[Any]]:
        """Return a copy of everything that changes."""
        return self.batch.get_state()

    def set_state(self, saved: Mapping[str, NDArray[Any]]) -> None:
        """Go on from what `get_state` returned."""
        self.batch.set_state(saved)
        self._renderer.note()

    def _observation(self) -> dict[str, NDArray[Any]]:
        return {name: array[0].copy() for name, array in self.batch.observation.items()}
