"""Motion of threats: straight legs at the kind's speed, in closed form, so no error adds up."""

import numpy as np

from envs.core.compiled import compiled
from envs.core.state import INBOUND, PENDING


@compiled()
def fly(threats, routes, kinds, now_s):
    """Bring in the threats whose time has come, and move those inbound to `now_s`."""
    for i in range(threats.shape[0]):
        threat = threats[i]
        if threat.status == INBOUND:
            leg = leg_at(threat.leg, routes[i], now_s)
            if leg != threat.leg:
                threat.leg = leg
                turn(threat, routes[i], kinds[threat.kind])
            advance(threat, routes[i, leg], kinds[threat.kind], now_s)
        elif threat.status == PENDING and routes[i, 0].time_s <= now_s:
            threat.status = INBOUND
            threat.leg = leg_at(threat.leg, routes[i], now_s)
            move(threat, routes[i], kinds[threat.kind], now_s)


@compiled()
def move(threat, route, kind, now_s):
    """Put a threat where it is at `now_s`.

    On the leg from vertex v to v + 1, passed at T_v and T_{v+1}:
    velocity = (X_{v+1} - X_v) / (T_{v+1} - T_v), position = X_v + velocity (now - T_v).
    """
    turn(threat, route, kind)
    advance(threat, route[threat.leg], kind, now_s)


@compiled()
def turn(threat, route, kind):
    """Give a threat the velocity of its leg, which stays until the next."""
    start, end = route[threat.leg], route[threat.leg + 1]
    duration_s = end.time_s - start.time_s
    threat.vx_mps = (end.x_m - start.x_m) / duration_s
    threat.vy_mps = (end.y_m - start.y_m) / duration_s
    threat.vz_mps = -kind.altitude_m / duration_s if kind.ballistic else np.float32(0.0)


@compiled()
def advance(threat, start, kind, now_s):
    """Put a threat where its velocity has brought it since the leg's start, a vertex."""
    since_s = now_s - start.time_s
    threat.x_m = start.x_m + threat.vx_mps * since_s
    threat.y_m = start.y_m + threat.vy_mps * since_s
    # Rounding may put the last moment of a descent a hair below the sea.
    threat.z_m = max(np.float32(0.0), kind.altitude_m + threat.vz_mps * since_s)


@compiled()
def leg_at(leg, route, time_s):
    """Return the vertex of a route passed last at `time_s`, not before `leg` nor the aim point."""
    while (
        leg < route.shape[0] - 2
        and route[leg + 2].time_s < np.float32(np.inf)
        and route[leg + 1].time_s <= time_s
    ):
        leg += 1
    return leg
