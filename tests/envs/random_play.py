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
    """Return random legal orders, of which a share is replaced by any number.

    Int64 [B, S], or [B, S + D] where deliveries are decided.
    """
    parts = []
    for mask in _masks(batch):
        orders = sample_legal(mask, rng)
        anything = rng.integers(-2, mask.shape[2] + 2, orders.shape)
        parts.append(np.where(rng.random(orders.shape) < illegal, anything, orders))
    return np.concatenate(parts, axis=1)


def is_illegal(batch: RaidBatch, orders: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which orders the masks do not allow, bool [B, S] or [B, S + D]."""
    found, first = [], 0
    for mask in _masks(batch):
        part = orders[:, first : first + mask.shape[1]]
        first += mask.shape[1]
        inside = (part >= 0) & (part < mask.shape[2])
        picked = np.take_along_axis(mask, np.where(inside, part, 0)[:, :, None], axis=2)[:, :, 0]
        found.append(~(inside & (picked == 1)))
    return np.concatenate(found, axis=1)


def _masks(batch: RaidBatch) -> list[NDArray[np.int8]]:
    names = ("action_mask", "delivery_mask")
    return [batch.observation[name] for name in names if name in batch.observation]


def tally(batch: RaidBatch) -> dict[str, NDArray[np.int64]]:
    """Return what the present raid of each row has come to, int64 [B] by metric."""
    threats, kinds = batch.state().threat, batch.params.threat_kind[0]
    status, there = threats["status"], threats["status"] != ABSENT
    neutral = kinds["neutral"][threats["kind"]] & there
    settled = {"killed": KILLED, "leakers": LEAKED, "duds": DUD}
    by_kind = {
        f"{name}_{kind}": np.sum((status == settled[name]) & (threats["kind"] == k), axis=1)
        for name in ("killed", "leakers")
        for k, kind in enumerate(batch.scenario.threat_kinds)
    }
    return {
        "threats": np.sum(there & ~neutral, axis=1),
        "threats_tracked": np.sum(threats["tracked"] & ~neutral, axis=1),
        **{name: np.sum((status == which) & ~neutral, axis=1) for name, which in settled.items()},
        "neutrals": neutral.sum(axis=1),
        "neutrals_shot": np.sum(neutral & (status == KILLED), axis=1),
        **by_kind,
    }


def coming(batch: RaidBatch) -> NDArray[np.int64]:
    """Return how many threats and neutral aircraft the present raid of each row has, int64 [B]."""
    return np.asarray(np.sum(batch.state().threat["status"] != ABSENT, axis=1))


def check_counts(
    batch: RaidBatch, totals: NDArray[np.int64], past: Mapping[str, NDArray[np.int64]]
) -> None:
    """Assert that threats and rounds are all accounted for.

    Args:
        batch: as it is now.
        totals: threats and neutral aircraft of each row's present raid, int64 [B].
        past: what the raids before it came to, as `tally` says.
    """
    metrics, state = batch.metrics(), batch.state()
    status, now = state.threat["status"], tally(batch)
    alive = np.sum((status == PENDING) | (status == INBOUND), axis=1)
    neutral = batch.params.threat_kind[0]["neutral"][state.threat["kind"]]
    passed = np.sum(neutral & (status == DUD), axis=1)
    settled = now["killed"] + now["leakers"] + now["duds"] + now["neutrals_shot"] + passed
    assert np.array_equal(alive + settled, totals)
    assert np.array_equal(now["threats"] + now["neutrals"], totals)
    assert not np.any(neutral & (status == LEAKED))
    for name in now:
        assert np.array_equal(metrics[name], past[name] + now[name]), name
    for name, others in (("killed", "neutrals_shot"), ("leakers", None)):
        by_kind = sum(metrics[f"{name}_{kind}"] for kind in batch.scenario.threat_kinds)
        assert np.array_equal(metrics[name] + (metrics[others] if others else 0), by_kind), name
    over, lost = batch.terminated | state.raid["lull"], np.all(state.health <= 0.0, axis=1)
    assert not np.any(alive[over & ~lost])

    deployed = batch.params.shooter[0]
    assert np.all((state.shooter["rounds"] >= 0) & (state.shooter["reserve"] >= 0))
    assert np.all(state.shooter["rounds"] <= deployed["magazine"])
    by_kind = sum(metrics[f"rounds_{kind}"] for kind in batch.scenario.shooter_kinds)
    assert np.array_equal(metrics["rounds_fired"], by_kind)
    assert np.all((state.shooter["busy"] >= 0) & (state.shooter["busy"] <= deployed["channels"]))
    assert np.all(metrics["rounds_wasted"] <= metrics["rounds_fired"])
    assert np.all(metrics["killed"] + metrics["neutrals_shot"] <= metrics["engagements"])
    assert np.all(metrics["neutrals_shot"] <= metrics["neutrals"])
    assert np.all(metrics["rounds_at_neutrals"] <= metrics["rounds_fired"])
    check_stock(batch)


def check_stock(batch: RaidBatch) -> None:
    """Assert of every shooter kind: supplied + delivered = fired + left."""
    metrics, state = batch.metrics(), batch.state()
    deployed, delivery = batch.params.shooter[0], batch.params.delivery[0]
    day = state.raid["day"].astype(float)[:, None]
    come = np.floor(delivery["rounds_per_day"] * np.maximum(day - delivery["first_day"], 0.0))
    handed_out = come - state.depot
    assert np.all((state.depot >= 0) & (handed_out >= 0.0))
    assert np.array_equal(handed_out.sum(axis=1), metrics["rounds_delivered"])
    left = state.shooter["rounds"] + state.shooter["reserve"]
    for q, kind in enumerate(batch.scenario.shooter_kinds):
        own = deployed["kind"] == q
        supplied = np.sum((deployed["rounds"] + deployed["reserve"])[own])
        received = handed_out[:, delivery["kind"] == q].sum(axis=1)
        fired = metrics[f"rounds_{kind}"]
        assert np.array_equal(supplied + received, fired + left[:, own].sum(axis=1)), kind


def check_calendar(batch: RaidBatch) -> None:
    """Assert that raids, lulls and contingents keep to the calendar, and that all say so."""
    raid, plan, deployed = batch.state().raid, batch.params.campaign[0], batch.params.shooter[0]
    metrics, observation, lull = batch.metrics(), batch.observation, batch.state().raid["lull"]
    assert np.array_equal(metrics["raids"], raid["number"] + 1.0)
    assert np.array_equal(metrics["epochs"], raid["steps"])
    assert np.all((raid["number"] < plan["raids"]) & (raid["day"] <= plan["days"]))
    day = raid["day"][:, None]
    there = (deployed["ready_day"] <= day) & (day < deployed["leave_day"])
    assert not np.any(batch.state().shooter["able"] & ~there)
    column = batch.layout.index("clock", "lull")
    assert np.array_equal(observation["clock"][:, column] == 1.0, lull)
    assert not np.any(lull & (batch.terminated | (raid["number"] + 1 >= plan["raids"])))
    assert not observation["track"][lull].any()
    assert not observation["pair"][lull].any()
    assert not observation["action_mask"][lull, :, 1:].any()
    assert not batch.state().shooter["busy"][lull].any()
    if "delivery_mask" in observation:
        assert observation["delivery_mask"][:, :, 0].all()
        assert not observation["delivery_mask"][~lull, :, 1:].any()


def check_handed_out(batch: RaidBatch, begun: NDArray[np.bool_]) -> None:
    """Assert of the raids just begun that what lies in a depot is what nobody there can take."""
    state, delivery, deployed = batch.state(), batch.params.delivery[0], batch.params.shooter[0]
    for d, nations in enumerate(batch.params.delivery_to[0]):
        takes = (deployed["kind"] == delivery["kind"][d]) & nations[deployed["nation"]]
        taker = np.any(state.shooter["able"] & takes, axis=1)
        assert not np.any(begun & taker & (state.depot[:, d] > 0))


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
