"""Instances, their files and their families."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given

from agents.wta.families import FAMILIES, draw_instance
from agents.wta.files import (
    InstanceFileError,
    format_instance,
    parse_instance,
    read_instance,
    write_instance,
)
from agents.wta.instance import Instance

from .wta_problems import instance, small_instances

FILE = """\
2 3 1
10
20
5.5
0 0 0.5
0 2 0.25
1 1 1
"""


def same(one: Instance, other: Instance) -> bool:
    return all(
        getattr(one, name).tolist() == getattr(other, name).tolist()
        for name in ("value", "rounds", "feasible")
    ) and bool((one.pk * one.feasible == other.pk * other.feasible).all())


def test_loss_by_hand() -> None:
    # Target 0 takes two rounds of weapon 0 and one of weapon 1: 10 * 0.5^2 * 0.8 = 2; target 1: 4.
    problem = instance([10, 4], [[0.5, 0.5], [0.2, 0.5]], [2, 1])
    assert problem.loss(np.array([[2, 0], [1, 0]])) == pytest.approx(6.0)


def test_a_file_is_read() -> None:
    problem = parse_instance(FILE)
    assert problem.value.tolist() == [10, 20, 5.5]
    assert problem.rounds.tolist() == [1, 1]
    assert problem.pk.tolist() == [[0.5, 0, 0.25], [0, 1, 0]]
    assert problem.feasible.tolist() == [[True, False, True], [False, True, False]]


@given(small_instances())
def test_what_is_written_reads_back(problem: Instance) -> None:
    assert same(parse_instance(format_instance(problem)), problem)


def test_a_file_survives_the_disk(tmp_path: Path) -> None:
    problem = draw_instance("sparse", 7, 5, 3)
    write_instance(problem, tmp_path / "instance.txt")
    assert same(read_instance(tmp_path / "instance.txt"), problem)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (FILE, "", "the file is empty; its first line is: weapons targets rounds"),
        ("2 3 1", "2 3", "line 1: 2 numbers, must be: weapons targets rounds"),
        ("2 3 1", "2 x 1", "line 1: 'x', the number of targets must be a whole number"),
        ("2 3 1", "0 3 1", "line 1: 0, the number of weapons must be at least 1"),
        ("2 3 1", "2 3 -1", "line 1: -1, the number of rounds must be at least 0"),
        (
            "2 3 1",
            "2 3 1 1 1",
            "line 1: 3 numbers of rounds, must be one, or one for each of the 2",
        ),
        ("2 3 1", "2 3 9999999999", "line 1: 9999999999, the number of rounds must be at most"),
        ("20\n", "-20\n", "line 3: value -20, must be finite and >= 0"),
        ("20\n", "nan\n", "line 3: value nan, must be finite and >= 0"),
        ("20\n", "20 1\n", "line 3: '20 1', must be one value; 3 lines of one value each"),
        ("20\n", "much\n", "line 3: 'much', a value must be a number"),
        ("20\n5.5\n", "", "line 3: '0 0 0.5', must be one value"),
        ("0 2 0.25", "0 3 0.25", "line 6: target 3, must be 0 to 2"),
        ("0 2 0.25", "2 2 0.25", "line 6: weapon 2, must be 0 to 1"),
        ("0 2 0.25", "0 2 1.25", r"line 6: probability 1.25, must lie in \[0, 1\]"),
        ("0 2 0.25", "0 2 nan", r"line 6: probability nan, must lie in \[0, 1\]"),
        ("0 2 0.25", "0 2", "line 6: '0 2', must be: weapon target probability"),
        ("0 2 0.25", "0 0 0.25", "line 6: weapon 0 and target 0 stand here a second time"),
    ],
)
def test_malformed_files(old: str, new: str, message: str) -> None:
    with pytest.raises(InstanceFileError, match=message):
        parse_instance(FILE.replace(old, new))


def test_comments_blank_lines_other_line_ends_and_numbers_change_nothing(tmp_path: Path) -> None:
    path = tmp_path / "instance.txt"
    text = "# drawn by hand\n" + FILE.replace("20\n", "2e1 # twice the first\n\n \t\n")
    text = text.replace("0 0 0.5\n", " 0\t0  5E-1 \n#0 1 0.75\n")
    path.write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    assert same(read_instance(path), parse_instance(FILE))


def test_lines_are_counted_as_they_stand_in_the_file() -> None:
    with pytest.raises(InstanceFileError, match="line 5: value -20, must be finite and >= 0"):
        parse_instance("# a comment\n\n" + FILE.replace("20\n", "-20\n"))


def test_a_file_that_ends_early_says_where() -> None:
    with pytest.raises(InstanceFileError, match="line 2: the file ends after 1 of 3 values"):
        parse_instance("2 3 1\n10\n")


def test_errors_name_the_file(tmp_path: Path) -> None:
    path = tmp_path / "wrong.txt"
    path.write_text("1 1\n")
    with pytest.raises(InstanceFileError, match=r"wrong.txt: line 1: 2 numbers"):
        read_instance(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(InstanceFileError, match=r"wrong.txt: not a text file"):
        read_instance(path)


@pytest.mark.parametrize(
    ("value", "pk", "rounds", "message"),
    [
        ([1, -1], [[0.5, 0.5]], [1], r"value\[1\] is -1.0, must be finite and >= 0"),
        ([1, np.nan], [[0.5, 0.5]], [1], r"value\[1\] is nan"),
        ([1, 1], [[0.5, 1.5]], [1], r"pk\[0, 1\] is 1.5, must be in \[0, 1\]"),
        ([1, 1], [[0.5, 0.5]], [-1], r"rounds\[0\] is -1, must be >= 0"),
        ([1, 1], [[0.5, 0.5]], [1.5], "rounds must be whole numbers"),
        ([1], [[0.5, 0.5]], [1], r"pk has shape \(1, 2\), \(1, 1\) fits"),
        ([], [[]], [1], "at least one weapon and one target"),
    ],
)
def test_nonsense_is_rejected(value: list, pk: list, rounds: list, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        instance(value, pk, rounds)


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ([[2, 0]], "weapon 0 fires 2 rounds and has 1"),
        ([[0, 1]], "weapon 0 may not fire at target 1"),
        ([[0.5, 0]], "whole numbers"),
        ([[-1, 0]], "whole numbers"),
        ([[1]], r"shape \(1, 1\), must be \(1, 2\)"),
    ],
)
def test_an_allocation_that_is_none_has_no_loss(counts: list, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        instance([1, 1], [[0.5, 0.5]], [1], [[1, 0]]).loss(np.array(counts))


@pytest.mark.parametrize("family", FAMILIES)
def test_families_are_what_they_say(family: str) -> None:
    problem = draw_instance(family, 60, 50, rounds=2, seed=1)
    assert problem.rounds.tolist() == [2] * 60
    assert same(problem, draw_instance(family, 60, 50, rounds=2, seed=1))
    assert not same(problem, draw_instance(family, 60, 50, rounds=2, seed=2))
    least, most = {"narrow": (25, 100), "extreme": (0, 100), "tied": (10, 40)}.get(family, (1, 100))
    assert least <= problem.value.min()
    assert problem.value.max() <= most
    assert (problem.value == np.floor(problem.value)).all()
    share = {"sparse": 0.3}.get(family, 1.0)
    assert problem.feasible.mean() == pytest.approx(share, abs=0.05)
    mean = {"narrow": 0.75, "tied": 1.6 / 3, "extreme": 0.8 * 0.5 - 0.02 * 0.5 + 0.02}.get(
        family, 0.5
    )
    assert problem.pk.mean() == pytest.approx(mean, abs=0.03)


def test_unknown_family_names_the_nearest() -> None:
    with pytest.raises(ValueError, match="did you mean 'uniform'"):
        draw_instance("unifrom", 2, 2)
