import ast
import re
import sys
import tomllib
from importlib.metadata import distribution, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

import agents
import conf
import envs

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
README_CODE = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.S)


def pins(lock: str = "requirements.lock") -> dict[str, Version]:
    lines = (ROOT / lock).read_text(encoding="utf-8").splitlines()
    pairs = [line.split("==") for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(name): Version(pin) for name, pin in pairs}


def requirements(name: str, extras: set[str]) -> list[Requirement]:
    """What an installed distribution asks for on this machine, with some of its extras."""
    found = [Requirement(text) for text in distribution(name).requires or []]
    return [
        requirement
        for requirement in found
        if requirement.marker is None
        or any(requirement.marker.evaluate({"extra": extra}) for extra in extras | {""})
    ]


def test_the_packages_that_run_are_this_repositorys() -> None:
    # envs, agents and conf are names that other projects install too.
    for package in (agents, conf, envs):
        assert package.__file__ is not None
        assert Path(package.__file__).resolve().parent.parent == ROOT


def test_every_package_is_listed_and_every_listed_package_exists() -> None:
    found = {
        ".".join(init.parent.relative_to(ROOT).parts)
        for room in ("agents", "conf", "envs")
        for init in (ROOT / room).rglob("__init__.py")
    }
    assert set(PROJECT["tool"]["setuptools"]["packages"]) == found


def test_the_core_imports_numpy_numba_and_itself_alone() -> None:
    allowed = {"numpy", "numba", "envs.core", *sys.stdlib_module_names}
    for file in (ROOT / "envs" / "core").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{file}: relative import"
                names = [f"{node.module}.{alias.name}" for alias in node.names]
            for name in names:
                rooms = {name.split(".")[0], ".".join(name.split(".")[:2])}
                assert rooms & allowed, f"{file} imports {name}"


def test_the_version_stands_in_one_place() -> None:
    here = PROJECT["project"]["version"]
    assert version("balticshield") == here
    files = [ROOT / "README.md", ROOT / "CITATION.cff", *ROOT.glob("*.py")]
    files += [file for room in ("agents", "conf", "envs") for file in (ROOT / room).rglob("*.py")]
    assigned = re.compile(rf"version.{{0,5}}[=:].{{0,3}}{re.escape(here)}")
    assert [file for file in files if assigned.search(file.read_text(encoding="utf-8"))] == []


def unpinned(extra: str, locked: dict[str, Version]) -> tuple[list[str], int]:
    """What an extra needs, direct or not, that is not pinned as it should be; how many it needs."""
    seen, wrong = set(), []
    waiting = [("balticshield", frozenset({extra}))]
    while waiting:
        item = waiting.pop()
        if item in seen:
            continue
        seen.add(item)
        for requirement in requirements(item[0], set(item[1])):
            name = canonicalize_name(requirement.name)
            if name.startswith(("nvidia-", "cuda-", "triton")):
                continue  # what other builds of torch than the processor's bring along
            if name != "balticshield":
                if name not in locked:
                    wrong.append(f"{item[0]} needs {requirement}, which is not pinned")
                    continue
                if locked[name] not in requirement.specifier:
                    wrong.append(f"{item[0]} needs {requirement}, pinned is {locked[name]}")
            waiting.append((name, frozenset(requirement.extras)))
    return wrong, len(seen)


def test_the_lock_pins_everything_direct_or_not_within_the_ranges() -> None:
    wrong, needed = unpinned("test", pins())
    assert wrong == []
    assert needed > 30


@pytest.mark.parametrize("lock", sorted(path.name for path in ROOT.glob("requirements*.lock")))
def test_locks_pin_nothing_local_and_nothing_twice(lock: str) -> None:
    lines = (ROOT / lock).read_text(encoding="utf-8").splitlines()
    lines = [line for line in lines if line and not line.startswith("#")]
    assert all(re.fullmatch(r"[A-Za-z0-9_.-]+==[0-9a-z.]+", line) for line in lines)
    assert len(pins(lock)) == len(lines)


@pytest.mark.parametrize("code", README_CODE, ids=range(len(README_CODE)))
def test_the_code_of_the_readme_runs(code: str) -> None:
    exec(compile(code, "README.md", "exec"), {})


def test_no_page_has_a_placeholder_left() -> None:
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]
    assert len(pages) >= 4
    assert [page.name for page in pages if "<!--" in page.read_text(encoding="utf-8")] == []


def test_the_readme_has_code_and_names_files_that_exist() -> None:
    assert len(README_CODE) == 2
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)#:]+)\)", text)
    assert [link for link in links if not (ROOT / link).exists()] == []
