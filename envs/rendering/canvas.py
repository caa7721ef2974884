"""The canvas of a frame: its layout, places on it, text and colours; drawn on with pygame-ce."""

from functools import cache, lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib

try:
    import pygame
except ImportError as error:
    raise ImportError('pictures need pygame-ce: pip install "balticshield[render]"') from error

SIZE = 960  # pixels, width and height
_HEAD, _FOOT = 58, 206  # heights of the strip above the map and of the one below
MAP = pygame.Rect(0, _HEAD, SIZE, SIZE - _HEAD - _FOOT)
Colour = str | tuple[int, int, int]
Point = tuple[float, float]


class View(NamedTuple):
    """From metres on the plane to pixels."""

    west_m: float
    north_m: float
    pixels_a_m: float

    def __call__(self, x_m: float, y_m: float) -> Point:
        """Return a place in pixels."""
        x = MAP.left + (float(x_m) - self.west_m) * self.pixels_a_m
        return x, MAP.top + (self.north_m - float(y_m)) * self.pixels_a_m

    def line(self, points_m: Any) -> list[Point]:
        """Return a line [n, 2] in pixels."""
        return [self(x, y) for x, y in points_m]


def mixed(colour: Colour, ground: Colour, share: float) -> tuple[int, int, int]:
    """Return a colour of which `share` is one and the rest the ground."""
    one, other = pygame.Color(colour), pygame.Color(ground)
    mixed = other.lerp(one, min(max(share, 0.0), 1.0))
    return mixed.r, mixed.g, mixed.b


@cache
def _font(size: int) -> pygame.font.Font:
    """Return the typeface that Matplotlib brings along, so that text is the same everywhere."""
    if not pygame.font.get_init():
        pygame.font.init()
    path = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
    return pygame.font.Font(str(path), size)


@lru_cache(maxsize=2048)
def text(words: str, size: int, colour: str) -> pygame.Surface:
    """Return words as a picture; the same ones are drawn once."""
    return _font(size).render(words, True, colour)


def write(
    surface: pygame.Surface, words: str, size: int, colour: str, place: tuple[int, int]
) -> None:
    """Write words at a place, their upper left corner."""
    surface.blit(text(words, size, colour), place)
