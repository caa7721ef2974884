"""Conformance with Gymnasium and Stable-Baselines3: no warning but those named."""

import warnings

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode
from gymnasium.wrappers import FlattenObservation
from gymnasium.wrappers.vector import DictInfoToList, RecordEpisodeStatistics
from stable_baselines3.common import env_checker

from envs.single_env import BalticShieldEnv
from envs.vector_env import BalticShieldVectorEnv
from tests.envs.small import assert_same, fog, mapping, named

ID = "envs:BalticShield-v0"


@pytest.mark.parametrize("name", ["duel", "standard", "fog", "small-policing"])
def test_gymnasiums_own_check_has_nothing_to_say(name):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # Rendering is checked below: it needs the spec that `make` gives.
        check_env(BalticShieldEnv(named(name)), skip_render_check=True)


@pytest.mark.parametrize("scenario", ["duel", "standard", mapping(), fog()])
def test_gymnasiums_own_check_of_what_make_returns(scenario):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        env = gymnasium.make(ID, scenario=scenario)
        check_env(env.unwrapped)
        env.reset(seed=1)
        while True:
            _, _, terminated, truncated, info = env.step(env.action_space.sample())
            if terminated or truncated:
                break
    assert terminated
    assert info["metrics"]["loss"] <= info["metrics"]["undefended_loss"]


TABLE_SHAPES = {
    *(
        f"Your observation {table} has an unconventional shape (neither an image, nor a 1D vector)"
        for table in ("track", "shooter", "asset", "action_mask")
    ),
    # Any table of three dimensions is taken for an image.
    "It seems that your observation pair is an image but its `dtype` is (float32)",
    "It seems that your observation space pair is an image but the upper and lower bounds",
    "The minimal resolution for an image is 36x36 for the default `CnnPolicy`",
}


@pytest.mark.parametrize("name", ["duel", "standard", "fog"])
def test_stable_baselines_check_warns_of_table_shapes_alone(name):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        env_checker.check_env(BalticShieldEnv(named(name)))
    texts = [str(warning.message) for warning in caught]
    unexpected = [text for text in texts if not text.startswith(tuple(TABLE_SHAPES))]
    assert not unexpected
    assert len(texts) == len(TABLE_SHAPES)


def test_stable_baselines_check_of_the_flat_observation_has_nothing_to_say():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        env_checker.check_env(FlattenObservation(BalticShieldEnv("duel")))


def test_make_vec_gives_the_native_vector_environment():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        env = gymnasium.make_vec(ID, num_envs=256, scenario="duel")
    assert isinstance(env.unwrapped, BalticShieldVectorEnv)
    assert env.num_envs == 256
    assert env.metadata["autoreset_mode"] == AutoresetMode.NEXT_STEP
    observation, info = env.reset(seed=0)
    assert info == {}
    assert env.observation_space.contains(observation)
    actions = env.action_space.sample()
    assert actions.shape == (256, 2)
    observation, reward, terminated, truncated, _ = env.step(actions)
    assert env.observation_space.contains(observation)
    for array in (reward, terminated, truncated):
        assert array.shape == (256,)
    assert (reward.dtype, terminated.dtype, truncated.dtype) == (np.float64, np.bool_, np.bool_)
    env.close()


def test_single_and_vector_spaces_agree():
    single, vector = BalticShieldEnv("duel"), BalticShieldVectorEnv(3, "duel")
    assert single.observation_space == vector.single_observation_space
    assert single.action_space == vector.single_action_space


def test_options_pass_through_make():
    env = gymnasium.make(ID, scenario="duel", max_epochs=2, reward={"killed": 1.0}, split="test")
    observation, _ = env.reset(seed=5)
    expected, _ = BalticShieldEnv("duel").reset(seed=5, options={"split": "test"})
    assert_same(observation, expected)
    env.step(env.action_space.sample() * 0)
    *_, terminated, truncated, _ = env.step(env.action_space.sample() * 0)
    assert (terminated, truncated) == (False, True)
    modes = gymnasium.make_vec(ID, num_envs=2, scenario="duel", autoreset_mode="SameStep")
    assert modes.metadata["autoreset_mode"] == AutoresetMode.SAME_STEP


def test_action_masks_are_flat_and_agree_with_the_observation():
    vector, single = BalticShieldVectorEnv(3, "duel"), BalticShieldEnv("duel")
    observation, _ = vector.reset(seed=2)
    alone, _ = single.reset(seed=2)
    masks = vector.action_masks()
    assert masks.shape == (3, 2 * 5)
    assert masks.dtype == np.bool_
    # Per shooter in order, each with hold first: as sb3-contrib lays out a MultiDiscrete.
    assert np.array_equal(masks.reshape(3, 2, 5), observation["action_mask"] == 1)
    assert np.array_equal(single.action_masks(), alone["action_mask"].reshape(-1) == 1)


@pytest.mark.parametrize("mode", [AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP])
def test_episode_statistics_are_equal_in_the_modes(mode):
    rows, episodes = 4, 12
    env = RecordEpisodeStatistics(BalticShieldVectorEnv(rows, "duel", mode), buffer_length=100)
    env.reset(seed=6)
    hold = np.zeros((rows, 2), np.int64)
    while env.episode_count < episodes:
        env.step(hold)
    lengths, returns = list(env.length_queue), list(env.return_queue)
    # Played one by one: the same episodes, in whatever order they end.
    expected = set()
    single = BalticShieldEnv("duel")
    for row in range(rows):
        single.reset(seed=6 + row)
        for _ in range(episodes // 2):  # more than any row plays while the others play theirs
            total, steps, over = 0.0, 0, False
            while not over:
                _, reward, terminated, truncated, _ = single.step(hold[0])
                over, total, steps = terminated or truncated, total + reward, steps + 1
            expected.add((steps, round(total, 6)))
            single.reset()
    found = list(zip(lengths, [round(float(value), 6) for value in returns], strict=True))
    assert len(found) >= episodes
    assert set(found) <= expected


@pytest.mark.parametrize("mode", list(AutoresetMode))
def test_infos_convert_to_lists(mode):
    """As RLlib reads them: one dict a row, metrics where an episode ended."""
    env = DictInfoToList(BalticShieldVectorEnv(3, "duel", mode, max_epochs=4))
    env.reset(seed=1)
    hold = np.zeros((3, 2), np.int64)
    for _ in range(3):
        *_, infos = env.step(hold)
        assert all("metrics" not in info for info in infos)
    *_, infos = env.step(hold)
    assert all(set(info["metrics"]) == set(env.unwrapped.batch.metrics()) for info in infos)
    if mode == AutoresetMode.SAME_STEP:
        assert all("loss" in info["final_info"]["metrics"] for info in infos)
        assert all(set(info["final_obs"]) == set(env.single_observation_space) for info in infos)


def test_only_documented_infos_during_an_episode():
    env = BalticShieldEnv("duel")
    assert env.reset(seed=0)[1] == {}
    *_, info = env.step(np.zeros(2, np.int64))
    assert info == {}, "metrics tell the truth, so they wait for the end"


@pytest.mark.parametrize("mode", list(AutoresetMode))
def test_metrics_are_told_of_raids_that_ended_and_of_no_others(mode):
    env = BalticShieldVectorEnv(8, "duel", autoreset_mode=mode)
    env.reset(seed=0)
    hold = np.zeros(env.action_space.shape, np.int64)
    met = 0
    for _ in range(60):
        infos = env.step(hold)[4]
        if "metrics" not in infos:
            continue
        ended = infos["_metrics"]
        met += int((~ended).any())
        for values in infos["metrics"].values():
            assert not values[~ended].any()
        assert (infos["metrics"]["undefended_loss"][ended] >= 0.0).all()
        assert infos["metrics"]["epochs"][ended].all()
    assert met > 0


def test_a_restored_state_goes_on_in_its_own_split():
    here, there = (BalticShieldVectorEnv(4, "duel", split=split) for split in ("test", "train"))
    here.reset(seed=3)
    there.set_state(here.get_state())
    expected, found = here.reset()[0], there.reset()[0]
    for name, table in expected.items():
        np.testing.assert_array_equal(found[name], table)
    np.testing.assert_array_equal(here.state().raid["key"], there.state().raid["key"])
