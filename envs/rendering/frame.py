"""One picture of a raid under way, drawn on surfaces of memory: no display is needed."""

import math
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import pygame
from numpy.typing import NDArray

from envs.core.params import NONE
from envs.core.state import ABSENT, DUD, INBOUND, KILLED, LEAKED
from envs.rendering import scene
from envs.rendering.background import still
from envs.rendering.canvas import MAP, SIZE, Point, View, mixed, text
from envs.rendering.record import IN_FLIGHT, Engagement, Moment, Record
from envs.rendering.strips import draw_foot, draw_head

_TRAIL, _FADE = 9, 8  # steps shown of a track's past; steps for which an end is shown


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
    place = range(len(record.moments))[-1 if step is None else step]
    now, past = record.moments[place], record.moments[max(0, place - _TRAIL) : place]
    ground = still(record.scenario)
    surface = ground.background.copy()
    surface.set_clip(MAP)
    _draw_engagements(surface, ground.view, record, now)
    _draw_ends(surface, ground.view, record, now)
    _draw_assets(surface, ground.view, record, now)
    _draw_shooters(surface, ground.view, record, now)
    _draw_threats(surface, ground.view, record, now, past)
    surface.set_clip(None)
    draw_head(surface, record, now)
    draw_foot(surface, record, place)
    return surface


def _draw_engagements(surface: pygame.Surface, view: View, record: Record, now: Moment) -> None:
    """Draw interceptors on their way: a line to the target, brighter as far as they have come."""
    for one in _at_work(record, now):
        shooter, threat = now.shooter[one.shooter], now.threat[one.threat]
        if now.raid.number != one.raid or threat.status == ABSENT:
            continue
        start, end = view(shooter.x_m, shooter.y_m), view(threat.x_m, threat.y_m)
        share = (now.step - one.launched) / max(one.resolves - one.launched, 0.5)
        share = min(max(share, 0.0), 1.0)
        tip = (start[0] + share * (end[0] - start[0]), start[1] + share * (end[1] - start[1]))
        pygame.draw.aaline(surface, "#2b6f5c", start, end)
        pygame.draw.aaline(surface, "#7ef0c6", start, tip)
        pygame.draw.aacircle(surface, "#d8fff0", tip, 2.5)


def _at_work(record: Record, now: Moment) -> list[Engagement]:
    """Return the engagements that are in flight at a moment, by what is known of their ends."""
    return [
        one
        for one in record.engagements
        if one.launched < now.step and (one.outcome == IN_FLIGHT or one.ended > now.step)
    ]


def _draw_ends(surface: pygame.Surface, view: View, record: Record, now: Moment) -> None:
    """Draw where threats were killed of late, and where some struck; they fade."""
    for threat, since in _ends(record, now):
        left = 1.0 - since / _FADE
        x, y = view(threat.x_m, threat.y_m)
        if threat.status == KILLED:
            reach = 5.0 + 5.0 * (1.0 - left)
            colour = mixed("#7ef0c6", scene.LAND, left)
            for turn in range(8):
                dx, dy = math.cos(turn * math.pi / 4), math.sin(turn * math.pi / 4)
                inner = (x + 0.45 * reach * dx, y + 0.45 * reach * dy)
                pygame.draw.aaline(surface, colour, inner, (x + reach * dx, y + reach * dy), 2)
        elif threat.status in (LEAKED, DUD) and threat.aim != NONE:
            asset = record.params.asset[now.raid.params_index][threat.aim]
            named = scene.LOSS if threat.status == LEAKED else scene.QUIET
            colour, radius = mixed(named, scene.LAND, left), 8.0 + 16.0 * (1.0 - left)
            pygame.draw.aacircle(surface, colour, view(asset.x_m, asset.y_m), radius, 3)


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
            (before.threat["status"] != later.threat["status"]) & (later.threat["status"] >= KILLED)
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
            faint = mixed(scene.SIGNS[name][0], scene.LAND, 0.45)
            pygame.draw.aalines(surface, faint, False, trail)
        sure = float(now.belief[i, kind]) if belief else 1.0
        _stamp(surface, name, place, vx, vy, seen)
        if sure < 0.995 and len(held) <= 24:
            words = text(f"{100 * sure:.0f}%", 10, scene.QUIET)
            surface.blit(words, (place[0] + 9, place[1] - 6))
    for threat in now.threat[(now.threat["status"] == INBOUND) & (now.track_of == NONE)]:
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
