"""The scenarios of `conf/scenario` are what their descriptions say."""

import numpy as np
import pytest

from envs import load_scenario, scenario_names
from envs.scenario import read_scenario
from envs.scenario_params import scenario_params


def rows(name, key):
    """Return the rows of a list of a scenario by name, without what one common picture changes."""
    return {row["name"]: {**row, "networked": None} for row in read_scenario(name)[key]}


@pytest.mark.parametrize("name", scenario_names())
def test_a_file_has_its_scenarios_name_and_brings_threats_worth_stopping(name):
    scenario = load_scenario(name)
    assert scenario.name == name
    assert scenario.perfect_picture == (name in ("duel", "standard"))
    for array in scenario_params(scenario):
        for field in array.dtype.names or (None,):
            if field != "leave_day":  # which is inf for who stays
                assert np.all(np.isfinite(array if field is None else array[field])), field


def test_standardised_and_stovepipes_differ_in_sharing_alone():
    apart, shared = (read_scenario(name) for name in ("stovepipes", "standardised"))
    assert apart.keys() == shared.keys()
    differing = {key for key in apart if apart[key] != shared[key]}
    assert differing == {"name", "description", "sharing", "shooters"}
    assert rows("stovepipes", "shooters") == rows("standardised", "shooters")
    assert [row["name"] for row in apart["shooters"]] == [row["name"] for row in shared["shooters"]]
    assert load_scenario("stovepipes").restricted
    assert not load_scenario("standardised").restricted
    assert not all(shooter.networked for shooter in load_scenario("stovepipes").shooters)


def test_the_region_is_three_states_at_once():
    region = load_scenario("region")
    assert len(region.shooters) == 60
    assert region.most_threats == 200
    assert region.num_slots < region.num_threats == 200
    hostile = {name for name, kind in region.catalogue.threats.items() if not kind.neutral}
    assert set(region.kinds_coming) >= hostile
    assert region.restricted
    for nation in ("EST", "LVA", "LTU"):
        f = region.nations.index(nation)
        usable_at_once = {region.nations[g] for g in np.flatnonzero(region.delay_epochs[f] == 0)}
        assert usable_at_once == {"EST", "LVA", "LTU"}


def test_decoys_are_half_of_what_flies_slowly():
    scenario = load_scenario("decoys")
    prior = dict(zip(scenario.threat_kinds, scenario_params(scenario).kind_prior[0], strict=True))
    assert prior["decoy"] == prior["slow_drone"] > 0.4


def test_low_flyers_are_heard_where_no_radar_sees_them():
    scenario = load_scenario("low-flyers")
    kinds = [scenario.catalogue.sensors[sensor.kind] for sensor in scenario.sensors]
    assert sum(kind.acoustic for kind in kinds) == 3
    assert {"slow_drone", "cruise_missile"} <= set(scenario.kinds_coming)


def test_two_raids_share_the_rounds_that_stop_ballistic_missiles():
    scenario = load_scenario("ballistic")
    assert scenario.campaign.raids == 2
    assert not scenario.deliveries
    assert not scenario.contingents
    (missiles,) = (p for p in scenario.packages if "ballistic_missile" in p.kinds)
    stopping = [
        shooter
        for shooter in scenario.shooters
        if "ballistic_missile" in scenario.catalogue.shooters[shooter.kind].pk
    ]
    assert {shooter.kind for shooter in stopping} == {"patriot", "samp_t"}
    rounds = sum(shooter.rounds + shooter.reserve_rounds for shooter in stopping)
    fewest_others = sum(package.number[0] for package in scenario.packages) - missiles.number[0]
    assert 2 * missiles.number[1] < rounds < 2 * fewest_others  # enough if kept, not for all
    assert missiles.number[1] < fewest_others


def test_the_campaign_hands_over_with_a_gap_and_with_an_overlap():
    scenario = load_scenario("campaign")
    there = {contingent.name: contingent for contingent in scenario.contingents}
    assert len({contingent.nation for contingent in scenario.contingents}) == 6
    assert there["Dutch battery"].leaves_day < there["Greek battery"].ready_day
    assert there["German relief"].ready_day < there["German group"].leaves_day
    assert {shooter.kind for shooter in scenario.shooters} == {
        delivery.kind for delivery in scenario.deliveries
    }
    campaign = scenario.campaign
    longest = (campaign.raids - 1) * campaign.lull_days[1]
    assert (campaign.raids - 1) * campaign.lull_days[0] < campaign.days < longest
    assert 0.0 < campaign.repair_per_day < 0.1
    assert sum(package.number[0] for package in scenario.packages) >= 15
    assert scenario.most_threats <= 25


def presence(scenario, first_day, last_day):
    """Return the days of presence of each shooter between two days, from its contingent's days."""
    ready, leave = np.clip(scenario.presence_days, first_day, last_day).T
    return dict(zip([shooter.name for shooter in scenario.shooters], leave - ready, strict=True))


def test_the_rotations_differ_in_the_days_of_one_contingent_alone():
    gap, overlap = (read_scenario(name) for name in ("rotation-gap", "rotation-overlap"))
    assert gap.keys() == overlap.keys()
    differing = {key for key in gap if gap[key] != overlap[key]}
    assert differing == {"name", "description", "contingents"}
    (first, second), (same, moved) = gap["contingents"], overlap["contingents"]
    assert first == same
    days = {key for key in second if second[key] != moved[key]}
    assert days == {"arrives_day", "leaves_day"}


def test_the_rotations_have_equal_presence_in_total_and_one_has_days_of_both():
    gap, overlap = load_scenario("rotation-gap"), load_scenario("rotation-overlap")
    end = gap.campaign.days
    assert presence(gap, 0, end) == presence(overlap, 0, end)
    first, second = gap.contingents
    for group in (first, second):
        assert all(presence(gap, 0, end)[name] == 9 for name in group.shooters)
    assert [shooter.kind for shooter in gap.shooters if shooter.name in first.shooters] == [
        shooter.kind for shooter in gap.shooters if shooter.name in second.shooters
    ]
    # Day by day: shooters of the two groups that are there, 3 each.
    for scenario, none, both in ((gap, 4, 0), (overlap, 8, 4)):
        groups = [name for group in scenario.contingents for name in group.shooters]
        there = [
            sum(presence(scenario, day, day + 1)[name] for name in groups)
            for day in range(int(end))
        ]
        assert set(there) <= {0, 3, 6}
        assert (there.count(0), there.count(6)) == (none, both)


def test_the_second_group_meets_as_many_raids_with_a_gap_as_with_an_overlap():
    gap, overlap = load_scenario("rotation-gap"), load_scenario("rotation-overlap")
    campaign = gap.campaign
    lulls = np.random.default_rng(0).uniform(*campaign.lull_days, (100_000, campaign.raids - 1))
    days = np.cumsum(lulls, axis=1)  # of every raid but the first, which meets the first group
    days = days[days <= campaign.days]
    met = []
    for scenario in (gap, overlap):
        second = scenario.contingents[1]
        there = (second.ready_day <= days) & (days < second.leaves_day)
        met.append(there.sum() / len(lulls))
    assert met == pytest.approx([2.26, 2.26], abs=0.015)
    assert campaign.lull_days[0] * campaign.raids > campaign.days, "the calendar ends it"


def test_the_saturation_arrives_within_three_minutes():
    packages = load_scenario("saturation").packages
    first = min(package.time_on_target_min[0] for package in packages)
    last = max(package.time_on_target_min[1] + package.spread_min for package in packages)
    assert last - first <= 3.0


def test_air_policing_tells_look_alikes_apart_with_few_pairs():
    scenario = load_scenario("air-policing")
    kinds, bases = scenario.catalogue.threats, {}
    for shooter in scenario.shooters:
        if scenario.catalogue.shooters[shooter.kind].flies:
            bases.setdefault(shooter.position, []).append(shooter.patrol is not None)
            assert 0 < shooter.rounds + shooter.reserve_rounds <= 6
    airbases = {asset.position for asset in scenario.assets if asset.kind == "airbase"}
    assert sorted(bases.values()) == [[False], [False, True]]
    assert bases.keys() <= airbases
    for neutral, threat in (("light_aircraft", "slow_drone"), ("regional_aircraft", "jet_drone")):
        low, alike = kinds[neutral], kinds[threat]
        assert {neutral, threat} <= set(scenario.kinds_coming)
        assert abs(low.speed_mps - alike.speed_mps) <= 0.1 * alike.speed_mps
        assert abs(low.altitude_m - alike.altitude_m) <= 100.0 + 0.2 * alike.altitude_m
    certain = [package for package in scenario.packages if package.chance == 1.0]
    assert all(scenario.is_traffic(package) for package in certain)  # a watch may bring no threat
    values = sorted(asset.value for asset in scenario.assets)
    assert values[len(values) // 4] <= scenario.neutral_penalty <= values[3 * len(values) // 4]
    themselves = {entry.asset for entry in (*scenario.shooters, *scenario.sensors)} - {""}
    assert themselves <= {name for package in scenario.packages for name in package.aim}
    assert len(themselves) == 2
