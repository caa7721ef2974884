"""Change the engagement core a little, many times, and see whether the tests notice.

python -m tests.mutants --count 200 --results mutants.jsonl

A mutant differs in one operator, comparison, constant or condition of one kernel. Without
compilation its code takes the place of the kernel's in a forked process, which plays the recorded
traces (`tests.envs.traces`), then the tests of its module that take little time so;
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
import sys
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
QUICK_S = 0.3  # of one test, on the processor
SOUND = "sound"  # a test that passes without a change
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
            before = ast.unparse(node)
            place = f"{source.name}:{getattr(node, 'lineno', 0)}:{getattr(node, 'col_offset', 0)}"
            _mutate(node)
            words = f"{place} in {function.name}: {before} -> {ast.unparse(node)}"
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


def by_tests(
    mutant: Mutant, passed_over: list[str], tests: list[str] | None = None
) -> dict[str, list[str]]:
    """Run the tests of a mutant's module up to one that fails; return which failed, and slow ones.

    Args:
        mutant: what takes the place of a kernel.
        passed_over: tests that are not run.
        tests: those to be run; None for all of its module.
    """
    replace(mutant)
    quick = Quick()
    silent = ["-x", "-q", "-s", "--tb=no", "--timeout=0", "-p", "no:cacheprovider", "-W", "ignore"]
    pytest.main(
        [
            *silent,
            *(tests or _tests_of(mutant.module)),
            *(f"--deselect={test}" for test in passed_over),
        ],
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


class Results:
    """What has been tried, a line of a file each, so that a later call goes on from there."""

    def __init__(self, path: Path) -> None:
        self._path = path
        lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
        rows = [json.loads(line) for line in lines]
        self.by: dict[str, dict[str, str]] = {"traces": {}, "tests": {}, "use": {}}
        for row in rows:
            self.by[row["by"]][row["what"]] = row["found"]

    def note(self, by: str, what: str, found: str) -> None:
        """Note what traces or tests found of a mutant, or of what use a test is."""
        self.by[by][what] = found
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"by": by, "what": what, "found": found}) + "\n")
        print(f"{by}: {what}: {found or 'nothing'}", flush=True)

    def noticed(self, words: str) -> str | None:
        """Return what notices a mutant, "" if nothing does, None if it has not been tried."""
        return self.by["traces"].get(words) or self.by["tests"].get(words)


def try_traces(mutant: Mutant, results: Results) -> None:
    """Note whether the traces notice a mutant."""
    found = in_a_fork(by_traces, mutant)
    results.note("traces", mutant.changed()[1], "no end, or a crash" if found is None else found)


def try_tests(mutant: Mutant, results: Results) -> None:
    """Note whether the tests of its module notice a mutant."""
    use = results.by["use"]
    while True:
        passed_over = [test for test, found in use.items() if found != SOUND]
        ended = in_a_fork(by_tests, mutant, passed_over)
        if ended is None:
            results.note("tests", mutant.changed()[1], "no end, or a crash")
            return
        for test in ended["slow"]:
            results.note("use", test, "slow without compilation")
        failed = ended["failed"][0] if ended["failed"] else ""
        if failed and failed not in use:
            results.note("use", failed, _use(mutant.module, failed))
        if not failed or use[failed] == SOUND:
            results.note("tests", mutant.changed()[1], failed)
            return


def _use(module: str, test: str) -> str:
    """Return whether a test passes without a change, and so says something."""
    same = Mutant(module, next(m.function for m in mutants() if m.module == module), None)
    ended = in_a_fork(by_tests, same, [], [test])
    return SOUND if ended is not None and not ended["failed"] else "fails without a change"


def main() -> None:
    """Draw mutants, try those not tried yet, and say which survived."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--results", type=Path, default=Path("mutants.jsonl"))
    parser.add_argument("--report", action="store_true", help="only say what has been found so far")
    given = parser.parse_args()
    everything = list(mutants())
    drawn = random.Random(given.seed).sample(everything, min(given.count, len(everything)))
    results = Results(given.results)
    if not given.report:
        signal.signal(signal.SIGXCPU, signal.SIG_DFL)
        interpret()
        try_all(drawn, results)
    _report([mutant.changed()[1] for mutant in drawn], results, len(everything))


def try_all(drawn: list[Mutant], results: Results) -> None:
    """Try mutants that have not been: all by the traces, then those that are left by tests."""
    unchanged = by_traces(Mutant("damage", "strike", None))  # here: the scenarios stay loaded
    assert unchanged == "", f"without a change {unchanged}"
    untried = [m for m in drawn if m.changed()[1] not in results.by["traces"]]
    for n, mutant in enumerate(untried):
        _say(n, untried, "by traces")
        try_traces(mutant, results)
    left = [mutant for mutant in drawn if results.noticed(mutant.changed()[1]) is None]
    if left:  # imports what the tests need once, for every fork
        pytest.main(
            ["--collect-only", "-qq", *{test for m in left for test in _tests_of(m.module)}]
        )
    for n, mutant in enumerate(left):
        _say(n, left, "by tests")
        try_tests(mutant, results)


def _say(done: int, mutants: list[Mutant], how: str) -> None:
    # No bar: its thread would be forked with every mutant.
    print(f"{done} of {len(mutants)} {how}", file=sys.stderr)


def _report(drawn: list[str], results: Results, there_are: int) -> None:
    argued = {row["mutant"] for row in yaml.safe_load(EQUIVALENT.read_text(encoding="utf-8"))}
    found = {words: results.noticed(words) for words in drawn}
    tried = [words for words in drawn if found[words] is not None]
    alive = [words for words in tried if not found[words]]
    same = [words for words in alive if _unplaced(words) in argued]
    print(f"{len(tried) - len(alive)} of {len(tried)} killed, of {there_are} there are;")
    print(f"{len(same)} of the {len(alive)} survivors are equivalent to what they change.")
    waiting = sum(results.by["traces"].get(words) == "" for words in drawn if words not in tried)
    if len(tried) < len(drawn):
        print(f"{len(drawn) - len(tried)} are not tried to the end: {waiting} survive the traces.")
    for words in alive:
        print(f"{'equivalent' if words in same else 'SURVIVED'}: {words}")


def _unplaced(words: str) -> str:
    """Return what was changed without its line, which other changes move."""
    place, change = words.split(" in ", 1)
    return f"{place.split(':')[0]} in {change}"


if __name__ == "__main__":
    main()
