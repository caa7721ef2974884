"""Which engagements are possible in an epoch, whatever the defence does, by the core's kernels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.bounds.reach_kernel import Memory, add_meetings, coast, merge, remember
from envs.core import fire_control
from envs.core.compiled import compiled
from envs.core.engagement import jamming_pk
from envs.core.flight import leg_at
from envs.core.records import record
from envs.core.state import INBOUND

CHANCE = record(
    ("shooter", np.int32, "who fires"),
    ("target", np.int32, "row of `TARGET` that is fired at"),
    ("step", np.int32, "epoch of the launch, counted over all raids of the episode"),
    ("turn", np.int32, "0; of a fighter pair, which fires in that epoch, when in it, from 1 on"),
    ("free", np.int32, "first epoch in which its channel can be used again and its end is known"),
    ("pk", np.float64, "kill probability for the kind that the threat is, evasion counted"),
)
TARGET = record(
    ("row", np.int32, "row of the threat in the state"),
    ("raid", np.int32, "raid of the campaign that it is of"),
    ("number", np.int32, "stable number"),
    ("kind", np.int32, "row of the catalogue"),
    ("aim", np.int32, "asset aimed at"),
    ("impact", np.int32, "first epoch after its impact, counted over all raids"),
    ("impact_s", np.float64, "time of its impact in its raid"),
    ("kill_u", np.float64, "its kill number"),
    ("hits", np.bool_, "does damage if it arrives"),
)
_ZERO = np.float32(0.0)


@compiled()
def epoch_after(time_s, epoch_s):
    """Return the first epoch that begins after what happens at a time has been judged.

    Like the step, which judges in epoch k what is earlier than float32((k + 1) epoch_s).
    """
    epoch = max(0, int(time_s / epoch_s) - 1)  # one less: the division may round up
    while time_s >= np.float32((epoch + 1) * epoch_s):
        epoch += 1
    return epoch + 1


@compiled(allocates=True)
def chances(
    state: Any,
    params: Any,
    b: int,
    target_of: NDArray[np.int32],
    at_rest: bool,
    coasting: bool,
    past: Memory,
    table: NDArray[np.float32],
    found: NDArray[Any],
    count: int,
) -> int:
    """Write the engagements that member b of a hold-fire copy could begin in its present epoch.

    The core's pair table is filled once more, for shooters with rounds and free channels, and for
    each track with the kind that its threat truly is. Its pk is then that by which the engagement
    would be judged: the predicted one times pk0[true kind] / pk0[believed kind]. Of what cannot be
    jammed it is 0. Fighter pairs are added by `reach_kernel.add_meetings`.

    Args:
        state: Of the copy, in which no threat was ever engaged.
        params: Of its scenario.
        b: Member of the batch.
        target_of: int32 [T], the row of ``TARGET`` of each threat.
        at_rest: Whether tracks of audible threats may also be without velocity.
        coasting: Whether detections may be lost with sensors, so that tracks coast from older ones.
        past: Of this raid's epochs so far.
        table: float32, scratch, as ``batch_kernels.scratch`` makes it.
        found: ``CHANCE`` [n], written from ``count`` on.
        count: How many were found before.

    Returns:
        How many are found now.
    """
    p = state.raid[b].params_index
    perfect = params.picture[p].perfect
    tracks, shooters = state.track[b].copy(), state.shooter[b].copy()
    now_s = np.float32(state.raid[b].epoch * params.epoch_s[p])
    for s in range(shooters.shape[0]):
        shooters[s].rounds = max(1, params.shooter[p, s].rounds_per_engagement)
        shooters[s].busy, shooters[s].reserve, shooters[s].targets = 0, 0, 1
        if params.shooter[p, s].sortie_s > _ZERO:
            shooters[s].able = False
    for i in range(tracks.shape[0]):
        if state.held[b, i] and not perfect:
            threat = state.threat[b, tracks[i].threat]
            tracks[i].certain, tracks[i].kind = True, threat.kind
            tracks[i].impact_s = min(tracks[i].impact_s, threat.impact_s - now_s)
    held, start = state.held[b].copy(), count
    count = add_pairs(
        state, params, b, held, tracks, shooters, target_of, False, table, found, count
    )
    if coasting:
        remember(state, b, past)
        for age in range(1, params.picture[p].misses_to_lose):
            coast(state, params, b, past, age, tracks, held)
            for s in range(shooters.shape[0]):
                shooters[s].targets = 1
            count = add_pairs(
                state,
                params,
                b,
                held,
                tracks,
                shooters,
                target_of,
                False,
                table,
                found,
                count,
            )
        count = merge(found, start, count, shooters.shape[0])
    if at_rest:
        for i in range(tracks.shape[0]):
            if state.held[b, i]:
                row, contact = tracks[i].threat, state.contact[b, tracks[i].threat]
                tracks[i].x_m, tracks[i].y_m, tracks[i].z_m = contact.x_m, contact.y_m, contact.z_m
                tracks[i].vx_mps, tracks[i].vy_mps, tracks[i].vz_mps = _ZERO, _ZERO, _ZERO
                tracks[i].impact_s = state.threat[b, row].impact_s - now_s
        for s in range(shooters.shape[0]):
            shooters[s].targets = 1
        held[:] = state.held[b]
        count = add_pairs(
            state, params, b, held, tracks, shooters, target_of, True, table, found, count
        )
    if params.picture[p].flying:
        count = add_meetings(state, params, b, at_rest, past, target_of, found, count)
    return count


@compiled(allocates=True)
def add_pairs(
    state, params, b, held, tracks, shooters, target_of, audible_only, table, found, count
):
    """Write the pairs that could hit their targets before these strike; see `chances`."""
    p, member = state.raid[b].params_index, state.raid[b]
    kinds, epoch_s = params.threat_kind[p], params.epoch_s[p]
    pairs, mask = state.pair[b].copy(), state.action_mask[b].copy()
    now_s = np.float32(member.epoch * epoch_s)
    fire_control.engagement_table(
        held,
        tracks,
        state.belief[b],
        kinds,
        shooters,
        params.shooter[p],
        params.shooter_pk[p],
        params.picture[p],
        state.usable[b],
        state.own[b],
        pairs,
        mask,
        table,
        now_s,
    )
    for s in range(pairs.shape[0]):
        for i in range(pairs.shape[1]):
            if pairs[s, i].pk <= _ZERO:
                continue
            row = tracks[i].threat
            threat, kind = state.threat[b, row], kinds[state.threat[b, row].kind]
            resolve_s = now_s + pairs[s, i].flight_s
            if threat.status != INBOUND or resolve_s >= threat.impact_s:
                continue
            if kind.neutral or (audible_only and not kind.audible):
                continue
            pk = np.float64(pairs[s, i].pk)
            if params.shooter[p, s].jams:
                pk = np.float64(jamming_pk(pairs[s, i].pk, kind, threat.number, member.key))
                if pk <= 0.0:
                    continue
            for _ in range(leg_at(threat.leg, state.route[b, row], resolve_s) - threat.leg):
                pk *= 1.0 - kind.evasion
            chance = found[count]
            chance.shooter, chance.target, chance.pk = s, target_of[row], pk
            chance.step, chance.turn = member.steps, 0
            chance.free = member.steps - member.epoch + epoch_after(resolve_s, epoch_s)
            count += 1
    return count
