"""The phases of an epoch, in order, for one member of a batch."""

import numpy as np

from envs.core import (
    command,
    damage,
    engagement,
    fire_control,
    flight,
    identification,
    logistics,
    metrics,
    raid,
    sensing,
    tracking,
)
from envs.core.compiled import compiled
from envs.core.randomness import raid_key
from envs.core.state import ABSENT, INBOUND, PENDING


@compiled()
def reset_one(state, params, b, split, seed, ordinal, weights, table, order):
    """Draw member b's raid (split, seed, ordinal) and put everything at its start.

    Args:
        weights: float64 [M], the reward's weight of each metric.
        table: float32 [rows, max(T, I)], scratch; see `batch_kernels.scratch`.
        order: int64 [max(T, I, S * C)], scratch.
    """
    member = state.raid[b]
    member.key = raid_key(split, seed, ordinal)
    member.epoch = 0
    member.terminated = False
    member.truncated = False
    draw_raid(state, params, b, order)
    for a in range(state.health.shape[1]):
        state.health[b, a] = 1.0
    member.undefended_loss = undefended_loss(state, params, b)
    tracking.clear(state.contact[b], state.held[b], state.track[b], state.engagement[b])
    for m in range(state.metrics.shape[1]):
        state.metrics[b, m] = 0.0
    state.metrics[b, metrics.UNDEFENDED_LOSS] = member.undefended_loss
    state.metrics[b, metrics.THREATS] = threats_coming(state.threat[b])
    member.reward_total = metrics.weighted(state.metrics[b], weights)
    logistics.supply(state.shooter[b], params.shooter[member.params_index])
    sensing.deploy(state.sensor[b], params.sensor[member.params_index])
    see(state, params, b, table, order)


@compiled()
def threats_coming(threats):
    """Return how many threats a raid has."""
    count = 0
    for i in range(threats.shape[0]):
        count += np.int64(threats[i].status != ABSENT)
    return count


@compiled()
def draw_raid(state, params, b, order):
    """Draw the threats of member b from its key, package after package, into shuffled slots."""
    p, key = state.raid[b].params_index, state.raid[b].key
    threats, routes = state.threat[b], state.route[b]
    kinds, assets = params.threat_kind[p], params.asset[p]
    raid.clear(threats, routes, order, key)
    number = 0
    for g in range(params.package.shape[1]):
        package, aims = params.package[p, g], params.package_aim[p, g]
        time_s = raid.package_time_s(package, key, g)
        common_aim = raid.package_aim(package, aims, key, g)
        for rank in range(raid.package_size(package, key, g)):
            threat, route = threats[order[number]], routes[order[number]]
            weights = params.package_kind[p, g]
            raid.draw_threat(threat, number, kinds, weights, common_aim, aims, key)
            kind, aim = kinds[threat.kind], assets[threat.aim]
            entry, vias, via = params.entry[p, g], params.vias[p, g], params.via[p, g]
            last = raid.draw_route(route, number, kind, aim, entry, package, vias, via, key)
            delay_s = raid.delay_s(package, number, rank, key)
            raid.time_route(threat, route, last, kind, time_s + delay_s)
            number += 1


@compiled()
def undefended_loss(state, params, b):
    """Return the loss of member b's raid if nobody fires.

    The impacts of the whole raid are played by the step's own kernel, in the same order, and the
    threats then put back, so it equals the loss under the hold-fire policy to the bit.
    """
    p, threats = state.raid[b].params_index, state.threat[b]
    until_s = np.float32(state.raid[b].max_epochs * params.epoch_s[p])
    state.metrics[b, metrics.LOSS] = 0.0
    damage.impacts(
        threats,
        params.threat_kind[p],
        params.asset[p],
        state.health[b],
        state.metrics[b],
        until_s,
    )
    for i in range(threats.shape[0]):
        if threats[i].impact_s < until_s:
            threats[i].status = PENDING
    for a in range(state.health.shape[1]):
        state.health[b, a] = 1.0
    return state.metrics[b, metrics.LOSS]


@compiled(inlined=True)
def step_one(state, params, b, actions, weights, table, order):
    """Play one epoch of member b and return its reward; a raid that is over stays as it is.

    Launches at t; then engagements end by (time, shooter) and threats strike by (time, threat),
    all before t + epoch; then reloads and arrivals; then the picture at t + epoch.

    Args:
        actions: integers [S], 0 to hold or 1 + slot.
        weights: float64 [M], the reward's weight of each metric.
        table: float32 [rows, max(T, I)], scratch; see `batch_kernels.scratch`.
        order: int64 [max(T, I, S * C)], scratch.

    Returns:
        float64, the weighted sum of what the metrics gained in this epoch.
    """
    member = state.raid[b]
    if member.terminated or member.truncated:
        return 0.0
    p, totals = member.params_index, state.metrics[b]
    epoch_s = params.epoch_s[p]
    now_s, until_s = np.float32(member.epoch * epoch_s), np.float32((member.epoch + 1) * epoch_s)
    threats, kinds = state.threat[b], params.threat_kind[p]
    shooters, deployment = state.shooter[b], params.shooter[p]
    flying, tracks, picture = state.engagement[b], state.track[b], params.picture[p]
    engagement.launch(
        actions,
        state.action_mask[b],
        state.pair[b],
        tracks,
        state.belief[b],
        threats,
        kinds,
        shooters,
        deployment,
        params.shooter_pk[p],
        flying,
        totals,
        now_s,
    )
    count = engagement.due(shooters, flying, until_s, order)
    if count > 0:
        engagement.resolve(flying, deployment, threats, state.route[b], kinds, totals, order, count)
        if not picture.perfect:
            tracking.assess(
                flying,
                threats,
                state.contact[b],
                state.held[b],
                tracks,
                picture,
                order,
                count,
                member.key,
                member.epoch,
            )
        engagement.free_channels(shooters, flying, until_s)
    damage.impacts(threats, kinds, params.asset[p], state.health[b], totals, until_s)
    damage.put_out_of_action(
        shooters, deployment, state.sensor[b], params.sensor[p], state.health[b]
    )
    member.terminated = settled(threats) or damage.everything_lost(state.health[b])
    engagement.drop_lost(shooters, deployment, totals, member.terminated)
    member.epoch += 1
    see(state, params, b, table, order)
    member.truncated = member.epoch >= member.max_epochs
    before = member.reward_total
    member.reward_total = metrics.weighted(totals, weights)
    return member.reward_total - before


@compiled(inlined=True)
def see(state, params, b, table, order):
    """Bring member b's reloads, threats, tracks, pairs and mask to the present epoch."""
    member, p = state.raid[b], state.raid[b].params_index
    now_s = np.float32(member.epoch * params.epoch_s[p])
    threats, kinds, picture = state.threat[b], params.threat_kind[p], params.picture[p]
    held, tracks, beliefs = state.held[b], state.track[b], state.belief[b]
    shooters, deployment = state.shooter[b], params.shooter[p]
    sensors, deployed, paths = state.sensor[b], params.sensor[p], params.sensor_path[p]
    assets, health = params.asset[p], state.health[b]
    logistics.reload(shooters, deployment, now_s)
    flight.fly(threats, state.route[b], kinds, now_s)
    if picture.moving:
        sensing.place(sensors, deployed, paths, now_s)
    if picture.perfect:
        sensing.sense(
            threats,
            held,
            tracks,
            sensors,
            deployed,
            kinds,
            assets,
            health,
            state.route[b],
            state.metrics[b],
            member.epoch,
            now_s,
        )
    else:
        count = sensing.survey(
            threats,
            kinds,
            sensors,
            deployed,
            paths,
            deployment,
            picture,
            params.delay.shape[1],
            table,
            order,
        )
        tracking.update(
            threats,
            state.route[b],
            state.contact[b],
            held,
            tracks,
            beliefs,
            state.engagement[b],
            state.holding[b],
            picture,
            kinds,
            params.kind_prior[p],
            sensors,
            deployed,
            paths,
            state.metrics[b],
            table,
            order,
            count,
            member.key,
            member.epoch,
            params.epoch_s[p],
        )
        if picture.aims_public:
            identification.know_aims(threats, held, tracks, beliefs, assets, health, kinds)
        else:
            identification.believe_aims(held, tracks, beliefs, assets, health, kinds, table, order)
    if picture.restricted:
        command.share(
            held,
            state.holding[b],
            params.delay[p],
            picture.misses_to_lose,
            member.epoch,
            state.usable[b],
        )
        command.use_own(
            threats,
            held,
            tracks,
            kinds,
            sensors,
            deployed,
            deployment,
            picture.by_chance,
            member.key,
            member.epoch,
            state.own[b],
        )
    engagement.sum_up(shooters, state.engagement[b], held, tracks, now_s)
    fire_control.engagement_table(
        held,
        tracks,
        beliefs,
        kinds,
        shooters,
        deployment,
        params.shooter_pk[p],
        picture,
        state.usable[b],
        state.own[b],
        state.pair[b],
        state.action_mask[b],
        table,
        order,
    )


@compiled()
def settled(threats):
    """Return whether no threat is under way or still to come."""
    for i in range(threats.shape[0]):
        if threats[i].status == PENDING or threats[i].status == INBOUND:
            return False
    return True
