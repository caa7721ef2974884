"""What calls of a vector environment returned, told row by row and compared to the bit."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.bool_]
History = list[tuple[Any, ...]]

PARTS = ("observation", "reward", "terminated", "truncated", "infos")


class VectorEnvError(AssertionError):
    """Says what a vector environment does wrong, and what to do about it."""


class Call(NamedTuple):
    """One call of `reset` or `step`."""

    name: str
    returned: tuple[Any, ...]  # the very objects: observation, reward, terminated, truncated, infos
    kept: tuple[Any, ...]  # copies of them, made at once
    ended: Rows  # rows whose episode ended
    begun: Rows  # rows of which the observation is the first of an episode
    rows: list[Any]  # copy of the observation, row by row


def histories(calls: list[Call], until_end: bool = False) -> list[History]:
    """Return what each row has seen, told the same way in every mode.

    Args:
        calls: of one play.
        until_end: whether to stop at the first end of an episode in any row.

    Returns:
        Per row a list of first observations, alone, and of (observation, reward, terminated,
        truncated) of every step; that of the last step is the last observation of its episode.
    """
    if until_end:
        ends = [n for n, call in enumerate(calls) if call.ended.any()]
        calls = calls[: 1 + min(ends, default=len(calls))]
    told: list[History] = [[] for _ in calls[0].ended]
    for call in calls:
        stepped, final = call.kept[1] is not None, call.kept[4].get("final_obs")
        for row, history in enumerate(told):
            at_once = bool(call.ended[row] and call.begun[row])
            if stepped and (at_once or not call.begun[row]):
                last = final[row] if at_once else call.rows[row]
                history.append((last, *(part[row] for part in call.kept[1:4])))
            if call.begun[row]:
                history.append((call.rows[row],))
    return told


def first_difference(calls: list[Call], others: list[Call]) -> str | None:
    """Return what differs first between two plays, in words; None if nothing does."""
    for call, other in zip(calls, others, strict=False):
        where = difference(call.kept, other.kept)
        if where is not None:
            return f"{where} of {call.name}"
    return None if len(calls) == len(others) else "the number of steps"


def difference(left: Any, right: Any) -> str | None:
    """Return where two nests of arrays differ, to the bit; None if nowhere."""
    one, other = dict(leaves(left)), dict(leaves(right))
    for path in [*one, *other]:
        if path not in one or path not in other or not _equal(one[path], other[path]):
            return path or "the value"
    return None


def leaves(value: Any, path: str = "") -> list[tuple[str, Any]]:
    """Return the arrays and other values in a nest of dicts, sequences and object arrays."""
    if isinstance(value, dict):
        parts = [(f"{path}[{key!r}]", inner) for key, inner in value.items()]
    elif isinstance(value, tuple) and len(value) == len(PARTS) and not path:
        parts = list(zip(PARTS, value, strict=True))
    elif isinstance(value, tuple | list):
        parts = [(f"{path}[{n}]", inner) for n, inner in enumerate(value)]
    elif isinstance(value, np.ndarray) and value.dtype == object:
        parts = [(f"{path}[{n}]", inner) for n, inner in enumerate(value.flat)]
    else:
        return [(path, value)]
    return [leaf for name, inner in parts for leaf in leaves(inner, name)]


def expect(promise: bool, otherwise: str) -> None:
    """Raise a VectorEnvError that says what is wrong unless a promise is kept."""
    if not promise:
        raise VectorEnvError(otherwise)


def _equal(left: Any, right: Any) -> bool:
    """Whether two leaves are equal: arrays to the bit, numbers whatever their type."""
    if isinstance(left, np.ndarray) and isinstance(right, np.ndarray):
        same_kind = left.dtype == right.dtype and left.shape == right.shape
        return same_kind and left.tobytes() == right.tobytes()
    return (type(left) is type(right) and left != left and right != right) or bool(left == right)


def words(value: Any) -> str:
    """Return what a value is, for an error."""
    if isinstance(value, np.ndarray):
        return f"{value.dtype}{value.shape}"
    return type(value).__name__
