"""Made-up observations of the environment's shapes, for tests of networks and distribution."""

from __future__ import annotations

import numpy as np
from gymnasium import spaces

THREAT_KINDS = ("drone", "jet_drone", "cruise", "ballistic", "decoy")
SHOOTER_KINDS = ("patriot", "iris_t", "gun")
COLUMNS: dict[str, list[str]] = {
    "track": [
        *("present", "x_100km", "y_100km", "altitude_10km", "vx_kmps", "vy_kmps", "vz_kmps"),
        *(f"kind_{k}" for k in THREAT_KINDS),
        *("aim_x_100km", "aim_y_100km", "value_at_risk", "time_to_impact_min"),
        *("in_flight", "survival", "next_resolve_min"),
    ],
    "shooter": [
        *("present", "x_100km", "y_100km"),
        *(f"kind_{k}" for k in SHOOTER_KINDS),
        *("rounds_share", "ready_engagements", "free_channels"),
        *("next_channel_min", "next_reload_min", "range_100km", "days_to_change"),
    ],
    "asset": ["present", "x_100km", "y_100km", "value", "health"],
    "pair": ["pk", "time_of_flight_min", "slack_min", "value_saved"],
    "clock": ["time_share", "tracks", "defended_share", "lull", "raids_left", "days_left"],
}


def made_up_spaces(
    tracks: int, shooters: int, assets: int
) -> tuple[spaces.Dict, spaces.MultiDiscrete]:
    """Observation and action space of a scenario of these sizes."""
    shapes = {
        "track": (tracks, len(COLUMNS["track"])),
        "shooter": (shooters, len(COLUMNS["shooter"])),
        "asset": (assets, len(COLUMNS["asset"])),
        "pair": (shooters, tracks, len(COLUMNS["pair"])),
        "clock": (len(COLUMNS["clock"]),),
    }
    tables = {n: spaces.Box(-20.0, 20.0, s, np.float32) for n, s in shapes.items()}
    mask = spaces.Box(0, 1, (shooters, 1 + tracks), np.int8)
    space = spaces.Dict({**tables, "action_mask": mask})
    return space, spaces.MultiDiscrete([1 + tracks] * shooters)


def made_up_observation(
    batch: int, tracks: int, shooters: int, assets: int, seed: int = 0
) -> dict[str, np.ndarray]:
    """Random but consistent tables: value saved = value at risk * survival * pk, empty slots 0."""
    rng = np.random.default_rng(seed)
    track = rng.normal(size=(batch, tracks, len(COLUMNS["track"])))
    shooter = rng.normal(size=(batch, shooters, len(COLUMNS["shooter"])))
    asset = rng.random((batch, assets, len(COLUMNS["asset"])))
    pair = np.zeros((batch, shooters, tracks, len(COLUMNS["pair"])))

    def column(table: str, name: str) -> int:
        return COLUMNS[table].index(name)

    present = rng.random((batch, tracks)) < 0.7
    track[..., 0] = 1.0
    in_flight = rng.integers(0, 2, (batch, tracks)) * (rng.random((batch, tracks)) < 0.4)
    track[..., column("track", "in_flight")] = in_flight
    survival = np.where(in_flight > 0, rng.uniform(0.1, 0.6, (batch, tracks)), 1.0)
    track[..., column("track", "survival")] = survival
    value_at_risk = rng.uniform(0.0, 0.5, (batch, tracks))
    track[..., column("track", "value_at_risk")] = value_at_risk
    track *= present[..., None]
    kinds = rng.integers(0, len(SHOOTER_KINDS), (batch, shooters))
    first = column("shooter", f"kind_{SHOOTER_KINDS[0]}")
    shooter[..., first : first + len(SHOOTER_KINDS)] = np.eye(len(SHOOTER_KINDS))[kinds]
    shooter[..., 0] = 1.0
    shooter[..., column("shooter", "rounds_share")] = rng.random((batch, shooters))
    pk = rng.uniform(0.2, 0.9, (batch, shooters, tracks))
    possible = (rng.random((batch, shooters, tracks)) < 0.5) & present[:, None, :]
    pair[..., 0] = pk
    pair[..., 1] = rng.uniform(0.1, 2.0, pk.shape)
    pair[..., 2] = rng.uniform(0.0, 8.0, pk.shape)
    pair[..., 3] = (value_at_risk * survival)[:, None, :] * pk
    pair *= possible[..., None]
    mask = np.ones((batch, shooters, 1 + tracks), np.int8)
    mask[..., 1:] = possible & (rng.random((batch, shooters, 1)) < 0.8)
    clock = rng.random((batch, len(COLUMNS["clock"])))
    clock[..., column("clock", "raids_left")] = rng.integers(0, 14, batch)
    clock[..., column("clock", "days_left")] = rng.uniform(0.0, 30.0, batch)
    clock[..., column("clock", "lull")] = 0.0
    days = rng.uniform(0.2, 30.0, (batch, shooters)) * (rng.random((batch, shooters)) < 0.6)
    shooter[..., column("shooter", "days_to_change")] = days
    tables = {"track": track, "shooter": shooter, "asset": asset, "pair": pair, "clock": clock}
    return {**{n: t.astype(np.float32) for n, t in tables.items()}, "action_mask": mask}
