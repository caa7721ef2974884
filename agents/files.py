"""Writes files and folders so that a reader finds the old or the new one whole, never half of it.

What is new is written beside its place, flushed to disk and moved in by renaming, whatever kills
the writer. If the disk is full, what stood there stands.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

LOCK_FILE = ".lock"


class SaveError(OSError):
    """Something could not be written; what stood in its place is as it was."""


class LoadError(ValueError):
    """What was saved is damaged, or not what is asked for."""


def write_text(path: Path, text: str) -> None:
    """Write a text file, UTF-8, in the place of what is there; its folder is made if need be.

    Raises:
        SaveError: If it cannot be written.
    """
    fresh = _beside(path, "new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh.write_text(text, encoding="utf-8")
        _flush(fresh)
        os.replace(fresh, path)
        _flush(path.parent)
    except OSError as error:
        fresh.unlink(missing_ok=True)
        raise _refused(path, error) from error


def replace_folder(folder: Path, write: Callable[[Path], None]) -> None:
    """Put a new folder in the place of an old one; :func:`complete_folder` finds one at any moment.

    Args:
        folder: Replaced as a whole; its parents are made if need be.
        write: Fills the empty folder that it is given.

    Raises:
        SaveError: If it cannot be written; safetensors' errors count, too.
    """
    # Imported here: environments and classical policies do without it.
    from safetensors import SafetensorError

    fresh, previous = _beside(folder, "new"), _beside(folder, "previous")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir()
        write(fresh)
        for path in (*fresh.iterdir(), fresh):
            _flush(path)
        if folder.exists():
            shutil.rmtree(previous, ignore_errors=True)
            os.rename(folder, previous)
        # Killed here, the reader finds the previous one, which is whole.
        os.rename(fresh, folder)
        _flush(folder.parent)
    except (OSError, SafetensorError) as error:
        shutil.rmtree(fresh, ignore_errors=True)
        raise _refused(folder, error) from error
    shutil.rmtree(previous, ignore_errors=True)


def complete_folder(folder: Path) -> Path | None:
    """The folder, the previous one if a writer was killed between two renames, or None."""
    candidates = (folder, _beside(folder, "previous"))
    return next((candidate for candidate in candidates if candidate.is_dir()), None)


@contextmanager
def locked(folder: Path, wait: bool = False) -> Iterator[bool]:
    """Lock a folder, made if need be, against other processes that ask; freed by any end of ours.

    Args:
        folder: To lock.
        wait: Whether to wait until nobody else has it.

    Yields:
        Whether nobody else has it. On file systems without locks: True.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK_FILE).open("a") as file:
        alone = True
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except OSError as error:
            alone = error.errno not in (errno.EAGAIN, errno.EACCES)
        yield alone


def _refused(path: Path, error: Exception) -> SaveError:
    return SaveError(f"{path} could not be written, what stood there is as it was: {error}")


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(f".{path.name}.{suffix}")


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
