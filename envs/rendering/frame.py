"""One picture of a raid under way, drawn with pygame-ce on surfaces of memory: no display needed."""

import math
from collections.abc import Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib
import numpy as np
import pygame
from numpy.typing import NDArray

from envs.core.params import NONE
from envs.core.state import ABSENT, DUD, INBOUND, KILLED, LEAKED
from envs.entities import Scenario
from envs.geography import to_plane
from envs.rendering import scene
from envs.rendering.record import IN_FLIGHT, Moment, Record
from envs.scenario_params import sensor_paths_m

SIZE = 960  # pixels, width and height
_HEAD, _FOOT = 58, 206  # heights of the strip above the map and of the one below
_MAP = pygame.Rect(0, _HEAD, SIZE, SIZE - _HEAD - _FOOT)
_TRAIL, _FADE = 9, 8  # steps shown of a track's past; steps for which an end is shown
_FEW = 12  # shooters that are shown one by one; more are summed up by kind
Colour = str | tuple[int, int, int]
Point = tuple[float, float]


class View(NamedTuple):
    """From metres on the plane to pixels."""

    west_m: float
    north_m: float
    pixels_a_m: float

    def __call__(self, x_m: float, y_m: float) -> Point:
        """Return a place in pixels."""
        x = _MAP.left + (float(x_m) - self.west_m) * self.pixels_a_m
        return x, _MAP.top + (self.north_m - float(y_m)) * self.pixels_a_m

    def line(self, points_m: Any) -> list[Point]:
        """Return a line [n, 2] in pixels."""
        return [self(x, y) for x, y in points_m]


class Still(NamedTuple):
    """What does not change while a scenario is played."""

    view: View
    background: pygame.Surface
    shooters: list[str]  # short name of each


def frame(record: Record, step: int | None = None) -> NDArray[np.uint8]:
    """Draw a moment of a record.

    Args:
        record: of a raid; of its past come trails, kills and launches.
        step: place in `record.moments`; None: the last.

    Returns:
        uint8 [960, 960, 3], red, green and blue.

    Raises:
        IndexError: if the record has no such moment.
    """
    surface = draw(record, step)
    return np.frombuffer(bytearray(pygame.image.tobytes(surface, "RGB")), np.uint8).reshape(
        SIZE, SIZE, 3
    )


def draw(record: Record, step: int | None = None) -> pygame.Surface:
    """Draw a moment of a record on a new surface; see `frame`."""
    place = len(record.moments) - 1 if step is None else step
    now, past = record.moments[place], record.moments[max(0, place - _TRAIL) : place]
    still = _still(record.scenario)
    surface = still.background.copy()
    surface.set_clip(_MAP)
    _draw_engagements(surface, still.view, record, now)
    _draw_ends(surface, still.view, record, now)
    _draw_assets(surface, still.view, record, now)
    _draw_shooters(surface, still.view, record, now)
    _draw_threats(surface, still.view, record, now, past)
    surface.set_clip(None)
    _draw_head(surface, record, now)
    _draw_foot(surface, still, record, place)
    return surface


# What does not change.


@lru_cache(maxsize=8)
def _still(scenario: Scenario) -> Still:
    extent = scene.extent(scenario).widened(_MAP.width / _MAP.height)
    view = View(extent.west, extent.north, _MAP.width / (extent.east - extent.west))
    background = pygame.Surface((SIZE, SIZE), depth=32)
    background.fill(scene.PANEL)
    background.blit(_land(view), _MAP, _MAP)
    _rings(background, view, scenario)
    _sensors(background, view, scenario)
    _names(background, view, scenario)
    pygame.draw.line(background, scene.BORDER, (0, _HEAD), (SIZE, _HEAD))
    pygame.draw.line(background, scene.BORDER, (0, _MAP.bottom), (SIZE, _MAP.bottom))
    return Still(view, background, [shooter.name for shooter in scenario.shooters])


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
    for (x, y), (to_x, to_y) in zip(line, line[1:], strict=False):
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
    surface.set_clip(_MAP)
    surface.blit(layer, (0, 0))
    surface.set_clip(None)


def _sensors(surface: pygame.Surface, view: View, scenario: Scenario) -> None:
    """Draw sensors, their range against a threat of signature 1, and their paths."""
    surface.set_clip(_MAP)
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
    texts = [_text(f"{a.name} {a.value:g}", size, scene.INK) for a in scenario.assets]
    places = np.array([view(*to_plane([asset.position])[0]) for asset in scenario.assets])
    widths = np.array([text.get_width() for text in texts], float)
    surface.set_clip(_MAP)
    where = scene.label_places(places, widths, size + 3.0)
    for text, (x, middle), (left, y) in zip(texts, places, where, strict=True):
        if abs(y - middle) > 1.0:
            near = left - 2 if left > x else left + text.get_width() + 2
            pygame.draw.aaline(surface, scene.QUIET, (x, middle), (near, y))
        shade = pygame.Surface((text.get_width() + 4, size + 4), pygame.SRCALPHA, 32)
        shade.fill((11, 22, 34, 150))
        surface.blit(shade, (left - 2, y - size / 2 - 2))
        surface.blit(text, (left, y - text.get_height() / 2))
    surface.set_clip(None)


# What does.


def _draw_engagements(surface: pygame.Surface, view: View, record: Record, now: Moment) -> None:
    """Draw interceptors on their way: a line to the target, brighter as far as they have come."""
    for one in _at_work(record, now):
        shooter, threat = now.shooter[one.shooter], now.threat[one.threat]
        if now.raid.number != one.raid or threat.status == ABSENT:
            continue
        start, end = view(shooter.x_m, shooter.y_m), view(threat.x_m, threat.y_m)
        share = (now.step + 0.5 - one.launched) / max(one.resolves - one.launched, 0.5)
        share = min(max(share, 0.0), 1.0)
        tip = (start[0] + share * (end[0] - start[0]), start[1] + share * (end[1] - start[1]))
        pygame.draw.aaline(surface, "#2b6f5c", start, end)
        pygame.draw.aaline(surface, "#7ef0c6", start, tip)
        pygame.draw.aacircle(surface, "#d8fff0", tip, 2.5)


def _at_work(record: Record, now: Moment) -> list[Any]:
    """Return the engagements that are in flight at a moment, by what is known of their ends."""
    return [
        one
        for one in record.engagements[-400:]
        if one.launched <= now.step and (one.outcome == IN_FLIGHT or one.ended > now.step)
    ]


def _draw_ends(surface: pygame.Surface, view: View, record: Record, now: Moment) -> None:
    """Draw where threats were killed of late, and where some struck; they fade."""
    ends = _ends(record, now)
    for threat, since in ends:
        left = 1.0 - since / _FADE
        x, y = view(threat.x_m, threat.y_m)
        if threat.status == KILLED:
            reach = 5.0 + 5.0 * (1.0 - left)
            colour = _mixed("#7ef0c6", scene.LAND, left)
            for turn in range(8):
                dx, dy = math.cos(turn * math.pi / 4), math.sin(turn * math.pi / 4)
                inner, outer = 0.45 * reach, reach
                pygame.draw.aaline(
                    surface,
                    colour,
                    (x + inner * dx, y + inner * dy),
                    (x + outer * dx, y + outer * dy),
                    2,
                )
        elif threat.status in (LEAKED, DUD) and threat.aim != NONE:
            asset = record.params.asset[now.raid.params_index][threat.aim]
            colour = scene.LOSS if threat.status == LEAKED else scene.QUIET
            radius = 8.0 + 16.0 * (1.0 - left)
            pygame.draw.aacircle(
                surface, _mixed(colour, scene.LAND, left), view(asset.x_m, asset.y_m), radius, 3
            )


def _ends(record: Record, now: Moment) -> list[tuple[Any, int]]:
    """Return the threats that died or arrived in the last steps, and how many steps ago."""
    first = record.moments[0].step
    found, later = [], now
    for since in range(_FADE):
        place = now.step - first - since - 1
        if place < 0:
            break
        before = record.moments[place]
        if before.raid.number != later.raid.number:
            break
        changed = np.flatnonzero(
            (before.threat["status"] != later.threat["status"])
            & (later.threat["status"] >= KILLED)
        )
        found += [(later.threat[i], since) for i in changed]
        later = before
    return found


def _draw_shooters(surface: pygame.Surface, view: View, record: Record, now: Moment) -> None:
    """Draw shooters: a triangle, the rounds they have ready as pips, an arc for each channel."""
    few = len(now.shooter) <= 24
    kinds = record.scenario.catalogue.shooters
    for shooter, given in zip(now.shooter, record.scenario.shooters, strict=True):
        x, y = view(shooter.x_m, shooter.y_m)
        spends = kinds[given.kind].rounds_per_engagement > 0
        empty = spends and shooter.rounds < kinds[given.kind].rounds_per_engagement
        colour = "#45586a" if not shooter.able else "#8a7a5c" if empty else scene.SHOOTER
        size = 7.0 if few else 5.0
        if kinds[given.kind].flies:
            corners = [(x, y - size), (x + size, y), (x, y + size), (x - size, y)]
        else:
            corners = [(x, y - size), (x + size, y + 0.7 * size), (x - size, y + 0.7 * size)]
        pygame.draw.polygon(surface, colour, corners)
        pygame.draw.aalines(surface, scene.SEA, True, corners)
        if shooter.busy > 0:
            pygame.draw.aacircle(surface, "#7ef0c6", (x, y), size + 4.0, 1)
        if few and spends:
            for n in range(min(int(shooter.rounds), 10)):
                pip = pygame.Rect(x - 9 + 4 * (n % 5), y + size + 1 + 4 * (n // 5), 3, 3)
                pygame.draw.rect(surface, scene.SHOOTER, pip)


def _draw_assets(surface: pygame.Surface, view: View, record: Record, now: Moment) -> None:
    """Draw assets as squares by value, with their health as a bar; what is lost is crossed out."""
    top = max(asset.value for asset in record.scenario.assets)
    rows = record.params.asset[now.raid.params_index]
    for asset, row, health in zip(record.scenario.assets, rows, now.health, strict=True):
        x, y = view(row.x_m, row.y_m)
        half = 4.0 + 4.0 * math.sqrt(asset.value / top)
        box = pygame.Rect(round(x - half), round(y - half), round(2 * half), round(2 * half))
        pygame.draw.rect(surface, scene.SEA, box.inflate(2, 2))
        if health <= 0.0:
            pygame.draw.rect(surface, scene.LOSS, box, 2)
            for end in (box.topright, box.bottomright):
                other = box.bottomleft if end == box.topright else box.topleft
                pygame.draw.aaline(surface, scene.LOSS, other, end, 2)
            continue
        pygame.draw.rect(surface, scene.ASSET, box, 2)
        level = round((box.height - 4) * float(health))
        fill = pygame.Rect(box.left + 2, box.bottom - 2 - level, box.width - 4, level)
        pygame.draw.rect(surface, scene.ASSET if health > 0.999 else "#e6b93c", fill)


def _draw_threats(
    surface: pygame.Surface, view: View, record: Record, now: Moment, past: Sequence[Moment]
) -> None:
    """Draw tracks with trail, likeliest kind and belief, and faintly what has no track."""
    kinds = list(record.scenario.catalogue.threats.values())
    belief = not record.params.picture[now.raid.params_index]["kinds_public"]
    held = np.flatnonzero(now.held)
    shown = [m for m in past if m.raid.number == now.raid.number]
    trails = np.stack([[m.track["x_m"], m.track["y_m"]] for m in [*shown, now]])
    same = np.array([m.held & (m.track["start"] == now.track["start"]) for m in [*shown, now]])
    for i in held.tolist():
        kind, vx, vy, seen = now.track[["kind", "vx_mps", "vy_mps", "seen"]][i].item()
        name = scene.sign(kinds[kind])
        trail = view.line(trails[same[:, i], :, i].tolist())
        place = trail[-1]
        if len(trail) > 1:
            faint = _mixed(scene.SIGNS[name][0], scene.LAND, 0.45)
            pygame.draw.aalines(surface, faint, False, trail)
        sure = float(now.belief[i, kind]) if belief else 1.0
        _stamp(surface, name, place, vx, vy, seen)
        if sure < 0.995 and len(held) <= 24:
            text = _text(f"{100 * sure:.0f}%", 10, scene.QUIET)
            surface.blit(text, (place[0] + 9, place[1] - 6))
    for i in np.flatnonzero((now.threat["status"] == INBOUND) & (now.track_of == NONE)):
        threat = now.threat[i]
        x, y = view(threat.x_m, threat.y_m)
        pygame.draw.aacircle(surface, "#6b7c8c", (x, y), 4.0, 1)


def _stamp(
    surface: pygame.Surface, name: str, place: Point, vx: float, vy: float, seen: bool
) -> None:
    turn = round(math.degrees(math.atan2(float(vx), float(vy))) / 10.0) % 36
    stamp = _sprite(name, 0 if name == "ballistic" else turn, seen)
    surface.blit(stamp, (place[0] - stamp.get_width() / 2, place[1] - stamp.get_height() / 2))


@cache
def _sprite(name: str, turn: int, seen: bool) -> pygame.Surface:
    """Return the sign of a threat, turned by tens of degrees; hollow if not seen of late."""
    colour, outline = scene.SIGNS[name]
    large = pygame.Surface((112, 112), pygame.SRCALPHA, 32)
    angle = math.radians(10.0 * turn)
    corners = [
        (
            56 + 30 * (x * math.cos(angle) - y * math.sin(angle)),
            56 + 30 * (x * math.sin(angle) + y * math.cos(angle)),
        )
        for x, y in outline
    ]
    pygame.draw.polygon(large, (11, 22, 34, 230), corners, 14)
    if seen and name != "decoy":
        pygame.draw.polygon(large, colour, corners)
    pygame.draw.polygon(large, colour, corners, 6)
    return pygame.transform.smoothscale(large, (28, 28))


# The strips above and below the map.


def _draw_head(surface: pygame.Surface, record: Record, now: Moment) -> None:
    scenario = record.scenario
    epoch_s = float(record.params.epoch_s[now.raid.params_index])
    seconds = int(now.raid.epoch * epoch_s)
    raids = scenario.campaign.raids
    _write(surface, scenario.name, 20, scene.INK, (14, 8))
    number = f", raid {now.raid.number + 1} of up to {raids}" if raids > 1 else ""
    lull = ", lull" if now.raid.lull else ""
    _write(surface, f"seed {record.seed}{number}{lull}", 12, scene.QUIET, (15, 35))
    _write(surface, f"{seconds // 60:02d}:{seconds % 60:02d}", 26, scene.INK, (232, 6))
    _write(surface, f"epoch {now.raid.epoch}", 12, scene.QUIET, (234, 36))
    status = now.threat["status"]
    neutral = record.params.threat_kind[now.raid.params_index]["neutral"][now.threat["kind"]]
    counts = (
        ("inbound", int(((status == INBOUND) & ~neutral).sum()), scene.INK),
        ("tracks", int(now.held.sum()), "#f0e442"),
        ("in flight", int(now.shooter["busy"].sum()), "#7ef0c6"),
        ("killed", int(((status == KILLED) & ~neutral).sum()), scene.SHOOTER),
        ("leaked", int((status == LEAKED).sum()), "#ff6a3d"),
        ("rounds", int((now.shooter["rounds"] + now.shooter["reserve"]).sum()), scene.INK),
    )
    for n, (word, count, colour) in enumerate(counts):
        x = 352 + 66 * n
        _write(surface, str(count), 20, colour, (x, 9))
        _write(surface, word, 11, scene.QUIET, (x, 36))
    share = max(0.0, now.protected_share)
    _write(surface, f"{100 * share:.1f} %", 20, scene.INK, (SIZE - 178, 9))
    _write(surface, "protected", 11, scene.QUIET, (SIZE - 72, 16))
    bar = pygame.Rect(SIZE - 178, 38, 164, 9)
    pygame.draw.rect(surface, "#4a2413", bar, border_radius=4)
    bar.width = round(bar.width * share)
    pygame.draw.rect(surface, scene.ASSET, bar, border_radius=4)


def _draw_foot(surface: pygame.Surface, still: Still, record: Record, place: int) -> None:
    now, top = record.moments[place], _MAP.bottom + 8
    if len(now.shooter) <= _FEW:
        cells = [_cell_of_one(record, now, s) for s in range(len(now.shooter))]
    else:
        cells = _cells_of_kinds(record, now)
    for n, (name, ready, most, rest, busy, channels, words) in enumerate(cells[:12]):
        x, y = 14 + 236 * (n % 4), top + 43 * (n // 4)
        _write(surface, name, 12, scene.INK, (x, y))
        if words:
            _write(surface, words, 10, scene.QUIET, (x + 130, y + 20))
        _gauge(surface, x, y + 19, ready, most, scene.SHOOTER)
        if rest:
            _write(surface, f"+{rest}", 10, scene.QUIET, (x + 66, y + 17))
        for c in range(min(channels, 8)):
            share = channels / 8 if channels > 8 else 1.0
            lit = busy > c * share
            centre = (x + 6 + 9 * c, y + 34)
            pygame.draw.aacircle(surface, "#7ef0c6" if lit else "#2a3d4f", centre, 3)
    _draw_timeline(surface, record, place)


Cell = tuple[str, int, int, int, int, int, str]


def _cell_of_one(record: Record, now: Moment, s: int) -> Cell:
    given, shooter = record.scenario.shooters[s], now.shooter[s]
    kind = record.scenario.catalogue.shooters[given.kind]
    epoch_s = float(record.params.epoch_s[now.raid.params_index])
    words = ""
    if not shooter.able:
        words = "out of action"
    elif np.isfinite(shooter.reload_s):
        words = f"reload {max(0.0, float(shooter.reload_s) - now.raid.epoch * epoch_s):.0f} s"
    elif kind.rounds_per_engagement and shooter.rounds < kind.rounds_per_engagement:
        words = "no rounds"
    ready, most = int(shooter.rounds), max(given.rounds, int(shooter.rounds))
    return (
        given.name, ready, most, int(shooter.reserve), int(shooter.busy), kind.fire_channels, words
    )


def _cells_of_kinds(record: Record, now: Moment) -> list[Cell]:
    cells = []
    names = np.array([shooter.kind for shooter in record.scenario.shooters])
    for kind in sorted(set(names.tolist()), key=record.scenario.shooter_kinds.index):
        own = now.shooter[names == kind]
        given = [s.rounds for s in record.scenario.shooters if s.kind == kind]
        channels = record.scenario.catalogue.shooters[kind].fire_channels * len(own)
        lost = int((~own["able"]).sum())
        ready = int(own["rounds"].sum())
        cells.append(
            (
                f"{len(own)} {kind}",
                ready,
                max(sum(given), ready),
                int(own["reserve"].sum()),
                int(own["busy"].sum()),
                channels,
                f"{lost} out of action" if lost else f"{ready} ready",
            )
        )
    return cells


def _gauge(
    surface: pygame.Surface, x: int, y: int, ready: int, most: int, colour: Colour
) -> None:
    """Draw rounds: one pip each up to ten, a bar beyond."""
    if most <= 10:
        for n in range(most):
            pip = pygame.Rect(x + 6 * n, y, 5, 8)
            pygame.draw.rect(surface, colour if n < ready else "#2a3d4f", pip)
        return
    pygame.draw.rect(surface, "#2a3d4f", (x, y, 60, 8))
    pygame.draw.rect(surface, colour, (x, y, round(60 * ready / most), 8))


def _draw_timeline(surface: pygame.Surface, record: Record, place: int) -> None:
    """Draw the protected share so far over the time that has passed, launches and losses."""
    box = pygame.Rect(14, SIZE - 60, SIZE - 28, 50)
    pygame.draw.rect(surface, scene.SEA, box)
    moments = record.moments[: place + 1]
    first, scenario = record.moments[0].step, record.scenario
    length = max(scenario.max_steps, 1)
    points = [
        (
            box.left + box.width * min((m.step - first) / length, 1.0),
            box.bottom - 2 - (box.height - 4) * max(m.protected_share, 0.0),
        )
        for m in moments
    ]
    for one in record.engagements:
        if one.launched <= moments[-1].step:
            x = box.left + box.width * min((one.launched - first) / length, 1.0)
            pygame.draw.line(surface, "#1d6b57", (x, box.bottom - 9), (x, box.bottom - 2))
    for before, after, point in zip(moments, moments[1:], points[1:], strict=False):
        if after.protected_share < before.protected_share:
            pygame.draw.line(surface, "#8a3a12", (point[0], box.top + 2), (point[0], box.top + 9))
    if len(points) > 1:
        pygame.draw.aalines(surface, scene.ASSET, False, points)
    pygame.draw.aacircle(surface, scene.INK, points[-1], 3)
    _write(surface, "protected share so far; launches below, losses above", 10, scene.QUIET, (
        box.right - 290, box.top + 3
    ))


def _mixed(colour: Colour, ground: Colour, share: float) -> tuple[int, int, int]:
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
def _text(words: str, size: int, colour: str) -> pygame.Surface:
    return _font(size).render(words, True, colour)


def _write(
    surface: pygame.Surface, words: str, size: int, colour: str, place: tuple[int, int]
) -> None:
    surface.blit(_text(words, size, colour), place)
