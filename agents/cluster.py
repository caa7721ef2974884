"""Runs pure functions here or on the machines of a Ray cluster; the results are the same.

Work is cut into jobs without regard to who does them, every job follows from its arguments alone,
and results come back in the order of the jobs. So neither the number of workers nor which of them
was killed and replaced changes a result. Private by default: no dashboard, no usage statistics, and
whoever calls Ray's ports must know the token.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import numba
import numpy as np

import envs
from envs.core.compiled import cache_folder

PRIVATE = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "token"}
"""What Ray's environment is set to where it does not say otherwise."""
LOOPBACK = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
"""Likewise for ``local``: by this, on any system, Ray is bound to 127.0.0.1."""


class Map(Protocol):
    """Calls a function on many jobs, and hands the results out in their order."""

    def __call__(self, function: Callable[..., Any], jobs: Sequence[tuple[Any, ...]]) -> Iterator:
        """Yields ``function(*job)`` for every job."""
        ...


def here(function: Callable[..., Any], jobs: Sequence[tuple[Any, ...]]) -> Iterator[Any]:
    """A ``Map`` that does one job after the other in this process."""
    return (function(*job) for job in jobs)


@contextmanager
def workers(address: str | None) -> Iterator[Map | None]:
    """Connect to a cluster for as long as this is entered.

    Args:
        address: ``local`` starts workers on this machine, one a core, that end with it; ``auto``,
            or ``HOST:PORT`` of a head, connects to a cluster that runs; ``here`` cuts the work into
            the same jobs and does them in this process; None: the work is not cut.

    Yields:
        What to map jobs with, or None.

    Raises:
        ValueError: If Ray is not installed, or nothing answers at the address.
    """
    if address is None or address == "here":
        yield None if address is None else here
        return
    for name, value in (PRIVATE | (LOOPBACK if address == "local" else {})).items():
        os.environ.setdefault(name, value)
    try:
        import ray
    except ImportError as error:
        raise ValueError(
            f"cluster={address} needs Ray: pip install '.[cluster]' (docs/scale.md)"
        ) from error
    _connect(ray, address)
    try:
        yield _mapped(ray)
    finally:
        ray.shutdown()


def pieces(seeds: Sequence[int] | np.ndarray, size: int) -> list[tuple[np.ndarray]]:
    """Jobs of ``size`` raids each; the last may be smaller."""
    queue = np.asarray(seeds, dtype=np.int64)
    return [(queue[start : start + size],) for start in range(0, len(queue), size)]


def fingerprint() -> str:
    """What has to be the same on two machines for their results to be the same to the bit."""
    kernels = cache_folder(Path(envs.__file__).parent).name
    agents = cache_folder(Path(__file__).parent).name
    versions = f"numba {numba.__version__}, numpy {np.__version__}, {platform.machine()}"
    return f"{kernels}, {agents}, {versions}"


def _connect(ray: Any, address: str) -> None:
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    try:
        if address == "local":
            ray.init("local", include_dashboard=False, **quiet)
        else:
            ray.init(address, **quiet)
    except ConnectionError as error:
        raise ValueError(f"cluster={address}: no cluster answers there: {error}") from error


def _mapped(ray: Any) -> Map:
    # A worker or a machine may end as often as it likes: jobs are done again. An error of the job
    # itself is not: it would come again.
    work = ray.remote(max_retries=-1, num_cpus=1)(_work)

    def mapped(function: Callable[..., Any], jobs: Sequence[tuple[Any, ...]]) -> Iterator[Any]:
        shared, own = ray.put(function), fingerprint()
        return _results(ray, [work.remote(shared, job, own) for job in jobs])

    return mapped


def _results(ray: Any, waiting: Sequence[Any]) -> Iterator[Any]:
    for result in waiting:
        try:
            yield ray.get(result)
        except ray.exceptions.RayTaskError as error:
            raise error.as_instanceof_cause() from None


def _work(function: Callable[..., Any], job: tuple[Any, ...], wanted: str) -> Any:
    """Do one job on a worker: one core, and the caller's version of everything."""
    if fingerprint() != wanted:
        raise RuntimeError(
            f"{platform.node()} has another version: {fingerprint()}; the caller has {wanted}"
        )
    numba.set_num_threads(1)
    return function(*job)
