"""The folder of compiled kernels is named by the sources, so an edit is never missed."""

import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import envs
from envs.core.compiled import cache_folder
from envs.core.step import step_one

SOURCES = Path(envs.__file__).parent


@pytest.fixture
def copy(tmp_path):
    """Return a function that copies the sources into a new folder, with an edit."""

    def make(name, file=None, text=""):
        root = tmp_path / name / "envs"
        shutil.copytree(SOURCES, root, ignore=shutil.ignore_patterns("__pycache__"))
        if file is not None:
            path = root / file
            path.parent.mkdir(exist_ok=True)
            path.write_text((path.read_text() if path.exists() else "") + text)
        return root

    return make


def test_the_same_sources_have_the_same_folder(copy):
    assert cache_folder(copy("one")).name == cache_folder(copy("other")).name


@pytest.mark.parametrize(
    "file", ["core/damage.py", "core/compiled.py", "observation.py", "core/another.py"]
)
def test_an_edit_anywhere_gives_another_folder(copy, file):
    assert cache_folder(copy("as_is")).name != cache_folder(copy("edited", file, "# x\n")).name


def test_what_is_not_source_does_not_count(copy):
    assert cache_folder(copy("as_is")).name == cache_folder(copy("data", "notes.txt", "x")).name


def test_another_package_is_keyed_by_its_own_sources_and_the_cores(tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "__init__.py").write_text("")
    folder = cache_folder(other)
    assert folder.name.startswith("other-")
    assert folder.name != cache_folder(SOURCES).name


def test_kernels_use_the_folder_and_no_fast_math():
    assert str(cache_folder(SOURCES)) in str(step_one.stats.cache_path)
    assert step_one.targetoptions["fastmath"] is False


def test_an_edit_of_a_called_function_takes_effect(tmp_path):
    """What Numba's own cache would miss: the caller's file is unchanged."""
    package = tmp_path / "edited"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "caller.py").write_text(
        textwrap.dedent("""
            from envs.core.compiled import compiled
            from edited.called import value

            @compiled()
            def ask():
                return value()
        """)
    )
    answers = []
    for number in (1, 2):
        (package / "called.py").write_text(
            textwrap.dedent(f"""
                from envs.core.compiled import compiled

                @compiled()
                def value():
                    return {number}
            """)
        )
        run = subprocess.run(
            [sys.executable, "-B", "-c", "from edited.caller import ask; print(ask())"],
            env={"PYTHONPATH": f"{tmp_path}:{SOURCES.parent}", "NUMBA_CACHE_DIR": str(tmp_path)},
            capture_output=True,
            text=True,
            check=True,
        )
        answers.append(int(run.stdout))
    assert answers == [1, 2]
    assert len(list(tmp_path.glob("edited-*"))) == 2


def test_the_folder_obeys_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    plain = cache_folder.__wrapped__
    assert plain(SOURCES).parent == tmp_path
    monkeypatch.delenv("NUMBA_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user"))
    assert plain(SOURCES).parent == tmp_path / "user" / "balticshield"
