"""The worked examples of docs/extending.md about kinds and scenarios, done in a copy of `conf`.

Its Python is run by `tests/test_docs.py`.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
FILES = re.findall(r'```yaml title="([^"]+)"\n(.*?)```', PAGE, re.S)
COMMANDS = [
    shlex.split(line) for block in re.findall(r"```sh\n(.*?)```", PAGE, re.S)
    for line in block.splitlines()
]  # fmt: skip


def merge(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """What a file holds once the rows and keys of an example are put into it."""
    merged = dict(old)
    for key, value in new.items():
        both = isinstance(value, dict) and isinstance(old.get(key), dict)
        merged[key] = merge(old[key], value) if both else value
    return merged


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `conf` and the scripts, and with what the page says put into it."""
    folder = tmp_path_factory.mktemp("copy")
    shutil.copytree(ROOT / "conf", folder / "conf", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "evaluate.py", folder)
    for name, text in FILES:
        path = folder / name
        old = yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else {}
        merged = merge(old, yaml.safe_load(text))
        path.write_text(yaml.safe_dump(merged, sort_keys=False), encoding="utf-8")
    return folder


def run(folder: Path, command: list[str]) -> subprocess.CompletedProcess[str]:
    # The folder a program runs in comes before PYTHONPATH, so `conf` is the copy there.
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    assert command[0] == "python"
    return subprocess.run(
        [sys.executable, *command[1:]],
        cwd=folder, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_the_page_has_files_and_commands():
    assert [name for name, _ in FILES] == [
        "conf/catalogue/threat.yaml",
        "conf/catalogue/shooter.yaml",
        "conf/scenario/glide-bombs.yaml",
    ]
    assert len(COMMANDS) == 4


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS, ids=[" ".join(c[1:4]) for c in COMMANDS])
def test_the_commands_of_the_page_run_in_the_copy(copy: Path, command: list[str]) -> None:
    done = run(copy, command)
    assert done.returncode == 0, done.stderr
    if "check" in command:
        assert "glide-bombs is right: glide-bombs version 1, 3 assets" in done.stdout
    if "evaluate.py" in command:
        assert re.search(r"wta_greedy +\| [1-9]", done.stdout), done.stdout
    if "agents.replay" in command:
        assert '"glide bomb"' in (copy / "runs" / "replay.html").read_text(encoding="utf-8")


@pytest.mark.slow
def test_without_the_kind_the_scenario_is_refused(tmp_path: Path) -> None:
    text = dict(FILES)["conf/scenario/glide-bombs.yaml"]
    (tmp_path / "mine.yaml").write_text(text, encoding="utf-8")
    done = run(tmp_path, ["python", "-m", "envs", "check", "mine.yaml"])
    assert done.returncode == 1 and "glide_bomb" in done.stderr
