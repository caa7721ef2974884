"""What every picture of a scenario shares: its extent, land and borders, and signs for threats."""

import json
from functools import cache
from importlib import resources
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from envs.catalogue import ThreatKind
from envs.entities import Scenario
from envs.geography import to_plane
from envs.scenario_params import entry_line, exit_line, sensor_paths_m

Line = NDArray[np.float64]  # [n, 2], metres on the plane
MARGIN_M = 25_000.0

# Okabe and Ito's colours, which people with any colour vision tell apart, on a dark ground.
SEA, LAND, COAST, BORDER = "#0b1622", "#182634", "#4d6880", "#3f5468"
INK, QUIET, PANEL = "#e8eef4", "#8fa3b5", "#0f1d2b"
ASSET, SHOOTER, SENSOR, LOSS = "#56b4e9", "#12b886", "#7f93a6", "#d55e00"

# The sign of a threat: its outline, pointing north, in units of its size, and its colour.
SIGNS: dict[str, tuple[str, tuple[tuple[float, float], ...]]] = {
    "drone": ("#e69f00", ((0, -1), (0.85, 0.8), (0, 0.35), (-0.85, 0.8))),
    "fast drone": ("#f0e442", ((0, -1.3), (0.55, 0.9), (0, 0.55), (-0.55, 0.9))),
    "missile": (
        "#ff6a3d",
        (
            *((0, -1.4), (0.24, -0.8), (0.24, -0.1), (0.9, 0.4), (0.24, 0.35), (0.5, 1.1)),
            *((-0.5, 1.1), (-0.24, 0.35), (-0.9, 0.4), (-0.24, -0.1), (-0.24, -0.8)),
        ),
    ),
    "ballistic": ("#cc79a7", ((0, -1.3), (0.75, 0), (0, 1.3), (-0.75, 0))),
    "decoy": ("#b9a06a", ((0, -1), (0.85, 0.8), (0, 0.35), (-0.85, 0.8))),
    "neutral": (
        "#f5f7fa",
        (
            *((0, -1.2), (0.2, -0.9), (0.2, -0.25), (1.1, 0.25), (0.2, 0.15), (0.15, 0.8)),
            *((0.5, 1.1), (-0.5, 1.1), (-0.15, 0.8), (-0.2, 0.15), (-1.1, 0.25), (-0.2, -0.25)),
            (-0.2, -0.9),
        ),
    ),
}


def sign(kind: ThreatKind) -> str:
    """Return the name of the sign of a threat kind, by what it is like; a key of `SIGNS`."""
    if kind.neutral:
        return "neutral"
    if kind.decoy:
        return "decoy"
    if kind.ballistic:
        return "ballistic"
    return (
        "drone" if kind.speed_mps < 90.0 else "fast drone" if kind.speed_mps < 190.0 else "missile"
    )


class Extent(NamedTuple):
    """A rectangle of the plane, in metres."""

    west: float
    south: float
    east: float
    north: float

    def widened(self, aspect: float) -> "Extent":
        """Return the smallest extent around this one whose width / height is `aspect`."""
        width, height = self.east - self.west, self.north - self.south
        more_x = max(0.0, height * aspect - width) / 2.0
        more_y = max(0.0, width / aspect - height) / 2.0
        return Extent(
            self.west - more_x, self.south - more_y, self.east + more_x, self.north + more_y
        )


def extent(scenario: Scenario) -> Extent:
    """Return the extent that holds all of a scenario, with a margin."""
    entities = (scenario.assets, scenario.shooters, scenario.sensors)
    places = np.concatenate(
        [
            *(to_plane([one.position for one in some]) for some in entities),
            *sensor_paths_m(scenario),
            *(entry_line(package) for package in scenario.packages),
            *(exit_line(package) for package in scenario.packages),
            *(to_plane([s.patrol]) for s in scenario.shooters if s.patrol is not None),
        ]
    )
    low, high = places.min(axis=0) - MARGIN_M, places.max(axis=0) + MARGIN_M
    return Extent(float(low[0]), float(low[1]), float(high[0]), float(high[1]))


@cache
def _features() -> list[dict[str, Any]]:
    text = (resources.files("envs") / "data" / "baltic.geojson").read_text(encoding="utf-8")
    features: list[dict[str, Any]] = json.loads(text)["features"]
    return features


@cache
def land() -> tuple[Line, ...]:
    """Return the outer rings of the countries."""
    rings = []
    for feature in _features():
        geometry = feature["geometry"]
        if feature["properties"]["kind"] == "country":
            whole = geometry["type"] == "MultiPolygon"
            for polygon in geometry["coordinates"] if whole else [geometry["coordinates"]]:
                rings.append(_projected(polygon[0]))
    return tuple(rings)


@cache
def lines(kind: str) -> tuple[Line, ...]:
    """Return the lines of the map of a kind, "coastline" or "border"."""
    return tuple(
        _projected(line)
        for feature in _features()
        if feature["properties"]["kind"] == kind
        for line in feature["geometry"]["coordinates"]
    )


def _projected(points: Any) -> Line:
    return to_plane([(float(point[0]), float(point[1])) for point in points])


def label_places(
    places: NDArray[np.float64], widths: NDArray[np.float64], line: float
) -> NDArray[np.float64]:
    """Find room for labels beside places, and where they crowd as near to them as can be.

    Args:
        places: float64 [n, 2], x and y downwards, in pixels.
        widths: float64 [n] of the labels.
        line: height of a label.

    Returns:
        float64 [n, 2], left end and middle of each label.
    """
    half = 0.55 * line  # of the sign at a place
    taken = [(x - half, y, 2.0 * half) for x, y in places]
    for (x, y), width in zip(places, widths, strict=True):
        spots = [
            (left, y + sign * step * line)
            for step in range(12)
            for left in (x + 0.8 * line, x - 0.8 * line - width)
            for sign in ((1.0, -1.0) if step else (1.0,))
        ]
        free = (
            (left, middle)
            for left, middle in spots
            if not any(
                left < other + size and other < left + width and abs(middle - level) < line
                for other, level, size in taken
            )
        )
        left, middle = next(free, spots[0])
        taken.append((left, middle, width))
    return np.array([(left, middle) for left, middle, _ in taken[len(places) :]])
