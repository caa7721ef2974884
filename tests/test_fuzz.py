"""A small share of `python -m tests.fuzz`, which goes on as long as asked."""

import sys

import pytest

from tests.fuzz import check_actions, check_scenarios, check_settings, grown_by


def test_random_scenarios_keep_every_invariant():
    assert check_scenarios(count=3, seed=20) >= 3


def test_any_action_is_a_hold_or_a_clear_error():
    assert check_actions(count=5_000, seed=20) >= 5_000


def test_whatever_is_wrong_with_a_scenario_is_a_scenario_error():
    assert check_settings(count=400, seed=20) == 400


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_stepping_and_resetting_take_no_memory():
    grown, _ = grown_by(steps=40_000, resets=40, seed=0)
    assert grown < 5.0
