"""What the defence knows: which threats it tracks, and what each track means for it.

The picture is perfect in kind and aim point, and nothing in sight is missed: a track is held in
every epoch in which some sensor has the threat in range and in line of sight.
"""

import math

import numpy as np

from envs.core.compiled import compiled
from envs.core.damage import expected_loss
from envs.core.params import NONE
from envs.core.state import INBOUND

# Radio horizon over an earth of 4/3 its radius, sqrt(2 * 4/3 * 6,378,137 m): metres per square root
# of a metre of antenna or target height.
HORIZON = np.float32(4124.0)


@compiled()
def sense(threats, tracks, sensors, kinds, assets, health):
    """Update the tracks: held or not, expected loss, predicted time to impact.

    The predicted impact is a straight flight at the kind's speed to the aim point: a threat that
    still has waypoints to pass arrives later.
    """
    for i in range(threats.shape[0]):
        threat, track = threats[i], tracks[i]
        track.held = False
        if threat.status != INBOUND:
            continue
        kind = kinds[threat.kind]
        track.sensor = seen_by(threat, kind, sensors, track.sensor)
        if track.sensor == NONE:
            continue
        track.held = True
        aim = assets[threat.aim]
        track.value = expected_loss(kind, aim, health[threat.aim])
        dx, dy = aim.x_m - threat.x_m, aim.y_m - threat.y_m
        dz = threat.z_m if kind.ballistic else np.float32(0.0)
        track.impact_s = math.sqrt(dx * dx + dy * dy + dz * dz) / kind.speed_mps


@compiled()
def seen_by(threat, kind, sensors, last):
    """Return a sensor that has the threat in view, first the one that had it last, or NONE."""
    if last != NONE and in_view(threat, kind, sensors[last]):
        return last
    for r in range(sensors.shape[0]):
        if in_view(threat, kind, sensors[r]):
            return r
    return NONE


@compiled()
def in_view(threat, kind, sensor):
    """Return whether a sensor has a threat in range and in line of sight.

    Slant range <= range * signature and, by the horizon of a 4/3 earth, all in metres,
    ground range <= 4124 (sqrt(antenna) + sqrt(altitude)).
    """
    dx, dy = threat.x_m - sensor.x_m, threat.y_m - sensor.y_m
    ground2 = dx * dx + dy * dy
    reach = sensor.range_m * kind.signature
    if ground2 + threat.z_m * threat.z_m > reach * reach:
        return False
    horizon = HORIZON * (math.sqrt(sensor.antenna_m) + math.sqrt(threat.z_m))
    return ground2 <= horizon * horizon
