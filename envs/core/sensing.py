"""What sensors see and hear, and the perfect picture.

In a perfect picture kind and aim point are public and nothing in sight is missed: a track is held
in every epoch in which some sensor has the threat in range and in line of sight. Any other picture
is made by `tracking`, from the chances of detection computed here.
"""

import math

import numpy as np

from envs.core import metrics, randomness
from envs.core.compiled import compiled
from envs.core.damage import expected_loss
from envs.core.lanes import lanes
from envs.core.params import NONE
from envs.core.randomness import draw, stream_key
from envs.core.state import INBOUND

# Radio horizon over an earth of 4/3 its radius, sqrt(2 * 4/3 * 6,378,137 m): metres per square root
# of a metre of antenna or target height.
HORIZON = np.float32(4124.0)

# Rows of the table in which the threats inbound lie side by side, so that loops over them
# vectorise. SEEN, HEARD: chance of the best radar or sight, and line. The others say whose: of
# every nation's, of a shooter without network, and from NATIONS on of each nation's.
X, Y, Z, ROOT_Z, SIGNATURE, AUDIBLE, SEEN, HEARD, EVERYBODY, ALONE = range(10)
# Rows in which the sensors lie side by side; NEAREST: ground range squared of the nearest threat.
# ASKED: rows of those sensors that may tell some threat's kind.
SENSOR_X, SENSOR_Y, NEAREST, ASKED = range(10, 14)
NATIONS = 14

_ZERO, _ONE, _INF = np.float32(0.0), np.float32(1.0), np.float32(np.inf)
_STEPS = 16777216.0  # 2^24: so many values of a draw are float32 below 1
_ROUNDING = np.float32(1.001)  # what a bound on a squared distance leaves to rounding


@compiled()
def place(sensors, deployed, paths, now_s):
    """Bring the sensors that move to where they are at `now_s`: round their orbit, evenly."""
    for r in range(deployed.shape[0]):
        if deployed[r].orbit_s > _ZERO:
            turns = now_s / deployed[r].orbit_s
            along = (turns - np.float32(math.floor(turns))) * np.float32(deployed[r].points - 1)
            n = min(int(along), deployed[r].points - 2)
            part = along - np.float32(n)
            start, end = paths[r, n], paths[r, n + 1]
            sensors[r].x_m = start.x_m + part * (end.x_m - start.x_m)
            sensors[r].y_m = start.y_m + part * (end.y_m - start.y_m)


@compiled()
def deploy(sensors, deployed):
    """Put every sensor where it is at the start of a raid."""
    for r in range(deployed.shape[0]):
        sensors[r].x_m, sensors[r].y_m = deployed[r].x_m, deployed[r].y_m


@compiled(inlined=True)
def sense(
    threats, held, tracks, sensors, deployed, kinds, assets, health, routes, totals, epoch, now_s
):
    """Update the tracks of a perfect picture; that of a threat has the slot of its row.

    The predicted impact is a straight flight at the kind's speed to the aim point: a threat that
    still has waypoints to pass arrives later.
    """
    for i in range(threats.shape[0]):
        threat = threats[i]
        before = held[i]
        held[i] = False
        if threat.status != INBOUND:
            continue
        track = tracks[i]
        kind = kinds[threat.kind]
        track.sensor = seen_by(threat, kind, sensors, deployed, track.sensor)
        if track.sensor == NONE:
            continue
        held[i] = True
        if not before:
            track.start, track.kind, track.aim = epoch, threat.kind, threat.aim
            note_tracked(threat, kind, totals, now_s - routes[i, 0].time_s)
        track.x_m, track.y_m, track.z_m = threat.x_m, threat.y_m, threat.z_m
        track.vx_mps, track.vy_mps, track.vz_mps = threat.vx_mps, threat.vy_mps, threat.vz_mps
        if kind.neutral:
            track.value, track.impact_s, track.neutral = _ZERO, threat.impact_s - now_s, _ONE
            continue
        track.neutral = _ZERO
        aim = assets[threat.aim]
        track.value = expected_loss(kind, aim, health[threat.aim])
        dx, dy = aim.x_m - threat.x_m, aim.y_m - threat.y_m
        dz = threat.z_m if kind.ballistic else _ZERO
        track.impact_s = math.sqrt(dx * dx + dy * dy + dz * dz) / kind.speed_mps


@compiled()
def note_tracked(threat, kind, totals, since_s):
    """Count a threat tracked for the first time, `since_s` seconds after it appeared."""
    if threat.tracked:
        return
    threat.tracked = True
    if not kind.neutral:
        totals[metrics.THREATS_TRACKED] += 1.0
        totals[metrics.TRACK_DELAY_S] += since_s


@compiled()
def seen_by(threat, kind, sensors, deployed, last):
    """Return a sensor that has the threat in view, first the one that had it last, or NONE."""
    if last != NONE and sensors[last].able and in_view(threat, kind, sensors[last], deployed[last]):
        return last
    for r in range(sensors.shape[0]):
        if sensors[r].able and in_view(threat, kind, sensors[r], deployed[r]):
            return r
    return NONE


@compiled()
def in_view(threat, kind, sensor, deployed):
    """Return whether a sensor has a threat in range and in line of sight.

    Slant range <= range * signature and, by the horizon of a 4/3 earth, all in metres,
    ground range <= 4124 (sqrt(antenna) + sqrt(altitude)).
    """
    dx, dy = threat.x_m - sensor.x_m, threat.y_m - sensor.y_m
    ground2 = dx * dx + dy * dy
    reach = deployed.range_m * kind.signature
    if ground2 + threat.z_m * threat.z_m > reach * reach:
        return False
    horizon = HORIZON * (math.sqrt(deployed.antenna_m) + math.sqrt(threat.z_m))
    return ground2 <= horizon * horizon


@compiled()
def chance(deployed, ground2, slant2, root_z, signature, by_chance):
    """Return the probability that a radar detects a threat in one epoch.

    p = p_max max(0, 1 - (r / (r_max signature))^4) where ground range <=
    4124 (sqrt(antenna) + sqrt(altitude)), all in metres, and 0 behind that horizon; if detections
    are not drawn, 1 instead of p wherever the threat is in view.

    Args:
        ground2: ground range squared, m².
        slant2: slant range squared, m².
        root_z: square root of the threat's altitude, in metres.
        signature: factor on the sensor's range.
        by_chance: whether detections are drawn.
    """
    reach = deployed.range_m * signature
    share2 = slant2 / (reach * reach)
    horizon = HORIZON * (math.sqrt(deployed.antenna_m) + root_z)
    p = deployed.detection * (_ONE - share2 * share2) if by_chance else _ONE
    return p if (share2 <= _ONE) & (ground2 <= horizon * horizon) else _ZERO


@compiled()
def detection_number(key, number, epoch):
    """Draw the detection number of a threat in an epoch, float32 in [0, 1).

    All sensors share it, as if what fluctuates were the threat's signature: each of them detects
    the threat if the number is below its chance. So one more sensor never takes a detection away.
    """
    return numbered(stream_key(key, randomness.DETECTION), number, epoch)


@compiled()
def numbered(stream, number, epoch):
    """Return the detection number of a threat in an epoch, by the key of the stream."""
    return np.float32(math.floor(draw(stream, number, epoch) * _STEPS)) * np.float32(1.0 / _STEPS)


@compiled()
def survey(threats, kinds, sensors, deployed, paths, shooters, picture, nations, table, rows):
    """Write for every threat inbound with what chance it is detected in this epoch.

    Args:
        table: float32 [NATIONS + F, columns], to be written; rows by the names above.
        rows: int64 [T], to be written: the threat of each column of `table`.

    Returns:
        How many threats are inbound, and how many sensors may tell the kind of one of them.
    """
    count, signature = 0, _ZERO
    for i in range(threats.shape[0]):
        if threats[i].status == INBOUND:
            threat, kind = threats[i], kinds[threats[i].kind]
            table[X, count], table[Y, count], table[Z, count] = threat.x_m, threat.y_m, threat.z_m
            table[ROOT_Z, count] = math.sqrt(threat.z_m)
            table[SIGNATURE, count] = kind.signature
            signature = max(signature, kind.signature)
            table[AUDIBLE, count] = _ONE if kind.audible else _ZERO
            rows[count] = i
            count += 1
    by_chance, whose = picture.by_chance, picture.restricted
    clear(table, count, nations if whose else 0)
    find_nearest(sensors, deployed, table, count)
    asked = 0
    for r in range(deployed.shape[0]):
        if not sensors[r].able:
            continue
        reach, tells = deployed[r].range_m * signature, deployed[r].identification_m
        near2 = _ZERO if deployed[r].acoustic else table[NEAREST, r]  # a line is near everything
        if not deployed[r].acoustic and near2 <= reach * reach * _ROUNDING:
            row = row_of(deployed[r], shooters) if whose else SEEN
            look(deployed[r], sensors[r], by_chance, table, count, row)
        if deployed[r].identification_rate > _ZERO and near2 <= tells * tells * _ROUNDING:
            table[ASKED, asked] = np.float32(r)
            asked += 1
    if whose:
        merge(table, count, nations)
    for r in range(deployed.shape[0]):
        if sensors[r].able and deployed[r].acoustic:
            row = row_of(deployed[r], shooters) if whose else HEARD
            listen(deployed[r], paths[r], by_chance, table, count, row)
    return count, asked


@compiled()
def clear(table, count, nations):
    """Begin with no chance of any detection."""
    for k in range(count):
        table[SEEN, k], table[HEARD, k] = _ZERO, _ZERO
        table[EVERYBODY, k], table[ALONE, k] = _ZERO, _ZERO
    for row in range(NATIONS, NATIONS + nations):
        for k in range(count):
            table[row, k] = _ZERO


@compiled()
def merge(table, count, nations):
    """Raise SEEN to what the sensors of everybody, of those alone, and of each nation see."""
    for k in range(count):
        table[SEEN, k] = max(table[SEEN, k], max(table[EVERYBODY, k], table[ALONE, k]))
    for row in range(NATIONS, NATIONS + nations):
        for k in range(count):
            table[SEEN, k] = max(table[SEEN, k], table[row, k])


@compiled()
def find_nearest(sensors, deployed, table, count):
    """Write the squared ground range, m², of the threat nearest to each sensor; inf if not able."""
    places = lanes(deployed.shape[0])
    for r in range(places):
        table[SENSOR_X, r], table[SENSOR_Y, r], table[NEAREST, r] = _INF, _INF, _INF
    for r in range(deployed.shape[0]):
        if sensors[r].able:
            table[SENSOR_X, r], table[SENSOR_Y, r] = sensors[r].x_m, sensors[r].y_m
    for k in range(count):
        x_m, y_m = table[X, k], table[Y, k]
        for r in range(places):
            dx, dy = x_m - table[SENSOR_X, r], y_m - table[SENSOR_Y, r]
            table[NEAREST, r] = min(table[NEAREST, r], dx * dx + dy * dy)


@compiled()
def row_of(deployed, shooters):
    """Return the row of the table that says for whom a sensor sees."""
    if deployed.shooter != NONE and not shooters[deployed.shooter].networked:
        return ALONE
    return EVERYBODY if deployed.nation == NONE else NATIONS + deployed.nation


@compiled()
def look(deployed, sensor, by_chance, table, count, row):
    """Raise a row of the table to what one radar or sight sees."""
    for k in range(count):
        dx, dy = table[X, k] - sensor.x_m, table[Y, k] - sensor.y_m
        ground2 = dx * dx + dy * dy
        slant2 = ground2 + table[Z, k] * table[Z, k]
        root_z, signature = table[ROOT_Z, k], table[SIGNATURE, k]
        p = chance(deployed, ground2, slant2, root_z, signature, by_chance)
        table[row, k] = max(table[row, k], p)


@compiled()
def listen(deployed, corners, by_chance, table, count, row):
    """Raise HEARD, and a row of the table, to what one acoustic line hears."""
    for k in range(count):
        if table[AUDIBLE, k] > _ZERO:
            ground2 = distance2(table[X, k], table[Y, k], corners, deployed.points)
            slant2 = ground2 + table[Z, k] * table[Z, k]
            p = chance_heard(deployed, slant2, by_chance)
            table[HEARD, k] = max(table[HEARD, k], p)
            table[row, k] = max(table[row, k], p)


@compiled()
def chance_heard(deployed, slant2, by_chance):
    """Return the probability that an acoustic line detects an audible threat in one epoch.

    p = p_max max(0, 1 - (r / r_max)^4), r the slant range to the nearest point of the line; there
    is no horizon. If detections are not drawn, 1 instead of p within range.
    """
    share2 = slant2 / (deployed.range_m * deployed.range_m)
    p = deployed.detection * (_ONE - share2 * share2) if by_chance else _ONE
    return p if share2 <= _ONE else _ZERO


@compiled()
def identifier(
    threat, kind, sensors, deployed, paths, by_chance, detection, least_rate, table, asked
):
    """Return the sensor best at telling kinds apart that detects a threat near enough, or NONE.

    Args:
        detection: the threat's detection number in this epoch.
        least_rate: only those are asked whose `identification_rate` is above it.
        table: as `survey` has written it.
        asked: how many sensors it names.
    """
    best, most = NONE, least_rate
    for n in range(asked):
        r = int(table[ASKED, n])
        row = deployed[r]
        if row.identification_rate <= most:
            continue
        dx, dy = threat.x_m - sensors[r].x_m, threat.y_m - sensors[r].y_m
        ground2 = dx * dx + dy * dy
        if row.acoustic:
            ground2 = distance2(threat.x_m, threat.y_m, paths[r], row.points)
        slant2 = ground2 + threat.z_m * threat.z_m
        if slant2 > row.identification_m * row.identification_m:
            continue
        if row.acoustic:
            p = chance_heard(row, slant2, by_chance) if kind.audible else _ZERO
        else:
            p = chance(row, ground2, slant2, math.sqrt(threat.z_m), kind.signature, by_chance)
        if detection < p:
            best, most = r, np.float64(row.identification_rate)
    return best


@compiled()
def distance2(x_m, y_m, corners, points):
    """Return the squared distance, m², of a place from the line through the first corners."""
    least = np.float32(np.inf)
    for n in range(points - 1):
        ax, ay = x_m - corners[n].x_m, y_m - corners[n].y_m
        bx, by = corners[n + 1].x_m - corners[n].x_m, corners[n + 1].y_m - corners[n].y_m
        length2 = bx * bx + by * by
        along = min(max((ax * bx + ay * by) / length2, _ZERO), _ONE) if length2 > _ZERO else _ZERO
        dx, dy = ax - along * bx, ay - along * by
        least = min(least, dx * dx + dy * dy)
    return least
