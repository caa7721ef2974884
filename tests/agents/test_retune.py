"""Tuning many scenarios by one command, which goes on where it was stopped."""

import json

import pytest

from agents import retune
from agents.classical.weights_file import load_tuned, weights_path
from agents.runs import HISTORY_FILE, WEIGHTS_FILE


def small(name, generations=None):
    settings = BY_FILE(name, generations)
    settings.raids, settings.validation_raids, settings.candidates = 8, 16, 4
    settings.start = None
    return settings


BY_FILE = retune.settings_of


def generations_in(folder):
    return len(json.loads((folder / HISTORY_FILE).read_text())["fitness"])


def test_settings_are_those_of_the_weights_file():
    settings = retune.settings_of("campaign")
    assert (settings.generations, settings.raids, settings.seed) == (20, 64, 1)
    assert settings.calendar
    assert settings.start is not None
    assert retune.settings_of("duel", 3).generations == 3
    assert {"duel", "standard", "campaign", "air-policing"} <= set(retune.released())


def test_it_tunes_each_and_goes_on_with_a_larger_budget(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(retune, "settings_of", small)
    arguments = ["duel", "standard", "--folder", str(tmp_path)]
    assert retune.main([*arguments, "--generations", "1"]) == 0
    assert [generations_in(tmp_path / name) for name in ("duel", "standard")] == [1, 1]
    first = json.loads((tmp_path / "duel" / HISTORY_FILE).read_text())["fitness"]
    assert retune.main([*arguments, "--generations", "2"]) == 0
    longer = json.loads((tmp_path / "duel" / HISTORY_FILE).read_text())["fitness"]
    assert len(longer) == 2
    assert longer[0] == first[0], "it went on, and did not begin anew"
    assert load_tuned(tmp_path / "duel" / WEIGHTS_FILE, "duel").scenario == "duel"
    assert "standard: 2 generations" in capsys.readouterr().out


def test_released_weights_are_put_into_the_package(tmp_path, monkeypatch):
    place = tmp_path / "package.yaml"
    place.write_bytes(weights_path("duel").read_bytes())
    before = place.read_bytes()
    monkeypatch.setattr(retune, "settings_of", small)
    monkeypatch.setattr(retune, "weights_path", lambda _: place)
    folder = str(tmp_path / "runs")
    assert retune.main(["duel", "--generations", "0", "--folder", folder]) == 0
    assert place.read_bytes() == before
    assert retune.main(["duel", "--generations", "0", "--folder", folder, "--release"]) == 0
    assert place.read_bytes() == (tmp_path / "runs" / "duel" / WEIGHTS_FILE).read_bytes() != before
    assert load_tuned(place, "duel").scenario == "duel"


@pytest.mark.parametrize("name", ["duell", "nowhere.yaml"])
def test_what_is_not_there_is_an_error_of_one_line(name, tmp_path, capsys):
    assert retune.main([name, "--folder", str(tmp_path)]) == 1
    assert name in capsys.readouterr().err
