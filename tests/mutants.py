"""Change the engagement core a little, many times, and see whether the tests notice.

python -m tests.mutants --count 200

Without compilation. A mutant differs in one operator, comparison, constant or condition of one
function; its code takes the place of the function's in a forked process, which plays beside the
scalar model, then golden raids. What those do not reach (fog, campaigns, fighter pairs, jammers) is
for the tests of the core; they are too slow without compilation to be run here.
"""

import os

os.environ["NUMBA_DISABLE_JIT"] = "1"  # before the core is imported

import argparse
import ast
import contextlib
import importlib
import inspect
import random
import resource
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

import numpy as np

import envs.batch
from tests.envs.golden import path, write
from tests.envs.scalar_play import agree

ROOT = Path(__file__).parents[1]
CORE = ROOT / "envs" / "core"
MODULES = ("damage", "engagement", "fire_control", "flight", "logistics", "raid", "start", "step")
SECONDS = 60  # of one mutant, on the processor

_OPERATORS = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.Lt: ast.LtE,
    ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.And: ast.Or, ast.Or: ast.And, ast.RShift: ast.LShift, ast.LShift: ast.RShift,
    ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.BitXor: ast.BitOr,
}  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """One change of one function: of the node with a number, as they are walked."""

    module: str
    function: str
    node: int | None

    def changed(self) -> tuple[CodeType, str]:
        """Return the changed code, and what was changed."""
        source = CORE / f"{self.module}.py"
        tree = ast.parse(source.read_text(encoding="utf-8"))
        (function,) = (one for one in _functions(tree) if one.name == self.function)
        function.decorator_list = []
        words = "nothing"
        if self.node is not None:
            node = list(ast.walk(function))[self.node]
            before, line = ast.unparse(node), getattr(node, "lineno", 0)
            _mutate(node)
            words = f"{source.name}:{line} in {function.name}: {before} -> {ast.unparse(node)}"
        compiled = compile(ast.fix_missing_locations(tree), str(source), "exec")
        constants = [c for c in compiled.co_consts if isinstance(c, CodeType)]
        return next(c for c in constants if c.co_name == self.function), words


def mutants() -> Iterator[Mutant]:
    """Yield every mutant of these modules."""
    for source in (CORE / f"{module}.py" for module in MODULES):
        for function in _functions(ast.parse(source.read_text(encoding="utf-8"))):
            function.decorator_list = []
            for n, node in enumerate(ast.walk(function)):
                if _mutate(node):
                    yield Mutant(source.stem, function.name, n)


def _functions(tree: ast.Module) -> list[ast.FunctionDef]:
    return [statement for statement in tree.body if isinstance(statement, ast.FunctionDef)]


def _mutate(node: Any) -> bool:
    """Change a node in place; return whether there was anything to change."""
    if isinstance(node, ast.BinOp | ast.AugAssign | ast.BoolOp) and type(node.op) in _OPERATORS:
        node.op = _OPERATORS[type(node.op)]()
    elif isinstance(node, ast.Compare) and type(node.ops[0]) in _OPERATORS:
        node.ops[0] = _OPERATORS[type(node.ops[0])]()  # type: ignore[assignment]
    elif isinstance(node, ast.Constant) and type(node.value) in (int, float, bool):
        node.value = not node.value if isinstance(node.value, bool) else node.value + 1
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        node.op = ast.UAdd()
        node.operand = ast.Call(ast.Name("bool", ast.Load()), [node.operand], [])
    elif isinstance(node, ast.Continue | ast.Break):
        return False  # as likely endless as wrong
    else:
        return False
    return True


def survives(mutant: Mutant, seconds: float = SECONDS) -> bool:
    """Return whether no test notices a mutant."""
    child = os.fork()
    if child == 0:
        resource.setrlimit(resource.RLIMIT_CPU, (int(seconds), int(seconds) + 1))
        with contextlib.suppress(BaseException):
            module: ModuleType = importlib.import_module(f"envs.core.{mutant.module}")
            inspect.unwrap(getattr(module, mutant.function)).__code__ = mutant.changed()[0]
            os._exit(0 if _passes() else 1)
        os._exit(1)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status) == 0


def _passes() -> bool:
    """Return whether nothing is noticed."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    np.seterr(all="ignore")
    agree("duel", 150, seed=5, members=4)
    agree("standard", 40, seed=5, members=1)
    raids = [("duel", "nearest", seed) for seed in (1, 2, 3)]
    return all(write(*raid) == path(*raid).read_text(encoding="utf-8") for raid in raids)


def main() -> None:
    """Draw mutants, and say which survived."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=float("inf"))
    given = parser.parse_args()
    envs.batch._CALIBRATION_RAIDS = (
        4  # a figure that scales rewards alone, slow without compilation
    )
    signal.signal(signal.SIGXCPU, signal.SIG_DFL)
    everything = list(mutants())
    drawn = random.Random(given.seed).sample(everything, min(given.count, len(everything)))
    assert survives(Mutant("damage", "strike", None)), "the tests fail without a change"
    began, killed, tried = time.monotonic(), 0, 0
    for mutant in drawn:
        if time.monotonic() - began > given.seconds:
            break
        alive, tried = survives(mutant), tried + 1
        killed += not alive
        left = (time.monotonic() - began) / tried * (len(drawn) - tried) / 60.0
        # No bar: its thread would be forked with every mutant.
        print(f"{tried} of {len(drawn)}, {left:.0f} min left", file=sys.stderr)
        print(f"{'SURVIVED' if alive else 'killed  '} {mutant.changed()[1]}", flush=True)
    print(f"{killed} of {tried} killed, of {len(everything)} there are")


if __name__ == "__main__":
    main()
