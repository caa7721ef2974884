"""Agents on deployments drawn by chance, and agents of `random` on other scenarios."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from agents import replay
from agents.bounds.bound import raid_bounds
from agents.bounds.foresight import foresee
from agents.classical import make_policy
from agents.learned.network_files import save_network
from agents.learned.price_network import bare_network
from agents.learned.settings import PriceNetworkSettings
from agents.policy import Planner
from agents.rollout import play
from agents.runs import load_policy
from envs.batch import RaidBatch
from envs.deployments import deployment
from envs.scenario import Scenario, load_scenario


@pytest.fixture(scope="module")
def few() -> Scenario:
    """`random` with so few deployments that drawing them takes no time."""
    whole = load_scenario("random")
    assert whole.deployments is not None
    return replace(whole, deployments=replace(whole.deployments, train=4, validation=3, test=3))


def played(scenario: Scenario, seeds: list[int], split: str) -> list[str]:
    """Name of the deployment that the raid of each seed plays."""
    batch = RaidBatch(scenario, len(seeds))
    batch.reset(seeds=np.array(seeds), split=split)
    return [batch.deployment(row).name for row in range(len(seeds))]


def test_a_policy_does_on_a_deployment_alone_what_it_does_in_the_batch(few: Scenario) -> None:
    seeds = list(range(6))
    together = play(make_policy("wta_greedy", few), few, seeds, "test")
    for number in range(3):
        alone = deployment(few, "test", number)
        own = [n for n, name in enumerate(played(few, seeds, "test")) if name == alone.name]
        if own:
            rows = play(make_policy("wta_greedy", alone), alone, [seeds[n] for n in own], "test")
            for name in ("loss", "undefended_loss", "killed", "rounds_left"):
                assert np.array_equal(rows[name], together[name][own]), name


def test_the_bound_of_a_raid_is_that_of_its_deployment_alone(few: Scenario) -> None:
    seeds = [0, 1, 2]
    bounds = raid_bounds(few, seeds)
    for n, name in enumerate(played(few, seeds, "validation")):
        alone = deployment(few, "validation", int(name.rsplit("-", 1)[1]))
        own = raid_bounds(alone, [seeds[n]])
        assert own.undefended_loss[0] == bounds.undefended_loss[n] > 0.0
        assert own.luck_known[0] == bounds.luck_known[n]
    with pytest.raises(ValueError, match="one deployment of 'random' is needed"):
        foresee(few, np.array(seeds), "validation")


def test_no_single_deployment_is_solved_for_all(few: Scenario) -> None:
    with pytest.raises(ValueError, match="exact solution: deployments"):
        make_policy("optimal", few)


def test_planners_plan_for_the_deployment_they_play(few: Scenario) -> None:
    policy = make_policy("open_loop", few)
    assert isinstance(policy, Planner)
    rows = play(policy, few, [0, 1], "test", batch_size=2)
    assert rows["rounds_fired"].all() and not rows["illegal_actions"].any()


def test_a_network_of_random_plays_other_scenarios(tmp_path: Path) -> None:
    random = load_scenario("random")
    prices = {"base_patriot": 0.1, "base_nasams": 0.05, "tracks": 0.01}
    network = bare_network(prices, random)
    save_network(tmp_path / "agent", network, PriceNetworkSettings(), random)
    for name in ("standard", "duel"):
        scenario = load_scenario(name)
        loaded = play(load_policy(str(tmp_path), scenario), scenario, range(20))
        pricing = play(make_policy("wta_pricing", scenario, weights=prices), scenario, range(20))
        assert np.array_equal(loaded["loss"], pricing["loss"])


def test_raids_of_several_deployments_have_a_page_each(few: Scenario, tmp_path: Path) -> None:
    names = played(few, [0, 1, 2, 3], "test")
    other = next(n for n, name in enumerate(names) if name != names[0])
    policies = {"hold_fire": make_policy("hold_fire", few)}
    replay.write_pictures(policies, few, [0, other], "test", [tmp_path / "replay.html"])
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        f"replay-{other}.html",
        "replay.html",
    ]
    assert names[0] in (tmp_path / "replay.html").read_text()
    assert names[other] in (tmp_path / f"replay-{other}.html").read_text()
