"""Who may shoot at which track: nations, networks, and the delay between them."""

import math

import numpy as np

from envs.core.compiled import compiled
from envs.core.params import NONE
from envs.core.sensing import EVERYBODY, NATIONS, chance, detection_number

_ALL = np.uint64(0xFFFFFFFFFFFFFFFF)


@compiled()
def forget(holding):
    """Mark a track as not yet held by any nation, HOLDING [F]."""
    for f in range(holding.shape[0]):
        holding[f].first, holding[f].last = NONE, NONE


@compiled()
def note_holders(holding, draw, table, k, epoch, misses_to_lose):
    """Note which nations' sensors detect a track, HOLDING [F], from `sensing.survey`'s table."""
    everybody = draw < table[EVERYBODY, k]
    for f in range(holding.shape[0]):
        if everybody or draw < table[NATIONS + f, k]:
            hold(holding[f], epoch, misses_to_lose)


@compiled()
def hold(holding, epoch, misses_to_lose):
    """Note that the sensors of a nation detect a track, for the first time or again."""
    if holding.last == NONE or epoch - holding.last > misses_to_lose:
        holding.first = epoch
    holding.last = epoch


@compiled()
def share(held, holding, delay, misses_to_lose, epoch, usable):
    """Write which tracks the shooters of each nation may use, if they share the common picture.

    A track is usable by the shooters of nation g if the sensors of some nation f hold it, and have
    held it for delay[f, g] epochs; they hold it from a detection until they have missed it
    `misses_to_lose` times.

    Args:
        usable: uint64 [I], to be written; bit g is nation g's.
    """
    nations = holding.shape[1]
    everyone = _ALL >> np.uint64(64 - nations)
    longest = 0
    for f in range(nations):
        for g in range(nations):
            longest = max(longest, delay[f, g])
    for i in range(held.shape[0]):
        if not held[i]:
            continue
        bits = np.uint64(0)
        for f in range(nations):
            last = holding[i, f].last
            if last == NONE or epoch - last >= misses_to_lose:
                continue
            old = epoch - holding[i, f].first
            if old >= longest:
                bits = everyone
                break
            for g in range(nations):
                bits |= np.uint64(old >= delay[f, g]) << np.uint64(g)
            if bits == everyone:
                break
        usable[i] = bits


@compiled()
def may_use(usable, nation):
    """Return whether the shooters of a nation may use a track, from its bits."""
    return (usable >> np.uint64(nation)) & np.uint64(1) != np.uint64(0)


@compiled()
def use_own(
    threats, held, tracks, kinds, sensors, deployed, deployment, by_chance, key, epoch, own
):
    """Write which tracks the shooters without network see, bool [S, I], and so may use."""
    for s in range(deployment.shape[0]):
        if deployment[s].networked:
            continue
        r = deployment[s].sensor
        for i in range(tracks.shape[0]):
            own[s, i] = False
            if not (held[i] and tracks[i].seen and sensors[r].able):
                continue
            threat = threats[tracks[i].threat]
            dx, dy = threat.x_m - sensors[r].x_m, threat.y_m - sensors[r].y_m
            ground2 = dx * dx + dy * dy
            slant2 = ground2 + threat.z_m * threat.z_m
            signature = kinds[threat.kind].signature
            root_z = math.sqrt(threat.z_m)
            p = chance(deployed[r], ground2, slant2, root_z, signature, by_chance)
            own[s, i] = detection_number(key, threat.number, epoch) < p
