"""Quality, bound and seconds of every static WTA solver: ``python -m benchmarks.static_wta``.

Beside them, where the size lets them, general solvers on the linearised problem: HiGHS MILP, and
CP-SAT (extra ``bench``; the table says if it is missing). All run on one thread. Seconds are wall
clock, which the limits count; CPU is the process's own seconds, which say more on a loaded machine.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from importlib.util import find_spec
from multiprocessing import get_context

from agents.progress import tracked
from agents.wta.families import FAMILIES, draw_instance
from agents.wta.instance import Instance, Solution
from agents.wta.solvers import SOLVER_NAMES, solve, warm_up
from benchmarks.wta_general import solve_cp_sat, solve_highs_milp

SIZES = (
    "narrow:10x10x1",
    "narrow:20x20x1",
    "narrow:40x20x1",
    "narrow:80x80x1",
    "narrow:200x100x1",
    "uniform:50x100x1",
    "uniform:50x100x2",
    "uniform:50x100x3",
    "uniform:100x200x1",
    "uniform:100x200x2",
    "uniform:100x200x3",
    "uniform:300x600x1",
    "uniform:300x600x2",
    "uniform:300x600x3",
    "sparse:100x200x3",
    "tied:60x40x2",
    "extreme:100x200x2",
)
MOST_PAIRS = 5_000
"""Pairs beyond which the general solvers are left out."""


Timed = tuple[Solution, float]


def solved(
    instance: Instance, names: Sequence[str], seconds: float, general: bool
) -> Iterator[Timed]:
    """All solvers on one instance, one after another, with their CPU seconds."""
    for name in names:
        yield timed(partial(solve, solver=name), instance, seconds)
    if general:
        yield timed(solve_highs_milp, instance, seconds)
        if find_spec("ortools") is not None:
            # In a process of its own: OR-Tools does not load where HiGHS is.
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as other:
                yield other.submit(timed, solve_cp_sat, instance, seconds).result()


def timed(run: Callable[..., Solution], instance: Instance, seconds: float) -> Timed:
    """Runs a solver; its CPU seconds are those of this process."""
    before = time.process_time()
    solution = run(instance, seconds=seconds)
    return solution, time.process_time() - before


def row(size: str, solution: Solution, best: float, cpu: float) -> str:
    """A row of the Markdown table; excess is over the best bound that any solver proved."""
    excess = (solution.objective - best) / best if best > 0 else 0.0
    bound = f"{solution.bound:.6g}" if solution.bound > 0 else "none"
    gap = f"{solution.gap:.4%}" if solution.bound > 0 else ""
    return (
        f"| {size} | {solution.solver} | {solution.objective:.6g} | {bound} | {gap} "
        f"| {excess:.3%} | {solution.seconds:.3f} | {cpu:.3f} |"
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", nargs="+", default=list(SIZES), help="family:WxTxR")
    parser.add_argument("--seconds", type=float, default=60.0, help="limit of each solver")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--own", action="store_true", help="leave general solvers out")
    parser.add_argument("--solvers", nargs="+", choices=SOLVER_NAMES, default=list(SOLVER_NAMES))
    chosen = parser.parse_args(arguments)
    problems = [_parse(parser, size) for size in chosen.sizes]
    warm_up()
    if not chosen.own and find_spec("ortools") is None:
        print("CP-SAT is missing: pip install 'balticshield[bench]' in an environment of its own\n")
    print("| instance | solver | objective | bound | gap | above the best bound | seconds | CPU |")
    print("|---" * 8 + "|", flush=True)
    pairs = [
        (size, family, shape, seed)
        for size, (family, shape) in zip(chosen.sizes, problems, strict=True)
        for seed in chosen.seeds
    ]
    for size, family, shape, seed in tracked("solving", pairs):
        instance = draw_instance(family, *shape, seed)
        general = not chosen.own and shape[0] * shape[1] <= MOST_PAIRS
        results = list(solved(instance, chosen.solvers, chosen.seconds, general))
        best = max(solution.bound for solution, _ in results)
        for solution, cpu in results:
            print(row(size, solution, best, cpu), flush=True)


def _parse(parser: argparse.ArgumentParser, size: str) -> tuple[str, tuple[int, int, int]]:
    family, _, numbers = size.partition(":")
    parts = numbers.split("x")
    if family not in FAMILIES or len(parts) != 3 or not all(p.isdigit() for p in parts):
        parser.error(f"size {size!r}, must be family:WxTxR with a family of {', '.join(FAMILIES)}")
    weapons, targets, rounds = map(int, parts)
    return family, (weapons, targets, rounds)


if __name__ == "__main__":
    main()
