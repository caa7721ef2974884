"""How a raid begins: drawn from its key, drawn anew for a planner, or after a lull."""

import numpy as np

from envs.core import (
    air_policing,
    campaign,
    damage,
    futures,
    metrics,
    raid,
    randomness,
    sensing,
    tracking,
)
from envs.core.compiled import compiled
from envs.core.params import NONE
from envs.core.randomness import uniform
from envs.core.state import ABSENT, PENDING


@compiled()
def draw_raid(state, params, b, order):
    """Draw the threats of member b's present raid from its key, into shuffled slots."""
    number = state.raid[b].number
    key = campaign.key_of(state.raid[b].campaign_key, number)
    state.raid[b].key = key
    threats, routes = state.threat[b], state.route[b]
    raid.clear(threats, routes)
    raid.shuffle(order, threats.shape[0], key)
    draw_packages(state, params, b, key, order, threats.shape[0], False)


@compiled()
def draw_packages(state, params, b, key, order, room, unseen):
    """Draw the threats of a raid by its key into the first `room` rows of `order`, int64 [T].

    Of an imagined raid those alone are kept that are still `unseen`, and only while there is room.
    """
    p = state.raid[b].params_index
    threats, routes = state.threat[b], state.route[b]
    kinds, assets = params.threat_kind[p], params.asset[p]
    number, place = 0, 0
    for g in range(params.package.shape[1]):
        package, aims = params.package[p, g], params.package_aim[p, g]
        time_s = raid.package_time_s(package, key, g)
        common_aim = raid.package_aim(package, aims, key, g)
        for rank in range(raid.package_size(package, key, g)):
            if place == room:
                return
            threat, route = threats[order[place]], routes[order[place]]
            weights = params.package_kind[p, g]
            raid.draw_threat(threat, number, kinds, weights, common_aim, aims, key)
            # Neutral aircraft aim at nothing, and have no descent for which it would matter.
            kind, aim = kinds[threat.kind], assets[max(threat.aim, 0)]
            entry, vias, via = params.entry[p, g], params.vias[p, g], params.via[p, g]
            last = raid.draw_route(route, number, kind, aim, entry, package, vias, via, key)
            if package.traffic:
                leaves = uniform(key, randomness.EXIT, number, 0)
                raid.draw_place(route[last], params.exit[p, g], leaves)
            else:
                route[last].x_m, route[last].y_m = aim.x_m, aim.y_m
            delay_s = raid.delay_s(package, number, rank, key)
            raid.time_route(threat, route, last, kind, time_s + delay_s)
            number += 1
            if unseen and not still_unseen(state, params, b, threat, route):
                raid.clear_row(threat, route)
                continue
            place += 1


@compiled()
def still_unseen(state, params, b, threat, route):
    """Return whether a threat just drawn could be there without member b's sensors seeing it."""
    p = state.raid[b].params_index
    now_s = np.float32(state.raid[b].epoch * params.epoch_s[p])
    kind, sensors = params.threat_kind[p, threat.kind], state.sensor[b]
    deployed, paths = params.sensor[p], params.sensor_path[p]
    return futures.is_unseen(threat, route, kind, sensors, deployed, paths, now_s)


@compiled()
def redraw(state, params, b, key, table, order):
    """Draw anew, from another key, all that member b's defence cannot know; see `core.futures`."""
    member, p = state.raid[b], state.raid[b].params_index
    threats, routes, contacts = state.threat[b], state.route[b], state.contact[b]
    held, tracks, beliefs = state.held[b], state.track[b], state.belief[b]
    kinds, assets, picture = params.threat_kind[p], params.asset[p], params.picture[p]
    now_s = np.float32(member.epoch * params.epoch_s[p])
    member.campaign_key = key
    member.key = campaign.key_of(key, member.number)
    if member.lull:
        return
    futures.note_contacts(contacts, held, tracks, table)
    raid.clear(threats, routes)
    room = futures.free_rows(held, threats.shape[0], order)
    draw_packages(state, params, b, member.key, order, room, True)
    for i in range(contacts.shape[0]):
        contacts[i].track, contacts[i].detections = NONE, 0
        contacts[i].misses, contacts[i].reports = 0, 0
    for i in range(held.shape[0]):
        if picture.perfect:
            tracks[i].threat = i
        if not held[i]:
            continue
        track, threat = tracks[i], threats[i]
        futures.believe_threat(threat, track, beliefs[i], kinds, assets, i, member.key)
        futures.believe_route(threat, routes[i], track, kinds, assets, now_s)
        track.threat = i
        if not picture.perfect:
            misses, reports = table[0, i], table[1, i]
            futures.believe_dead(threat, misses, reports, member.key)
            started = picture.detections_to_start
            futures.believe_contact(contacts[i], track, i, misses, reports, started, member.epoch)
    futures.aim_engagements(
        state.engagement[b],
        state.shooter[b],
        params.shooter[p],
        params.shooter_pk[p],
        held,
        tracks,
        beliefs,
        threats,
        kinds,
        member.key,
    )


@compiled()
def undefended_loss(state, params, b, order):
    """Return the loss of member b's raids if nobody fires, and leave the first of them drawn.

    The impacts of each whole raid are played by the step's own kernel, in the same order, and the
    repairs between them, so it equals the loss under the hold-fire policy to the bit.
    """
    member, p = state.raid[b], state.raid[b].params_index
    threats, health = state.threat[b], state.health[b]
    epoch_s, steps, day = params.epoch_s[p], 0, member.day
    state.metrics[b, metrics.LOSS] = 0.0
    while True:
        draw_raid(state, params, b, order)
        until_s = np.float32((member.max_epochs - steps) * epoch_s)
        damage.impacts(
            threats, params.threat_kind[p], params.asset[p], health, state.metrics[b], until_s
        )
        steps += 1 + epochs_until(last_impact_s(threats), epoch_s)
        more = campaign.goes_on(params.campaign[p], member.campaign_key, member.number, day)
        if damage.everything_lost(health) or not more or steps >= member.max_epochs:
            break
        member.number += 1
        days = campaign.lull_days(params.campaign[p], member.campaign_key, member.number)
        day += days
        campaign.repair(health, params.campaign[p], days)
    damage.restore(health, params.asset[p])
    if member.number > 0:
        member.number = 0
        draw_raid(state, params, b, order)
    for i in range(threats.shape[0]):
        if threats[i].status != ABSENT:
            threats[i].status = PENDING
    return state.metrics[b, metrics.LOSS]


@compiled()
def last_impact_s(threats):
    """Return when the last threat of a raid strikes."""
    last_s = np.float32(0.0)
    for i in range(threats.shape[0]):
        if threats[i].status != ABSENT:
            last_s = max(last_s, threats[i].impact_s)
    return last_s


@compiled()
def epochs_until(time_s, epoch_s):
    """Return how many epochs begin by the time, so that it lies before the end of the last."""
    epochs = max(0, int(time_s / epoch_s) - 1)  # one less: the division may round up
    while time_s >= np.float32((epochs + 1) * epoch_s):
        epochs += 1
    return epochs + 1


@compiled()
def begin_raid(state, params, b):
    """Bring what is there on the day, empty the picture, and count the raid that is drawn."""
    member, p = state.raid[b], state.raid[b].params_index
    shooters, deployment = state.shooter[b], params.shooter[p]
    sensors, deployed = state.sensor[b], params.sensor[p]
    sensing.deploy(sensors, deployed)
    campaign.rotate(shooters, deployment, sensors, member.day)
    damage.put_out_of_action(shooters, deployment, sensors, deployed, state.health[b])
    perfect = params.picture[p].perfect
    tracking.clear(state.contact[b], state.held[b], state.track[b], state.engagement[b], perfect)
    air_policing.deploy(shooters, deployment)
    state.metrics[b, metrics.RAIDS] += 1.0
    count_coming(state.threat[b], params.threat_kind[p], state.metrics[b])


@compiled()
def count_coming(threats, kinds, totals):
    """Count the threats of a raid, and the neutral aircraft."""
    for i in range(threats.shape[0]):
        if threats[i].status != ABSENT:
            neutral = kinds[threats[i].kind].neutral
            totals[metrics.NEUTRALS if neutral else metrics.THREATS] += 1.0


@compiled()
def pass_lull(state, params, b, actions, order):
    """Let the days of a lull pass, and begin the next raid of the campaign."""
    member, p = state.raid[b], state.raid[b].params_index
    shooters, deployment = state.shooter[b], params.shooter[p]
    before = member.day
    member.number += 1
    days = campaign.lull_days(params.campaign[p], member.campaign_key, member.number)
    member.day = before + days
    member.epoch = 0
    member.lull = False
    campaign.repair(state.health[b], params.campaign[p], days)
    draw_raid(state, params, b, order)
    begin_raid(state, params, b)
    campaign.deliver(
        state.depot[b],
        params.delivery[p],
        params.delivery_to[p],
        shooters,
        deployment,
        state.metrics[b],
        before,
        member.day,
        actions,
        state.delivery_mask[b],
    )
    campaign.restock(shooters, deployment)
