"""Play at random, and check every epoch of it: many epochs at once, as rows of one large batch."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envs.batch import RaidBatch
from tests.envs.policing_checks import (
    Flights,
    begin_flights,
    check_flights,
    check_neutral,
    fly_on,
)
from tests.envs.random_play import (
    check_beliefs,
    check_calendar,
    check_counts,
    check_handed_out,
    check_picture,
    check_slots,
    check_tracks,
    coming,
    is_illegal,
    random_orders,
    tally,
)

# Epochs checked together. A check costs as much for one as for a few hundred small rows.
BLOCK = 64
_ROOM = 2**28  # bytes that they may take


class Film:
    """Every moment of a stretch of play: state and observation of a batch, copied."""

    def __init__(self, batch: RaidBatch) -> None:
        self._batch, self._moments = batch, list[tuple[NDArray[Any], ...]]()
        self.take()

    def take(self) -> None:
        """Copy the batch as it is."""
        arrays = (*self._batch.state(), *self._batch.observation.values(), self._batch.reward)
        self._moments.append(tuple(array.copy() for array in arrays))

    def whole(self) -> RaidBatch:
        """Return all moments as rows of one batch, [moment 0: row 0, 1, …, moment 1: row 0, …]."""
        batch = self._batch
        whole = RaidBatch(batch.scenario, len(self._moments) * batch.num_envs)
        whole.params, whole.weights = batch.params, batch.weights
        arrays = (*whole.state(), *whole.observation.values(), whole.reward)
        for n, array in enumerate(arrays):
            np.concatenate([moment[n] for moment in self._moments], out=array)
        return whole


@dataclass
class Known:
    """What the checks of a moment need of what was before it, by row."""

    totals: NDArray[np.int64]  # threats and neutral aircraft of the present raid
    past: dict[str, NDArray[np.int64]]  # what the raids before it came to
    furthest_m: NDArray[np.float64]  # of the present sortie, [B, S]


def play_checked(batch: RaidBatch, rng: np.random.Generator, illegal: float) -> dict[str, Any]:
    """Play all raids out at random, checking every step; return the final metrics."""
    past = {name: np.zeros(batch.num_envs, np.int64) for name in tally(batch)}
    known = Known(coming(batch), past, begin_flights(batch))
    size = sum(array.nbytes for array in (*batch.state(), *batch.observation.values()))
    block = int(np.clip(_ROOM // size, 2, BLOCK))
    rewards, wrong = np.zeros(batch.num_envs), np.zeros(batch.num_envs)
    film, played = Film(batch), list[NDArray[np.int64]]()
    for _ in range(batch.scenario.max_steps + 1):
        over = (batch.terminated | batch.truncated).all()
        if len(played) == block or over:
            wrong += check_block(batch, film, np.array(played), known)
            film, played = Film(batch), []
        if over:
            break
        played.append(random_orders(batch, rng, illegal))
        batch.step(played[-1])
        rewards += batch.reward
        film.take()
    else:
        raise AssertionError("some raid did not end within the scenario's clock")
    check_totals(batch, known, rewards, wrong)
    return batch.metrics()


def check_block(
    batch: RaidBatch, film: Film, orders: NDArray[np.int64], known: Known
) -> NDArray[np.int64]:
    """Check a stretch of play.

    Args:
        batch: that was played.
        film: its moments, [N + 1].
        orders: what was ordered at all but the last of them, [N, B, heads].
        known: of the first moment; becomes that of the last.

    Returns:
        Orders of each row that were illegal, [B].
    """
    whole, rows, steps = film.whole(), batch.num_envs, len(orders)
    state, raid = whole.state(), whole.state().raid
    over, lull = (
        flags.reshape(-1, rows) for flags in (whole.terminated | whole.truncated, raid["lull"])
    )
    lulls = lull[:-1] & ~over[:-1]
    now, there = tally(whole), coming(whole).reshape(-1, rows)
    now = {name: counted.reshape(-1, rows) for name, counted in now.items()}
    past = {name: np.repeat(before[None], steps + 1, axis=0) for name, before in known.past.items()}
    totals = np.repeat(known.totals[None], steps + 1, axis=0)
    for n in range(steps):
        totals[n + 1] = np.where(lulls[n], there[n + 1], totals[n])
        for name, before in past.items():
            before[n + 1] = before[n] + np.where(lulls[n], now[name][n], 0)
    check_counts(whole, totals.ravel(), {name: before.ravel() for name, before in past.items()})
    check_calendar(whole)
    check_picture(whole, batch.layout.observation_space().spaces)
    check_tracks(whole)
    check_beliefs(whole)
    check_neutral(whole)
    known.totals, known.past = totals[-1], {name: before[-1] for name, before in past.items()}
    if steps == 0:
        return np.zeros(rows, np.int64)
    # From each moment to the next one.
    slots = state.contact["track"]
    check_slots(whole, np.concatenate([slots[:rows], slots[:-rows]]))
    number = raid["number"].reshape(-1, rows)
    assert np.array_equal(np.diff(number, axis=0), lulls), "raids follow lulls"
    handed_out = np.zeros_like(over)
    handed_out[1:] = lulls
    check_handed_out(whole, handed_out.ravel())
    check_all_flights(whole, ~(over[:-1] | lulls), known)
    reward = whole.reward.reshape(-1, rows)[1:]
    assert np.all(np.isfinite(reward))
    assert np.all(reward[over[:-1]] == 0.0)
    given = np.concatenate([orders, np.zeros_like(orders[:1])])
    illegal = is_illegal(whole, given.reshape(-1, given.shape[2])).sum(axis=1).reshape(-1, rows)
    return np.asarray(np.where(over, 0, illegal)[:-1].sum(axis=0))


def check_all_flights(whole: RaidBatch, played: NDArray[np.bool_], known: Known) -> None:
    """Check the flights from each moment to the next.

    Args:
        whole: all moments.
        played: rows that played an epoch of a raid between a moment and the next, [N, B].
        known: changed.
    """
    steps, rows = played.shape
    shooter = whole.state().shooter.reshape(steps + 1, rows, -1)
    deployed = whole.params.shooter[0]
    furthest_m = np.zeros(shooter.shape)
    furthest_m[0] = known.furthest_m
    for n in range(steps):
        furthest_m[n + 1] = fly_on(shooter[n + 1], deployed, furthest_m[n], played[n])
    known.furthest_m = furthest_m[-1]
    before = Flights(
        *(np.concatenate([field[:1], field[:-1]]).reshape(-1, field.shape[2]) for field in (
            shooter["x_m"].astype(float), shooter["y_m"].astype(float), furthest_m,
            shooter["rounds"].astype(np.int64),
        ))
    )  # fmt: skip
    since = np.concatenate([np.zeros_like(played[:1]), played])
    check_flights(whole, before, since.ravel())


def check_totals(
    batch: RaidBatch, known: Known, rewards: NDArray[np.float64], wrong: NDArray[np.float64]
) -> None:
    """Check what raids that are over have come to."""
    metrics = batch.metrics()
    assert np.array_equal(metrics["illegal_actions"], wrong)
    weights = dict(zip(batch.scenario.metric_names, batch.weights, strict=True))
    expected = sum(weight * metrics[name] for name, weight in weights.items())
    expected = expected - weights["undefended_loss"] * metrics["undefended_loss"]
    assert np.allclose(rewards, expected, rtol=1e-9, atol=1e-9)
    assert np.array_equal(
        metrics["threats"] + metrics["neutrals"],
        known.past["threats"] + known.past["neutrals"] + known.totals,
    )
    assert np.all(metrics["threats_tracked"] <= metrics["threats"])
    assert np.all(metrics["wrong_identifications"] <= metrics["identifications"])
    assert np.all(metrics["rounds_unguided"] <= metrics["rounds_wasted"])
    assert np.all(metrics["rounds_at_dead"] <= metrics["rounds_wasted"])
    repaired = batch.scenario.campaign.repair_per_day * batch.state().raid["day"]
    values = sum(asset.value for asset in batch.scenario.assets)
    # Days are float32, added up in another order.
    assert np.all(metrics["loss"] <= values * (1.0 + repaired) * (1.0 + 1e-6))
    assert all(np.all(np.isfinite(values)) for values in metrics.values())
