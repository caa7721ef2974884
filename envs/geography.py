"""The map: longitude and latitude to a plane in metres, and lines on it."""

import math
from functools import cache, lru_cache

import numpy as np
from numpy.typing import NDArray
from pyproj import Transformer

from envs.validation import ScenarioError

LONGITUDE = (17.0, 32.0)
LATITUDE = (52.5, 61.5)
LonLat = tuple[float, float]


@cache
def _projection() -> Transformer:
    plane = "+proj=laea +lat_0=57 +lon_0=24.5 +ellps=GRS80 +units=m"
    return Transformer.from_crs("EPSG:4326", plane, always_xy=True)


def to_plane(positions: list[LonLat]) -> NDArray[np.float64]:
    """Project positions to the plane of the simulation.

    Lambert azimuthal equal-area centred at 57 N, 24.5 E, rounded to 1 m, so that another version
    of the projection library changes nothing.

    Args:
        positions: n pairs of longitude and latitude, in degrees.

    Returns:
        float64 [n, 2], metres east and north of the centre.
    """
    return _projected(tuple(tuple(position) for position in positions)).copy()


@lru_cache(maxsize=4096)
def _projected(positions: tuple[LonLat, ...]) -> NDArray[np.float64]:
    if not positions:
        return np.zeros((0, 2))
    lon, lat = zip(*positions, strict=True)
    return np.round(np.stack(_projection().transform(lon, lat), axis=1))


def check_on_map(position: LonLat, key: str) -> None:
    """Raise ScenarioError, naming `key`, if a position [longitude, latitude] is off the map."""
    lon, lat = position
    if not (LONGITUDE[0] <= lon <= LONGITUDE[1] and LATITUDE[0] <= lat <= LATITUDE[1]):
        raise ScenarioError(
            f"{key}: {list(position)} is off the map; [longitude, latitude] with longitude "
            f"from {LONGITUDE[0]:g} to {LONGITUDE[1]:g} and latitude from {LATITUDE[0]:g} "
            f"to {LATITUDE[1]:g} is needed"
        )


def spaced(line: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """Return `count` equally spaced points, float64 [count, 2], along a line [n, 2], n >= 1."""
    steps = np.hypot(*np.diff(line, axis=0).T)
    along = np.concatenate([[0.0], np.cumsum(steps)])
    where = np.linspace(0.0, along[-1], count)
    return np.stack([np.interp(where, along, line[:, axis]) for axis in (0, 1)], axis=1)


def arc(
    centre: NDArray[np.float64], radius_m: float, from_deg: float, to_deg: float, count: int
) -> NDArray[np.float64]:
    """Return points on an arc about `centre` [2], bearings clockwise from north, as [count, 2]."""
    bearing = np.radians(np.linspace(from_deg, to_deg, count))
    offset = np.stack([np.sin(bearing), np.cos(bearing)], axis=1)
    return np.asarray(np.round(centre + radius_m * offset))


def length(line: NDArray[np.float64]) -> float:
    """Return the length of a line [n, 2], in its own unit."""
    return math.fsum(np.hypot(*np.diff(line, axis=0).T))
