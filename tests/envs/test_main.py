"""`python -m envs`: show and check, and the map that it draws."""

from pathlib import Path

import numpy as np
import pytest
import yaml

from envs import load_scenario, scenario_names
from envs.__main__ import (
    campaign_in_words,
    columns_page,
    main,
    picture_in_words,
    summary,
    values_in_words,
)
from envs.rendering.map import coverage_m, draw_scenario, legend_labels
from tests.envs.small import at, changed, mapping, sensor, shooter


@pytest.mark.parametrize("name", scenario_names())
def test_show_prints_every_name_and_draws_a_map(name, tmp_path, capsys):
    picture = tmp_path / "map.png"
    assert main(["show", name, "--out", str(picture), "--altitudes", "80", "300"]) == 0
    shown = capsys.readouterr().out
    scenario = load_scenario(name)
    for entries in (scenario.assets, scenario.shooters, scenario.sensors, scenario.packages):
        for entry in entries:
            assert entry.name in shown
    assert "mean undefended loss: " in shown
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert picture.stat().st_size > 10_000


def test_show_of_a_deployment_and_its_file(tmp_path, capsys):
    picture, file = str(tmp_path / "map.png"), str(tmp_path / "own.yaml")
    asked = ["--deployment", "7", "--split", "test", "--yaml", file]
    assert main(["show", "random", *asked, "--out", picture, "--altitudes", "80"]) == 0
    assert "random-test-7 version 1, " in capsys.readouterr().out
    assert main(["check", file]) == 0
    assert "is right: random-test-7" in capsys.readouterr().out
    assert main(["check", "random"]) == 0
    assert "up to 60 threats, 64 slots" in capsys.readouterr().out
    assert main(["show", "random", "--deployment", "2000"]) == 1
    assert "has numbers from 0 to 1999" in capsys.readouterr().err


def test_check_of_a_right_file(tmp_path, capsys):
    path = tmp_path / "small.yaml"
    path.write_text(yaml.safe_dump(mapping()))
    assert main(["check", str(path)]) == 0
    assert "1 assets, 1 shooters, 1 sensors, 1 to 1 threats, 4 slots" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["check", "show"])
def test_a_wrong_file_is_one_line_and_an_exit_code(command, tmp_path, capsys):
    path = tmp_path / "small.yaml"
    path.write_text(yaml.safe_dump(changed(mapping(), "assets.0.value", -1)))
    assert main([command, str(path)]) == 1
    caught = capsys.readouterr()
    assert caught.out == ""
    assert caught.err.startswith("assets[0].value: -1 is out of range")
    assert main([command, "standart"]) == 1
    assert "did you mean 'standard'?" in capsys.readouterr().err


def test_a_picture_that_cannot_be_written(tmp_path, capsys):
    assert main(["show", "duel", "--out", str(tmp_path / "none" / "map.png")]) == 1
    assert "No such file" in capsys.readouterr().err


@pytest.mark.parametrize(("given", "word"), [("low", "'low'"), ("-5", "'-5'"), ("nan", "'nan'")])
def test_an_altitude_that_is_not_right(given, word, capsys):
    with pytest.raises(SystemExit):
        main(["show", "duel", f"--altitudes={given}"])
    assert f"{word} is not right; metres from 0 to 100000 are" in capsys.readouterr().err


def test_the_picture_in_words():
    perfect = picture_in_words(load_scenario(mapping()))
    assert "picture: perfect\n" in perfect
    assert perfect.endswith("sharing: another nation's tracks at once")
    source = mapping(
        shooters=[
            shooter("own", nation="DEU", networked=False), shooter("all", nation="EST"),
            shooter("late", nation="LVA"),
        ],
        picture={
            "detection": "by_chance", "detections_to_start": 2, "misses_to_lose": 3,
            "organic_sensors": True, "kinds": "believed", "kill_confirmed": 0.9, "false_kill": 0.02,
        },
        sharing={"delay_epochs": {"EST": {"LVA": 4}, "LVA": {"EST": 100_000, "DEU": 4}}},
    )  # fmt: skip
    words = picture_in_words(load_scenario(source))
    for part in (
        "imperfect", "a track after 2 detections", "lost after 3 misses", "organic sensors count",
        "kinds believed, aim points public", "with probability 0.9", "falsely reported with 0.02",
        "another nation's tracks at once; after 4 epochs: EST to LVA, LVA to DEU",
        "never: LVA to EST",
        "with their own sensor alone: own",
    ):  # fmt: skip
        assert part in words, words
    assert "1 and 3 organic sensors" in summary(load_scenario(source))
    source["sharing"] = {"foreign_delay_epochs": 7}
    assert "another nation's tracks after 7 epochs" in picture_in_words(load_scenario(source))


def test_a_campaign_in_words_and_tables(tmp_path, capsys):
    assert campaign_in_words(load_scenario(mapping())) == "campaign: a single raid"
    source = mapping(
        shooters=[shooter("home"), shooter("guest", nation="DEU"), shooter("other", nation="DEU")],
        campaign={"raids": 3, "lull_days": [2, 4.5], "days": 20, "repair_per_day": 0.03},
        deliveries=[
            {"kind": "nasams", "rounds_per_day": 0.5, "first_day": 4},
            {"kind": "nasams", "rounds_per_day": 2, "nations": ["DEU", "LVA"]},
        ],
        contingents=[
            {"name": "guests", "nation": "DEU", "shooters": ["guest"], "leaves_day": 7},
            {"name": "relief", "nation": "DEU", "shooters": ["other"], "arrives_day": 8,
             "travel_days": 1.5},
        ],
    )  # fmt: skip
    words = campaign_in_words(load_scenario(source))
    assert words == (
        "campaign: 3 raids; over within 182 steps\n"  # of at most 2 lulls of 4.5 days
        "  lulls of 2 to 4.5 days; a day repairs 3 % of each asset"
    )
    assert summary(load_scenario(source)).endswith(", 3 raids")
    source["campaign"] |= {"repair_per_day": 0.0, "days": 8.5}
    words = campaign_in_words(load_scenario(source))
    assert "3 raids, none of them after day 8.5; over" in words
    assert words.endswith("a day repairs nothing")
    path = tmp_path / "small.yaml"
    path.write_text(yaml.safe_dump(source))
    assert main(["show", str(path), "--out", str(tmp_path / "map.png")]) == 0
    rows = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    for row in (
        "guests DEU 0-7 guest", "relief DEU 9.5- other", "nasams 0.5 4 all",
        "nasams 2 0 DEU, LVA",
    ):  # fmt: skip
        assert row in rows, rows


AIRCRAFT = {
    "name": "sport", "kinds": {"light_aircraft": 1}, "number": [1, 3], "chance": 0.25,
    "time_on_target_min": [20, 25], "entry": [at(-30, 20)], "exit": [at(-10, -40), at(0, -30)],
}  # fmt: skip
PAIR = {"name": "pair", "kind": "fighter_pair", "rounds": 2}


def test_fighter_pairs_and_traffic_in_words_and_tables(tmp_path, capsys):
    source = mapping(neutral_penalty=2.5, value_meur=300, clock_min=30)
    source["packages"].append(AIRCRAFT)
    source["shooters"] += [
        shooter("alert") | PAIR, shooter("aloft") | PAIR | {"name": "aloft", "patrol": at(0, 20)},
    ]  # fmt: skip
    scenario = load_scenario(source)
    assert "1 to 1 threats, 0 to 3 neutral aircraft, " in summary(scenario)
    loss, neutral = values_in_words(scenario).splitlines()
    lost, money = float(loss.split()[3]), float(loss.split()[-3])
    assert loss == f"mean undefended loss: {lost:.2f} of asset value, {money:.0f} million EUR"
    assert money == pytest.approx(300.0 * lost, abs=2.0)  # 300 * 0.005 and its own rounding
    assert neutral == "neutral aircraft: the penalty for each shot down is 2.5 of asset value"
    path = tmp_path / "small.yaml"
    path.write_text(yaml.safe_dump(source))
    assert main(["show", str(path), "--out", str(tmp_path / "map.png")]) == 0
    shown = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    (pair,) = (row for row in shown if row.startswith("pair "))
    assert pair.endswith(" on alert at its base")
    (aloft,) = (row for row in shown if row.startswith("aloft "))
    assert aloft.endswith(" {:g} E {:g} N".format(*at(0, 20)))
    (sport,) = (row for row in shown if row.startswith("sport "))
    first, last = ("{:g} E {:g} N".format(*place) for place in AIRCRAFT["exit"])
    assert sport == f"sport 1-3 25 20-25 light_aircraft 1 {first} to {last}"


def test_what_a_scenario_does_not_have_is_not_shown(tmp_path, capsys):
    assert main(["show", "duel", "--out", str(tmp_path / "map.png")]) == 0
    shown = capsys.readouterr().out
    assert not [word for word in ("neutral", "patrol", "chance", "exit") if word in shown]


@pytest.mark.parametrize(("hand_out", "word"), [("by_need", "by need"), ("decided", "action says")])
def test_who_hands_out_deliveries_is_said(hand_out, word, tmp_path, capsys):
    source = mapping(
        campaign={"raids": 2, "hand_out": hand_out},
        deliveries=[{"kind": "nasams", "rounds_per_day": 1}],
    )
    path = tmp_path / "small.yaml"
    path.write_text(yaml.safe_dump(source))
    assert main(["show", str(path), "--out", str(tmp_path / "map.png")]) == 0
    (line,) = (row for row in capsys.readouterr().out.splitlines() if row.startswith("deliveries"))
    assert line.endswith(word)


def test_the_legend_explains_what_is_on_the_map_and_no_more(tmp_path):
    new = {
        "base of fighter pairs", "fighter pair on patrol", "neutral aircraft, from where to where",
    }  # fmt: skip
    assert not new & set(legend_labels(load_scenario("duel")))
    assert new <= set(legend_labels(load_scenario("air-policing")))
    source = mapping(shooters=[shooter("alert") | PAIR])
    scenario = load_scenario(source)  # nobody but a pair on alert
    assert new & set(legend_labels(scenario)) == {"base of fighter pairs"}
    draw_scenario(scenario, tmp_path / "map.png", (100.0,))
    assert (tmp_path / "map.png").read_bytes().startswith(b"\x89PNG")


# How far a drone is in view of a radar: by the horizon, 4124 (sqrt(30) + sqrt(h)) m; or by its
# range, 400 km times the drone's signature, as a slant range.
@pytest.mark.parametrize(
    ("altitude_m", "expected_m"),
    [(100.0, 4124.0 * (30.0**0.5 + 10.0)), (16e3, (240e3**2 - 16e3**2) ** 0.5)],
)
def test_coverage_ends_at_the_horizon_or_at_the_range(altitude_m, expected_m):
    scenario = load_scenario(mapping())  # the radar stands at the middle of the map
    places_m = np.array([[0.0, 0.0], [0.0, expected_m - 1.0], [expected_m + 1.0, 0.0]])
    inside = coverage_m(scenario, places_m, altitude_m)
    assert inside == pytest.approx([expected_m, 1.0, -1.0], abs=1e-3)


def test_coverage_of_a_flying_sensor_is_what_its_whole_orbit_sees():
    orbit = {"name": "eye", "kind": "airborne_radar", "path": [at(-50, 0), at(50, 0)]}
    scenario = load_scenario(mapping(sensors=[orbit]))
    inside = coverage_m(scenario, np.zeros((1, 2)), 0.0)  # 350 km * 0.6, seen from 50 km away
    assert inside == pytest.approx([210e3 - 50e3], abs=1.0)
    ears = {"name": "ears", "kind": "acoustic_line", "path": [at(0, 0), at(9, 0)]}
    assert np.all(coverage_m(load_scenario(mapping(sensors=[ears])), np.zeros((1, 2)), 0.0) < 0)


def test_a_map_with_every_kind_of_sensor(tmp_path):
    ears = {"name": "ears", "kind": "acoustic_line", "path": [at(0, 0), at(9, 0), at(9, 9)]}
    orbit = {"name": "eye", "kind": "airborne_radar", "path": [at(-50, 0), at(50, 0)]}
    for sensors in ([sensor(), ears, orbit], [ears], [orbit]):
        scenario = load_scenario(mapping(sensors=sensors, picture={"organic_sensors": True}))
        for altitudes_m in ((100.0, 3000.0), (0.0,), (5.0, 50_000.0, 500.0)):
            draw_scenario(scenario, tmp_path / "map.png", altitudes_m)
            assert (tmp_path / "map.png").read_bytes().startswith(b"\x89PNG")


def test_the_page_of_columns_is_what_the_code_says():
    page = Path(__file__).parents[2] / "docs" / "observation.md"
    assert page.read_text(encoding="utf-8") == columns_page(), "run python -m envs columns"


def test_columns_prints_the_page(capsys):
    assert main(["columns"]) == 0
    assert "| `aim_belief` |  | 0 to 1 |" in capsys.readouterr().out
