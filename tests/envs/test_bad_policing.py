"""Scenario errors about traffic, fighter pairs, jammers and decided deliveries."""

import pytest

from envs import load_scenario
from tests.envs.small import at, changed, mapping, package, shooter, traffic
from tests.envs.test_bad_scenarios import INF, campaigning, says


def test_there_is_something_to_decide_about():
    source = campaigning(deliveries=[])
    source["campaign"]["hand_out"] = "decided"
    says(source, "campaign.hand_out", "'decided'", "deliveries are needed", "'by_need'")


def test_a_jammer_takes_no_delivery():
    source = campaigning(shooters=[shooter("home"), shooter("guest", "jammer", rounds=1)])
    source |= {"contingents": [], "deliveries": [{"kind": "jammer", "rounds_per_day": 1}]}
    says(source, "deliveries[0].kind", "jammer spends no rounds", "leave it out")


@pytest.mark.parametrize(
    ("path", "value", "parts"),
    [
        ("packages.0.exit", [at(0, 9)],
         ("packages[0].exit", "threats aim at assets", "leave it out", "aim")),
        ("packages.1.kinds", {"light_aircraft": 1, "slow_drone": 1},
         ("packages[1].kinds", "(light_aircraft)", "cannot share a package", "two packages")),
        ("packages.1.exit", [], ("packages[1].exit", "missing", "a list of positions")),
        ("packages.1.exit", [[0, 0]], ("packages[1].exit[0]", "off the map")),
        ("packages.1.exit", "east", ("packages[1].exit", "'east'", "[longitude, latitude]")),
        ("packages.1.aim", ["depot"], ("packages[1].aim", "aim at nothing", "leave it out")),
        ("packages.1.same_aim", True, ("packages[1].aim", "aim at nothing", "leave it out")),
        ("packages.1.exit", [at(200, 15)],
         ("packages[1]", "light_aircraft", "outside the clock", "now 13")),
        ("packages.0.chance", 1.5, ("packages[0].chance", "1.5", "from 0 to 1")),
        ("packages.0.chance", -0.1, ("packages[0].chance", "-0.1", "from 0 to 1")),
        ("shooters.0.patrol", at(3, 3),
         ("shooters[0].patrol", "a nasams does not fly", "leave it out")),
        ("shooters.1.patrol", [0, 0], ("shooters[1].patrol", "off the map")),
        ("shooters.1.patrol", [24], ("shooters[1].patrol", "[24]", "a list of 2 numbers")),
        ("shooters.2.rounds", 0, ("shooters[2].rounds", "0", "engage nothing", "needs 1")),
        ("neutral_penalty", -1, ("neutral_penalty", "-1", "from 0 to 1e+06")),
        ("neutral_penalty", INF, ("neutral_penalty", "inf", "a finite number")),
        ("value_meur", -1, ("value_meur", "-1", "from 0 to 1e+06")),
    ],
)  # fmt: skip
def test_a_wrong_value_about_traffic_and_pairs_is_named(path, value, parts):
    shooters = [shooter(), shooter("pair", "fighter_pair"), shooter("jammer", "jammer", rounds=1)]
    source = mapping(
        shooters=shooters, clock_min=13,
        packages=[package(exit=[]), package("light", "light_aircraft", exit=[at(15, 15)], aim=[],
                                            entry=(-15, 15), same_aim=False)],
    )  # fmt: skip
    assert load_scenario(source).traffic
    says(changed(source, path, value), *parts)


def test_a_raid_is_never_empty():
    # One that comes by chance alone may stay away, and traffic is not attacked.
    says(mapping(packages=[package(chance=0.9)]), "packages", "can be empty", "with chance 1")
    both = [package(number=(0, 2)), package("other", chance=0.5)]
    says(mapping(packages=both), "packages", "can be empty", "with chance 1")
    assert load_scenario(mapping(packages=[*both, package("third")]))


def test_traffic_alone_gives_a_shooter_no_work():
    says(mapping(packages=[traffic()]), "shooters[0].kind", "'nasams'", "none of the raid's")
