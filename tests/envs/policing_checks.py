"""What must hold of fighter pairs, jammers and neutral tracks, whatever is played."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from envs.batch import RaidBatch

# Places are float32: a metre in a thousand kilometres, and rounding that adds up over a flight.
LOOSE_M = 2.0


class Flights(NamedTuple):
    """Where the shooters were an epoch ago, and how far from base since they took off, [B, S]."""

    x_m: NDArray[np.float64]
    y_m: NDArray[np.float64]
    furthest_m: NDArray[np.float64]
    rounds: NDArray[np.int64]


def begin_flights(batch: RaidBatch) -> NDArray[np.float64]:
    """Assert that the shooters are where they wait as a raid begins; return `furthest_m`, [B, S]"""
    shooter, deployed = batch.state().shooter, batch.params.shooter[0]
    for axis in ("x_m", "y_m"):
        waits = np.where(deployed["aloft"], deployed[f"patrol_{axis}"], deployed[axis])
        assert np.all(shooter[axis] == waits)
    start_s = np.where(deployed["aloft"], 0.0, np.inf)
    assert np.all(shooter["take_off_s"] == start_s)
    return _home_m(shooter, deployed)


def fly_on(
    shooter: NDArray[Any],
    deployed: NDArray[Any],
    furthest_m: NDArray[np.float64],
    played: NDArray[np.bool_],
) -> NDArray[np.float64]:
    """Return how far from base each shooter has been since it took off, [B, S].

    Args:
        shooter: as they are now, [B, S].
        deployed: as they were deployed, [S].
        furthest_m: what this returned an epoch ago.
        played: rows that played an epoch of a raid since; the others may be set back, [B].
    """
    home_m = _home_m(shooter, deployed)
    aloft = np.isfinite(shooter["take_off_s"])
    return np.where(played[:, None], np.where(aloft, np.maximum(furthest_m, home_m), 0.0), home_m)


def _home_m(shooter: NDArray[Any], deployed: NDArray[Any]) -> NDArray[np.float64]:
    x, y = shooter["x_m"].astype(float), shooter["y_m"].astype(float)
    return np.asarray(np.hypot(x - deployed["x_m"], y - deployed["y_m"]))


def check_flights(batch: RaidBatch, before: Flights, played: NDArray[np.bool_]) -> None:
    """Assert that pairs fly no faster and no longer than they can, in the rows just played.

    Args:
        batch: as it is now.
        before: as it was an epoch ago.
        played: rows that played an epoch of a raid, bool [B]; the others may be set back.
    """
    state, deployed = batch.state(), batch.params.shooter[0]
    shooter, epoch_s = state.shooter, float(batch.params.epoch_s[0])
    now_s = state.raid["epoch"][:, None] * epoch_s
    speed = deployed["interceptor_mps"].astype(float)
    x, y = shooter["x_m"].astype(float), shooter["y_m"].astype(float)
    moved_m = np.hypot(x - before.x_m, y - before.y_m)
    home_m = _home_m(shooter, deployed)
    flies, aloft = deployed["sortie_s"] > 0.0, np.isfinite(shooter["take_off_s"])
    rows = played[:, None]
    assert np.all(moved_m[played][:, ~flies] == 0.0), "nobody else moves"
    able = shooter["able"] & rows
    assert np.all(moved_m[able] <= np.broadcast_to(speed * epoch_s + LOOSE_M, able.shape)[able])
    assert not np.any(aloft & ~flies)
    assert not np.any(rows & ~aloft & (home_m > 0.0)), "on the ground it is at its base"
    flying = rows & aloft & (now_s >= shooter["take_off_s"])
    assert np.all(home_m[rows & aloft & ~flying] == 0.0), "until it takes off, too"

    # A sortie, an epoch until that shows, and the way home from the farthest place it went to.
    furthest_m = fly_on(shooter, deployed, before.furthest_m, played)
    longest_s = deployed["sortie_s"] + 2.0 * epoch_s + furthest_m / speed
    aloft_s = now_s - np.where(flying, shooter["take_off_s"], now_s)
    assert np.all(aloft_s <= longest_s + 1.0)
    over = flying & able & (aloft_s >= deployed["sortie_s"] + epoch_s)
    assert not np.any(shooter["busy"][over])
    assert not np.any(batch.observation["action_mask"][over][:, 1:]), "not sent out any more"
    going_home = (shooter["goal_x_m"] == deployed["x_m"]) & (shooter["goal_y_m"] == deployed["y_m"])
    assert np.all(going_home[over])
    turned_round = rows & flies & np.isfinite(shooter["reload_s"])
    assert not np.any(turned_round & aloft), "rearmed on the ground"
    assert not np.any(batch.observation["action_mask"][turned_round][:, 1:])
    # What jams has for ever what it has, and what flies fires a round at a time.
    fired = np.where(rows, before.rounds - shooter["rounds"], 0)
    assert not np.any(fired[:, deployed["jams"]] > 0)
    assert np.all(fired[:, flies] <= 1)


def check_neutral(batch: RaidBatch) -> None:
    """Assert what the tracks say of being neutral, and that such a track is nobody's to shoot."""
    state, kinds = batch.state(), batch.params.threat_kind[0]
    rows, slots = np.nonzero(state.held)
    track, belief = state.track[rows, slots], state.belief[rows, slots].astype(float)
    if batch.params.picture["perfect"][0]:
        belief = np.eye(len(kinds))[track["kind"]]
    doubt = belief[:, kinds["neutral"]].sum(axis=1)
    assert np.allclose(track["neutral"], doubt, atol=1e-5)
    certain = track["neutral"] >= 1.0
    legal = batch.observation["action_mask"][rows, :, 1 + slots]
    pk = batch.observation["pair"][rows, :, slots, 0]
    assert not np.any(legal[certain])
    assert not np.any(pk[certain])
