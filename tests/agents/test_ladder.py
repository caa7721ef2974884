"""The ladder: resumable, paired on the same raids, and its page is what its figures say."""

import json
from pathlib import Path

import numpy as np
import pytest

from agents import ladder
from agents.evaluation import BOUND, REFERENCE, evaluate
from agents.ladder_page import best, page, searches
from agents.ladder_results import SEARCHES, decision_class, figures
from agents.runs import load_policies
from envs.digest import scenario_digest
from envs.scenario import load_scenario, scenario_names

DOCS = Path(__file__).parents[2] / "docs"
RESULTS = {path.stem: json.loads(path.read_text()) for path in (DOCS / "ladder").glob("*.json")}
TO_PLAY = {  # planners not played yet, since a raid of these takes them minutes
    "region": ("open_loop", "look_ahead:wta_pricing"),
}
QUICK = ["wta_threshold", "wta_pricing", "bound"]


def run(folder, *arguments):
    places = ["--folder", folder / "rows", "--results", folder / "json", "--page", folder / "p.md"]
    return ladder.main(["duel", *map(str, [*arguments, *places])])


def result(folder):
    return json.loads((folder / "json" / "duel.json").read_text())


def test_the_page_is_what_the_figures_say():
    written = (DOCS / "ladder.md").read_text(encoding="utf-8")
    assert written == page(DOCS / "ladder"), "docs/ladder.md: python -m agents.ladder writes it"


def test_every_packaged_scenario_is_there_as_it_plays_now():
    assert sorted(RESULTS) == sorted(scenario_names())
    for name, own in RESULTS.items():
        assert own["digest"] == scenario_digest(load_scenario(name)), (
            f"docs/ladder/{name}.json is of another version: python -m agents.ladder {name}"
        )


@pytest.mark.parametrize("name", RESULTS)
def test_the_best_classical_policy_is_five_points_above_greedy(name):
    own = RESULTS[name]
    assert best(own) in ladder.RUNGS
    assert own["policies"][best(own)]["gain_over_greedy"]["low"] >= 0.05


@pytest.mark.parametrize("name", RESULTS)
def test_every_rung_is_there_and_none_above_the_bound(name):
    own = RESULTS[name]
    missing = set(ladder.RUNGS) - set(own["policies"]) - {BOUND} - set(TO_PLAY.get(name, ()))
    assert missing == (set() if name == "duel" else {"optimal"})
    limit = own["bound"]
    for entry in own["policies"].values():
        if entry["raids"] == limit["raids"]:
            assert entry["score"]["estimate"] <= limit["score"]["estimate"]


def test_it_goes_on_where_it_was_stopped(tmp_path, monkeypatch):
    assert run(tmp_path, "--raids", 40, "--policies", *QUICK) == 0
    first = result(tmp_path)
    played = []
    monkeypatch.setattr(ladder, "play", lambda *a, **k: played.append(a) or PLAY(*a, **k))
    assert run(tmp_path, "--raids", 40, "--policies", *QUICK) == 0
    assert not played and result(tmp_path) == first
    assert run(tmp_path, "--raids", 60, "--policies", *QUICK[:2]) == 0
    assert {len(call[2]) for call in played} == {20}, "the raids that were missing"
    whole = load_policies(QUICK[:2], load_scenario("duel"))
    scores = evaluate(whole, load_scenario("duel"), range(60), bound=False).results
    for name, entry in result(tmp_path)["policies"].items():
        assert entry["raids"] == 60
        assert entry["score"]["estimate"] == pytest.approx(scores[name].score.estimate, abs=1e-6)
    assert (tmp_path / "p.md").read_text() == page(tmp_path / "json")


PLAY = ladder.play


def test_gains_of_planners_are_of_the_raids_that_they_played(tmp_path):
    arguments = ["--raids", 40, "--planner-raids", 6, "--look-ahead-raids", 4]
    assert run(tmp_path, *arguments, "--policies", *QUICK, "open_loop", "look_ahead") == 0
    own = result(tmp_path)["policies"]
    assert [own[n]["raids"] for n in (REFERENCE, "open_loop", "look_ahead")] == [40, 6, 4]
    duel = load_scenario("duel")
    rows = {
        name: ladder.load_rows(ladder.rows_path(tmp_path / "rows", duel, name))
        for name in (REFERENCE, "wta_pricing", "open_loop")
    }
    lost = {name: row["loss"][:6].sum() for name, row in rows.items()}
    risk = rows[REFERENCE]["undefended_loss"][:6].sum()
    gain = (lost[REFERENCE] - lost["open_loop"]) / risk
    assert own["open_loop"]["gain_over_greedy"]["estimate"] == pytest.approx(gain, abs=1e-6)
    gain = (lost["wta_pricing"] - lost["open_loop"]) / risk
    assert own["open_loop"]["gain_over_strong"]["estimate"] == pytest.approx(gain, abs=1e-6)


def test_where_the_bound_has_fewer_raids_the_gap_is_of_those(tmp_path):
    assert run(tmp_path, "--raids", 40, "--policies", *QUICK) == 0
    duel = load_scenario("duel")
    rows = {
        name: ladder.load_rows(ladder.rows_path(tmp_path / "rows", duel, name))
        for name in (REFERENCE, *QUICK)
    }
    few = {
        name: {k: v if k == "timing_s" else v[:20] for k, v in own.items()}
        for name, own in rows.items()
    }
    where = (duel, ladder.SPLIT, ladder.FIRST_SEED, ladder.STRONG)
    mixed, all_few = figures(rows | {BOUND: few[BOUND]}, *where), figures(few, *where)
    assert mixed["bound"]["raids"] == 20
    for name, own in mixed["policies"].items():
        assert own["raids"] == 40
        assert own["gap_closed"] == all_few["policies"][name]["gap_closed"] is not None
        assert own["score"] == figures(rows, *where)["policies"][name]["score"]


def test_what_look_ahead_gains_by_the_learned_policy_is_of_the_raids_of_both(tmp_path):
    assert run(tmp_path, "--raids", 12, "--policies", *QUICK) == 0
    duel = load_scenario("duel")
    rows = {
        name: ladder.load_rows(ladder.rows_path(tmp_path / "rows", duel, name))
        for name in (REFERENCE, *QUICK[:2])
    }
    five = {k: v if k == "timing_s" else v[:5] for k, v in rows["wta_threshold"].items()}
    where = (duel, ladder.SPLIT, ladder.FIRST_SEED, ladder.STRONG)
    own = figures(rows | dict(zip(SEARCHES, (five, rows["wta_pricing"]), strict=True)), *where)
    saved = five["loss"].sum() - rows["wta_pricing"]["loss"][:5].sum()
    assert own["learned_base"]["raids"] == 5
    gain = saved / five["undefended_loss"].sum()
    assert own["learned_base"]["gain"]["estimate"] == pytest.approx(gain, abs=1e-6)
    assert f"+{100 * gain:.1f} |" in searches([own])
    assert figures(rows, *where)["learned_base"] is None
    assert searches([figures(rows, *where)]) == ""


def test_a_policy_is_added_beside_those_played_before(tmp_path):
    assert run(tmp_path, "--raids", 20, "--policies", *QUICK) == 0
    weights = "agents/classical/weights/duel.yaml"
    assert run(tmp_path, "--raids", 20, "--policies", weights) == 0
    own = result(tmp_path)
    assert list(own["policies"]) == [REFERENCE, *QUICK[:2], weights]
    assert own["policies"][weights]["score"] == own["policies"]["wta_pricing"]["score"]
    assert own["policies"][weights]["gap_closed"] is not None
    assert best(own) in ("wta_pricing", weights)
    assert weights in (tmp_path / "p.md").read_text()


def test_what_was_played_of_another_behaviour_does_not_count(tmp_path):
    assert run(tmp_path, "--raids", 20, "--policies", "wta_pricing") == 0
    path = tmp_path / "json" / "duel.json"
    path.write_text(path.read_text().replace(scenario_digest(load_scenario("duel")), "other"))
    assert run(tmp_path, "--raids", 20, "--policies", "wta_threshold") == 0
    assert "wta_pricing" in result(tmp_path)["policies"], "from what was played"
    path.write_text(
        path.read_text().replace("wta_threshold", "x").replace('"digest": "', '"digest": "x')
    )
    assert run(tmp_path, "--raids", 20, "--policies", "hold_fire") == 0
    assert "x" not in result(tmp_path)["policies"]


def test_classes_of_decision_time():
    limits = [decision_class({"p50": 0.1, "p99": p99}) for p99 in (1.0, 1.1, 1000.0, 1000.1)]
    assert limits == ["reactive", "search", "search", "slower"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--raids", "1"], "raids: 1 is not right; 2 or more"),
        (["--planner-raids", "0"], "planner_raids: 0 is not right"),
        (["--policies", "wta_greedee"], "wta_greedy"),
    ],
)
def test_what_cannot_be_played_is_an_error_of_one_line(tmp_path, capsys, arguments, said):
    assert run(tmp_path, *arguments) == 1
    assert said in capsys.readouterr().err.splitlines()[-1]


def test_rows_are_written_whole(tmp_path):
    path = tmp_path / "a" / "rows.npz"
    ladder.save_rows(path, {"loss": np.arange(3.0)})
    assert np.array_equal(ladder.load_rows(path)["loss"], np.arange(3.0))
    assert [p.name for p in path.parent.iterdir()] == ["rows.npz"]
    assert ladder.load_rows(tmp_path / "none.npz") is None
