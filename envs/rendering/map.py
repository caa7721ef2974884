"""The map of a scenario: coast, assets, shooters and sensors with their reach, who comes whence."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Circle, Patch
from numpy.typing import NDArray

from envs.core.sensing import HORIZON
from envs.entities import Scenario, Shooter
from envs.geography import to_plane
from envs.rendering import scene
from envs.scenario_params import entry_line, exit_line, sensor_paths_m

# Okabe and Ito's colours, which people with any colour vision tell apart.
LAND, SEA, LINE = "#f2efe9", "#dce9f2", "#9a9a9a"
ASSET, SHOOTER, SENSOR, ENTRY = "#0072b2", "#009e73", "#cc79a7", "#d55e00"
HEARING, TRAFFIC = "#e69f00", "#000000"
DRONE = 0.6  # signature of the threat that coverage is drawn for
# Lines up and down at which a label is tried.
_OFFSETS = [0.0] + [sign * step for step in range(1, 20) for sign in (-1.0, 1.0)]
_GRID = 400  # points along each side of the coverage grid


def draw_scenario(scenario: Scenario, path: Path, altitudes_m: Sequence[float]) -> None:
    """Draw a scenario's map into a picture file.

    Args:
        scenario: what is drawn.
        path: PNG, SVG or PDF file, by its ending.
        altitudes_m: altitudes at which the sensors' coverage is drawn.

    Raises:
        OSError: if the file cannot be written.
    """
    figure = Figure(layout="constrained")
    axes = figure.add_subplot()
    _draw_land(axes)
    width, height = _frame(axes, scenario)
    figure.set_size_inches(10.0, 10.0 * height / width + 1.0)
    levels = sorted(altitudes_m)
    for altitude_m, strength in zip(levels, _strengths(len(levels)), strict=True):
        _draw_coverage(axes, scenario, altitude_m, strength)
    _draw_paths(axes, scenario)
    _draw_entities(axes, scenario)
    axes.set_title(f"{scenario.name}: {scenario.description}", fontsize=10)
    figure.legend(
        handles=_legend(scenario, levels), loc="outside lower center", ncols=4, fontsize=8
    )
    figure.savefig(path, dpi=110, bbox_inches="tight")


def legend_labels(scenario: Scenario) -> list[str]:
    """Return what the map of a scenario explains besides coverage."""
    return [str(handle.get_label()) for handle in _legend(scenario, [])]


def coverage_m(
    scenario: Scenario, places_m: NDArray[np.float64], altitude_m: float
) -> NDArray[np.float64]:
    """Return how far places lie inside of where a drone at an altitude is in view.

    It is in view of a sensor if slant range <= range * 0.6 and, by the horizon, ground range <=
    4124 (sqrt(antenna) + sqrt(altitude)), in metres; of a sensor that flies, if it is from the
    whole orbit. Microphones are left out.

    Args:
        scenario: whose sensors are asked, organic ones included if they count.
        places_m: float64 [..., 2], metres on the plane.
        altitude_m: of the drone, above sea level.

    Returns:
        Metres, float64 [...]: positive where at least one sensor has it in view, negative outside.
    """
    inside = np.full(places_m.shape[:-1], -np.inf)
    for sensor, path in zip(scenario.all_sensors, sensor_paths_m(scenario), strict=True):
        kind = scenario.catalogue.sensors[sensor.kind]
        reach_m = kind.range_km * 1e3 * DRONE
        if kind.acoustic or altitude_m > reach_m:
            continue
        horizon_m = float(HORIZON) * (kind.antenna_height_m**0.5 + altitude_m**0.5)
        ground_m = min(horizon_m, (reach_m**2 - altitude_m**2) ** 0.5)
        farthest = np.zeros(inside.shape)
        for place in path if kind.moves else to_plane([sensor.position]):
            farthest = np.maximum(farthest, np.linalg.norm(places_m - place, axis=-1))
        inside = np.maximum(inside, ground_m - farthest)
    return inside


def _draw_coverage(axes: Axes, scenario: Scenario, altitude_m: float, strength: float) -> None:
    east, north = (np.linspace(*limits, _GRID) for limits in (axes.get_xlim(), axes.get_ylim()))
    grid = np.stack(np.meshgrid(east, north), axis=-1)
    inside = np.maximum(coverage_m(scenario, grid * 1e3, altitude_m), -1e9)
    if inside.max() > 0.0:
        axes.contourf(east, north, inside, [0.0, 1e9], colors=[SENSOR], alpha=strength, zorder=2)
    if inside.min() < 0.0 < inside.max():
        axes.contour(east, north, inside, [0.0], colors=[SENSOR], linewidths=0.8, zorder=2)


def _draw_paths(axes: Axes, scenario: Scenario) -> None:
    """Draw lines of microphones with the corridor in which they hear, and orbits."""
    for sensor, path in zip(scenario.all_sensors, sensor_paths_m(scenario), strict=True):
        kind = scenario.catalogue.sensors[sensor.kind]
        if kind.acoustic:
            _draw_corridor(axes, path / 1e3, kind.range_km)
            axes.plot(*path.T / 1e3, color=HEARING, lw=1.5, marker=".", ms=5, zorder=3)
        elif kind.moves:
            axes.plot(*path.T / 1e3, color=SENSOR, lw=1.2, ls="--", zorder=3)


def _draw_corridor(axes: Axes, line: NDArray[np.float64], reach_km: float) -> None:
    """Shade what lies within `reach_km` of a line [n, 2], in km."""
    low, high = line.min(axis=0) - 1.5 * reach_km, line.max(axis=0) + 1.5 * reach_km
    east, north = (np.linspace(low[k], high[k], _GRID) for k in (0, 1))
    grid = np.stack(np.meshgrid(east, north), axis=-1)
    nearest = np.full(grid.shape[:2], np.inf)
    for start, end in pairwise(line):
        along = np.sum((grid - start) * (end - start), axis=-1)
        part = np.clip(along / max(np.sum((end - start) ** 2), 1e-9), 0.0, 1.0)
        foot = start + part[..., None] * (end - start)
        nearest = np.minimum(nearest, np.linalg.norm(grid - foot, axis=-1))
    axes.contourf(east, north, nearest, [0.0, reach_km], colors=[HEARING], alpha=0.35, zorder=3)


def _draw_entities(axes: Axes, scenario: Scenario) -> None:
    assets, standing_fast = _places_km(scenario.assets), _shooters(scenario, flying=False)
    for shooter in standing_fast:
        reach_km = scenario.catalogue.shooters[shooter.kind].air_range_km[1]
        (place,) = _places_km([shooter])
        axes.add_patch(
            Circle(tuple(place), reach_km, fill=False, ec=SHOOTER, lw=0.7, alpha=0.7, zorder=3)
        )
    for package in scenario.packages:
        line = entry_line(package) / 1e3
        if scenario.is_traffic(package):
            _draw_traffic(axes, line, exit_line(package) / 1e3)
        else:
            axes.plot(*line.T, color=ENTRY, lw=2.5, alpha=0.8, solid_capstyle="round", zorder=4)
    values = np.array([asset.value for asset in scenario.assets])
    _mark(axes, assets, "s", ASSET, 25.0 + 150.0 * values / values.max())
    standing = [sensor for sensor in scenario.sensors if not sensor.path]
    if standing:
        _mark(axes, _places_km(standing), "v", SENSOR, 45.0)
    if standing_fast:
        _mark(axes, _places_km(standing_fast), "^", SHOOTER, 45.0)
    _draw_fighters(axes, _shooters(scenario, flying=True))
    _label(axes, assets, [f"{asset.name} ({asset.value:g})" for asset in scenario.assets])


def _draw_traffic(axes: Axes, entry: NDArray[np.float64], leave: NDArray[np.float64]) -> None:
    """Draw the lines [n, 2] along which neutral aircraft come and go, and an arrow between them."""
    for line in (entry, leave):
        axes.plot(*line.T, color=TRAFFIC, lw=1.2, alpha=0.6, zorder=4)
    start, end = entry[len(entry) // 2], leave[len(leave) // 2]
    style = {"arrowstyle": "-|>", "ls": "--", "lw": 0.9, "color": TRAFFIC, "alpha": 0.6}
    axes.annotate("", tuple(end), tuple(start), arrowprops=style, zorder=4)


def _draw_fighters(axes: Axes, fighters: Sequence[Shooter]) -> None:
    """Draw the bases of fighter pairs, and from them lines to the stations of those on patrol.

    Their range is left out: it is that of a sortie and covers the map.
    """
    for fighter in fighters:
        if fighter.patrol is not None:
            line = to_plane([fighter.position, fighter.patrol]) / 1e3
            axes.plot(*line.T, color=SHOOTER, lw=1.2, ls=":", zorder=4)
            _mark(axes, line[1:], "D", SHOOTER, 60.0)
    if fighters:
        _mark(axes, _places_km(fighters), "*", SHOOTER, 260.0)


def _shooters(scenario: Scenario, flying: bool) -> list[Shooter]:
    kinds = scenario.catalogue.shooters
    return [shooter for shooter in scenario.shooters if kinds[shooter.kind].flies == flying]


def _mark(axes: Axes, places: Any, marker: str, colour: str, size: Any) -> None:
    axes.scatter(
        places[:, 0],
        places[:, 1],
        s=size,
        marker=marker,
        color=colour,
        ec="white",
        lw=0.5,
        zorder=5,
    )


def _label(axes: Axes, places: Any, labels: Sequence[str]) -> None:
    """Write each label beside its place, and where they crowd as near to it as there is room."""
    low, high = axes.get_xlim()
    line_km = (high - low) / 70.0  # height of a line on a map as wide as the figure
    taken: list[tuple[float, float, float]] = []  # west and east end, middle of each label
    for place, label in zip(places, labels, strict=True):
        width_km = (0.42 * len(label) + 0.5) * line_km
        for step in _OFFSETS:
            west, north = place[0] + 0.9 * line_km, place[1] + step * line_km
            east = west + width_km
            if not any(
                west < right and left < east and abs(north - other) < 0.95 * line_km
                for left, right, other in taken
            ):
                break
        taken.append((west, east, north))
        if step != 0.0:
            axes.plot([place[0], west], [place[1], north], color="#606060", lw=0.5, zorder=6)
        axes.text(
            west,
            north,
            label,
            va="center",
            fontsize=7.5,
            zorder=8,
            bbox={"boxstyle": "round,pad=0.1", "fc": "white", "ec": "none", "alpha": 0.6},
        )


def _places_km(entries: Any) -> Any:
    return to_plane([entry.position for entry in entries]) / 1e3


def _draw_land(axes: Axes) -> None:
    axes.set_facecolor(SEA)
    for ring in scene.land():
        axes.fill(*ring.T / 1e3, fc=LAND, ec=LINE, lw=0.6, zorder=1)


def _frame(axes: Axes, scenario: Scenario) -> tuple[float, float]:
    """Set the limits of the map to hold all of the scenario; return width and height in km."""
    west, south, east, north = (side / 1e3 for side in scene.extent(scenario))
    axes.set(xlim=(west, east), ylim=(south, north), aspect="equal")
    axes.set_xlabel("km east of 24.5° E, 57° N", fontsize=8)
    axes.set_ylabel("km north", fontsize=8)
    axes.tick_params(labelsize=7)
    return east - west, north - south


def _strengths(count: int) -> list[float]:
    """Return how opaque each level of coverage is: the lowest altitude, the least seen, most."""
    return [0.28 / (1 + 1.5 * level) for level in range(count)]


def _legend(scenario: Scenario, levels: Sequence[float]) -> list[Any]:
    rows = [
        ("s", ASSET, "asset (value)"),
        ("^", SHOOTER, "shooter, with its range"),
        ("v", SENSOR, "sensor"),
        ("_", ENTRY, "where packages enter"),
    ]
    fighters = _shooters(scenario, flying=True)
    if fighters:
        rows.append(("*", SHOOTER, "base of fighter pairs"))
    if any(fighter.patrol is not None for fighter in fighters):
        rows.append(("D", SHOOTER, "fighter pair on patrol"))
    kinds = [scenario.catalogue.sensors[sensor.kind] for sensor in scenario.sensors]
    handles: list[Any] = [
        Line2D(
            [], [], marker=marker, color=colour, ls="", ms=12 if marker == "*" else 8, label=label
        )
        for marker, colour, label in rows
    ]
    for altitude_m, strength in zip(levels, _strengths(len(levels)), strict=True):
        label = f"a drone at {altitude_m:g} m in view"
        handles.append(Patch(fc=(SENSOR, strength), ec=SENSOR, lw=0.8, label=label))
    if scenario.traffic:
        label = "neutral aircraft, from where to where"
        handles.append(Line2D([], [], color=TRAFFIC, ls="--", lw=0.9, alpha=0.6, label=label))
    if any(kind.acoustic for kind in kinds):
        handles.append(Line2D([], [], color=HEARING, lw=4, label="microphones, where they hear"))
    if any(kind.moves for kind in kinds):
        handles.append(Line2D([], [], color=SENSOR, ls="--", label="orbit of a sensor"))
    return handles
