"""Raids that differ only in what nobody can know yet are the same to the bit until it is known.

Of every raid there is a twin, changed right after the reset in something hidden. Both are played by
the same rule; while the change cannot be known, observation, mask, reward, end and info must be
equal in every bit. Each test also finds the twins apart afterwards, so that it can fail.
"""

from collections.abc import Callable

import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

from agents.classical import make_policy
from envs.batch import RaidBatch
from envs.core.state import ABSENT, DUD, INBOUND, KILLED, LEAKED, PENDING
from envs.scenario import load_scenario
from envs.vector_env import BalticShieldVectorEnv
from tests.envs.small import bits, by_kind, fog, kind_row, named, reachable, tune

ROWS = 48
SLOW, JET, CRUISE, BALLISTIC, DECOY = map(
    kind_row, ("slow_drone", "jet_drone", "cruise_missile", "ballistic_missile", "decoy")
)
RULES = ("hold_fire", "wta_greedy", "random_legal")

Change = Callable[[RaidBatch, dict], None]


def twins(scenario, change, **tuned):
    """Return raids and their twins, of which `change` alters the saved state."""
    scenario = load_scenario(scenario)
    pair = [BalticShieldVectorEnv(ROWS, scenario, AutoresetMode.DISABLED) for _ in range(2)]
    for env in pair:
        tune(env.batch, **tuned)
        env.reset(seed=500)
    saved = pair[1].get_state()
    change(pair[1].batch, saved)
    pair[1].set_state(saved)
    return pair


def same_until(pair, known, rule):
    """Play twins by a rule, and assert that they are the same until `known`.

    Args:
        pair: the environments of the raids and of their twins.
        known: from (batch, now_s) to bool [B]: the change may now be known in that batch.
        rule: name of a classical policy, which decides by what it sees alone.

    Returns:
        How many raids were found apart later; how many epochs of raids were compared.
    """
    policies = [make_policy(rule, env.batch.scenario) for env in pair]
    shown = [{**env.batch.snapshot()} for env in pair]
    secret, apart, compared = np.ones(ROWS, bool), np.zeros(ROWS, bool), 0
    while True:
        for env in pair:
            secret &= ~known(env.batch, env.batch.state().raid["epoch"] * np.float32(10.0))
        for name in shown[0]:
            unlike = bits(shown[0][name]) != bits(shown[1][name])
            unlike = unlike.reshape(ROWS, -1).any(axis=1)
            assert not np.any(unlike & secret), (name, np.flatnonzero(unlike & secret))
            apart |= unlike
        over = [env.batch.terminated for env in pair]
        compared += int(np.sum(secret & ~over[0]))
        if np.all(over[0] & over[1]):
            return int(apart.sum()), compared
        # What an end reveals, that nothing else is under way, is known to everybody.
        secret &= ~(over[0] | over[1])
        shown = []
        for env, policy in zip(pair, policies, strict=True):
            observation = env.batch.observation
            orders, _ = policy.predict(observation)
            *step, infos = env.step(orders)
            ended = infos.get("_metrics", np.zeros(ROWS, bool))
            names = ("reward", "terminated", "truncated", "ended")
            shown.append({**step[0], **dict(zip(names, [*step[1:], ended], strict=True))})


def flying(saved):
    """Return which threats of a saved state there are, bool [B, T]."""
    return saved["threat"]["status"] != ABSENT


# --- kinds ---


def swap_drones_and_decoys(_, saved):
    """Make decoys of drones and drones of decoys, none of which does damage."""
    threats = saved["threat"]
    drones, decoys = (flying(saved) & (threats["kind"] == kind) for kind in (SLOW, DECOY))
    assert drones.any()
    assert decoys.any()
    threats["kind"][drones], threats["kind"][decoys] = DECOY, SLOW
    threats["hits"][drones | decoys] = False


def harmless_twins(**tuned):
    """Return twins as above; the first are harmless too."""
    pair = twins(fog(), swap_drones_and_decoys, **tuned)
    threats = pair[0].batch.state().threat
    threats["hits"][np.isin(threats["kind"], (SLOW, DECOY))] = False
    return pair


@pytest.mark.parametrize("rule", RULES)
def test_a_decoy_is_a_drone_until_the_first_report(rule):
    apart, compared = same_until(
        harmless_twins(), lambda batch, _: batch.metrics()["identifications"] > 0, rule
    )
    assert apart > ROWS // 2
    assert compared > 10 * ROWS


@pytest.mark.parametrize("rule", RULES)
def test_without_reports_a_decoy_that_does_no_harm_is_a_drone_to_the_end(rule):
    pair = harmless_twins(sensor__identification_rate=0.0)
    apart, compared = same_until(pair, lambda batch, _: np.zeros(ROWS, bool), rule)
    assert apart == 0
    assert compared > 100 * ROWS
    # Their ends differ in what is told of them alone: rounds at decoys, and costs.
    if rule != "hold_fire":
        ends = [env.batch.metrics()["rounds_at_decoys"].sum() for env in pair]
        assert ends[0] != ends[1]


@pytest.mark.parametrize("rule", RULES[1:])
def test_a_decoy_harder_to_kill_is_a_drone_until_it_is_shot_at(rule):
    pk = RaidBatch(fog(), 1).params.shooter_pk * by_kind(1.0, decoy=0.3)
    pair = harmless_twins(sensor__identification_rate=0.0, shooter_pk=pk)
    apart, compared = same_until(pair, judged(SLOW, DECOY), rule)
    assert apart > ROWS // 2
    assert compared > 4 * ROWS


def judged(*kinds):
    """Return a rule by which a change is known once an engagement of such a kind is judged."""

    def known(batch, _):
        threats = batch.state().threat
        concerned = np.isin(threats["kind"], kinds) & (threats["status"] != ABSENT)
        return np.any(concerned & (threats["survival"] < 1.0), axis=1)

    return known


# --- luck ---


def turn_luck(_, saved):
    """Let each missile that one engagement would hardly kill die of it, and the reverse."""
    missiles = np.isin(saved["threat"]["kind"], (CRUISE, BALLISTIC))
    saved["threat"]["kill_u"][missiles] = 1.0 - saved["threat"]["kill_u"][missiles] - 2.0**-53


@pytest.mark.parametrize("name", ["standard", "fog"])
@pytest.mark.parametrize("rule", RULES[1:])
def test_luck_is_hidden_until_an_engagement_is_judged(name, rule):
    pair = twins(named(name), turn_luck)
    apart, compared = same_until(pair, judged(CRUISE, BALLISTIC), rule)
    assert apart > ROWS // 2
    assert compared > 10 * ROWS


@pytest.mark.parametrize("rule", RULES[1:])
def test_a_kill_shows_in_reports_and_in_detections_alone(rule):
    """With neither, the dead are tracked and shot at like the living until these strike."""
    mute = {"picture__kill_confirmed": 0.0, "picture__false_kill": 0.0}
    pair = twins(fog(), lambda *_: None, **mute, picture__misses_to_lose=1000)
    for env in pair:
        for _ in range(12):
            env.step(env.action_space.sample() * 0)
        env.batch.state().sensor["able"] = False
    saved = pair[0].get_state()
    saved["threat"]["kill_u"] = 1.0 - saved["threat"]["kill_u"] - 2.0**-53
    pair[1].set_state(saved)
    apart, compared = same_until(pair, landed, rule)
    killed = [env.batch.metrics()["killed"].sum() for env in pair]
    assert min(killed) > 0
    assert killed[0] != killed[1]
    assert apart > ROWS // 2
    assert compared > 10 * ROWS


def turn_hits(_, saved):
    """Make duds of those that would do damage, and the reverse, decoys excepted."""
    armed = flying(saved) & (saved["threat"]["kind"] != DECOY)
    saved["threat"]["hits"] ^= armed


def landed(batch, _):
    return np.any(np.isin(batch.state().threat["status"], (LEAKED, DUD)), axis=1)


@pytest.mark.parametrize("name", ["standard", "fog"])
@pytest.mark.parametrize("rule", RULES)
def test_who_is_a_dud_is_hidden_until_the_first_impact(name, rule):
    apart, compared = same_until(twins(named(name), turn_hits), landed, rule)
    assert apart == ROWS
    assert compared > 10 * ROWS


# --- ways ---


def last_vertex(route):
    """Return the index of the aim point of each route, int64 [B, T]."""
    return np.isfinite(route["time_s"]).sum(axis=2) - 1


def retime(batch, saved, b, i, first):
    """Time the legs of a route anew from vertex `first` on, at the kind's speed."""
    route, threat = saved["route"][b, i], saved["threat"][b, i]
    speed = batch.params.threat_kind["speed_mps"][0, threat["kind"]]
    last = int(last_vertex(saved["route"])[b, i])
    for v in range(first, last):
        step = np.hypot(
            route["x_m"][v + 1] - route["x_m"][v], route["y_m"][v + 1] - route["y_m"][v]
        )
        route["time_s"][v + 1] = route["time_s"][v] + step / speed
    threat["impact_s"] = route["time_s"][last]


def turned(batch, turns, now_s):
    """Return in which raids a threat has passed the vertex of its turn, int64 [B, T], 0: none."""
    time_s = np.take_along_axis(batch.state().route["time_s"], turns[:, :, None], axis=2)[:, :, 0]
    return np.any((turns > 0) & (time_s <= now_s[:, None]), axis=1)


@pytest.mark.parametrize("rule", RULES)
def test_an_aim_is_hidden_until_the_last_waypoint(rule):
    turns = {}

    def other_aims(batch, saved):
        """Give every threat that has a waypoint another asset to aim at."""
        last = last_vertex(saved["route"])
        turns["last"] = np.where(flying(saved) & (last >= 2), last - 1, 0)
        assets = batch.params.asset[0]
        for b, i in zip(*np.nonzero(turns["last"]), strict=True):
            aim = (saved["threat"]["aim"][b, i] + 5) % len(assets)
            saved["threat"]["aim"][b, i] = aim
            for name in ("x_m", "y_m"):
                saved["route"][name][b, i, last[b, i]] = assets[name][aim]
            retime(batch, saved, b, i, last[b, i] - 1)

    pair = twins(fog(), other_aims)
    apart, compared = same_until(pair, lambda *now: turned(now[0], turns["last"], now[1]), rule)
    assert apart > ROWS // 2
    assert compared > 10 * ROWS


@pytest.mark.parametrize("name", ["standard", "fog"])
@pytest.mark.parametrize("rule", RULES)
def test_the_second_waypoint_is_hidden_until_the_first(name, rule):
    turns = {}

    def other_ways(batch, saved):
        """Move the second waypoint of every threat that has two by 8 km to the north."""
        last = last_vertex(saved["route"])
        turns["first"] = np.where(flying(saved) & (last >= 3), 1, 0)
        for b, i in zip(*np.nonzero(turns["first"]), strict=True):
            saved["route"]["y_m"][b, i, 2] += 8e3
            retime(batch, saved, b, i, 1)

    pair = twins(named(name), other_ways)
    apart, compared = same_until(pair, lambda *now: turned(now[0], turns["first"], now[1]), rule)
    assert apart > ROWS // 2
    assert compared > 10 * ROWS


# --- what is not there yet, or not seen ---


@pytest.mark.parametrize("name", ["standard", "fog"])
@pytest.mark.parametrize("rule", RULES)
def test_what_is_still_to_come_is_hidden(name, rule):
    changed = {}

    def another_future(batch, saved):
        """Of the threats still to come drop every third, and change all else about the others."""
        threats, route = saved["threat"], saved["route"]
        coming = flying(saved) & (threats["status"] == PENDING)
        dropped = coming & (threats["number"] % 3 == 0)
        others = coming & ~dropped & (threats["kind"] != BALLISTIC)
        changed["rows"] = dropped | others
        changed["start_s"] = route["time_s"][:, :, 0].copy()
        threats["status"][dropped] = ABSENT
        threats["impact_s"][dropped] = np.inf
        threats["kind"][others] = np.where(threats["kind"][others] == CRUISE, JET, CRUISE)
        threats["kill_u"][others] = 1.0 - threats["kill_u"][others]
        threats["hits"][others] ^= True
        route["time_s"][others] += 35.0
        route["x_m"][others] += 4e3
        threats["impact_s"][others] += 35.0

    def arrived(_, now_s):
        came = changed["start_s"] <= now_s[:, None]
        return np.any(changed["rows"] & came, axis=1)

    pair = twins(named(name), another_future)
    assert changed["rows"].any(axis=1).all()
    apart, compared = same_until(pair, arrived, rule)
    assert apart == ROWS
    assert compared > 3 * ROWS


@pytest.mark.parametrize("perfect", [True, False])
@pytest.mark.parametrize("rule", RULES)
def test_what_no_sensor_can_see_is_hidden(perfect, rule):
    source = fog()
    source["sensors"] = [row for row in source["sensors"] if row["kind"] == "gap_filler_radar"]
    source["picture"] = source["picture"] | {"organic_sensors": False}
    source["shooters"][8]["networked"] = True
    if perfect:
        source |= {"picture": {}, "sharing": {}, "slots": 32}
    short = {"sensor__range_m": 30e3, "sensor__antenna_m": 5.0}
    changed = {}

    def others_unseen(batch, saved):
        """Change what can be changed about the threats that are out of sight at the start."""
        threats, route = saved["threat"], saved["route"]
        unseen = (threats["status"] == INBOUND) & ~reachable(batch)[0]
        unseen &= threats["kind"] != BALLISTIC
        changed["rows"] = unseen
        threats["aim"][unseen] = (threats["aim"][unseen] + 1) % len(batch.params.asset[0])
        threats["kill_u"][unseen] = 1.0 - threats["kill_u"][unseen]
        threats["hits"][unseen] ^= True
        route["y_m"][unseen] += 700.0
        route["time_s"][unseen] += 1.0
        threats["impact_s"][unseen] += 1.0
        threats["y_m"][unseen] += 700.0

    def in_sight(batch, _):
        struck = np.isin(batch.state().threat["status"], (LEAKED, DUD, KILLED))
        return np.any(changed["rows"] & (reachable(batch)[0] | struck), axis=1)

    # On their way from the start on, since the earliest time on target is not early enough.
    pair = twins(source, others_unseen, package__time_min_s=0.0, package__time_max_s=300.0, **short)
    assert changed["rows"].any(axis=1).sum() > ROWS // 2
    apart, compared = same_until(pair, in_sight, rule)
    assert apart > ROWS // 2
    assert compared > 3 * ROWS


@pytest.mark.parametrize("name", ["short-campaign", "small-policing"])
@pytest.mark.parametrize("rule", RULES)
def test_the_raids_to_come_are_hidden_until_the_lull_before_them_has_passed(rule, name):
    def other_raids(_, saved):
        saved["raid"]["campaign_key"] += np.uint64(1)

    pair = twins(named(name), other_raids)
    apart, compared = same_until(pair, lambda batch, _: batch.state().raid["number"] > 0, rule)
    assert apart == ROWS
    assert compared > 10 * ROWS
