"""``python -m agents.wta``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from agents.wta.__main__ import main
from agents.wta.files import read_instance


def shown(text: str, name: str) -> str:
    return next(line for line in text.splitlines() if line.startswith(name))[10:]


def test_one_command_solves_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, allocation = tmp_path / "instance.txt", tmp_path / "allocation.txt"
    assert main(["draw", "uniform", "6", "5", "--rounds", "2", "--output", str(path)]) == 0
    capsys.readouterr()
    assert main(["solve", str(path), "--output", str(allocation)]) == 0
    text = capsys.readouterr().out
    assert shown(text, "instance") == "6 weapons, 5 targets, 12 rounds"
    assert shown(text, "gap") == "0.000000%"
    assert float(shown(text, "seconds")) < 60
    instance = read_instance(path)
    counts = np.zeros(instance.pk.shape, int)
    for w, t, rounds in np.loadtxt(allocation, dtype=int):
        counts[w, t] = rounds
    assert instance.loss(counts) == pytest.approx(float(shown(text, "objective")), rel=1e-8)
    assert shown(text, "bound") == shown(text, "objective")


def test_bench_shows_every_solver(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "--sizes", "4x6x1"]) == 0
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| 4 x 6")]
    assert [row.split(" | ")[1] for row in rows] == ["marginal", "assignment", "search", "exact"]


def test_errors_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "wrong.txt"
    path.write_text("1 1 1\n-5\n")
    assert main(["solve", str(path)]) == 2
    error = capsys.readouterr().err
    assert error == f"error: {path}: line 2: value -5, must be finite and >= 0\n"
    assert main(["solve", str(tmp_path / "missing.txt")]) == 2
    assert "missing.txt" in capsys.readouterr().err
    assert main(["bench", "--sizes", "4x6"]) == 2
    assert "'4x6', must be weapons x targets x rounds" in capsys.readouterr().err
