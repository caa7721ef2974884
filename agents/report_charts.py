"""Charts of a report as inline SVG: no script, no style of their own, readable on a phone.

Every chart is drawn 360 units wide, the width of a phone, so that its letters are never smaller
than they were drawn. Colours are classes, which the page's style sheet gives for light and dark;
what a colour tells, a shape, a dash or a word tells, too.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

WIDTH = 360
_LEFT, _RIGHT = 8.0, 352.0
_LONGEST = 34  # letters of a name that stand beside a figure


@dataclass(frozen=True)
class Dot:
    """One line of :func:`dots`: a name, a figure in words, and where it and its ends stand."""

    name: str
    words: str
    at: float
    low: float
    high: float
    marked: bool = False


@dataclass(frozen=True)
class Line:
    """One line of :func:`lines`."""

    name: str
    x: Sequence[float]
    y: Sequence[float]


def dots(
    rows: Sequence[Dot], title: str, limit: tuple[str, float] | None = None, log: bool = False
) -> str:
    """Figures with their intervals, one under the other, on one axis.

    Args:
        rows: From the top.
        title: What is shown, for those who hear it read.
        limit: Name and place of a line across all rows.
        log: Whether the axis is logarithmic; then everything is above zero.
    """
    ends = [end for row in rows for end in (row.low, row.high, row.at)]
    ends += [] if limit is None else [limit[1]]
    place, ticks = _log_axis(ends) if log else _axis(min(ends), max(ends))
    top, step = (16.0 if limit is not None else 4.0), 34.0
    bottom = top + step * len(rows)
    parts = [_grid(ticks, place, top, bottom)]
    if limit is not None:
        x = place(limit[1])
        parts.append(f'<line class="limit" x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{bottom}"/>')
        side = "end" if x > WIDTH / 2 else "start"
        parts.append(_text(x, 11, limit[0], f"quiet {side}"))
    for n, row in enumerate(rows):
        y = top + step * n
        kind = "own" if row.marked else "other"
        low, high, at = (place(value) for value in (row.low, row.high, row.at))
        parts += [
            _text(_LEFT, y + 14, _short(row.name), "strong" if row.marked else ""),
            _text(_RIGHT, y + 14, row.words, "end"),
            f'<line class="span {kind}" x1="{low:.1f}" x2="{high:.1f}" y1="{y + 24}"'
            f' y2="{y + 24}"/>',
            _sign(at, y + 24, row.marked, kind),
        ]
    return _svg(title, bottom + 18, parts)


def bars(
    rows: Sequence[tuple[str, Sequence[float]]], names: Sequence[str], title: str, form: str
) -> str:
    """Bars of one or two policies, one under the other; the first is full, the second hollow.

    Args:
        rows: What, and the figure of each policy.
        names: Of the policies, for those who point at a bar.
        title: What is shown.
        form: Of the figures.
    """
    most = max((value for _, values in rows for value in values), default=0.0)
    parts, y = [], 2.0
    for label, values in rows:
        parts.append(_text(_LEFT, y + 11, label))
        y += 16
        for n, value in enumerate(values):
            width = 270.0 * max(value, 0.0) / most if most > 0.0 else 0.0
            parts.append(
                f'<rect class="bar{n}" x="{_LEFT}" y="{y}" width="{max(width, 0.5):.1f}" '
                f'height="9"><title>{escape(names[n])}</title></rect>'
            )
            parts.append(_text(_LEFT + width + 5, y + 8.5, f"{value:{form}}", "small"))
            y += 12
        y += 5
    return _svg(title, y, parts)


def lines(series: Sequence[Line], title: str, across: str) -> str:
    """Lines over one axis: the first full and strong, the others dashed, each in its own way.

    Args:
        series: One to five.
        title: What is shown.
        across: Name of the axis across.
    """
    xs = [x for line in series for x in line.x]
    ys = [y for line in series for y in line.y]
    place_x, ticks_x = _axis(min(xs), max(xs), 34.0, _RIGHT - 6, 5)
    place_y, ticks_y = _axis(min(ys), max(ys), 168.0, 8.0, 5)
    parts = []
    for value in ticks_y:
        y = place_y(value)
        parts.append(f'<line class="grid" x1="34" x2="{_RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(_text(30, y + 3.5, f"{value:g}", "quiet end small"))
    for value in ticks_x:
        form = ",.0f" if value == round(value) else "g"
        parts.append(_text(place_x(value), 182, f"{value:{form}}", "quiet middle small"))
    parts.append(_text(_RIGHT, 196, across, "quiet end small"))
    for n, line in enumerate(series):
        points = " ".join(
            f"{place_x(x):.1f},{place_y(y):.1f}" for x, y in zip(line.x, line.y, strict=True)
        )
        parts.append(
            f'<polyline class="line{n}" points="{points}"><title>{escape(line.name)}</title>'
            "</polyline>"
        )
    return _svg(title, 200, parts)


def key(names: Sequence[str], of: str) -> str:
    """What signs mean: names beside the sign of each, ``bar`` or ``line``."""
    signs = {
        "bar": '<rect class="bar{n}" x="1" y="1" width="26" height="9"/>',
        "line": '<polyline class="line{n}" points="0,6 28,6"/>',
    }
    entries = [
        '<li><svg class="sign" viewBox="0 0 28 11" aria-hidden="true">'
        f"{signs[of].format(n=n)}</svg>{escape(name)}</li>"
        for n, name in enumerate(names)
    ]
    return f'<ul class="key">{"".join(entries)}</ul>'


def _svg(title: str, height: float, parts: Sequence[str]) -> str:
    return (
        f'<svg class="chart" viewBox="0 0 {WIDTH} {height:.0f}" role="img" '
        f'aria-label="{escape(title)}">{"".join(parts)}</svg>'
    )


def _text(x: float, y: float, words: str, kind: str = "") -> str:
    named = f' class="{kind}"' if kind else ""
    return f'<text{named} x="{x:.1f}" y="{y:.1f}">{escape(words)}</text>'


def _sign(x: float, y: float, marked: bool, kind: str) -> str:
    if marked:
        corners = f"{x:.1f},{y - 6} {x + 6:.1f},{y} {x:.1f},{y + 6} {x - 6:.1f},{y}"
        return f'<polygon class="dot {kind}" points="{corners}"/>'
    return f'<circle class="dot {kind}" cx="{x:.1f}" cy="{y}" r="4"/>'


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST else "…" + name[1 - _LONGEST :]


def _grid(
    ticks: Sequence[float], place: Callable[[float], float], top: float, bottom: float
) -> str:
    parts = []
    for value in ticks:
        x = place(value)
        kind = "grid zero" if value == 0.0 else "grid"
        parts.append(
            f'<line class="{kind}" x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{bottom + 2}"/>'
        )
        side = "start" if value == ticks[0] else "end" if value == ticks[-1] else "middle"
        edge = {"start": -8.0, "end": 8.0, "middle": 0.0}[side]
        parts.append(_text(x + edge, bottom + 14, f"{value:g}", f"quiet {side} small"))
    return "".join(parts)


def _axis(
    low: float, high: float, start: float = _LEFT + 8, end: float = _RIGHT - 10, count: int = 6
) -> tuple[Callable[[float], float], list[float]]:
    """Where values stand between two places, and round values to mark."""
    room = high - low if high > low else max(abs(high), 1.0)
    unit = 10.0 ** math.floor(math.log10(room / count))
    step = next(unit * m for m in (1, 2, 5, 10) if room / (unit * m) <= count)
    first = math.floor(low / step)
    last = max(math.ceil(high / step), first + 1)
    ticks = [round(n * step, 10) for n in range(first, last + 1)]
    span = ticks[-1] - ticks[0]
    return lambda value: start + (end - start) * (value - ticks[0]) / span, ticks


def _log_axis(values: Sequence[float]) -> tuple[Callable[[float], float], list[float]]:
    low = math.floor(math.log10(max(min(values), 1e-6)))
    high = max(math.ceil(math.log10(max(max(values), 1e-6))), low + 1)
    start, end = _LEFT + 8, _RIGHT - 10

    def place(value: float) -> float:
        share = (math.log10(max(value, 1e-6)) - low) / (high - low)
        return start + (end - start) * share

    return place, [10.0**n for n in range(low, high + 1)]
