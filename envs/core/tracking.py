"""Tracks from detections: started, followed, lost, and taken for dead.

A threat detected often enough gets a free slot, any of them alike, and keeps it until it has been
missed for too long, is reported dead, or strikes. Between detections its track goes straight on.
Whatever a track says comes from detections; the row of its threat is for the core alone.
"""

import numpy as np

from envs.core import randomness
from envs.core.command import forget, note_holders
from envs.core.compiled import compiled
from envs.core.engagement import lose_guidance
from envs.core.identification import believe_known, identify, open_beliefs
from envs.core.params import NONE
from envs.core.randomness import draw, stream_key, uniform
from envs.core.sensing import HEARD, SEEN, identifier, note_tracked, numbered
from envs.core.state import ABSENT, INBOUND, KILLED, PENDING

_ZERO, _ONE = np.float32(0.0), np.float32(1.0)


@compiled()
def clear(contacts, held, tracks, engagements, perfect):
    """Empty the picture, where nothing is in flight any more.

    In a perfect picture the track of a threat has the slot of its row.
    """
    for i in range(contacts.shape[0]):
        contact = contacts[i]
        contact.track, contact.detections, contact.misses, contact.reports = NONE, 0, 0, 0
    for i in range(tracks.shape[0]):
        track = tracks[i]
        held[i], track.seen, track.measured, track.certain = False, True, True, True
        track.threat, track.sensor, track.aim_belief = i if perfect else NONE, NONE, _ONE
        track.value, track.impact_s, track.neutral = _ZERO, _ZERO, _ZERO
    for s in range(engagements.shape[0]):
        for c in range(engagements.shape[1]):
            engagements[s, c].track = NONE


@compiled()
def update(
    threats,
    routes,
    contacts,
    held,
    tracks,
    beliefs,
    engagements,
    holding,
    picture,
    kinds,
    prior,
    sensors,
    deployed,
    paths,
    totals,
    table,
    rows,
    count,
    asked,
    key,
    epoch,
    epoch_s,
):
    """Let this epoch's detections and misses start, move and end tracks.

    Args:
        table: float32 [NATIONS + F, columns], as `sensing.survey` has written it.
        rows: int64 [T], the threat of each of its first `count` columns.
        asked: how many sensors it names that may tell the kind of a threat.
    """
    end_tracks(threats, contacts, held, tracks, engagements, picture, epoch_s)
    detections = stream_key(key, randomness.DETECTION)
    reports = stream_key(key, randomness.IDENTIFICATION)
    for k in range(count):
        i = rows[k]
        threat, contact = threats[i], contacts[i]
        number = numbered(detections, threat.number, epoch)
        if number >= max(table[SEEN, k], table[HEARD, k]):
            miss(contact, held, tracks, engagements, picture, epoch_s)
            continue
        again = contact.detections > 0
        contact.misses = 0
        if contact.detections < picture.detections_to_start:
            contact.detections += 1
        if contact.track == NONE and contact.detections == picture.detections_to_start:
            slot = free_slot(held, uniform(key, randomness.TRACK, threat.number, epoch))
            if slot != NONE:
                held[slot] = True
                start(contact, tracks[slot], i, slot, epoch)
                open_beliefs(tracks[slot], beliefs[slot], prior, threat.kind, picture.kinds_public)
                forget(holding[slot])
                since_s = np.float32(epoch * epoch_s) - routes[i, 0].time_s
                note_tracked(threat, kinds[threat.kind], totals, since_s)
        slot = contact.track
        if slot != NONE:
            track, measured = tracks[slot], number < table[SEEN, k]
            since_s = np.float32(epoch - contact.epoch) * epoch_s
            follow(track, threat, contact, again, measured, since_s)
            if not track.certain:
                believe_known(track, beliefs[slot], kinds, measured)
            if asked > 0 and not track.certain:
                r = identifier(
                    threat,
                    kinds[threat.kind],
                    sensors,
                    deployed,
                    paths,
                    picture.by_chance,
                    number,
                    draw(reports, threat.number, 2 * epoch),
                    table,
                    asked,
                )
                if r != NONE:
                    right, coming = deployed[r].identification_right, picture.kinds_coming
                    named = draw(reports, threat.number, 2 * epoch + 1)
                    identify(track, beliefs[slot], prior, threat.kind, right, coming, named, totals)
            if picture.restricted:
                note_holders(holding[slot], number, table, k, epoch, picture.misses_to_lose)
        contact.x_m, contact.y_m, contact.z_m = threat.x_m, threat.y_m, threat.z_m
        contact.epoch = epoch


@compiled()
def end_tracks(threats, contacts, held, tracks, engagements, picture, epoch_s):
    """Miss the threats that are dead and not reported so, and forget those that struck."""
    for i in range(threats.shape[0]):
        status = threats[i].status
        if status == INBOUND or status == PENDING or status == ABSENT or contacts[i].track == NONE:
            continue
        if status == KILLED:
            miss(contacts[i], held, tracks, engagements, picture, epoch_s)
        else:  # that it struck is seen by everybody
            lose(contacts[i], held, tracks, engagements)


@compiled()
def free_slot(held, u):
    """Return the free slot that a draw in [0, 1) selects, each alike, or NONE."""
    free = 0
    for i in range(held.shape[0]):
        free += np.int64(not held[i])
    chosen = int(u * free)
    for i in range(held.shape[0]):
        if not held[i]:
            if chosen == 0:
                return i
            chosen -= 1
    return NONE


@compiled()
def start(contact, track, row, slot, epoch):
    """Begin the track of a threat in a slot."""
    contact.track = slot
    track.threat = row
    track.start = epoch
    track.measured = False
    track.vx_mps, track.vy_mps, track.vz_mps = _ZERO, _ZERO, _ZERO


@compiled()
def follow(track, threat, contact, again, measured, since_s):
    """Put a track where its threat was detected, with the velocity measured or inferred.

    A sensor that gives position alone gives a velocity by the distance from the detection before,
    `since_s` seconds ago.
    """
    track.seen = True
    track.x_m, track.y_m, track.z_m = threat.x_m, threat.y_m, threat.z_m
    if measured:
        track.vx_mps, track.vy_mps, track.vz_mps = threat.vx_mps, threat.vy_mps, threat.vz_mps
    elif again:
        track.vx_mps = (threat.x_m - contact.x_m) / since_s
        track.vy_mps = (threat.y_m - contact.y_m) / since_s
        track.vz_mps = (threat.z_m - contact.z_m) / since_s


@compiled()
def miss(contact, held, tracks, engagements, picture, epoch_s):
    """Count a miss: the track goes straight on, or is lost after too many."""
    if contact.detections == 0:
        return
    contact.misses += 1
    if contact.misses >= picture.misses_to_lose:
        lose(contact, held, tracks, engagements)
    elif contact.track != NONE:
        track = tracks[contact.track]
        track.seen = False
        track.x_m += track.vx_mps * epoch_s
        track.y_m += track.vy_mps * epoch_s
        track.z_m = max(_ZERO, track.z_m + track.vz_mps * epoch_s)


@compiled()
def lose(contact, held, tracks, engagements):
    """Forget a threat: its track ends, and what flies at it has no guidance any more."""
    contact.detections, contact.misses = 0, 0
    slot = contact.track
    if slot != NONE:
        contact.track = NONE
        held[slot] = False
        tracks[slot].threat = NONE
        lose_guidance(engagements, slot)


@compiled()
def assess(engagements, threats, contacts, held, tracks, picture, order, count, key):
    """Report the threats dead, rightly or wrongly, at which the engagements in order have ended.

    A threat that is dead is reported dead with probability `kill_confirmed`, one that lives with
    probability `false_kill`; the track of one reported dead ends. One that lives is detected and
    tracked anew; one dead but not reported goes straight on until it has been missed for too long.
    """
    channels = engagements.shape[1]
    for n in range(count):
        engagement = engagements[order[n] // channels, order[n] % channels]
        threat = threats[engagement.target]
        if engagement.track == NONE or (threat.status != KILLED and threat.status != INBOUND):
            continue
        contact = contacts[engagement.target]
        reported = uniform(key, randomness.ASSESSMENT, threat.number, contact.reports)
        contact.reports += 1
        dead = threat.status == KILLED
        if reported < (picture.kill_confirmed if dead else picture.false_kill):
            lose(contact, held, tracks, engagements)
