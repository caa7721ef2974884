"""The notebooks run, and show what they print now."""

from pathlib import Path

import pytest

pytest.importorskip("nbformat", reason='needs the extra "docs"; make docs installs it')
pytest.importorskip("nbclient", reason='needs the extra "docs"; make docs installs it')
pytest.importorskip("ipykernel", reason='needs the extra "docs"; make docs installs it')

import nbformat

from docs.tools.notebooks import FOLDER, run, tidy

NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))


def printed(notebook: nbformat.NotebookNode) -> list[str]:
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    # A cell's text comes in one piece or in several, as it happens.
    return [
        "".join(output.text for output in cell.outputs if output.output_type == "stream")
        for cell in cells
    ]


def drawn(notebook: nbformat.NotebookNode) -> int:
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return sum("image/png" in output.get("data", {}) for output in outputs)


def test_there_are_two() -> None:
    assert [path.stem for path in NOTEBOOKS] == ["first_steps", "reading_a_raid"]


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=[path.stem for path in NOTEBOOKS])
def test_a_notebook_runs_and_shows_what_it_prints_now(path: Path) -> None:
    shown, now = nbformat.read(path, as_version=4), run(path)
    assert printed(now) == printed(shown), "stale: python -m docs.tools.notebooks makes it anew"
    assert drawn(now) == drawn(shown) > 0


@pytest.mark.parametrize("path", NOTEBOOKS, ids=[path.stem for path in NOTEBOOKS])
def test_a_notebook_holds_nothing_of_one_run_or_machine(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    assert tidy(nbformat.read(path, as_version=4)) == notebook
    nbformat.validate(notebook)
    assert path.stat().st_size < 120_000
