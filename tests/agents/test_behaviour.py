"""`python -m agents.behaviour`: when fire is held, which rounds are kept, what is fired at."""

from pathlib import Path

import numpy as np
import pytest

from agents import behaviour
from agents.behaviour import Behaviour, watch_policy
from agents.classical import make_policy
from envs import load_scenario

RAIDS = range(24)


@pytest.fixture(scope="module")
def seen() -> dict[str, Behaviour]:
    scenario = load_scenario("duel")
    names = ("hold_fire", "wta_greedy", "wta_pricing")
    return {name: watch_policy(make_policy(name, scenario), scenario, RAIDS) for name in names}


def test_who_holds_fire_takes_no_chance_and_keeps_all(seen: dict[str, Behaviour]) -> None:
    holds = seen["hold_fire"]
    assert sum(taken.sum() for taken in holds.taken.values()) == 0.0
    assert holds.chances["pk"].sum() > 100
    assert holds.fired.sum() == 0.0
    assert set(holds.kept[~np.isnan(holds.kept)]) == {1.0}


def test_greedy_takes_every_chance(seen: dict[str, Behaviour]) -> None:
    greedy = seen["wta_greedy"]
    for name, chances in greedy.chances.items():
        assert greedy.taken[name].tolist() == chances.tolist()
        assert chances.sum() > 0.0


def test_what_is_counted_is_what_the_raids_count(seen: dict[str, Behaviour]) -> None:
    # Four rounds in all, one an engagement: what is not left has been fired.
    for one in seen.values():
        assert one.fired.sum() == pytest.approx(one.rows["engagements"].mean())
        assert np.nansum(2 * one.kept) == pytest.approx(one.rows["rounds_left"].mean())
        for name in one.chances:
            assert one.taken[name].sum() == one.rows["engagements"].sum()


def test_a_price_holds_fire_while_much_time_is_left(seen: dict[str, Behaviour]) -> None:
    early = behaviour.EDGES["slack_min"][:-1] >= 2.0
    priced, greedy = seen["wta_pricing"], seen["wta_greedy"]
    assert priced.taken["slack_min"][early].sum() < 0.5 * greedy.taken["slack_min"][early].sum()


def test_the_command_writes_a_table_and_a_picture(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = tmp_path / "seen.png"
    arguments = ["duel", "--raids", "8", "--policies", "wta_pricing", "--out", str(picture)]
    assert behaviour.main(arguments) == 0
    shown = capsys.readouterr().out
    assert "| wta_pricing | rbs70 |" in shown
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_planners_and_unknown_names_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    scenario = load_scenario("duel")
    with pytest.raises(ValueError, match=r"OpenLoop.* plans"):
        watch_policy(make_policy("open_loop", scenario), scenario, RAIDS)
    assert behaviour.main(["duel", "--policies", "wta_greedi"]) == 1
    assert "wta_greedy" in capsys.readouterr().err
