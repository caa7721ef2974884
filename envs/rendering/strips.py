"""The strips of a frame above and below its map: clock and counts, rounds, the score so far."""

import numpy as np
import pygame

from envs.core.state import INBOUND, KILLED, LEAKED
from envs.rendering import scene
from envs.rendering.canvas import MAP, SIZE, Colour, write
from envs.rendering.record import Moment, Record

_FEW = 12  # shooters that are shown one by one; more are summed up by kind


def draw_head(surface: pygame.Surface, record: Record, now: Moment) -> None:
    """Draw the strip above: scenario, clock, counts, protected share."""
    scenario = record.scenario
    epoch_s = float(record.params.epoch_s[now.raid.params_index])
    seconds = int(now.raid.epoch * epoch_s)
    raids = scenario.campaign.raids
    write(surface, scenario.name, 20, scene.INK, (14, 8))
    number = f", raid {now.raid.number + 1} of up to {raids}" if raids > 1 else ""
    lull = ", lull" if now.raid.lull else ""
    write(surface, f"seed {record.seed}{number}{lull}", 12, scene.QUIET, (15, 35))
    write(surface, f"{seconds // 60:02d}:{seconds % 60:02d}", 26, scene.INK, (232, 6))
    write(surface, f"epoch {now.raid.epoch}", 12, scene.QUIET, (234, 36))
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
        write(surface, str(count), 20, colour, (x, 9))
        write(surface, word, 11, scene.QUIET, (x, 36))
    share = max(0.0, now.protected_share)
    write(surface, f"{100 * share:.1f} %", 20, scene.INK, (SIZE - 178, 9))
    write(surface, "protected", 11, scene.QUIET, (SIZE - 72, 16))
    bar = pygame.Rect(SIZE - 178, 38, 164, 9)
    pygame.draw.rect(surface, "#4a2413", bar, border_radius=4)
    bar.width = round(bar.width * share)
    pygame.draw.rect(surface, scene.ASSET, bar, border_radius=4)


def draw_foot(surface: pygame.Surface, record: Record, place: int) -> None:
    """Draw the strip below: rounds and channels of the shooters, the share over time."""
    now, top = record.moments[place], MAP.bottom + 8
    if len(now.shooter) <= _FEW:
        cells = [_cell_of_one(record, now, s) for s in range(len(now.shooter))]
    else:
        cells = _cells_of_kinds(record, now)
    for n, (name, ready, most, rest, busy, channels, words) in enumerate(cells[:12]):
        x, y = 14 + 236 * (n % 4), top + 43 * (n // 4)
        write(surface, name, 12, scene.INK, (x, y))
        if words:
            write(surface, words, 10, scene.QUIET, (x + 130, y + 20))
        _gauge(surface, x, y + 19, ready, most, scene.SHOOTER)
        if rest:
            write(surface, f"+{rest}", 10, scene.QUIET, (x + 66, y + 17))
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
        given.name,
        ready,
        most,
        int(shooter.reserve),
        int(shooter.busy),
        kind.fire_channels,
        words,
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


def _gauge(surface: pygame.Surface, x: int, y: int, ready: int, most: int, colour: Colour) -> None:
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
        if one.launched < moments[-1].step:
            x = box.left + box.width * min((one.launched - first) / length, 1.0)
            pygame.draw.line(surface, "#1d6b57", (x, box.bottom - 9), (x, box.bottom - 2))
    for before, after, point in zip(moments, moments[1:], points[1:], strict=False):
        if after.protected_share < before.protected_share:
            pygame.draw.line(surface, "#8a3a12", (point[0], box.top + 2), (point[0], box.top + 9))
    if len(points) > 1:
        pygame.draw.aalines(surface, scene.ASSET, False, points)
    pygame.draw.aacircle(surface, scene.INK, points[-1], 3)
    write(
        surface,
        "protected share so far; launches below, losses above",
        10,
        scene.QUIET,
        (box.right - 290, box.top + 3),
    )
