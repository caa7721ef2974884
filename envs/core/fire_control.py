"""Intercept geometry, legality and kill probability of every pair of shooter and track."""

import math

import numpy as np

from envs.core import air_policing
from envs.core.command import may_use
from envs.core.compiled import compiled
from envs.core.engagement import believed_pk
from envs.core.lanes import lanes
from envs.core.params import NONE
from envs.core.sensing import HORIZON

# Rows of the table in which the tracks held lie side by side, so that loops over them vectorise.
# From NEAR on the same again, of those alone that may come into the range of one shooter.
X, Y, Z, VX, VY, VZ, SPEED, SPEED2, IMPACT, BALLISTIC, KIND, SLOT, PK, FLIGHT = range(14)
NEAR = 14
# Rows in which the shooters that can fire lie side by side; NEARBY: how many tracks may come near.
SHOOTER_X, SHOOTER_Y, FAR, LONGEST, NEARBY = range(28, 33)
ROWS = 33

_ZERO, _ONE, _INF = np.float32(0.0), np.float32(1.0), np.float32(np.inf)


@compiled()
def gather(held, tracks, kinds, table):
    """Lay the tracks held side by side.

    Args:
        table: float32 [ROWS, columns], to be written.

    Returns:
        How many tracks are held.
    """
    count = 0
    for i in range(tracks.shape[0]):
        if not held[i]:
            continue
        track = tracks[i]
        table[X, count], table[Y, count], table[Z, count] = track.x_m, track.y_m, track.z_m
        vx, vy, vz = track.vx_mps, track.vy_mps, track.vz_mps
        table[VX, count], table[VY, count], table[VZ, count] = vx, vy, vz
        speed2 = vx * vx + vy * vy + vz * vz
        table[SPEED2, count], table[SPEED, count] = speed2, math.sqrt(speed2)
        table[IMPACT, count] = track.impact_s
        table[BALLISTIC, count] = _ONE if kinds[track.kind].ballistic else _ZERO
        table[KIND, count] = np.float32(track.kind if track.certain else NONE)
        table[SLOT, count] = np.float32(i)
        count += 1
    return count


@compiled()
def doubt(held, tracks, beliefs, kinds):
    """Write the belief that each track is neutral: the sum over the neutral kinds."""
    for i in range(tracks.shape[0]):
        if not held[i]:
            continue
        neutral = _ZERO
        for k in range(kinds.shape[0]):
            if kinds[k].neutral:
                neutral += beliefs[i, k]
        tracks[i].neutral = min(neutral, _ONE)


@compiled(inlined=True)
def engagement_table(
    held,
    tracks,
    beliefs,
    kinds,
    shooters,
    deployment,
    base_pk,
    picture,
    usable,
    own,
    pairs,
    mask,
    table,
    now_s,
):
    """Fill the pair table [S, I] and the mask [S, 1 + I].

    A pair is possible, pk > 0, if the shooter is able and has rounds left or to come, the track
    is held and the shooter's to use, and the predicted intercept is before the predicted impact,
    inside range and altitude band, and in line of sight of the shooter's guidance; a fighter pair
    must besides get there within its sortie. It is legal if besides a channel is free and the
    rounds are ready. What is known to be neutral nobody can engage.
    """
    if picture.traffic and not picture.perfect:
        doubt(held, tracks, beliefs, kinds)
    count = gather(held, tracks, kinds, table)
    count_near(table, count, shooters, deployment)
    for s in range(shooters.shape[0]):
        shooter, deployed = shooters[s], deployment[s]
        # Rows that were zero and stay so, most of a short-range shooter's, are not touched.
        mask[s, 0] = 1
        if shooter.targets > 0:
            mask[s, 1:] = 0
            for i in range(tracks.shape[0]):
                pairs[s, i].pk = _ZERO
                pairs[s, i].flight_s = _ZERO
        shooter.targets = 0
        if table[NEARBY, s] == _ZERO:
            continue
        wait_s = air_policing.reaction_s(shooter, deployed)
        near, some = table[NEAR:], choose_near(table, count, s)
        for k in range(some):
            slot = int(near[SLOT, k])
            if near[KIND, k] >= _ZERO:
                near[PK, k] = base_pk[s, int(near[KIND, k])]
            else:
                near[PK, k] = believed_pk(base_pk[s], beliefs[slot], tracks[slot].neutral)
            if picture.restricted:
                shared = deployed.networked and may_use(usable[slot], deployed.nation)
                if not shared and not own[s, slot]:
                    near[PK, k] = _ZERO
        fly_out(near, lanes(some), shooter, deployed, wait_s)
        judge(near, lanes(some), deployed, wait_s)
        enough = shooter.rounds >= deployed.rounds_per_engagement
        ready = enough and shooter.busy < deployed.channels
        if deployed.sortie_s > _ZERO:
            ready = ready and shooter.reload_s == _INF
            left_s = air_policing.sortie_left_s(shooter, deployed, now_s)
            for k in range(some):
                if not near[FLIGHT, k] + wait_s <= left_s:
                    near[PK, k] = _ZERO
        for k in range(some):
            if near[PK, k] > _ZERO:
                i = int(near[SLOT, k])
                pairs[s, i].pk = near[PK, k]
                pairs[s, i].flight_s = near[FLIGHT, k] + wait_s
                mask[s, 1 + i] = ready
                shooter.targets += 1


@compiled()
def count_near(table, count, shooters, deployment):
    """Count for every shooter the tracks that may come near; none if it is not able or is empty."""
    places = lanes(shooters.shape[0])
    for s in range(places):
        table[SHOOTER_X, s], table[SHOOTER_Y, s], table[FAR, s] = _INF, _INF, _ZERO
    for s in range(places):
        table[LONGEST, s], table[NEARBY, s] = _ZERO, _ZERO
    for s in range(shooters.shape[0]):
        shooter, deployed = shooters[s], deployment[s]
        if shooter.able and shooter.rounds + shooter.reserve != 0:
            far = max(deployed.air_range_max_m, deployed.ballistic_range_max_m)
            wait_s = air_policing.reaction_s(shooter, deployed)
            table[SHOOTER_X, s], table[SHOOTER_Y, s], table[FAR, s] = shooter.x_m, shooter.y_m, far
            table[LONGEST, s] = wait_s + far / deployed.interceptor_mps
    for k in range(count):
        x_m, y_m, z_m, speed = table[X, k], table[Y, k], table[Z, k], table[SPEED, k]
        for s in range(places):
            table[NEARBY, s] += _ONE if is_near(table, s, x_m, y_m, z_m, speed) else _ZERO


@compiled()
def choose_near(table, count, s):
    """Copy the tracks that may come near a shooter into the rows from NEAR on; return how many."""
    some = 0
    for k in range(count):
        if is_near(table, s, table[X, k], table[Y, k], table[Z, k], table[SPEED, k]):
            for row in range(PK):
                table[NEAR + row, some] = table[row, k]
            some += 1
    return some


@compiled()
def is_near(table, s, x_m, y_m, z_m, speed):
    """Return whether a track could come into a shooter's range before its interceptor ends.

    Until then a track moves at most speed * (reaction + range_max / interceptor speed). Cheap,
    and true where `fly_out` and `judge` find a pair possible; a thousandth covers rounding.
    """
    dx, dy = x_m - table[SHOOTER_X, s], y_m - table[SHOOTER_Y, s]
    reach = (table[FAR, s] + speed * table[LONGEST, s]) * np.float32(1.001)
    return dx * dx + dy * dy + z_m * z_m <= reach * reach


@compiled()
def fly_out(table, count, shooter, deployed, wait_s):
    """Write into row FLIGHT the shortest flight of a shooter's interceptor to each track, or inf.

    With d the track's place relative to the shooter at launch, v its velocity and u the
    interceptor's speed, the flight T solves |d + v T| = u T, that is
    (u^2 - v.v) T^2 - 2 (d.v) T - d.d = 0. The smallest positive root is taken in the form that
    subtracts nothing alike: (d.v + root) / (u^2 - v.v) for a receding track and
    d.d / (root - d.v) for an approaching one, which also holds at equal speeds. A track as fast
    as the interceptor or faster is reached only while it approaches, and if the root is real.
    """
    x_m, y_m = shooter.x_m, shooter.y_m
    speed2 = deployed.interceptor_mps * deployed.interceptor_mps
    for k in range(count):
        vx, vy, vz = table[VX, k], table[VY, k], table[VZ, k]
        dx = table[X, k] + vx * wait_s - x_m
        dy = table[Y, k] + vy * wait_s - y_m
        dz = table[Z, k] + vz * wait_s
        lead = speed2 - table[SPEED2, k]
        closing = dx * vx + dy * vy + dz * vz
        distance2 = dx * dx + dy * dy + dz * dz
        square = closing * closing + lead * distance2
        root = math.sqrt(max(square, _ZERO))
        receding = (closing + root) / lead
        approaching = distance2 / (root - closing)
        flight = receding if closing > _ZERO else approaching
        reachable = (lead > _ZERO) | ((closing < _ZERO) & (square >= _ZERO))
        table[FLIGHT, k] = flight if reachable else _INF


@compiled()
def judge(table, count, deployed, wait_s):
    """Turn row PK from pk at range 0 into pk at the intercept, or 0 if there can be none.

    pk = pk_0 (1 - falloff (range / range_max)^2).
    """
    speed, falloff = deployed.interceptor_mps, deployed.falloff
    sight = math.sqrt(deployed.antenna_m)
    air_near, air_far = deployed.air_range_min_m, deployed.air_range_max_m
    air_low, air_high = deployed.air_altitude_min_m, deployed.air_altitude_max_m
    falling_near, falling_far = deployed.ballistic_range_min_m, deployed.ballistic_range_max_m
    falling_low = deployed.ballistic_altitude_min_m
    falling_high = deployed.ballistic_altitude_max_m
    for k in range(count):
        falling = table[BALLISTIC, k] > _ZERO
        near = falling_near if falling else air_near
        far = falling_far if falling else air_far
        low = falling_low if falling else air_low
        high = falling_high if falling else air_high
        flight = table[FLIGHT, k]
        range_m = speed * flight
        altitude = table[Z, k] + table[VZ, k] * (flight + wait_s)
        horizon = HORIZON * (sight + math.sqrt(max(altitude, _ZERO)))
        possible = (
            (range_m >= near)
            & (range_m <= far)
            & (altitude >= low)
            & (altitude <= high)
            & (range_m * range_m - altitude * altitude <= horizon * horizon)
            & (flight + wait_s < table[IMPACT, k])
        )
        share = range_m / far
        pk = table[PK, k] * (_ONE - falloff * share * share)
        table[PK, k] = pk if possible else _ZERO
