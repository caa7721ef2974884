"""The general solvers that stand beside the project's own in the benchmark."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest

from agents.wta.families import draw_instance
from agents.wta.solvers import solve
from benchmarks import static_wta
from benchmarks.wta_general import STEP, solve_highs_milp


@pytest.mark.parametrize("family", ["uniform", "narrow", "sparse", "extreme"])
def test_the_linearised_problem_bounds_the_loss(family: str) -> None:
    for seed in range(3):
        problem = draw_instance(family, 5, 6, 2, seed)
        optimum = solve(problem, "exact").objective
        general = solve_highs_milp(problem, 30.0)
        # Solved, the tangents lie below the loss by a share of step^2 / 8 about; 2e-3 of the value
        # allows for certain kills, which count as exp(-12).
        assert general.bound <= optimum + 1e-6
        assert general.bound >= optimum * (1 - STEP**2 / 4) - 2e-3
        assert optimum - 1e-9 <= general.objective <= optimum * (1 + STEP**2 / 4) + 2e-3


def test_the_table_has_a_row_for_every_solver(capsys: pytest.CaptureFixture[str]) -> None:
    static_wta.main(["--sizes", "narrow:4x5x1", "--seconds", "20"])
    lines = capsys.readouterr().out.splitlines()
    rows = [line for line in lines if line.startswith("| narrow")]
    names = [line.split(" | ")[1] for line in rows]
    assert names[:5] == ["marginal", "assignment", "search", "exact", "HiGHS MILP"]
    objectives = np.array([float(line.split(" | ")[2]) for line in rows])
    assert (objectives >= objectives[3] - 1e-6).all()
    assert len(names) == 5 + (find_spec("ortools") is not None)


def test_the_table_says_that_cp_sat_is_missing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(static_wta, "find_spec", lambda name: None)
    static_wta.main(["--sizes", "narrow:2x2x1", "--solvers", "exact", "--seconds", "20"])
    text = capsys.readouterr().out
    assert text.startswith("CP-SAT is missing: pip install 'balticshield[bench]'")
    assert "CP-SAT |" not in text


def test_a_wrong_size_says_what_is_right(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        static_wta.main(["--sizes", "4x5x1"])
    assert "must be family:WxTxR" in capsys.readouterr().err
