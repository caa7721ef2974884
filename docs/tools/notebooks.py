"""Run the notebooks: `python -m docs.tools.notebooks` writes anew what their cells print and draw.

They are run as their readers run them, by Jupyter, from their own folder; the tests do the same and
write nothing. Needs the extra `docs`.
"""

import os
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from traitlets.config import Config

FOLDER = Path(__file__).parents[2] / "notebooks"
TIMEOUT_S = 600
INLINE = "module://matplotlib_inline.backend_inline"  # pictures into the notebook, whatever is set


def run(path: Path) -> nbformat.NotebookNode:
    """Return a notebook with the outputs that its cells have now.

    Args:
        path: Of the notebook; its own outputs are left out of account.

    Raises:
        nbclient.exceptions.CellExecutionError: If a cell fails.
    """
    notebook = nbformat.read(path, as_version=4)
    with tempfile.TemporaryDirectory() as folder:
        # Through files of this user's, not through ports that others on the machine may listen to.
        sockets = {"transport": "ipc", "ip": f"{folder}/kernel"}
        client = NotebookClient(
            notebook,
            config=Config({"KernelManager": sockets}),
            kernel_name="python3",
            resources={"metadata": {"path": str(path.parent)}},
            startup_timeout=TIMEOUT_S,
            timeout=TIMEOUT_S,
        )
        client.execute(env=os.environ | {"MPLBACKEND": INLINE})
    return tidy(notebook)


def tidy(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Return a notebook without what differs from run to run or from machine to machine."""
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number}"
        cell.metadata = {}
        if cell.cell_type == "code":
            cell.execution_count = None
            for output in cell.outputs:
                output.pop("execution_count", None)
                output.pop("metadata", None)
                if output.output_type in ("execute_result", "display_data"):
                    output.metadata = {}
                if output.output_type == "execute_result":
                    output.execution_count = None
    return notebook


def main() -> None:
    """Run every notebook and keep its outputs."""
    for path in sorted(FOLDER.glob("*.ipynb")):
        nbformat.write(run(path), path)
        print(path)


if __name__ == "__main__":
    main()
