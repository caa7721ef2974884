"""The code in the documentation runs, each block by itself."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# Libraries that `make conformance` installs and `make test` does not.
OPTIONAL = {"minari", "torchrl"}


def blocks() -> list[tuple[str, str]]:
    pages = sorted((ROOT / "docs").glob("*.md"))
    found = [(page.name, re.findall(r"```python\n(.*?)```", page.read_text("utf-8"), re.S))
             for page in pages]  # fmt: skip
    return [(f"{name}-{n}", code) for name, codes in found for n, code in enumerate(codes)]


@pytest.mark.filterwarnings("ignore::UserWarning")  # Minari asks for an author
@pytest.mark.parametrize(("name", "code"), blocks(), ids=[name for name, _ in blocks()])
def test_the_code_of_the_docs_runs(
    name: str, code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    try:
        exec(compile(code, name, "exec"), {"__name__": "snippet"})
    except ModuleNotFoundError as error:
        if error.name not in OPTIONAL:
            raise
        pytest.skip(f"needs {error.name}: pip install .[{error.name}], or make conformance")


def test_every_interface_has_code() -> None:
    assert sum(name.startswith("interfaces.md") for name, _ in blocks()) >= 8
