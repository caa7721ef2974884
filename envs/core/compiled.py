"""One way to compile a kernel: no fast-math, IEEE division, and an on-disk cache that stays true.

Numba's cache notices an edit to the file of a function, but not to a function it calls from
another file. The cache folder is therefore named by a hash of every source of the package.
"""

import hashlib
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import numba

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(
    *, parallel: bool = False, allocates: bool = False, inlined: bool = False
) -> Callable[[Function], Function]:
    """Return a decorator that compiles a kernel and caches it on disk.

    Args:
        parallel: whether `numba.prange` loops of the kernel run on several threads.
        allocates: whether the kernel, or one that is inlined into it, makes arrays.
        inlined: whether its code becomes part of the kernels that call it. Every field of every
            array is an argument of its own, so calling with the whole state costs a tenth of a
            step.

    Returns:
        The decorator. Where the cache folder cannot be written, kernels are compiled afresh.
    """
    # `_nrt=False` leaves reference counting out: these kernels make no arrays, and counting those
    # that are passed to them costs more than most of them do.
    options: dict[str, Any] = {
        "parallel": parallel,
        "error_model": "numpy",
        "fastmath": False,
        "_nrt": parallel or allocates,
        "inline": "always" if inlined else "never",
    }
    config: Any = numba.config

    def decorate(function: Function) -> Function:
        folder = cache_folder(_package_root(Path(function.__code__.co_filename)))
        before, config.CACHE_DIR = config.CACHE_DIR, str(folder)
        try:
            kernel: Function = numba.njit(cache=_writable(folder), **options)(function)
        finally:
            config.CACHE_DIR = before
        return kernel

    return decorate


@cache
def cache_folder(package: Path) -> Path:
    """Return the cache folder of a package, named by a hash of its sources and of this core's.

    Args:
        package: top folder of the package whose kernels are cached.

    Returns:
        A folder below `NUMBA_CACHE_DIR`, or else below the user's cache folder.
    """
    digest = hashlib.sha256()
    for root in sorted({package, _package_root(Path(__file__))}):
        for source in sorted(root.rglob("*.py")):
            digest.update(source.relative_to(root).as_posix().encode())
            digest.update(source.read_bytes())
    user_cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    top = os.environ.get("NUMBA_CACHE_DIR") or os.path.join(user_cache, "balticshield")
    return Path(top) / f"{package.name}-{digest.hexdigest()[:16]}"


def _package_root(source: Path) -> Path:
    folder = source.resolve().parent
    while (folder.parent / "__init__.py").exists():
        folder = folder.parent
    return folder


@cache
def _writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK)
