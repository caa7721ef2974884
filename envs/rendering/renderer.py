"""Gymnasium's render modes for one member of a batch; every adapter uses it, none draws itself."""

from typing import Any

from envs.batch import RaidBatch
from envs.rendering.record import Recorder
from envs.validation import one_of

RENDER_MODES = ("human", "rgb_array", "ansi")
RENDER_FPS = 10
NO_MODE = 'no render_mode was given; gymnasium.make(..., render_mode="rgb_array") gives one'


class Renderer:
    """Shows one member of a batch in a render mode.

    Call `note` after every reset and step: `human` then shows what there is, the others remember
    it, since a picture tells of the past as well. Without a mode nothing is kept and it costs
    nothing.

    Args:
        batch: what is played; read, never touched.
        mode: one of `RENDER_MODES`, or None.
        row: which member of the batch.

    Raises:
        ValueError: on an unknown mode; the message lists the known ones.
        ImportError: if a picture is asked for and pygame-ce is not installed.
    """

    def __init__(self, batch: RaidBatch, mode: str | None, row: int = 0) -> None:
        self.mode = None if mode is None else one_of(mode, RENDER_MODES, "render_mode")
        self._recorder = None if mode is None else Recorder(batch, row)
        self._window: Any = None
        if self.mode in ("human", "rgb_array"):
            import envs.rendering.canvas  # noqa: F401 (says at once if pygame-ce is missing)

    def note(self) -> None:
        """Take note of the present; in mode `human`, show it."""
        if self._recorder is None:
            return
        self._recorder.note()
        if self.mode == "human":
            self._show()

    def render(self) -> Any:
        """Return the present as uint8 [960, 960, 3] or as text; in mode `human` None, shown.

        Raises:
            RuntimeError: if there is no mode, or nothing has been noted yet.
        """
        if self._recorder is None:
            raise RuntimeError(f"render(): {NO_MODE}")
        if not self._recorder.record.moments:
            raise RuntimeError("render(): reset() comes first")
        if self.mode == "human":
            self._show()
            return None
        if self.mode == "ansi":
            from envs.rendering.text import text

            return text(self._recorder.record)
        from envs.rendering.frame import frame

        return frame(self._recorder.record)

    def close(self) -> None:
        """Close the window, if there is one; a second time it does nothing."""
        if self._window is not None:
            import pygame

            self._window = None
            pygame.display.quit()

    def _show(self) -> None:
        import pygame

        from envs.rendering.frame import SIZE, draw

        if self._window is None:
            pygame.display.init()
            self._window = pygame.display.set_mode((SIZE, SIZE))
            self._clock = pygame.time.Clock()
            pygame.display.set_caption("BalticShield")
        assert self._recorder is not None
        self._window.blit(draw(self._recorder.record), (0, 0))
        pygame.event.pump()
        pygame.display.flip()
        self._clock.tick(RENDER_FPS)
