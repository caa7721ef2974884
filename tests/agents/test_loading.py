"""Nothing of ours runs code when it is read, and nothing of others does unless it is trusted."""

import io
import os
import pickle
import pickletools
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import yaml
from gymnasium import spaces
from sb3_contrib import TRPO
from stable_baselines3 import A2C, PPO
from stable_baselines3.common.policies import MultiInputActorCriticPolicy
from stable_baselines3.common.vec_env import VecEnvWrapper

import evaluate
import train
from agents import runs
from agents.learned.adapter import RaidVecEnv
from agents.learned.models import build
from agents.rollout import play
from conf import schema
from envs.scenario import load_scenario, read_scenario
from tests.agents.interruptions import SETTINGS

ROOT = Path(__file__).parents[2]
CALLS = {"REDUCE", "BUILD", "INST", "OBJ", "NEWOBJ", "NEWOBJ_EX", "GLOBAL", "STACK_GLOBAL"}


def is_pickle(data):
    """Return whether bytes are a pickle, whole or with something behind it, that can call."""
    found = set()
    try:
        for operation, _, _ in pickletools.genops(data):
            found.add(operation.name)
            if operation.name == "STOP":
                return bool(found & CALLS) or data[:1] == b"\x80"
    except Exception:  # whatever is no pickle ends the reading in its own way
        pass
    return False


def pickles(path):
    """Return the names of pickles in a file: the file itself, or members of it if it is a zip."""
    data = path.read_bytes()
    found = [str(path)] if is_pickle(data) else []
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            members = [(name, archive.read(name)) for name in archive.namelist()]
        found += [
            f"{path}:{name}"
            for name, content in members
            if is_pickle(content) or name.endswith((".pkl", ".pth", ".pt"))
        ]
    return found


def released():
    """Return every file that belongs to the repository."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode != 0:
        pytest.skip("not a clone")
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def test_the_scan_finds_what_it_is_for(duel, tmp_path):
    harmful = tmp_path / "harmful.bin"
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        harmful.write_bytes(pickle.dumps(Path("x"), protocol) + b"more")
        assert pickles(harmful), protocol
    with zipfile.ZipFile(harmful, "w") as archive:
        archive.writestr("weights", pickle.dumps(np.zeros(2)))
    assert pickles(harmful)
    build(SETTINGS["ppo"], duel).policy.save(tmp_path / "policy.pt")  # by torch.save
    assert pickles(tmp_path / "policy.pt")
    for harmless in (b"", b"a: 1\n", b"PK", np.arange(9.0).tobytes()):
        harmful.write_bytes(harmless)
        assert not pickles(harmful)


def test_no_released_file_is_a_pickle():
    files = released()
    assert len(files) > 200
    assert [found for path in files for found in pickles(path)] == []


@pytest.mark.parametrize("agent", ["ppo", "pricing"])
def test_no_file_that_a_run_writes_is_a_pickle(agent, tmp_path, monkeypatch):
    small = {"ppo": ["agent.steps=512", "agent.num_envs=16", "agent.n_steps=32",
                     "agent.batch_size=128", "agent.threads=1"],
             "pricing": ["agent.generations=1", "agent.raids=8", "agent.candidates=4"]}  # fmt: skip
    arguments = [
        "scenario=duel",
        f"agent={agent}",
        "final_raids=8",
        "bound=false",
        f"folder={tmp_path / 'run'}",
    ]
    run(monkeypatch, train, *arguments, "agent.validation_raids=8", *small[agent])
    files = [path for path in (tmp_path / "run").rglob("*") if path.is_file()]
    assert len(files) > 5
    assert [found for path in files for found in pickles(path)] == []


def run(monkeypatch, script, *arguments):
    monkeypatch.setattr(sys, "argv", [f"{script.__name__}.py", *arguments])
    schema.launch(script.main)


class Flat(VecEnvWrapper):
    """The environment with its observation in one row, as Gymnasium's own flattening makes it."""

    def __init__(self, env):
        self.tables = env.observation_space
        super().__init__(env, spaces.flatten_space(env.observation_space))

    def flat(self, observation):
        rows = [{name: table[b] for name, table in observation.items()} for b in range(4)]
        return np.stack([spaces.flatten(self.tables, row) for row in rows])

    def reset(self):
        return self.flat(self.venv.reset())

    def step_wait(self):
        observation, rewards, dones, infos = self.venv.step_wait()
        for info in infos:
            if "terminal_observation" in info:
                info["terminal_observation"] = spaces.flatten(
                    self.tables, info["terminal_observation"]
                )
        return self.flat(observation), rewards, dones, infos


@pytest.fixture(scope="module")
def archives(tmp_path_factory):
    """Return zips of trainings of a few steps: with tables, flattened, and with masks."""
    folder, duel = tmp_path_factory.mktemp("archives"), load_scenario("duel")
    small = {"n_steps": 8, "batch_size": 16, "n_epochs": 1, "device": "cpu", "seed": 0}
    PPO("MultiInputPolicy", RaidVecEnv(duel, 4), **small).learn(64).save(folder / "tables.zip")
    PPO("MlpPolicy", Flat(RaidVecEnv(duel, 4)), **small).learn(64).save(folder / "flat.zip")
    A2C("MultiInputPolicy", RaidVecEnv(duel, 4), device="cpu").learn(40).save(folder / "mlp.zip")
    env, few = RaidVecEnv(duel, 4), {"n_steps": 8, "batch_size": 16, "device": "cpu"}
    TRPO(Mine, env, policy_kwargs={"width": 12}, **few).learn(32).save(folder / "trpo.zip")
    for name in ("maskable_ppo", "a2c"):
        model = build(SETTINGS[name], duel)
        model.learn(16 * 32)
        model.save(folder / f"{name}.zip")
    return folder


class Mine(MultiInputActorCriticPolicy):
    """A policy of one's own with an argument of its own."""

    def __init__(self, *args, width, **kwargs):
        super().__init__(*args, net_arch=[width], **kwargs)


@pytest.mark.parametrize("name", ["tables", "flat", "mlp", "trpo", "a2c", "maskable_ppo"])
def test_a_trusted_archive_plays(name, archives, duel):
    path = str(archives / f"{name}.zip")
    agent = runs.load_policies([path], duel, trust=True)[path]
    rows = play(agent, duel, np.arange(32))
    assert rows["engagements"].sum() > 0
    assert (rows["illegal_actions"].sum() == 0) == (name in ("a2c", "maskable_ppo"))


def test_it_decides_what_the_saved_model_decides(archives, duel):
    model = PPO.load(archives / "flat.zip", device="cpu")
    path = str(archives / "flat.zip")
    agent = runs.load_policies([path], duel, trust=True)[path]
    env = Flat(RaidVecEnv(duel, 4))
    env.seed(3)
    env.reset()
    observation = env.venv.batch.observation
    actions, state = agent.predict(observation)
    expected = model.predict(env.flat(observation), deterministic=True)[0]
    assert state is None and actions.dtype == np.int64
    np.testing.assert_array_equal(actions, expected)


def test_evaluate_takes_an_archive_only_if_it_is_trusted(archives, tmp_path, monkeypatch, capsys):
    arguments = ["scenario=duel", f"policies=[{archives / 'tables.zip'}]", "raids=8",
                 f"folder={tmp_path / 'out'}", "bound=false"]  # fmt: skip
    with pytest.raises(SystemExit) as left:
        run(monkeypatch, evaluate, *arguments)
    assert left.value.code == 2 and not (tmp_path / "out").exists()
    said = capsys.readouterr().err
    assert "runs code that stands in it" in said and "trust=true" in said
    assert said.count("\n") == 1
    run(monkeypatch, evaluate, *arguments, "trust=true")
    assert (tmp_path / "out" / "results.json").is_file()


def test_what_is_no_archive_for_the_scenario_is_said(archives, tmp_path):
    tables = str(archives / "tables.zip")
    with pytest.raises(ValueError, match="'standard' has"):
        runs.load_policies([tables], load_scenario("standard"), trust=True)
    with pytest.raises(FileNotFoundError, match="there is no file"):
        runs.load_policies([str(tmp_path / "no.zip")], load_scenario("duel"), trust=True)
    other = tmp_path / "other.zip"
    with zipfile.ZipFile(other, "w") as archive:
        archive.writestr("data", "{}")
    with pytest.raises(ValueError, match="is not an archive"):
        runs.load_policies([str(other)], load_scenario("duel"), trust=True)


def test_nothing_untrusted_is_even_opened(tmp_path, duel):
    """An archive that leaves a file behind when it is unpickled leaves none."""
    mark = tmp_path / "mark"

    class Harm:
        def __reduce__(self):
            return os.mkdir, (str(mark),)

    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("policy.pth", pickle.dumps(Harm()))
    for name in ("harm.zip", "config.json", "policy.safetensors", "weights.yaml"):
        (tmp_path / name).write_bytes(content.getvalue() if name == "harm.zip" else b"")
    (tmp_path / "weights.yaml").write_text(f"!!python/object/apply:os.mkdir [{mark}]\n")
    for name in ("harm.zip", "weights.yaml"):
        with pytest.raises((ValueError, yaml.YAMLError)):
            runs.load_policies([str(tmp_path / name)], duel)
    (tmp_path / "harm.yaml").write_text(f"name: !!python/object/apply:os.mkdir [{mark}]\n")
    with pytest.raises((ValueError, yaml.YAMLError)):
        load_scenario(str(tmp_path / "harm.yaml"))
    assert not mark.exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["agent._target_=os.mkdir"],
        ["+agent._target_=os.mkdir"],
        ["+_target_=os.mkdir"],
        ["+scenario._target_=os.mkdir"],
        ["+scenario.campaign={_target_: os.mkdir}"],
        ["scenario=mine.yaml"],
        ["resume=earlier"],
    ],
)
def test_a_name_to_call_is_refused(arguments, tmp_path, monkeypatch, capsys):
    """No configuration makes an object of a name; `_target_` is an unknown key everywhere."""
    monkeypatch.chdir(tmp_path)
    harm = {"_target_": "os.mkdir", "path": "mark"}
    Path("mine.yaml").write_text(yaml.safe_dump(read_scenario("duel") | harm))
    Path("earlier").mkdir()
    saved = {"agent_name": "ppo", "agent": harm, "scenario": read_scenario("duel"), "folder": "x"}
    Path("earlier/config.yaml").write_text(yaml.safe_dump(saved))
    with pytest.raises(SystemExit) as left:
        run(monkeypatch, train, "agent=ppo", *arguments) if "resume" not in arguments[0] else run(
            monkeypatch, train, *arguments
        )
    assert left.value.code == 2
    said = capsys.readouterr().err
    assert "_target_" in said and said.count("\n") == 1
    assert not Path("mark").exists()
