"""Another future of the same present: all that the defence cannot know is drawn anew.

Planners simulate on copies of a member. A copy that kept the truth would tell them what no policy
may know: luck, arrivals still to come, what a track really is and where it goes. So of the threats
only the tracks are kept, and everything behind them is drawn from another key, by what is believed.
"""

import math

import numpy as np

from envs.core import flight, randomness, sensing
from envs.core.compiled import compiled
from envs.core.engagement import judged_pk
from envs.core.params import NONE
from envs.core.randomness import uniform
from envs.core.state import INBOUND, KILLED

_ZERO, _ONE, _INF = np.float32(0.0), np.float32(1.0), np.float32(np.inf)
MISSED_ALIVE = 0.1  # probability, taken here, that a living threat is missed in an epoch
GONE_ON_S = np.float32(1_200.0)  # for so long a track taken for neutral is imagined to fly on

# Rows of the scratch table, by slot.
_MISSES, _REPORTS = range(2)


@compiled()
def free_rows(held, rows, order):
    """Write into `order` the rows of threats that are not those of tracks; return how many."""
    count = 0
    for i in range(rows):
        if i >= held.shape[0] or not held[i]:
            order[count] = i
            count += 1
    return count


@compiled()
def note_contacts(contacts, held, tracks, table):
    """Set aside what the sensors have of each track, before its threat changes rows."""
    for i in range(held.shape[0]):
        if held[i]:
            contact = contacts[tracks[i].threat]
            table[_MISSES, i] = np.float32(contact.misses)
            table[_REPORTS, i] = np.float32(contact.reports)


@compiled()
def is_unseen(threat, route, kind, sensors, deployed, paths, now_s):
    """Return whether a threat is yet to come, or on its way where no sensor sees or hears it.

    What is in view of a sensor has a track, unless it was missed by chance, which is left out.
    """
    if route[0].time_s > now_s:
        return True
    if threat.impact_s <= now_s:
        return False
    threat.leg = flight.leg_at(0, route, now_s)
    flight.move(threat, route, kind, now_s)
    return not in_reach(threat, kind, sensors, deployed, paths)


@compiled()
def in_reach(threat, kind, sensors, deployed, paths):
    """Return whether some sensor has a threat in view, or within its hearing."""
    for r in range(deployed.shape[0]):
        if not sensors[r].able:
            continue
        if not deployed[r].acoustic:
            if sensing.in_view(threat, kind, sensors[r], deployed[r]):
                return True
        elif kind.audible:
            ground2 = sensing.distance2(threat.x_m, threat.y_m, paths[r], deployed[r].points)
            reach2 = deployed[r].range_m * deployed[r].range_m
            if ground2 + threat.z_m * threat.z_m <= reach2:
                return True
    return False


@compiled()
def believe_threat(threat, track, belief, kinds, assets, slot, key):
    """Draw the threat behind a track: what it is, where it goes, whether it does damage, its luck.

    Its kind is drawn by belief, unless that is certain. It aims at the likeliest aim point with the
    probability believed, and else at any other, by value. That it lives says nothing about the
    engagements to come, so its survival begins anew.
    """
    number = -1 - slot  # apart from those of the raid
    kind = np.int64(track.kind)
    if not track.certain:
        kind = drawn_kind(belief, uniform(key, randomness.KIND, number, 0))
    aim = np.int64(NONE)
    if not kinds[kind].neutral:
        aim = drawn_aim(track, assets, uniform(key, randomness.AIM, number, 0))
    threat.number, threat.kind, threat.aim = number, kind, aim
    threat.status, threat.leg, threat.tracked = INBOUND, 0, True
    threat.survival = 1.0
    threat.kill_u = uniform(key, randomness.KILL, number, 0)
    threat.hits = uniform(key, randomness.HIT, number, 0) < kinds[kind].hit


@compiled()
def drawn_kind(belief, u):
    """Return the kind that a draw in [0, 1) selects by belief."""
    total = 0.0
    for kind in range(belief.shape[0]):
        total += belief[kind]
    left = u * total
    chosen = 0
    for kind in range(belief.shape[0]):
        if belief[kind] > _ZERO:
            chosen = kind
            left -= belief[kind]
            if left < 0.0:
                break
    return chosen


@compiled()
def drawn_aim(track, assets, u):
    """Return the aim point that a draw in [0, 1) selects."""
    if track.aim == NONE:
        return np.int64(0)
    if u < track.aim_belief or assets.shape[0] == 1:
        return np.int64(track.aim)
    total = 0.0
    for a in range(assets.shape[0]):
        total += assets[a].value if a != track.aim else 0.0
    left = (u - track.aim_belief) / (1.0 - track.aim_belief) * total
    chosen = np.int64(track.aim)
    for a in range(assets.shape[0]):
        if a != track.aim:
            chosen = np.int64(a)
            left -= assets[a].value
            if left < 0.0:
                break
    return chosen


@compiled()
def believe_route(threat, route, track, kinds, assets, now_s):
    """Let the threat behind a track fly straight from where that is to where it aims.

    The leg begins where its altitude says, so that something that falls is at its track's altitude
    now: it falls from kind.altitude to 0 while it flies from the first vertex to the second.
    """
    kind = kinds[threat.kind]
    for v in range(route.shape[0]):
        route[v].x_m, route[v].y_m, route[v].time_s = _ZERO, _ZERO, _INF
    end_x, end_y = track.x_m + track.vx_mps * GONE_ON_S, track.y_m + track.vy_mps * GONE_ON_S
    if threat.aim != NONE:
        end_x, end_y = assets[threat.aim].x_m, assets[threat.aim].y_m
    dx, dy = end_x - track.x_m, end_y - track.y_m
    dz = track.z_m if kind.ballistic else _ZERO
    left_s = max(math.sqrt(dx * dx + dy * dy + dz * dz) / kind.speed_mps, _ONE)
    share = _ONE
    if kind.ballistic:
        share = max(kind.altitude_m / max(track.z_m, _ONE), _ONE)
    route[0].x_m, route[0].y_m = end_x - dx * share, end_y - dy * share
    route[0].time_s = now_s + left_s - left_s * share
    route[1].x_m, route[1].y_m, route[1].time_s = end_x, end_y, now_s + left_s
    threat.impact_s = route[1].time_s
    flight.move(threat, route, kind, now_s)


@compiled()
def believe_dead(threat, misses, reports, key):
    """Let a track that was engaged and is missed since be that of a dead threat, by chance.

    With n misses, P(dead) = 1 / (1 + q^n), q the probability of a miss alive: as if half of the
    engagements had killed.
    """
    if misses == _ZERO or reports == _ZERO:
        return
    alive = MISSED_ALIVE ** np.float64(misses)
    if uniform(key, randomness.ASSESSMENT, threat.number, -1) < 1.0 / (1.0 + alive):
        threat.status = KILLED


@compiled()
def believe_contact(contact, track, slot, misses, reports, detections, epoch):
    """Let the sensors have of a threat what they have of its track."""
    contact.track, contact.detections = slot, detections
    contact.misses, contact.reports = np.int64(misses), np.int64(reports)
    contact.x_m, contact.y_m, contact.z_m = track.x_m, track.y_m, track.z_m
    contact.epoch = epoch


@compiled()
def aim_engagements(
    engagements, shooters, deployment, base_pk, held, tracks, beliefs, threats, kinds, key
):
    """Direct the engagements under way at the threats now behind their tracks.

    What it will do is judged by the kind that has been drawn. One whose track is not held flies on
    at nothing.
    """
    for s in range(shooters.shape[0]):
        for c in range(shooters[s].busy):
            engagement = engagements[s, c]
            slot = engagement.track
            if slot == NONE or not held[slot]:
                engagement.track = NONE
                continue
            engagement.target, engagement.leg = slot, 0
            engagement.true_pk = judged_pk(
                engagement.pk,
                base_pk[s],
                tracks[slot],
                beliefs[slot],
                threats[slot],
                kinds,
                deployment[s],
                key,
            )
