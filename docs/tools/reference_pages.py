"""The pages of the API: one a package of pyproject.toml, all its public modules by mkdocstrings."""

import ast
import tomllib
from pathlib import Path


def reference_pages(root: Path) -> dict[str, str]:
    """Return the pages of the API, Markdown by path, from the sources alone.

    Args:
        root: Of the repository.
    """
    settings = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    packages: list[str] = settings["tool"]["setuptools"]["packages"]
    return {f"reference/{package}.md": _page(root, package) for package in packages}


def _page(root: Path, package: str) -> str:
    folder = root / package.replace(".", "/")
    modules = [
        package if path.stem == "__init__" else f"{package}.{path.stem}"
        for path in sorted(folder.glob("*.py"))
        if path.stem == "__init__" or not path.stem.startswith("_")
        if _says_something(path)
    ]
    # Whoever searches for a word wants the page that explains it before those that use it.
    return f"---\nsearch:\n  boost: 0.5\n---\n# {package}\n\n" + "".join(
        f"::: {module}\n\n" for module in modules
    )


def _says_something(path: Path) -> bool:
    return ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) is not None
