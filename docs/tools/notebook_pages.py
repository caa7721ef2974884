"""The notebooks as pages: their words, their code and what it printed or drew."""

import json
from pathlib import Path
from typing import Any


def notebook_pages(root: Path) -> dict[str, str]:
    """Return a page, Markdown, by path, of every notebook in `notebooks/`.

    Args:
        root: Of the repository.
    """
    return {
        f"notebooks/{path.stem}.md": page(json.loads(path.read_text(encoding="utf-8")), path.name)
        for path in sorted((root / "notebooks").glob("*.ipynb"))
    }


def page(notebook: dict[str, Any], name: str) -> str:
    """Return a notebook, as its file has it, in Markdown."""
    first, *others = (_cell(cell) for cell in notebook["cells"])
    note = f"*This page is `notebooks/{name}`, as it was run last: open it with Jupyter.*\n"
    return "\n".join([first, note, *others])


def _cell(cell: dict[str, Any]) -> str:
    source = "".join(cell["source"])
    if cell["cell_type"] == "markdown":
        return source.replace("](../docs/", "](../") + "\n"
    shown = [_output(output) for output in cell["outputs"]]
    return "\n".join([f"```python\n{source}\n```\n", *shown])


def _output(output: dict[str, Any]) -> str:
    if output["output_type"] == "stream":
        return f"```text\n{''.join(output['text'])}```\n"
    data = output["data"]
    if "image/png" in data:
        picture = "".join(data["image/png"]).replace("\n", "")
        return f'<img src="data:image/png;base64,{picture}" alt="what the cell draws">\n'
    return f"```text\n{''.join(data['text/plain'])}\n```\n"
