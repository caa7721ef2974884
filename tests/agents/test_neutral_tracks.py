"""No classical policy shoots at what is identified as neutral."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from agents.classical import POLICY_NAMES, make_policy
from envs.batch import RaidBatch
from tests.envs.small import at, policing, shooter, started, traffic

ROWS = 24


@dataclass
class Seen:
    """What a policy did among aircraft known to be neutral, counted over epochs."""

    in_reach: int = 0  # pairs of such a track and a shooter that had it in range and could fire
    ordered: int = 0  # orders at any track
    doubtful: int = 0  # orders at tracks that might be neutral


def crowded() -> dict:
    """Air policing with more traffic, a third pair and a long-range battery."""
    source = policing(slots=30)
    source["shooters"] += [
        shooter("early", "fighter_pair", (20, 0), rounds=4, patrol=at(0, 12)),
        shooter("long", "patriot", (1, 0), rounds=8),
    ]
    source["packages"] += [
        traffic("more light", number=(3, 4), entry=(12, 14), exit=(-14, 4), spread_min=4),
        traffic("more regional", "regional_aircraft", (2, 3), (-25, 20), (25, 0), spread_min=6),
    ]
    return source


def identified(batch: RaidBatch) -> np.ndarray:
    """Which slots hold a track that is believed neutral with certainty, bool [B, I]."""
    state = batch.state()
    return state.held & (state.track["neutral"] >= 1.0)


def in_range(batch: RaidBatch) -> np.ndarray:
    """Which tracks are within the range of which shooters as they stand, bool [B, S, I]."""
    state, deployed = batch.state(), batch.params.shooter[0]
    offset = [
        state.track[axis][:, None].astype(float) - state.shooter[axis][:, :, None]
        for axis in ("x_m", "y_m")
    ]
    slant = np.hypot(np.hypot(*offset), state.track["z_m"][:, None])
    near, far = deployed["air_range_min_m"], deployed["air_range_max_m"]
    return (slant > near[:, None]) & (slant < far[:, None])


def watch(policy_name: str) -> tuple[Seen, RaidBatch]:
    """Play campaigns out, and look at every order."""
    batch, seen = started(crowded(), ROWS, seed=60), Seen()
    prices = dict.fromkeys((f"base_{kind}" for kind in batch.scenario.shooter_kinds), -0.02)
    policy = make_policy(policy_name, batch.scenario, weights=prices, price=0.005)
    while not batch.terminated.all():
        orders, _ = policy.predict(batch.observation)
        known = identified(batch)
        rows, shooters = np.nonzero(orders[:, : batch.scenario.num_shooters])
        slots = orders[rows, shooters] - 1
        assert not known[rows, slots].any(), policy_name
        seen.ordered += len(rows)
        doubt = batch.state().track["neutral"][rows, slots]
        seen.doubtful += int(np.sum((doubt > 0.0) & (doubt < 1.0)))
        could_fire = (batch.observation["action_mask"][:, :, 1:] == 1).any(axis=2)
        seen.in_reach += int(np.sum(could_fire[:, :, None] & in_range(batch) & known[:, None]))
        batch.step(orders)
    return seen, batch


@pytest.mark.parametrize("name", POLICY_NAMES)
def test_no_classical_policy_shoots_at_what_is_identified_as_neutral(name: str) -> None:
    seen, batch = watch(name)
    assert seen.in_reach > 50 * ROWS, "there were such tracks for shooters that could fire"
    metrics = batch.metrics()
    assert not metrics["illegal_actions"].any()
    if name == "hold_fire":
        assert seen.ordered == 0
        return
    assert seen.ordered > 5 * ROWS
    assert seen.doubtful > 0, "some orders are at what might be neutral"
    assert metrics["intercepts"].sum() > ROWS
