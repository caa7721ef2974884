"""Static WTA by general solvers, to stand beside the project's own: HiGHS MILP and CP-SAT.

Both solve the linearised problem: with y_t = sum_w -ln(1 - pk_wt) x_wt, the surviving value
value_t exp(-y_t) is replaced by the largest of its tangents at y = 0, step, 2 step, ..., which lie
below it. So the optimum of the linear problem bounds the loss, within a share of about step^2 / 8.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.wta.clock import Clock
from agents.wta.instance import Instance, Solution, solution
from agents.wta.master import import_highs, quiet_highs

STEP = 0.1
MOST_DEPTH = 12.0
"""Depth y beyond which nothing counts; also that of a certain kill."""

_SCALE = 10_000  # CP-SAT knows whole numbers alone


def _depths(instance: Instance) -> NDArray[np.float64]:
    survival = np.where(instance.feasible, 1.0 - instance.pk, 1.0)
    return np.minimum(-np.log(np.maximum(survival, 1e-300)), MOST_DEPTH)


def _tangents(value: float) -> list[tuple[float, float]]:
    """Tangents of value exp(-y): heights at y = 0 and slopes."""
    points = np.arange(0.0, MOST_DEPTH, STEP)
    heights = value * np.exp(-points) * (1.0 + points)
    return list(zip(heights.tolist(), (-value * np.exp(-points)).tolist(), strict=True))


def solve_highs_milp(instance: Instance, seconds: float) -> Solution:
    """HiGHS on the linearised problem."""
    highspy, clock = import_highs(), Clock(seconds)
    depth = _depths(instance)
    weapons, targets = depth.shape
    highs = quiet_highs()
    pairs = weapons * targets
    integer = highspy.HighsVarType.kInteger
    uppers = np.repeat(instance.rounds, targets) * instance.feasible.ravel()
    highs.addVars(pairs + targets, np.zeros(pairs + targets), np.append(uppers, instance.value))
    index = np.arange(pairs, dtype=np.int32)
    highs.changeColsIntegrality(pairs, index, np.full(pairs, integer))
    for t in range(targets):
        highs.changeColCost(pairs + t, 1.0)
        columns = np.append(np.arange(weapons) * targets + t, pairs + t).astype(np.int32)
        for height, slope in _tangents(float(instance.value[t])):
            entries = np.append(-slope * depth[:, t], 1.0)
            highs.addRow(height, highspy.kHighsInf, columns.size, columns, entries)
    for w in range(weapons):
        columns = (w * targets + np.arange(targets)).astype(np.int32)
        highs.addRow(0.0, float(instance.rounds[w]), targets, columns, np.ones(targets))
    highs.setOptionValue("time_limit", max(clock.left(), 1e-3))
    highs.setOptionValue("mip_rel_gap", 1e-6)
    highs.run()
    info = highs.getInfo()
    counts = np.zeros((weapons, targets), np.int64)
    if info.primal_solution_status == highspy.SolutionStatus.kSolutionStatusFeasible:
        found = np.array(highs.getSolution().col_value[:pairs])
        counts = np.rint(found).astype(np.int64).reshape(weapons, targets)
    return solution(instance, "HiGHS MILP", counts, info.mip_dual_bound, clock.seconds())


def solve_cp_sat(instance: Instance, seconds: float) -> Solution:
    """OR-Tools CP-SAT on the linearised problem, one worker.

    Both OR-Tools and highspy carry HiGHS, and neither loads after the other: call it in a process
    of its own.
    """
    from ortools.sat.python import cp_model

    clock = Clock(seconds)
    depth = _depths(instance)
    weapons, targets = depth.shape
    model = cp_model.CpModel()
    pairs = [(w, t) for w in range(weapons) for t in range(targets) if instance.feasible[w, t]]
    fired = {(w, t): model.new_int_var(0, int(instance.rounds[w]), "") for w, t in pairs}
    for w in range(weapons):
        model.add(sum(x for (v, _), x in fired.items() if v == w) <= int(instance.rounds[w]))
    lefts: list[Any] = []
    for t in range(targets):
        own = [(w, x) for (w, u), x in fired.items() if u == t]
        left = model.new_int_var(0, int(instance.value[t] * _SCALE), "")
        lefts.append(left)
        for height, slope in _tangents(float(instance.value[t])):
            # Rounded so that the tangent falls: the bound stays valid.
            terms = [int(np.floor(slope * depth[w, t] * _SCALE)) * x for w, x in own]
            model.add(left >= int(np.floor(height * _SCALE)) + sum(terms))
    model.minimize(sum(lefts))
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.max_time_in_seconds = max(clock.left(), 1e-3)
    status = solver.solve(model)
    counts = np.zeros((weapons, targets), np.int64)
    if status in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        for (w, t), x in fired.items():
            counts[w, t] = solver.value(x)
    bound = solver.best_objective_bound / _SCALE
    return solution(instance, "CP-SAT", counts, bound, clock.seconds())
