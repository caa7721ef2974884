"""What an epoch leaves alone, and when a raid is over."""

import numpy as np

from envs.core.state import ABSENT, DUD, INBOUND, KILLED, LEAKED, PENDING, THREAT
from envs.core.step import settled
from tests.envs.small import assert_same, filled, hold, mapping, package, started


def test_what_is_over_has_no_reward_and_stays_as_it_is():
    for end in ("terminated", "truncated"):
        batch = started(mapping(packages=[package(entry=(0.0, 1.0))]), threat_kind__hit=1.0)
        batch.state().raid[end] = True
        before = batch.get_state()
        hold(batch)
        assert batch.reward[0] == 0.0
        assert_same(before, batch.get_state())


def test_a_raid_is_settled_once_nothing_is_under_way_or_to_come():
    over = [{"status": status} for status in (ABSENT, KILLED, LEAKED, DUD)]
    assert settled(filled(THREAT, *over))
    assert not settled(filled(THREAT, *over, {"status": PENDING}))
    assert not settled(filled(THREAT, {"status": INBOUND}, *over))


def test_a_step_earns_what_the_metrics_gained_in_it():
    # 1 km at 50 m/s: it strikes after 20 s, in the third epoch.
    source = mapping(packages=[package(entry=(0.0, 1.0))])
    batch = started(source, threat_kind__hit=1.0, threat_kind__damage=0.5)
    weight = batch.weights[0]
    rewards = []
    for _ in range(3):
        hold(batch)
        rewards.append(batch.reward[0])
    assert weight < 0.0
    assert rewards == [0.0, 0.0, weight * 5.0]
    assert batch.terminated[0]
    assert np.all(batch.state().raid["epoch"] == 3)
