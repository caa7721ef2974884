"""Deviations: what one decision is worth, and that nothing but raid and rule decides it."""

from __future__ import annotations

import numpy as np
import pytest

from agents.learned.deviations import Collector, Deviations
from agents.learned.price_network import NetworkPolicy, PriceNetwork
from envs.batch import RaidBatch
from envs.scenario import Scenario, load_scenario
from tests.agents.test_price_network import DUEL, random_network
from tests.envs.small import named

Order = tuple[int, int]


def collect(scenario: Scenario, network: PriceNetwork, batch_size: int, raids: int) -> Deviations:
    seeds = 1000 + np.arange(raids)
    found = Collector(scenario, batch_size).collect(network, seeds, 0.2)
    assert found is not None
    return found


def replay(
    policy: NetworkPolicy, scenario: Scenario, seed: int, at: int, order: Order
) -> dict[str, float]:
    """Metrics of a training raid in which one shooter is given an order in one step."""
    batch = RaidBatch(scenario, 1)
    batch.reset(seeds=np.array([seed]), split="train")
    while not (batch.terminated | batch.truncated).any():
        actions = policy.predict(batch.observation)[0]
        if batch.state().raid["steps"][0] == at:
            shooter, choice = order
            actions[0, shooter] = choice
        batch.step(actions)
    return {name: float(values[0]) for name, values in batch.metrics().items()}


@pytest.mark.parametrize("name", ["duel", "air-policing"])
def test_they_depend_on_raids_and_rule_alone(name: str) -> None:
    scenario = load_scenario(name)
    network = random_network(scenario)
    raids = 24 if name == "duel" else 2
    one, other = (collect(scenario, network, size, raids) for size in (64, 9))
    assert len(one.gains) > raids
    assert one.gains.tolist() == other.gains.tolist()
    assert one.scores.tolist() == other.scores.tolist()
    assert (one.inputs == other.inputs).all()
    assert (one.gains != 0).any()


# Scenario, raids collected, and decisions checked of three sorts: those that change something,
# those and tried elsewhere too, those that change nothing.
@pytest.mark.parametrize(
    ("name", "raids", "checked"),
    [
        ("duel", 60, (25, 12, 8)),
        ("short-campaign", 40, (25, 8, 4)),
        ("small-policing", 60, (30, 12, 4)),
    ],
)
def test_a_gain_is_the_difference_of_two_plays_of_the_raid(
    name: str, raids: int, checked: tuple[int, int, int]
) -> None:
    """Of whole campaigns, too, and with the penalty for neutral aircraft that were shot down."""
    scenario = load_scenario(named(name))
    network = random_network(scenario)
    policy, largest = NetworkPolicy(scenario, network), max(a.value for a in scenario.assets)
    found = Collector(scenario, 16).collect(network, 1000 + np.arange(raids), 1.0)
    assert found is not None
    _, same, times = np.unique(found.places[:, :3], axis=0, return_inverse=True, return_counts=True)
    elsewhere = times[same] > 1
    moving = found.gains != 0.0
    generator = np.random.default_rng(0)
    chosen = [
        n
        for sort, count in zip(
            (moving & ~elsewhere, moving & elsewhere, ~moving), checked, strict=True
        )
        for n in generator.permutation(np.flatnonzero(sort))[:count].tolist()
    ]
    assert len(chosen) == sum(checked)
    lulls, penalties = 0, 0
    for n in chosen:
        raid, step, shooter, track = found.places[n].tolist()
        held, fired = (
            replay(policy, scenario, 1000 + raid, step, (shooter, choice))
            for choice in (0, 1 + track)
        )
        shot = held["neutrals_shot"] - fired["neutrals_shot"]
        lost = held["loss"] - fired["loss"] + scenario.neutral_penalty * shot
        assert found.gains[n] == pytest.approx(lost / largest, abs=1e-12)
        lulls += min(held["raids"], fired["raids"]) > 1
        penalties += shot != 0.0
    assert (lulls > 0) == (scenario.campaign.raids > 1)
    assert (penalties > 0) == scenario.traffic


def test_forked_rows_go_on_alike_and_others_stay() -> None:
    source, own = RaidBatch(DUEL, 6), RaidBatch(DUEL, 4)
    source.reset(seeds=np.arange(6), split="train")
    own.reset(seeds=np.arange(10, 14), split="train")
    policy = NetworkPolicy(DUEL, random_network(DUEL))
    for batch in (source, own):
        for _ in range(12):
            batch.step(policy.predict(batch.observation)[0])
    before = own.get_state()
    own.fork(source, np.array([5, 2]), np.array([0, 3]))
    after = own.get_state()
    for name in set(before) - {"seeds", "ordinals", "splits", "reward"}:
        assert np.array_equal(after[name][1:3], before[name][1:3]), name
    while not (own.terminated | own.truncated).all():
        for batch in (source, own):
            batch.step(policy.predict(batch.observation)[0])
    ends = [batch.metrics()["loss"] for batch in (source, own)]
    assert ends[1][[0, 3]].tolist() == ends[0][[5, 2]].tolist()


def test_a_collection_can_be_stopped() -> None:
    asked = []

    def stopped() -> bool:
        asked.append(True)
        return len(asked) > 3

    assert (
        Collector(DUEL, 16).collect(random_network(DUEL), np.arange(50), 0.1, None, stopped) is None
    )
