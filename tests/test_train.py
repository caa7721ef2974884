import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

import train
from agents.recorder import PROGRESS_FILE
from conf import schema

ROOT = Path(__file__).parents[1]
TINY = {
    "pricing": [
        "agent=pricing", "agent.generations=4", "agent.raids=32", "agent.candidates=4",
        "agent.validation_raids=64", "agent.validate_every=2", "agent.batch_size=64",
    ],
    "ppo": [
        "agent=ppo", "agent.steps=2048", "agent.num_envs=16", "agent.n_steps=32",
        "agent.batch_size=128", "agent.validation_raids=32", "agent.validate_every=1024",
        "agent.threads=1",
    ],
}  # fmt: skip
TINY["a2c"] = ["agent=a2c", *(a for a in TINY["ppo"][1:] if not a.startswith("agent.batch"))]
TINY["maskable_ppo"] = ["agent=maskable_ppo", *TINY["ppo"][1:]]
TINY["prices"] = ["agent=prices", *TINY["ppo"][1:]]


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", ["train.py", *arguments])
    schema.launch(train.main)


def record(folder: Path) -> list[dict[str, float]]:
    lines = (folder / PROGRESS_FILE).read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


@pytest.mark.parametrize("agent", list(TINY))
def test_a_run_learns_saves_scores_and_can_be_evaluated(
    agent: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    run(monkeypatch, "scenario=duel", f"folder={folder}", "final_raids=50", "seed=3", *TINY[agent])
    said = capsys.readouterr().out
    assert f"agent and results: {folder}" in said
    assert f"report: {folder / 'report.html'}" in said
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "How it learned" in page and "pricing rule" in page
    results = json.loads((folder / "results.json").read_text())
    names = list(results["policies"])
    assert names[0] == "hold_fire"
    assert [name.split(", ")[1] for name in names[-2:]] in (
        ["step 0", "trained"],
        ["step 0", "tuned"],
    )
    assert results["raids"] == 50
    assert all(name in said for name in names)
    config = yaml.safe_load((folder / "config.yaml").read_text())
    assert (config["agent_name"], config["agent"]["seed"], config["seed"]) == (agent, 3, 3)
    validated = [line for line in record(folder) if "validation/gain_over_greedy" in line]
    assert len(validated) >= 2
    assert list(folder.glob("events.out.tfevents*"))

    # The saved agent, loaded by its folder, plays as the trained one did.
    import evaluate

    again = tmp_path / "again"
    arguments = ("scenario=duel", f"policies=[{folder}]", "raids=50", f"folder={again}")
    monkeypatch.setattr(sys, "argv", ["evaluate.py", *arguments])
    schema.launch(evaluate.main)
    loaded = json.loads((again / "results.json").read_text())["policies"][str(folder)]
    assert loaded["metrics"] == pytest.approx(results["policies"][names[-1]]["metrics"])


@pytest.mark.slow
@pytest.mark.parametrize(("agent", "number"), [("ppo", signal.SIGINT), ("pricing", signal.SIGTERM)])
def test_stopping_saves_says_where_and_the_run_goes_on_when_resumed(
    agent: str, number: signal.Signals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "run"
    budget = "agent.generations=100000" if agent == "pricing" else "agent.steps=100000000"
    arguments = ["scenario=duel", f"folder={folder}", "final_raids=20", *TINY[agent], budget]
    command = [sys.executable, str(ROOT / "train.py"), *arguments]
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    ) as process:  # fmt: skip
        deadline = time.monotonic() + 120
        progress = folder / PROGRESS_FILE
        while not (progress.is_file() and progress.read_text().count("\n") >= 2):
            assert time.monotonic() < deadline, "no progress in two minutes"
            assert process.poll() is None, process.communicate()[1]
            time.sleep(0.1)
        process.send_signal(number)
        said, errors = process.communicate(timeout=120)
    assert process.returncode == 128 + number, errors
    assert f"train.py resume={folder}" in said
    assert "Traceback" not in errors

    before = record(folder)[-1]["step"]
    assert before >= 1
    more = (
        f"agent.generations={before + 2}" if agent == "pricing" else f"agent.steps={before + 1024}"
    )
    run(monkeypatch, f"resume={folder}", more)
    steps = [line["step"] for line in record(folder)]
    assert steps == sorted(steps)
    assert steps[-1] > before
    assert json.loads((folder / "results.json").read_text())["raids"] == 20


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["agent=pppo"], "known, nearest first: ppo"),
        (["agent=ppo", "agent.stepz=3"], "unknown key 'agent.stepz'; known, nearest first: steps"),
        (["agent=ppo", "+agent.stepz=3"], "unknown key 'agent.stepz'; known, nearest first: steps"),
        (["+sed=3"], "unknown key 'sed'; known, nearest first: seed"),
        (["agent=ppo", "agent.steps=-3"], "steps must be at least 1"),
        (["agent.learning_rate=fast"], "agent.learning_rate: Value 'fast'"),
        (["sed=3"], "unknown key 'sed'; known, nearest first: seed"),
        (["seed=-1"], "seed"),
        (["final_raids=0"], "final_raids must be at least 2"),
        (["scenario=duell"], "nearest first: duel"),
        (["resume=nothing/here"], "nothing/here is not the folder of a run"),
    ],
)
def test_bad_input_is_answered_in_one_line_and_leaves_nothing_behind(
    arguments: list[str],
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as exit_:
        run(monkeypatch, *arguments)
    assert exit_.value.code == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert words in lines[0]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("change", ["agent=pricing", "scenario=duel", "scenario.epoch_s=5"])
def test_a_resumed_run_keeps_its_agent_and_scenario(
    change: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / schema.CONFIG_FILE).write_text("agent_name: ppo\nscenario: {name: x}\n")
    with pytest.raises(SystemExit):
        run(monkeypatch, f"resume={tmp_path}", change)
    assert f"{change} cannot change when a run is resumed" in capsys.readouterr().err


def test_a_foreign_configuration_is_not_resumed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / schema.CONFIG_FILE).write_text("some: thing\n")
    with pytest.raises(SystemExit):
        run(monkeypatch, f"resume={tmp_path}")
    assert "is not the configuration of a run" in capsys.readouterr().err


def test_a_new_run_does_not_write_into_an_old_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "results.json").write_text("mine")
    with pytest.raises(SystemExit):
        run(monkeypatch, "scenario=duel", f"folder={tmp_path}")
    assert "is not empty" in capsys.readouterr().err
    assert [file.name for file in tmp_path.iterdir()] == ["results.json"]


def test_a_start_without_tuned_weights_is_one_line_and_leaves_no_folder(tmp_path: Path) -> None:
    text = (ROOT / "conf" / "scenario" / "duel.yaml").read_text(encoding="utf-8")
    own = tmp_path / "mine.yaml"
    own.write_text(text.replace("name: duel", "name: mine"), encoding="utf-8")
    run = tmp_path / "run"
    command = [
        sys.executable,
        "train.py",
        "agent.start=pricing",
        f"scenario={own}",
        f"folder={run}",
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "'mine' has no tuned weights" in done.stderr and "Traceback" not in done.stderr
    assert not run.exists()
