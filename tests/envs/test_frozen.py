"""Packaged scenarios are frozen: whatever changes how one plays raises its version."""

from dataclasses import replace

import pytest

from envs.catalogue import load_catalogue
from envs.digest import scenario_digest
from envs.scenario import load_scenario, read_scenario
from tests.envs import frozen
from tests.envs.small import changed

WHAT_TO_DO = (
    "figures of scenarios are compared by name and version. If the change is meant: raise "
    "`version` in conf/scenario/NAME.yaml (of every scenario named here, where the catalogue was "
    "changed), `python -m tests.envs.record_frozen`, `python -m agents.ladder NAME`, and a line "
    "under Breaking in CHANGELOG.md"
)


def test_no_packaged_scenario_plays_otherwise_under_its_version():
    found = frozen.problems(frozen.read(), frozen.present())
    assert not found, "\n".join([*found, WHAT_TO_DO])


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("assets.0.value", 3.5),
        ("shooters.0.rounds", 1),
        ("packages.0.number", [1, 1]),
        ("slots", 6),
        ("clock_min", 33),
        ("neutral_penalty", 11),
        ("picture", {"detection": "by_chance"}),
    ],
)
def test_whatever_changes_play_changes_the_digest(path, value):
    source = read_scenario("duel")
    before, after = (load_scenario(s) for s in (source, changed(source, path, value)))
    assert scenario_digest(before) != scenario_digest(after)
    now = {"duel": frozen.entry(after)}
    recorded = {"duel": frozen.entry(before)}
    assert frozen.problems(recorded, now) == ["duel: plays otherwise than version 1 did"]
    raised = {"duel": frozen.entry(replace(after, version=2))}
    assert frozen.problems(recorded, raised) == ["duel: version 2 is not recorded yet"]
    assert frozen.problems(raised, raised) == []


def test_words_do_not_change_the_digest():
    duel = load_scenario("duel")
    assert scenario_digest(replace(duel, description="otherwise")) == scenario_digest(duel)


def test_the_catalogue_counts(monkeypatch):
    duel = load_scenario("duel")
    before, threats = scenario_digest(duel), load_catalogue().threats
    faster = replace(threats["slow_drone"], speed_mps=51.0)
    monkeypatch.setitem(threats, "slow_drone", faster)
    assert scenario_digest(duel) != before


def test_scenarios_that_come_or_go_are_said():
    own = {"version": 1, "digest": "a"}
    assert frozen.problems({"gone": own}, {"new": own}) == [
        "gone: is recorded and not there",
        "new: is not recorded yet",
    ]
