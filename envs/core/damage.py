"""Impacts and losses."""

from envs.core import metrics
from envs.core.compiled import compiled
from envs.core.params import NONE
from envs.core.state import DUD, INBOUND, LEAKED, PENDING


@compiled()
def health_lost(kind, asset, health):
    """Return min(health_a, damage_i (1 - hardness_a)): health that one hit takes."""
    return min(health, kind.damage * (1.0 - asset.hardness))


@compiled()
def expected_loss(kind, asset, health):
    """Return V_i = value_a * health_lost * hit_i, the loss expected of one threat alone.

    The additive surrogate of the true loss: it leaves out that threats share an asset's health.
    """
    return asset.value * health_lost(kind, asset, health) * kind.hit


@compiled()
def strike(kind, asset, healths, aim):
    """Take the health that a hit costs from `healths[aim]`; return value_a * health lost."""
    lost = health_lost(kind, asset, healths[aim])
    healths[aim] -= lost
    return asset.value * lost


@compiled()
def next_impact(threats, until_s):
    """Return the threat under way that arrives first, by (time, number), before `until_s`."""
    first = NONE
    for i in range(threats.shape[0]):
        status, time_s = threats[i].status, threats[i].impact_s
        if time_s >= until_s or (status != INBOUND and status != PENDING):
            continue
        if first == NONE or time_s < threats[first].impact_s:
            first = i
        elif time_s == threats[first].impact_s and threats[i].number < threats[first].number:
            first = i
    return first


@compiled()
def impacts(threats, kinds, assets, healths, totals, until_s):
    """Let the threats strike that arrive before `until_s`, by (time, number)."""
    while True:
        i = next_impact(threats, until_s)
        if i == NONE:
            return
        threat = threats[i]
        if not threat.hits:
            threat.status = DUD
            if not kinds[threat.kind].neutral:
                totals[metrics.DUDS] += 1.0
            continue
        threat.status = LEAKED
        totals[metrics.LEAKERS] += 1.0
        totals[metrics.BY_KIND + kinds.shape[0] + threat.kind] += 1.0
        stood = healths[threat.aim] > 0.0
        totals[metrics.LOSS] += strike(kinds[threat.kind], assets[threat.aim], healths, threat.aim)
        if stood and healths[threat.aim] <= 0.0:
            totals[metrics.ASSETS_LOST] += 1.0


@compiled()
def restore(healths, assets):
    """Give every asset its whole health, and an empty row none."""
    for a in range(assets.shape[0]):
        healths[a] = 1.0 if assets[a].value > 0.0 else 0.0


@compiled()
def put_out_of_action(shooters, deployment, sensors, deployed, healths):
    """Mark the shooters and sensors that are assets without health left as not able.

    The organic sensor of a shooter falls out with it.
    """
    for s in range(shooters.shape[0]):
        asset = deployment[s].asset
        if asset != NONE and healths[asset] <= 0.0:
            shooters[s].able = False
    for r in range(sensors.shape[0]):
        asset, owner = deployed[r].asset, deployed[r].shooter
        if asset != NONE and healths[asset] <= 0.0:
            sensors[r].able = False
        if owner != NONE and not shooters[owner].able:
            sensors[r].able = False


@compiled()
def everything_lost(healths):
    """Return whether no asset has any health left."""
    for health in healths:
        if health > 0.0:
            return False
    return True
