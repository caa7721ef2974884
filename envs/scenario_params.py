"""A checked scenario to the arrays of the core; the one place where units are converted."""

from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Any, get_type_hints

import numpy as np
from numpy.typing import NDArray

from envs.core.params import NONE, Params
from envs.entities import Asset, Package, Scenario, Sector, Sensor, Shooter
from envs.geography import LonLat, arc, length, spaced, to_plane

ENTRY_POINTS = 17
ORBIT_POINTS = 33


def scenario_params(scenario: Scenario) -> Params:
    """Return the arrays of a scenario, a single parameter set (P = 1), read-only."""
    values: dict[str, Any] = {
        "epoch_s": scenario.epoch_s,
        "threat_kind": _threat_kinds(scenario),
        "asset": _assets(scenario),
        "shooter": _shooters(scenario),
        "shooter_pk": _shooter_pk(scenario),
        "sensor": _sensors(scenario),
        "sensor_path": _sensor_paths(scenario),
        "picture": _picture(scenario),
        "kind_prior": _kind_prior(scenario),
        "delay": scenario.delay_epochs,
        "campaign": _campaign(scenario),
        **_deliveries(scenario),
        **_packages(scenario),
    }
    arrays = {}
    for name, (_, dtype) in legend().items():
        arrays[name] = _array(values[name], dtype)
    return Params(**arrays)


@cache
def legend() -> dict[str, tuple[str, "np.dtype[Any]"]]:
    """Return axes and dtype of each array of the parameters, by name."""
    hints = get_type_hints(Params, include_extras=True)
    return {name: hint.__metadata__ for name, hint in hints.items()}


def _array(values: Any, dtype: "np.dtype[Any]") -> NDArray[Any]:
    """Return values, or columns of them by field name, as an array with a leading axis P = 1."""
    if dtype.names is None:
        array = np.array(values, dtype)[None]
    else:
        columns = {name: np.asarray(values[name]) for name in dtype.names}
        array = np.zeros((1, *columns[dtype.names[0]].shape), dtype)
        for name, column in columns.items():
            array[name] = column
    array.setflags(write=False)
    return array


def latest_arrival_s(scenario: Scenario, package: Package) -> tuple[float, str]:
    """Return when the last threat of a package can arrive, and of which kind it is.

    Args:
        scenario: the scenario, for its assets and catalogue.
        package: one of its packages.

    Returns:
        Seconds after the raid's start, counting the longest way and the largest jitter; the kind.
    """
    queue_s = 60.0 * (package.spread_min + package.spacing_min * (package.number[1] - 1))
    on_target_s = package.time_on_target_min[1] * 60.0 + queue_s
    entry = entry_line(package)
    places = package.exit or [asset.position for asset in _aims(scenario, package)]
    ends = to_plane(list(places))
    latest, slowest = 0.0, next(iter(package.kinds))
    for name in (kind for kind, weight in package.kinds.items() if weight > 0):
        kind = scenario.catalogue.threats[name]
        if kind.ballistic:
            flight_s = float(np.hypot(kind.descent_km * 1e3, kind.altitude_m)) / kind.speed_mps
        else:
            flight_s = _longest_way_m(package, entry, ends) / kind.speed_mps
        arrival_s = max(on_target_s, flight_s)
        if arrival_s > latest:
            latest, slowest = arrival_s, name
    return latest, slowest


def nearest_aim(scenario: Scenario, package: Package) -> tuple[float, str]:
    """Return how near, in metres, a package's entry comes to an aim point, and which one."""
    aims = _aims(scenario, package)
    ends = to_plane([asset.position for asset in aims])
    line = _close_together(package.entry, package.sector)
    distance = np.linalg.norm(ends[:, None] - line[None], axis=2).min(axis=1)
    nearest = int(distance.argmin())
    return float(distance[nearest]), aims[nearest].name


def _aims(scenario: Scenario, package: Package) -> list[Asset]:
    return [a for a in scenario.assets if not package.aim or a.name in package.aim]


def _longest_way_m(package: Package, entry: NDArray[Any], ends: NDArray[Any]) -> float:
    longest = 0.0
    for route in package.routes:
        # Each leg between jittered points is longer by at most one diagonal of the two squares.
        slack = 2.0 * np.sqrt(2.0) * package.route_jitter_km * 1e3 * len(route)
        vias = to_plane(list(route))
        first, last = (vias[:1], vias[-1:]) if route else (ends, entry)
        inwards = np.linalg.norm(entry[:, None] - first[None], axis=2).max()
        onwards = np.linalg.norm(ends[:, None] - last[None], axis=2).max() if route else 0.0
        longest = max(longest, float(inwards + length(vias) + onwards) + slack)
    return longest


def entry_line(package: Package) -> NDArray[np.float64]:
    """Return the points of a package's entry line, equally spaced, float64 [17, 2] in metres."""
    return _entry_line(package.entry, package.sector)


# Deployments share the lines of their packages, so these are kept.
@lru_cache(maxsize=256)
def _entry_line(entry: tuple[LonLat, ...], sector: Sector | None) -> NDArray[np.float64]:
    if sector is None:
        return spaced(to_plane(list(entry)), ENTRY_POINTS)
    centre = to_plane([sector.centre])[0]
    return arc(centre, sector.radius_km * 1e3, sector.from_deg, sector.to_deg, ENTRY_POINTS)


@lru_cache(maxsize=256)
def _close_together(entry: tuple[LonLat, ...], sector: Sector | None) -> NDArray[np.float64]:
    return spaced(_entry_line(entry, sector), 1001)


def exit_line(package: Package) -> NDArray[np.float64]:
    """Return the points of the line along which traffic leaves; of threats, the entry line's."""
    line = to_plane(list(package.exit))
    return spaced(line, ENTRY_POINTS) if len(line) else entry_line(package)


def _threat_kinds(scenario: Scenario) -> dict[str, Any]:
    kinds = list(scenario.catalogue.threats.values())
    return {
        "speed_mps": [kind.speed_mps for kind in kinds],
        "altitude_m": [kind.altitude_m for kind in kinds],
        "descent_m": [kind.descent_km * 1e3 for kind in kinds],
        "signature": [kind.signature for kind in kinds],
        "damage": [kind.damage for kind in kinds],
        "hit": [kind.hit_probability for kind in kinds],
        "evasion": [kind.evasion for kind in kinds],
        "cost_keur": [kind.cost_keur for kind in kinds],
        "ballistic": [kind.ballistic for kind in kinds],
        "decoy": [kind.decoy for kind in kinds],
        "audible": [kind.audible for kind in kinds],
        "neutral": [kind.neutral for kind in kinds],
        "jammable": [kind.jammable for kind in kinds],
    }


def _places(entries: Sequence[Asset | Shooter | Sensor]) -> dict[str, Any]:
    places = to_plane([entry.position for entry in entries])
    return {"x_m": places[:, 0], "y_m": places[:, 1]}


def _assets(scenario: Scenario) -> dict[str, Any]:
    return {
        **_places(scenario.assets),
        "value": [asset.value for asset in scenario.assets],
        "hardness": [asset.hardness for asset in scenario.assets],
    }


def _shooters(scenario: Scenario) -> dict[str, Any]:
    assets = [asset.name for asset in scenario.assets]
    kinds = [scenario.catalogue.shooters[shooter.kind] for shooter in scenario.shooters]
    limits = {
        f"{field}_{end}_m": [getattr(kind, key)[n] * scale for kind in kinds]
        for field, key, scale in (
            ("air_range", "air_range_km", 1e3),
            ("air_altitude", "air_altitude_m", 1.0),
            ("ballistic_range", "ballistic_range_km", 1e3),
            ("ballistic_altitude", "ballistic_altitude_m", 1.0),
        )
        for n, end in enumerate(("min", "max"))
    }
    patrols = to_plane([shooter.patrol or shooter.position for shooter in scenario.shooters])
    return {
        **_places(scenario.shooters),
        **limits,
        "kind": [scenario.shooter_kinds.index(shooter.kind) for shooter in scenario.shooters],
        "asset": [
            assets.index(shooter.asset) if shooter.asset else NONE for shooter in scenario.shooters
        ],
        "antenna_m": [kind.antenna_height_m for kind in kinds],
        "falloff": [kind.pk_falloff for kind in kinds],
        "interceptor_mps": [kind.interceptor_speed_mps for kind in kinds],
        "reaction_s": [kind.reaction_s for kind in kinds],
        "channels": [kind.fire_channels for kind in kinds],
        "magazine": [kind.magazine_rounds for kind in kinds],
        "rounds": [shooter.rounds for shooter in scenario.shooters],
        "reserve": [shooter.reserve_rounds for shooter in scenario.shooters],
        "reload_rounds": [kind.reload_rounds for kind in kinds],
        "reload_s": [kind.reload_s for kind in kinds],
        "rounds_per_engagement": [kind.rounds_per_engagement for kind in kinds],
        "cost_keur": [kind.cost_keur_per_round for kind in kinds],
        "nation": [scenario.nations.index(shooter.nation) for shooter in scenario.shooters],
        "sensor": _organic_rows(scenario),
        "networked": [shooter.networked for shooter in scenario.shooters],
        "ready_day": scenario.presence_days[:, 0],
        "leave_day": scenario.presence_days[:, 1],
        "jams": [kind.jams for kind in kinds],
        "sortie_s": [kind.sortie_min * 60.0 for kind in kinds],
        "patrol_x_m": patrols[:, 0],
        "patrol_y_m": patrols[:, 1],
        "aloft": [shooter.patrol is not None for shooter in scenario.shooters],
    }


def _shooter_pk(scenario: Scenario) -> list[list[float]]:
    """Return the pk of every shooter against every threat kind, as expected of jamming."""
    rows = []
    for shooter in scenario.shooters:
        kind = scenario.catalogue.shooters[shooter.kind]
        pk = [kind.pk.get(name, 0.0) for name in scenario.threat_kinds]
        if kind.jams:
            shares = [threat.jammable for threat in scenario.catalogue.threats.values()]
            pk = [one * share for one, share in zip(pk, shares, strict=True)]
        rows.append(pk)
    return rows


def _organic_rows(scenario: Scenario) -> NDArray[np.int32]:
    """Return the row of each shooter's organic sensor among all sensors, or NONE, int32 [S]."""
    rows = np.full(len(scenario.shooters), NONE, np.int32)
    own = list(scenario.organic)
    rows[own] = len(scenario.sensors) + np.arange(len(own))
    return rows


def _sensors(scenario: Scenario) -> dict[str, Any]:
    sensors, nations = scenario.all_sensors, scenario.nations
    assets = [asset.name for asset in scenario.assets]
    kinds = [scenario.catalogue.sensors[sensor.kind] for sensor in sensors]
    paths = sensor_paths_m(scenario)
    return {
        **_places(sensors),
        "antenna_m": [kind.antenna_height_m for kind in kinds],
        "range_m": [kind.range_km * 1e3 for kind in kinds],
        "detection": [kind.detection for kind in kinds],
        "identification_m": [kind.identification_range_km * 1e3 for kind in kinds],
        "identification_rate": [kind.identification_rate for kind in kinds],
        "identification_right": [kind.identification_accuracy for kind in kinds],
        "orbit_s": [
            length(_closed_m(sensor)) / kind.orbit_speed_mps if kind.moves else 0.0
            for sensor, kind in zip(sensors, kinds, strict=True)
        ],
        "points": [len(path) for path in paths],
        "asset": [assets.index(sensor.asset) if sensor.asset else NONE for sensor in sensors],
        "shooter": [NONE] * len(scenario.sensors) + list(scenario.organic),
        "nation": [nations.index(sensor.nation) if sensor.nation else NONE for sensor in sensors],
        "acoustic": [kind.acoustic for kind in kinds],
    }


def sensor_paths_m(scenario: Scenario) -> list[NDArray[np.float64]]:
    """Return the path of every sensor, organic ones included.

    Args:
        scenario: the scenario.

    Returns:
        For each sensor, float64 [n, 2] in metres: the corners of a line of microphones, 33
        equally spaced points of an orbit, the last being the first, or nothing, n = 0.
    """
    paths = []
    for sensor in scenario.all_sensors:
        moves = scenario.catalogue.sensors[sensor.kind].moves
        line = to_plane(list(sensor.path))
        paths.append(spaced(_closed_m(sensor), ORBIT_POINTS) if moves else line)
    return paths


def _closed_m(sensor: Sensor) -> NDArray[np.float64]:
    return to_plane([*sensor.path, sensor.path[0]])


def _sensor_paths(scenario: Scenario) -> dict[str, Any]:
    """Lay the paths side by side, each padded by its last point."""
    paths = sensor_paths_m(scenario)
    padded = np.zeros((len(paths), max(1, *(len(path) for path in paths)), 2))
    for row, path in zip(padded, paths, strict=True):
        if len(path):
            row[: len(path)], row[len(path) :] = path, path[-1]
    return {"x_m": padded[:, :, 0], "y_m": padded[:, :, 1]}


def _picture(scenario: Scenario) -> dict[str, Any]:
    picture = scenario.picture
    return {
        "perfect": scenario.perfect_picture,
        "by_chance": picture.detection == "by_chance",
        "kinds_public": picture.kinds == "public",
        "aims_public": picture.aims == "public",
        "restricted": scenario.restricted,
        "moving": any(scenario.catalogue.sensors[s.kind].moves for s in scenario.sensors),
        "flying": any(scenario.catalogue.shooters[s.kind].flies for s in scenario.shooters),
        "traffic": scenario.traffic,
        "kinds_coming": len(scenario.kinds_coming),
        "detections_to_start": picture.detections_to_start,
        "misses_to_lose": picture.misses_to_lose,
        "kill_confirmed": picture.kill_confirmed,
        "false_kill": picture.false_kill,
    }


def _kind_prior(scenario: Scenario) -> NDArray[np.float64]:
    """Return the share of each kind among the threats expected, float64 [K]."""
    expected = np.zeros(len(scenario.threat_kinds))
    for package in scenario.packages:
        weights = np.array([package.kinds.get(kind, 0.0) for kind in scenario.threat_kinds])
        expected += package.chance * sum(package.number) / 2.0 * weights / weights.sum()
    return np.asarray(expected / expected.sum())


def _campaign(scenario: Scenario) -> dict[str, Any]:
    campaign = scenario.campaign
    return {
        "raids": campaign.raids,
        "days": campaign.days,
        "lull_min_days": campaign.lull_days[0],
        "lull_max_days": campaign.lull_days[1],
        "repair_per_day": campaign.repair_per_day,
        "decided": scenario.num_decisions > 0,
    }


def _deliveries(scenario: Scenario) -> dict[str, Any]:
    """Return the rows of deliveries; where there are none, one that brings nothing to nobody."""
    deliveries, nations = scenario.deliveries, scenario.nations
    if not deliveries:
        nothing = {"kind": [0], "rounds_per_day": [0.0], "first_day": [0.0]}
        return {"delivery": nothing, "delivery_to": [[False] * len(nations)]}
    return {
        "delivery": {
            "kind": [scenario.shooter_kinds.index(delivery.kind) for delivery in deliveries],
            "rounds_per_day": [delivery.rounds_per_day for delivery in deliveries],
            "first_day": [delivery.first_day for delivery in deliveries],
        },
        "delivery_to": [
            [not delivery.nations or nation in delivery.nations for nation in nations]
            for delivery in deliveries
        ],
    }


def _packages(scenario: Scenario) -> dict[str, Any]:
    packages = scenario.packages
    routes = max(len(package.routes) for package in packages)
    vias = max(len(route) for package in packages for route in package.routes)
    via_m = np.zeros((len(packages), routes, vias, 2))
    counts = np.zeros((len(packages), routes), np.int32)
    for g, package in enumerate(packages):
        for n, route in enumerate(package.routes):
            via_m[g, n, : len(route)] = to_plane(list(route))
            counts[g, n] = len(route)
    lines = np.stack([entry_line(package) for package in packages])
    exits = np.stack([exit_line(package) for package in packages])
    return {
        "package": {
            "chance": [package.chance for package in packages],
            "traffic": [scenario.is_traffic(package) for package in packages],
            "fewest": [package.number[0] for package in packages],
            "most": [package.number[1] for package in packages],
            "same_aim": [package.same_aim for package in packages],
            "routes": [len(package.routes) for package in packages],
            "jitter_m": [package.route_jitter_km * 1e3 for package in packages],
            "time_min_s": [60.0 * package.time_on_target_min[0] for package in packages],
            "time_max_s": [60.0 * package.time_on_target_min[1] for package in packages],
            "spread_s": [60.0 * package.spread_min for package in packages],
            "spacing_s": [60.0 * package.spacing_min for package in packages],
        },
        "package_kind": [_kind_weights(scenario, package) for package in packages],
        "package_aim": [_aim_weights(scenario, package) for package in packages],
        "entry": {"x_m": lines[:, :, 0], "y_m": lines[:, :, 1]},
        "exit": {"x_m": exits[:, :, 0], "y_m": exits[:, :, 1]},
        "vias": counts,
        "via": {"x_m": via_m[..., 0], "y_m": via_m[..., 1]},
    }


def _kind_weights(scenario: Scenario, package: Package) -> NDArray[np.float64]:
    return np.cumsum([float(package.kinds.get(kind, 0.0)) for kind in scenario.threat_kinds])


def _aim_weights(scenario: Scenario, package: Package) -> NDArray[np.float64]:
    """Weigh aim points by full value, whatever has been lost: a raid is not drawn from play."""
    aims = _aims(scenario, package)
    return np.cumsum([asset.value * (asset in aims) for asset in scenario.assets])
