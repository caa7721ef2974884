"""Seed to raid: the threats of one raid, drawn from its key alone."""

import math

import numpy as np

from envs.core import randomness
from envs.core.compiled import compiled
from envs.core.params import NONE
from envs.core.randomness import pick, uniform
from envs.core.state import ABSENT, PENDING

_ZERO, _INF = np.float32(0.0), np.float32(np.inf)


@compiled()
def clear(threats, routes):
    """Empty every row of a raid's threats."""
    for i in range(threats.shape[0]):
        clear_row(threats[i], routes[i])


@compiled()
def clear_row(threat, route):
    """Leave no threat in a row."""
    threat.status = ABSENT
    threat.number, threat.kind, threat.aim, threat.leg = 0, 0, 0, 0
    threat.hits, threat.tracked = False, False
    threat.kill_u, threat.survival = 0.0, 0.0
    threat.x_m, threat.y_m, threat.z_m = _ZERO, _ZERO, _ZERO
    threat.vx_mps, threat.vy_mps, threat.vz_mps = _ZERO, _ZERO, _ZERO
    threat.impact_s = _INF
    for v in range(route.shape[0]):
        route[v].x_m, route[v].y_m, route[v].time_s = _ZERO, _ZERO, _INF


@compiled()
def shuffle(order, rows, key):
    """Write the numbers of a raid's rows into `order`, int64, shuffled by its key."""
    for i in range(rows):
        order[i] = i
    for last in range(rows - 1, 0, -1):
        other = int(uniform(key, randomness.SLOT, last, 0) * (last + 1))
        order[last], order[other] = order[other], order[last]


@compiled()
def package_size(package, key, g):
    """Draw the number of threats of package g, uniform between its bounds; 0 if it stays away."""
    if package.chance < 1.0 and uniform(key, randomness.NUMBER, g, 1) >= package.chance:
        return 0
    choices = package.most - package.fewest + 1
    return package.fewest + int(uniform(key, randomness.NUMBER, g, 0) * choices)


@compiled()
def package_time_s(package, key, g):
    """Draw the time on target of package g, uniform in its window."""
    draw = np.float32(uniform(key, randomness.PACKAGE_TIME, g, 0))
    return package.time_min_s + draw * (package.time_max_s - package.time_min_s)


@compiled()
def package_aim(package, aims, key, g):
    """Draw the common aim point of package g, or return NONE if each threat has its own."""
    if package.same_aim:
        return pick(aims, uniform(key, randomness.AIM, g, 1))
    return NONE


@compiled()
def draw_threat(threat, number, kinds, kind_weights, aim, aim_weights, key):
    """Draw what one threat is, where it aims, and its luck: one kill number, one hit.

    A threat's number, which keys its luck, depends neither on its slot nor on the state of play.
    """
    kind = pick(kind_weights, uniform(key, randomness.KIND, number, 0))
    if kinds[kind].neutral:
        aim = NONE
    elif aim == NONE:
        aim = pick(aim_weights, uniform(key, randomness.AIM, number, 0))
    threat.status = PENDING
    threat.number = number
    threat.kind = kind
    threat.aim = aim
    threat.leg = 0
    threat.survival = 1.0
    threat.kill_u = uniform(key, randomness.KILL, number, 0)
    threat.hits = uniform(key, randomness.HIT, number, 0) < kinds[kind].hit


@compiled()
def draw_place(place, line, u):
    """Write the place, a vertex, that a draw in [0, 1) selects along a line of spaced points."""
    along = u * (line.shape[0] - 1)
    n = int(along)
    part = np.float32(along - n)
    place.x_m = line[n].x_m + part * (line[n + 1].x_m - line[n].x_m)
    place.y_m = line[n].y_m + part * (line[n + 1].y_m - line[n].y_m)


@compiled()
def draw_route(route, number, kind, aim, entry, package, vias, via, key):
    """Write the vertices of a threat's route but the last; return the index of that.

    The first is uniform along the entry line, then come the waypoints of one of the package's
    routes, each uniform in a square about its place, then the aim point. A ballistic missile
    descends straight, from `descent_m` away in the direction of its point on the entry line.
    """
    draw_place(route[0], entry, uniform(key, randomness.ENTRY, number, 0))
    last = 1
    if kind.ballistic:
        dx, dy = route[0].x_m - aim.x_m, route[0].y_m - aim.y_m
        scale = kind.descent_m / math.sqrt(dx * dx + dy * dy)
        route[0].x_m = aim.x_m + dx * scale
        route[0].y_m = aim.y_m + dy * scale
    else:
        chosen = int(uniform(key, randomness.ROUTE, number, 0) * package.routes)
        for w in range(vias[chosen]):
            x = np.float32(2.0 * uniform(key, randomness.VIA, number, 2 * w) - 1.0)
            y = np.float32(2.0 * uniform(key, randomness.VIA, number, 2 * w + 1) - 1.0)
            route[last].x_m = via[chosen, w].x_m + x * package.jitter_m
            route[last].y_m = via[chosen, w].y_m + y * package.jitter_m
            last += 1
    return last


@compiled()
def time_route(threat, route, last, kind, on_target_s):
    """Time a route so that the threat arrives at `on_target_s`, at its kind's speed throughout.

    What could not have got there by then is on its way, at its first vertex, when the raid
    starts, and arrives later.
    """
    climb = kind.altitude_m if kind.ballistic else _ZERO
    route[0].time_s = _ZERO
    for v in range(last):
        dx, dy = route[v + 1].x_m - route[v].x_m, route[v + 1].y_m - route[v].y_m
        leg_s = math.sqrt(dx * dx + dy * dy + climb * climb) / kind.speed_mps
        route[v + 1].time_s = route[v].time_s + leg_s
    start_s = max(_ZERO, on_target_s - route[last].time_s)
    for v in range(last + 1):
        route[v].time_s += start_s
    threat.impact_s = route[last].time_s


@compiled()
def delay_s(package, number, rank, key):
    """Draw how much later than its package a threat is to arrive."""
    draw = np.float32(uniform(key, randomness.THREAT_TIME, number, 0))
    return draw * package.spread_s + np.float32(rank) * package.spacing_s
