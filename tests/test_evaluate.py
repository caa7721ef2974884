import csv
import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest

import evaluate
from agents import report, runs, scoring
from agents.evaluation import BOUND, REFERENCE, compare
from conf import schema

NAMES = ["hold_fire", "random_legal", "wta_greedy"]


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", ["evaluate.py", *arguments])
    schema.launch(evaluate.main)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("evaluation") / "results"
    with pytest.MonkeyPatch.context() as patch:
        policies = f"policies=[{','.join(NAMES)}]"
        run(patch, "scenario=duel", policies, "raids=40", f"folder={folder}")
    return folder


def test_json_says_what_was_played_and_how_well(folder: Path) -> None:
    results = json.loads((folder / "results.json").read_text())
    assert results["scenario"] == "duel"
    assert results["split"] == "validation"
    assert results["raids"] == 40
    assert results["seeds"] == {"first": 0, "last": 39}
    assert list(results["policies"]) == NAMES
    assert {"balticshield", "numpy", "numba", "python"} <= set(results["versions"])
    hold = results["policies"]["hold_fire"]
    assert hold["score"] == {"estimate": 0.0, "low": 0.0, "high": 0.0}
    greedy = results["policies"][REFERENCE]
    assert greedy["gain_over_greedy"] == {"estimate": 0.0, "low": 0.0, "high": 0.0}
    assert greedy["score"]["low"] <= greedy["score"]["estimate"] <= greedy["score"]["high"]
    assert greedy["score"]["estimate"] > 0.0
    assert 0.0 < greedy["decision_time_ms"]["p50"] <= greedy["decision_time_ms"]["p99"]
    assert {"loss", "undefended_loss", "protected_share"} <= set(greedy["metrics"])


def test_csv_has_a_row_for_every_policy_and_raid_and_gives_the_same_score(folder: Path) -> None:
    with (folder / "results.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["policy"], int(row["seed"])) for row in rows] == [
        (name, seed) for name in [*NAMES, BOUND] for seed in range(40)
    ]
    results = json.loads((folder / "results.json").read_text())["policies"]
    for name in NAMES:
        own = [row for row in rows if row["policy"] == name]
        loss = np.array([float(row["loss"]) for row in own])
        undefended = np.array([float(row["undefended_loss"]) for row in own])
        assert scoring.score(loss, undefended) == results[name]["score"]["estimate"]


def test_the_bound_is_the_same_in_table_json_and_csv(folder: Path) -> None:
    results = json.loads((folder / "results.json").read_text())
    bound, policies = results["bound"], results["policies"]
    assert bound["score"] == bound["scores"][bound["kind"]]
    estimates = [kind["estimate"] for kind in bound["scores"].values()]
    assert bound["score"]["estimate"] == min(estimates) <= 1.0
    with (folder / "results.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["policy"] == BOUND]
    loss, undefended = (
        np.array([float(row[name]) for row in rows]) for name in ("loss", "undefended_loss")
    )
    assert scoring.score(loss, undefended) == pytest.approx(bound["score"]["estimate"])
    greedy = policies[REFERENCE]["score"]["estimate"]
    room = bound["score"]["estimate"] - greedy
    assert bound["gain_over_greedy"]["estimate"] == pytest.approx(room)
    for name in NAMES:
        gap = policies[name]["gap_closed"]["estimate"]
        assert gap == pytest.approx((policies[name]["score"]["estimate"] - greedy) / room)
    lines = (folder / "table.md").read_text().splitlines()
    row = next(line for line in lines if line.startswith(f"| {BOUND}"))
    assert f"{100 * bound['score']['estimate']:.1f} [" in row
    assert bound["kind"] in lines[-1]


def test_the_bound_can_be_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(monkeypatch, "scenario=duel", "policies=[hold_fire]", "raids=4", f"folder={tmp_path}",
        "bound=false")  # fmt: skip
    results = json.loads((tmp_path / "results.json").read_text())
    assert results["bound"] is None
    assert results["policies"]["hold_fire"]["gap_closed"] is None
    assert BOUND not in (tmp_path / "table.md").read_text()
    assert BOUND not in (tmp_path / "results.csv").read_text()


def test_a_bound_that_is_not_proven_is_left_out_and_the_table_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(_: object) -> None:
        raise ValueError("bounds: shooters without rounds are not supported (jammer)")

    monkeypatch.setattr(runs, "check_supported", refuse)
    run(monkeypatch, "scenario=duel", f"folder={tmp_path / 'new'}", "raids=4")
    said = capsys.readouterr().out
    assert "no bound in the table: bounds: shooters without rounds" in said
    assert json.loads((tmp_path / "new" / "results.json").read_text())["bound"] is None


def test_table_and_plot_are_written(folder: Path) -> None:
    table = (folder / "table.md").read_text().splitlines()
    assert [line.split("|")[1].strip() for line in table[2:5]] == NAMES
    assert table[5].split("|")[1].strip() == BOUND
    assert "40 validation raids" in table[-1]
    assert (folder / "results.png").read_bytes().startswith(b"\x89PNG")


def test_the_report_leads_to_files_that_are_there(folder: Path) -> None:
    links = re.findall(r'href="([^"]+)"', (folder / report.REPORT).read_text(encoding="utf-8"))
    assert {"replay-most-gained.html", "replay-most-lost.html", "results.json"} <= set(links)
    assert all((folder / link).is_file() for link in links)
    telling = json.loads((folder / "results.json").read_text())["telling"]
    for name in ("most_gained", "most_lost"):
        replay = (folder / telling[name]["replay"]).read_text(encoding="utf-8")
        for policy in (telling["against"], telling["policy"]):
            assert f'"policy":"{policy}","seed":{telling[name]["seed"]}' in replay


def test_the_reference_is_added_and_test_raids_are_played_only_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    policies = "policies=[hold_fire]"
    run(monkeypatch, "scenario=duel", policies, "raids=40", f"folder={tmp_path}", "split=test")
    results = json.loads((tmp_path / "results.json").read_text())
    assert list(results["policies"]) == [REFERENCE, "hold_fire"]
    assert results["split"] == "test"
    validation = json.loads((folder / "results.json").read_text())
    undefended = [
        r["policies"]["hold_fire"]["metrics"]["undefended_loss"] for r in (results, validation)
    ]
    assert undefended[0] != undefended[1]


@pytest.mark.parametrize(
    ("argument", "words"),
    [
        ("policies=[wta_gredy]", "wta_greedy"),
        ("policies=[runs/never_made]", "no folder runs/never_made"),
        ("policies=[]", "policies is empty"),
        ("split=tets", "train, validation, test"),
        ("raids=1", "raids must be at least 2"),
        ("raids=many", "raids: Value 'many'"),
        ("raid=10", "unknown key 'raid'; known, nearest first: raids"),
        ("scenario=standart", "nearest first: standard"),
        ("scenario=nowhere/mine.yaml", "nowhere/mine.yaml"),
        (
            "scenario.clock_mni=3",
            "unknown key 'scenario.clock_mni'; known, nearest first: clock_min",
        ),
        ("scenario.clock_min=-3", "clock_min"),
    ],
)
def test_bad_input_is_answered_in_one_line(
    argument: str,
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    with pytest.raises(SystemExit) as exit_:
        run(monkeypatch, argument, f"folder={tmp_path / 'out'}")
    assert exit_.value.code == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("error: ")
    assert words in lines[0]
    assert not (tmp_path / "out").exists()


def test_a_scenario_of_ones_own_is_read_by_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "duel.yaml"  # the name of one of the package's scenarios, on purpose
    text = (Path(schema.__file__).parent / "scenario" / "duel.yaml").read_text(encoding="utf-8")
    own.write_text(text.replace("name: duel", "name: my_duel"), encoding="utf-8")
    arguments = (f"scenario={own}", "policies=[hold_fire]", "raids=2", f"folder={tmp_path / 'out'}")
    run(monkeypatch, *arguments)
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert results["scenario"] == "my_duel"


def rows_of(loss: list[float], undefended: list[float]) -> dict[str, np.ndarray]:
    return {
        "seed": np.arange(len(loss)),
        "loss": np.array(loss),
        "undefended_loss": np.array(undefended),
    }


def test_comparison_by_hand() -> None:
    risk = [10.0, 30.0]
    rows = {
        REFERENCE: rows_of([5.0, 15.0], risk),
        "good": rows_of([0.0, 12.0], risk),
        "learned": rows_of([2.0, 10.0], risk),
    }
    timings = {name: [0.002] for name in rows}
    evaluation = compare(rows, timings, "mine", [0, 1], "validation", classical=(REFERENCE, "good"))
    learned = evaluation.results["learned"]
    assert evaluation.best_classical == "good"
    assert learned.score.estimate == pytest.approx(28 / 40)
    assert learned.gain_over_greedy.estimate == pytest.approx(8 / 40)
    assert learned.gain_over_best_classical.estimate == pytest.approx(0.0)
    assert learned.decision_class == "search"
    assert "| +20.0 [" in report.table(evaluation)


def test_neutral_aircraft_shot_down_stand_beside_the_score(tmp_path: Path) -> None:
    rows = {name: rows_of([5.0, 15.0], [10.0, 30.0]) for name in (REFERENCE, "careful")}
    for name, shot in ((REFERENCE, [3.0, 0.0]), ("careful", [0.0, 0.0])):
        rows[name] |= {"neutrals": np.array([5.0, 0.0]), "neutrals_shot": np.array(shot)}
    evaluation = compare(rows, {name: [0.002] for name in rows}, "mine", [0, 1], "validation")
    assert evaluation.results[REFERENCE].neutrals_shot == scoring.Estimate(1.5, 0.0, 3.0)
    report.write(evaluation, tmp_path)
    head, _, greedy, careful = (tmp_path / "table.md").read_text().splitlines()[:4]
    assert [cell.strip() for cell in head.split("|")][2:4] == ["protected share", "neutrals shot"]
    assert greedy.split("|")[3].strip() == "1.50 [0.00, 3.00]"
    assert careful.split("|")[3].strip() == "0.00 [0.00, 0.00]"
    assert "neutrals shot: mean of an episode" in report.table(evaluation)
    policies = json.loads((tmp_path / "results.json").read_text())["policies"]
    assert policies[REFERENCE]["neutrals_shot"] == {"estimate": 1.5, "low": 0.0, "high": 3.0}
    assert "neutrals_shot" in (tmp_path / "results.csv").read_text().splitlines()[0]
    assert len(report.plot(evaluation).axes) == 3


def test_without_traffic_there_is_no_column_of_neutral_aircraft(folder: Path) -> None:
    assert "neutrals" not in (folder / "table.md").read_text()
    results = json.loads((folder / "results.json").read_text())
    assert "neutrals_shot" not in results["policies"][REFERENCE]
    rows = {REFERENCE: rows_of([1.0], [2.0])}
    rows[REFERENCE] |= {"neutrals": np.zeros(1), "neutrals_shot": np.zeros(1)}
    evaluation = compare(rows, {REFERENCE: [0.1]}, "mine", [0], "validation")
    assert evaluation.results[REFERENCE].neutrals_shot is None
    assert len(report.plot(evaluation).axes) == 2


def test_policies_that_met_different_raids_are_not_compared() -> None:
    rows = {REFERENCE: rows_of([1.0], [2.0]), "other": rows_of([1.0], [3.0])}
    with pytest.raises(RuntimeError, match="did not meet the same raids"):
        compare(rows, {name: [0.1] for name in rows}, "mine", [0], "validation")


def test_replays_and_an_animation_stand_beside_the_table(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "results"
    policies = "policies=[wta_greedy,hold_fire]"
    options = ["raids=4", "bound=false", "replays=2", "animation=gif", f"folder={folder}"]
    run(monkeypatch, "scenario=duel", policies, *options)
    text = (folder / "replay.html").read_text(encoding="utf-8")
    for seed in (0, 1):
        assert f'"policy":"hold_fire","seed":{seed}' in text
    assert '"seed":2' not in text
    assert (folder / "replay.gif").read_bytes()[:3] == b"GIF"
    said = capsys.readouterr()
    assert "recording raids: 100% of 4" in said.err and "drawing replay.gif: 100%" in said.err
    assert f"report: {folder / report.REPORT}" in said.out


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("animation=avi", "animation must be gif or mp4, got 'avi'"),
        ("replays=41", "replays must be at most raids (40), got 41"),
        ("replays=-1", "replays must be at least 0, got -1"),
    ],
)
def test_pictures_that_cannot_be_are_refused_at_once(
    option: str,
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        run(monkeypatch, "scenario=duel", "raids=40", option)
    assert words in capsys.readouterr().err
