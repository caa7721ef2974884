"""Jamming: it spends nothing, works on a share of what comes, and on that again and again."""

import numpy as np
import pytest

from envs.core.state import KILLED
from tests.envs.small import (
    by_kind,
    fire,
    mapping,
    package,
    row_of,
    shooter,
    slot_of,
    started,
    traffic,
)

ROWS, SHARE, PK = 2048, 0.7, 0.3  # jammable, and pk against what can be jammed, as in `scene`
NEAR = {"shooter__air_range_max_m": 1e6, "shooter__falloff": 0.0, "shooter__antenna_m": 1e4}


def scene(**keys):
    """Return a drone that comes from 20 km to a jammer that reaches it there."""
    return mapping(**{"shooters": [shooter(kind="jammer", rounds=1)], **keys})


def jammed(batch):
    """Jam the drone whenever that is legal, to the end of the raid."""
    while not batch.terminated.all():
        orders = np.zeros((batch.num_envs, 1), np.int64)
        orders[:, 0] = 1 + slot_of(batch)
        legal = np.take_along_axis(batch.observation["action_mask"][:, 0], orders, axis=1)
        batch.step(np.where(legal == 1, orders, 0))


def dead(batch):
    return batch.state().threat["status"][np.arange(batch.num_envs), row_of(batch)] == KILLED


def test_the_pk_shown_is_what_is_expected_of_a_drone_that_may_be_immune():
    batch = started(scene(), ROWS, **NEAR)
    pairs = batch.state().pair["pk"][np.arange(ROWS), 0, slot_of(batch)]
    assert pairs == pytest.approx(np.full(ROWS, SHARE * PK), rel=1e-5)
    fire(batch)
    flying = batch.state().engagement[:, 0, 0]
    assert flying["pk"] == pytest.approx(np.full(ROWS, SHARE * PK), rel=1e-5)
    # Of one that can be jammed it is PK, of the others nothing.
    immune = flying["true_pk"] == 0.0
    assert flying["true_pk"][~immune] == pytest.approx(np.full((~immune).sum(), PK), rel=1e-5)
    sigma = np.sqrt(SHARE * (1 - SHARE) / ROWS)
    assert abs(immune.mean() - (1 - SHARE)) < 4.5 * sigma
    while np.any(batch.state().shooter["busy"][:, 0] > 0):
        batch.step(np.zeros((ROWS, 1), np.int64))
    killed = dead(batch)
    assert not killed[immune].any()
    p = SHARE * PK
    assert abs(killed.mean() - p) < 4.5 * np.sqrt(p * (1 - p) / ROWS)


def test_endless_attempts_tend_to_the_share_that_can_be_jammed():
    # 400 s, attempts of 20 s on two channels: of those that can be jammed 0.7^26 are left at most.
    batch = started(scene(), ROWS, **NEAR)
    jammed(batch)
    metrics = batch.metrics()
    survivors = ~dead(batch)
    assert metrics["engagements"][survivors].min() >= 26
    assert abs(dead(batch).mean() - SHARE) < 4.5 * np.sqrt(SHARE * (1 - SHARE) / ROWS)
    # Were each attempt's luck its own, hardly two in a thousand would come through.
    assert (1 - SHARE * PK) ** 26 < 3e-3 < survivors.mean()


def test_jamming_costs_no_rounds_and_no_money():
    batch = started(scene(), 16, **NEAR)
    jammed(batch)
    metrics = batch.metrics()
    assert metrics["engagements"].min() > 0
    for name in ("rounds_fired", "rounds_jammer", "rounds_cost_keur", "rounds_wasted",
                 "rounds_left", "cost_exchange"):  # fmt: skip
        assert not metrics[name].any(), name
    assert np.all(batch.state().shooter["rounds"] == 1)


def test_what_cannot_be_jammed_never_is():
    # With a kind that cannot be jammed at all, no attempt has a chance, whatever is believed.
    doubtful = {"kinds": "believed", "misses_to_lose": 20}
    mixed = package() | {"kinds": {"slow_drone": 1, "decoy": 1}}
    jammable = by_kind(slow_drone=0.0, decoy=1.0)
    pk = by_kind(slow_drone=0.0, decoy=1.0)
    batch = started(
        scene(packages=[mixed], picture=doubtful), 512, **NEAR, shooter_pk=pk,
        threat_kind__jammable=jammable, sensor__identification_rate=0.0,
    )  # fmt: skip
    fire(batch)
    jammed(batch)
    kinds = batch.state().threat["kind"][np.arange(512), row_of(batch)]
    assert np.array_equal(dead(batch), jammable[kinds] == 1.0)
    assert 0 < dead(batch).sum() < 512


def test_a_neutral_aircraft_taken_for_a_drone_is_not_jammed_down():
    doubtful = {"kinds": "believed", "aims": "believed", "misses_to_lose": 20}
    passing = traffic(entry=(-10, 15), exit=(10, 15))
    batch = started(
        scene(packages=[package(), passing], picture=doubtful), 64, **NEAR,
        sensor__identification_rate=0.0,
    )  # fmt: skip
    fire(batch, 0, 1)
    assert np.all(batch.state().engagement["pk"][:, 0, 0] > 0.0)
    assert not batch.state().engagement["true_pk"][:, 0, 0].any()
