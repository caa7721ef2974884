"""Writes the observation: from the core's state and units to the tables of `envs.observation`."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from envs import observation
from envs.core.compiled import compiled
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


class Tables(NamedTuple):
    """Arrays of the observation that the kernel writes, float32."""

    track: NDArray[Any]  # [B, I, columns]
    shooter: NDArray[Any]  # [B, S, columns]
    asset: NDArray[Any]  # [B, A, columns]
    pair: NDArray[Any]  # [B, S, I, 4]
    clock: NDArray[Any]  # [B, 3]


class Frame(NamedTuple):
    """What turns the core's units into the observation's."""

    x_m: np.float32
    y_m: np.float32
    top_value: np.float32  # of the most valuable asset
    total_value: np.float64
    kinds: int  # threat kinds K
    shooter_kinds: int  # shooter kinds Q
    max_epochs: np.float32


def allocate(layout: Layout, members: int) -> Tables:
    """Return tables for a batch, zero, their memory touched."""
    arrays = []
    for table in TABLES:
        array = np.empty((members, *layout.rows[table], len(layout.columns[table])), np.float32)
        array.fill(0.0)
        arrays.append(array)
    return Tables(*arrays)


def frame(scenario: Scenario) -> Frame:
    """Return what `encode` needs to know of a scenario beside its parameters."""
    values = [asset.value for asset in scenario.assets]
    x_m, y_m = scenario.centre_m.astype(np.float32)
    return Frame(
        x_m,
        y_m,
        np.float32(max(values)),
        np.float64(sum(values)),
        len(scenario.threat_kinds),
        len(scenario.shooter_kinds),
        np.float32(scenario.max_epochs),
    )


@compiled()
def encode(state, params, tables, view, b):
    """Write the observation of member b. The mask is the state's own `action_mask`.

    Rows of tracks and pairs that were zero and stay zero are left alone, by the flags `shown`.
    """
    p, epoch = state.raid[b].params_index, state.raid[b].epoch
    now_s = np.float32(epoch * params.epoch_s[p])
    assets, deployment = params.asset[p], params.shooter[p]
    tracks = _encode_tracks(state.threat[b], state.track[b], assets, tables.track[b], view)
    _encode_shooters(
        state.shooter[b], deployment, state.engagement[b], now_s, tables.shooter[b], view
    )
    _encode_pairs(
        state.pair[b], state.track[b], state.shooter[b], tables.pair[b], tables.track[b], view.kinds
    )
    share = _encode_assets(assets, state.health[b], tables.asset[b], view)
    tables.clock[b, 0] = min(_ONE, np.float32(epoch) / view.max_epochs)
    tables.clock[b, 1] = np.float32(tracks) * np.float32(0.1)
    tables.clock[b, 2] = share


@compiled()
def _encode_tracks(threats, tracks, assets, rows, view):
    held = 0
    for i in range(tracks.shape[0]):
        row, threat, track = rows[i], threats[i], tracks[i]
        if track.shown:
            row[:] = _ZERO
        track.shown = track.held
        if not track.held:
            continue
        held += 1
        row[0] = _ONE
        row[1] = _within((threat.x_m - view.x_m) * _TO_100KM, FAR)
        row[2] = _within((threat.y_m - view.y_m) * _TO_100KM, FAR)
        row[3] = _within(threat.z_m * _TO_10KM, FAR)
        row[4] = _within(threat.vx_mps * _TO_KMPS, FAST)
        row[5] = _within(threat.vy_mps * _TO_KMPS, FAST)
        row[6] = _within(threat.vz_mps * _TO_KMPS, FAST)
        row[7 + threat.kind] = _ONE
        after = 7 + view.kinds
        row[after] = _within((assets[threat.aim].x_m - view.x_m) * _TO_100KM, FAR)
        row[after + 1] = _within((assets[threat.aim].y_m - view.y_m) * _TO_100KM, FAR)
        row[after + 2] = track.value / view.top_value
        row[after + 3] = min(track.impact_s * _TO_MIN, LONG)
        row[after + 5] = track.survival
        if track.in_flight > 0:
            row[after + 4] = np.float32(track.in_flight)
            row[after + 6] = min(track.resolve_s * _TO_MIN, LONG)
    return held


@compiled()
def _encode_shooters(shooters, deployment, engagements, now_s, rows, view):
    for s in range(shooters.shape[0]):
        row, shooter, deployed = rows[s], shooters[s], deployment[s]
        next_s = np.float32(np.inf)
        for c in range(shooter.busy):
            next_s = min(next_s, engagements[s, c].resolve_s - now_s)
        reload_s = shooter.reload_s - now_s
        row[:] = _ZERO
        row[0] = _ONE if shooter.able else _ZERO
        row[1] = _within((deployed.x_m - view.x_m) * _TO_100KM, FAR)
        row[2] = _within((deployed.y_m - view.y_m) * _TO_100KM, FAR)
        row[3 + deployed.kind] = _ONE
        after = 3 + view.shooter_kinds
        left = np.float32(shooter.rounds + shooter.reserve)
        row[after] = left / np.float32(deployed.rounds + deployed.reserve)
        row[after + 1] = min(np.float32(shooter.rounds // deployed.rounds_per_engagement), MANY)
        row[after + 2] = np.float32(deployed.channels - shooter.busy)
        if shooter.busy > 0:
            row[after + 3] = min(next_s * _TO_MIN, LONG)
        if reload_s < np.float32(np.inf):
            row[after + 4] = min(reload_s * _TO_MIN, LONG)
        row[after + 5] = min(deployed.air_range_max_m * _TO_100KM, FAR)


@compiled()
def _encode_pairs(pairs, tracks, shooters, rows, track_rows, kinds):
    at_risk, survival = 9 + kinds, 12 + kinds  # columns of the track table, already written
    for s in range(pairs.shape[0]):
        # What was zero and stays so is not written again: this table is most of the observation.
        if shooters[s].shown:
            rows[s, :, :] = _ZERO
        shooters[s].shown = shooters[s].targets > 0
        if shooters[s].targets == 0:
            continue
        for i in range(pairs.shape[1]):
            pk, flight_s = pairs[s, i].pk, pairs[s, i].flight_s
            if pk > _ZERO:
                row = rows[s, i]
                row[0] = pk
                row[1] = min(flight_s * _TO_MIN, LONG)
                row[2] = min((tracks[i].impact_s - flight_s) * _TO_MIN, LONG)
                row[3] = track_rows[i, at_risk] * track_rows[i, survival] * pk


@compiled()
def _encode_assets(assets, healths, rows, view):
    whole = 0.0
    for a in range(assets.shape[0]):
        row, asset = rows[a], assets[a]
        row[0] = _ONE
        row[1] = (asset.x_m - view.x_m) * _TO_100KM
        row[2] = (asset.y_m - view.y_m) * _TO_100KM
        row[3] = np.float32(asset.value) / view.top_value
        row[4] = np.float32(healths[a])
        whole += asset.value * healths[a]
    return np.float32(whole / view.total_value)


@compiled()
def _within(value, bound):
    return min(max(value, -bound), bound)
