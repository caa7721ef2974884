"""A replay: one HTML file that plays records in any browser, without a network.

The page is `replay.html`, `replay.css` and `replay*.js` of this folder with the records put in as
JSON. Lengths are whole hundreds of metres, times whole tenths of a step; lines and paths hold the
difference of each point from the one before, and paths only the points where they turn.
"""

import base64
import hashlib
import json
import os
from collections.abc import Callable, Iterable, Sequence
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from envs.core.params import NONE
from envs.core.state import ABSENT, INBOUND, KILLED, LEAKED, PENDING
from envs.entities import Scenario
from envs.geography import to_plane
from envs.rendering import scene
from envs.rendering.record import KILL, OUTCOMES, Moment, Record
from envs.scenario_params import sensor_paths_m

UNIT_M = 100.0
TENTHS = 10.0
_SCRIPTS = ("replay_story.js", "replay_map.js", "replay.js")
Array = NDArray[Any]


class Play(NamedTuple):
    """One record and what is said of it."""

    policy: str
    split: str
    record: Record


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
        f"default-src 'none'; script-src {_digest(script)}; style-src {_digest(style)}; "
        "base-uri 'none'; form-action 'none'"
    )
    parts = {"POLICY": policy, "STYLE": style, "DATA": data, "SCRIPT": script}
    text = _source("replay.html")
    for name, part in parts.items():
        text = text.replace(f"%{name}%", part, 1)
    return text


def _source(name: str) -> str:
    return (resources.files("envs") / "rendering" / name).read_text(encoding="utf-8").strip()


def _digest(text: str) -> str:
    return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"


def replay_data(plays: Sequence[Play]) -> dict[str, Any]:
    """Return what a replay shows, as plain lists and numbers; see the module's first lines.

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
        "plays": [_play(play) for play in plays],
    }


# The scenario.


def _scenario(scenario: Scenario) -> dict[str, Any]:
    extent = scene.extent(scenario)
    box = scene.Extent(*(_units(side) for side in extent))
    shooters = scenario.catalogue.shooters
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
        "shooters": [
            [
                *(one.name, _words(one.kind), one.nation, *_place(one.position)),
                0 if shooters[one.kind].flies else _units(shooters[one.kind].air_range_km[1] * 1e3),
                shooters[one.kind].fire_channels,
                shooters[one.kind].rounds_per_engagement,
            ]
            for one in scenario.shooters
        ],
        "sensors": _sensors(scenario),
    }


def _sensors(scenario: Scenario) -> list[list[Any]]:
    rows = []
    for sensor, path in zip(scenario.all_sensors, sensor_paths_m(scenario), strict=True):
        kind = scenario.catalogue.sensors[sensor.kind]
        if any(shooter.name == sensor.name for shooter in scenario.shooters):
            continue  # organic; its shooter is shown
        line = _coded(path) if kind.has_path else []
        form = "line" if kind.acoustic else "orbit" if kind.moves else "radar"
        reach = _units(kind.range_km * 1e3)
        rows.append(
            [sensor.name, _words(sensor.kind), *_place(sensor.position), reach, form, line]
        )
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
        "land": [_coded(simplified(ring, fine)) for ring in land if len(ring) > 2],
        "coast": [_coded(line) for line in _drawn("coastline", box, fine)],
        "border": [_coded(line) for line in _drawn("border", box, fine)],
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
    for axis, sign, limit in ((0, 1, box.west), (0, -1, -box.east), (1, 1, box.south), (1, -1, -box.north)):
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


# A record.


def _play(play: Play) -> dict[str, Any]:
    record = play.record
    threats, place_of = _threats(record)
    tracks, track_of = _tracks(record, place_of)
    return {
        "policy": play.policy,
        "seed": record.seed,
        "split": play.split,
        "first": record.moments[0].step,
        "epochs": [int(m.raid.epoch) for m in record.moments],
        "raid": [int(m.raid.number) for m in record.moments],
        "share": [round(1000.0 * m.protected_share) for m in record.moments],
        "loss": [round(100.0 * float(m.metrics[0])) for m in record.moments],
        "threats": threats,
        "tracks": tracks,
        "shooters": [_shooter(record, s) for s in range(len(record.scenario.shooters))],
        "health": _changes(record, lambda m: np.round(1000.0 * m.health).astype(int).tolist()),
        "engagements": [
            [
                one.shooter,
                place_of[one.raid, one.threat],
                track_of.get((one.raid, one.slot, int(one.launched)), NONE),
                *(_tenths(time) for time in (one.launched, one.ended, one.resolves)),
                round(100.0 * one.pk),
                OUTCOMES.index(one.outcome),
            ]
            for one in record.engagements
        ],
    }


def _threats(record: Record) -> tuple[list[list[Any]], dict[tuple[int, int], int]]:
    """Return the threats that appeared, and the place of each by raid and row.

    A threat: raid, kind, aim point, number, last status, path [time, x, y, …].
    """
    rows: list[list[Any]] = []
    place_of = {}
    for number, moments in _raids(record):
        status = np.stack([m.threat["status"] for m in moments])
        x, y = (np.stack([m.threat[name] for m in moments]) for name in ("x_m", "y_m"))
        for i in np.flatnonzero(((status != ABSENT) & (status != PENDING)).any(axis=0)):
            last, threat = int(status[-1, i]), moments[-1].threat[i]
            there = np.flatnonzero(status[:, i] == INBOUND)
            steps = np.array([moments[n].step for n in there], float)
            points = np.stack([steps, x[there, i], y[there, i]], axis=1)
            end = _end(record, moments, int(i), points)
            place_of[number, int(i)] = len(rows)
            rows.append(
                [
                    number,
                    int(threat.kind),
                    int(threat.aim),
                    int(threat.number),
                    last,
                    _path(np.concatenate([points, end])),
                ]
            )
    return rows, place_of


def _end(record: Record, moments: Sequence[Moment], i: int, points: Array) -> Array:
    """Return when and where a threat ended, [1, 3]; [0, 3] where it did not, or in no epoch."""
    last = moments[-1]
    threat, status = last.threat[i], last.threat["status"][i]
    begin, epoch_s = last.step - int(last.raid.epoch), float(record.params.epoch_s[0])
    if status == KILLED:
        times = [
            one.ended
            for one in record.engagements
            if (one.raid, one.threat, one.outcome) == (int(last.raid.number), i, KILL)
        ]
        if times and len(points):
            since_s = (times[0] - points[-1, 0]) * epoch_s
            x, y = points[-1, 1] + threat.vx_mps * since_s, points[-1, 2] + threat.vy_mps * since_s
            return np.array([[times[0], x, y]])
    if status >= LEAKED and threat.aim != NONE:
        asset = record.params.asset[0][threat.aim]
        return np.array([[begin + float(threat.impact_s) / epoch_s, asset.x_m, asset.y_m]])
    return np.zeros((0, 3))


def _tracks(
    record: Record, place_of: dict[tuple[int, int], int]
) -> tuple[list[list[Any]], dict[tuple[int, int, int], int]]:
    """Return the tracks, and the place of each by raid, slot and step.

    A track: threat behind it, slot, path, beliefs and chances of fire, both [[step, …], …] where
    they change. A belief: likeliest aim point and belief in it, then kinds and belief in each, in
    percent. A chance: shooters that may fire, shooters in reach, highest pk in percent and whose.
    """
    rows: list[list[Any]] = []
    place_of_track: dict[tuple[int, int, int], int] = {}
    for number, moments in _raids(record):
        for slot in range(len(moments[0].held)):
            for run in _runs(moments, slot):
                for m in run:
                    place_of_track[number, slot, m.step] = len(rows)
                points = np.array([[m.step, m.track["x_m"][slot], m.track["y_m"][slot]] for m in run])
                threat = place_of[number, int(run[0].track["threat"][slot])]
                # To the next moment: a track is shown until it is known to have ended.
                drift = run[-1].track[slot]
                ahead = [drift.vx_mps, drift.vy_mps]
                more = np.array([[1.0, *(v * record.params.epoch_s[0] for v in ahead)]])
                path = _path(np.concatenate([points, points[-1:] + more]))
                beliefs = _noted(run, lambda m, slot=slot: _belief(m, slot))
                fire = _noted(run, lambda m, slot=slot: _chance(m, slot))
                rows.append([threat, slot, path, beliefs, fire])
    return rows, place_of_track


def _runs(moments: Sequence[Moment], slot: int) -> list[list[Moment]]:
    """Return the moments of each track that a slot held."""
    runs: list[list[Moment]] = []
    start = NONE
    for m in moments:
        if not m.held[slot]:
            start = NONE
        elif int(m.track["start"][slot]) != start:
            start = int(m.track["start"][slot])
            runs.append([m])
        else:
            runs[-1].append(m)
    return runs


def _belief(m: Moment, slot: int) -> list[int]:
    kind, aim, aim_belief, certain, seen = m.track[
        ["kind", "aim", "aim_belief", "certain", "seen"]
    ][slot].item()
    likely = [kind, 100]
    if not certain:
        percent = np.round(100.0 * m.belief[slot]).astype(int)
        order = np.argsort(-percent, kind="stable")[:3]
        likely = [int(x) for k in order if percent[k] > 0 for x in (k, percent[k])]
    return [int(seen), aim, round(100.0 * aim_belief), *likely]


def _chance(m: Moment, slot: int) -> list[int]:
    pk = round(100.0 * float(m.best_pk[slot]))
    return [int(m.legal[slot]), int(m.reach[slot]), pk, int(m.best_shooter[slot]) if pk else NONE]


def _shooter(record: Record, s: int) -> list[Any]:
    """Return a shooter's changes [[step, rounds, reserve, busy, able, reload ends], …] and path."""
    epoch_s = float(record.params.epoch_s[0])

    def noted(m: Moment) -> list[int]:
        rounds, reserve, busy, able, reload_s = m.shooter[
            ["rounds", "reserve", "busy", "able", "reload_s"]
        ][s].item()
        begin = m.step - int(m.raid.epoch)
        ends = _tenths(begin + reload_s / epoch_s) if np.isfinite(reload_s) else NONE
        return [rounds, reserve, busy, int(able), ends]

    path: list[int] = []
    if record.params.shooter[0][s].sortie_s > 0.0:
        path = _path(
            np.array([[m.step, m.shooter["x_m"][s], m.shooter["y_m"][s]] for m in record.moments])
        )
    return [_noted(record.moments, noted), path]


def _raids(record: Record) -> Iterable[tuple[int, list[Moment]]]:
    """Yield each raid's number and moments."""
    numbers = [int(m.raid.number) for m in record.moments]
    for number in dict.fromkeys(numbers):
        yield number, [m for m, own in zip(record.moments, numbers, strict=True) if own == number]


def _noted(moments: Sequence[Moment], of: Callable[..., list[int]]) -> list[list[int]]:
    """Return [step, …] for the first moment and each at which something changes."""
    rows: list[list[int]] = []
    for m in moments:
        values = of(m)
        if not rows or rows[-1][1:] != values:
            rows.append([m.step, *values])
    return rows


def _changes(record: Record, of: Callable[[Moment], list[int]]) -> list[list[int]]:
    return _noted(record.moments, of)


# Numbers.


def simplified(line: Array, fine: float) -> Array:
    """Return a line [n, 2] without points nearer than `fine` to what is left (Douglas, Peucker)."""

    def stray(some: Array) -> Array:
        start, way = some[0], some[-1] - some[0]
        along = np.clip((some - start) @ way / max(way @ way, 1e-9), 0.0, 1.0)
        return np.linalg.norm(some - start - along[:, None] * way, axis=1)

    return line[_kept(line, fine, stray)]


def straightened(path: Array, fine: float) -> Array:
    """Return a path [n, 3] of time, x and y, without points that lie within `fine` of where its
    neighbours, joined at constant speed, would be at their time.
    """

    def stray(some: Array) -> Array:
        share = (some[:, 0] - some[0, 0]) / max(some[-1, 0] - some[0, 0], 1e-9)
        there = some[0, 1:] + share[:, None] * (some[-1, 1:] - some[0, 1:])
        return np.linalg.norm(some[:, 1:] - there, axis=1)

    return path[_kept(path, fine, stray)]


def _kept(points: Array, fine: float, stray: Callable[[Array], Array]) -> list[int]:
    """Return which points to keep: the ends, and between two kept ones the farthest astray."""
    if len(points) < 3:
        return list(range(len(points)))
    kept, waiting = {0, len(points) - 1}, [(0, len(points) - 1)]
    while waiting:
        first, last = waiting.pop()
        if last - first < 2:
            continue
        away = stray(points[first : last + 1])
        worst = first + int(np.argmax(away))
        if away[worst - first] > fine and first < worst < last:
            kept.add(worst)
            waiting += [(first, worst), (worst, last)]
    return sorted(kept)


def _path(points: Array) -> list[int]:
    """Return a path [n, 3] of steps and metres as flat differences, tenths and hundred metres."""
    turns = straightened(points, UNIT_M)
    return _differences(np.round(turns / (1.0 / TENTHS, UNIT_M, UNIT_M)).astype(int))


def _coded(line: Array) -> list[int]:
    return _differences(np.round(np.asarray(line) / UNIT_M).astype(int))


def _differences(rows: Array) -> list[int]:
    first: list[int] = rows[:1].ravel().tolist()
    return first + np.diff(rows, axis=0).ravel().tolist()


def _place(position: tuple[float, float]) -> list[int]:
    return [_units(metres) for metres in to_plane([position])[0]]


def _units(metres: float) -> int:
    return round(metres / UNIT_M)


def _tenths(steps: float) -> int:
    return round(TENTHS * steps)


def _words(name: str) -> str:
    return name.replace("_", " ")
