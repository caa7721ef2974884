"""What could be engaged beyond what the copy shows: by fighter pairs, and where tracks coast.

Where a pair is, and how long a track has gone on without a detection, follows from what the defence
did and lost. Here both are taken as favourable as any policy could make them (docs/bounds.md).
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from envs.core.compiled import compiled
from envs.core.params import NONE
from envs.core.records import record
from envs.core.state import INBOUND

DETECTION = record(
    ("step", np.int32, "epoch of the detection, counted over all raids; below 0: none"),
    ("x_m", np.float32, "place and velocity of the track then"),
    ("y_m", np.float32, ""),
    ("z_m", np.float32, ""),
    ("vx_mps", np.float32, ""),
    ("vy_mps", np.float32, ""),
    ("vz_mps", np.float32, ""),
)
_SLACK_M = 10.0  # the core moves pairs in single precision
_ZERO, _NEVER = np.float32(0.0), np.float32(np.inf)


class Memory(NamedTuple):
    """What the copy remembers of a raid so far; B members, T rows of threats."""

    detection: NDArray[Any]  # DETECTION [B, T, M], of the last M epochs, by epoch modulo M
    soonest_s: NDArray[np.float64]  # [B, S, T], when a fighter pair can have met a threat; or inf


def memory(members: int, shooters: int, threats: int, epochs: int) -> Memory:
    """Return an empty memory of so many epochs."""
    made = Memory(
        np.zeros((members, threats, max(1, epochs)), DETECTION),
        np.zeros((members, shooters, threats)),
    )
    for b in range(members):
        forget(made, b)
    return made


def forget(past: Memory, b: int) -> None:
    """Empty the memory of one member, whose next raid begins."""
    past.detection["step"][b] = NONE
    past.soonest_s[b] = np.inf


@compiled()
def remember(state, b, past):
    """Note the detections of this epoch, of the threats that are tracked."""
    member, epochs = state.raid[b], past.detection.shape[2]
    for row in range(state.threat.shape[1]):
        contact = state.contact[b, row]
        if contact.track == NONE or contact.epoch != member.epoch:
            continue
        track, seen = state.track[b, contact.track], past.detection[b, row, member.steps % epochs]
        seen.step = member.steps
        seen.x_m, seen.y_m, seen.z_m = track.x_m, track.y_m, track.z_m
        seen.vx_mps, seen.vy_mps, seen.vz_mps = track.vx_mps, track.vy_mps, track.vz_mps


@compiled()
def coast(state, params, b, past, age, tracks, held):
    """Write the tracks as they are if nothing was detected in the last `age` epochs.

    Args:
        tracks: As they are, with the true kinds; place, velocity and predicted impact are written.
        held: bool [I], written: those that are still held, and were detected in that epoch.
    """
    member, epochs = state.raid[b], past.detection.shape[2]
    epoch_s = params.epoch_s[member.params_index]
    for i in range(tracks.shape[0]):
        held[i] = False
        if not state.held[b, i]:
            continue
        row, track = tracks[i].threat, tracks[i]
        seen = past.detection[b, row, (member.steps - age) % epochs]
        if member.steps < age or seen.step != member.steps - age:
            continue
        held[i] = True
        track.x_m, track.y_m, track.z_m = seen.x_m, seen.y_m, seen.z_m
        track.vx_mps, track.vy_mps, track.vz_mps = seen.vx_mps, seen.vy_mps, seen.vz_mps
        for _ in range(age):
            track.x_m += track.vx_mps * epoch_s
            track.y_m += track.vy_mps * epoch_s
            track.z_m = max(_ZERO, track.z_m + track.vz_mps * epoch_s)
        track.impact_s = state.threat[b, row].impact_s - np.float32(member.epoch * epoch_s)


@compiled(allocates=True)
def merge(found, start, count, shooters):
    """Make one of the engagements from `start` on of the same pair, as good as the best of them.

    Returns:
        How many there are then.
    """
    kept, targets = start, 0
    for n in range(start, count):
        targets = max(targets, 1 + found[n].target)
    place = np.full((shooters, targets), NONE, np.int64)
    for n in range(start, count):
        s, target = found[n].shooter, found[n].target
        same = place[s, target]
        if same == NONE:
            found[kept] = found[n]
            place[s, target] = kept
            kept += 1
        else:
            found[same].pk = max(found[same].pk, found[n].pk)
            found[same].free = min(found[same].free, found[n].free)
    return kept


@compiled()
def soonest_meeting(deployed, x_m, y_m, vx_mps, vy_mps, now_s):
    """Return when a pair that was sent about from the raid's start could meet a track, s.

    From where it is then, `start`, it can have flown u (t - t0) by the time t: u its speed, t0 0
    aloft and its reaction time on alert. So it can be sent now to meet the track at the first
    t >= max(now, t0) with |x + v (t - now) - start| <= u (t - t0), in the plane; below u that is

    (u^2 - v.v) T^2 + 2 (u r - d.v) T + r^2 - d.d = 0,

    T after max(now, t0), when the track is at d from the start and the pair can be r from it. A
    track as fast as the pair is taken to be met at once.
    """
    speed = np.float64(deployed.interceptor_mps)
    from_x_m = deployed.patrol_x_m if deployed.aloft else deployed.x_m
    from_y_m = deployed.patrol_y_m if deployed.aloft else deployed.y_m
    ready_s = 0.0 if deployed.aloft else np.float64(deployed.reaction_s)
    vx, vy = np.float64(vx_mps), np.float64(vy_mps)
    wait_s = max(0.0, ready_s - now_s)
    dx, dy = x_m + vx * wait_s - from_x_m, y_m + vy * wait_s - from_y_m
    reach = speed * (now_s + wait_s - ready_s) + _SLACK_M
    lead, square = speed * speed - vx * vx - vy * vy, dx * dx + dy * dy - reach * reach
    if square <= 0.0 or lead <= 0.0:
        return now_s + wait_s
    half = speed * reach - dx * vx - dy * vy
    return now_s + wait_s + (math.sqrt(half * half + lead * square) - half) / lead


@compiled()
def add_meetings(state, params, b, at_rest, past, target_of, found, count):
    """Write which fighter pairs could be at which threats in this epoch, and fire.

    An engagement of a pair stands in the epoch in which it fires, after those that others begin,
    and as often as pairs can be there: in some of these turns, whatever their order is.

    Args:
        at_rest: Whether tracks of audible threats may also be without velocity.
        found: ``CHANCE`` [n], written from `count` on.
        count: How many were found before.

    Returns:
        How many are found now.
    """
    member, p = state.raid[b], state.raid[b].params_index
    now_s = np.float64(member.epoch * params.epoch_s[p])
    until_s = np.float64(np.float32((member.epoch + 1) * params.epoch_s[p]))
    for i in range(state.track.shape[1]):
        if not state.held[b, i]:
            continue
        track, row = state.track[b, i], state.track[b, i].threat
        threat, soonest, contact = state.threat[b, row], past.soonest_s[b], state.contact[b, row]
        if threat.status != INBOUND or params.threat_kind[p, threat.kind].neutral:
            continue
        turns = 0
        for s in range(state.shooter.shape[1]):
            deployed = params.shooter[p, s]
            if deployed.sortie_s > _ZERO and state.shooter[b, s].able:
                met_s = soonest_meeting(
                    deployed, track.x_m, track.y_m, track.vx_mps, track.vy_mps, now_s
                )
                soonest[s, row] = min(soonest[s, row], met_s)
                if at_rest and params.threat_kind[p, threat.kind].audible:
                    met_s = soonest_meeting(deployed, contact.x_m, contact.y_m, 0.0, 0.0, now_s)
                    soonest[s, row] = min(soonest[s, row], met_s)
                turns += np.int64(soonest[s, row] < min(until_s, threat.impact_s))
        for turn in range(turns):
            for s in range(state.shooter.shape[1]):
                if not soonest[s, row] < min(until_s, threat.impact_s):
                    continue
                pk = params.shooter_pk[p, s, threat.kind]
                if pk > _ZERO:
                    chance = found[count]
                    chance.shooter, chance.target, chance.pk = s, target_of[row], pk
                    chance.step, chance.free, chance.turn = member.steps, member.steps + 1, 1 + turn
                    count += 1
    return count
