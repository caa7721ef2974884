"""Instance files in the plain-text format of the literature (Andersen, Pavlikov, Toffolo 2022).

::

    <weapons> <targets> <rounds of every weapon>
    <value of target 0>
    ...
    <weapon> <target> <kill probability>
    ...

Weapons and targets are numbered from 0. A pair that is not listed is not feasible. Empty lines, and
what follows a #, are skipped. Where weapons differ in rounds, the first line holds one number of
rounds for each.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from agents.wta.instance import Instance

MOST = 1_000_000_000
"""Largest whole number of a file."""

Lines = list[tuple[int, list[str]]]


class InstanceFileError(ValueError):
    """A file that holds no instance; the message names the line and what would be right."""


def read_instance(path: str | Path) -> Instance:
    """Reads an instance file.

    Raises:
        InstanceFileError: If the file is malformed; the message names file, line and value.
        FileNotFoundError: If there is no such file.
    """
    try:
        return parse_instance(Path(path).read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError as error:
        raise InstanceFileError(f"{path}: not a text file ({error.reason})") from None
    except InstanceFileError as error:
        raise InstanceFileError(f"{path}: {error}") from None


def parse_instance(text: str) -> Instance:
    """Reads an instance from text in the format of this module.

    Raises:
        InstanceFileError: If the text is malformed.
    """
    numbered = ((n, line.partition("#")[0].split()) for n, line in enumerate(text.splitlines(), 1))
    lines = [(n, words) for n, words in numbered if words]
    if not lines:
        raise InstanceFileError("the file is empty; its first line is: weapons targets rounds")
    weapons, targets, rounds = _header(lines[0])
    values = lines[1 : 1 + targets]
    if len(values) < targets:
        raise InstanceFileError(
            f"line {lines[-1][0]}: the file ends after {len(values)} of {targets} values"
        )
    value = np.array([_value(n, words, targets) for n, words in values])
    pk, feasible = _pairs(lines[1 + targets :], weapons, targets)
    return Instance(value, pk, rounds, feasible)


def format_instance(instance: Instance) -> str:
    """Writes an instance as text that reads back to the same numbers, to the last bit."""
    rounds = instance.rounds.tolist()
    shown = rounds[:1] if len(set(rounds)) == 1 else rounds
    header = [instance.num_weapons, instance.num_targets, *shown]
    lines = [" ".join(map(str, header)), *map(_shortest, instance.value.tolist())]
    for w, t in np.argwhere(instance.feasible).tolist():
        lines.append(f"{w} {t} {_shortest(float(instance.pk[w, t]))}")
    return "\n".join(lines) + "\n"


def write_instance(instance: Instance, path: str | Path) -> None:
    """Writes an instance file; see ``format_instance``."""
    Path(path).write_text(format_instance(instance), encoding="utf-8")


def _header(line: tuple[int, list[str]]) -> tuple[int, int, NDArray[np.int64]]:
    n, words = line
    if len(words) < 3:
        raise InstanceFileError(f"line {n}: {len(words)} numbers, must be: weapons targets rounds")
    weapons = _integer(n, words[0], "the number of weapons", 1)
    targets = _integer(n, words[1], "the number of targets", 1)
    rounds = [_integer(n, word, "the number of rounds", 0) for word in words[2:]]
    if len(rounds) not in (1, weapons):
        raise InstanceFileError(
            f"line {n}: {len(rounds)} numbers of rounds, must be one, or one for each of the "
            f"{weapons} weapons"
        )
    return weapons, targets, np.array(rounds * (weapons // len(rounds)), np.int64)


def _value(n: int, words: list[str], targets: int) -> float:
    if len(words) != 1:
        raise InstanceFileError(
            f"line {n}: {' '.join(words)!r}, must be one value; {targets} lines of one value each "
            "follow the first line"
        )
    value = _number(n, words[0], "a value")
    if not 0.0 <= value < float("inf"):
        raise InstanceFileError(f"line {n}: value {words[0]}, must be finite and >= 0")
    return value


def _pairs(
    lines: Lines, weapons: int, targets: int
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    pk = np.zeros((weapons, targets))
    feasible = np.zeros((weapons, targets), np.bool_)
    for n, words in lines:
        if len(words) != 3:
            raise InstanceFileError(
                f"line {n}: {' '.join(words)!r}, must be: weapon target probability"
            )
        w = _index(n, words[0], "weapon", weapons)
        t = _index(n, words[1], "target", targets)
        p = _number(n, words[2], "a probability")
        if not 0.0 <= p <= 1.0:
            raise InstanceFileError(f"line {n}: probability {words[2]}, must lie in [0, 1]")
        if feasible[w, t]:
            raise InstanceFileError(f"line {n}: weapon {w} and target {t} stand here a second time")
        pk[w, t] = p
        feasible[w, t] = True
    return pk, feasible


def _index(n: int, word: str, name: str, end: int) -> int:
    index = _integer(n, word, f"a {name}", 0)
    if index >= end:
        raise InstanceFileError(f"line {n}: {name} {index}, must be 0 to {end - 1}")
    return index


def _integer(n: int, word: str, name: str, least: int) -> int:
    try:
        number = int(word)
    except ValueError:
        raise InstanceFileError(f"line {n}: {word!r}, {name} must be a whole number") from None
    if number > MOST:
        raise InstanceFileError(f"line {n}: {number}, {name} must be at most {MOST}")
    if number < least:
        raise InstanceFileError(f"line {n}: {number}, {name} must be at least {least}")
    return number


def _number(n: int, word: str, name: str) -> float:
    try:
        return float(word)
    except ValueError:
        raise InstanceFileError(f"line {n}: {word!r}, {name} must be a number") from None


def _shortest(number: float) -> str:
    return str(int(number)) if number == int(number) else repr(number)
