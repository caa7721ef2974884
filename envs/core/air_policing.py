"""Fighter pairs: shooters that fly to a track, identify it, and shoot if it is a threat.

A pair waits on alert at its base, or aloft on patrol. Sent at a track it flies straight to where
that will be, as an interceptor does; what it meets there it knows for certain. At a threat it
fires one round; neutral aircraft and decoys it leaves alone. Then it may be sent on, and otherwise
flies back. Without rounds, or when its sortie is over, it goes home and is rearmed there.
"""

import math

import numpy as np

from envs.core import metrics
from envs.core.compiled import compiled
from envs.core.identification import open_beliefs
from envs.core.params import NONE

_ZERO, _ONE, _NEVER = np.float32(0.0), np.float32(1.0), np.float32(np.inf)


@compiled()
def deploy(shooters, deployment):
    """Put every shooter where it is when a raid begins."""
    for s in range(shooters.shape[0]):
        shooter, deployed = shooters[s], deployment[s]
        shooter.x_m, shooter.y_m = deployed.x_m, deployed.y_m
        shooter.take_off_s = _NEVER
        shooter.goal_x_m, shooter.goal_y_m = deployed.patrol_x_m, deployed.patrol_y_m
        if deployed.aloft:
            shooter.x_m, shooter.y_m = deployed.patrol_x_m, deployed.patrol_y_m
            shooter.take_off_s = _ZERO


@compiled()
def reaction_s(shooter, deployed):
    """Return the time from an order to the start: that of the alert, or none aloft."""
    return deployed.reaction_s if shooter.take_off_s == _NEVER else _ZERO


@compiled()
def sortie_left_s(shooter, deployed, now_s):
    """Return how long a pair can still be aloft; on the ground, a whole sortie."""
    if shooter.take_off_s == _NEVER:
        return deployed.reaction_s + deployed.sortie_s
    return shooter.take_off_s + deployed.sortie_s - now_s


@compiled()
def send(shooter, deployed, track, flight_s, now_s):
    """Send a pair to where a track will be after `flight_s`, its reaction included."""
    if shooter.take_off_s == _NEVER:
        shooter.take_off_s = now_s + deployed.reaction_s
    shooter.goal_x_m = track.x_m + track.vx_mps * flight_s
    shooter.goal_y_m = track.y_m + track.vy_mps * flight_s


@compiled()
def meet(track, belief, threat, kind, totals):
    """Identify a track for certain, and return whether it is to be shot at."""
    if not track.certain:
        totals[metrics.INTERCEPTS] += 1.0
        open_beliefs(track, belief, belief, threat.kind, True)
    return not (kind.neutral or kind.decoy)


@compiled()
def fly(shooters, deployment, engagements, held, tracks, now_s, epoch_s):
    """Move the pairs for one epoch, up to `now_s`; land those that have come home.

    A pair is called back from a track that has ended, or has turned out to be neutral. One that has
    met its track in this epoch goes back from there in the next.
    """
    for s in range(shooters.shape[0]):
        shooter, deployed = shooters[s], deployment[s]
        if deployed.sortie_s == _ZERO or shooter.take_off_s == _NEVER:
            continue
        if not shooter.able:
            shooter.x_m, shooter.y_m, shooter.take_off_s = deployed.x_m, deployed.y_m, _NEVER
            continue
        slot = engagements[s, 0].track
        if shooter.busy > 0 and (slot == NONE or not held[slot] or tracks[slot].neutral >= _ONE):
            shooter.busy = 0
            if now_s < shooter.take_off_s:
                shooter.take_off_s = _NEVER
                continue
            go_back(shooter, deployed, now_s)
        aloft_s = min(epoch_s, now_s - shooter.take_off_s)
        approach(shooter, deployed.interceptor_mps * max(aloft_s, _ZERO))
        if shooter.busy == 0:
            home = go_back(shooter, deployed, now_s)
            if home and shooter.x_m == deployed.x_m and shooter.y_m == deployed.y_m:
                shooter.take_off_s = _NEVER
                shooter.reload_s = now_s + deployed.reload_s


@compiled()
def go_back(shooter, deployed, now_s):
    """Send a free pair to its patrol, or home, and return whether it is home.

    It goes home when its sortie is over, without rounds, or if it waits there.
    """
    done = now_s >= shooter.take_off_s + deployed.sortie_s
    empty = shooter.rounds < deployed.rounds_per_engagement
    home = done or empty or not deployed.aloft  # a patrol may be right above the base
    shooter.goal_x_m = deployed.x_m if home else deployed.patrol_x_m
    shooter.goal_y_m = deployed.y_m if home else deployed.patrol_y_m
    return home


@compiled()
def approach(shooter, distance_m):
    """Move a pair towards its goal by a distance, and no further."""
    dx, dy = shooter.goal_x_m - shooter.x_m, shooter.goal_y_m - shooter.y_m
    left_m = math.sqrt(dx * dx + dy * dy)
    if left_m <= distance_m:
        shooter.x_m, shooter.y_m = shooter.goal_x_m, shooter.goal_y_m
    else:
        shooter.x_m += dx / left_m * distance_m
        shooter.y_m += dy / left_m * distance_m
