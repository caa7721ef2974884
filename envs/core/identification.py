"""Beliefs: what kind a track is, and what it aims at."""

import math

import numpy as np

from envs.core import metrics
from envs.core.compiled import compiled
from envs.core.damage import expected_loss
from envs.core.lanes import lanes
from envs.core.params import NONE

# A kind whose speed differs from that measured by more than this share of it is ruled out.
SPEED_TOLERANCE = np.float32(0.1)
# Likewise of a kind that flies level, and whose altitude differs by more than this from a track's.
ALTITUDE_TOLERANCE_M, ALTITUDE_TOLERANCE = np.float32(100.0), np.float32(0.2)
# Where reports speak against a kind, without ruling it out, belief in it does not fall below this.
LEAST_BELIEF = np.float32(1e-6)
# Weight of an aim point that a track does not head for: it may still have waypoints to pass.
LEAST_WEIGHT = np.float32(1e-3)
# Distance from the predicted impact of a falling track at which an aim point's weight is a quarter.
MISS_M = np.float32(2_000.0)

_ZERO, _ONE = np.float32(0.0), np.float32(1.0)
_UNKNOWN = np.float32(-1.0)  # mark of a row of losses that nobody has needed yet

# Rows of the table in which tracks lie side by side; from AIMS on, the weight of each asset, and
# after those a row a kind with the loss expected of it at each asset.
X, Y, UX, UY, FALLING = range(5)
AIMS = 5


@compiled()
def open_beliefs(track, belief, prior, kind, public):
    """Begin with the scenario's prior, or with the truth where that is public."""
    for n in range(belief.shape[0]):
        belief[n] = prior[n]
        if public:
            belief[n] = _ONE if n == kind else _ZERO
    conclude(track, belief, _ONE)


@compiled()
def conclude(track, belief, total):
    """Divide beliefs by their sum; note the likeliest kind, the first of equals."""
    best = 0
    for kind in range(belief.shape[0]):
        belief[kind] /= total
        if belief[kind] > belief[best]:
            best = kind
    track.kind = best
    track.certain = belief[best] == _ONE


@compiled()
def believe_known(track, belief, kinds, measured):
    """Rule out the kinds that a detection speaks against for certain.

    A measured speed rules out all that fly faster or slower by more than a tenth, and the altitude
    all that fly level at quite another; being heard and not seen rules out what is not audible.
    What is left is Bayes' rule with a likelihood of 0 or 1.
    """
    if measured and track.measured:
        return
    speed2 = track.vx_mps * track.vx_mps + track.vy_mps * track.vy_mps
    speed = math.sqrt(speed2 + track.vz_mps * track.vz_mps)
    total = _ZERO
    for kind in range(belief.shape[0]):
        if measured:
            possible = abs(kinds[kind].speed_mps - speed) <= SPEED_TOLERANCE * speed
            possible = possible and alike_in_altitude(kinds[kind], track)
        else:
            possible = kinds[kind].audible
        if not possible:
            belief[kind] = _ZERO
        total += belief[kind]
    conclude(track, belief, total)
    track.measured = track.measured or measured


@compiled()
def alike_in_altitude(kind, track):
    """Return whether a track may be of a kind by altitude: within 100 m and a fifth of it."""
    off_m = abs(kind.altitude_m - track.z_m)
    return kind.ballistic or off_m <= ALTITUDE_TOLERANCE_M + ALTITUDE_TOLERANCE * track.z_m


@compiled()
def identify(track, belief, prior, kind, right, coming, draw, totals):
    """Receive a report of what kind a threat is, and believe it as far as it is reliable.

    It names the true kind with probability `right`, and else any other of the kinds coming, all
    alike. By Bayes' rule the belief in kind k is multiplied by the probability of that report if
    the threat were a k: right for the kind named, (1 - right) / (coming - 1) for the others; all
    are then divided by their sum.

    Args:
        kind: what it is.
        right: probability that the report is right.
        coming: number of kinds that the raid may bring.
        draw: float64 in [0, 1), on which the report depends.
    """
    if coming == 1:
        right = _ONE
    named = np.int64(kind)
    if draw >= right:
        place = min(int((draw - right) / (1.0 - right) * (coming - 1)), coming - 2)
        named = other_kind(prior, kind, place)
        totals[metrics.WRONG_IDENTIFICATIONS] += 1.0
    totals[metrics.IDENTIFICATIONS] += 1.0
    learn(track, belief, named, right, coming)


@compiled()
def other_kind(prior, kind, place):
    """Return number `place` of the kinds that may come, `kind` left out."""
    for n in range(prior.shape[0]):
        if n != kind and prior[n] > _ZERO:
            if place == 0:
                return n
            place -= 1
    return np.int64(kind)


@compiled()
def learn(track, belief, named, right, coming):
    """Apply Bayes' rule to a report; see `identify`."""
    wrong = (_ONE - right) / np.float32(coming - 1) if coming > 1 else _ZERO
    total = _ZERO
    for kind in range(belief.shape[0]):
        likelihood = right if kind == named else wrong
        if belief[kind] > _ZERO and likelihood > _ZERO:
            belief[kind] = max(belief[kind] * likelihood, LEAST_BELIEF)
        else:
            belief[kind] = _ZERO
        total += belief[kind]
    conclude(track, belief, total)


@compiled()
def know_aims(threats, held, tracks, beliefs, assets, health, kinds, now_s):
    """Write value and predicted impact of tracks whose aim points are public."""
    for i in range(tracks.shape[0]):
        if not held[i]:
            continue
        track = tracks[i]
        threat = threats[track.threat]
        track.aim, track.aim_belief = threat.aim, _ONE
        if threat.aim == NONE:
            track.value, track.impact_s = _ZERO, threat.impact_s - now_s
            continue
        aim = assets[track.aim]
        track.value = believed_loss(track, beliefs[i], kinds, aim, health[track.aim])
        track.impact_s = predicted_impact_s(track, aim)


@compiled()
def believe_aims(held, tracks, beliefs, assets, health, kinds, table, slots):
    """Write what tracks may aim at, their value and predicted impact.

    Asset a has weight value_a (0.001 + c), where c = max(0, cos)^8 of the angle between the track's
    heading and the way to the asset or, for a track that falls, c = (1 + d^2 / (2 km)^2)^-2 with d
    the asset's distance from where it would strike. Beliefs are weights divided by their sum, and
    value = sum over kinds k and assets a of belief_k belief_a V_ka. The predicted impact is a
    straight flight to the likeliest aim point, the first of equals.

    Args:
        table: float32 [AIMS + A + K, columns], scratch.
        slots: int64 [I], scratch.
    """
    count, falling = _gather(held, tracks, table, slots)
    losses = AIMS + assets.shape[0]
    for kind in range(kinds.shape[0]):
        table[losses + kind, 0] = _UNKNOWN
    for a in range(assets.shape[0]):
        x_m, y_m, worth = assets[a].x_m, assets[a].y_m, np.float32(assets[a].value)
        if falling:
            for k in range(lanes(count)):
                table[AIMS + a, k] = worth * (LEAST_WEIGHT + _closeness(table, k, x_m, y_m))
        else:
            for k in range(lanes(count)):
                table[AIMS + a, k] = worth * (LEAST_WEIGHT + _heading(table, k, x_m, y_m))
    for k in range(count):
        track, belief = tracks[slots[k]], beliefs[slots[k]]
        total, most, best, value = _ZERO, _ZERO, 0, _ZERO
        for a in range(assets.shape[0]):
            weight = table[AIMS + a, k]
            total += weight
            best = a if weight > most else best
            most = max(weight, most)
        for kind in range(kinds.shape[0]):
            if belief[kind] > _ZERO:
                if table[losses + kind, 0] == _UNKNOWN:
                    for a in range(assets.shape[0]):
                        table[losses + kind, a] = expected_loss(kinds[kind], assets[a], health[a])
                loss = _ZERO
                for a in range(assets.shape[0]):
                    loss += table[AIMS + a, k] * table[losses + kind, a]
                value += belief[kind] * loss
        track.aim, track.aim_belief = best, most / total
        track.value = value / total
        track.impact_s = predicted_impact_s(track, assets[best])


@compiled()
def believed_loss(track, belief, kinds, asset, health):
    """Return the expected loss of a track that aims at an asset: sum over kinds belief_k V_ka."""
    if track.certain:
        return expected_loss(kinds[track.kind], asset, health)
    value = 0.0
    for k in range(belief.shape[0]):
        if belief[k] > _ZERO:
            value += belief[k] * expected_loss(kinds[k], asset, health)
    return value


@compiled()
def _gather(held, tracks, table, slots):
    """Lay the tracks side by side; return how many there are, and whether one of them falls."""
    count, any_falls = 0, False
    for i in range(tracks.shape[0]):
        if not held[i]:
            continue
        track = tracks[i]
        ground = math.sqrt(track.vx_mps * track.vx_mps + track.vy_mps * track.vy_mps)
        table[UX, count] = track.vx_mps / ground if ground > _ZERO else _ZERO
        table[UY, count] = track.vy_mps / ground if ground > _ZERO else _ZERO
        falling = track.vz_mps < _ZERO
        left_s = track.z_m / -track.vz_mps if falling else _ZERO
        table[X, count] = track.x_m + track.vx_mps * left_s
        table[Y, count] = track.y_m + track.vy_mps * left_s
        table[FALLING, count] = _ONE if falling else _ZERO
        any_falls = any_falls or falling
        slots[count] = i
        count += 1
    return count, any_falls


@compiled()
def _closeness(table, k, x_m, y_m):
    """Return how well a track that may fall heads for a place, or would strike it."""
    dx, dy = x_m - table[X, k], y_m - table[Y, k]
    near = _ONE / (_ONE + (dx * dx + dy * dy) / (MISS_M * MISS_M))
    return near * near if table[FALLING, k] > _ZERO else _heading(table, k, x_m, y_m)


@compiled()
def _heading(table, k, x_m, y_m):
    """Return max(0, cos)^8 of the angle between a track's heading and the way to a place."""
    dx, dy = x_m - table[X, k], y_m - table[Y, k]
    distance2 = dx * dx + dy * dy
    along = max(dx * table[UX, k] + dy * table[UY, k], _ZERO)
    cos2 = along * along / (distance2 + _ONE)  # one square metre, so that 0 / 0 does not occur
    cos4 = cos2 * cos2
    return cos4 * cos4


@compiled()
def predicted_impact_s(track, aim):
    """Return the time of a straight flight to an aim point at the track's speed, or inf at rest."""
    dx, dy = aim.x_m - track.x_m, aim.y_m - track.y_m
    dz = track.z_m if track.vz_mps < _ZERO else _ZERO
    speed2 = track.vx_mps * track.vx_mps + track.vy_mps * track.vy_mps
    speed = math.sqrt(speed2 + track.vz_mps * track.vz_mps)
    if speed == _ZERO:
        return np.float32(np.inf)
    return math.sqrt(dx * dx + dy * dy + dz * dz) / speed
