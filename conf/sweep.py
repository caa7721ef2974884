"""Where the runs of a sweep (``train.py -m``) are written, and which of them are still to be made.

A run's folder is named by what the command line says of it, so the same command finds the same
folders: runs that are over are passed over, runs that were stopped or killed go on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import yaml

from agents.files import LOCK_FILE
from agents.progress import CONFIG_FILE
from agents.report import RESULTS_FILE
from agents.sweep import leaves

_LONGEST = 200  # letters of a folder's name; file systems take 255


def run_folder(sweep: str, overrides: Sequence[str]) -> Path:
    """The folder of one run of a sweep.

    Args:
        sweep: Folder of the sweep.
        overrides: What the command line says of this run; their order does not matter.

    Raises:
        ValueError: If they name a folder, which all runs would share.
    """
    for override in overrides:
        if override.startswith(("folder=", "resume=")):
            raise ValueError(f"{override} cannot stand with -m; name the folder of all: sweep=")
    own = sorted(override for override in overrides if not override.startswith("sweep="))
    name = ",".join(own).replace("/", "+") or "defaults"
    if len(name) > _LONGEST:
        name = f"{name[: _LONGEST - 17]}-{hashlib.sha256(name.encode()).hexdigest()[:16]}"
    return Path(sweep) / name


def nothing_to_do(folder: Path, text: str, alone: bool) -> bool:
    """Whether a run of a sweep is over, or in another process's hands; says so.

    Args:
        folder: Of the run.
        text: Its configuration, YAML.
        alone: Whether no other process has the folder.

    Raises:
        ValueError: If the folder's run was begun with other settings.
    """
    if not alone:
        print(f"passed over, another process is at it: {folder}", flush=True)
        return True
    path = folder / CONFIG_FILE
    if path.is_file():
        saved, wanted = yaml.safe_load(path.read_text(encoding="utf-8")), yaml.safe_load(text)
        changed = sorted(set(leaves(saved)) ^ set(leaves(wanted)))
        if changed:
            keys = ", ".join(dict.fromkeys(key for key, _ in changed))
            raise ValueError(f"{folder} was begun with another {keys}; name another sweep=")
    elif has_something(folder):
        raise ValueError(f"{folder} is not empty, and not a run; name another sweep=")
    if (folder / RESULTS_FILE).is_file():
        print(f"passed over, it is over: {folder}", flush=True)
        return True
    return False


def has_something(folder: Path) -> bool:
    """Whether a folder holds anything but a lock."""
    return folder.is_dir() and any(path.name != LOCK_FILE for path in folder.iterdir())
