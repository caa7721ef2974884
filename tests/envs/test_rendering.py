"""Render modes: what Gymnasium asks of them, and that a picture costs the raid nothing."""

import sys
import warnings
from itertools import pairwise
from pathlib import Path

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.wrappers import RecordVideo

from envs.rendering.frame import SIZE, frame
from envs.rendering.record import Recorder
from envs.rendering.renderer import RENDER_FPS, RENDER_MODES, Renderer
from envs.sampling import sample_legal
from envs.single_env import BalticShieldEnv
from tests.envs.small import assert_same, named, started

ID = "envs:BalticShield-v0"


def play(env, steps):
    """Play random legal actions and return all that was rendered."""
    rng, shown = np.random.default_rng(0), [env.render()]
    for _ in range(steps):
        mask = env.unwrapped.batch.observation["action_mask"]
        env.step(sample_legal(mask, rng)[0])
        shown.append(env.render())
    return shown


@pytest.mark.parametrize("mode", [None, *RENDER_MODES])
def test_gymnasiums_check_has_nothing_to_say_of_any_mode(mode):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        env = gymnasium.make(ID, scenario="duel", render_mode=mode)
        check_env(env.unwrapped)
        env.close()
    assert env.metadata["render_fps"] == RENDER_FPS
    assert env.metadata["render_modes"] == list(RENDER_MODES)


@pytest.mark.parametrize("name", ["duel", "standard", "fog", "small-policing", "rotation-gap"])
def test_a_picture_has_all_its_pixels_and_changes_as_time_passes(name):
    env = BalticShieldEnv(named(name), render_mode="rgb_array")
    env.reset(seed=3)
    pictures = play(env, 12)
    for picture in pictures:
        assert picture.shape == (SIZE, SIZE, 3)
        assert picture.dtype == np.uint8
        assert picture.flags["C_CONTIGUOUS"]
        assert len(np.unique(picture.reshape(-1, 3)[::97], axis=0)) > 20
    assert all(not np.array_equal(before, after) for before, after in pairwise(pictures))


def test_the_same_record_gives_the_same_picture_and_an_earlier_one_too():
    batch = started("standard", seed=4)
    recorder, rng, seen = Recorder(batch), np.random.default_rng(1), []
    for _ in range(40):
        recorder.note()
        seen.append(frame(recorder.record) if len(seen) in (5, 20) else None)
        batch.step(sample_legal(batch.observation["action_mask"], rng))
    for step in (5, 20):
        then = frame(recorder.record, step)
        np.testing.assert_array_equal(then, frame(recorder.record, step))
        # What is known later, how an engagement ended, is not to be seen before.
        np.testing.assert_array_equal(then, seen[step])


def test_rendering_leaves_the_raid_as_it_is_to_the_bit():
    shown = BalticShieldEnv("standard", render_mode="rgb_array")
    blind = BalticShieldEnv("standard")
    rng = np.random.default_rng(2)
    shown.reset(seed=9)
    blind.reset(seed=9)
    for _ in range(30):
        action = sample_legal(blind.batch.observation["action_mask"], rng)[0]
        shown.render()
        left, right = shown.step(action), blind.step(action)
        assert_same(left[0], right[0])
        assert left[1:] == right[1:]
    assert_same(shown.get_state(), blind.get_state())


def test_ansi_tells_of_assets_shooters_and_tracks():
    env = gymnasium.make(ID, scenario="standard", render_mode="ansi")
    env.reset(seed=1)
    texts = play(env, 60)
    scenario = env.unwrapped.batch.scenario
    for one in (*scenario.assets, *scenario.shooters):
        assert all(one.name in text for text in texts)
    assert "00:00, epoch 0" in texts[0]
    assert "10:00, epoch 60" in texts[60]
    assert "protected share ########## " in texts[0]
    assert any("cruise_missile" in text for text in texts)
    assert max(len(line) for text in texts for line in text.splitlines()) <= 110


def test_record_video_writes_a_video(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of moviepy
        env = RecordVideo(
            gymnasium.make(ID, scenario="duel", render_mode="rgb_array"), str(tmp_path)
        )
        env.reset(seed=0)
        over = False
        while not over:
            _, _, terminated, truncated, _ = env.step(env.action_space.sample())
            over = terminated or truncated
        env.close()
    (video,) = Path(tmp_path).glob("*.mp4")
    assert video.stat().st_size > 10_000


def test_human_shows_every_step_and_returns_nothing():
    import pygame

    env = gymnasium.make(ID, scenario="duel", render_mode="human")
    env.reset(seed=0)
    before = pygame.surfarray.array3d(pygame.display.get_surface())
    for _ in range(3):
        env.step(env.action_space.sample())
    assert env.render() is None
    after = pygame.surfarray.array3d(pygame.display.get_surface())
    assert before.shape == (SIZE, SIZE, 3)
    assert not np.array_equal(before, after)
    env.close()
    assert pygame.display.get_surface() is None
    env.close()


def test_a_batch_shows_one_picture_a_row():
    envs = gymnasium.make_vec(ID, num_envs=3, scenario="duel", render_mode="rgb_array")
    envs.reset(seed=0)
    rng = np.random.default_rng(0)
    for _ in range(30):  # past the end of every raid
        envs.step(sample_legal(envs.unwrapped.batch.observation["action_mask"], rng))
    pictures = envs.render()
    assert len(pictures) == 3
    alone = BalticShieldEnv("duel", render_mode="rgb_array")
    alone.reset(seed=0)
    envs.reset(seed=0)
    np.testing.assert_array_equal(envs.render()[0], alone.render())
    assert not np.array_equal(envs.render()[0], envs.render()[1])
    assert gymnasium.make_vec(ID, num_envs=2, scenario="duel").render_mode is None


def test_what_cannot_be_rendered_is_said_in_words(monkeypatch):
    batch = started("duel")
    with pytest.raises(
        ValueError, match=r"render_mode: unknown .rgb.*known: rgb_array, human, ansi"
    ):
        Renderer(batch, "rgb")
    with pytest.raises(RuntimeError, match="no render_mode was given"):
        Renderer(batch, None).render()
    with pytest.raises(RuntimeError, match=r"reset\(\) comes first"):
        Renderer(batch, "ansi").render()
    with pytest.raises(RuntimeError, match="no render_mode was given"):
        gymnasium.make_vec(ID, num_envs=2, scenario="duel").unwrapped.render()
    monkeypatch.setitem(sys.modules, "pygame", None)
    monkeypatch.delitem(sys.modules, "envs.rendering.canvas")
    with pytest.raises(ImportError, match=r"balticshield\[render\]"):
        Renderer(batch, "rgb_array")
    Renderer(batch, "ansi")
