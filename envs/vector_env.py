"""The environment as a native Gymnasium vector environment."""

from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from envs.batch import RaidBatch, split_index
from envs.observation import flat_mask
from envs.rendering.renderer import NO_MODE, RENDER_FPS, Renderer
from envs.validation import one_of

_MODES = ("rgb_array", "ansi")


class BalticShieldVectorEnv(gymnasium.vector.VectorEnv):
    """B raids in one compiled batch.

    Observation, action, reward and end of an episode are those of
    `envs.single_env.BalticShieldEnv`, with a leading axis B. Row i of `reset(seed=s)` plays the
    raid of seed s + i; later episodes of a row follow from that seed and their ordinal.

    Args:
        num_envs: number B of raids.
        scenario: name, path or mapping.
        autoreset_mode: what happens when an episode ends; all three modes of Gymnasium.
        reward: weight by metric name; None for the default, -loss / mean undefended loss.
        max_epochs: limit after which an episode is truncated; None for none.
        split: raids played at first, "train", "validation" or "test".
        render_mode: "rgb_array", "ansi" or None; pictures show the truth, so they are for people.

    On the step that ends an episode `infos["metrics"]` holds every metric, float64 [B], and
    `infos["_metrics"]` the rows it is true of.
    """

    def __init__(
        self,
        num_envs: int = 1,
        scenario: Any = "standard",
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        reward: Mapping[str, float] | None = None,
        max_epochs: int | None = None,
        split: str = "train",
        render_mode: str | None = None,
    ) -> None:
        self.batch = RaidBatch(scenario, num_envs, reward, max_epochs, split)
        self.num_envs = num_envs
        self.autoreset_mode = AutoresetMode(autoreset_mode)
        self.metadata = {
            "render_modes": list(_MODES),
            "render_fps": RENDER_FPS,
            "autoreset_mode": self.autoreset_mode,
        }
        self.render_mode = (
            None if render_mode is None else one_of(render_mode, _MODES, "render_mode")
        )
        shown = 0 if render_mode is None else num_envs
        self._renderers = [Renderer(self.batch, render_mode, row) for row in range(shown)]
        self.single_observation_space = self.batch.layout.observation_space()
        self.single_action_space = self.batch.layout.action_space()
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)

    def reset(
        self,
        *,
        seed: int | Sequence[int | None] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """Begin raids.

        Args:
            seed: s, so that row i plays seed s + i; or one seed a row, None to leave that row's;
                None: every row goes on to its next raid.
            options: `split`, and `reset_mask`, bool [B], the rows to reset.

        Returns:
            Copies of the observation, and an empty info.

        Raises:
            ValueError: on an unknown option or split, or wrong seeds.
        """
        options = dict(options or {})
        mask = options.pop("reset_mask", None)
        split = options.pop("split", None)
        if split is not None:
            split_index(split)
        if options:
            raise ValueError(f"options: unknown {sorted(options)}; known: split, reset_mask")
        rows = self._rows(mask)
        seeds, fresh = self._seeds(seed)
        if np.any(rows & fresh):
            self.batch.reset(rows & fresh, seeds, split)
        if np.any(rows & ~fresh):
            self.batch.reset(rows & ~fresh, None, split)
        self._note()
        return self.batch.snapshot(), {}

    def step(
        self, actions: Any
    ) -> tuple[
        dict[str, NDArray[Any]],
        NDArray[np.float64],
        NDArray[np.bool_],
        NDArray[np.bool_],
        dict[str, Any],
    ]:
        """Play one epoch.

        Args:
            actions: integers [B, S], 0 to hold or 1 + slot; see `RaidBatch.step`.

        Returns:
            Copies of observation, reward, terminated, truncated; infos.

        Raises:
            ValueError: on actions of another shape or dtype.
        """
        batch = self.batch
        was_over = batch.terminated | batch.truncated
        batch.step(actions)
        terminated, truncated = batch.terminated.copy(), batch.truncated.copy()
        reward = batch.reward.copy()
        ended = (terminated | truncated) & ~was_over
        infos: dict[str, Any] = {}
        if ended.any():
            # Of the raids that ended alone: the others' metrics would tell the truth too early.
            infos = {"metrics": batch.metrics(ended), "_metrics": ended}
        if self.autoreset_mode == AutoresetMode.NEXT_STEP and was_over.any():
            batch.reset(was_over)
            terminated[was_over] = truncated[was_over] = False
        if self.autoreset_mode == AutoresetMode.SAME_STEP and ended.any():
            infos = self._final(infos, ended)
            batch.reset(ended)
        self._note()
        return batch.snapshot(), reward, terminated, truncated, infos

    def render(self) -> tuple[Any, ...] | None:
        """Return what each row shows: B pictures, uint8 [960, 960, 3], or B texts.

        Raises:
            RuntimeError: if no render mode was given, or nothing has been reset yet.
        """
        if self.render_mode is None:
            raise RuntimeError(f"render(): {NO_MODE}")
        return tuple(renderer.render() for renderer in self._renderers)

    def _note(self) -> None:
        for renderer in self._renderers:
            renderer.note()

    def action_masks(self) -> NDArray[np.bool_]:
        """Return which choices are legal now; see `envs.observation.flat_mask`."""
        return flat_mask(self.batch.observation)

    def state(self) -> Any:
        """Return the whole truth of the batch, live: for planners and critics, never a policy."""
        return self.batch.state()

    def metrics(self) -> dict[str, NDArray[np.float64]]:
        """Return every metric of the raids so far, float64 [B]; the truth, never for a policy."""
        return self.batch.metrics()

    def get_state(self) -> dict[str, NDArray[Any]]:
        """Return a copy of everything that changes."""
        return self.batch.get_state()

    def set_state(self, saved: Mapping[str, NDArray[Any]]) -> None:
        """Go on from what `get_state` returned."""
        self.batch.set_state(saved)
        self._note()

    def _rows(self, mask: Any) -> NDArray[np.bool_]:
        if mask is None:
            return np.ones(self.num_envs, np.bool_)
        rows = np.asarray(mask)
        if rows.shape != (self.num_envs,) or rows.dtype != np.bool_ or not rows.any():
            raise ValueError(
                f"options.reset_mask: {rows.dtype}{list(rows.shape)} is not right; "
                f"bool[{self.num_envs}] with at least one True is needed"
            )
        return rows

    def _seeds(self, seed: Any) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Return a seed for each row and which rows were given one."""
        if seed is None:
            return self.batch.seeds, np.zeros(self.num_envs, np.bool_)
        if isinstance(seed, int | np.integer):
            return int(seed) + np.arange(self.num_envs), np.ones(self.num_envs, np.bool_)
        if len(seed) != self.num_envs:
            raise ValueError(f"seed: {len(seed)} seeds are not right; one of {self.num_envs} rows")
        fresh = np.array([value is not None for value in seed])
        return np.array([0 if value is None else int(value) for value in seed]), fresh

    def _final(self, infos: dict[str, Any], ended: NDArray[np.bool_]) -> dict[str, Any]:
        """Return infos as Gymnasium wants them where an episode's end is reset in the same step."""
        final = np.full(self.num_envs, None, dtype=object)
        for row in np.flatnonzero(ended):
            final[row] = {name: array[row].copy() for name, array in self.batch.observation.items()}
        return {
            "final_obs": final,
            "_final_obs": ended.copy(),
            "final_info": infos,
            "_final_info": ended.copy(),
            **infos,
        }
