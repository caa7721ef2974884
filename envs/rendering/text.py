"""A moment of a raid in words: the render mode `ansi`."""

import numpy as np

from envs.core.params import NONE
from envs.core.state import INBOUND, KILLED, LEAKED
from envs.rendering.record import Moment, Record

_BAR = 10  # characters of a bar


def text(record: Record, step: int | None = None) -> str:
    """Write a moment of a record: clock, score, assets, shooters, tracks.

    Args:
        record: of a raid.
        step: place in `record.moments`; None: the last.

    Returns:
        Lines of plain text, as wide as a terminal.
    """
    now = record.last if step is None else record.moments[step]
    parts = (_head, _assets, _shooters, _tracks)
    return "\n".join(line for part in parts for line in part(record, now)) + "\n"


def _head(record: Record, now: Moment) -> list[str]:
    epoch_s = float(record.params.epoch_s[now.raid.params_index])
    seconds = int(now.raid.epoch * epoch_s)
    status = now.threat["status"]
    neutral = record.params.threat_kind[now.raid.params_index]["neutral"][now.threat["kind"]]
    raid = f", raid {now.raid.number + 1}" if record.scenario.campaign.raids > 1 else ""
    state = "over" if now.over else "lull" if now.raid.lull else "under way"
    return [
        f"{record.scenario.name}, seed {record.seed}{raid}: {seconds // 60:02d}:{seconds % 60:02d},"
        f" epoch {now.raid.epoch}, {state}",
        f"protected share {_bar(now.protected_share)} {now.protected_share:7.1%}   "
        f"inbound {np.sum((status == INBOUND) & ~neutral)}  tracks {np.sum(now.held)}  "
        f"killed {np.sum((status == KILLED) & ~neutral)}  leaked {np.sum(status == LEAKED)}",
    ]


def _assets(record: Record, now: Moment) -> list[str]:
    lines = ["", f"{'asset':28}{'value':>6}  health"]
    for asset, health in zip(record.scenario.assets, now.health, strict=True):
        lines.append(f"{asset.name:28}{asset.value:6g}  {_bar(health)} {health:.0%}")
    return lines


def _shooters(record: Record, now: Moment) -> list[str]:
    lines = ["", f"{'shooter':28}{'rounds':>6}{'reserve':>8}{'busy':>7}"]
    for given, shooter in zip(record.scenario.shooters, now.shooter, strict=True):
        channels = record.scenario.catalogue.shooters[given.kind].fire_channels
        lost = "" if shooter.able else "  out of action"
        lines.append(
            f"{given.name:28}{shooter.rounds:6}{shooter.reserve:8}"
            f"{f'{shooter.busy}/{channels}':>7}{lost}"
        )
    return lines


def _tracks(record: Record, now: Moment) -> list[str]:
    lines = ["", f"{'track':6}{'taken for':20}{'belief':>7}  {'aim point':26}{'in flight':>9}  pk"]
    for i in np.flatnonzero(now.held):
        track = now.track[i]
        kind = record.scenario.threat_kinds[track.kind]
        aim = "" if track.aim == NONE else record.scenario.assets[track.aim].name
        best = f"{now.best_pk[i]:.2f}" if now.legal[i] else "none"
        belief = 1.0 if track.certain else float(now.belief[i, track.kind])
        lines.append(f"{i:5} {kind:20}{belief:7.0%}  {aim:26}{track.in_flight:9}  {best}")
    return lines


def _bar(share: float) -> str:
    full = round(_BAR * min(max(float(share), 0.0), 1.0))
    return "#" * full + "." * (_BAR - full)
