"""A small share of `python -m tests.fuzz`, which goes on as long as asked."""

import math
import sys

import pytest

from tests.fuzz import CHECKS, check_actions, check_scenarios, check_settings, grown_by, in_parts


def test_random_scenarios_keep_every_invariant():
    assert check_scenarios(count=3, seed=20) >= 3


def test_any_action_is_a_hold_or_a_clear_error():
    assert check_actions(count=5_000, seed=20) >= 5_000


def test_whatever_is_wrong_with_a_scenario_is_a_scenario_error():
    assert check_settings(count=400, seed=20) == 400


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_stepping_and_resetting_take_no_memory():
    grown, steps, begun = grown_by(steps=80_000, seed=0)
    assert steps >= 79_000
    assert begun > 256
    assert grown < 5.0


def test_a_check_goes_on_from_what_has_been_done(tmp_path, monkeypatch):
    seeds = []
    monkeypatch.setitem(CHECKS, "settings", (lambda count, seed: seeds.append(seed) or count, 40))
    results = tmp_path / "fuzz.json"
    assert in_parts("settings", 100, 7, results, until=math.inf) == 100
    assert in_parts("settings", 100, 7, results, until=math.inf) == 100
    assert in_parts("settings", 150, 7, results, until=math.inf) == 150
    assert seeds == [7, 47, 87, 107, 147]
