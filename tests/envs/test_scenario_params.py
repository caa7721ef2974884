"""From a scenario to the arrays of the core: nations, sensors, paths, picture, prior.

Computed by hand, on small scenarios laid out in kilometres.
"""

import numpy as np
import pytest

from envs import load_scenario
from envs.catalogue import load_catalogue
from envs.core.params import NONE
from envs.entities import NEVER
from envs.scenario_params import scenario_params
from tests.envs.small import asset, at, mapping, package, sensor, shooter


def params_of(**keys):
    return scenario_params(load_scenario(mapping(**keys)))


def test_nations_are_sorted_and_a_sensor_may_be_everybodys():
    params = params_of(
        shooters=[shooter("first", nation="POL"), shooter("second", nation="EST")],
        sensors=[sensor("one"), {**sensor("two"), "nation": "LVA"}],
    )
    assert params.shooter["nation"].tolist() == [[2, 0]]  # of EST, LVA, POL
    assert params.sensor["nation"].tolist() == [[NONE, 1]]
    assert params.delay.shape == (1, 3, 3)


def test_delay_is_zero_at_home_foreign_elsewhere_and_overridden_pair_by_pair():
    params = params_of(
        shooters=[shooter(str(n), nation=nation) for n, nation in enumerate(("DEU", "EST", "LVA"))],
        sharing={"foreign_delay_epochs": 6, "delay_epochs": {"EST": {"LVA": 0, "DEU": NEVER}}},
    )
    # From the row's nation to the column's: DEU, EST, LVA.
    assert params.delay.tolist() == [[[0, 6, 6], [NEVER, 0, 0], [6, 6, 0]]]
    assert params.picture["restricted"].item()
    assert not params.picture["perfect"].item()


def test_without_delays_nothing_is_restricted():
    params = params_of(shooters=[shooter("a", nation="DEU"), shooter("b", nation="EST")])
    assert not params.delay.any()
    assert params.picture["perfect"].item()
    assert not params.picture["restricted"].item()
    lone = params_of(sharing={"foreign_delay_epochs": 9})  # and nobody foreign
    assert lone.picture["perfect"].item()


def test_organic_sensors_follow_the_others_and_stand_at_their_shooters():
    shooters = [
        shooter("north", "nasams", (0, 30), nation="EST"),
        shooter("south", "rbs70", (5, -20), nation="LVA", networked=False),
    ]
    params = params_of(shooters=shooters, picture={"organic_sensors": True})
    catalogue = load_catalogue().sensors
    kinds = [catalogue[name] for name in ("long_range_radar", "medium_radar", "optical_sight")]
    rows = params.sensor[0]
    assert params.shooter["sensor"].tolist() == [[1, 2]]
    assert params.shooter["networked"].tolist() == [[True, False]]
    assert params.picture["restricted"].item()
    assert rows["shooter"].tolist() == [NONE, 0, 1]
    assert rows["nation"].tolist() == [NONE, 0, 1]
    assert rows["asset"].tolist() == [NONE] * 3
    assert rows["x_m"].tolist() == [0.0, 0.0, 5000.0]
    assert rows["y_m"].tolist() == [0.0, 30000.0, -20000.0]
    for field, key, scale in (
        ("antenna_m", "antenna_height_m", 1.0), ("range_m", "range_km", 1e3),
        ("detection", "detection", 1.0), ("identification_m", "identification_range_km", 1e3),
        ("identification_rate", "identification_rate", 1.0),
        ("identification_right", "identification_accuracy", 1.0),
    ):  # fmt: skip
        expected = np.float32([getattr(kind, key) * scale for kind in kinds])
        assert np.array_equal(rows[field], expected), field
    assert load_scenario(mapping(picture={"organic_sensors": True})).num_sensors == 2
    without = params_of(shooters=[shooter()])
    assert without.shooter["sensor"].tolist() == [[NONE]]
    assert without.sensor.shape == (1, 1)


def test_a_sensor_that_is_an_asset():
    params = params_of(
        assets=[asset(), asset("radar hill", (0, 5))],
        sensors=[{**sensor("free"), "nation": "LVA"}, {**sensor("hill"), "asset": "radar hill"}],
    )
    assert params.sensor["asset"].tolist() == [[NONE, 1]]


def test_a_line_of_microphones_is_padded_by_its_end():
    long = {"name": "long", "kind": "acoustic_line", "path": [at(0, 0), at(3, 0), at(3, 4)]}
    short = {"name": "short", "kind": "acoustic_line", "path": [at(9, 9), at(8, 8)]}
    params = params_of(sensors=[sensor(), long, short])
    assert params.sensor["points"].tolist() == [[0, 3, 2]]
    assert params.sensor["acoustic"].tolist() == [[False, True, True]]
    assert params.sensor["orbit_s"].tolist() == [[0.0, 0.0, 0.0]]
    assert params.sensor["x_m"].tolist() == [[0.0, 0.0, 9000.0]]
    path = params.sensor_path[0]
    assert path["x_m"][1:].tolist() == [[0.0, 3000.0, 3000.0], [9000.0, 8000.0, 8000.0]]
    assert path["y_m"][1:].tolist() == [[0.0, 0.0, 4000.0], [9000.0, 8000.0, 8000.0]]


def test_an_orbit_is_closed_equally_spaced_and_timed():
    orbit = [at(0, 0), at(40, 0), at(40, 24), at(0, 24)]  # 128 km around
    params = params_of(sensors=[{"name": "eye", "kind": "airborne_radar", "path": orbit}])
    row, path = params.sensor[0, 0], params.sensor_path[0, 0]
    assert row["points"] == 33
    assert row["orbit_s"] == np.float32(128e3 / load_catalogue().sensors[
        "airborne_radar"].orbit_speed_mps)  # fmt: skip
    assert (row["x_m"], row["y_m"]) == (0.0, 0.0)
    points = np.stack([path["x_m"], path["y_m"]], axis=1)
    assert np.array_equal(points[0], points[-1])
    steps = np.linalg.norm(np.diff(points, axis=0), axis=1)
    assert steps == pytest.approx(np.full(32, 4000.0))
    assert points[10].tolist() == [40e3, 0.0]
    back_and_forth = params_of(
        sensors=[{"name": "eye", "kind": "airborne_radar", "path": [at(0, 0), at(30, 0)]}]
    )
    assert back_and_forth.sensor["orbit_s"].item() == pytest.approx(60e3 / 200.0)


def test_without_paths_there_is_one_empty_point_a_sensor():
    params = params_of(sensors=[sensor("one"), sensor("two")])
    assert params.sensor_path.shape == (1, 2, 1)
    assert not params.sensor["points"].any()


def test_the_prior_over_kinds_counts_what_is_expected():
    mixed = package("mixed", number=(2, 6))  # 4: 3 drones and 1 decoy
    mixed["kinds"] = {"slow_drone": 6, "decoy": 2, "jet_drone": 0}
    none = package("none", kind="ballistic_missile", number=(0, 0))
    cruise = package("cruise", kind="cruise_missile", number=(0, 2))  # 1
    params = params_of(slots=8, packages=[mixed, none, cruise])
    names = load_scenario(mapping()).threat_kinds
    expected = {"slow_drone": 0.6, "decoy": 0.2, "cruise_missile": 0.2}
    assert params.kind_prior[0] == pytest.approx([expected.get(name, 0.0) for name in names])
    assert params.picture["kinds_coming"].item() == 3
    audible = dict(zip(names, params.threat_kind["audible"][0], strict=True))
    assert audible["slow_drone"] and audible["decoy"] and not audible["cruise_missile"]


@pytest.mark.parametrize(
    "imperfect",
    [
        {"kinds": "believed"}, {"aims": "believed"}, {"detection": "by_chance"},
        {"detections_to_start": 3}, {"misses_to_lose": 3}, {"false_kill": 0.5},
        {"kill_confirmed": 0.5, "misses_to_lose": 2},
    ],
)  # fmt: skip
def test_what_makes_a_picture_imperfect(imperfect):
    perfect = params_of(picture={"organic_sensors": True}).picture[0]
    assert perfect["perfect"] and perfect["kinds_public"] and perfect["aims_public"]
    assert not perfect["by_chance"]
    assert perfect["detections_to_start"] == perfect["misses_to_lose"] == 1
    assert (perfect["kill_confirmed"], perfect["false_kill"]) == (1.0, 0.0)
    picture = params_of(picture=imperfect).picture[0]
    assert not picture["perfect"]
    assert not picture["restricted"]
    for key, value in imperfect.items():
        match key:
            case "kinds" | "aims":
                assert not picture[f"{key}_public"]
            case "detection":
                assert picture["by_chance"]
            case _:
                assert picture[key] == value


def test_a_scenario_is_a_single_raid_if_it_does_not_say_otherwise():
    params = params_of(shooters=[shooter("a", nation="DEU"), shooter("b", nation="EST")])
    campaign = params.campaign[0]
    assert campaign["raids"] == 1
    assert campaign["days"] == 10_000.0
    assert campaign["lull_min_days"] == campaign["lull_max_days"] == 1.0
    assert campaign["repair_per_day"] == 0.0
    assert params.delivery.shape == (1, 1)
    assert params.delivery[0, 0].tolist() == (0, 0.0, 0.0)
    assert params.delivery_to.tolist() == [[[False, False]]]
    assert params.shooter["ready_day"].tolist() == [[0.0, 0.0]]
    assert params.shooter["leave_day"].tolist() == [[np.inf, np.inf]]


def test_a_campaign_in_days():
    campaign = {"raids": 5, "lull_days": [2, 6.5], "days": 30, "repair_per_day": 0.04}
    row = params_of(campaign=campaign).campaign[0]
    assert row["raids"] == 5
    assert (row["lull_min_days"], row["lull_max_days"]) == (2.0, 6.5)
    assert row["days"] == 30.0
    assert row["repair_per_day"] == 0.04


def test_steps_are_the_epochs_of_every_raid_and_one_a_lull():
    single = load_scenario(mapping())  # 10 minutes of 10 s
    assert single.max_steps == single.max_epochs == 60
    assert load_scenario(mapping(campaign={"raids": 3})).max_steps == 3 * 60 + 2


def test_a_delivery_is_for_the_nations_named_or_all():
    params = params_of(
        shooters=[
            shooter("a", "rbs70", nation="EST"), shooter("b", "nasams", nation="DEU"),
            shooter("c", "nasams", nation="POL"),
        ],
        campaign={"raids": 2},
        deliveries=[
            {"kind": "rbs70", "rounds_per_day": 1.5, "first_day": 4},
            {"kind": "nasams", "rounds_per_day": 0.25, "nations": ["POL", "DEU"]},
            {"kind": "nasams", "rounds_per_day": 3, "nations": ["POL", "EST"]},
        ],
    )  # fmt: skip
    names = load_scenario(mapping()).shooter_kinds
    assert params.delivery["kind"].tolist() == [[names.index(k) for k in ("rbs70", "nasams")]
                                                + [names.index("nasams")]]  # fmt: skip
    assert params.delivery["rounds_per_day"].tolist() == [[1.5, 0.25, 3.0]]
    assert params.delivery["first_day"].tolist() == [[4.0, 0.0, 0.0]]
    assert params.delivery_to.tolist() == [  # DEU, EST, POL
        [[True, True, True], [True, False, True], [False, True, True]]
    ]


def test_a_shooter_is_there_with_its_contingent_or_always():
    contingents = [
        {"name": "relief", "nation": "DEU", "shooters": ["new", "newer"],
         "arrives_day": 6, "travel_days": 1.5},
        {"name": "first", "nation": "NLD", "shooters": ["old"], "leaves_day": 5.25},
    ]  # fmt: skip
    params = params_of(
        shooters=[
            shooter("old", nation="NLD"), shooter("home"), shooter("newer", nation="DEU"),
            shooter("new", nation="DEU"),
        ],
        campaign={"raids": 2},
        contingents=contingents,
    )  # fmt: skip
    assert params.shooter["ready_day"].tolist() == [[0.0, 0.0, 7.5, 7.5]]
    assert params.shooter["leave_day"].tolist() == [[5.25, np.inf, np.inf, np.inf]]


def test_params_are_read_only():
    params = params_of()
    for name in params._fields:
        assert not getattr(params, name).flags.writeable, name
