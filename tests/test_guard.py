"""The guard over the core's speed: what it calls slower, and where it finds the last release."""

import ast
from pathlib import Path

import numpy as np
import pytest

from benchmarks import guard

CASES = ["standard", "region"]


def times(now):
    """Return seconds of the release, of the present core, and of a round of the reference."""
    return np.array([[2e-6, 30e-6, 1e-6], [*now, 1e-6]])


def test_what_is_as_fast_or_faster_passes():
    assert guard.too_slow(CASES, times([2e-6, 30e-6]), 0.05) == ""
    assert guard.too_slow(CASES, times([2.09e-6, 15e-6]), 0.05) == ""


def test_what_is_slower_is_named_with_its_loss():
    words = guard.too_slow(CASES, times([2e-6, 40e-6]), 0.05)
    assert words == "slower than the last release by more than 5%: region: 25%"


def test_a_slower_machine_is_not_a_slower_core():
    later = times([2e-6, 30e-6])
    later[1] *= 3.0
    assert guard.too_slow(CASES, later, 0.05) == ""
    assert "1.00" in guard.report("v1", CASES, later)


def test_an_unknown_release_is_an_error_that_names_it():
    with pytest.raises(SystemExit, match=r"--release: 'no-such-tag' is not right"):
        guard.sources("no-such-tag")


def test_a_worker_needs_only_what_the_first_release_has():
    """Its sources are imported in place of these, by the guard as it is now."""
    tree = ast.parse(Path(guard.__file__).read_text(encoding="utf-8"))
    names = {node.module for node in tree.body if isinstance(node, ast.ImportFrom)}
    assert not [name for name in names if name and name.startswith(("agents", "envs"))]
