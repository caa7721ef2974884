"""Campaigns: the key and day of each raid, and what happens in the lull between two."""

import math

import numpy as np

from envs.core import metrics, randomness
from envs.core.compiled import compiled
from envs.core.logistics import fill
from envs.core.params import NONE
from envs.core.randomness import derived_key, uniform


@compiled()
def key_of(campaign_key, number):
    """Return the key of a raid of a campaign; that of the first is the campaign's own."""
    if number == 0:
        return campaign_key
    return derived_key(campaign_key, randomness.CAMPAIGN, number)


@compiled()
def lull_days(campaign, campaign_key, number):
    """Draw the days between raid `number` of a campaign and the one before, uniform."""
    draw = np.float32(uniform(campaign_key, randomness.LULL, number, 0))
    return campaign.lull_min_days + draw * (campaign.lull_max_days - campaign.lull_min_days)


@compiled()
def goes_on(campaign, campaign_key, number, day):
    """Return whether another raid follows raid `number`, which began on `day`."""
    if number + 1 >= campaign.raids:
        return False
    return day + lull_days(campaign, campaign_key, number + 1) <= campaign.days


@compiled()
def repair(healths, campaign, days):
    """Let every asset regain health for some days."""
    for a in range(healths.shape[0]):
        healths[a] = min(1.0, healths[a] + campaign.repair_per_day * days)


@compiled()
def rotate(shooters, deployment, sensors, day):
    """Let contingents come and go: shooters are able from their ready day until their leave day.

    What has no health is put out of action afterwards, by the same kernel as during a raid.
    """
    for s in range(shooters.shape[0]):
        shooters[s].able = deployment[s].ready_day <= day and day < deployment[s].leave_day
    for r in range(sensors.shape[0]):
        sensors[r].able = True


@compiled()
def delivered(delivery, day):
    """Return the rounds of a delivery that have arrived by a day: floor(rate (day - lead)+)."""
    return np.int64(math.floor(delivery.rounds_per_day * max(0.0, day - delivery.first_day)))


@compiled()
def deliver(
    depot, deliveries, delivery_to, shooters, deployment, totals, before, day, orders, mask
):
    """Hand out what has arrived since the day `before`, and what was left over.

    All goes to the shooter that `orders` name, if it is legal by the mask and able. Otherwise one
    round at a time goes to the able shooter of the kind, of a nation that can use it, that has the
    smallest share of its first supply, the first of equals. What nobody can take stays in the
    depot.
    """
    for d in range(deliveries.shape[0]):
        depot[d] += delivered(deliveries[d], day) - delivered(deliveries[d], before)
        chosen = receiver(orders, mask, d)
        if chosen != NONE and shooters[chosen].able:
            shooters[chosen].reserve += depot[d]
            totals[metrics.ROUNDS_DELIVERED] += depot[d]
            depot[d] = 0
        while depot[d] > 0:
            s = neediest(shooters, deployment, deliveries[d].kind, delivery_to[d])
            if s == NONE:
                break
            shooters[s].reserve += 1
            depot[d] -= 1
            totals[metrics.ROUNDS_DELIVERED] += 1.0


@compiled()
def receiver(orders, mask, d):
    """Return the shooter that gets delivery d by the joint action, or NONE: by need."""
    shooters = mask.shape[1] - 1
    if orders.shape[0] == shooters:
        return NONE
    order = orders[shooters + d]
    legal = 0 < order <= shooters and mask[d, order] == 1
    return order - 1 if legal else NONE


@compiled()
def check_orders(orders, mask, totals):
    """Count the orders about deliveries that the mask does not allow."""
    shooters = mask.shape[1] - 1
    for n in range(shooters, orders.shape[0]):
        if orders[n] != 0 and receiver(orders, mask, n - shooters) == NONE:
            totals[metrics.ILLEGAL_ACTIONS] += 1.0


@compiled()
def mask_deliveries(mask, deliveries, delivery_to, deployment, day, lull):
    """Write which shooters may be given which deliveries: in a lull, those that can use them.

    Of the kind, of a nation that can, and not gone by the day.
    """
    for d in range(mask.shape[0]):
        mask[d, 0] = 1
        for s in range(deployment.shape[0]):
            deployed = deployment[s]
            fits = deployed.kind == deliveries[d].kind and delivery_to[d, deployed.nation]
            mask[d, 1 + s] = lull and fits and day < deployed.leave_day


@compiled()
def neediest(shooters, deployment, kind, nations):
    """Return the able shooter of a kind and of certain nations that has the least, or NONE."""
    best, least = NONE, np.inf
    for s in range(shooters.shape[0]):
        deployed = deployment[s]
        if deployed.kind != kind or not shooters[s].able or not nations[deployed.nation]:
            continue
        had = deployed.rounds + deployed.reserve
        share = (shooters[s].rounds + shooters[s].reserve) / had
        if share < least:
            best, least = s, share
    return best


@compiled()
def restock(shooters, deployment):
    """Fill magazines from the reserves beside them: a lull is longer than any reload."""
    for s in range(shooters.shape[0]):
        fill(shooters[s], deployment[s])
