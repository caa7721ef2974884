"""Deviations: what one decision is worth, and that nothing but raid and rule decides it."""

from __future__ import annotations

import numpy as np
import pytest

from agents.learned.deviations import Collector, Deviations
from agents.learned.price_network import NetworkPolicy, PriceNetwork
from envs.batch import RaidBatch
from envs.scenario import Scenario, load_scenario
from tests.agents.test_price_network import DUEL, random_network


def collect(scenario: Scenario, network: PriceNetwork, batch_size: int, raids: int) -> Deviations:
    seeds = 1000 + np.arange(raids)
    found = Collector(scenario, batch_size).collect(network, seeds, 0.2)
    assert found is not None
    return found


def play_out(
    policy: NetworkPolicy, scenario: Scenario, seed: int, at: int, forced: np.ndarray | None
) -> tuple[float, np.ndarray]:
    """Loss of a raid in which something may be forced at one epoch; the actions of that epoch."""
    batch = RaidBatch(scenario, 1)
    batch.reset(seeds=np.array([seed]), split="train")
    there = np.zeros((1, scenario.num_shooters), np.int64)
    epoch = 0
    while not (batch.terminated | batch.truncated).any():
        actions = policy.predict(batch.observation)[0]
        if epoch == at:
            there = actions.copy()
            if forced is not None:
                actions = forced
        batch.step(actions)
        epoch += 1
    return float(batch.metrics()["loss"][0]), there


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


def test_a_gain_is_the_difference_of_two_plays_of_the_raid() -> None:
    # All deviations of single raids are found again by playing those raids twice.
    network = random_network(DUEL)
    policy, largest = NetworkPolicy(DUEL, network), max(asset.value for asset in DUEL.assets)
    checked = 0
    for seed in range(30):
        found = Collector(DUEL, 8).collect(network, np.array([seed]), 1.0)
        assert found is not None
        worth = set()
        batch = RaidBatch(DUEL, 1)
        batch.reset(seeds=np.array([seed]), split="train")
        loss, _ = play_out(policy, DUEL, seed, -1, None)
        epochs = 0
        while not (batch.terminated | batch.truncated).any():
            actions = policy.predict(batch.observation)[0]
            mask = batch.observation["action_mask"][0]
            for s in range(DUEL.num_shooters):
                held = actions.copy()
                held[0, s] = 0
                when_held = play_out(policy, DUEL, seed, epochs, held)[0]
                for i in np.flatnonzero(mask[s, 1:]):
                    fired = actions.copy()
                    fired[0, s] = 1 + i
                    when_fired = play_out(policy, DUEL, seed, epochs, fired)[0]
                    worth.add(round((when_held - when_fired) / largest, 9))
            batch.step(actions)
            epochs += 1
            if epochs > 12:
                break
        early = [g for g in found.gains[: min(len(found.gains), 6)]]
        assert {round(float(g), 9) for g in early} <= worth
        checked += len(early)
        assert loss >= 0.0
        if checked >= 8:
            break
    assert checked >= 8


def test_a_collection_can_be_stopped() -> None:
    asked = []

    def stopped() -> bool:
        asked.append(True)
        return len(asked) > 3

    assert (
        Collector(DUEL, 16).collect(random_network(DUEL), np.arange(50), 0.1, None, stopped) is None
    )
