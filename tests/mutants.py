"""Change the engagement core a little, many times, and see whether the tests notice.

python -m tests.mutants --count 200 --results mutants.jsonl

A mutant differs in one operator, comparison, constant or condition of one kernel. Without
compilation its code takes the place of the kernel's in a forked process, which plays the recorded
traces (`tests.envs.traces`), then the tests of its module that take less than a second so;
whatever fails kills it. What was tried is in the file of results, and a second call goes on from
there.
Mutants of `equivalent_mutants.yaml` cannot be told from the core by anybody, and are said apart.
"""

import os

os.environ["NUMBA_DISABLE_JIT"] = "1"  # before the core is imported

import argparse
import ast
import importlib
import inspect
import json
import random
import resource
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import yaml

import envs.batch
from envs.core import randomness
from tests.envs import traces

ROOT = Path(__file__).parents[1]
CORE = ROOT / "envs" / "core"
# Every module that has kernels; the others lay out arrays, or compile.
MODULES = (
    "air_policing", "campaign", "command", "damage", "engagement", "fire_control", "flight",
    "futures", "identification", "logistics", "metrics", "raid", "randomness", "sensing", "start",
    "step", "tracking",
)  # fmt: skip
_ALSO = {  # tests of a module beside those named after it
    "air_policing": ("tests/envs/core/test_traffic.py",),
    "campaign": ("tests/envs/core/test_deliveries.py", "tests/envs/test_campaign_raids.py"),
    "engagement": ("tests/envs/core/test_jamming.py", "tests/envs/core/test_traffic.py"),
    "fire_control": ("tests/envs/core/test_traffic.py",),
    "futures": ("tests/envs/test_futures.py",),
    "identification": ("tests/envs/core/test_traffic.py",),
    "metrics": ("tests/envs/core/test_damage.py",),
    "start": ("tests/envs/core/test_campaign.py", "tests/envs/test_futures.py"),
    "step": ("tests/envs/core/test_campaign.py", "tests/envs/test_ends.py"),
}
EQUIVALENT = Path(__file__).parent / "equivalent_mutants.yaml"
QUICK_S = 1.0  # of one test, on the processor
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
    else:
        return False
    return True


def interpret() -> None:
    """Make the core play without compilation as it does with it, and begin quickly."""
    np.seterr(all="ignore")

    def unsigned(value: Any) -> np.uint64:
        return np.uint64(int(value) & 0xFFFFFFFFFFFFFFFF)  # compiled, -1 is the largest

    setattr(randomness, "np", SimpleNamespace(uint64=unsigned, float64=np.float64))  # noqa: B010
    # A figure that scales rewards alone, and slow without compilation.
    envs.batch._CALIBRATION_RAIDS = 2


class Quick:
    """A part of pytest: passes over tests that take too long, and notes which failed."""

    def __init__(self) -> None:
        self.failed: list[str] = []
        self.slow: list[str] = []

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Any:
        signal.signal(signal.SIGVTALRM, self._end)
        signal.setitimer(signal.ITIMER_VIRTUAL, QUICK_S)
        try:
            return (yield)
        except TooSlow:
            self.slow.append(item.nodeid)
            pytest.skip("too slow without compilation")
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0.0)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.failed.append(report.nodeid)

    def _end(self, *_: Any) -> None:
        raise TooSlow


class TooSlow(BaseException):
    """A test has had its time; no test catches this."""


def replace(mutant: Mutant) -> None:
    """Put a mutant in the place of its kernel, in this process and for good."""
    module: ModuleType = importlib.import_module(f"envs.core.{mutant.module}")
    inspect.unwrap(getattr(module, mutant.function)).__code__ = mutant.changed()[0]


def by_traces(mutant: Mutant) -> str:
    """Return where a trace differs from the one recorded, or "" if none does."""
    replace(mutant)
    for raid in traces.RAIDS:
        name, recorded, parts = traces.path(*raid).stem, traces.read(*raid), 0
        try:
            for part in traces.trace(*raid):
                found = traces.differing(recorded[parts], part)
                if found:
                    return f"{name}: {found[0]}"
                parts += 1
        except Exception as error:
            return f"{name}: {type(error).__name__}"
        if parts < len(recorded):
            return f"{name}: its end"
    return ""


def by_tests(mutant: Mutant, passed_over: list[str]) -> dict[str, list[str]]:
    """Run the tests of a mutant's module up to one that fails; return which failed, and slow ones.

    Args:
        mutant: what takes the place of a kernel.
        passed_over: tests that are not run.
    """
    replace(mutant)
    quick = Quick()
    silent = ["-x", "-q", "-s", "--tb=no", "--timeout=0", "-p", "no:cacheprovider", "-W", "ignore"]
    pytest.main(
        [*silent, *_tests_of(mutant.module), *(f"--deselect={test}" for test in passed_over)],
        plugins=[quick],
    )
    return {"failed": quick.failed, "slow": quick.slow}


def _tests_of(module: str) -> list[str]:
    own = f"tests/envs/core/test_{module}.py"
    return ([own] if (ROOT / own).is_file() else []) + list(_ALSO.get(module, ()))


def in_a_fork(work: Any, *arguments: Any) -> Any:
    """Return what a function returns in a process of its own; None if that is ended."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS + 1))
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        try:
            os.write(writer, json.dumps(work(*arguments)).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as answer:
        text = answer.read()
    os.waitpid(child, 0)
    return json.loads(text) if text else None


class Judge:
    """Says what notices a mutant; learns which tests say nothing without compilation."""

    def __init__(self) -> None:
        self._passed_over: list[str] = []
        self._sound: set[str] = set()  # those that pass without a change

    def notices(self, mutant: Mutant) -> str:
        """Return what notices a mutant, or "" if nothing does."""
        found = in_a_fork(by_traces, mutant)
        if found is None:
            return "traces: no end, or a crash"
        while not found:
            ended = in_a_fork(by_tests, mutant, self._passed_over)
            if ended is None:
                return "tests: no end, or a crash"
            self._passed_over += ended["slow"]
            if not ended["failed"]:
                return ""
            found = ended["failed"][0]
            if found not in self._sound and self._fails_unchanged(mutant.module, found):
                self._passed_over.append(found)
                found = ""
        return str(found)

    def _fails_unchanged(self, module: str, test: str) -> bool:
        same = Mutant(module, next(m.function for m in mutants() if m.module == module), None)
        ended = in_a_fork(by_tests, same, self._passed_over)
        if ended is None or test in ended["failed"]:
            return True
        self._sound.add(test)
        return False


def main() -> None:
    """Draw mutants, try those not tried yet, and say which survived."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--results", type=Path, default=Path("mutants.jsonl"))
    parser.add_argument("--again", action="store_true", help="try anew what survived")
    given = parser.parse_args()
    signal.signal(signal.SIGXCPU, signal.SIG_DFL)
    interpret()
    unchanged = by_traces(Mutant("damage", "strike", None))  # here: the scenarios stay loaded
    assert unchanged == "", f"without a change {unchanged}"
    pytest.main(["--collect-only", "-qq", *{test for m in MODULES for test in _tests_of(m)}])
    judge = Judge()
    everything = list(mutants())
    drawn = random.Random(given.seed).sample(everything, min(given.count, len(everything)))
    tried = _read(given.results, given.again)
    for mutant in drawn:
        words = mutant.changed()[1]
        if words in tried:
            continue
        tried[words] = judge.notices(mutant)
        with given.results.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"mutant": words, "noticed_by": tried[words]}) + "\n")
        print(f"{words}: {tried[words] or 'SURVIVED'}", flush=True)
    _report([mutant.changed()[1] for mutant in drawn], tried, len(everything))


def _read(results: Path, again: bool) -> dict[str, str]:
    lines = results.read_text(encoding="utf-8").splitlines() if results.is_file() else []
    rows = [json.loads(line) for line in lines]
    tried = {row["mutant"]: row["noticed_by"] for row in rows}
    return {words: noticed for words, noticed in tried.items() if noticed or not again}


def _report(drawn: list[str], tried: dict[str, str], there_are: int) -> None:
    argued = {row["mutant"] for row in yaml.safe_load(EQUIVALENT.read_text(encoding="utf-8"))}
    alive = [words for words in drawn if not tried[words]]
    same = [words for words in alive if _unplaced(words) in argued]
    print(f"{len(drawn) - len(alive)} of {len(drawn)} killed, of {there_are} there are;")
    print(f"{len(same)} of the {len(alive)} survivors are equivalent to what they change.")
    for words in alive:
        print(f"{'equivalent' if words in same else 'SURVIVED'}: {words}")


def _unplaced(words: str) -> str:
    """Return what was changed without its line, which other changes move."""
    place, change = words.split(" in ", 1)
    return f"{place.split(':')[0]} in {change}"


if __name__ == "__main__":
    main()
