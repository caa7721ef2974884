"""What the pages name is there: functions of the core, sources."""

import importlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
CORE = {path.stem for path in (ROOT / "envs" / "core").glob("*.py")}
NAMES = sorted(set(re.findall(r"`([a-z_]+)\.([a-z_]+)`", (DOCS / "model.md").read_text("utf-8"))))
# "Manne 1958", "Lu and Chen (2021)", "Schulman et al., 2017": the last name, and the year.
CITED = re.compile(r"([A-Z][a-z]+)(?: et al\.)?,?\s+\(?((?:19|20)\d\d)\b(?!-)")
MONTHS = {"January", "February", "March", "April", "May", "June", "July"}
MONTHS |= {"August", "September", "October", "November", "December"}


@pytest.mark.parametrize(("module", "function"), [pair for pair in NAMES if pair[0] in CORE])
def test_a_function_that_the_model_names_is_in_the_core(module: str, function: str) -> None:
    assert hasattr(importlib.import_module(f"envs.core.{module}"), function)


def test_the_model_names_the_functions_of_most_of_the_core() -> None:
    named = {module for module, _ in NAMES}
    leave_out = {"__init__", "compiled", "records", "params", "state", "metrics", "futures"}
    leave_out |= {"lanes"}  # how kernels are laid out, not what is modelled
    assert CORE - leave_out - named == set()


def cited() -> set[tuple[str, str]]:
    files = [path for room in ("agents", "envs") for path in (ROOT / room).rglob("*.py")]
    files += [path for path in DOCS.glob("*.md") if path.name != "bibliography.md"]
    text = " ".join(path.read_text(encoding="utf-8") for path in files)
    return {pair for pair in CITED.findall(text) if pair[0] not in MONTHS}


def test_every_source_that_is_cited_is_in_the_bibliography() -> None:
    page = (DOCS / "bibliography.md").read_text(encoding="utf-8")
    entries = re.findall(r"^- (.*?\d{4})\.", page, re.M | re.S)
    found = {
        pair for pair in cited() if any(pair[0] in entry and pair[1] in entry for entry in entries)
    }
    assert cited() - found == set()
    assert len(found) >= 10
