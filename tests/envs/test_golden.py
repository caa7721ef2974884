"""Recorded raids are played again to the letter; a change of the rules shows as a readable diff."""

import pytest

from tests.envs.golden import RAIDS, path, recorded, write


@pytest.mark.parametrize(("scenario", "seed"), RAIDS)
def test_golden_engagements(scenario, seed):
    text = path(scenario, seed).read_text(encoding="utf-8")
    assert write(scenario, seed) == text, (
        "if the change is meant: python -m tests.envs.record_golden, and a line in CHANGELOG.md"
    )


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
    ):
        assert event in text, event
