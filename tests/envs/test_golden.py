"""Recorded raids are played again to the letter; a change of the rules shows as a readable diff."""

import pytest

from envs.scenario import scenario_names
from tests.envs.golden import RAIDS, path, recorded, write
from tests.envs.record_golden import check_version


@pytest.mark.parametrize(("scenario", "policy", "seed"), RAIDS)
def test_golden_engagements(scenario, policy, seed):
    text = path(scenario, policy, seed).read_text(encoding="utf-8")
    assert write(scenario, policy, seed) == text, (
        f"the behaviour has changed. If that is meant: raise `version` in "
        f"conf/scenario/{scenario}.yaml, then python -m tests.envs.record_golden, and a line under "
        f"Breaking in CHANGELOG.md"
    )


def test_a_change_of_behaviour_is_recorded_under_a_new_version_alone():
    old = path(*RAIDS[0]).read_text(encoding="utf-8")
    check_version(None, old)
    check_version(old, old)
    check_version(old, old.replace("version 1", "version 2").replace("kill ", "miss "))
    with pytest.raises(SystemExit, match="not the version: duel, version 1"):
        check_version(old, old.replace("kill ", "miss "))


def test_there_are_fifty_of_every_scenario_and_policy():
    assert len(RAIDS) >= 50
    assert {scenario for scenario, _, _ in RAIDS} == set(scenario_names())


def test_what_is_recorded_is_what_is_played():
    assert recorded() == sorted(path(*raid) for raid in RAIDS)


def test_the_golden_raids_show_every_kind_of_event():
    text = "\n".join(path(*raid).read_text(encoding="utf-8") for raid in RAIDS)
    for event in (
        " launch ",
        " kill ",
        " miss ",
        " leak ",
        " dud ",
        " late ",
        " astray ",
        " track ",
        " lost ",
        " meet ",
        " leaves ",
        "\nday ",
    ):
        assert event in text, event
