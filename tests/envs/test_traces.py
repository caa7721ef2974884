"""Recorded traces are played again; tests/mutants.py plays them with changes of the core."""

import numpy as np
import pytest

from tests.envs import traces


@pytest.mark.parametrize(("scenario", "seed"), traces.RAIDS)
def test_traces(scenario, seed):
    recorded, played = traces.read(scenario, seed), list(traces.trace(scenario, seed))
    assert len(recorded) == len(played)
    for before, now in zip(recorded, played, strict=True):
        assert not traces.differing(before, now), (
            "the behaviour has changed. If that is meant: python -m tests.envs.traces"
        )


def test_what_is_recorded_is_what_is_played():
    assert sorted(traces.FOLDER.iterdir()) == sorted(traces.path(*raid) for raid in traces.RAIDS)


def test_a_difference_is_named():
    part = {"a": 1.0, "b": 0.0, "c": -3e6}
    assert traces.differing(part, part | {"a": 1.0 + 1e-7, "c": -3e6 - 1.0}) == []
    assert traces.differing(part, part | {"a": 1.001}) == ["a"]
    assert traces.differing(part, part | {"d": 0.1, "b": np.nan}) == ["b", "d"]
    assert traces.differing({"b": np.nan}, {"b": 0.0}) == ["b"]
