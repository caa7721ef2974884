"""Engagements: launch, fly out, kill or miss."""

import numpy as np

from envs.core import air_policing, metrics, randomness
from envs.core.compiled import compiled
from envs.core.flight import leg_at
from envs.core.params import NONE
from envs.core.randomness import uniform
from envs.core.state import INBOUND, KILLED

HOLD = 0
_ZERO, _ONE, _INF = np.float32(0.0), np.float32(1.0), np.float32(np.inf)


@compiled(inlined=True)
def launch(
    actions,
    mask,
    pairs,
    tracks,
    beliefs,
    threats,
    kinds,
    shooters,
    deployment,
    base_pk,
    engagements,
    totals,
    key,
    now_s,
):
    """Start the engagements that `actions` [S] orders and the mask [S, 1 + I] allows.

    Intercept time and pk are those of the pair table, frozen at launch. A fighter pair is sent, and
    spends its round when it fires.
    What is illegal or unknown is a hold, counted in the metric `illegal_actions`.
    """
    for s in range(mask.shape[0]):
        action = actions[s]
        if action == HOLD:
            continue
        if action < 0 or action >= mask.shape[1] or mask[s, action] == 0:
            totals[metrics.ILLEGAL_ACTIONS] += 1.0
            continue
        slot = action - 1
        target = tracks[slot].threat
        shooter, deployed, threat = shooters[s], deployment[s], threats[target]
        engagement = engagements[s, shooter.busy]
        engagement.target = target
        engagement.track = slot
        engagement.resolve_s = now_s + pairs[s, slot].flight_s
        engagement.pk = pairs[s, slot].pk
        engagement.true_pk = judged_pk(
            engagement.pk, base_pk[s], tracks[slot], beliefs[slot], threat, kinds, deployed, key
        )
        engagement.leg = threat.leg
        shooter.busy += 1
        totals[metrics.ENGAGEMENTS] += 1.0
        if deployed.sortie_s > _ZERO:
            air_policing.send(shooter, deployed, tracks[slot], pairs[s, slot].flight_s, now_s)
        else:
            spend(shooter, deployed, threat, kinds, totals)


@compiled()
def judged_pk(pk, base_pk, track, belief, threat, kinds, deployed, key):
    """Return by what an engagement of a shooter will be judged, its predicted pk being `pk`.

    Where that is of a believed kind, the same pk for the kind that the threat is; neutral aircraft
    taken for a threat are hit as surely as that would be.
    """
    kind = kinds[threat.kind]
    if not (track.certain or kind.neutral):
        believed = believed_pk(base_pk, belief, track.neutral)
        share = base_pk[threat.kind] / believed if believed > _ZERO else _ZERO
        pk = min(pk * share, _ONE)
    return jamming_pk(pk, kind, threat.number, key) if deployed.jams else pk


@compiled()
def believed_pk(base_pk, belief, neutral):
    """Return the kill probability at range 0 of a track, if it is a threat.

    Sum over kinds of belief * pk, pk being 0 against neutral kinds, divided by 1 - belief that it
    is neutral; 0 if that is certain.
    """
    if neutral >= _ONE:
        return _ZERO
    pk = _ZERO
    for kind in range(belief.shape[0]):
        pk += belief[kind] * base_pk[kind]
    return min(pk / (_ONE - neutral), _ONE)


@compiled()
def jamming_pk(pk, kind, number, key):
    """Return the pk of jamming one threat: pk / jammable if it can be jammed at all, and else 0.

    Whether it can is its own luck, the same for every attempt.
    """
    if uniform(key, randomness.JAMMING, number, 0) >= kind.jammable:
        return _ZERO
    return np.float32(min(pk / kind.jammable, 1.0))


@compiled()
def spend(shooter, deployed, threat, kinds, totals):
    """Take the rounds of one engagement from a shooter, and count them."""
    rounds = deployed.rounds_per_engagement
    shooter.rounds -= rounds
    totals[metrics.ROUNDS_FIRED] += rounds
    totals[metrics.ROUNDS_COST] += rounds * deployed.cost_keur
    totals[metrics.BY_KIND + 2 * kinds.shape[0] + deployed.kind] += rounds
    if kinds[threat.kind].decoy:
        totals[metrics.ROUNDS_AT_DECOYS] += rounds
    if kinds[threat.kind].neutral:
        totals[metrics.ROUNDS_AT_NEUTRALS] += rounds
    if threat.status != INBOUND:
        totals[metrics.ROUNDS_AT_DEAD] += rounds


@compiled()
def due(shooters, engagements, until_s, order):
    """Write into `order` the engagements that end before `until_s`, by (time, shooter).

    Args:
        order: int64 [S * C], scratch; entry s * C + c is channel c of shooter s.

    Returns:
        How many there are.
    """
    channels = engagements.shape[1]
    count = 0
    for s in range(shooters.shape[0]):
        for c in range(shooters[s].busy):
            time_s = engagements[s, c].resolve_s
            if time_s >= until_s:
                continue
            # Insertion by time: shooters come in order, so on a tie the earlier stays before.
            place = count
            while place > 0:
                before = order[place - 1]
                if engagements[before // channels, before % channels].resolve_s <= time_s:
                    break
                order[place] = before
                place -= 1
            order[place] = s * channels + c
            count += 1
    return count


@compiled(inlined=True)
def resolve(
    engagements, shooters, deployment, threats, routes, kinds, tracks, beliefs, totals, order, count
):
    """Judge the engagements that `due` has put in order.

    One at a threat that is dead or lands no later is wasted, and so is one whose track was lost;
    both are counted. A fighter pair that finds its track identifies it, and fires at a threat.
    """
    channels = engagements.shape[1]
    for n in range(count):
        s, c = order[n] // channels, order[n] % channels
        engagement, deployed = engagements[s, c], deployment[s]
        i = engagement.target
        threat, kind = threats[i], kinds[threats[i].kind]
        gone = threat.status != INBOUND or engagement.resolve_s >= threat.impact_s
        slot = engagement.track
        if deployed.sortie_s > _ZERO:
            found = not gone and slot != NONE
            if not (found and air_policing.meet(tracks[slot], beliefs[slot], threat, kind, totals)):
                engagement.track = NONE  # nothing was fired, so there is nothing to report
                continue
            spend(shooters[s], deployed, threat, kinds, totals)
        if gone:
            totals[metrics.ROUNDS_WASTED] += deployed.rounds_per_engagement
        elif slot == NONE:
            totals[metrics.ROUNDS_WASTED] += deployed.rounds_per_engagement
            totals[metrics.ROUNDS_UNGUIDED] += deployed.rounds_per_engagement
        elif kills(engagement, threat, routes[i], kind):
            threat.status = KILLED
            totals[metrics.BY_KIND + threat.kind] += 1.0
            if kind.neutral:
                totals[metrics.NEUTRALS_SHOT] += 1.0
            else:
                totals[metrics.KILLED] += 1.0
                totals[metrics.KILLED_COST] += kind.cost_keur


@compiled()
def kills(engagement, threat, route, kind):
    """Judge one engagement: multiply the threat's survival, and return whether it dies.

    pk = pk_launch (1 - evasion)^(waypoints passed since launch). The threat dies at the first
    engagement after which its survival, the product of 1 - pk over those judged, is at most its
    one uniform draw. So n engagements kill with probability 1 - (1 - pk)^n, whatever their
    order, and one more never saves a threat.
    """
    pk = np.float64(engagement.true_pk)
    for _ in range(leg_at(engagement.leg, route, engagement.resolve_s) - engagement.leg):
        pk *= 1.0 - kind.evasion
    threat.survival *= 1.0 - pk
    return threat.survival <= threat.kill_u


@compiled()
def free_channels(shooters, engagements, until_s):
    """Give back the channels of the engagements that ended before `until_s`."""
    for s in range(shooters.shape[0]):
        kept = 0
        for c in range(shooters[s].busy):
            if engagements[s, c].resolve_s >= until_s:
                engagements[s, kept].resolve_s = engagements[s, c].resolve_s
                engagements[s, kept].pk = engagements[s, c].pk
                engagements[s, kept].true_pk = engagements[s, c].true_pk
                engagements[s, kept].target = engagements[s, c].target
                engagements[s, kept].track = engagements[s, c].track
                engagements[s, kept].leg = engagements[s, c].leg
                kept += 1
        shooters[s].busy = kept


@compiled()
def lose_guidance(engagements, slot):
    """Take the guidance from the engagements of a track that has ended."""
    for s in range(engagements.shape[0]):
        for c in range(engagements.shape[1]):
            if engagements[s, c].track == slot:
                engagements[s, c].track = NONE


@compiled()
def drop_lost(shooters, deployment, totals, raid_over):
    """End the engagements of shooters out of action, or all if the raid is over: wasted."""
    for s in range(shooters.shape[0]):
        if (raid_over or not shooters[s].able) and shooters[s].busy > 0:
            if deployment[s].sortie_s == _ZERO:
                wasted = shooters[s].busy * deployment[s].rounds_per_engagement
                totals[metrics.ROUNDS_WASTED] += wasted
            shooters[s].busy = 0


@compiled(inlined=True)
def sum_up(shooters, engagements, held, tracks, now_s):
    """Write for each track how many engagements are in flight, its survival, the next end."""
    for i in range(tracks.shape[0]):
        if held[i]:
            tracks[i].in_flight = 0
            tracks[i].survival = _ONE
            tracks[i].resolve_s = _INF
    for s in range(shooters.shape[0]):
        for c in range(shooters[s].busy):
            slot = engagements[s, c].track
            if slot == NONE or not held[slot]:
                continue
            track = tracks[slot]
            track.in_flight += 1
            track.survival *= _ONE - engagements[s, c].pk
            track.resolve_s = min(track.resolve_s, engagements[s, c].resolve_s - now_s)
