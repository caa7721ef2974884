"""Campaigns by hand: the calendar, lulls, deliveries, repair, and the loss if nobody fires."""

import numpy as np
import pytest

from envs.batch import RaidBatch
from envs.core import campaign as core
from envs.core.params import CAMPAIGN, DELIVERY, NONE
from envs.core.params import SHOOTER as DEPLOYMENT
from envs.core.randomness import CAMPAIGN as RAIDS
from envs.core.randomness import LULL, derived_key, raid_key, uniform
from envs.core.start import epochs_until
from envs.core.state import SENSOR, SHOOTER
from envs.scenario import load_scenario
from tests.envs.small import (
    asset,
    filled,
    fire,
    hold,
    mapping,
    no_orders,
    package,
    play_out,
    sensor,
    shooter,
    started,
    tune,
)

# One drone a raid, 5.1 km away: it strikes after 102 s, in the epoch from 100 s. So a raid has 11
# epochs, and raid n, from 0 on, ends with step 12 n + 11, since each lull is one step.
LENGTH = 11


def campaigning(raids=3, lull=2.0, days=1000.0, repair=0.0, **keys):
    """Return a campaign of raids of one drone, `lull` days apart."""
    plan = {"raids": raids, "lull_days": [lull, lull], "days": days, "repair_per_day": repair}
    return mapping(**{"packages": [package(entry=(0, 5.1))], "campaign": plan, **keys})


def harmless(source, **tuned):
    """Return a batch of one in which no drone does damage and hardly a shot kills."""
    return started(source, threat_kind__hit=0.0, shooter_pk=1e-6, **tuned)


def to_lull(batch):
    """Hold fire until the raid is over and a lull comes."""
    hold(batch, LENGTH - int(batch.state().raid["epoch"][0]))
    assert batch.state().raid["lull"].all()


def to_next_raid(batch):
    to_lull(batch)
    hold(batch)
    assert not batch.state().raid["lull"].any()


def shown(batch, table, column):
    """Return a column of the observation of the first row."""
    return batch.observation[table][0, ..., batch.layout.index(table, column)].tolist()


def stock(batch):
    """Return ready rounds and reserve of each shooter."""
    shooters = batch.state().shooter[0]
    return [(int(row.rounds), int(row.reserve)) for row in shooters]


def metric(batch, name):
    return batch.metrics()[name][0]


# --- the calendar ---

GUESTS = {
    "shooters": [
        shooter("home"),
        shooter("guest", nation="DEU"),
        shooter("first", nation="NLD"),
        shooter("relief", nation="NLD"),
    ],
    "contingents": [
        {"name": "guests", "nation": "DEU", "shooters": ["guest"], "arrives_day": 3,
         "travel_days": 1, "leaves_day": 8},
        {"name": "first", "nation": "NLD", "shooters": ["first"], "leaves_day": 6},
        {"name": "relief", "nation": "NLD", "shooters": ["relief"], "arrives_day": 8},
    ],
}  # fmt: skip


def test_contingents_come_and_go_by_the_calendar():
    batch = harmless(campaigning(6, **GUESTS))
    present, days, legal, able = [], [], [], []
    for raid in range(6):
        present.append(shown(batch, "shooter", "present"))
        days.append(shown(batch, "shooter", "days_to_change"))
        legal.append(batch.observation["action_mask"][0, :, 1:].any(axis=1).tolist())
        able.append(batch.state().shooter["able"][0].tolist())
        if raid < 5:
            to_next_raid(batch)
    # Raids on days 0, 2, 4, 6, 8 and 10. The guest is there on days 4 to 8, the first until day 6;
    # its relief comes on day 8, so that there is neither on day 6.
    assert present == [
        [1, 0, 1, 0], [1, 0, 1, 0], [1, 1, 1, 0], [1, 1, 0, 0], [1, 0, 0, 1], [1, 0, 0, 1],
    ]  # fmt: skip
    assert days == [
        [0, 4, 6, 8], [0, 2, 4, 6], [0, 4, 2, 4], [0, 2, 0, 2], [0, 0, 0, 0], [0, 0, 0, 0],
    ]  # fmt: skip
    assert able == legal == np.array(present, bool).tolist(), "those there may fire, nobody else"


def test_an_absent_shooter_cannot_fire_and_keeps_its_rounds():
    batch = harmless(campaigning(3, **GUESTS))
    orders = no_orders(batch)
    orders[0, 1] = 1 + np.argmax(batch.observation["track"][0, :, 0])
    batch.step(orders)
    assert (metric(batch, "illegal_actions"), metric(batch, "engagements")) == (1.0, 0.0)
    assert stock(batch)[1] == (2, 0)
    to_next_raid(batch)
    to_next_raid(batch)
    fire(batch, shooter=1)
    assert (metric(batch, "illegal_actions"), metric(batch, "engagements")) == (1.0, 1.0)
    assert stock(batch)[1] == (1, 0)


def test_the_calendar_does_not_move_before_the_lull_has_passed():
    batch = harmless(campaigning(3, **GUESTS))
    start = shown(batch, "shooter", "days_to_change")
    to_lull(batch)
    assert shown(batch, "shooter", "days_to_change") == start
    assert batch.state().raid["day"][0] == 0.0
    hold(batch)
    assert batch.state().raid["day"][0] == 2.0


def test_an_organic_sensor_is_there_with_its_shooter():
    batch = harmless(campaigning(6, **GUESTS, picture={"organic_sensors": True}))
    seen = []
    for raid in range(5):
        seen.append(batch.state().sensor["able"][0].tolist())
        if raid < 4:
            to_next_raid(batch)
    assert seen == [
        [True, True, False, True, False],
        [True, True, False, True, False],
        [True, True, True, True, False],
        [True, True, True, False, False],
        [True, True, False, False, True],
    ]


@pytest.mark.parametrize(
    ("raids", "days", "left"),
    [
        (10, 10.0, [(9, 10.0), (8, 7.0), (7, 4.0), (6, 1.0)]),  # the next would be on day 12
        (10, 9.0, [(9, 9.0), (8, 6.0), (7, 3.0), (6, 0.0)]),  # day 9 itself counts
        (10, 8.9, [(9, 8.9), (8, 5.9), (7, 2.9)]),
        (10, 0.0, [(9, 0.0)]),
        (3, 10.0, [(2, 10.0), (1, 7.0), (0, 4.0)]),  # as many raids as may be
    ],
)
def test_the_calendar_or_the_number_of_raids_ends_a_campaign(raids, days, left):
    batch = harmless(campaigning(raids, lull=3.0, days=days))
    seen = []
    while not batch.terminated[0]:
        seen.append((shown(batch, "clock", "raids_left"), shown(batch, "clock", "days_left")))
        hold(batch)
    assert list(dict.fromkeys(seen)) == [pytest.approx(row) for row in left]
    assert metric(batch, "raids") == metric(batch, "threats") == len(left)
    assert metric(batch, "epochs") == 12 * len(left) - 1
    assert not batch.state().raid["lull"][0]
    assert not batch.truncated[0]


# --- lulls ---


def test_a_lull_is_drawn_from_the_campaigns_key_alone_within_its_bounds():
    source = campaigning() | {"campaign": {"raids": 3, "lull_days": [1.5, 4.25]}}
    batch = started(source, 400, threat_kind__hit=0.0)
    hold(batch, LENGTH + 1)
    first = batch.state().raid["day"].copy()
    hold(batch, LENGTH + 1)
    second = batch.state().raid["day"] - first
    for days, number in ((first, 1), (second, 2)):
        keys = [np.uint64(raid_key(0, seed, 0)) for seed in range(400)]
        draws = np.array([uniform(key, LULL, number, 0) for key in keys])
        assert days == pytest.approx(1.5 + 2.75 * draws, rel=1e-5)
        assert np.all((days >= 1.5) & (days <= 4.25))
        # Uniform: mean 2.875, standard deviation 2.75 / sqrt(12) = 0.794; five errors of a mean.
        assert days.mean() == pytest.approx(2.875, abs=5 * 0.794 / 20)
    assert np.abs(np.corrcoef(first, second)[0, 1]) < 0.25, "one lull does not tell another"


def test_a_lull_is_one_step_without_reward_in_which_nothing_is_seen():
    batch = started(campaigning(), threat_kind__hit=1.0)
    to_lull(batch)
    assert batch.reward[0] < 0.0, "the drone has struck"
    assert not batch.terminated[0]
    before = batch.snapshot()
    assert shown(batch, "clock", "lull") == 1.0
    assert shown(batch, "clock", "time_share") == pytest.approx(LENGTH / 60)
    assert shown(batch, "clock", "tracks") == 0.0
    assert not before["track"].any()
    assert not before["pair"].any()
    assert before["action_mask"].sum() == 1, "to hold"
    totals = batch.metrics()
    hold(batch)
    assert batch.reward[0] == 0.0
    assert shown(batch, "clock", "lull") == shown(batch, "clock", "time_share") == 0.0
    assert shown(batch, "clock", "tracks") == pytest.approx(0.1), "the next drone"
    assert batch.state().raid["steps"][0] == LENGTH + 1
    changed = {name for name, values in batch.metrics().items() if values[0] != totals[name][0]}
    assert changed == {"raids", "threats", "threats_tracked", "epochs", "days_of_stock"}


def test_orders_in_a_lull_are_illegal_and_counted():
    batch = harmless(campaigning(shooters=[shooter("a"), shooter("b")]))
    to_lull(batch)
    batch.step(np.array([[1, 99]]))
    assert batch.state().raid["number"][0] == 1
    assert (metric(batch, "illegal_actions"), metric(batch, "engagements")) == (2.0, 0.0)
    assert stock(batch) == [(2, 0), (2, 0)]


def test_rounds_in_flight_when_a_raid_ends_are_wasted_and_their_channels_free():
    source = campaigning(shooters=[shooter("near"), shooter("far", place=(0, -18))])
    batch = started(source, shooter_pk=1.0, shooter__falloff=0.0)
    batch.step(np.full((1, 2), 1 + np.argmax(batch.observation["track"][0, :, 0])))
    # After a reaction of 6 s, at 650 m/s: some 13 s for 5 km, and 38 s for 23 km.
    assert batch.state().shooter["busy"][0].tolist() == [1, 1]
    hold(batch)
    assert metric(batch, "killed") == metric(batch, "rounds_wasted") == 1.0
    assert batch.state().raid["lull"][0]
    assert batch.state().shooter["busy"][0].tolist() == [0, 0]
    hold(batch)
    fire(batch, shooter=1)


# --- deliveries ---


def nasams(rate, **keys):
    return {"kind": "nasams", "rounds_per_day": rate, **keys}


def test_a_delivery_by_hand_after_its_lead_time_into_magazine_then_reserve():
    batch = harmless(campaigning(6, deliveries=[nasams(0.75, first_day=3)]))
    seen, delivered = [stock(batch)[0]], [metric(batch, "rounds_delivered")]
    for _ in range(5):
        to_next_raid(batch)
        seen.append(stock(batch)[0])
        delivered.append(metric(batch, "rounds_delivered"))
    # By days 2, 4, 6, 8, 10: floor of 0.75 times 0, 1, 3, 5, 7 = 0, 0.75, 2.25, 3.75, 5.25.
    assert delivered == [0, 0, 0, 2, 3, 5]
    # Two rounds at the start, and a magazine of six.
    assert seen == [(2, 0), (2, 0), (2, 0), (4, 0), (5, 0), (6, 1)]


def test_nothing_arrives_during_a_raid():
    batch = harmless(campaigning(deliveries=[nasams(100.0)]))
    for _ in range(LENGTH):
        assert stock(batch) == [(2, 0)]
        hold(batch)
    hold(batch)
    assert stock(batch) == [(6, 196)], "2 + 100 rounds a day for 2 days"


def test_fractions_of_a_round_are_carried_over_many_lulls():
    batch = harmless(campaigning(41, lull=1.0, deliveries=[nasams(0.3)]))
    arrived = []
    for _ in range(40):
        to_next_raid(batch)
        arrived.append(metric(batch, "rounds_delivered"))
    assert arrived == [3 * day // 10 for day in range(1, 41)]


def test_rounds_go_one_by_one_to_the_neediest():
    source = campaigning(
        shooters=[shooter("a", rounds=4), shooter("b", rounds=2, reserve_rounds=4)],
        deliveries=[nasams(2.5)],
    )
    batch = harmless(source)
    batch.state().shooter["rounds"][0], batch.state().shooter["reserve"][0] = [1, 3], 0
    to_next_raid(batch)
    # Five rounds; of what they had at first, 4 and 6, the two have 1/4 and 3/6. To a: 2/4; to a,
    # the first of equals: 3/4; to b: 4/6; to b: 5/6; to a: 4/4.
    assert stock(batch) == [(4, 0), (5, 0)]


def test_equals_are_served_in_turn():
    batch = harmless(
        campaigning(shooters=[shooter(name) for name in "abc"], deliveries=[nasams(2.0)])
    )
    batch.state().shooter["rounds"] = 0
    to_next_raid(batch)
    assert stock(batch) == [(2, 0), (1, 0), (1, 0)]


def test_rounds_go_to_their_kind_and_to_nations_that_can_use_them():
    source = campaigning(
        shooters=[
            shooter("guns", "rbs70", nation="DEU"),
            shooter("empty"),
            shooter("full", nation="DEU", rounds=6),
            shooter("dutch", nation="NLD", rounds=6),
        ],
        deliveries=[
            nasams(1.5, nations=["DEU"]),
            {"kind": "rbs70", "rounds_per_day": 0.5, "nations": ["LVA", "DEU"]},
            nasams(1.0, nations=["NLD", "DEU"]),
        ],
    )
    batch = harmless(source)
    batch.state().shooter["rounds"][0, 1] = 0
    to_next_raid(batch)
    # Three to the German one, though another is empty; then two more, to the Dutch one (6 / 6),
    # and to it again (7 / 6 against 9 / 6).
    totals = [rounds + reserve for rounds, reserve in stock(batch)]
    assert totals == [2 + 1, 0, 6 + 3, 6 + 2]
    assert metric(batch, "rounds_delivered") == 6.0


def test_the_depot_keeps_what_nobody_can_take_and_hands_it_out_later():
    source = campaigning(
        5,
        shooters=[shooter("home"), shooter("guest", nation="DEU")],
        deliveries=[nasams(1.5, nations=["DEU"])],
        contingents=[{"name": "guests", "nation": "DEU", "shooters": ["guest"],
                      "arrives_day": 4, "leaves_day": 8}],
    )  # fmt: skip
    batch = harmless(source)
    seen = []
    for _ in range(4):
        to_next_raid(batch)
        depot = int(batch.state().depot[0, 0])
        seen.append((depot, sum(stock(batch)[1]), metric(batch, "rounds_delivered")))
        assert sum(stock(batch)[0]) == 2
    # Three rounds a lull: kept on day 2, six handed out on day 4, three on day 6; kept on day 8.
    assert seen == [(3, 2, 0), (0, 2 + 6, 6), (0, 2 + 9, 9), (3, 2 + 9, 9)]
    batch.reset()
    assert not batch.state().depot.any()


def test_a_destroyed_shooter_takes_no_delivery():
    source = campaigning(
        assets=[asset("site"), asset("other", (0, -20))],
        shooters=[shooter(asset="site")],
        packages=[package(entry=(0, 5.1), aim=["site"])],
        deliveries=[nasams(1.5)],
    )
    batch = started(source, threat_kind__hit=1.0, threat_kind__damage=1.0)
    to_next_raid(batch)
    assert (stock(batch), int(batch.state().depot[0, 0])) == ([(2, 0)], 3)
    assert shown(batch, "shooter", "present") == [0.0]


def test_the_share_of_rounds_shown_rises_with_what_is_delivered():
    batch = harmless(campaigning(deliveries=[nasams(1.0)]))
    fire(batch)
    assert shown(batch, "shooter", "rounds_share") == [0.5]
    to_next_raid(batch)
    assert stock(batch) == [(3, 0)]
    assert shown(batch, "shooter", "rounds_share") == [1.5]
    assert shown(batch, "shooter", "ready_engagements") == [3.0]


# --- magazines ---


@pytest.mark.parametrize(
    ("supplied", "after"),
    [
        ((3, 5), (6, 2)),  # room for three
        ((3, 1), (4, 0)),  # all there is
        ((6, 4), (6, 4)),  # full
        ((0, 20), (6, 14)),
    ],
)
def test_magazines_are_filled_from_the_reserve_in_a_lull(supplied, after):
    rounds, reserve = supplied
    batch = harmless(campaigning(shooters=[shooter(rounds=rounds, reserve_rounds=reserve)]))
    to_lull(batch)
    assert stock(batch) == [supplied], "a reload takes 15 minutes, the raid less than two"
    hold(batch)
    assert stock(batch) == [after]
    assert metric(batch, "rounds_delivered") == 0.0


def test_a_reload_under_way_is_no_longer_after_the_lull():
    source = campaigning(shooters=[shooter(rounds=5, reserve_rounds=3)])
    batch = harmless(source, shooter__reload_rounds=1)
    assert batch.state().shooter["reload_s"][0, 0] == 900.0
    to_next_raid(batch)
    assert stock(batch) == [(6, 2)], "the magazine is full"
    assert batch.state().shooter["reload_s"][0, 0] == np.inf
    assert shown(batch, "shooter", "next_reload_min") == [0.0]


# --- repair ---


def test_repair_by_hand():
    batch = started(campaigning(repair=0.1), threat_kind__hit=1.0, threat_kind__damage=0.25)
    health = []
    for _ in range(2):
        to_lull(batch)
        health.append(batch.state().health[0, 0])
        hold(batch)
        health.append(batch.state().health[0, 0])
    play_out(batch)
    # Each raid takes 0.25, each lull of two days brings 0.2.
    assert [*health, batch.state().health[0, 0]] == pytest.approx([0.75, 0.95, 0.7, 0.9, 0.65])
    assert metric(batch, "loss") == pytest.approx(3 * 0.25 * 10.0)


def test_repair_ends_at_full_health():
    batch = started(campaigning(repair=0.2), threat_kind__hit=1.0, threat_kind__damage=0.25)
    to_next_raid(batch)
    assert batch.state().health[0, 0] == 1.0
    assert shown(batch, "asset", "health") == [1.0]


def site(repair):
    """Return a batch of one in which every raid destroys a site of a shooter and two sensors."""
    source = campaigning(
        repair=repair,
        assets=[asset("site"), asset("other", (0, -20))],
        shooters=[shooter("tested", rounds=5, asset="site"), shooter("spare", place=(0, -1))],
        sensors=[sensor("site radar", asset="site"), sensor("far radar", place=(0, -5))],
        packages=[package(entry=(0, 5.1), aim=["site"])],
        picture={"organic_sensors": True},
    )
    return started(source, threat_kind__hit=1.0, threat_kind__damage=1.0, shooter_pk=1e-6)


def test_what_was_destroyed_returns_after_repair_with_its_rounds():
    batch = site(repair=0.05)
    fire(batch)
    to_lull(batch)
    # The site's radar, the far one, and the organic ones of the tested and of the spare battery.
    assert batch.state().sensor["able"][0].tolist() == [False, True, False, True]
    assert shown(batch, "shooter", "present") == [0.0, 1.0]
    assert stock(batch)[0] == (4, 0)
    hold(batch)
    assert batch.state().health[0].tolist() == pytest.approx([0.1, 1.0])
    assert batch.state().sensor["able"].all()
    assert shown(batch, "shooter", "present") == [1.0, 1.0]
    assert stock(batch)[0] == (4, 0)
    fire(batch)
    play_out(batch)
    # It fell three times: at full health, then twice at a tenth of it.
    assert metric(batch, "assets_lost") == 3.0
    assert metric(batch, "loss") == pytest.approx(10.0 * (1.0 + 0.1 + 0.1))


def test_without_repair_it_does_not_return():
    batch = site(repair=0.0)
    to_next_raid(batch)
    assert batch.state().sensor["able"][0].tolist() == [False, True, False, True]
    assert shown(batch, "shooter", "present") == [0.0, 1.0]
    mask = batch.observation["action_mask"][0, :, 1:].any(axis=1)
    assert mask.tolist() == [False, True]


# --- the loss if nobody fires ---


@pytest.mark.parametrize("limit", [*range(1, 38), None])
def test_the_undefended_loss_of_a_limit_by_hand(limit):
    batch = RaidBatch(LIMITED, 1, max_epochs=limit)
    tune(batch, threat_kind__hit=1.0, threat_kind__damage=0.25)
    batch.reset(None, np.array([0]))
    # Drones strike in steps 11, 23 and 35; each takes 2.5 of 10.
    strikes = 3 if limit is None else min((limit + 1) // 12, 3)
    assert metric(batch, "undefended_loss") == 2.5 * strikes
    play_out(batch)
    assert metric(batch, "loss") == 2.5 * strikes
    assert metric(batch, "epochs") == min(35, limit or 35)
    assert batch.truncated[0] == (limit is not None and limit <= 35)
    assert batch.terminated[0] == (limit is None or limit >= 35)


LIMITED = load_scenario(campaigning())
# Raids of two drones, of 19 to 24 epochs: the second has time to strike 40 s later.
UNEVEN = load_scenario(
    campaigning(
        4,
        assets=[asset("a"), asset("b", (4, 0), value=3.0)],
        packages=[
            package(number=(1, 3), entry=(0, 5.1), spread_min=1, time_on_target_min=[2, 3]),
        ],
    )
    | {"campaign": {"raids": 4, "lull_days": [1, 3], "days": 5, "repair_per_day": 0.07}}
)


@pytest.mark.parametrize("damage", [0.3, 0.7])
@pytest.mark.parametrize("limit", [None, 1, *range(12, 30), 44, 60])
def test_the_undefended_loss_is_that_of_holding_fire_to_the_bit(limit, damage):
    batch = RaidBatch(UNEVEN, 64, max_epochs=limit)
    tune(batch, threat_kind__damage=damage)
    batch.reset(None, np.arange(64))
    play_out(batch)
    metrics = batch.metrics()
    assert np.array_equal(metrics["loss"], metrics["undefended_loss"])
    if limit is None:
        calm = started(UNEVEN, 64, threat_kind__hit=0.0)
        play_out(calm)
        assert set(calm.metrics()["raids"]) == {2.0, 3.0, 4.0}
        early = metrics["raids"] < calm.metrics()["raids"]
        assert early.any() == (damage == 0.7), "some end early, with nothing left"
        assert not np.any(batch.state().health[early])


def test_a_campaign_in_which_everything_is_lost_ends_there():
    batch = started(campaigning(repair=0.5), threat_kind__hit=1.0, threat_kind__damage=1.0)
    assert metric(batch, "undefended_loss") == 10.0, "of the first raid alone"
    hold(batch, LENGTH)
    assert batch.terminated[0]
    assert shown(batch, "clock", "lull") == 0.0
    assert (metric(batch, "raids"), metric(batch, "loss")) == (1.0, 10.0)
    hold(batch)
    assert metric(batch, "epochs") == LENGTH


@pytest.mark.parametrize("epoch_s", [10.0, 7.5, 3.3, 0.7])
def test_the_epochs_until_a_strike_are_those_that_a_raid_plays(epoch_s):
    """At float32 times around the end of an epoch, too; 0.7 * 19 is not a float32."""
    epoch_s = np.float32(epoch_s)
    ends = (np.arange(1, 400) * np.float64(epoch_s)).astype(np.float32)
    for times in (np.nextafter(ends, np.float32(0.0)), ends, np.nextafter(ends, np.float32(1e9))):
        for time_s in times[:-1]:
            played = 1 + int(np.sum(ends <= time_s))  # an epoch plays what is before its end
            assert epochs_until(time_s, epoch_s) == played


# --- kernels by hand ---


@pytest.mark.parametrize(
    ("number", "day", "on"),
    [
        (0, 0.0, True), (2, 5.0, True), (2, 7.75, True),  # on the last day itself
        (2, 8.0, False), (3, 0.0, False), (4, 0.0, False),
    ],
)  # fmt: skip
def test_whether_another_raid_follows_by_hand(number, day, on):
    plan = {"raids": 4, "days": 10.0, "lull_min_days": 2.25, "lull_max_days": 2.25}
    key = np.uint64(1)
    assert core.goes_on(filled(CAMPAIGN, plan)[0], key, number, np.float32(day)) == on


def test_the_next_raid_is_on_the_day_that_its_own_lull_ends():
    plan, key = filled(CAMPAIGN, {"raids": 9, "lull_min_days": 1.0, "lull_max_days": 9.0}), 5
    for number in range(8):
        on = np.float32(2.0) + core.lull_days(plan[0], np.uint64(key), number + 1)
        for days, follows in ((on, True), (np.nextafter(on, np.float32(0.0)), False)):
            plan["days"] = days
            found = core.goes_on(plan[0], np.uint64(key), number, np.float32(2.0))
            assert found == follows


def test_a_lull_and_the_key_of_a_raid_are_those_of_its_number():
    plan, key = filled(CAMPAIGN, {"lull_min_days": 1.5, "lull_max_days": 4.0})[0], np.uint64(5)
    for number in (1, 2, 3):
        days = 1.5 + 2.5 * uniform(key, LULL, number, 0)
        assert core.lull_days(plan, key, number) == pytest.approx(days)
        assert core.key_of(key, number) == derived_key(key, RAIDS, number) != key
    assert core.key_of(key, 0) == key


def test_a_repair_by_hand():
    healths = np.array([0.0, 0.5, 0.875])
    core.repair(healths, filled(CAMPAIGN, {"repair_per_day": 0.0625})[0], 4.0)
    assert healths.tolist() == [0.25, 0.75, 1.0]


def test_contingents_are_able_from_their_first_day_until_the_day_they_leave():
    deployment = filled(
        DEPLOYMENT,
        {"ready_day": 2.0, "leave_day": 5.0}, {"ready_day": 0.0, "leave_day": np.inf},
    )  # fmt: skip
    shooters, sensors = filled(SHOOTER, {}, {}), filled(SENSOR, {}, {})
    for day, able in ((1.9, False), (2.0, True), (4.9, True), (5.0, False)):
        core.rotate(shooters, deployment, sensors, np.float32(day))
        assert shooters["able"].tolist() == [able, True]
        assert sensors["able"].all()


@pytest.mark.parametrize(
    ("day", "rounds"), [(0.0, 0), (2.0, 0), (2.5, 0), (3.0, 1), (4.0, 3), (12.0, 15)]
)
def test_what_has_arrived_by_a_day(day, rounds):
    arrives = filled(DELIVERY, {"rounds_per_day": 1.5, "first_day": 2.0})[0]
    assert core.delivered(arrives, day) == rounds


def test_who_receives_by_the_joint_action():
    mask = np.array([[1, 1, 0], [1, 0, 1]], np.int8)  # two shooters, two deliveries
    totals = np.zeros(9)
    for orders, receivers, illegal in (
        ([5, 5], [NONE, NONE], 0),  # the orders of the shooters alone
        ([5, 5, 0, 0], [NONE, NONE], 0),
        ([0, 0, 1, 2], [0, 1], 0),
        ([0, 0, 2, 1], [NONE, NONE], 2),
        ([0, 0, 3, -1], [NONE, NONE], 2),
        ([0, 0, 1, 1], [0, NONE], 1),
    ):
        totals[:] = 0.0
        orders = np.array(orders)
        assert [core.receiver(orders, mask, d) for d in (0, 1)] == receivers
        core.check_orders(orders, mask, totals)
        assert totals[core.metrics.ILLEGAL_ACTIONS] == totals.sum() == illegal


def test_the_mask_of_deliveries_by_hand():
    gone, stays = {"leave_day": 5.0}, {"leave_day": np.inf}
    deployment = filled(DEPLOYMENT, stays, gone, stays | {"kind": 1}, stays | {"nation": 1})
    deliveries, takers = filled(DELIVERY, {"kind": 0}, {"kind": 1}), np.array([[1, 0], [0, 1]]) > 0
    for day, lull, expected in (
        (4.9, True, [[1, 1, 1, 0, 0], [1, 0, 0, 0, 0]]),
        (5.0, True, [[1, 1, 0, 0, 0], [1, 0, 0, 0, 0]]),
        (4.9, False, [[1, 0, 0, 0, 0], [1, 0, 0, 0, 0]]),
    ):
        mask = np.full((2, 5), 7, np.int8)
        core.mask_deliveries(mask, deliveries, takers, deployment, np.float32(day), lull)
        assert mask.tolist() == expected


def test_the_neediest_by_hand():
    deployment = filled(
        DEPLOYMENT,
        {"rounds": 3, "reserve": 5}, {"rounds": 2, "reserve": 2}, {"rounds": 1, "kind": 1},
        {"rounds": 1, "nation": 1}, {"rounds": 1},
    )  # fmt: skip
    shooters = filled(SHOOTER, *[{"able": True}] * 5)
    shooters["able"][4] = False
    one, both = np.array([True, False]), np.array([True, True])
    for (first, second), neediest in (((4, 2), 0), ((5, 2), 1), ((3, 2), 0), ((8, 5), 0)):
        shooters["rounds"][:2], shooters["reserve"][:2] = 1, (first - 1, second - 1)
        assert core.neediest(shooters, deployment, 0, one) == neediest
    assert core.neediest(shooters, deployment, 1, one) == 2
    assert core.neediest(shooters, deployment, 0, both) == 3, "it has nothing at all"
    assert core.neediest(shooters, deployment, 2, both) == NONE
