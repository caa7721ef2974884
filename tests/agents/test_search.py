"""The search of settings: asks, prunes, goes on after a stop, and shares its study."""

import csv
from pathlib import Path
from typing import Any

import pytest
import yaml
from optuna.trial import TrialState

from agents import runs, search, search_report
from agents.search_space import read_space

CONTENT: dict[str, Any] = {
    "agent": "es",
    "scenario": "duel",
    "settings": {"iterations": 5},
    "space": {
        "learning_rate": {"low": 0.001, "high": 1.0, "log": True},
        "pairs": {"low": 1, "high": 9, "step": 2},
        "start": ["greedy", "pricing"],
    },
}


def written(folder: Path, **changes: Any) -> Path:
    path = folder / "space.yaml"
    path.write_text(yaml.safe_dump({**CONTENT, **changes}))
    return path


class Training:
    """Stands in for ``runs.fit``: a curve that follows from the settings, and can be stopped."""

    def __init__(self, dies_in: int | None = None) -> None:
        self.made: list[Any] = []
        self.steps = 0
        self.dies_in = dies_in

    def __call__(self, settings, scenario, folder, stopped, watch, mapped=None):
        self.made.append(settings)
        for part in range(6):
            self.steps += 1
            watch({"train/protected_share": 0.0}, part / 5)
            watch({"validation/protected_share": settings.learning_rate * part / 5}, part / 5)
            if len(self.made) - 1 == self.dies_in and part == 1:
                raise KeyboardInterrupt
            if stopped():
                return


@pytest.fixture(autouse=True)
def plots(monkeypatch, request) -> None:
    """Plots take longer than searches do here, so but one test draws them."""
    if "writes" not in request.node.name and "command" not in request.node.name:
        monkeypatch.setattr(search_report, "write_plot", lambda *arguments: None)


def searched(folder: Path, training: Training, monkeypatch, trials: int = 12, seed: int = 0) -> Any:
    monkeypatch.setattr(runs, "fit", training)
    folder.mkdir(exist_ok=True)
    space = read_space(written(folder.parent))
    return search.search(space, folder, trials, seed, lambda: False)


def told(study) -> list[tuple]:
    return [(t.number, t.state, t.params, t.value, t.intermediate_values) for t in study.trials]


def test_a_search_finds_settings_prunes_and_writes_what_it_found(tmp_path, monkeypatch) -> None:
    training = Training()
    study = searched(tmp_path / "s", training, monkeypatch)
    states = [trial.state for trial in study.trials]
    assert len(states) == 12
    assert TrialState.PRUNED in states[4:]
    assert TrialState.PRUNED not in states[:4]
    assert training.steps < 12 * 6
    assert all(settings.iterations == 5 for settings in training.made)
    best = yaml.safe_load((tmp_path / "s/best.yaml").read_text())
    largest = max(settings.learning_rate for settings in training.made)
    assert best["settings"]["learning_rate"] == largest
    assert best["validation_protected_share"] == round(largest, 4)
    assert f"agent.learning_rate={largest}" in best["train"]
    rows = list(csv.DictReader((tmp_path / "s/trials.csv").open()))
    assert [row["state"] for row in rows] == [state.name.lower() for state in states]
    assert (tmp_path / "s/search.png").stat().st_size > 10_000


def test_a_search_that_was_killed_goes_on_as_if_it_had_not_been(tmp_path, monkeypatch) -> None:
    whole = searched(tmp_path / "whole", Training(), monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        searched(tmp_path / "s", Training(dies_in=5), monkeypatch)
    going_on = Training()
    study = searched(tmp_path / "s", going_on, monkeypatch)
    assert told(study) == told(whole)
    # Trial 5 is pruned at what it had reported; not one of those that were over is made again.
    assert whole.trials[5].state == TrialState.PRUNED
    assert len(going_on.made) == 12 - 6
    with pytest.raises(KeyboardInterrupt):
        searched(tmp_path / "t", Training(dies_in=2), monkeypatch)
    going_on = Training()
    assert told(searched(tmp_path / "t", going_on, monkeypatch)) == told(whole)
    assert len(going_on.made) == 12 - 2  # the killed one first, with its own settings


def test_a_request_to_stop_leaves_the_trial_for_the_next_call(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(runs, "fit", training := Training())
    space = read_space(written(tmp_path))
    study = search.search(space, tmp_path / "s", 3, 0, lambda: training.steps >= 8)
    assert [trial.state for trial in study.trials] == [TrialState.COMPLETE, TrialState.RUNNING]
    assert len(searched(tmp_path / "s", Training(), monkeypatch, trials=3).trials) == 3


def test_two_processes_share_a_study_and_none_takes_what_the_other_has(
    tmp_path, monkeypatch
) -> None:
    training, numbers = Training(), []

    class Shared(Training):
        """In its first trial the other process makes all that is left."""

        def __call__(self, *arguments: Any, **named: Any) -> None:
            if not self.made:
                self.made.append("first")
                other = searched(tmp_path / "s", training, monkeypatch, trials=5)
                numbers.extend(t.number for t in other.trials if t.state != TrialState.RUNNING)
            super().__call__(*arguments, **named)

    study = searched(tmp_path / "s", Shared(), monkeypatch, trials=5)
    assert numbers == [1, 2, 3, 4]
    assert all(trial.state.is_finished() for trial in study.trials)
    assert len({trial.params["learning_rate"] for trial in study.trials}) == 5


def test_settings_that_cannot_be_are_a_failed_trial(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.setattr(runs, "fit", Training())
    space = read_space(written(tmp_path, settings={"iterations": 0}))
    study = search.search(space, tmp_path / "s", 2, 0, lambda: False)
    assert [trial.state for trial in study.trials] == 2 * [TrialState.FAIL]
    assert "iterations must be at least 1" in capsys.readouterr().err


def test_the_folder_of_another_search_is_refused(tmp_path, monkeypatch) -> None:
    searched(tmp_path / "s", Training(), monkeypatch, trials=1)
    with pytest.raises(ValueError, match="is of another search"):
        searched(tmp_path / "s", Training(), monkeypatch, trials=1, seed=1)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"agent": "pp"}, "unknown 'pp'"),
        ({"spaces": {}}, "unknown 'spaces'; did you mean 'space'"),
        ({"space": None}, "space is missing"),
        ({"space": {"pairz": [1]}}, "unknown 'pairz'; did you mean 'pairs'"),
        ({"space": {"pairs": {"low": 3}}}, "space.pairs: .* a list, or low and high"),
        ({"space": {"pairs": {"low": 3, "high": 1}}}, "space.pairs: .* is not right"),
        ({"settings": {"pairs": 3}}, "pairs stands in settings and in space"),
    ],
)
def test_what_is_wrong_in_a_space_is_said(tmp_path, changes, words) -> None:
    with pytest.raises(ValueError, match=words):
        read_space(written(tmp_path, **changes))


@pytest.mark.parametrize("path", sorted(Path("conf/search").glob("*.yaml")))
def test_the_spaces_that_come_with_the_package_can_be_searched(path: Path) -> None:
    space = read_space(path)
    low = {name: found.to_external_repr(0) if hasattr(found, "choices") else found.low
           for name, found in space.ranges.items()}  # fmt: skip
    space.build(low)


@pytest.mark.slow
def test_the_command_searches_with_real_trainings(tmp_path, capsys) -> None:
    path = tmp_path / "space.yaml"
    fixed = {"generations": 2, "raids": 16, "candidates": 4, "validation_raids": 16}
    fixed |= {"validate_every": 1, "batch_size": 64}
    space = {"initial_step": {"low": 0.01, "high": 0.1, "log": True}}
    content = {"agent": "pricing", "scenario": "duel", "settings": fixed, "space": space}
    path.write_text(yaml.safe_dump(content))
    call = [str(path), "--trials", "2", "--folder", str(tmp_path / "s")]
    assert search.main(call) == 0
    assert "trials: 2 complete" in capsys.readouterr().out
    assert search.main(call) == 0
    assert "trials: 2 complete" in capsys.readouterr().out
    assert (tmp_path / "s/trial-0001/weights.yaml").is_file()
    assert search.main([str(tmp_path / "none.yaml")]) == 1
