"""Sweeps: many runs by one command, which goes on when it is given again."""

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest
import yaml

import train
from agents import runs, sweep
from agents.files import locked
from conf import schema
from conf.sweep import run_folder

TINY = [
    "agent=pricing", "agent.raids=16", "agent.candidates=4", "agent.validation_raids=16",
    "agent.validate_every=1", "agent.batch_size=64", "scenario=duel", "final_raids=20",
    "bound=false",
]  # fmt: skip


def run(monkeypatch: pytest.MonkeyPatch, folder: Path, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", ["train.py", "-m", f"sweep={folder}", *TINY, *arguments])
    schema.launch(train.main)


def made(folder: Path) -> dict[int, Path]:
    """The runs of a sweep by their seed."""
    configs = folder.glob("*/config.yaml")
    return {yaml.safe_load(path.read_text())["seed"]: path.parent for path in configs}


def test_a_sweep_makes_every_run_once_and_goes_on_where_it_was_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    begun, fit = [], runs.fit

    def stops_in_the_second(settings, *args, **kwargs):
        begun.append(settings.seed)
        if begun == [0, 1]:
            raise KeyboardInterrupt
        return fit(settings, *args, **kwargs)

    monkeypatch.setattr(runs, "fit", stops_in_the_second)
    with pytest.raises(SystemExit):
        run(monkeypatch, tmp_path, "seed=0,1,2", "agent.generations=1")
    assert begun == [0, 1]
    first = (made(tmp_path)[0] / "results.json").stat().st_mtime_ns
    run(monkeypatch, tmp_path, "agent.generations=1", "seed=0,1,2")  # in another order
    assert begun == [0, 1, 1, 2]
    assert sorted(made(tmp_path)) == [0, 1, 2]
    assert (made(tmp_path)[0] / "results.json").stat().st_mtime_ns == first
    assert "it is over" in capsys.readouterr().out

    with locked(made(tmp_path)[2]):
        (made(tmp_path)[2] / "results.json").unlink()
        run(monkeypatch, tmp_path, "seed=2", "agent.generations=1")
    assert begun == [0, 1, 1, 2]
    assert "another process is at it" in capsys.readouterr().out

    assert sweep.main([str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "| pricing, duel | 2 |" in said
    assert f"Not over yet: {made(tmp_path)[2].name}" in said
    assert {path.suffix for path in tmp_path.glob("summary.*")} == {".md", ".csv", ".png"}

    # The same folder, but what the settings mean has changed.
    config = yaml.safe_load((made(tmp_path)[0] / "config.yaml").read_text())
    config["agent"]["initial_step"] = 0.5
    (made(tmp_path)[0] / "config.yaml").write_text(yaml.safe_dump(config))
    with pytest.raises(SystemExit):
        run(monkeypatch, tmp_path, "seed=0", "agent.generations=1")
    assert "begun with another agent.initial_step; name another sweep=" in capsys.readouterr().err


def test_folders_are_named_by_what_the_command_line_says() -> None:
    folder = run_folder("runs/s", ["seed=1", "sweep=runs/s", "agent=ppo"])
    assert folder == Path("runs/s/agent=ppo,seed=1")
    assert run_folder("s", ["agent.start=a/b.yaml"]) == Path("s/agent.start=a+b.yaml")
    long = [run_folder("s", [f"seed={seed}", "agent=" + 300 * "x"]).name for seed in (1, 2)]
    assert long[0] != long[1]
    assert all(len(name) == 200 for name in long)
    with pytest.raises(ValueError, match="name the folder of all: sweep="):
        run_folder("s", ["folder=here"])


def fake_run(folder: Path, seed: int, agent: str, rate: float, share: float) -> None:
    folder.mkdir(parents=True)
    config = {
        "agent_name": agent,
        "seed": seed,
        "scenario": {"name": "duel"},
        "folder": str(folder),
    }
    config["agent"] = {"seed": seed, "rate": rate} if agent == "ppo" else {"seed": seed}
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    figures = {"score": {"estimate": share}, "gain_over_best_classical": {"estimate": share - 0.5}}
    first = {"score": {"estimate": 0.0}, "gain_over_best_classical": {"estimate": 0.0}}
    results = {"policies": {"first": first, "last": figures}}
    (folder / "results.json").write_text(json.dumps(results))


def test_the_summary_takes_runs_together_that_differ_by_their_seed(tmp_path: Path, capsys) -> None:
    for seed, share in enumerate([0.1, 0.5, 0.6, 0.9]):
        fake_run(tmp_path / f"a{seed}", seed, "ppo", 0.1, share)
    fake_run(tmp_path / "b", 0, "ppo", 0.2, 0.4)
    fake_run(tmp_path / "c", 0, "es", 0.2, 0.7)
    assert sweep.main([str(tmp_path)]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| agent")]
    # The best first; of four seeds, the mean of the two in the middle.
    assert lines[0].startswith("| agent_name=es | 1 | 70.0 | +20.0 | 70.0, 70.0 |")
    assert lines[1].startswith("| agent_name=ppo, agent.rate=0.1 | 4 | 55.0 [")
    assert lines[1].endswith("10.0, 90.0 |")
    assert lines[2].startswith("| agent_name=ppo, agent.rate=0.2 | 1 | 40.0 | -10.0 |")
    assert len((tmp_path / "summary.csv").read_text().splitlines()) == 7
    assert sweep.main([str(tmp_path / "a0")]) == 1
    assert "has no run that is over" in capsys.readouterr().err


@pytest.mark.slow
def test_joblib_makes_the_runs_side_by_side(tmp_path: Path, monkeypatch) -> None:
    launcher = ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2"]
    run(monkeypatch, tmp_path, "seed=0,1", "agent.generations=1", *launcher)
    assert [seed for seed, own in made(tmp_path).items() if (own / "results.json").is_file()]
    assert sorted(made(tmp_path)) == [0, 1]


def jobs_of(folder: Path) -> list[int]:
    """Processes in which submitit's local executor runs jobs of a sweep."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().decode().split("\0")
        except OSError:
            continue
        if "submitit.core._submit" in words and any(str(folder) in word for word in words):
            found.append(int(path.parent.name))
    return found


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="finds processes in /proc")
def test_a_job_of_submitit_that_is_queued_again_goes_on_to_the_same_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    preempted: list[int] = []

    def preempt() -> None:
        """Once some generations are saved, ask the job to be queued again, as SLURM would."""
        for _ in range(1200):
            for path in tmp_path.glob("swept/*/history.json"):
                if path.exists() and len(json.loads(path.read_text())["fitness"]) >= 2:
                    preempted.extend(jobs_of(tmp_path))
                    for job in preempted:
                        os.kill(job, signal.SIGUSR2)
                    return
            time.sleep(0.05)

    thread = threading.Thread(target=preempt)
    thread.start()
    more = ["seed=3", "agent.generations=200"]
    local = ["hydra/launcher=submitit_local", "hydra.launcher.timeout_min=10"]
    run(monkeypatch, tmp_path / "swept", *more, *local)
    thread.join()
    assert len(preempted) == 1
    assert jobs_of(tmp_path) == []
    log = "".join(p.read_text() for p in (tmp_path / "swept/.submitit").rglob("*_log.out"))
    assert log.count("run: ") == 2  # begun twice
    run(monkeypatch, tmp_path / "whole", *more)
    one, other = made(tmp_path / "swept")[3], made(tmp_path / "whole")[3]
    assert (one / "weights.yaml").read_bytes() == (other / "weights.yaml").read_bytes()
    assert (one / "history.json").read_bytes() == (other / "history.json").read_bytes()
