"""Deployments: each raid plays one that follows from its key, as if that were a scenario."""

from dataclasses import replace

import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from envs.batch import RaidBatch
from envs.checks import check_vector_env
from envs.core.randomness import SPLITS
from envs.deployments import deployment
from envs.digest import scenario_digest
from envs.observation import TABLES
from envs.parameter_sets import ParameterSets
from envs.rendering.record import Recorder
from envs.scenario import ScenarioError, load_scenario, read_scenario
from envs.single_env import BalticShieldEnv
from envs.vector_env import BalticShieldVectorEnv
from tests.envs.small import assert_same, changed

ROWS = 24


@pytest.fixture(scope="module")
def few():
    """`random` with so few deployments that drawing them takes no time."""
    whole = load_scenario("random")
    return replace(whole, deployments=replace(whole.deployments, train=6, validation=3, test=3))


def orders_of(batch, rng):
    """Return orders by chance, half of them holds, int64 [B, S]."""
    shape = batch.observation["action_mask"].shape
    drawn = rng.integers(0, shape[2], shape[:2])
    return np.where(rng.random(shape[:2]) < 0.5, drawn, 0)


def indices(batch):
    return batch.state().raid["params_index"].copy()


def test_deployments_follow_from_split_and_number_and_all_differ(few):
    again = load_scenario("random")
    digests = set()
    for split in SPLITS:
        for number in range(3):
            drawn = deployment(few, split, number)
            assert scenario_digest(drawn) == scenario_digest(deployment(again, split, number))
            digests.add(scenario_digest(drawn))
    assert len(digests) == 9


def test_deployments_are_as_large_as_the_file_says():
    random = load_scenario("random")
    draw = random.deployments
    drawn = [deployment(random, "train", number) for number in range(60)]
    for key in ("assets", "shooters", "sensors", "packages"):
        sizes = {len(getattr(one, key)) for one in drawn}
        fewest, most = getattr(draw, key)
        assert fewest <= min(sizes) and max(sizes) <= most
        assert len(sizes) > (most - fewest) // 2
    threats = [one.most_threats for one in drawn]
    assert draw.threats[0] - draw.packages[1] <= min(threats) and max(threats) <= draw.threats[1]
    assert {one.perfect_picture for one in drawn} == {True, False}
    kinds = {shooter.kind for one in drawn for shooter in one.shooters}
    assert kinds == {shooter.kind for shooter in random.shooters}
    for one in drawn:
        assert max(asset.value for asset in one.assets) == 10.0
        assert sum(package.number[0] for package in one.packages) >= 12


def test_which_deployment_a_raid_plays_follows_from_its_key(few):
    batch = RaidBatch(few, ROWS)
    batch.reset(seeds=np.arange(ROWS), split="test")
    seen = indices(batch)
    assert set(seen) == {9, 10, 11}, "those of the test split, all of them"
    batch.reset()
    assert not np.array_equal(indices(batch), seen), "the next raid, another deployment"
    for split, first, count in (("train", 0, 6), ("validation", 6, 3)):
        batch.reset(seeds=np.arange(ROWS), split=split)
        assert set(indices(batch)) == set(range(first, first + count))
    alone = RaidBatch(few, 1)
    for seed in range(4):
        alone.reset(seeds=np.array([seed]), split="test")
        assert indices(alone)[0] == seen[seed]


def test_a_raid_is_the_same_alone_and_in_any_row(few):
    rng = np.random.default_rng(0)
    together, alone = RaidBatch(few, 4), RaidBatch(few, 1)
    together.reset(seeds=np.array([5, 9, 7, 5]))
    alone.reset(seeds=np.array([7]))
    for _ in range(60):
        orders = orders_of(together, rng)
        together.step(orders)
        alone.step(orders[2:3])
        for name, table in alone.snapshot().items():
            assert np.array_equal(table[0], together.observation[name][2]), name
    own, all_of_them = alone.metrics(), together.metrics()
    assert {name: own[name][0] for name in own} == {name: all_of_them[name][2] for name in own}


@pytest.mark.parametrize("number", range(6))
def test_a_raid_plays_as_if_its_deployment_were_a_scenario(few, number):
    """So rows that are filled up with nothing change nothing, and are 0 where observed."""
    drawn = deployment(few, "train", number)
    filled = RaidBatch(few, 64)
    filled.reset(seeds=np.arange(64))
    (rows,) = np.nonzero(indices(filled) == number)
    alone = RaidBatch(drawn, len(rows))
    alone.reset(seeds=filled.seeds[rows])
    shooters, assets = len(drawn.shooters), len(drawn.assets)
    rng = np.random.default_rng(number)
    for _ in range(drawn.max_epochs):
        check_equal(alone, filled, rows, shooters, assets)
        orders = orders_of(filled, rng)
        alone.step(orders[rows][:, :shooters])
        filled.step(orders)
    assert alone.terminated.all()
    own, others = alone.metrics(), filled.metrics()
    for name in own:
        if name != "illegal_actions":
            assert np.array_equal(own[name], others[name][rows]), name


def check_equal(alone, filled, rows, shooters, assets):
    """Check that what is there is observed alike, and nothing of what is not."""
    sizes = {"shooter": shooters, "pair": shooters, "action_mask": shooters, "asset": assets}
    for name, table in alone.observation.items():
        there = filled.observation[name][rows]
        size = sizes.get(name, there.shape[1])
        assert np.array_equal(there[:, :size], table), name
        rest = there[:, size:]
        assert not (rest[..., 1:] if name == "action_mask" else rest).any(), name


def test_what_is_not_there_never_fires(few):
    batch = RaidBatch(few, ROWS)
    batch.reset(seeds=np.arange(ROWS))
    there = [len(batch.deployment(row).shooters) for row in range(ROWS)]
    absent = np.arange(few.num_shooters) >= np.array(there)[:, None]
    assert absent.any()
    rng = np.random.default_rng(1)
    for _ in range(80):
        batch.step(orders_of(batch, rng))
        shooters = batch.state().shooter
        assert not shooters["able"][absent].any()
        assert not shooters["busy"][absent].any()
        assert not (shooters["rounds"] + shooters["reserve"])[absent].any()
        assert (batch.observation["action_mask"][absent].sum(axis=1) == 1).all(), "hold alone"
    assert batch.metrics()["engagements"].all()


def test_something_is_at_risk_in_every_deployment(few):
    many = replace(few, deployments=replace(few.deployments, test=60))
    batch = RaidBatch(many, 200)
    batch.reset(seeds=np.arange(200), split="test")
    assert len(set(indices(batch))) > 50
    assert batch.metrics()["undefended_loss"].min() > 0.0


def test_fork_and_saved_states_carry_the_deployment_over(few):
    source = RaidBatch(few, ROWS)
    source.reset(seeds=np.arange(ROWS), split="test")  # of which making a batch draws none
    for scenario in (few, replace(few, description="read anew")):
        copy = RaidBatch(scenario, 2)
        copy.fork(source, np.array([3, 17]), np.array([0, 1]))
        assert copy.deployment(1).name == source.deployment(17).name
        other = RaidBatch(replace(scenario, description="and once more"), ROWS)
        other.set_state(source.get_state())
        assert_same(other.snapshot(), source.snapshot())
        orders = orders_of(source, np.random.default_rng(2))
        copy.step(orders[[3, 17]])
        other.step(orders)
        before = source.get_state()
        source.step(orders)
        assert_same(other.snapshot(), source.snapshot())
        for name in TABLES[:-1]:
            assert np.array_equal(copy.observation[name], source.observation[name][[3, 17]])
        source.set_state(before)


def test_a_record_is_that_of_the_deployment_alone(few):
    filled = RaidBatch(few, 2)
    filled.reset(seeds=np.array([0, 1]))
    alone = RaidBatch(filled.deployment(1), 1)
    alone.reset(seeds=np.array([1]))
    recorders, rng = [Recorder(filled, 1), Recorder(alone)], np.random.default_rng(3)
    for _ in range(50):
        for recorder in recorders:
            recorder.note()
        orders = orders_of(filled, rng)
        filled.step(orders)
        alone.step(orders[1:, : alone.scenario.num_shooters])
    one, other = (recorder.record for recorder in recorders)
    assert one.scenario.name == other.scenario.name
    assert one.engagements == other.engagements
    for mine, its in zip(one.moments, other.moments, strict=True):
        for field, value in mine._asdict().items():
            # Orders to nobody are illegal, and counted; rewards have another unit.
            if field not in ("metrics", "raid"):
                assert np.array_equal(value, getattr(its, field)), field


def test_the_interfaces_keep_their_promises(few):
    def make(num_envs, autoreset_mode):
        return BalticShieldVectorEnv(num_envs, few, autoreset_mode, max_epochs=12)

    check_vector_env(make, num_envs=4, rows_by_seed=True)
    check_env(BalticShieldEnv(few), skip_render_check=True)


def test_what_is_rendered_is_what_is_played(few):
    env, seen = BalticShieldEnv(few, render_mode="ansi"), set()
    for seed in range(4):
        env.reset(seed=seed)
        env.step(env.action_space.sample() * 0)
        played = env.batch.deployment(0)
        text = env.render()
        assert played.name in text
        assert all(shooter.name in text for shooter in played.shooters)
        seen.add(played.name)
    assert len(seen) > 1


def test_deployments_are_drawn_when_a_raid_needs_them(few):
    sets = ParameterSets(few)
    assert not sets.params.asset["value"].any()
    sets.draw(np.array([4, 4, 9], np.int32))
    drawn = (sets.params.asset["value"] > 0.0).any(axis=1)
    assert np.flatnonzero(drawn).tolist() == [4, 9]
    assert sets.deployment(4).name == "random-train-4"
    assert sets.deployment(9).name == "random-test-0"


def test_the_digest_sees_how_deployments_are_drawn():
    source = read_scenario("random")
    digests = {scenario_digest(load_scenario(source))}
    for path, value in (("radius_km", [60, 251]), ("train", 2001), ("perfect_share", 0.51)):
        digests.add(scenario_digest(load_scenario(changed(source, f"deployments.{path}", value))))
    digests.add(scenario_digest(load_scenario(changed(source, "shooters.0.rounds", 7))))
    assert len(digests) == 5


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("deployments.shooters", [6, 61], "deployments.shooters: 61 is too many; there are 60"),
        ("deployments.shooters", [9, 6], "deployments.shooters: [9, 6] must be [smallest, larg"),
        ("deployments.threats", [7, 60], "deployments.threats: 7 is too few"),
        ("deployments.threats", [20, 65], "slots: 64 is too few"),
        ("deployments.perfect_shar", 1, "did you mean 'perfect_share'?"),
        ("deployments.train", 0, "deployments.train: 0 is out of range"),
        ("packages.0.chance", 0.5, "packages[0]: it can stay away"),
        ("packages.0.kinds", {"decoy": 1}, "packages[0].kinds: decoy do no damage"),
        ("packages.4.aim", ["Voru garrison"], "packages: none aims at 'Tartu city'"),
        ("shooters.3.asset", "Tartu city", "shooters[3].asset: 'Tartu city' may be left out"),
        ("campaign", {"raids": 2}, "several raids, neutral aircraft"),
        ("sharing", {"foreign_delay_epochs": 2}, "tracks that not everybody may use"),
    ],
)
def test_what_cannot_be_drawn_from_is_said(path, value, words):
    source = changed(read_scenario("random"), path, value)
    with pytest.raises(ScenarioError) as caught:
        load_scenario(source)
    assert words in str(caught.value)


def test_numbers_that_are_not_there_are_said(few):
    with pytest.raises(ScenarioError, match="has numbers from 0 to 2"):
        deployment(few, "test", 3)
    with pytest.raises(ScenarioError, match="did you mean 'test'"):
        deployment(few, "tests", 0)
    with pytest.raises(ScenarioError, match="is one deployment and draws none"):
        deployment(load_scenario("duel"), "test", 0)
