"""Rounds that come to a shooter."""

import numpy as np

from envs.core.compiled import compiled

_NEVER = np.float32(np.inf)


@compiled()
def supply(shooters, deployment):
    """Give every shooter what it has at the start."""
    for s in range(shooters.shape[0]):
        shooters[s].busy = 0
        shooters[s].rounds = deployment[s].rounds
        shooters[s].reserve = deployment[s].reserve
        shooters[s].reload_s = _NEVER


@compiled()
def fill(shooter, deployed):
    """Fill a magazine from the reserve beside it; no reload is under way any more."""
    brought = min(deployed.magazine - shooter.rounds, shooter.reserve)
    shooter.rounds += brought
    shooter.reserve -= brought
    shooter.reload_s = _NEVER


@compiled()
def reload(shooters, deployment, now_s):
    """End the reloads that are due by `now_s`, and start those that are needed.

    A reload brings `reload_rounds`, or what the reserve still has, after `reload_s`. It starts as
    soon as it fits the magazine, one at a time, and does not keep a shooter from firing.
    """
    for s in range(shooters.shape[0]):
        shooter, deployed = shooters[s], deployment[s]
        if deployed.sortie_s > 0.0:
            if shooter.reload_s <= now_s:  # its turn-round, begun when it landed, is over
                fill(shooter, deployed)
            continue
        if shooter.reserve == 0 or not shooter.able:
            shooter.reload_s = _NEVER
            continue
        if shooter.reload_s <= now_s:
            brought = min(deployed.reload_rounds, shooter.reserve)
            shooter.rounds += brought
            shooter.reserve -= brought
            shooter.reload_s = _NEVER
        comes = min(deployed.reload_rounds, shooter.reserve)
        fits = shooter.rounds + comes <= deployed.magazine
        if shooter.reload_s == _NEVER and comes > 0 and fits:
            shooter.reload_s = now_s + deployed.reload_s
