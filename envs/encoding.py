"""Writes the observation: from the core's state and units to the tables of `envs.observation`."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from envs import observation
from envs.core import air_policing
from envs.core.compiled import compiled
from envs.core.params import NONE
from envs.core.records import record
from envs.entities import Scenario
from envs.observation import TABLES, Layout

# A scale of 1e-5 turns metres into units of 100 km, and so on: columns are of the order of one.
_TO_100KM = np.float32(1e-5)
_TO_10KM = np.float32(1e-4)
_TO_KMPS = np.float32(1e-3)
_TO_MIN = np.float32(1.0 / 60.0)
_ZERO, _ONE = np.float32(0.0), np.float32(1.0)
FAR, FAST = np.float32(observation.FAR), np.float32(observation.FAST)
LONG, MANY = np.float32(observation.LONG), np.float32(observation.MANY)
STOCK = np.float32(observation.STOCK)


class Tables(NamedTuple):
    """Arrays of the observation that the kernel writes, float32."""

    track: NDArray[Any]  # [B, I, columns]
    shooter: NDArray[Any]  # [B, S, columns]
    asset: NDArray[Any]  # [B, A, columns]
    pair: NDArray[Any]  # [B, S, I, 4]
    clock: NDArray[Any]  # [B, 6]
    delivery: NDArray[Any]  # [B, decisions, columns]


class Frame(NamedTuple):
    """What turns the core's units into the observation's."""

    x_m: np.float32
    y_m: np.float32
    top_value: np.float32  # of the most valuable asset
    total_value: np.float64
    kinds: int  # threat kinds K
    shooter_kinds: int  # shooter kinds Q
    max_epochs: np.float32
    penalty: np.float32  # for a neutral aircraft shot down / top_value


FRAME = record(  # the same in an array, a row a parameter set
    ("x_m", np.float32, ""),
    ("y_m", np.float32, ""),
    ("top_value", np.float32, ""),
    ("total_value", np.float64, ""),
    ("kinds", np.int64, ""),
    ("shooter_kinds", np.int64, ""),
    ("max_epochs", np.float32, ""),
    ("penalty", np.float32, ""),
)


def allocate(layout: Layout, members: int) -> Tables:
    """Return tables for a batch, zero, their memory touched."""
    arrays = []
    for table in TABLES:
        array = np.empty((members, *layout.rows[table], len(layout.columns[table])), np.float32)
        array.fill(0.0)
        arrays.append(array)
    return Tables(*arrays)


def frame(scenario: Scenario) -> NDArray[Any]:
    """Return what `encode` needs to know of a scenario beside its parameters, FRAME [1]."""
    values = [asset.value for asset in scenario.assets]
    x_m, y_m = scenario.centre_m.astype(np.float32)
    one = Frame(
        x_m,
        y_m,
        np.float32(max(values)),
        np.float64(sum(values)),
        len(scenario.threat_kinds),
        len(scenario.shooter_kinds),
        np.float32(scenario.max_epochs),
        np.float32(min(scenario.neutral_penalty / max(values), observation.FINED)),
    )
    rows = np.array([one], FRAME)
    rows.setflags(write=False)
    return rows


@compiled(inlined=True)
def encode(state, params, tables, frames, b, afresh):
    """Write the observation of member b. The mask is the state's own `action_mask`.

    What does not change during a raid is written only `afresh`, when it begins. Rows of tracks and
    pairs that were zero and stay zero are left alone, by the flags `shown`.
    """
    p, epoch = state.raid[b].params_index, state.raid[b].epoch
    own = frames[p]
    view = Frame(
        own.x_m,
        own.y_m,
        own.top_value,
        own.total_value,
        own.kinds,
        own.shooter_kinds,
        own.max_epochs,
        own.penalty,
    )
    now_s = np.float32(epoch * params.epoch_s[p])
    assets, deployment = params.asset[p], params.shooter[p]
    if afresh:
        _encode_deployment(deployment, tables.shooter[b], view)
        _encode_places(assets, tables.asset[b], view)
    minutes = params.epoch_s[p] * _TO_MIN
    tracks = _encode_tracks(
        state.held[b],
        state.shown[b],
        state.track[b],
        state.belief[b],
        assets,
        epoch,
        minutes,
        tables.track[b],
        view,
    )
    _encode_shooters(
        state.shooter[b], deployment, state.engagement[b], now_s, tables.shooter[b], view
    )
    plan = params.campaign[p]
    if plan.raids > 1:
        _encode_calendar(state.raid[b], plan, deployment, tables.shooter[b], tables.clock[b])
    if plan.decided:
        _encode_deliveries(
            params.delivery[p], state.depot[b], state.raid[b].day, tables.delivery[b], view
        )
    if params.picture[p].flying:
        _encode_fighters(state.shooter[b], deployment, now_s, tables.shooter[b], view)
    _encode_pairs(
        state.pair[b],
        state.track[b],
        state.shooter[b],
        deployment,
        tables.pair[b],
        tables.track[b],
        view,
    )
    share = _encode_assets(assets, state.health[b], tables.asset[b], view)
    tables.clock[b, 0] = min(_ONE, np.float32(epoch) / view.max_epochs)
    tables.clock[b, 1] = np.float32(tracks) * np.float32(0.1)
    tables.clock[b, 2] = share


@compiled()
def _encode_tracks(held, shown, tracks, beliefs, assets, epoch, epoch_min, rows, view):
    count = 0
    for i in range(tracks.shape[0]):
        row = rows[i]
        if shown[i]:
            row[:] = _ZERO
        shown[i] = held[i]
        if not held[i]:
            continue
        track = tracks[i]
        count += 1
        row[0] = _ONE
        row[1] = _within((track.x_m - view.x_m) * _TO_100KM, FAR)
        row[2] = _within((track.y_m - view.y_m) * _TO_100KM, FAR)
        row[3] = _within(track.z_m * _TO_10KM, FAR)
        row[4] = _within(track.vx_mps * _TO_KMPS, FAST)
        row[5] = _within(track.vy_mps * _TO_KMPS, FAST)
        row[6] = _within(track.vz_mps * _TO_KMPS, FAST)
        if track.certain:
            row[7 + track.kind] = _ONE
        else:
            for k in range(view.kinds):
                row[7 + k] = min(beliefs[i, k], _ONE)
        after = 7 + view.kinds
        if track.aim != NONE:
            row[after] = _within((assets[track.aim].x_m - view.x_m) * _TO_100KM, FAR)
            row[after + 1] = _within((assets[track.aim].y_m - view.y_m) * _TO_100KM, FAR)
        row[after + 2] = min(track.value / view.top_value, _ONE)
        row[after + 3] = min(track.impact_s * _TO_MIN, LONG)
        row[after + 5] = track.survival
        if track.in_flight > 0:
            row[after + 4] = np.float32(track.in_flight)
            row[after + 6] = min(track.resolve_s * _TO_MIN, LONG)
        row[after + 7] = min(track.aim_belief, _ONE)
        row[after + 8] = _ONE if track.seen else _ZERO
        row[after + 9] = min(np.float32(epoch - track.start) * epoch_min, LONG)
    return count


@compiled()
def _encode_shooters(shooters, deployment, engagements, now_s, rows, view):
    for s in range(shooters.shape[0]):
        row, shooter, deployed = rows[s], shooters[s], deployment[s]
        if deployed.channels == 0:
            continue
        next_s = np.float32(np.inf)
        for c in range(shooter.busy):
            next_s = min(next_s, engagements[s, c].resolve_s - now_s)
        reload_s = shooter.reload_s - now_s
        row[0] = _ONE if shooter.able else _ZERO
        after = 3 + view.shooter_kinds
        left = np.float32(shooter.rounds + shooter.reserve)
        row[after] = min(left / np.float32(deployed.rounds + deployed.reserve), STOCK)
        spent = max(deployed.rounds_per_engagement, 1)  # none by jamming, which has one for ever
        row[after + 1] = min(np.float32(shooter.rounds // spent), MANY)
        row[after + 2] = np.float32(deployed.channels - shooter.busy)
        row[after + 3] = min(next_s * _TO_MIN, LONG) if shooter.busy > 0 else _ZERO
        reloading = reload_s < np.float32(np.inf)
        row[after + 4] = min(reload_s * _TO_MIN, LONG) if reloading else _ZERO


@compiled()
def _encode_fighters(shooters, deployment, now_s, rows, view):
    for s in range(shooters.shape[0]):
        if deployment[s].sortie_s > _ZERO:
            row, shooter = rows[s], shooters[s]
            row[1] = _within((shooter.x_m - view.x_m) * _TO_100KM, FAR)
            row[2] = _within((shooter.y_m - view.y_m) * _TO_100KM, FAR)
            left_s = air_policing.sortie_left_s(shooter, deployment[s], now_s)
            row[rows.shape[1] - 2] = min(max(left_s * _TO_MIN, _ZERO), LONG)


@compiled()
def _encode_calendar(member, plan, deployment, rows, clock):
    for s in range(deployment.shape[0]):
        ready, leave = deployment[s].ready_day, deployment[s].leave_day
        change = ready if member.day < ready else leave
        coming = change > member.day and change < np.float32(np.inf)
        rows[s, rows.shape[1] - 1] = min(change - member.day, MANY) if coming else _ZERO
    clock[3] = _ONE if member.lull else _ZERO
    clock[4] = min(np.float32(plan.raids - 1 - member.number), MANY)
    clock[5] = min(max(plan.days - member.day, _ZERO), MANY)


@compiled()
def _encode_deliveries(deliveries, depot, day, rows, view):
    for d in range(deliveries.shape[0]):
        row, delivery = rows[d], deliveries[d]
        row[delivery.kind] = _ONE
        row[view.shooter_kinds] = min(np.float32(depot[d]), MANY)
        row[view.shooter_kinds + 1] = min(np.float32(delivery.rounds_per_day), MANY)
        row[view.shooter_kinds + 2] = min(max(np.float32(delivery.first_day) - day, _ZERO), MANY)


@compiled()
def _encode_deployment(deployment, rows, view):
    for s in range(deployment.shape[0]):
        row, deployed = rows[s], deployment[s]
        row[:] = _ZERO
        if deployed.channels == 0:
            continue
        row[1] = _within((deployed.x_m - view.x_m) * _TO_100KM, FAR)
        row[2] = _within((deployed.y_m - view.y_m) * _TO_100KM, FAR)
        row[3 + deployed.kind] = _ONE
        row[8 + view.shooter_kinds] = min(deployed.air_range_max_m * _TO_100KM, FAR)


@compiled()
def _encode_pairs(pairs, tracks, shooters, deployment, rows, track_rows, view):
    # Columns of the track table, already written.
    at_risk, survival = 9 + view.kinds, 12 + view.kinds
    for s in range(pairs.shape[0]):
        # What was zero and stays so is not written again: this table is most of the observation.
        if shooters[s].shown:
            rows[s, :, :] = _ZERO
        shooters[s].shown = shooters[s].targets > 0
        if shooters[s].targets == 0:
            continue
        # A fighter pair sees what it has before it when it fires, and jamming downs no aircraft.
        harms = deployment[s].sortie_s == _ZERO and not deployment[s].jams
        penalty = view.penalty if harms else _ZERO
        for i in range(pairs.shape[1]):
            pk, flight_s = pairs[s, i].pk, pairs[s, i].flight_s
            if pk > _ZERO:
                row = rows[s, i]
                row[0] = pk
                row[1] = min(flight_s * _TO_MIN, LONG)
                row[2] = min((tracks[i].impact_s - flight_s) * _TO_MIN, LONG)
                gain = track_rows[i, at_risk] - tracks[i].neutral * penalty
                row[3] = gain * track_rows[i, survival] * pk


@compiled()
def _encode_assets(assets, healths, rows, view):
    whole = 0.0
    for a in range(assets.shape[0]):
        rows[a, 4] = np.float32(healths[a])
        whole += assets[a].value * healths[a]
    return np.float32(whole / view.total_value)


@compiled()
def _encode_places(assets, rows, view):
    for a in range(assets.shape[0]):
        row, asset = rows[a], assets[a]
        row[:] = _ZERO
        if asset.value == 0.0:
            continue
        row[0] = _ONE
        row[1] = (asset.x_m - view.x_m) * _TO_100KM
        row[2] = (asset.y_m - view.y_m) * _TO_100KM
        row[3] = np.float32(asset.value) / view.top_value


@compiled()
def _within(value, bound):
    return min(max(value, -bound), bound)
