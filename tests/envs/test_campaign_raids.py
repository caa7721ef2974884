"""Raids of a campaign against raids alone, and campaigns stored, shared and played in any batch."""

import numpy as np
import pytest

from agents.classical import make_policy
from envs.batch import RaidBatch, mean_undefended_loss
from envs.core import campaign as core_campaign
from envs.core.start import draw_raid
from envs.core.state import ABSENT
from envs.scenario import load_scenario, read_scenario
from tests.envs.random_play import random_orders
from tests.envs.small import assert_same, campaign, hold, named, no_orders, started

CALENDAR = (("shooter", "days_to_change"), ("clock", "lull"), ("clock", "raids_left"),
            ("clock", "days_left"))  # fmt: skip
OUTCOME = ("loss", "assets_lost", "illegal_actions", "engagements", "rounds_fired", "rounds_wasted",
           "killed", "leakers", "duds", "threats", "threats_tracked", "track_delay_s",
           "identifications", "rounds_at_dead", "rounds_unguided")  # fmt: skip
LUCK = ("kill_u", "impact_s", "kind", "aim", "number", "hits", "status")


def single(source):
    """Return a campaign's scenario as a single raid."""
    return {
        key: value
        for key, value in source.items()
        if key not in ("campaign", "deliveries", "contingents")
    }


def without_calendar(batch):
    """Return a copy of the observation without what a single raid does not show."""
    observation = batch.snapshot()
    for table, column in CALENDAR:
        observation[table][..., batch.layout.index(table, column)] = 0.0
    return observation


def greedy(batch):
    orders, _ = make_policy("wta_greedy", batch.scenario).predict(batch.observation)
    return orders


def rows_of(arrays, rows):
    return {name: array[rows] for name, array in arrays.items()}


def standard():
    """Return two raids on the standard scenario, whose picture is perfect."""
    return read_scenario("standard") | {"campaign": {"raids": 2}}


@pytest.mark.parametrize("source", [campaign(contingents=[]), standard()], ids=["fog", "perfect"])
def test_the_first_raid_is_the_same_raid_alone_to_the_bit(source):
    batch, alone = started(source, 24, seed=70), started(single(source), 24, seed=70)
    assert_same(without_calendar(batch), alone.observation)
    compared = 0
    while not alone.terminated.all():
        running = ~alone.terminated
        batch.step(greedy(batch))
        alone.step(greedy(alone))
        going, over = running & ~alone.terminated, running & alone.terminated
        assert_same(rows_of(without_calendar(batch), going), rows_of(alone.observation, going))
        lost = np.all(batch.state().health <= 0.0, axis=1)
        assert np.array_equal(batch.state().raid["lull"][over], ~lost[over])
        ended = np.flatnonzero(over)
        assert_same(*(rows_of(_outcome(one), running) for one in (batch, alone)))
        assert np.array_equal(batch.state().health[ended], alone.state().health[ended])
        compared += going.sum()
    assert compared > 24 * 10
    assert alone.metrics()["killed"].sum() > 24


def _outcome(batch):
    metrics = batch.metrics()
    return {name: metrics[name] for name in OUTCOME}


@pytest.mark.parametrize("number", [1, 2])
def test_a_later_raid_with_full_stock_is_the_raid_of_its_key_alone_to_the_bit(number):
    # Nothing comes in the first epoch, in which the raid alone is given its key; repair is
    # complete, and what is there at the start fits the magazines.
    source = campaign(contingents=[], deliveries=[])
    source["shooters"][0]["reserve_rounds"] = 0
    source["campaign"] |= {"repair_per_day": 1.0, "days": 1000}
    for raiders in source["packages"]:
        raiders["time_on_target_min"] = [5, 6]
    whole, part = load_scenario(source), load_scenario(single(source))
    killed = 0
    for seed in range(5):
        batch, alone = started(whole, seed=seed), started(part, seed=1000 + seed)
        deployed = batch.params.shooter[0]
        while batch.state().raid["number"][0] < number:
            for field in ("rounds", "reserve") if batch.state().raid["lull"][0] else ():
                batch.state().shooter[field] = deployed[field]
            batch.step(greedy(batch))
        first_key = batch.state().raid["campaign_key"][0]
        key = np.uint64(core_campaign.key_of(first_key, number))
        assert key == batch.state().raid["key"][0]
        assert first_key == started(part, seed=seed).state().raid["key"][0]
        alone.state().raid["campaign_key"] = key
        draw_raid(alone.state(), alone.params, 0, np.zeros(64, np.int64))
        assert alone.state().raid["key"][0] == key
        before = _outcome(batch)
        assert_same(without_calendar(batch), alone.observation)
        while True:
            batch.step(greedy(batch))
            alone.step(greedy(alone))
            if alone.terminated[0]:
                break
            assert_same(without_calendar(batch), alone.observation)
        assert batch.state().raid["number"][0] == number
        assert np.array_equal(batch.state().health, alone.state().health)
        outcome = _outcome(alone)
        for name in set(OUTCOME) - {"loss", "track_delay_s", "threats", "assets_lost"}:
            assert _outcome(batch)[name] - before[name] == outcome[name], name
        killed += outcome["killed"][0]
    assert killed > 5


def raids_met(decide, rows=24):
    """Play campaigns out by a rule; return (key, day, threats) by row and number of raid."""
    batch = started(campaign(), rows, seed=40)
    met = {}
    while True:
        raid, threats = batch.state().raid, batch.state().threat
        for row in range(rows):
            at = (row, int(raid["number"][row]))
            if at not in met:
                luck = b"".join(threats[field][row].tobytes() for field in LUCK)
                route = batch.state().route[row]
                ways = b"".join(route[field].tobytes() for field in route.dtype.names)
                met[at] = (int(raid["key"][row]), float(raid["day"][row]), luck + ways)
        if batch.terminated.all():
            return met, batch.metrics()
        batch.step(decide(batch))


def test_policies_meet_the_same_raids_and_lulls_whatever_they_do():
    rng = np.random.default_rng(3)
    held, fought, mad = (
        raids_met(rule)
        for rule in (no_orders, greedy, lambda batch: random_orders(batch, rng, illegal=0.4))
    )
    assert fought[1]["killed"].sum() > held[1]["killed"].sum() == 0.0
    # Where everything is lost there are no more; the others meet those as well.
    for one, other in ((held[0], fought[0]), (held[0], mad[0])):
        common = set(one) & set(other)
        assert len(common) > 3 * 24
        assert all(one[raid] == other[raid] for raid in common)
    assert np.array_equal(held[1]["undefended_loss"], fought[1]["undefended_loss"])
    assert np.array_equal(held[1]["loss"], held[1]["undefended_loss"])
    assert np.all(mad[1]["illegal_actions"] > 0)


def test_no_raid_of_any_campaign_is_another():
    met, metrics = raids_met(no_orders)
    assert metrics["raids"].min() >= 3.0
    assert len(met) == metrics["raids"].sum()
    keys, _, threats = zip(*met.values(), strict=True)
    assert len(set(keys)) == len(set(threats)) == len(met)
    days = [day for (_, number), (_, day, _) in met.items() if number > 0]
    assert len(set(days)) == len(days)


def test_the_raids_of_a_campaign_are_those_of_no_other_seed():
    later = started(campaign(), 400, seed=0)
    keys = [later.state().raid["key"].copy()]
    while not later.terminated.all():
        hold(later)
        keys.append(later.state().raid["key"].copy())
    by_row = [set(column) for column in np.stack(keys, axis=1).tolist()]
    assert len(set().union(*by_row)) == sum(len(row) for row in by_row)
    assert sum(len(row) for row in by_row) > 3 * 400


# --- a campaign anywhere ---


def schedule(rows, steps, seed=0):
    """Return orders, legal or not, int64 [steps, B, S]."""
    scenario = load_scenario(campaign())
    rng = np.random.default_rng(seed)
    orders = rng.integers(0, scenario.num_slots + 2, (steps, rows, scenario.num_shooters))
    return np.where(rng.random(orders.shape) < 0.6, orders, 0)


def play(batch, orders):
    """Return all that a batch shows while it plays, each array [steps, B, ...]."""
    frames = []
    for step in orders:
        batch.step(step)
        ends = {"terminated": batch.terminated.copy(), "truncated": batch.truncated.copy()}
        frames.append(
            {**batch.snapshot(), **batch.metrics(), **ends, "reward": batch.reward.copy()}
        )
    return {name: np.stack([frame[name] for frame in frames]) for name in frames[0]}


def test_a_campaign_is_the_same_alone_and_in_any_row():
    orders = schedule(30, 110)
    shown = play(started(campaign(), 30, seed=9), orders)
    assert shown["terminated"][-1].all()
    assert shown["raids"][-1].max() == 4.0
    for row in (0, 13, 29):
        alone = play(started(campaign(), 1, seed=9 + row), orders[:, row : row + 1])
        assert_same(alone, {name: array[:, row : row + 1] for name, array in shown.items()})


def in_some_lull(raid):
    return raid["lull"]


def in_the_third_raid(raid):
    return (raid["number"] == 2) & ~raid["lull"] & (raid["epoch"] > 3)


@pytest.mark.parametrize("where", [in_some_lull, in_the_third_raid])
def test_a_state_saved_in_a_lull_or_a_later_raid_goes_on_to_the_bit(where):
    batch, other = started(campaign(), 8, seed=77), RaidBatch(campaign(), 8)
    orders, step = schedule(8, 200), 0
    while where(batch.state().raid).sum() < 2:
        batch.step(orders[step])
        step += 1
    assert not batch.terminated[where(batch.state().raid)].any()
    saved = batch.get_state()
    copy = {name: array.copy() for name, array in saved.items()}
    seen = batch.snapshot()
    shown = play(batch, orders[step : step + 60])
    assert_same(saved, copy, "what was saved is a copy")
    assert np.any(shown["raids"][-1] > saved["raid"]["number"] + 1), "it goes on into others"
    for target in (other, batch):
        target.set_state(saved)
        assert_same(target.get_state(), saved)
        assert_same(target.observation, seen)
        assert_same(play(target, orders[step : step + 60]), shown)


def test_nothing_is_left_of_the_campaign_before():
    used, fresh = started(campaign(), 16, seed=300), started(campaign(), 16, seed=600)
    play(used, schedule(16, 55))
    assert used.state().raid["number"].max() >= 2
    assert used.state().depot.any()
    used.reset(None, np.arange(600, 616))
    assert_same(used.observation, fresh.observation)
    orders = schedule(16, 110, seed=1)
    assert_same(play(used, orders), play(fresh, orders))


def test_the_normaliser_is_the_mean_undefended_loss_of_whole_campaigns():
    scenario = load_scenario(named("short-campaign"))
    batch = RaidBatch(scenario, 1024)
    batch.reset(None, np.arange(1024), "train")
    mean = mean_undefended_loss(scenario)
    assert mean == batch.metrics()["undefended_loss"].mean()
    # The same number of raids, each alone, would cost more: what is lost cannot be lost twice,
    # and is repaired by a few per cent only.
    alone = mean_undefended_loss(load_scenario(single(campaign())))
    assert alone < mean < 4.0 * alone


def test_rows_that_are_over_stay_as_they_are():
    batch = started(campaign(), 16, seed=3)
    while not batch.terminated.any():
        hold(batch)
    over = batch.terminated.copy()
    assert not over.all()
    saved = batch.get_state()
    play(batch, schedule(16, 5))
    after = batch.get_state()
    names = set(saved) - {"reward"}
    assert_same({n: saved[n][over] for n in names}, {n: after[n][over] for n in names})
    assert np.any(after["threat"]["status"][~over] != ABSENT)
