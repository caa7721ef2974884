"""The map of a scenario: coast and borders, assets, shooters with their reach, sensors, entries."""

import json
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Circle

from envs.entities import Scenario
from envs.geography import to_plane
from envs.scenario_params import entry_line

# Okabe and Ito's colours, which people with any colour vision tell apart.
LAND, SEA, LINE = "#f2efe9", "#dce9f2", "#9a9a9a"
ASSET, SHOOTER, SENSOR, ENTRY = "#0072b2", "#009e73", "#cc79a7", "#d55e00"
_MARGIN_KM = 25.0


def draw_scenario(scenario: Scenario, path: Path) -> None:
    """Draw a scenario's map into a picture file.

    Args:
        scenario: what is drawn.
        path: PNG, SVG or PDF file, by its ending.

    Raises:
        OSError: if the file cannot be written.
    """
    figure = Figure(figsize=(9.0, 8.0), layout="constrained")
    axes = figure.add_subplot()
    _draw_land(axes)
    assets = _places_km(scenario.assets)
    shooters = _places_km(scenario.shooters)
    sensors = _places_km(scenario.sensors)
    for place, shooter in zip(shooters, scenario.shooters, strict=True):
        reach_km = scenario.catalogue.shooters[shooter.kind].air_range_km[1]
        axes.add_patch(Circle(tuple(place), reach_km, fill=False, ec=SHOOTER, lw=0.7, alpha=0.6))
    for package in scenario.packages:
        line = entry_line(package) / 1e3
        axes.plot(*line.T, color=ENTRY, lw=2.5, alpha=0.8, solid_capstyle="round")
    axes.scatter(sensors[:, 0], sensors[:, 1], marker="v", s=40, color=SENSOR, zorder=3)
    axes.scatter(shooters[:, 0], shooters[:, 1], marker="^", s=45, color=SHOOTER, zorder=4)
    values = [asset.value for asset in scenario.assets]
    sizes = 12.0 * np.array(values)
    axes.scatter(assets[:, 0], assets[:, 1], s=sizes, marker="s", color=ASSET, zorder=5)
    for place, asset in zip(assets, scenario.assets, strict=True):
        label = f"{asset.name} ({asset.value:g})"
        axes.annotate(label, place, xytext=(6, 5), textcoords="offset points", fontsize=7.5)
    _frame(
        axes, np.concatenate([assets, shooters, *(entry_line(p) / 1e3 for p in scenario.packages)])
    )
    axes.set_title(f"{scenario.name}: {scenario.description}", fontsize=10)
    axes.legend(handles=_legend(), loc="lower left", fontsize=8)
    figure.savefig(path, dpi=110, bbox_inches="tight")


def _places_km(entries: Any) -> Any:
    return to_plane([entry.position for entry in entries]) / 1e3


def _draw_land(axes: Axes) -> None:
    axes.set_facecolor(SEA)
    text = (resources.files("envs") / "data" / "baltic.geojson").read_text(encoding="utf-8")
    for feature in json.loads(text)["features"]:
        geometry = feature["geometry"]
        if geometry["type"] not in ("Polygon", "MultiPolygon"):
            continue
        whole = geometry["type"] == "MultiPolygon"
        for polygon in geometry["coordinates"] if whole else [geometry["coordinates"]]:
            ring = to_plane([tuple(point[:2]) for point in polygon[0]]) / 1e3
            axes.fill(*ring.T, fc=LAND, ec=LINE, lw=0.6, zorder=1)


def _frame(axes: Axes, places: Any) -> None:
    low, high = places.min(axis=0) - _MARGIN_KM, places.max(axis=0) + _MARGIN_KM
    axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), aspect="equal")
    axes.set_xlabel("km east of 24.5° E, 57° N", fontsize=8)
    axes.set_ylabel("km north", fontsize=8)
    axes.tick_params(labelsize=7)


def _legend() -> list[Line2D]:
    rows = (
        ("s", ASSET, "asset (value)"),
        ("^", SHOOTER, "shooter, with its range"),
        ("v", SENSOR, "sensor"),
        ("_", ENTRY, "where packages enter"),
    )
    return [
        Line2D([], [], marker=marker, color=colour, ls="", ms=8, label=label)
        for marker, colour, label in rows
    ]
