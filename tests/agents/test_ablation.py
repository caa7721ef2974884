"""The ablation: every variant is another training, and the command goes on where it was stopped."""

import json
from dataclasses import asdict, replace

import numpy as np
import pytest

from agents import ablation
from agents.learned.settings import PPOSettings

SMALL = {"num_envs": 8, "n_steps": 16, "batch_size": 64}


@pytest.fixture
def command(tmp_path, monkeypatch):
    """Run the command with trainings of a few steps; files lie below the temporary folder."""
    monkeypatch.setattr(ablation, "SHORT", ablation.SHORT | SMALL)

    def call(*arguments):
        places = [("--folder", "runs"), ("--results", "results"), ("--page", "page.md")]
        paths = [word for name, to in places for word in (name, str(tmp_path / to))]
        return ablation.main(["duel", "--steps", "256", "--raids", "16", *paths, *arguments])

    return call


def test_variants_leave_out_one_part_each():
    whole = asdict(PPOSettings())
    for name, changes in ablation.VARIANTS.items():
        other = asdict(replace(PPOSettings(), **changes))
        assert len([key for key in whole if other[key] != whole[key]]) == (name != ablation.WHOLE)


def test_it_trains_each_and_adds_seeds_later(command, tmp_path, monkeypatch, capsys):
    assert command("--seeds", "1") == 0
    first = json.loads((tmp_path / "results" / "duel.json").read_text())["runs"]
    assert len(first) == len(ablation.VARIANTS)
    assert (tmp_path / "page.md").read_text().count("\n| ") == 1 + len(ablation.VARIANTS)
    fits = []
    monkeypatch.setattr(ablation, "fit", lambda *a, **k: fits.append(a) or FIT(*a, **k))
    assert command("--seeds", "2") == 0
    assert len(fits) == len(ablation.VARIANTS), "runs that were scored are not trained again"
    second = json.loads((tmp_path / "results" / "duel.json").read_text())["runs"]
    assert {name: second[name] for name in first} == first and len(second) == 2 * len(first)
    assert "without warm start, seed 1: " in capsys.readouterr().out
    assert command("--seeds", "1", "--raids", "17") == 1
    assert "holds another run" in capsys.readouterr().err
    assert command("--seeds", "1", "--raids", "17", "--folder", str(tmp_path / "other")) == 1
    assert "has runs of (steps, raids) = (256, 16)" in capsys.readouterr().err


FIT = ablation.fit


def test_the_table_shows_middle_runs_and_their_distance():
    scores = {"all on": [0.6, 0.61, 0.62, 0.63, 0.9], "without sequence": [0.1, 0.5, 0.5, 0.5, 0.6]}
    runs = {
        f"{name}, seed {seed}": {"start": 0.4, "end": end}
        for name, ends in scores.items()
        for seed, end in enumerate(ends)
    }
    lines = ablation.table(runs).splitlines()[2:]
    assert [line.split(" | ")[0] for line in lines] == ["| all on", "| without sequence"]
    assert "| 5 | 40.0 | 62.0 [" in lines[0] and "| +22.0 [" in lines[0]
    assert "| 50.0 [" in lines[1] and "-12.0 [" in lines[1]


def test_interquartile_mean_and_its_interval():
    values = np.array([5.0, 1.0, 2.0, 3.0, 100.0])
    assert ablation.scoring.interquartile_mean(values) == pytest.approx(10 / 3)
    assert ablation.scoring.interquartile_mean(np.array([1.0, 3.0])) == 2.0
    estimate = ablation.scoring.over_runs(values)
    assert 1.0 <= estimate.low < 10 / 3 < estimate.high <= 100.0
    apart = ablation.scoring.over_runs(values, values)
    assert apart.estimate == 0.0 and apart.low < 0.0 < apart.high
    alike = ablation.scoring.over_runs(np.full(5, 0.3))
    assert alike.low == alike.high == pytest.approx(0.3)
