"""Solve an instance file, draw one, or time the solvers on random families.

::

    python -m agents.wta solve FILE [--solver exact] [--seconds 60] [--output FILE]
    python -m agents.wta draw uniform 50 100 --rounds 2 --output FILE
    python -m agents.wta bench [--sizes 50x100x2 ...] [--seconds 60]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from agents.progress import tracked, waiting
from agents.wta.families import FAMILIES, draw_instance
from agents.wta.files import read_instance, write_instance
from agents.wta.instance import Instance, Solution
from agents.wta.solvers import SOLVER_NAMES, solve, warm_up

BENCH_SIZES = ("80x80x1", "50x100x1", "50x100x2", "50x100x3", "100x200x2", "100x200x3")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one of the commands; returns the exit code."""
    chosen = _parser().parse_args(arguments)
    try:
        match chosen.command:
            case "solve":
                _solve(chosen)
            case "draw":
                size = (chosen.weapons, chosen.targets, chosen.rounds)
                write_instance(draw_instance(chosen.family, *size, chosen.seed), chosen.output)
            case _:
                _bench(chosen)
    except (ValueError, OSError, ImportError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def report(instance: Instance, solved: Solution) -> str:
    """One figure a line."""
    lines = {
        "instance": f"{instance.num_weapons} weapons, {instance.num_targets} targets, "
        f"{int(instance.rounds.sum())} rounds",
        "solver": solved.solver,
        "objective": f"{solved.objective:.9g}",
        "bound": f"{solved.bound:.9g}",
        "gap": f"{solved.gap:.6%}",
        "seconds": f"{solved.seconds:.3f}",
    }
    return "\n".join(f"{name:10s}{text}" for name, text in lines.items())


def _solve(chosen: argparse.Namespace) -> None:
    instance = read_instance(chosen.file)
    warm_up([chosen.solver])
    options = {"seconds": chosen.seconds, "steps": chosen.steps, "seed": chosen.seed}
    with waiting(f"solving, at most {chosen.seconds:g} s", chosen.seconds):
        solved = solve(instance, chosen.solver, **options)
    print(report(instance, solved))
    if chosen.output is not None:
        pairs = np.argwhere(solved.counts).tolist()
        lines = [f"{w} {t} {solved.counts[w, t]}" for w, t in pairs]
        Path(chosen.output).write_text("\n".join(lines) + "\n", encoding="utf-8")


def _bench(chosen: argparse.Namespace) -> None:
    sizes = [_size(text) for text in chosen.sizes]
    warm_up(chosen.solvers)
    print(f"family {chosen.family}, seed {chosen.seed}, at most {chosen.seconds:g} s each\n")
    print("| weapons x targets x rounds | solver | objective | bound | gap | seconds |")
    print("|---" * 6 + "|")
    for weapons, targets, rounds in sizes:
        instance = draw_instance(chosen.family, weapons, targets, rounds, chosen.seed)
        for name in tracked(f"{weapons} x {targets} x {rounds}", chosen.solvers):
            got = solve(instance, name, seconds=chosen.seconds, seed=chosen.seed)
            cells = (
                f"{weapons} x {targets} x {rounds} | {name} | {got.objective:.6g} "
                f"| {got.bound:.6g} | {got.gap:.4%} | {got.seconds:.3f}"
            )
            print(f"| {cells} |", flush=True)


def _size(text: str) -> tuple[int, int, int]:
    parts = text.split("x")
    if len(parts) != 3 or not all(part.isdigit() and int(part) > 0 for part in parts):
        raise ValueError(f"size {text!r}, must be weapons x targets x rounds, such as 50x100x2")
    return int(parts[0]), int(parts[1]), int(parts[2])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m agents.wta", description="static weapon-target assignment"
    )
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("solve", help="solve an instance file")
    one.add_argument("file")
    one.add_argument("--solver", choices=SOLVER_NAMES, default="exact")
    one.add_argument("--seconds", type=float, default=60.0, help="time limit")
    one.add_argument("--steps", type=int, default=200, help="of the block search")
    one.add_argument("--seed", type=int, default=0, help="of the block search")
    one.add_argument("--output", help="file for the allocation: weapon target rounds, a line each")
    draw = commands.add_parser("draw", help="write a random instance file")
    draw.add_argument("family", choices=FAMILIES)
    draw.add_argument("weapons", type=int)
    draw.add_argument("targets", type=int)
    draw.add_argument("--rounds", type=int, default=1)
    draw.add_argument("--seed", type=int, default=0)
    draw.add_argument("--output", required=True)
    bench = commands.add_parser("bench", help="time the solvers on a random family")
    bench.add_argument("--family", choices=FAMILIES, default="uniform")
    bench.add_argument("--sizes", nargs="+", default=list(BENCH_SIZES))
    bench.add_argument("--solvers", nargs="+", choices=SOLVER_NAMES, default=list(SOLVER_NAMES))
    bench.add_argument("--seconds", type=float, default=60.0)
    bench.add_argument("--seed", type=int, default=0)
    return parser


if __name__ == "__main__":
    sys.exit(main())
