"""`python -m agents.raid_by_raid`: how rounds are spent over the raids of a campaign."""

from dataclasses import replace

import numpy as np
import pytest

from agents import raid_by_raid, scoring
from agents.raid_by_raid import Course, follow, question
from envs import load_scenario

CAMPAIGNS = 96
LONG_RANGE = ("patriot", "samp_t")


@pytest.fixture(scope="module")
def ballistic() -> dict[str, Course]:
    scenario = load_scenario("ballistic")
    asked = question(scenario, LONG_RANGE, ["ballistic_missile"])
    return follow(["wta_threshold", "wta_pricing"], scenario, asked, range(CAMPAIGNS), "validation")


def test_greedy_has_no_long_range_round_left_for_the_last_raid(
    ballistic: dict[str, Course],
) -> None:
    # Under 5 % of 26 rounds, and no missile of the last raid is stopped in most campaigns; a
    # single price keeps four times as many, prices by kind a third of the supply or more.
    first, last = ballistic["wta_greedy"].rounds.mean(axis=0)
    assert first == 10 + 8 + 8
    assert last < 0.05 * first
    assert (ballistic["wta_greedy"].killed[:, 1] == 0).mean() > 0.9
    assert ballistic["wta_threshold"].rounds[:, 1].mean() > 0.15 * first
    assert ballistic["wta_pricing"].rounds[:, 1].mean() > first / 3
    assert ballistic["wta_pricing"].killed[:, 1].mean() > 1.0


def test_who_keeps_a_reserve_protects_measurably_more(ballistic: dict[str, Course]) -> None:
    greedy = ballistic["wta_greedy"].rows
    losses = np.stack([ballistic[name].rows["loss"] for name in ("wta_threshold", "wta_pricing")])
    gains = scoring.gain_over(greedy["loss"], losses, greedy["undefended_loss"])
    assert all(gain.low > 0.1 for gain in gains), "ten points, at the lower end of the interval"
    priced, threshold = ballistic["wta_pricing"].rows, ballistic["wta_threshold"].rows
    assert scoring.gain_over(
        threshold["loss"], priced["loss"][None], greedy["undefended_loss"]
    )[0].low > 0.05  # fmt: skip


def test_what_raids_lose_and_kill_adds_up_to_the_campaigns(ballistic: dict[str, Course]) -> None:
    for course in ballistic.values():
        np.testing.assert_allclose(course.lost.sum(axis=1), course.rows["loss"], atol=1e-9)
        for amounts, metric in ((course.killed, "killed"), (course.leakers, "leakers")):
            missiles = course.rows[f"{metric}_ballistic_missile"]
            assert amounts.sum(axis=1).tolist() == missiles.tolist()


def test_the_first_raid_of_a_campaign_is_the_raid_alone() -> None:
    scenario = load_scenario("ballistic")
    alone = replace(scenario, campaign=replace(scenario.campaign, raids=1))
    asked = question(scenario, [], [])
    of_two, of_one = (
        follow([], each, asked, range(24), "train")["wta_greedy"] for each in (scenario, alone)
    )
    assert of_two.lost[:, 0].tolist() == of_one.rows["loss"].tolist()
    assert of_two.rounds[:, :1].tolist() == of_one.rounds.tolist()
    assert of_two.killed[:, 0].tolist() == of_one.rows["killed"].tolist()


@pytest.mark.parametrize(
    ("name", "counts"), [("rotation-gap", {0, 20}), ("rotation-overlap", {0, 20, 40})]
)
def test_rounds_are_those_of_the_shooters_that_are_there(name: str, counts: set[int]) -> None:
    # Each of two groups brings 20 Patriot rounds, and nobody fires.
    scenario = load_scenario(name)
    asked = question(scenario, ["patriot"], [])
    course = follow(["hold_fire"], scenario, asked, range(40), "train")["hold_fire"]
    there = ~np.isnan(course.rounds)
    assert set(course.rounds[there]) == counts
    assert set(course.rounds[:, 0]) == {20}
    assert there.sum(axis=1).tolist() == course.rows["raids"].tolist()
    assert not there.all(), "no campaign has as many raids as it may"
    assert not course.lost[~there].any()


def test_the_command_prints_a_table_and_draws_it(tmp_path, capsys) -> None:
    picture = tmp_path / "course.png"
    arguments = ["ballistic", "--shooters", "patriot", "--raids", "4", "--out", str(picture)]
    assert raid_by_raid.main([*arguments, "--policies", "hold_fire"]) == 0
    shown = capsys.readouterr().out
    assert "| hold_fire | 0.0 [0.0, 0.0] |" in shown
    assert "| hold_fire | 2 | 18.0 | 100% | 0.00 |" in shown, "nobody fires: 10 and 8 rounds"
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["balistic"], "did you mean 'ballistic'"),
        (["ballistic", "--shooters", "patroit"], "shooters: unknown 'patroit'"),
        (["ballistic", "--threats", "balloon"], "threats: unknown 'balloon'"),
        (["ballistic", "--policies", "wta_gredy"], "wta_greedy"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(arguments, message, capsys) -> None:
    assert raid_by_raid.main(arguments) == 1
    assert message in capsys.readouterr().err
