"""The only evaluation loop: ``play`` a policy on given raids, one row of results per raid.

``record_raid`` plays one and keeps what there was to see.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from functools import partial
from typing import Any, Protocol

import numba
import numpy as np
from numpy.typing import NDArray

from agents.cluster import Map, pieces
from agents.policy import Actions, Planner, Policy
from envs.batch import RaidBatch
from envs.rendering.record import Record, Recorder
from envs.scenario import Scenario

Rows = dict[str, NDArray[Any]]

IDLE = -1
"""Place of a member of the batch that has no raid left."""

_PIECE, _PLANNER_PIECE = 256, 1
"""Raids of one job on a cluster, whatever its size."""

Watch = Callable[[RaidBatch, NDArray[np.int64]], None]
Decided = Callable[[RaidBatch, NDArray[np.int64], Actions], None]


class Book(Protocol):
    """Something that looks on while raids are played and makes entries, such as of losses."""

    entries: list[Any]

    def watch(self, batch: RaidBatch, places: NDArray[np.int64]) -> None:
        """Looks at a batch, as ``watch`` and ``ended`` of ``play`` do."""
        ...


def play(
    policy: Policy,
    scenario: Scenario,
    seeds: Sequence[int] | NDArray[np.int64],
    split: str = "validation",
    batch_size: int = 256,
    progress: Callable[[int], None] | None = None,
    timings: list[float] | None = None,
    watch: Watch | None = None,
    ended: Watch | None = None,
    decided: Decided | None = None,
) -> Rows:
    """Play the raid of every seed once.

    A member of the batch whose raid is over takes the next seed, so no raid is counted twice or
    left out for being long, and a raid's row depends on its seed and the policy alone: not on
    ``batch_size``, nor on the other raids.

    Args:
        policy: Decides for the whole batch at once.
        scenario: What is played.
        seeds: One raid each.
        split: Which set of raids the seeds belong to: train, validation or test.
        batch_size: Raids played side by side.
        progress: Told the number of finished raids after every step.
        timings: Receives the seconds of every ``predict`` call, which then gets one thread of the
            compiled kernels: one row leaves nothing to divide, and threads wait for each other.
        watch: Shown the batch before every decision, to read and not to touch, and [B] the place
            in ``seeds`` of what each member plays, or ``IDLE``.
        ended: Shown the same when raids are over, before their members go on to others.
        decided: Shown the same before every step, with what the policy has decided, [B, S].

    Returns:
        One array per name, one entry per seed, in the order of ``seeds``: ``seed``, every metric
        of the environment (``epochs`` is the length), ``return`` and ``truncated``.

    Raises:
        ValueError: If ``seeds`` is empty.
    """
    queue = _checked(seeds)
    size = min(batch_size, queue.size)
    batch = RaidBatch(scenario, size)
    batch.reset(seeds=queue[:size], split=split)
    if isinstance(policy, Planner):
        policy.watch(batch)
    raid = np.arange(size)  # [B] place in the queue of what each member plays, or IDLE
    handed_out = size
    returns = np.zeros(size)
    started = np.ones(size, dtype=np.bool_)
    rows: Rows = {"seed": queue.copy()}
    state = None
    predict = policy.predict if timings is None else _timed(policy.predict, timings)
    while (raid != IDLE).any():
        if watch is not None:
            watch(batch, raid)
        actions, state = predict(batch.observation, state, started, deterministic=True)
        if decided is not None:
            decided(batch, raid, actions)
        batch.step(actions)
        returns += batch.reward
        started[:] = False
        over = np.flatnonzero((raid != IDLE) & (batch.terminated | batch.truncated))
        if over.size == 0:
            continue
        if ended is not None:
            ended(batch, raid)
        totals = {"return": returns, "truncated": batch.truncated}
        _write(rows, batch.metrics() | totals, over, raid[over])
        fresh = over[: queue.size - handed_out]
        raid[over] = IDLE
        raid[fresh] = handed_out + np.arange(fresh.size)
        handed_out += fresh.size
        returns[over] = 0.0
        if fresh.size:
            started[fresh] = True
            batch.reset(started, queue[raid], split)
        if progress is not None:
            progress(handed_out - int((raid != IDLE).sum()))
    return rows


def _timed(predict: Callable[..., Any], timings: list[float]) -> Callable[..., Any]:
    def run(*arguments: Any, **named: Any) -> Any:
        with kernel_threads(1):
            clock = time.perf_counter()
            decided = predict(*arguments, **named)
            timings.append(time.perf_counter() - clock)
        return decided

    return run


@contextmanager
def kernel_threads(wanted: int) -> Iterator[None]:
    """Give compiled kernels so many threads, or as many as they have if those are fewer."""
    before = numba.get_num_threads()
    numba.set_num_threads(min(wanted, before))
    try:
        yield
    finally:
        numba.set_num_threads(before)


def record_raid(policy: Policy, scenario: Scenario, seed: int, split: str = "validation") -> Record:
    """Play one raid, or campaign, and keep what there was to see in every epoch.

    Recording reads and changes nothing: the raid is the same to the bit.

    Args:
        policy: Decides.
        scenario: What is played.
        seed: Of the raid.
        split: Which set of raids: train, validation or test.
    """
    recorders: list[Recorder] = []

    def note(batch: RaidBatch, places: NDArray[np.int64]) -> None:
        if not recorders:
            recorders.append(Recorder(batch))
        recorders[0].note()

    play(policy, scenario, [seed], split, batch_size=1, watch=note, ended=note)
    return recorders[0].record


def play_everywhere(
    mapped: Map,
    policy: Policy,
    scenario: Scenario,
    seeds: Sequence[int] | NDArray[np.int64],
    split: str = "validation",
    batch_size: int = 256,
    progress: Callable[[int], None] | None = None,
    book: Book | None = None,
) -> Rows:
    """Play the raid of every seed once, in pieces that many workers may do; see :func:`play`.

    Args:
        mapped: Does the pieces.
        policy: Copied to the workers.
        scenario: As of :func:`play`.
        seeds: As of :func:`play`.
        split: As of :func:`play`.
        batch_size: As of :func:`play`.
        progress: Told the number of finished raids after every piece, in their order.
        book: Blank; a copy looks on at every piece, and it gets their entries.

    Returns:
        The rows that :func:`play` returns, to the bit.
    """
    queue = _checked(seeds)
    jobs = pieces(queue, _PLANNER_PIECE if isinstance(policy, Planner) else _PIECE)
    done: list[Rows] = []
    work = partial(_piece, policy, scenario, split, batch_size, book)
    for rows, entries in mapped(work, jobs):
        done.append(rows)
        if book is not None:
            book.entries += entries
        if progress is not None:
            progress(sum(len(own["seed"]) for own in done))
    return {name: np.concatenate([rows[name] for rows in done]) for name in done[0]}


def _checked(seeds: Sequence[int] | NDArray[np.int64]) -> NDArray[np.int64]:
    queue = np.asarray(seeds, dtype=np.int64)
    if queue.ndim != 1 or queue.size == 0:
        raise ValueError(f"seeds must be a list of at least one seed, got {seeds!r}")
    return queue


def _piece(
    policy: Policy,
    scenario: Scenario,
    split: str,
    batch_size: int,
    book: Book | None,
    seeds: NDArray[np.int64],
) -> tuple[Rows, list[Any]]:
    if book is None:
        return play(policy, scenario, seeds, split, batch_size), []
    own = deepcopy(book)
    rows = play(policy, scenario, seeds, split, batch_size, watch=own.watch, ended=own.watch)
    return rows, own.entries


def _write(rows: Rows, results: Rows, members: NDArray[np.intp], places: NDArray[np.int64]) -> None:
    """Copy the results of some members of the batch to their raids' places in the rows."""
    for name, column in results.items():
        rows.setdefault(name, np.zeros(rows["seed"].size, dtype=column.dtype))
        rows[name][places] = column[members]
