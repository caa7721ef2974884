"""The observation by hand: every column against the state and the scenario, in its unit."""

import numpy as np
import pytest

from envs.batch import RaidBatch
from envs.observation import Layout
from tests.envs.small import asset, fire, mapping, named, package, shooter, slot_of, started


@pytest.fixture(scope="module")
def scene():
    """Return a batch of one, 20 s into a raid, after one shot."""
    source = mapping(
        assets=[asset("large", (10, 0), value=8.0), asset("small", (-10, 20), value=2.0)],
        shooters=[
            shooter("west", "patriot", (-5, 0), rounds=4, reserve_rounds=4),
            shooter("east", "rbs70", (9, 0), rounds=3),
        ],
        packages=[package("drone", entry=(10, 30), aim=["large"])],
        clock_min=20,
    )
    tuned = {"shooter_pk": 0.5, "shooter__falloff": 0.0}
    batch = started(source, threat_kind__hit=0.5, threat_kind__damage=0.4, **tuned)
    fire(batch)
    fire(batch)
    return batch


@pytest.fixture(scope="module")
def rows(scene):
    """Return the observation of the scene, decoded."""
    return scene.layout.decode({name: table[0] for name, table in scene.observation.items()})


def test_track_by_hand(scene, rows):
    # The middle of the assets is at (0, 10) km; the drone flew south for 20 s at 50 m/s.
    (track,) = rows["track"]
    expected = {
        "row": slot_of(scene)[0],
        "present": 1.0,
        "x_100km": 0.10,
        "y_100km": 0.19,
        "altitude_10km": 0.03,
        "vx_kmps": 0.0,
        "vy_kmps": -0.05,
        "vz_kmps": 0.0,
        "kind_slow_drone": 1.0,
        "kind_decoy": 0.0,
        "aim_x_100km": 0.10,
        "aim_y_100km": -0.10,
        # 8 * 0.4 * 0.5 of a largest value of 8
        "value_at_risk": 0.2,
        "time_to_impact_min": 29_000.0 / 50.0 / 60.0,
        "in_flight": 2.0,
        "survival": 0.25,
        "aim_belief": 1.0,
        "seen": 1.0,
        "age_min": 20.0 / 60.0,
    }
    for name, value in expected.items():
        assert track[name] == pytest.approx(value, abs=2e-5, rel=2e-4), name
    flying = scene.state().engagement["resolve_s"][0, 0, :2]
    assert track["next_resolve_min"] == pytest.approx((flying.min() - 20.0) / 60.0, rel=1e-5)


def test_shooters_by_hand(scene, rows):
    west, east = rows["shooter"]
    flying = scene.state().engagement["resolve_s"][0, 0, :2]
    expected = {
        "present": 1.0,
        "x_100km": -0.05,
        "y_100km": -0.10,
        "kind_patriot": 1.0,
        "kind_rbs70": 0.0,
        "rounds_share": 6 / 8,
        "ready_engagements": 2.0,
        "free_channels": 4.0,
        "next_channel_min": (flying.min() - 20.0) / 60.0,
        "next_reload_min": 0.0,
        "range_100km": 1.0,
        "days_to_change": 0.0,
    }
    deployed = scene.params.shooter[0, 0]
    expected["free_channels"] = deployed.channels - 2.0
    expected["range_100km"] = deployed.air_range_max_m / 1e5
    # Room for a reload of 4 in a magazine of 16 from the start on: due after 30 minutes.
    expected["next_reload_min"] = (deployed.reload_s - 20.0) / 60.0
    for name, value in expected.items():
        assert west[name] == pytest.approx(value, abs=1e-6, rel=1e-5), name
    assert (east["kind_rbs70"], east["rounds_share"], east["ready_engagements"]) == (1.0, 1.0, 3.0)
    assert east["next_channel_min"] == east["next_reload_min"] == 0.0


def test_assets_and_clock_by_hand(scene, rows):
    large, small = rows["asset"]
    assert large == pytest.approx(
        {"row": 0, "present": 1, "x_100km": 0.1, "y_100km": -0.1, "value": 1, "health": 1}
    )
    assert small["value"] == pytest.approx(0.25)
    (clock,) = rows["clock"]
    expected = {"time_share": 2 / 120, "tracks": 0.1, "defended_share": 1.0}
    single = dict.fromkeys(("lull", "raids_left", "days_left"), 0.0)
    assert clock == pytest.approx(expected | single, rel=1e-6)


def test_pairs_by_hand(scene, rows):
    (pair,) = rows["pair"]
    assert (pair["shooter"], pair["track"]) == (0, slot_of(scene)[0])
    assert pair["pk"] == 0.5
    flight_min = scene.state().pair["flight_s"][0, 0, slot_of(scene)[0]] / 60.0
    assert pair["time_of_flight_min"] == pytest.approx(flight_min, rel=1e-6)
    assert pair["slack_min"] == pytest.approx(29_000 / 50 / 60 - flight_min, rel=1e-4)
    assert pair["value_saved"] == pytest.approx(0.2 * 0.25 * 0.5, rel=1e-5)


def test_health_weighs_the_defended_share():
    source = mapping(assets=[asset("a", value=6.0), asset("b", (10, 10), value=2.0)])
    batch = started(source)
    batch.state().health[0] = [0.5, 1.0]
    batch.step(np.zeros((1, 1), np.int64))
    share = batch.layout.index("clock", "defended_share")
    assert batch.observation["clock"][0, share] == pytest.approx((6 * 0.5 + 2) / 8)
    health = batch.layout.index("asset", "health")
    assert batch.observation["asset"][0, :, health] == pytest.approx([0.5, 1.0])


@pytest.mark.parametrize("name", ["duel", "standard", "fog", "short-campaign", "small-policing"])
def test_the_layout_fits_the_tables(name):
    batch = RaidBatch(named(name), 2)
    layout, scenario = batch.layout, batch.scenario
    decided = scenario.campaign.hand_out == "decided"
    assert set(layout.columns) - set(layout.tables) == (set() if decided else {"delivery"})
    for table, columns in layout.columns.items():
        assert table not in layout.tables or batch.observation[table].shape[-1] == len(columns)
        names = [column.name for column in columns]
        assert len(set(names)) == len(names)
        assert [layout.index(table, column) for column in names] == list(range(len(names)))
        assert all(column.description and column.low < column.high for column in columns)
    assert batch.observation["action_mask"].shape == (
        2,
        scenario.num_shooters,
        1 + scenario.num_slots,
    )
    space = layout.observation_space()
    assert set(space) == set(batch.observation)
    assert np.all(np.isfinite([space[t].low.min() for t in space]))
    shooting = [1 + scenario.num_slots] * scenario.num_shooters
    giving = [1 + scenario.num_shooters] * scenario.num_decisions
    assert list(layout.action_space().nvec) == shooting + giving
    assert list(layout.action_space(by_need=True).nvec) == shooting


def test_the_layout_needs_the_scenario_alone(duel):
    assert Layout(duel).columns == RaidBatch(duel, 1).layout.columns
