"""Metrics of money and stock, by hand."""

import numpy as np
import pytest

from tests.envs.small import by_kind, fire, hold, mapping, package, play_out, shooter, started


def money(batch, *names):
    return [float(batch.metrics()[name][0]) for name in names]


def test_a_loss_in_million_euros():
    # One drone takes 0.5 of an asset of 10, and a unit of value is worth 30 million.
    batch = started(mapping(value_meur=30.0), threat_kind__hit=1.0, threat_kind__damage=0.5)
    assert money(batch, "loss_meur") == [0.0]
    play_out(batch)
    assert money(batch, "loss", "loss_meur") == [5.0, 150.0]


def test_the_exchange_of_costs_is_rounds_fired_to_threats_killed():
    # Two rounds of 1,000 thousand euros at a drone of 40 thousand; the second is wasted.
    batch = started(mapping(), shooter_pk=1.0, shooter__falloff=0.0)
    fire(batch)
    fire(batch)
    assert money(batch, "rounds_cost_keur", "cost_exchange") == [2000.0, 0.0], "none killed yet"
    play_out(batch)
    assert money(batch, "killed_cost_keur", "cost_exchange") == [40.0, 50.0]


def test_rounds_left_and_the_days_they_last():
    shooters = [
        shooter("battery", rounds=6, reserve_rounds=4),
        shooter("jammer", "jammer", rounds=1),
        shooter("pair", "fighter_pair", rounds=2, reserve_rounds=3),
    ]
    batch = started(mapping(shooters=shooters), shooter_pk=by_kind(slow_drone=1e-6))
    # 10 + 5, none of the jammer's; nothing fired counts as one round, a single raid as one day.
    assert money(batch, "rounds_left", "days_of_stock") == [15.0, 15.0]
    for left, days in ((14.0, 14.0), (13.0, 6.5), (12.0, 4.0)):
        fire(batch)
        assert money(batch, "rounds_left", "days_of_stock") == pytest.approx([left, days])


def test_days_of_stock_over_the_days_of_a_campaign_and_its_depots():
    # Raids on days 0, 5 and 10; 0.6 rounds a day for a nation that is not there until day 11.
    guest = {"name": "guest", "nation": "DEU", "shooters": ["guest"], "arrives_day": 11}
    source = mapping(
        shooters=[shooter(rounds=6), shooter("guest", "rbs70", nation="DEU", rounds=3)],
        packages=[package(entry=(0, 5.1))], contingents=[guest],
        campaign={"raids": 3, "lull_days": [5, 5]},
        deliveries=[{"kind": "rbs70", "rounds_per_day": 0.6}],
    )  # fmt: skip
    batch = started(source, shooter_pk=1e-6, threat_kind__hit=0.0)
    fire(batch)
    fire(batch)
    # 4 + 3 are left on day 0, which counts as a day, after two.
    assert money(batch, "rounds_left", "days_of_stock") == [7.0, 3.5]
    hold(batch, 9 + 1)
    # On day 5: 3 more in the depot; two rounds in five days.
    assert money(batch, "raids", "rounds_left", "days_of_stock") == [2.0, 10.0, 25.0]
    hold(batch, 11 + 1)
    assert money(batch, "raids", "rounds_left", "days_of_stock") == [3.0, 13.0, 65.0]


def test_rows_not_asked_for_are_zero():
    batch = started(mapping(), 2)
    found = batch.metrics(np.array([True, False]))
    assert found["rounds_left"].tolist() == [2.0, 0.0]
    assert found["days_of_stock"].tolist() == [2.0, 0.0]
