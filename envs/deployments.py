"""Draws deployments: ordinary scenarios, each a part of a larger one's lists, varied."""

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from envs.catalogue import engages
from envs.core import randomness
from envs.core.randomness import SPLITS, derived_key, raid_key, uniform
from envs.entities import Asset, Deployments, Package, Picture, Scenario, Sensor, Shooter
from envs.geography import LonLat, to_plane
from envs.scenario import check_scenario
from envs.validation import ScenarioError, one_of

# What a draw is for. Never renumber one, deployments depend on it.
(
    MIDDLE, RADIUS, ASSETS, WHICH_ASSETS, VALUES, PICTURE, PACKAGES, WHICH_PACKAGES, THREATS,
    SHARES, KINDS, SHOOTERS, SITES, WHICH_SHOOTERS, EAST, NORTH, ROUNDS, RESERVES, SENSORS,
    WHICH_SENSORS,
) = range(20)  # fmt: skip

VARIED = (0.5, 1.5)  # factors on the size of packages and on the weights of their kinds
SITE_KM = 8.0  # shooters stand about so near to an asset of the deployment, where sites are left
SENSOR_KM = 80.0  # likewise of sensors
KM_A_DEGREE = 111.2  # of latitude

Row = TypeVar("Row")


@lru_cache(maxsize=1024)
def deployment(scenario: Scenario, split: str, number: int) -> Scenario:
    """Return a deployment of a scenario that has some: a scenario of its own, checked as any.

    It follows from the scenario's lists, the split and the number alone. The assets are some of
    those near one of them; packages, shooters and sensors are those that matter there.

    Args:
        scenario: whose lists are drawn from.
        split: "train", "validation" or "test".
        number: 0 or more, less than the split has.

    Raises:
        ScenarioError: if the scenario has no deployments, or the split not so many; on an unknown
            split.
    """
    draw = scenario.deployments
    if draw is None:
        raise ScenarioError(f"scenario {scenario.name!r} is one deployment and draws none")
    if not 0 <= number < getattr(draw, one_of(split, SPLITS, "split")):
        raise ScenarioError(
            f"deployment: {number} is not right; split {split!r} of scenario {scenario.name!r} has "
            f"numbers from 0 to {getattr(draw, split) - 1}"
        )
    first = np.uint64(raid_key(SPLITS.index(split), number, 0))
    key = np.uint64(derived_key(first, randomness.DEPLOYMENT, 0))
    picture = scenario.picture
    if _uniforms(key, PICTURE, 1)[0] < draw.perfect_share:
        picture = Picture()
    assets = _assets(scenario, draw, key)
    packages = _packages(scenario, draw, assets, key)
    places = to_plane([asset.position for asset in assets])
    drawn = replace(
        scenario,
        name=f"{scenario.name}-{split}-{number}",
        description=f"Deployment {number} of the {split} split of {scenario.name}",
        deployments=None,
        assets=assets,
        shooters=_shooters(scenario, draw, assets, packages, key),
        sensors=_sensors(scenario, draw, places, picture.complete, key),
        packages=packages,
        picture=picture,
    )
    check_scenario(drawn)
    return drawn


def number_of(scenario: Scenario, split: int, seed: int, ordinal: int) -> int:
    """Return the number of the deployment that raid (split, seed, ordinal) plays, in its split."""
    count = getattr(scenario.deployments, SPLITS[split])
    key = np.uint64(raid_key(split, seed, ordinal))
    return int(uniform(key, randomness.DEPLOYMENT, 0, 0) * count)


def _uniforms(key: np.uint64, what: int, count: int) -> NDArray[np.float64]:
    return np.array([uniform(key, randomness.DEPLOYMENT, n, 1 + what) for n in range(count)])


def _between(
    key: np.uint64, what: int, limits: tuple[float, float], count: int
) -> NDArray[np.float64]:
    return limits[0] + (limits[1] - limits[0]) * _uniforms(key, what, count)


def _whole(key: np.uint64, what: int, limits: tuple[int, int]) -> int:
    return limits[0] + int(_uniforms(key, what, 1)[0] * (limits[1] - limits[0] + 1))


def _some(
    rows: Sequence[Row],
    distance_m: NDArray[np.float64],
    near_km: float,
    count: int,
    u: NDArray[np.float64],
) -> list[Row]:
    """Return so many rows, in their own order: by chance of those near, then the nearest others."""
    rank = np.where(distance_m <= near_km * 1e3, u, 1.0 + distance_m)  # u is below 1
    return [rows[n] for n in sorted(np.argsort(rank, kind="stable")[:count])]


def _nearest_m(positions: list[LonLat], places: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the distance of each position from the nearest of some places [n, 2]."""
    apart = np.linalg.norm(to_plane(positions)[:, None] - places[None], axis=2)
    return np.asarray(apart.min(axis=1))


def _assets(scenario: Scenario, draw: Deployments, key: np.uint64) -> tuple[Asset, ...]:
    """Draw some of the assets about one of them; values are scaled to keep the largest."""
    places = to_plane([asset.position for asset in scenario.assets])
    middle = places[_whole(key, MIDDLE, (0, len(places) - 1))]
    radius_km = float(_between(key, RADIUS, draw.radius_km, 1)[0])
    count, u = _whole(key, ASSETS, draw.assets), _uniforms(key, WHICH_ASSETS, len(places))
    distance_m = np.linalg.norm(places - middle, axis=1)
    chosen = _some(scenario.assets, distance_m, radius_km, count, u)
    values = np.array([asset.value for asset in chosen])
    values *= _between(key, VALUES, draw.value_factor, len(values))
    # Policies see values as shares of the largest: it is the same in every deployment.
    values *= max(asset.value for asset in scenario.assets) / values.max()
    return tuple(
        replace(asset, value=round(float(value), 2))
        for asset, value in zip(chosen, values, strict=True)
    )


def _packages(
    scenario: Scenario, draw: Deployments, assets: tuple[Asset, ...], key: np.uint64
) -> tuple[Package, ...]:
    """Draw some of the packages that aim at some of the assets, and how many threats each has."""
    names = [asset.name for asset in assets]
    aims = [tuple(a for a in package.aim or names if a in names) for package in scenario.packages]
    coming = [
        replace(package, aim=aim)
        for package, aim in zip(scenario.packages, aims, strict=True)
        if aim
    ]
    count = min(_whole(key, PACKAGES, draw.packages), len(coming))
    u = _uniforms(key, WHICH_PACKAGES, len(coming))
    chosen = _some(coming, np.zeros(len(coming)), 0.0, count, u)
    sizes = np.array([float(sum(package.number)) for package in chosen])
    shares = sizes * _between(key, SHARES, VARIED, len(sizes))
    spare = _whole(key, THREATS, draw.threats) - len(chosen)
    most = 1 + (spare * shares / shares.sum()).astype(np.int64)
    kinds = list(scenario.threat_kinds)
    factors = _between(key, KINDS, VARIED, len(chosen) * len(kinds)).reshape(len(chosen), -1)
    return tuple(
        replace(
            package,
            number=(max(1, round(top * package.number[0] / package.number[1])), int(top)),
            kinds={
                kind: round(weight * float(factor[kinds.index(kind)]), 3)
                for kind, weight in package.kinds.items()
            },
        )
        for package, top, factor in zip(chosen, most.tolist(), factors, strict=True)
    )


def _shooters(
    scenario: Scenario,
    draw: Deployments,
    assets: tuple[Asset, ...],
    packages: tuple[Package, ...],
    key: np.uint64,
) -> tuple[Shooter, ...]:
    """Draw sites among those of the scenario's shooters, and for each what stands there.

    Any of the scenario's shooters may, whose range takes in the nearest asset and that can engage
    something that comes; its rounds are varied, its place is moved.
    """
    rows, kinds = scenario.shooters, scenario.catalogue.shooters
    places = to_plane([asset.position for asset in assets])
    distance_m = _nearest_m([row.position for row in rows], places)
    count, u = _whole(key, SHOOTERS, draw.shooters), _uniforms(key, SITES, len(rows))
    sites = _some(range(len(rows)), distance_m, SITE_KM, count, u)
    threats = scenario.catalogue.threats
    coming = {kind for package in packages for kind, w in package.kinds.items() if w > 0.0}
    useful = [
        row
        for row in rows
        if any(
            engages(kinds[row.kind], threats[name], kinds[row.kind].pk.get(name, 0.0))
            for name in coming
        )
    ]
    reach_m = np.array([kinds[row.kind].air_range_km[1] * 1e3 for row in useful])
    which = _uniforms(key, WHICH_SHOOTERS, count)
    east, north = (_between(key, what, (-1.0, 1.0), count) for what in (EAST, NORTH))
    rounds, reserves = (
        _between(key, what, draw.rounds_factor, count) for what in (ROUNDS, RESERVES)
    )
    drawn: list[Shooter] = []
    for n, site in enumerate(sites):
        able = np.flatnonzero(reach_m >= min(distance_m[site], reach_m.max()))
        row = useful[able[int(which[n] * len(able))]]
        magazine = kinds[row.kind].magazine_rounds
        position = _moved(rows[site].position, draw.move_km * east[n], draw.move_km * north[n])
        nearest = assets[int(np.linalg.norm(to_plane([position]) - places, axis=1).argmin())]
        drawn.append(
            replace(
                row,
                name=f"{n + 1} {row.kind}, {nearest.name}",
                nation=rows[site].nation,
                position=position,
                rounds=int(np.clip(round(row.rounds * rounds[n]), 1, magazine)),
                reserve_rounds=round(row.reserve_rounds * reserves[n]),
            )
        )
    return tuple(drawn)


def _moved(position: LonLat, east_km: float, north_km: float) -> LonLat:
    lon, lat = position
    shrunk = np.cos(np.radians(lat))
    moved = (lon + east_km / (KM_A_DEGREE * shrunk), lat + north_km / KM_A_DEGREE)
    return (round(float(moved[0]), 4), round(float(moved[1]), 4))


def _sensors(
    scenario: Scenario,
    draw: Deployments,
    places: NDArray[np.float64],
    perfect: bool,
    key: np.uint64,
) -> tuple[Sensor, ...]:
    """Draw some of the sensors; in a perfect picture none that only hear."""
    kinds = scenario.catalogue.sensors
    rows = [row for row in scenario.sensors if not (perfect and kinds[row.kind].acoustic)]
    distance_m = _nearest_m([row.position for row in rows], places)
    count = min(_whole(key, SENSORS, draw.sensors), len(rows))
    u = _uniforms(key, WHICH_SENSORS, len(rows))
    return tuple(_some(rows, distance_m, SENSOR_KM, count, u))
