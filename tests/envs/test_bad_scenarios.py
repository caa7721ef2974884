"""Scenario errors: each names the key, the value and what would be right, before the first step."""

import re
from dataclasses import replace

import pytest
import yaml

from envs import ScenarioError, load_scenario, scenario_names
from envs import catalogue as kinds
from envs.catalogue import SensorKind, ShooterKind, ThreatKind, load_catalogue
from envs.validation import build
from tests.envs.small import asset, at, changed, mapping, package, sensor, shooter

NAN, INF = float("nan"), float("inf")


def message(source):
    """Return the text of the error that a scenario gets."""
    with pytest.raises(ScenarioError) as caught:
        load_scenario(source)
    return str(caught.value)


def says(source, *parts):
    text = message(source)
    for part in parts:
        assert part in text, text


def test_the_scenario_that_the_others_are_made_of_is_right():
    assert load_scenario(mapping()).num_slots == 4


@pytest.mark.parametrize(
    ("path", "value", "parts"),
    [
        # Unknown kinds, with the nearest spelling, and all that are known.
        ("shooters.0.kind", "nasam",
         ("shooters[0].kind", "'nasam'", "did you mean 'nasams'?", "patriot")),
        ("sensors.0.kind", "gap_filer_radar",
         ("sensors[0].kind", "did you mean 'gap_filler_radar'?")),
        ("packages.0.kinds", {"slow_dron": 1},
         ("packages[0].kinds.slow_dron", "did you mean 'slow_drone'?", "decoy")),
        ("shooters.0.kind", "trebuchet", ("shooters[0].kind", "'trebuchet'", "known: patriot, ")),
        # Negative and non-finite numbers.
        ("assets.0.value", -1, ("assets[0].value", "-1", "from 1e-06 to 1e+06")),
        ("assets.0.value", NAN, ("assets[0].value", "nan", "a finite number")),
        ("assets.0.value", INF, ("assets[0].value", "inf", "a finite number")),
        ("shooters.0.rounds", -2, ("shooters[0].rounds", "-2", "a whole number from 0")),
        ("clock_min", -5, ("clock_min", "-5", "from 0.1")),
        ("epoch_s", 0, ("epoch_s", "0", "from 0.1")),
        ("slots", 0, ("slots", "0", "a whole number from 1")),
        ("packages.0.number", [-1, 2], ("packages[0].number[0]", "-1")),
        ("packages.0.kinds", {"slow_drone": -1},
         ("packages[0].kinds.slow_drone", "-1", "0 or more")),
        ("packages.0.kinds", {"slow_drone": NAN}, ("packages[0].kinds.slow_drone", "nan")),
        ("packages.0.time_on_target_min", [0, INF], ("packages[0].time_on_target_min[1]", "inf")),
        # Probabilities and shares outside [0, 1].
        ("assets.0.hardness", 1.2, ("assets[0].hardness", "1.2", "from 0 to 1")),
        ("assets.0.hardness", -0.1, ("assets[0].hardness", "-0.1", "from 0 to 1")),
        # Positions off the map.
        ("assets.0.position", [5.0, 55.0],
         ("assets[0].position", "[5.0, 55.0]", "off the map", "from 17 to 32")),
        ("shooters.0.position", [24.0, 70.0],
         ("shooters[0].position", "off the map", "from 52.5 to 61.5")),
        ("sensors.0.position", [54.9, 23.9], ("sensors[0].position", "[longitude, latitude]")),
        ("packages.0.entry", [[0, 0]], ("packages[0].entry[0]", "off the map")),
        ("packages.0.routes", [[], [[24, 57], [0, 0]]],
         ("packages[0].routes[1][1]", "off the map")),
        ("assets.0.position", [24.0, NAN], ("assets[0].position[1]", "nan")),
        ("assets.0.position", [24.0], ("assets[0].position", "[24.0]", "a list of 2 numbers")),
        # A shooter that can engage nothing.
        ("shooters.0.rounds", 0, ("shooters[0].rounds", "0", "engage nothing", "spends 1")),
        ("packages.0.kinds", {"ballistic_missile": 1},
         ("shooters[0].kind", "'nasams'", "none of the raid's threats", "ballistic_missile")),
        # A raid that cannot arrive within the clock.
        ("clock_min", 6,
         ("packages[0]", "slow_drone", "6.7 minutes", "clock_min above 6.7", "now 6")),
        ("packages.0.time_on_target_min", [0, 12],
         ("packages[0]", "12.0 minutes", "outside the clock")),
        # More threats than slots.
        ("packages.0.number", [1, 9], ("slots", "4", "9 threats", "9 or more")),
        # Wrong types and orders.
        ("slots", 2.5, ("slots", "2.5", "a whole number")),
        ("slots", True, ("slots", "True", "a whole number")),
        ("clock_min", "ten", ("clock_min", "'ten'", "a finite number")),
        ("name", 7, ("name", "7", "not a text")),
        ("packages.0.number", [3, 1], ("packages[0].number", "[3, 1]", "[smallest, largest]")),
        ("packages.0.number", 3, ("packages[0].number", "3", "a list of 2 numbers")),
        ("packages.0.number", [0, 0], ("packages", "can be empty", "1 or more")),
        ("packages.0.same_aim", "yes", None),
        ("packages.0.kinds", {}, ("packages[0].kinds", "{}", "mapping of kind to weight")),
        ("packages.0.kinds", {"slow_drone": 0}, ("packages[0].kinds", "no weight above 0")),
        ("packages.0.routes", [], ("packages[0].routes", "[]", "[[]] is straight")),
        ("packages.0.entry", [], ("packages[0]", "either entry", "or sector")),
        ("assets", [], ("assets", "[]", "one or more entries")),
        ("sensors", None, ("sensors", "None", "one or more entries")),
        ("assets.0", "depot", ("assets[0]", "'depot'", "a mapping of keys to values")),
        ("packages.0", 3, ("packages[0]", "3", "a mapping of keys to values")),
        ("shooters.0.rounds", 99,
         ("shooters[0].rounds", "99", "magazine of nasams", "(6)", "reserve_rounds")),
        # The picture.
        ("picture", {"kinds": "belived"},
         ("picture.kinds", "'belived'", "did you mean 'believed'?", "public")),
        ("picture", {"aims": True}, ("picture.aims", "True", "known: ", "public", "believed")),
        ("picture", {"detection": "chance"},
         ("picture.detection", "did you mean 'by_chance'?", "in_view")),
        ("picture", {"detections_to_start": 0},
         ("picture.detections_to_start", "0", "a whole number from 1 to 20")),
        ("picture", {"misses_to_lose": 21}, ("picture.misses_to_lose", "21", "from 1 to 20")),
        ("picture", {"organic_sensors": 1}, ("picture.organic_sensors", "1", "true or false")),
        ("picture", {"kill_confirmed": 1.1}, ("picture.kill_confirmed", "1.1", "from 0 to 1")),
        ("picture", {"false_kill": -0.1}, ("picture.false_kill", "-0.1", "from 0 to 1")),
        ("picture", {"organic_sensor": True},
         ("picture.organic_sensor", "did you mean 'organic_sensors'?")),
        ("picture", None, ("picture", "None", "a mapping of keys to values")),
        # Sharing and networks.
        ("sharing", {"foreign_delay_epochs": -1},
         ("sharing.foreign_delay_epochs", "-1", "a whole number from 0 to 100000")),
        ("sharing", {"foreign_delay": 1},
         ("sharing.foreign_delay", "did you mean 'foreign_delay_epochs'?", "delay_epochs")),
        ("sharing", 3, ("sharing", "3", "a mapping of keys to values")),
        ("sharing", {"delay_epochs": 3}, ("sharing.delay_epochs", "3", "a mapping of keys")),
        ("sharing", {"delay_epochs": {"LVA": 3}},
         ("sharing.delay_epochs.LVA", "3", "a mapping of keys to values")),
        ("sharing", {"delay_epochs": {"LVV": {"LVA": 3}}},
         ("sharing.delay_epochs.LVV", "'LVV'", "did you mean 'LVA'?")),
        ("sharing", {"delay_epochs": {"LVA": {"USA": 3}}},
         ("sharing.delay_epochs.LVA.USA", "'USA'", "known: LVA")),
        ("sharing", {"delay_epochs": {"LVA": {"LVA": 1}}},
         ("sharing.delay_epochs.LVA.LVA", "1", "its own tracks at once", "0 is needed")),
        ("sharing", {"delay_epochs": {"LVA": {"LVA": 0.5}}},
         ("sharing.delay_epochs.LVA.LVA", "0.5", "a whole number from 0 to 100000")),
        ("shooters.0.networked", False,
         ("shooters[0].networked", "false", "picture.organic_sensors: true is needed")),
        ("shooters.0.networked", "no", ("shooters[0].networked", "'no'", "true or false")),
        # Sensors.
        ("sensors.0.nation", 7, ("sensors[0].nation", "7", "not a text")),
        ("sensors.0.asset", "depott", ("sensors[0].asset", "'depott'", "did you mean 'depot'?")),
        ("sensors.0.path", [at(0, 0), at(1, 0)],
         ("sensors[0].path", "a long_range_radar has none", "position alone")),
        ("sensors.0.kind", "acoustic_line",
         ("sensors[0].path", "missing", "line of microphones", "2 to 16 positions")),
        ("sensors.0.kind", "airborne_radar",
         ("sensors[0].path", "missing", "closed orbit", "2 or more positions")),
        # Unknown aims and assets.
        ("packages.0.aim", ["deppot"], ("packages[0].aim", "'deppot'", "did you mean 'depot'?")),
        ("packages.0.aim", "depot", ("packages[0].aim", "'depot'", "a list of asset names")),
    ],
)  # fmt: skip
def test_a_wrong_value_is_named(path, value, parts):
    source = mapping(packages=[package(same_aim=False)])
    if parts is None:
        parts = ("packages[0].same_aim", "'yes'", "true or false")
    says(changed(source, path, value), *parts)


@pytest.mark.parametrize(
    ("path", "near"),
    [
        ("slotz", "slots"),
        ("clock_mins", "clock_min"),
        ("assets.0.hardnes", "hardness"),
        ("shooters.0.reserve_round", "reserve_rounds"),
        ("sensors.0.positon", "position"),
        ("sensors.0.pat", "path"),
        ("shooters.0.network", "networked"),
        ("packages.0.spread", "spread_min"),
    ],
)
def test_a_misspelt_key_gets_the_nearest_spelling(path, near):
    *_, key = path.split(".")
    says(changed(mapping(), path, 1), key, f"did you mean {near!r}?", "known: ")


@pytest.mark.parametrize(("misspelt", "right"), [("asset", "assets"), ("shooter", "shooters")])
def test_a_misspelt_list_gets_the_nearest_spelling(misspelt, right):
    source = mapping()
    source[misspelt] = source.pop(right)
    says(source, repr(misspelt), f"did you mean {right!r}?")


@pytest.mark.parametrize(
    "path", ["slots", "name", "clock_min", "assets.0.value", "shooters.0.kind", "packages.0.number",
             "packages.0.time_on_target_min", "sensors.0.position", "packages.0.kinds"],
)  # fmt: skip
def test_a_missing_key_is_named(path):
    source = changed(mapping(), path, None)
    *parents, key = path.split(".")
    place = source
    for parent in parents:
        place = place[int(parent) if parent.isdigit() else parent]
    del place[key]
    full = re.sub(r"\.(\d+)", r"[\1]", path)
    says(source, full, "missing", "is needed")


@pytest.mark.parametrize("key", ["assets", "shooters", "sensors", "packages", "routes"])
def test_a_missing_or_empty_list_is_named(key):
    source = mapping()
    if key == "routes":
        source["packages"][0]["routes"] = "straight"
        says(source, "packages[0].routes", "'straight'")
    else:
        del source[key]
        says(source, key, "one or more entries")


@pytest.mark.parametrize(
    ("key", "rows"),
    [
        ("assets", [asset("twin"), asset("twin", (1, 1))]),
        ("shooters", [shooter("twin"), shooter("twin")]),
        ("sensors", [sensor("twin"), sensor("twin")]),
        ("packages", [package("twin"), package("twin")]),
    ],
)
def test_names_that_stand_twice(key, rows):
    says(mapping(**{key: rows}), key, "'twin'", "twice", "must differ")


def test_a_shooter_that_is_an_unknown_asset():
    says(mapping(shooters=[shooter(asset="depott")]), "shooters[0].asset", "did you mean 'depot'?")


@pytest.mark.parametrize(
    ("kind", "path", "parts"),
    [
        ("acoustic_line", [at(0, 0)],
         ("sensors[0].path", "1 positions", "line of microphones", "2 to 16 positions")),
        ("acoustic_line", [], ("sensors[0].path", "0 positions", "2 to 16 positions")),
        ("acoustic_line", [at(n, 0) for n in range(17)],
         ("sensors[0].path", "17 positions", "2 to 16 positions")),
        ("acoustic_line", [at(5, 5)] * 3, ("sensors[0].path", "all at one place")),
        ("acoustic_line", [at(0, 0), [0, 0]], ("sensors[0].path[1]", "off the map")),
        ("acoustic_line", "coast", ("sensors[0].path", "'coast'", "[longitude, latitude]")),
        ("acoustic_line", None, ("sensors[0].path", "None", "[longitude, latitude]")),
        ("airborne_radar", [at(0, 0)],
         ("sensors[0].path", "1 positions", "closed orbit", "2 or more positions")),
        ("airborne_radar", [at(5, 5)] * 2, ("sensors[0].path", "all at one place")),
    ],
)  # fmt: skip
def test_a_wrong_path_of_a_sensor(kind, path, parts):
    says(mapping(sensors=[{"name": "ears", "kind": kind, "path": path}]), *parts)


def test_a_sensor_that_stands_elsewhere_than_its_path_begins():
    ears = {"name": "ears", "kind": "acoustic_line", "path": [at(0, 0), at(9, 0)]}
    says(mapping(sensors=[{**ears, "position": at(9, 0)}]), "sensors[0].position", "leave it out")
    begins = load_scenario(mapping(sensors=[{**ears, "position": at(0, 0)}]))
    assert begins.sensors[0].position == tuple(at(0, 0))


def test_a_stovepiped_shooter_without_a_sensor_of_its_own(monkeypatch):
    blind = replace(load_catalogue().shooters["nasams"], sensor="")
    monkeypatch.setitem(load_catalogue().shooters, "nasams", blind)
    source = mapping(shooters=[shooter(networked=False)], picture={"organic_sensors": True})
    says(source, "shooters[0].networked", "'nasams' has no organic sensor", "true is needed")


def campaigning(**keys):
    """Return a campaign: a battery of Latvia that stays, a German one that comes and goes."""
    return mapping(
        **{
            "shooters": [shooter("home"), shooter("guest", "rbs70", nation="DEU")],
            "campaign": {"raids": 3, "lull_days": [2, 4], "days": 20, "repair_per_day": 0.1},
            "deliveries": [{"kind": "rbs70", "rounds_per_day": 1, "nations": ["DEU"]}],
            "contingents": [{"name": "guests", "nation": "DEU", "shooters": ["guest"],
                             "arrives_day": 3, "travel_days": 1, "leaves_day": 9}],
            **keys,
        }
    )  # fmt: skip


def test_the_campaign_that_the_others_are_made_of_is_right():
    scenario = load_scenario(campaigning())
    assert scenario.campaign.raids == 3
    assert scenario.contingents[0].ready_day == 4.0
    assert load_scenario(campaigning(deliveries=[], contingents=[])).deliveries == ()


@pytest.mark.parametrize(
    ("path", "value", "parts"),
    [
        ("campaign", 3, ("campaign", "3", "a mapping of keys to values")),
        ("campaign.raids", 0, ("campaign.raids", "0", "a whole number from 1 to 1000")),
        ("campaign.raids", 1001, ("campaign.raids", "1001", "from 1 to 1000")),
        ("campaign.raids", 2.0, ("campaign.raids", "2.0", "a whole number")),
        ("campaign.raid", 2, ("campaign.raid", "did you mean 'raids'?", "lull_days")),
        ("campaign.lull_days", [0, 4], ("campaign.lull_days[0]", "0", "from 0.1 to 365")),
        ("campaign.lull_days", [1, 366], ("campaign.lull_days[1]", "366", "from 0.1 to 365")),
        ("campaign.lull_days", [4, 2], ("campaign.lull_days", "[4.0, 2.0]", "[smallest, largest]")),
        ("campaign.lull_days", 3, ("campaign.lull_days", "3", "a list of 2 numbers")),
        ("campaign.days", -1, ("campaign.days", "-1", "from 0 to 10000")),
        ("campaign.days", INF, ("campaign.days", "inf", "a finite number")),
        ("campaign.repair_per_day", 1.5, ("campaign.repair_per_day", "1.5", "from 0 to 1")),
        ("campaign.hand_out", "by_ned",
         ("campaign.hand_out", "did you mean 'by_need'?", "decided")),
        ("deliveries", {"kind": "rbs70"}, ("deliveries", "rbs70", "zero or more entries")),
        ("deliveries", None, ("deliveries", "None", "zero or more entries")),
        ("deliveries.0", "rbs70", ("deliveries[0]", "'rbs70'", "a mapping of keys to values")),
        ("deliveries.0.kind", "rbs7",
         ("deliveries[0].kind", "'rbs7'", "did you mean 'rbs70'?", "nasams")),
        ("deliveries.0.kind", "patriot",
         ("deliveries[0].kind", "unknown 'patriot'", "known: nasams, rbs70")),
        ("deliveries.0.rounds_per_day", -1, ("deliveries[0].rounds_per_day", "-1", "from 0 to")),
        ("deliveries.0.rounds_per_day", NAN, ("deliveries[0].rounds_per_day", "nan")),
        ("deliveries.0.first_day", -1, ("deliveries[0].first_day", "-1", "from 0 to 10000")),
        ("deliveries.0.firstday", 1, ("deliveries[0].firstday", "did you mean 'first_day'?")),
        ("deliveries.0.nations", "DEU", ("deliveries[0].nations", "'DEU'", "a list of nation")),
        ("deliveries.0.nations", ["DEV"],
         ("deliveries[0].nations", "'DEV'", "did you mean 'DEU'?", "LVA")),
        ("deliveries.0.nations", ["LVA"],
         ("deliveries[0].nations", "['LVA']", "no rbs70", "one or more of ['DEU']")),
        ("contingents", "guests", ("contingents", "'guests'", "zero or more entries")),
        ("contingents.0", 3, ("contingents[0]", "3", "a mapping of keys to values")),
        ("contingents.0.name", "", ("contingents[0].name", "''", "not a text")),
        ("contingents.0.nation", "DEV",
         ("contingents[0].nation", "'DEV'", "did you mean 'DEU'?", "LVA")),
        ("contingents.0.nation", "LVA",
         ("contingents[0].shooters", "'guest' is of DEU", "a shooter of LVA")),
        ("contingents.0.shooters", "guest",
         ("contingents[0].shooters", "'guest'", "a list of shooter names")),
        ("contingents.0.shooters", [],
         ("contingents[0].shooters", "missing", "a list of names of shooters is needed")),
        ("contingents.0.shooters", ["gest"],
         ("contingents[0].shooters", "'gest'", "did you mean 'guest'?", "home")),
        ("contingents.0.shooters", ["guest", "guest"],
         ("contingents[0].shooters", "'guest'", "in 'guests' already", "one contingent")),
        ("contingents.0.leaves_day", 4,
         ("contingents[0].leaves_day", "4 is not after", "arrives_day + travel_days", "than 4")),
        ("contingents.0.leaves_day", 3.5, ("contingents[0].leaves_day", "3.5", "more than 4")),
        ("contingents.0.arrives_day", -1, ("contingents[0].arrives_day", "-1", "from 0 to")),
        ("contingents.0.travel_days", INF, ("contingents[0].travel_days", "inf")),
        ("contingents.0.arives_day", 1,
         ("contingents[0].arives_day", "did you mean 'arrives_day'?")),
    ],
)  # fmt: skip
def test_a_wrong_campaign_is_named(path, value, parts):
    says(changed(campaigning(), path, value), *parts)


@pytest.mark.parametrize(
    ("key", "missing"),
    [
        ("deliveries", "kind"), ("deliveries", "rounds_per_day"),
        ("contingents", "name"), ("contingents", "nation"), ("contingents", "shooters"),
    ],
)  # fmt: skip
def test_a_missing_key_of_a_campaign_is_named(key, missing):
    source = campaigning()
    del source[key][0][missing]
    says(source, f"{key}[0].{missing}", "missing", "is needed")


@pytest.mark.parametrize("key", ["deliveries", "contingents"])
def test_what_comes_between_raids_needs_more_than_one(key):
    other = {"deliveries": "contingents", "contingents": "deliveries"}[key]
    for campaign in ({}, {"raids": 1}):
        source = campaigning(campaign=campaign, **{other: []})
        says(source, f"{key}: ", "campaign.raids", "2 or more", "now 1")


def test_a_shooter_in_two_contingents():
    source = campaigning()
    source["contingents"].append({**source["contingents"][0], "name": "more"})
    says(source, "contingents[1].shooters", "'guest'", "in 'guests' already")
    source["contingents"][1]["name"] = "guests"
    says(source, "contingents", "'guests'", "twice", "must differ")


@pytest.mark.parametrize("late", [{"arrives_day": 2}, {"travel_days": 2}])
def test_somebody_is_there_on_day_0(late):
    source = campaigning(shooters=[shooter("guest", "rbs70", nation="DEU")])
    source["contingents"] = [
        {"name": "late", "nation": "DEU", "shooters": ["guest"], "leaves_day": 9, **late}
    ]
    says(source, "contingents", "no shooter is there on day 0", "day 2 ('late')", "is needed")
    source["contingents"][0] |= {"arrives_day": 0, "travel_days": 0}
    assert load_scenario(source).presence_days.tolist() == [[0.0, 9.0]]


def test_fewer_slots_than_threats_need_an_imperfect_picture():
    many = mapping(slots=1, packages=[package(number=(1, 9))])
    says(many, "slots", "9 or more is needed where the picture is perfect")
    for imperfect in (
        {"detection": "by_chance"}, {"kinds": "believed"}, {"aims": "believed"},
        {"detections_to_start": 2}, {"misses_to_lose": 2},
        {"kill_confirmed": 0.9, "misses_to_lose": 2}, {"false_kill": 0.1},
    ):  # fmt: skip
        scenario = load_scenario({**many, "picture": imperfect})
        assert (scenario.num_slots, scenario.num_threats) == (1, 9)
    assert load_scenario(mapping(slots=12)).num_threats == 12


def test_entry_and_sector_exclude_each_other():
    sector = {"centre": at(0, 0), "radius_km": 20, "from_deg": 0, "to_deg": 90}
    says(mapping(packages=[package(sector=sector)]), "packages[0]", "either entry", "or sector")


@pytest.mark.parametrize(
    ("key", "value", "parts"),
    [
        ("radius_km", 0, ("packages[0].sector.radius_km", "0", "from 1")),
        ("from_deg", 900, ("packages[0].sector.from_deg", "900")),
        ("centre", [24.0, 91.0], ("packages[0].sector.centre", "off the map")),
        ("angle", 5, ("packages[0].sector.angle", "unknown 'angle'", "known: ")),
    ],
)
def test_a_wrong_sector(key, value, parts):
    bad = package()
    del bad["entry"]
    bad["sector"] = {"centre": at(0, 0), "radius_km": 20, "from_deg": 0, "to_deg": 90, key: value}
    says(mapping(packages=[bad]), *parts)


def test_a_kind_of_weight_zero_does_not_give_a_shooter_work():
    source = mapping(packages=[package(kind="ballistic_missile", entry=(0, 60))])
    source["packages"][0]["kinds"]["slow_drone"] = 0
    says(source, "shooters[0].kind", "'nasams'", "none of the raid's threats")


def test_a_ballistic_missile_from_its_own_aim_point():
    source = mapping(
        packages=[package(kind="ballistic_missile", entry=(0, 0))],
        shooters=[shooter(kind="patriot")],
    )
    says(source, "packages[0].entry")


def test_an_unknown_scenario_gets_the_nearest_name():
    says("standart", "scenario", "'standart'", "did you mean 'standard'?", *scenario_names())


def test_files_that_cannot_be_read(tmp_path):
    says(tmp_path / "none.yaml", "cannot read", "none.yaml", "No such file")
    broken = tmp_path / "broken.yaml"
    broken.write_text("assets: [1, 2\n")
    says(broken, "broken.yaml", "not YAML", "line")
    twice = tmp_path / "twice.yaml"
    twice.write_text("name: a\nassets:\n  - {kind: depot, value: 1, value: 2}\n")
    says(twice, "twice.yaml", "line 3", "the key 'value' stands twice")
    listed = tmp_path / "list.yaml"
    listed.write_text("- 1\n- 2\n")
    says(str(listed), "list.yaml", "expected a mapping")
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"\xff\xfe\x00\x80")
    says(str(binary), "binary.yaml")


def test_a_file_a_mapping_and_a_name_give_the_same(tmp_path):
    path = tmp_path / "small.yaml"
    path.write_text(yaml.safe_dump(mapping()))
    from_file, from_mapping = load_scenario(path), load_scenario(mapping())
    for field in ("name", "slots", "assets", "shooters", "sensors", "packages", "max_epochs"):
        assert getattr(from_file, field) == getattr(from_mapping, field)
    assert load_scenario(from_file) is from_file


def test_the_catalogue_has_a_source_and_bounds_for_every_kind():
    catalogue = load_catalogue()
    for table in (catalogue.threats, catalogue.shooters, catalogue.sensors):
        assert table
        assert all(kind.source for kind in table.values())


@pytest.mark.parametrize(
    ("record", "key", "value"),
    [
        (ThreatKind, "hit_probability", 1.5),
        (ThreatKind, "evasion", -0.5),
        (ThreatKind, "speed_mps", 0.0),
        (ShooterKind, "pk_falloff", 2.0),
        (ShooterKind, "fire_channels", 0),
        (ShooterKind, "air_range_km", [-1, 5]),
        (SensorKind, "detection", 1.1),
        (SensorKind, "identification_rate", -0.1),
        (SensorKind, "identification_accuracy", 2),
        (SensorKind, "orbit_speed_mps", -1),
        (SensorKind, "acoustic", "yes"),
    ],
)
def test_catalogue_rows_are_checked_alike(record, key, value):
    catalogue = load_catalogue()
    tables = (catalogue.threats, catalogue.shooters, catalogue.sensors)
    row = next(row for table in tables for row in table.values() if isinstance(row, record))
    data = {**vars(row), key: value}
    with pytest.raises(ScenarioError, match=rf"^kind\.{key}"):
        build(record, data, "kind")


@pytest.mark.parametrize(
    ("table", "name", "key", "value", "parts"),
    [
        ("shooter", "nasams", "sensor", "medium_rada",
         ("shooter.nasams.sensor", "did you mean 'medium_radar'?")),
        ("shooter", "nasams", "sensor", "airborne_radar",
         ("shooter.nasams.sensor", "'airborne_radar'", "needs a path")),
        ("sensor", "acoustic_line", "orbit_speed_mps", 10,
         ("sensor.acoustic_line.orbit_speed_mps", "10", "0 is needed")),
        ("threat", "airliner", "damage", 0.5,
         ("threat.airliner.neutral", "damage 0.5", "0, 0 and false are needed")),
        ("threat", "airliner", "hit_probability", 0.25,
         ("threat.airliner.neutral", "hit_probability 0.25", "are needed")),
        ("threat", "airliner", "ballistic", True, ("threat.airliner.neutral", "ballistic True")),
        ("threat", "decoy", "jammable", 1.5, ("threat.decoy.jammable", "1.5", "from 0 to 1")),
        ("shooter", "nasams", "pk", {"slow_drone": 0.5, "airliner": 0.5},
         ("shooter.nasams.pk.airliner", "a neutral kind is not shot at", "leave it out")),
        ("shooter", "jammer", "pk", {"slow_drone": 0.5, "cruise_missile": 0.5},
         ("shooter.jammer.pk.cruise_missile", "threat.cruise_missile.jammable is 0", "leave it")),
        ("shooter", "jammer", "rounds_per_engagement", 1,
         ("shooter.jammer.rounds_per_engagement", "1 does not go with jams True", "no rounds")),
        ("shooter", "nasams", "rounds_per_engagement", 0,
         ("shooter.nasams.rounds_per_engagement", "0 does not go with jams False", "1 or more")),
        ("shooter", "fighter_pair", "fire_channels", 2,
         ("shooter.fighter_pair.fire_channels", "2", "one track at a time", "1 is needed")),
        ("shooter", "jammer", "sortie_min", 30,
         ("shooter.jammer.fire_channels", "2", "no jamming")),
        ("shooter", "fighter_pair", "sortie_min", -1, ("shooter.fighter_pair.sortie_min", "-1")),
    ],
)  # fmt: skip
def test_kinds_that_do_not_fit_together(table, name, key, value, parts, monkeypatch):
    read = kinds._table

    def spoilt(asked):
        rows = read(asked)
        return {**rows, name: {**rows[name], key: value}} if asked == table else rows

    monkeypatch.setattr(kinds, "_table", spoilt)
    with pytest.raises(ScenarioError) as caught:
        load_catalogue.__wrapped__()
    for part in parts:
        assert part in str(caught.value)


def test_what_could_never_work_is_refused():
    crowd = [package(f"wave {n}", number=(1, 10_000)) for n in range(4)]
    doubtful = {"misses_to_lose": 2}
    says(mapping(packages=crowd, picture=doubtful), "packages", "40000 threats", "30000 or fewer")
    says(mapping(epoch_s=0.1, clock_min=200), "clock_min", "120000 epochs", "fewer than 100000")
    says(mapping(picture={"kill_confirmed": 0.9}), "picture.kill_confirmed", "misses_to_lose of 2")
    blind = mapping(
        sensors=[sensor("radar", nation="EST")], sharing={"foreign_delay_epochs": 100_000}
    )
    says(blind, "shooters[0].nation", "LVA gets no track within the clock")
    many = [shooter(f"battery {n}", nation=f"N{n}") for n in range(65)]
    says(mapping(shooters=many, sensors=[sensor("radar")]), "65 nations are too many", "64")
