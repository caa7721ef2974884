"""One record as a replay holds it: what changes, when it changes; packed as in `packed`."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from envs.core.params import NONE
from envs.core.state import ABSENT, INBOUND, KILLED, LEAKED, PENDING
from envs.rendering.packed import Array, packed_path, tenths
from envs.rendering.record import KILL, OUTCOMES, Moment, Record


class Play(NamedTuple):
    """One record and what is said of it."""

    policy: str
    split: str
    record: Record


def play_data(play: Play) -> dict[str, Any]:
    """Return what a replay shows of one record, as plain lists and numbers."""
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
        "health": _noted(
            record.moments, lambda m: np.round(1000.0 * m.health).astype(int).tolist()
        ),
        "engagements": [
            [
                one.shooter,
                place_of[one.raid, one.threat],
                track_of.get((one.raid, one.slot, int(one.launched)), NONE),
                *(tenths(time) for time in (one.launched, one.ended, one.resolves)),
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
                    packed_path(np.concatenate([points, end])),
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
                points = np.array(
                    [[m.step, m.track["x_m"][slot], m.track["y_m"][slot]] for m in run]
                )
                threat = place_of[number, int(run[0].track["threat"][slot])]
                # To the next moment: a track is shown until it is known to have ended.
                drift = run[-1].track[slot]
                ahead = [drift.vx_mps, drift.vy_mps]
                more = np.array([[1.0, *(v * record.params.epoch_s[0] for v in ahead)]])
                path = packed_path(np.concatenate([points, points[-1:] + more]))
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
    legal, pk = int(m.legal[slot]), round(100.0 * float(m.best_pk[slot]))
    return [legal, int(m.reach[slot]), pk, int(m.best_shooter[slot]) if legal else NONE]


def _shooter(record: Record, s: int) -> list[Any]:
    """Return a shooter's changes [[step, rounds, reserve, busy, able, reload ends], …] and path."""
    epoch_s = float(record.params.epoch_s[0])

    def noted(m: Moment) -> list[int]:
        rounds, reserve, busy, able, reload_s = m.shooter[
            ["rounds", "reserve", "busy", "able", "reload_s"]
        ][s].item()
        begin = m.step - int(m.raid.epoch)
        ends = tenths(begin + reload_s / epoch_s) if np.isfinite(reload_s) else NONE
        return [rounds, reserve, busy, int(able), ends]

    path: list[int] = []
    if record.params.shooter[0][s].sortie_s > 0.0:
        path = packed_path(
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
