"""Released price networks, and the command that makes them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agents import release, scoring
from agents.classical import make_policy
from agents.learned.network_files import load_network, released_folder, released_policy
from agents.rollout import play
from agents.runs import load_policy
from envs.scenario import load_scenario, scenario_names

RELEASED = [name for name in scenario_names() if released_folder(name).is_dir()]
SMALL = {
    "iterations": 1,
    "raids": 60,
    "rate": 0.5,
    "search_raids": 20,
    "epochs": 2,
    "validation_raids": 20,
    "num_envs": 32,
    "threads": 1,
}


@pytest.mark.parametrize("name", RELEASED)
def test_a_released_network_is_ahead_of_the_pricing_rule(name: str) -> None:
    scenario = load_scenario(name)
    config = json.loads((released_folder(name) / "config.json").read_text())
    assert config["scenario_version"] == scenario.version
    assert (released_folder(name) / release.CARD).is_file()
    network, rule = released_policy(scenario), make_policy("wta_pricing", scenario)
    rows = [play(policy, scenario, range(300)) for policy in (network, rule)]
    own, pricing = (scoring.score(r["loss"], r["undefended_loss"]) for r in rows)
    assert own > pricing
    assert type(load_policy("price_network", scenario)) is type(network)


def test_something_is_released() -> None:
    assert "standard" in RELEASED


def test_settings_by_scenario_are_of_scenarios() -> None:
    assert set(release.CHANGED) <= set(scenario_names())
    for name in scenario_names():
        assert release.settings_of(name, seed=3).seed == 3
    assert release.settings_of("duel", iterations=2).iterations == 2


def test_a_scenario_without_a_network_says_how_to_train_one() -> None:
    missing = next(name for name in scenario_names() if name not in RELEASED)
    with pytest.raises(FileNotFoundError, match=f"agent=price_network scenario={missing}"):
        load_policy("price_network", load_scenario(missing))


def test_the_command_trains_tests_and_writes_a_card_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(release, "CHANGED", {"duel": SMALL})
    monkeypatch.setattr(release, "TEST_RAIDS", 20)
    monkeypatch.setattr(release, "has_bound", lambda wanted, scenario: False)
    command = ["duel", "--folder", str(tmp_path)]
    assert release.main(command) == 0
    folder = tmp_path / "duel-0"
    card = (folder / release.CARD).read_text()
    assert "agent=price_network scenario=duel agent.iterations=1 agent.raids=60" in card
    assert "20 test raids" in card
    network = load_network(folder / "agent", load_scenario("duel"))
    record = (folder / "progress.jsonl").read_text()
    assert release.main(command) == 0
    assert (folder / "progress.jsonl").read_text() == record
    assert (folder / release.CARD).read_text().split("| policy")[0] == card.split("| policy")[0]
    assert load_network(folder / "agent", load_scenario("duel")).prices == network.prices
    monkeypatch.setattr(release, "CHANGED", {"duel": SMALL | {"raids": 61}})
    assert release.main(command) == 1
    assert "was trained with raids = 60, not 61" in capsys.readouterr().err
    assert release.main(["duell"]) == 1
