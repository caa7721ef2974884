"""A replay: one HTML file that plays records in any browser, without a network.

The page is `replay.html`, `replay.css` and `replay*.js` of this folder with the records put in as
JSON, packed as `packed` has it.
"""

import base64
import hashlib
import json
import os
from collections.abc import Iterable, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from envs.entities import Scenario, Shooter
from envs.geography import to_plane
from envs.rendering import scene
from envs.rendering.packed import Array, packed_line, simplified, units
from envs.rendering.page_play import Play, play_data
from envs.rendering.record import OUTCOMES
from envs.scenario_params import sensor_paths_m

_SCRIPTS = ("replay_story.js", "replay_map.js", "replay.js")


def write_page(plays: Sequence[Play], path: Path) -> None:
    """Write a replay of records of one scenario.

    Records of one seed are shown side by side, two at a time; others can be chosen.

    Args:
        plays: one or more.
        path: HTML file, written under a temporary name and renamed.

    Raises:
        ValueError: if there is no record, or they are of more than one scenario.
        OSError: if the file cannot be written.
    """
    text = page(plays)
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, path)


def page(plays: Sequence[Play]) -> str:
    """Return the text of a replay; see `write_page`."""
    style, script = _source("replay.css"), "\n".join(_source(name) for name in _SCRIPTS)
    # "<" would let a name end the element that the data stand in.
    data = json.dumps(replay_data(plays), separators=(",", ":")).replace("<", "\\u003c")
    policy = (
        f"default-src 'none'; script-src {policy_source(script)}; "
        f"style-src {policy_source(style)}; base-uri 'none'; form-action 'none'"
    )
    parts = {"POLICY": policy, "STYLE": style, "DATA": data, "SCRIPT": script}
    text = _source("replay.html")
    for name, part in parts.items():
        text = text.replace(f"%{name}%", part, 1)
    return text


def page_sources() -> str:
    """Return all that a page is made of beside its records."""
    return "\n".join(_source(name) for name in ("replay.html", "replay.css", *_SCRIPTS))


def _source(name: str) -> str:
    return (resources.files("envs") / "rendering" / name).read_text(encoding="utf-8").strip()


def policy_source(text: str) -> str:
    """Return the name of an inline script or style in a page's policy (CSP): its digest."""
    return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"


def replay_data(plays: Sequence[Play]) -> dict[str, Any]:
    """Return what a replay shows, as plain lists and numbers; packed as in `packed`.

    Raises:
        ValueError: if there is no record, or they are of more than one scenario.
    """
    scenarios = {id(play.record.scenario): play.record.scenario for play in plays}
    if len(scenarios) != 1:
        names = ", ".join(scenario.name for scenario in scenarios.values()) or "none"
        raise ValueError(f"plays: scenarios {names} are not right; records of one are needed")
    (scenario,) = scenarios.values()
    return {
        **_scenario(scenario),
        "outcomes": list(OUTCOMES),
        "plays": [play_data(play) for play in plays],
    }


# The scenario.


def _scenario(scenario: Scenario) -> dict[str, Any]:
    extent = scene.extent(scenario)
    box = scene.Extent(*(units(side) for side in extent))
    threats = scenario.catalogue.threats
    signs = sorted({scene.sign(kind) for kind in threats.values()})
    return {
        "name": scenario.name,
        "description": scenario.description,
        "epoch_s": scenario.epoch_s,
        "raids": scenario.campaign.raids,
        "believed": scenario.picture.kinds == "believed" or scenario.picture.aims == "believed",
        "confirmed": scenario.picture.kill_confirmed == 1.0 and scenario.picture.false_kill == 0.0,
        "extent": list(box),
        "map": _map(extent),
        "signs": {
            name: [scene.SIGNS[name][0], [x for point in scene.SIGNS[name][1] for x in point]]
            for name in signs
        },
        "kinds": [[_words(name), scene.sign(kind)] for name, kind in threats.items()],
        "assets": [
            [asset.name, _words(asset.kind), asset.value, *_place(asset.position)]
            for asset in scenario.assets
        ],
        "shooters": [_shooter(scenario, shooter) for shooter in scenario.shooters],
        "sensors": _sensors(scenario),
    }


def _shooter(scenario: Scenario, shooter: Shooter) -> list[Any]:
    """Return name, kind, nation, place, reach against what flies level and what falls, and more."""
    kind, threats = scenario.catalogue.shooters[shooter.kind], scenario.catalogue.threats
    level, falling = (
        units(1e3 * reach_km[1]) for reach_km in (kind.air_range_km, kind.ballistic_range_km)
    )
    engages = [kind.pk.get(name, 0.0) > 0.0 for name in threats]
    return [
        *(shooter.name, _words(shooter.kind), shooter.nation, *_place(shooter.position)),
        *(0 if kind.flies else level, kind.fire_channels, kind.rounds_per_engagement, falling),
        [k for k, able in enumerate(engages) if able],
    ]


def _sensors(scenario: Scenario) -> list[list[Any]]:
    rows = []
    for sensor, path in zip(scenario.all_sensors, sensor_paths_m(scenario), strict=True):
        kind = scenario.catalogue.sensors[sensor.kind]
        if any(shooter.name == sensor.name for shooter in scenario.shooters):
            continue  # organic; its shooter is shown
        line = packed_line(path) if kind.has_path else []
        form = "line" if kind.acoustic else "orbit" if kind.moves else "radar"
        reach = units(kind.range_km * 1e3)
        rows.append([sensor.name, _words(sensor.kind), *_place(sensor.position), reach, form, line])
    return rows


def _map(extent: scene.Extent) -> dict[str, list[list[int]]]:
    """Return land, coast and borders around an extent, with as many points as a screen shows."""
    width, height = extent.east - extent.west, extent.north - extent.south
    more = 0.5 * max(width, height)
    box = scene.Extent(
        extent.west - more, extent.south - more, extent.east + more, extent.north + more
    )
    fine = max(width, height) / 1200.0
    land = (_clipped(ring, box) for ring in scene.land())
    return {
        "land": [packed_line(simplified(ring, fine)) for ring in land if len(ring) > 2],
        "coast": [packed_line(line) for line in _drawn("coastline", box, fine)],
        "border": [packed_line(line) for line in _drawn("border", box, fine)],
    }


def _drawn(kind: str, box: scene.Extent, fine: float) -> Iterable[Array]:
    for line in scene.lines(kind):
        x, y = line.T
        inside = (x > box.west) & (x < box.east) & (y > box.south) & (y < box.north)
        if inside.any():
            first, last = np.flatnonzero(inside)[[0, -1]]
            yield simplified(line[max(0, first - 1) : last + 2], fine)


def _clipped(ring: Array, box: scene.Extent) -> Array:
    """Return the part of a ring in a box, side by side (Sutherland and Hodgman, 1974)."""
    for axis, sign, limit in (
        (0, 1, box.west),
        (0, -1, -box.east),
        (1, 1, box.south),
        (1, -1, -box.north),
    ):
        kept: list[Array] = []
        for before, point in zip(np.roll(ring, 1, axis=0), ring, strict=True):
            was, now = sign * before[axis] - limit, sign * point[axis] - limit
            if (was >= 0.0) != (now >= 0.0):
                kept.append(before + was / (was - now) * (point - before))
            if now >= 0.0:
                kept.append(point)
        if not kept:
            return np.zeros((0, 2))
        ring = np.array(kept)
    return ring


def _place(position: tuple[float, float]) -> list[int]:
    return [units(metres) for metres in to_plane([position])[0]]


def _words(name: str) -> str:
    return name.replace("_", " ")
