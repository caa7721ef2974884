"""Released price networks, and the command that makes them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from agents import release, scoring
from agents.classical import make_policy
from agents.learned.network_files import load_network, released_folder, released_policy
from agents.release_page import page
from agents.rollout import play
from agents.runs import load_policy
from envs.digest import scenario_digest
from envs.scenario import load_scenario, scenario_names

RELEASED = [name for name in scenario_names() if released_folder(name).is_dir()]
LARGE = {"region": 24, "campaign": 100, "rotation-gap": 100, "rotation-overlap": 100}
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
    raids = range(LARGE.get(name, 300))
    rows = [play(policy, scenario, raids) for policy in (network, rule)]
    own, pricing = (scoring.score(r["loss"], r["undefended_loss"]) for r in rows)
    assert own > pricing
    assert type(load_policy("price_network", scenario)) is type(network)


def test_the_page_follows_from_the_figures_and_those_from_the_scenarios_as_they_are() -> None:
    docs = Path(release.__file__).parents[1] / "docs"
    assert (docs / "released.md").read_text() == page(docs / "released")
    for file in (docs / "released").glob("*.json"):
        figures = json.loads(file.read_text())
        assert figures["digest"] == scenario_digest(load_scenario(figures["scenario"])), file.name
        assert figures["split"] == "test"
        assert len(figures["curve"]) - 1 == figures["settings"].get("iterations", 4), file.name
    for name in RELEASED:
        assert json.loads((docs / "released" / f"{name}-0.json").read_text())["gain"]["low"] > 0.0


def test_several_seeds_are_shown_by_their_interquartile_mean(tmp_path: Path) -> None:
    docs = Path(release.__file__).parents[1] / "docs" / "released" / "standard-0.json"
    figures = json.loads(docs.read_text())
    for seed, gain in enumerate((0.01, 0.02, 0.03, 0.04, 0.5)):
        changed = figures | {"seed": seed, "gain": {"estimate": gain, "low": 0.0, "high": 1.0}}
        (tmp_path / f"standard-{seed}.json").write_text(json.dumps(changed))
    line = page(tmp_path).splitlines()[-1]
    assert line.startswith("| `standard` | ") and "| 0, 1, 2, 3, 4 |" in line
    assert "| +3.0 [+" in line, "the mean of the middle three, the outlier left out"
    assert line.endswith("| +1.0, +2.0, +3.0, +4.0, +50.0 |")
    (tmp_path / "standard-0.json").write_text(json.dumps(figures | {"settings": {"raids": 7}}))
    assert "| 1, 2, 3, 4 |" in page(tmp_path).splitlines()[-1], "other settings stand apart"


def test_something_is_released() -> None:
    assert "standard" in RELEASED


def test_settings_by_scenario_are_of_scenarios() -> None:
    assert set(release.CHANGED) <= set(scenario_names())
    for name in scenario_names():
        assert release.settings_of(name, seed=3).seed == 3
    assert release.settings_of("duel", iterations=2).iterations == 2


def test_a_scenario_without_a_network_says_how_to_train_one() -> None:
    mine = replace(load_scenario("duel"), name="mine")
    with pytest.raises(FileNotFoundError, match="agent=price_network scenario=mine"):
        load_policy("price_network", mine)


def test_the_command_trains_tests_and_writes_a_card_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(release, "CHANGED", {"duel": SMALL})
    monkeypatch.setattr(release, "TEST_RAIDS", 20)
    monkeypatch.setattr(release, "MORE_RAIDS", {})
    monkeypatch.setattr(release, "has_bound", lambda wanted, scenario: False)
    page = tmp_path / "page.md"
    command = ["duel", "--folder", str(tmp_path), "--page", str(page)]
    command += ["--results", str(tmp_path / "figures")]
    assert release.main(command) == 0
    folder = tmp_path / "duel-0"
    card = (folder / release.CARD).read_text()
    assert "agent=price_network scenario=duel agent.iterations=1 agent.raids=60" in card
    assert "20 test raids" in card
    results = json.loads((folder / "results.json").read_text())
    figures = json.loads((tmp_path / "figures" / "duel-0.json").read_text())
    own = results["policies"]["price_network"]
    assert figures["score"]["estimate"] == pytest.approx(own["score"]["estimate"], abs=1e-6)
    assert figures["seed"] == 0 and figures["settings"]["raids"] == 60
    assert len(figures["curve"]) == 2
    assert f"{100 * own['score']['estimate']:.1f} |" in page.read_text()
    network = load_network(folder / "agent", load_scenario("duel"))
    last = json.loads((folder / "progress.jsonl").read_text().splitlines()[-1])
    assert 0.0 < figures["cpu_minutes"] == last["time/cpu_minutes"] < 10.0
    assert f"It took {figures['cpu_minutes']:.1f} minutes of one core" in card
    record = (folder / "progress.jsonl").read_text()
    with monkeypatch.context() as played:
        played.setattr(release, "score", lambda *_, **__: pytest.fail("it was played again"))
        assert release.main(command) == 0
    assert (folder / "progress.jsonl").read_text() == record
    assert (folder / release.CARD).read_text() == card
    monkeypatch.setattr(release, "TEST_RAIDS", 30)
    assert release.main(command) == 0
    assert "30 test raids" in (folder / release.CARD).read_text()
    assert load_network(folder / "agent", load_scenario("duel")).prices == network.prices
    monkeypatch.setattr(release, "CHANGED", {"duel": SMALL | {"iterations": 2}})
    assert release.main(command) == 0
    longer = json.loads((tmp_path / "figures" / "duel-0.json").read_text())
    assert len(longer["curve"]) == 3 and longer["cpu_minutes"] > figures["cpu_minutes"]
    assert longer["settings"]["iterations"] == 2
    monkeypatch.setattr(release, "CHANGED", {"duel": SMALL | {"raids": 61}})
    assert release.main(command) == 1
    assert "was trained with raids = 60, not 61" in capsys.readouterr().err
    assert release.main(["duell"]) == 1
