"""Agents and trainings as folders: equal after loading, no code in them, whole at any moment."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from agents.learned import checkpoint
from agents.learned.checkpoint import (
    load_agent,
    load_training,
    save_agent,
    save_training,
    saved_steps,
)
from agents.learned.models import build, build_policy
from agents.learned.settings import MaskablePPOSettings, PPOSettings, TrainingSettings
from agents.learned.training import TRAINING_FOLDER, fit
from envs.batch import RaidBatch
from envs.scenario import Scenario, load_scenario

SMALL = {"num_envs": 8, "n_steps": 16, "batch_size": 64, "n_epochs": 1, "steps": 256, "threads": 1}


def small(kind: type[TrainingSettings]) -> TrainingSettings:
    return kind(**SMALL)


@pytest.fixture(scope="module")
def duel() -> Scenario:
    return load_scenario("duel")


@pytest.fixture(scope="module")
def observation(duel: Scenario) -> dict[str, np.ndarray]:
    batch = RaidBatch(duel, 64)
    batch.reset(None, np.arange(64), "train")
    for _ in range(6):
        batch.step(np.zeros((64, duel.num_shooters), np.int64))
    assert batch.observation["action_mask"][..., 1:].any()
    return batch.snapshot()


@pytest.mark.parametrize("kind", [PPOSettings, MaskablePPOSettings])
def test_a_loaded_agent_decides_the_same(
    kind: type[TrainingSettings],
    duel: Scenario,
    observation: dict[str, np.ndarray],
    tmp_path: Path,
) -> None:
    settings = small(kind)
    policy = build_policy(settings, duel)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in policy.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator), alpha=0.01)
    save_agent(tmp_path / "agent", policy, settings, duel)
    first, second = (load_agent(tmp_path / "agent", duel) for _ in range(2))
    own = checkpoint.LearnedAgent(policy)
    actions, state = own.predict(observation)
    assert state is None and actions.dtype == np.int64
    assert actions.shape == (64, duel.num_shooters) and actions.any()
    for agent in (first, second):
        np.testing.assert_array_equal(agent.predict(observation)[0], actions)
    mask = observation["action_mask"]
    sampled = first.predict(observation, deterministic=False)[0]
    assert np.take_along_axis(mask, sampled[..., None], -1).all()


def test_files_are_json_and_safetensors_without_a_pickle(duel: Scenario, tmp_path: Path) -> None:
    settings = small(PPOSettings)
    model = build(settings, duel)
    model.learn(128)
    save_training(tmp_path / "training", model, settings, duel, {"note": 1})
    files = sorted(p.name for p in (tmp_path / "training").iterdir())
    assert files == ["config.json", *sorted(
        f"{name}.safetensors" for name in ("moment", "optimizer", "policy")
    ), "training.json"]  # fmt: skip
    for path in (tmp_path / "training").iterdir():
        data = path.read_bytes()
        if path.suffix == ".json":
            json.loads(data)
        else:
            # A safetensors file: length of a JSON header, header, then numbers that nobody runs.
            length = int.from_bytes(data[:8], "little")
            assert isinstance(json.loads(data[8 : 8 + length]), dict)
        # Neither a zip (torch.save) nor a pickle (protocol 2 and up begin with 0x80, version).
        assert data[:2] != b"PK" and not (data[0] == 0x80 and data[1] in range(2, 6))


def test_training_continues_where_it_stood(duel: Scenario, tmp_path: Path) -> None:
    settings = small(PPOSettings)
    model = build(settings, duel)
    model.learn(256)
    save_training(tmp_path / "training", model, settings, duel, {"best": 0.5})
    again = build(settings, duel)
    assert load_training(tmp_path / "training", again) == {"best": 0.5}
    assert again.num_timesteps == model.num_timesteps == 256
    assert again._n_updates == model._n_updates > 0
    for name, tensor in model.policy.state_dict().items():
        assert torch.equal(tensor, again.policy.state_dict()[name]), name
    old, new = (m.policy.optimizer.state_dict() for m in (model, again))
    assert old["param_groups"] == [{**g, "betas": tuple(g["betas"])} for g in new["param_groups"]]
    assert old["state"].keys() == new["state"].keys() and old["state"]
    for index, entries in old["state"].items():
        for name, value in entries.items():
            assert torch.equal(torch.as_tensor(value), torch.as_tensor(new["state"][index][name]))


@pytest.mark.parametrize("kind", [PPOSettings, MaskablePPOSettings])
def test_fit_stops_saves_and_resumes(
    kind: type[TrainingSettings], duel: Scenario, tmp_path: Path
) -> None:
    settings = small(kind)
    settings.validation_raids, settings.validate_every = 16, 128
    asked = 0

    def stopped() -> bool:
        nonlocal asked
        asked += 1
        return asked > 20

    seen: list[tuple[int, dict[str, float]]] = []
    fit(settings, duel, tmp_path, stopped=stopped, report=lambda f, n: seen.append((n, f)))
    # Stopped in the second rollout: what is said and saved is how it stood before that.
    assert [steps for steps, _ in seen] == [0, 128]
    assert saved_steps(tmp_path / TRAINING_FOLDER) == 128
    assert "validation/gain_over_greedy" in seen[-1][1]
    rates: list[float] = []

    def report(figures: dict[str, float], steps: int) -> None:
        seen.append((steps, figures))
        if "train/learning_rate" in figures:
            rates.append(figures["train/learning_rate"])

    said_before = len(seen)
    agent = fit(settings, duel, tmp_path, resume=True, report=report)
    assert [steps for steps, _ in seen[said_before:]] == [256], "nothing is said twice"
    assert seen[-1][0] >= settings.steps
    assert agent.policy is not None and (tmp_path / "agent" / "policy.safetensors").is_file()
    best = max(
        f["validation/protected_share"] for _, f in seen if "validation/protected_share" in f
    )
    assert seen[-1][1]["validation/best_protected_share"] == best
    # The learning rate goes on falling over the whole budget instead of starting again.
    assert rates and max(rates) < settings.learning_rate * 0.6


def test_a_killed_writer_leaves_a_whole_agent(
    duel: Scenario,
    observation: dict[str, np.ndarray],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Die at every file operation of a save: what is there afterwards is the old or the new."""
    settings = small(PPOSettings)
    old = build_policy(settings, duel)
    new = build_policy(settings, duel)
    new.load_state_dict({n: t + 0.3 for n, t in new.state_dict().items()})
    outcomes = [checkpoint.LearnedAgent(p).predict(observation)[0] for p in (old, new)]
    assert not np.array_equal(outcomes[0], outcomes[1])
    save_agent(tmp_path / "agent", old, settings, duel)
    operations = 0

    class Killed(BaseException):
        pass

    def dying(function: Callable[..., object], limit: int) -> Callable[..., object]:
        def call(*args: object, **kwargs: object) -> object:
            nonlocal operations
            operations += 1
            if operations > limit:
                raise Killed
            return function(*args, **kwargs)

        return call

    found = []
    for limit in range(12):
        operations = 0
        with monkeypatch.context() as patch:
            for module, name in ((os, "fsync"), (os, "rename"), (shutil, "rmtree")):
                patch.setattr(module, name, dying(getattr(module, name), limit))
            patch.setattr(checkpoint, "save_file", dying(checkpoint.save_file, limit))
            try:
                save_agent(tmp_path / "agent", new, settings, duel)
                died = False
            except Killed:
                died = True
        actions = load_agent(tmp_path / "agent", duel).predict(observation)[0]
        found.append([np.array_equal(actions, o) for o in outcomes].index(True))
        save_agent(tmp_path / "agent", old, settings, duel)
        if not died:
            break
    assert found[0] == 0 and found[-1] == 1 and sorted(found) == found and not died


def test_what_does_not_fit_is_said(duel: Scenario, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no saved agent"):
        load_agent(tmp_path / "nothing", duel)
    settings = small(PPOSettings)
    save_agent(tmp_path / "agent", build_policy(settings, duel), settings, duel)
    config_file = tmp_path / "agent" / "config.json"
    config = json.loads(config_file.read_text())
    for key, value, message in (
        ("format", 99, "format 99"),
        ("agent", "dqn", "unknown agent 'dqn'"),
        ("columns", {**config["columns"], "clock": ["sundial"]}, "sundial"),
        ("settings", {**config["settings"], "width": 48}, "does not fit"),
    ):
        config_file.write_text(json.dumps({**config, key: value}))
        with pytest.raises(ValueError, match=message):
            load_agent(tmp_path / "agent", duel)
