"""A training that was interrupted ends as one that was not, to the bit."""

import itertools
import json
import random
import resource
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from agents import files, runs
from agents.classical.tuning_history import TuningSettings
from agents.files import LoadError, SaveError, replace_folder, write_text
from agents.interruption import Interruption
from agents.learned import moment
from agents.learned.checkpoint import load_training, save_training
from agents.learned.models import build
from agents.learned.training import TRAINING_FOLDER, fit
from agents.recorder import PROGRESS_FILE, Recorder
from tests.agents.interruptions import SETTINGS, interrupt, result

SHORT = {
    "ppo": replace(SETTINGS["ppo"], steps=16 * 32 * 5),
    "a2c": replace(SETTINGS["a2c"], steps=16 * 32 * 5),
    "maskable_ppo": replace(SETTINGS["maskable_ppo"], steps=16 * 32 * 5),
    "prices": replace(SETTINGS["prices"], steps=16 * 32 * 5),
}


def same(first, second):
    assert first.keys() == second.keys()
    different = [name for name in first if first[name] != second[name]]
    assert not different


@pytest.mark.parametrize("agent", ["ppo", "a2c", "maskable_ppo", "prices"])
def test_a_stopped_training_continues_to_the_bit(agent, duel, tmp_path):
    """Stopped in a first step, in a last one, twice in a rollout: every file is the same."""
    runs.fit(SHORT[agent], duel, folder_in(tmp_path, "straight"), lambda: False)
    own = folder_in(tmp_path, "stopped")
    for stop in (1, 31, 32, 33, 60):
        asked = itertools.count(1)
        runs.fit(SHORT[agent], duel, own, lambda asked=asked, stop=stop: next(asked) >= stop)
        random.random(), np.random.random(), torch.rand(1)  # the next process draws otherwise
    runs.fit(SHORT[agent], duel, own, lambda: False)
    same(result(tmp_path / "straight"), result(own))


@pytest.mark.parametrize("agent", ["ppo", "a2c", "maskable_ppo", "prices"])
def test_a_loaded_training_sees_and_draws_the_same(agent, duel, tmp_path):
    """Weights, optimiser, generators, raids and what they show, now and after another update."""
    settings = SHORT[agent]
    model = build(settings, duel)
    model.learn(2 * 16 * 32)
    save_training(tmp_path / "checkpoint", model, settings, duel, {"note": [1, None]})
    drawn = [(torch.rand(3).tolist(), np.random.random(3).tolist(), random.random())]
    again = build(replace(settings, seed=9), duel)
    again.learn(16 * 32)
    assert load_training(tmp_path / "checkpoint", again) == {"note": [1, None]}
    drawn.append((torch.rand(3).tolist(), np.random.random(3).tolist(), random.random()))
    assert drawn[0] == drawn[1]
    moments = []
    for one in (model, again):
        load_training(tmp_path / "checkpoint", one)
        one.learn(16 * 32, reset_num_timesteps=False)
        moments.append(moment.take(one))
        moments[-1].arrays.update({f"last.{n}": a for n, a in one._last_obs.items()})
        moments[-1].arrays.update({n: t.numpy() for n, t in one.policy.state_dict().items()})
    assert moments[0].values == moments[1].values
    assert moments[0].values["steps"] == 3 * 16 * 32
    for name, array in moments[0].arrays.items():
        np.testing.assert_array_equal(array, moments[1].arrays[name], err_msg=name)
    seeds = moments[0].arrays["environment.seeds"]
    assert moments[0].arrays["environment.ordinals"].max() > 0 and len(np.unique(seeds)) > 1


def test_validating_and_saving_leave_no_trace_in_what_is_learned(duel, tmp_path):
    weights = []
    for every in (1, 10**6):
        folder = folder_in(tmp_path, str(every))
        fit(replace(SHORT["ppo"], validate_every=every), duel, folder)
        weights.append((folder / TRAINING_FOLDER / "policy.safetensors").read_bytes())
    assert weights[0] == weights[1]


def test_tuning_continues_to_the_bit(duel, tmp_path):
    settings = replace(SETTINGS["pricing"], generations=6)
    runs.fit(settings, duel, folder_in(tmp_path, "straight"), lambda: False)
    own = folder_in(tmp_path, "stopped")
    for stop in (1, 2):
        asked = itertools.count(1)
        runs.fit(settings, duel, own, lambda asked=asked, stop=stop: next(asked) >= stop)
    runs.fit(settings, duel, own, lambda: False)
    same(result(tmp_path / "straight"), result(own))


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("agent", ["ppo", "pricing", "price_network"])
def test_killed_at_random_moments_a_training_ends_the_same(agent, tmp_path):
    """Processes of their own, killed or asked to stop; many more with tests.agents.interruptions"""
    seen = list(interrupt(agent, tmp_path, interruptions=2))
    assert len(seen) >= 2


def test_what_a_killed_process_recorded_but_did_not_save_is_dropped(tmp_path):
    lines = [json.dumps({"step": step, "x": 1.0}) for step in (0, 512, 1024)]
    (tmp_path / PROGRESS_FILE).write_text("\n".join(lines) + '\n{"step": 15', encoding="utf-8")
    with Recorder(tmp_path, "training", 2048, done=512) as recorder:
        recorder({"x": 2.0}, 1024)
    steps = [json.loads(line) for line in (tmp_path / PROGRESS_FILE).read_text().splitlines()]
    assert [(line["step"], line["x"]) for line in steps] == [(0, 1.0), (512, 1.0), (1024, 2.0)]
    with Recorder(tmp_path, "training", 2048):
        pass
    assert (tmp_path / PROGRESS_FILE).read_text() == "", "a run that begins anew"


class Limit:
    """While entered, no file of this process may grow beyond some bytes: a disk that is full."""

    def __init__(self, limit):
        self.limit = limit

    def __enter__(self):
        self.before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (self.limit, self.before[1]))

    def __exit__(self, *_):
        resource.setrlimit(resource.RLIMIT_FSIZE, self.before)


def test_a_full_disk_leaves_the_last_checkpoint_and_says_so(duel, tmp_path):
    """Every size at which some file of the checkpoint no longer fits."""
    settings, folder = SHORT["ppo"], tmp_path / "checkpoint"
    model = build(settings, duel)
    model.learn(16 * 32)
    save_training(folder, model, settings, duel, {"good": True})
    kept = {path.name: path.read_bytes() for path in folder.iterdir()}
    model.learn(16 * 32, reset_num_timesteps=False)
    for size in sorted(len(content) for content in kept.values()):
        with Limit(size - 1), pytest.raises(SaveError, match="could not be written") as caught:
            save_training(folder, model, settings, duel, {"good": False})
        assert str(folder) in str(caught.value) and "as it was" in str(caught.value)
        assert {path.name: path.read_bytes() for path in folder.iterdir()} == kept
        assert [path.name for path in tmp_path.iterdir()] == ["checkpoint"], "nothing is left over"
    assert load_training(folder, build(settings, duel)) == {"good": True}


def test_a_text_that_does_not_fit_leaves_the_old_one(tmp_path):
    path = tmp_path / "history.json"
    write_text(path, "old")
    with Limit(10), pytest.raises(SaveError, match=r"history\.json could not be written"):
        write_text(path, "new" * 100)
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]
    write_text(path, "new")
    assert path.read_text() == "new"


def test_a_folder_is_found_between_its_two_renames(tmp_path, monkeypatch):
    folder = tmp_path / "checkpoint"
    replace_folder(folder, lambda new: write_text(new / "a", "old"))
    renamed = files.os.rename

    def killed_after_the_first(source, target):
        renamed(source, target)
        raise KeyboardInterrupt

    monkeypatch.setattr(files.os, "rename", killed_after_the_first)
    with pytest.raises(KeyboardInterrupt):
        replace_folder(folder, lambda new: write_text(new / "a", "new"))
    monkeypatch.undo()
    assert (files.complete_folder(folder) / "a").read_text() == "old"
    replace_folder(folder, lambda new: write_text(new / "a", "newer"))
    assert (files.complete_folder(folder) / "a").read_text() == "newer"
    assert files.complete_folder(tmp_path / "nothing") is None


def test_a_checkpoint_that_cannot_be_continued_says_why(duel, tmp_path):
    settings, folder = SHORT["ppo"], tmp_path / "checkpoint"
    save_training(folder, build(settings, duel), settings, duel, None)
    other = build(replace(settings, num_envs=32), duel)
    with pytest.raises(LoadError, match=r"\[16\] was saved; .*\[32\] is needed"):
        load_training(folder, other)
    damaged = folder / "moment.safetensors"
    damaged.write_bytes(damaged.read_bytes()[:-1])
    with pytest.raises(LoadError, match=r"moment\.safetensors is damaged"):
        load_training(folder, build(settings, duel))
    damaged.unlink()
    with pytest.raises(LoadError, match="could not continue exactly"):
        load_training(folder, build(settings, duel))


def test_a_rule_that_stops_at_once_is_saved(duel, tmp_path):
    """Asked to stop before the first generation ends, tuning still saves that one."""
    with Interruption() as interruption:
        settings = TuningSettings(generations=3, candidates=2, raids=8, validation_raids=8)
        runs.fit(settings, duel, tmp_path, lambda: True)
        assert not interruption.requested()
    assert len(json.loads((tmp_path / runs.HISTORY_FILE).read_text())["fitness"]) == 1


def folder_in(parent: Path, name: str) -> Path:
    folder = parent / name
    folder.mkdir()
    return folder
