"""Plain mappings to dataclasses, with errors that name the key, the value and what is right."""

import difflib
import math
import typing
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import MISSING, Field, field, fields
from functools import cache
from typing import Any, TypeVar, cast

Record = TypeVar("Record")


class ScenarioError(ValueError):
    """A scenario, or something it names, is not as it should be."""


def bounded(low: float = 0.0, high: float = math.inf, default: Any = MISSING) -> Any:
    """Declare a dataclass field that holds a finite number, or numbers, in [low, high]."""
    return field(default=default, metadata={"low": low, "high": high})


def probability(default: Any = MISSING) -> Any:
    """Declare a dataclass field that holds a probability or share, or several."""
    return bounded(0.0, 1.0, default)


def choice(default: str, *others: str) -> Any:
    """Declare a dataclass field that holds one of several words, `default` if not given."""
    return field(default=default, metadata={"known": (default, *others)})


def one_of(name: str, known: Iterable[str], key: str) -> str:
    """Return `name` if it is known.

    Raises:
        ScenarioError: if not, with the known ones, the nearest spelling first.
    """
    names = list(known)
    if name in names:
        return name
    near = difflib.get_close_matches(str(name), names, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}? " if near else ""
    listed = ", ".join(near + [other for other in names if other not in near])
    raise ScenarioError(f"{key}: unknown {name!r}; {hint}known: {listed}")


def build(record: type[Record], data: Any, key: str, **given: Any) -> Record:
    """Return the dataclass `record` made of the mapping `data`.

    Args:
        record: dataclass whose field types are bool, int, float, str, tuples of floats or
            strings, or anything else, which is passed through.
        data: mapping from field names to plain values, as YAML gives them.
        key: path of `data` in its file, for messages.
        given: fields that do not come from `data`.

    Raises:
        ScenarioError: on a key that is unknown or missing, a wrong type, or a value outside the
            field's range.
    """
    if not isinstance(data, Mapping):
        raise ScenarioError(f"{key}: expected a mapping of keys to values, got {data!r}")
    items = fields(cast(Any, record))
    for name in data:
        one_of(name, [item.name for item in items], f"{key}.{name}" if key else str(name))
    by_name = {item.name: item for item in items if item.name not in given}
    hints = _hints(cast(Hashable, record))
    values = dict(given)
    for name, item in by_name.items():
        path = f"{key}.{name}" if key else name
        if name in data:
            values[name] = _value(data[name], hints[name], item, path)
        elif item.default is MISSING and item.default_factory is MISSING:
            raise ScenarioError(f"{path}: missing; {_wanted(hints[name], item)} is needed")
    return record(**values)


@cache
def _hints(record: Any) -> dict[str, Any]:
    return typing.get_type_hints(record)


def whole_number(value: Any, low: int, high: int, key: str) -> int:
    """Return `value` if it is a whole number in [low, high].

    Raises:
        ScenarioError: if not, naming `key`.
    """
    return int(_number(value, int, bounded(low, high), key))


def _value(value: Any, hint: Any, item: "Field[Any]", key: str) -> Any:
    optional = typing.get_args(hint)
    if type(None) in optional:
        if value is None:
            return None
        hint = next(kind for kind in optional if kind is not type(None))
    if hint is bool:
        if isinstance(value, bool):
            return value
        raise ScenarioError(f"{key}: {value!r} is not true or false")
    if "known" in item.metadata:
        return one_of(value, item.metadata["known"], key)
    if hint is str:
        if isinstance(value, str) and value:
            return value
        raise ScenarioError(f"{key}: {value!r} is not a text")
    if hint is int or hint is float:
        return _number(value, hint, item, key)
    if typing.get_origin(hint) is tuple and typing.get_args(hint)[0] in (float, int):
        return _numbers(value, hint, item, key)
    return value


def _numbers(value: Any, hint: Any, item: "Field[Any]", key: str) -> tuple[float, ...]:
    kinds = typing.get_args(hint)
    if not isinstance(value, list | tuple) or len(value) != len(kinds):
        raise ScenarioError(f"{key}: {value!r} is not a list of {len(kinds)} numbers")
    return tuple(
        _number(entry, kind, item, f"{key}[{n}]")
        for n, (entry, kind) in enumerate(zip(value, kinds, strict=True))
    )


def _number(value: Any, hint: Any, item: "Field[Any]", key: str) -> Any:
    right = isinstance(value, int if hint is int else (int, float))
    low, high = item.metadata.get("low", -math.inf), item.metadata.get("high", math.inf)
    if isinstance(value, bool) or not right or not math.isfinite(value):
        raise ScenarioError(f"{key}: {value!r} is not right; {_wanted(hint, item)} is needed")
    if not low <= value <= high:
        raise ScenarioError(f"{key}: {value!r} is out of range; {_wanted(hint, item)} is needed")
    return hint(value)


def _wanted(hint: Any, item: "Field[Any]") -> str:
    noun = {int: "a whole number", float: "a finite number"}.get(hint, "a value")
    if "low" not in item.metadata:
        return noun
    low, high = item.metadata["low"], item.metadata["high"]
    return f"{noun} from {low:g} to {high:g}" if high < math.inf else f"{noun}, {low:g} or more"
