"""Random play, legal and illegal, and what must hold whatever is played."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envs import sample_legal
from envs.batch import RaidBatch
from envs.core.params import NONE
from envs.core.state import ABSENT, DUD, INBOUND, KILLED, LEAKED, PENDING
from tests.envs.small import held


def random_orders(
    batch: RaidBatch, rng: np.random.Generator, illegal: float = 0.0
) -> NDArray[np.int64]:
    """Return random legal orders, int64 [B, S], of which a share is replaced by any number."""
    orders = sample_legal(batch.observation["action_mask"], rng)
    choices = batch.scenario.num_slots + 1
    anything = rng.integers(-2, choices + 2, orders.shape)
    return np.where(rng.random(orders.shape) < illegal, anything, orders)


def is_illegal(batch: RaidBatch, orders: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which orders the mask does not allow, bool [B, S]."""
    mask = batch.observation["action_mask"]
    inside = (orders >= 0) & (orders < mask.shape[2])
    picked = np.take_along_axis(mask, np.where(inside, orders, 0)[:, :, None], axis=2)[:, :, 0]
    return ~(inside & (picked == 1))


def check_counts(batch: RaidBatch, totals: NDArray[np.int64]) -> None:
    """Assert that threats and rounds are all accounted for.

    Args:
        batch: as it is now.
        totals: threats of each row's raid, int64 [B].
    """
    metrics, state = batch.metrics(), batch.state()
    status = state.threat["status"]
    count = {which: np.sum(status == which, axis=1) for which in range(6)}
    alive = count[PENDING] + count[INBOUND]
    assert np.array_equal(alive + count[KILLED] + count[LEAKED] + count[DUD], totals)
    assert np.array_equal(count[ABSENT] + totals, np.full(len(totals), status.shape[1]))
    for name, which in (("killed", KILLED), ("leakers", LEAKED), ("duds", DUD)):
        assert np.array_equal(metrics[name], count[which]), name
    for name in ("killed", "leakers"):
        by_kind = sum(metrics[f"{name}_{kind}"] for kind in batch.scenario.threat_kinds)
        assert np.array_equal(metrics[name], by_kind), name

    deployed = batch.params.shooter[0]
    supplied = deployed["rounds"] + deployed["reserve"]
    left = state.shooter["rounds"] + state.shooter["reserve"]
    assert np.all((state.shooter["rounds"] >= 0) & (state.shooter["reserve"] >= 0))
    assert np.all(state.shooter["rounds"] <= deployed["magazine"])
    assert np.array_equal(np.sum(supplied - left, axis=1), metrics["rounds_fired"])
    by_kind = sum(metrics[f"rounds_{kind}"] for kind in batch.scenario.shooter_kinds)
    assert np.array_equal(metrics["rounds_fired"], by_kind)
    assert np.all((state.shooter["busy"] >= 0) & (state.shooter["busy"] <= deployed["channels"]))
    assert np.all(metrics["rounds_wasted"] <= metrics["rounds_fired"])
    assert np.all(metrics["killed"] <= metrics["engagements"])


def check_picture(batch: RaidBatch, space: Mapping[str, Any]) -> None:
    """Assert that the observation is inside its space, and the mask stands on tracks."""
    observation = batch.observation
    for name, box in space.items():
        table = observation[name]
        assert table.dtype == box.dtype, name
        assert np.all(np.isfinite(table)), name
        assert np.all((table >= box.low) & (table <= box.high)), name
    mask, tracks = observation["action_mask"], held(batch)
    assert np.all(mask[:, :, 0] == 1)
    assert not np.any(mask[:, :, 1:] & ~tracks[:, None, :])
    assert np.array_equal(observation["track"][:, :, 0] == 1.0, tracks)
    assert not observation["track"][~tracks].any()
    assert np.array_equal(observation["pair"].any(axis=3), observation["pair"][..., 0] > 0.0)
    assert not np.any((mask[:, :, 1:] == 1) & (observation["pair"][..., 0] == 0.0))


def check_tracks(batch: RaidBatch) -> None:
    """Assert that every track has one threat and no threat two tracks, and that all say so."""
    state, perfect = batch.state(), batch.params.picture["perfect"][0]
    rows, slots = np.nonzero(held(batch))
    behind = state.track["threat"][rows, slots]
    status = state.threat["status"][rows, behind]
    assert np.all(state.threat["tracked"][rows, behind])
    assert np.array_equal(state.threat["tracked"].sum(axis=1), batch.metrics()["threats_tracked"])
    if perfect:
        assert np.array_equal(behind, slots)
        assert np.all(status == INBOUND)
        return
    # One that is dead may have a track until it is reported dead, or missed for too long.
    assert np.all((status == INBOUND) | (status == KILLED))
    assert np.array_equal(state.contact["track"][rows, behind], slots)
    followed = np.sum(state.contact["track"] != NONE, axis=1)
    assert np.array_equal(followed, held(batch).sum(axis=1))
    flying = np.arange(state.engagement.shape[2]) < state.shooter["busy"][:, :, None]
    guided = np.nonzero(flying & (state.engagement["track"] != NONE))
    slot, target = (state.engagement[field][guided] for field in ("track", "target"))
    assert np.all(held(batch)[guided[0], slot])
    assert np.array_equal(state.track["threat"][guided[0], slot], target)


def check_beliefs(batch: RaidBatch) -> None:
    """Assert that beliefs are probabilities, and that the truth is never ruled out."""
    tracks, state, layout = held(batch), batch.state(), batch.layout
    kinds = batch.scenario.threat_kinds
    first = layout.index("track", f"kind_{kinds[0]}")
    shown = batch.observation["track"][tracks][:, first : first + len(kinds)]
    assert np.all((shown >= 0.0) & (shown <= 1.0))
    assert np.all(np.abs(shown.sum(axis=1) - 1.0) < 1e-5)
    rows, slots = np.nonzero(tracks)
    truth = state.threat["kind"][rows, state.track["threat"][rows, slots]]
    of_truth = shown[np.arange(len(rows)), truth]
    assert np.all(of_truth > 0.0)
    if batch.params.picture["kinds_public"][0]:
        assert np.all(of_truth == 1.0)
    aims = batch.observation["track"][tracks][:, layout.index("track", "aim_belief")]
    assert np.all(aims >= 1.0 / batch.scenario.num_assets - 1e-6), "the likeliest of them"
    if batch.params.picture["aims_public"][0]:
        assert np.all(aims == 1.0)


def check_slots(batch: RaidBatch, before: NDArray[np.int16]) -> None:
    """Assert that a track kept its slot, given the slot of each threat an epoch ago, [B, T]."""
    state = batch.state()
    now = state.contact["track"]
    began = np.take_along_axis(state.track["start"], np.maximum(now, 0).astype(int), axis=1)
    fresh = began == state.raid["epoch"][:, None]
    assert np.all((now == before) | (now == NONE) | (before == NONE) | fresh)


def play_checked(batch: RaidBatch, rng: np.random.Generator, illegal: float) -> dict[str, Any]:
    """Play all raids out at random, checking every epoch; return the final metrics."""
    totals = np.sum(batch.state().threat["status"] != ABSENT, axis=1)
    rewards = np.zeros(batch.num_envs)
    space = batch.layout.observation_space().spaces
    wrong = np.zeros(batch.num_envs)
    slots = batch.state().contact["track"].copy()
    for _ in range(batch.scenario.max_epochs + 1):
        check_counts(batch, totals)
        check_picture(batch, space)
        check_tracks(batch)
        check_beliefs(batch)
        check_slots(batch, slots)
        slots = batch.state().contact["track"].copy()
        running = ~(batch.terminated | batch.truncated)
        if not running.any():
            break
        orders = random_orders(batch, rng, illegal)
        wrong += np.where(running, is_illegal(batch, orders).sum(axis=1), 0)
        batch.step(orders)
        rewards += batch.reward
        assert np.all(np.isfinite(batch.reward))
        assert np.all(batch.reward[~running] == 0.0)
    else:
        raise AssertionError("some raid did not end within the scenario's clock")
    metrics = batch.metrics()
    assert np.array_equal(metrics["illegal_actions"], wrong)
    weights = dict(zip(batch.scenario.metric_names, batch.weights, strict=True))
    expected = sum(weight * metrics[name] for name, weight in weights.items())
    expected = expected - weights["undefended_loss"] * metrics["undefended_loss"]
    assert np.allclose(rewards, expected, rtol=1e-9, atol=1e-9)
    assert np.array_equal(metrics["threats"], totals)
    assert np.all(metrics["threats_tracked"] <= metrics["threats"])
    assert np.all(metrics["wrong_identifications"] <= metrics["identifications"])
    assert np.all(metrics["rounds_unguided"] <= metrics["rounds_wasted"])
    assert np.all(metrics["rounds_at_dead"] <= metrics["rounds_wasted"])
    assert np.all(metrics["loss"] <= sum(asset.value for asset in batch.scenario.assets) + 1e-9)
    assert all(np.all(np.isfinite(values)) for values in metrics.values())
    return metrics
