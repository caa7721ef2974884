"""What stays the same in every frame of a scenario: land, reach, sensors and names."""

import math
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pygame

from envs.entities import Scenario
from envs.geography import to_plane
from envs.rendering import scene
from envs.rendering.canvas import MAP, SIZE, Colour, Point, View, text
from envs.scenario_params import sensor_paths_m


class Still(NamedTuple):
    """What does not change while a scenario is played."""

    view: View
    background: pygame.Surface


@lru_cache(maxsize=8)
def still(scenario: Scenario) -> Still:
    """Return the background of a scenario; drawn once."""
    extent = scene.extent(scenario).widened(MAP.width / MAP.height)
    view = View(extent.west, extent.north, MAP.width / (extent.east - extent.west))
    background = pygame.Surface((SIZE, SIZE), depth=32)
    background.fill(scene.PANEL)
    background.blit(_land(view), MAP, MAP)
    _rings(background, view, scenario)
    _sensors(background, view, scenario)
    _names(background, view, scenario)
    pygame.draw.line(background, scene.BORDER, (0, MAP.top), (SIZE, MAP.top))
    pygame.draw.line(background, scene.BORDER, (0, MAP.bottom), (SIZE, MAP.bottom))
    return Still(view, background)


def _land(view: View) -> pygame.Surface:
    """Draw land, coast and borders twice as large and shrink it, which smooths the edges."""
    large = pygame.Surface((2 * SIZE, 2 * SIZE), depth=32)
    large.fill(scene.SEA)
    for ring in scene.land():
        pygame.draw.polygon(large, scene.LAND, _doubled(view.line(ring)))
    for line in scene.lines("border"):
        _dashed(large, scene.BORDER, _doubled(view.line(line)))
    for line in scene.lines("coastline"):
        pygame.draw.lines(large, scene.COAST, False, _doubled(view.line(line)), 2)
    return pygame.transform.smoothscale(large, (SIZE, SIZE))


def _doubled(line: Sequence[Point]) -> list[Point]:
    return [(2.0 * x, 2.0 * y) for x, y in line]


def _dashed(surface: pygame.Surface, colour: Colour, line: Sequence[Point]) -> None:
    """Draw every other ten pixels of a line."""
    along = 0.0
    for (x, y), (to_x, to_y) in pairwise(line):
        length = math.hypot(to_x - x, to_y - y)
        steps = max(1, int(length / 10.0))
        for n in range(steps):
            if int((along + n * length / steps) / 10.0) % 2 == 0:
                start, end = n / steps, (n + 1) / steps
                pygame.draw.line(
                    surface,
                    colour,
                    (x + start * (to_x - x), y + start * (to_y - y)),
                    (x + end * (to_x - x), y + end * (to_y - y)),
                    3,
                )
        along += length


def _rings(surface: pygame.Surface, view: View, scenario: Scenario) -> None:
    """Draw the shooters' reach against what flies level; that of fighter pairs covers the map."""
    layer = pygame.Surface((SIZE, SIZE), pygame.SRCALPHA, 32)
    for shooter in scenario.shooters:
        kind = scenario.catalogue.shooters[shooter.kind]
        radius = kind.air_range_km[1] * 1e3 * view.pixels_a_m
        if not kind.flies and radius >= 2.0:
            centre = view(*to_plane([shooter.position])[0])
            disc = pygame.Surface((SIZE, SIZE), pygame.SRCALPHA, 32)
            pygame.draw.aacircle(disc, (18, 184, 134, 9), centre, radius)
            layer.blit(disc, (0, 0))
            pygame.draw.aacircle(layer, (18, 184, 134, 90), centre, radius, 1)
    surface.set_clip(MAP)
    surface.blit(layer, (0, 0))
    surface.set_clip(None)


def _sensors(surface: pygame.Surface, view: View, scenario: Scenario) -> None:
    """Draw sensors, their range against a threat of signature 1, and their paths."""
    surface.set_clip(MAP)
    layer = pygame.Surface((SIZE, SIZE), pygame.SRCALPHA, 32)
    for sensor, path in zip(scenario.all_sensors, sensor_paths_m(scenario), strict=True):
        kind = scenario.catalogue.sensors[sensor.kind]
        place = view(*to_plane([sensor.position])[0])
        if kind.has_path:
            width = max(2, round(2e3 * kind.range_km * view.pixels_a_m)) if kind.acoustic else 1
            closed = kind.moves
            if kind.acoustic:
                pygame.draw.lines(layer, (127, 147, 166, 40), closed, view.line(path), width)
            pygame.draw.aalines(layer, (127, 147, 166, 150), closed, view.line(path))
            continue
        radius = kind.range_km * 1e3 * view.pixels_a_m
        if not _is_organic(sensor.name, scenario):
            pygame.draw.aacircle(layer, (127, 147, 166, 55), place, radius, 1)
            x, y = place
            corners = [(x - 5, y - 4), (x + 5, y - 4), (x, y + 5)]
            pygame.draw.polygon(layer, scene.SENSOR, corners)
            pygame.draw.aalines(layer, scene.SEA, True, corners)
    surface.blit(layer, (0, 0))
    surface.set_clip(None)


def _is_organic(name: str, scenario: Scenario) -> bool:
    return any(shooter.name == name for shooter in scenario.shooters)


def _names(surface: pygame.Surface, view: View, scenario: Scenario) -> None:
    """Write the assets' names and values where there is room."""
    size = 12 if len(scenario.assets) <= 16 else 10
    labels = [text(f"{a.name} {a.value:g}", size, scene.INK) for a in scenario.assets]
    places = np.array([view(*to_plane([asset.position])[0]) for asset in scenario.assets])
    widths = np.array([label.get_width() for label in labels], float)
    surface.set_clip(MAP)
    where = scene.label_places(places, widths, size + 3.0)
    for label, (x, middle), (left, y) in zip(labels, places, where, strict=True):
        if abs(y - middle) > 1.0:
            near = left - 2 if left > x else left + label.get_width() + 2
            pygame.draw.aaline(surface, scene.QUIET, (x, middle), (near, y))
        shade = pygame.Surface((label.get_width() + 4, size + 4), pygame.SRCALPHA, 32)
        shade.fill((11, 22, 34, 150))
        surface.blit(shade, (left - 2, y - size / 2 - 2))
        surface.blit(label, (left, y - label.get_height() / 2))
    surface.set_clip(None)
