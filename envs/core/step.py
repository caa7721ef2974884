"""The phases of an epoch, in order, for one member of a batch."""

import numpy as np

from envs.core import (
    air_policing,
    campaign,
    command,
    damage,
    engagement,
    fire_control,
    flight,
    identification,
    logistics,
    metrics,
    sensing,
    tracking,
)
from envs.core.compiled import compiled
from envs.core.randomness import raid_key
from envs.core.start import begin_raid, pass_lull, undefended_loss
from envs.core.state import INBOUND, PENDING


@compiled()
def reset_one(state, params, b, split, seed, ordinal, weights, table, order):
    """Draw member b's raid (split, seed, ordinal) and put everything at its start.

    Args:
        weights: float64 [M], the reward's weight of each metric.
        table: float32, scratch, as `batch_kernels.scratch` makes it.
        order: int64, scratch, likewise.
    """
    member = state.raid[b]
    member.campaign_key = raid_key(split, seed, ordinal)
    member.number, member.epoch, member.steps = 0, 0, 0
    member.day = np.float32(0.0)
    member.lull, member.terminated, member.truncated = False, False, False
    damage.restore(state.health[b], params.asset[member.params_index])
    for d in range(state.depot.shape[1]):
        state.depot[b, d] = 0
    member.undefended_loss = undefended_loss(state, params, b, order)
    for m in range(state.metrics.shape[1]):
        state.metrics[b, m] = 0.0
    state.metrics[b, metrics.UNDEFENDED_LOSS] = member.undefended_loss
    logistics.supply(state.shooter[b], params.shooter[member.params_index])
    begin_raid(state, params, b)
    member.reward_total = metrics.weighted(state.metrics[b], weights)
    see(state, params, b, table, order)
    mask_deliveries(state, params, b)


@compiled()
def mask_deliveries(state, params, b):
    """Write which shooters of member b may be given which deliveries."""
    member, p = state.raid[b], state.raid[b].params_index
    mask, deliveries, takers = state.delivery_mask[b], params.delivery[p], params.delivery_to[p]
    campaign.mask_deliveries(mask, deliveries, takers, params.shooter[p], member.day, member.lull)


@compiled(inlined=True)
def step_one(state, params, b, actions, weights, table, order):
    """Play one epoch of member b, or a lull, and return its reward; what is over stays as it is.

    Launches at t; then engagements end by (time, shooter) and threats strike by (time, threat),
    all before t + epoch; then reloads and arrivals; then the picture at t + epoch. A lull between
    two raids of a campaign passes in one step, and the picture is that of the next raid's start.

    Args:
        actions: integers [S], 0 to hold or 1 + slot; or [S + D], for each delivery 0, by need, or
            1 + shooter.
        weights: float64 [M], the reward's weight of each metric.
        table: float32, scratch, as `batch_kernels.scratch` makes it.
        order: int64, scratch, likewise.

    Returns:
        float64, the weighted sum of what the metrics gained in this epoch.
    """
    member = state.raid[b]
    if member.terminated or member.truncated:
        return 0.0
    p, totals = member.params_index, state.metrics[b]
    engagement.launch(
        actions,
        state.action_mask[b],
        state.pair[b],
        state.track[b],
        state.belief[b],
        state.threat[b],
        params.threat_kind[p],
        state.shooter[b],
        params.shooter[p],
        params.shooter_pk[p],
        state.engagement[b],
        totals,
        member.key,
        np.float32(member.epoch * params.epoch_s[p]),
    )
    plan = params.campaign[p]
    if plan.decided:
        campaign.check_orders(actions, state.delivery_mask[b], totals)
    if member.lull:
        pass_lull(state, params, b, actions, order)
    else:
        play_epoch(state, params, b, order)
    member.steps += 1
    see(state, params, b, table, order)
    if plan.decided:
        mask_deliveries(state, params, b)
    member.truncated = member.steps >= member.max_epochs
    before = member.reward_total
    member.reward_total = metrics.weighted(totals, weights)
    return member.reward_total - before


@compiled(inlined=True)
def play_epoch(state, params, b, order):
    """End the engagements and threats of member b whose time has come, and see what is left."""
    member, p, totals = state.raid[b], state.raid[b].params_index, state.metrics[b]
    until_s = np.float32((member.epoch + 1) * params.epoch_s[p])
    threats, kinds = state.threat[b], params.threat_kind[p]
    shooters, deployment = state.shooter[b], params.shooter[p]
    engagements, tracks, picture = state.engagement[b], state.track[b], params.picture[p]
    count = engagement.due(shooters, engagements, until_s, order)
    if count > 0:
        engagement.resolve(
            engagements,
            shooters,
            deployment,
            threats,
            state.route[b],
            kinds,
            tracks,
            state.belief[b],
            totals,
            order,
            count,
        )
        if not picture.perfect:
            tracking.assess(
                engagements,
                threats,
                state.contact[b],
                state.held[b],
                tracks,
                picture,
                order,
                count,
                member.key,
            )
        engagement.free_channels(shooters, engagements, until_s)
    damage.impacts(threats, kinds, params.asset[p], state.health[b], totals, until_s)
    damage.put_out_of_action(
        shooters, deployment, state.sensor[b], params.sensor[p], state.health[b]
    )
    nothing_left = damage.everything_lost(state.health[b])
    if picture.flying:
        air_policing.fly(
            shooters,
            deployment,
            engagements,
            state.held[b],
            tracks,
            until_s,
            params.epoch_s[p],
        )
    over = settled(threats) or nothing_left
    engagement.drop_lost(shooters, deployment, totals, over)
    member.epoch += 1
    if over:
        member.lull = not nothing_left and campaign.goes_on(
            params.campaign[p], member.campaign_key, member.number, member.day
        )
        member.terminated = not member.lull
        if member.lull:
            tracking.clear(state.contact[b], state.held[b], tracks, engagements, picture.perfect)


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
        count, asked = sensing.survey(
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
            asked,
            member.key,
            member.epoch,
            params.epoch_s[p],
        )
        if picture.aims_public:
            identification.know_aims(threats, held, tracks, beliefs, assets, health, kinds, now_s)
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
        now_s,
    )


@compiled()
def settled(threats):
    """Return whether no threat is under way or still to come."""
    for i in range(threats.shape[0]):
        if threats[i].status == PENDING or threats[i].status == INBOUND:
            return False
    return True
