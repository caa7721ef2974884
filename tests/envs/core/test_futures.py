"""Imagined futures by hand: what is drawn behind a track, and where it is put."""

import numpy as np
import pytest

from envs.core import futures as core
from envs.core.lanes import LANES
from envs.core.params import ASSET, NONE, PLACE, THREAT_KIND
from envs.core.params import SENSOR as DEPLOYED
from envs.core.randomness import ASSESSMENT, uniform
from envs.core.state import CONTACT, INBOUND, KILLED, SENSOR, THREAT, TRACK, VERTEX
from tests.envs.small import filled

# A leg of 3-4-5 km from 10 s to 20 s, 30 km from a radar that reaches 40 km.
FROM = {"x_m": 30e3, "y_m": 0.0, "time_s": 10.0}
TO = {"x_m": 33e3, "y_m": 4e3, "time_s": 20.0}


@pytest.mark.parametrize(
    ("now_s", "range_m", "unseen"),
    [
        (9.0, 40e3, True),  # not there yet
        (10.0, 40e3, False),
        (19.0, 40e3, False),
        (20.0, 40e3, False),  # over as it strikes, seen or not
        (20.0, 20e3, False),
        (21.0, 20e3, False),
        (10.0, 20e3, True),
        (15.0, 30.5e3, True),
        (10.0, 30.5e3, False),
    ],
)
def test_who_may_be_there_unseen(now_s, range_m, unseen):
    threat = filled(THREAT, {"impact_s": 20.0})[0]
    route = filled(VERTEX, FROM, TO, {"time_s": np.inf})
    kind = filled(THREAT_KIND, {"signature": 1.0})[0]
    deployed = filled(DEPLOYED, {"range_m": range_m, "antenna_m": 1e4})
    sensors, paths = filled(SENSOR, {"able": True}), np.zeros((1, 2), PLACE)
    found = core.is_unseen(threat, route, kind, sensors, deployed, paths, np.float32(now_s))
    assert found == unseen


@pytest.mark.parametrize(
    ("sensor", "audible", "reached"),
    [
        ({"range_m": 13e3}, False, True),
        ({"range_m": 12.9e3}, True, False),
        ({"range_m": 13e3, "acoustic": True}, True, True),
        ({"range_m": 13e3, "acoustic": True}, False, False),
        ({"range_m": 12.9e3, "acoustic": True}, True, False),
    ],
)
def test_what_is_in_reach_by_hand(sensor, audible, reached):
    threat = filled(THREAT, {"x_m": 4e3, "y_m": 2e3, "z_m": 12e3})[0]
    kind = filled(THREAT_KIND, {"signature": 1.0, "audible": audible})[0]
    deployed = filled(DEPLOYED, {"antenna_m": 1e4, "points": 2} | sensor)
    paths = np.zeros((1, 2), PLACE)
    paths["x_m"], paths["y_m"] = [[1e3, 0.0]], [[-2e3, -9e3]]
    sensors = filled(SENSOR, {"x_m": 1e3, "y_m": -2e3, "able": True})
    assert core.in_reach(threat, kind, sensors, deployed, paths) == reached
    sensors["able"] = False
    assert not core.in_reach(threat, kind, sensors, deployed, paths)


@pytest.mark.parametrize(
    ("belief", "u", "kind"),
    [
        ([0.5, 0.5], 0.0, 0), ([0.5, 0.5], 0.499, 0), ([0.5, 0.5], 0.5, 1), ([0.0, 1.0], 0.0, 1),
        ([0.25, 0.0, 0.75], 0.25, 2), ([0.25, 0.75, 0.0], 0.999, 1), ([0.25, 0.25], 0.6, 1),
    ],
)  # fmt: skip
def test_a_kind_is_drawn_by_belief(belief, u, kind):
    assert core.drawn_kind(np.float32(belief), u) == kind


@pytest.mark.parametrize(
    ("u", "aim"),
    # Asset 1 with 0.5; the others have 1, 0 and 3 of the 4 that are left.
    [(0.0, 1), (0.499, 1), (0.5, 0), (0.624, 0), (0.625, 3), (0.99, 3)],
)
def test_an_aim_point_is_drawn_by_belief_and_value(u, aim):
    assets = filled(ASSET, *({"value": value} for value in (1.0, 9.0, 0.0, 3.0)))
    track = filled(TRACK, {"aim": 1, "aim_belief": 0.5})[0]
    assert core.drawn_aim(track, assets, u) == aim
    assert core.drawn_aim(track, assets[:2], 0.7) == 0
    alone = filled(TRACK, {"aim": 0, "aim_belief": 0.5})[0]
    assert core.drawn_aim(alone, assets[:1], u) == 0, "there is no other"
    assert core.drawn_aim(filled(TRACK, {"aim": NONE})[0], assets, u) == 0


@pytest.mark.parametrize(
    ("kind", "aim", "start", "end", "times"),
    [
        # 3-4-5: 5 km at 100 m/s.
        ({}, 0, (1e3, 2e3), (4e3, 6e3), (100.0, 150.0)),
        # At half its altitude it is half-way: 3-4-12, 13 km in 130 s.
        ({"ballistic": True}, 0, (-2e3, -2e3), (4e3, 6e3), (-30.0, 230.0)),
        # Taken for neutral it goes on for 1,200 s.
        ({}, NONE, (1e3, 2e3), (73e3, 98e3), (100.0, 1300.0)),
    ],
)
def test_an_imagined_route_by_hand(kind, aim, start, end, times):
    track = filled(
        TRACK, {"x_m": 1e3, "y_m": 2e3, "z_m": 12e3, "vx_mps": 60.0, "vy_mps": 80.0}
    )[0]  # fmt: skip
    threat, route = filled(THREAT, {"aim": aim})[0], filled(VERTEX, FROM, TO, FROM)
    kinds = filled(THREAT_KIND, {"speed_mps": 100.0, "altitude_m": 24e3} | kind)
    assets = filled(ASSET, {"x_m": 4e3, "y_m": 6e3})
    core.believe_route(threat, route, track, kinds, assets, np.float32(100.0))
    for v, place in enumerate((start, end)):
        assert (route["x_m"][v], route["y_m"][v]) == pytest.approx(place)
        assert route["time_s"][v] == pytest.approx(times[v])
    assert (route["x_m"][2], route["y_m"][2], route["time_s"][2]) == (0.0, 0.0, np.inf)
    assert threat.impact_s == route["time_s"][1]
    assert (threat.x_m, threat.y_m) == pytest.approx((1e3, 2e3))
    assert threat.z_m == pytest.approx(12e3 if kind else 24e3)


def test_what_is_there_already_takes_a_second_to_strike():
    track = filled(TRACK, {"x_m": 4e3, "y_m": 6e3})[0]
    threat, route = filled(THREAT, {})[0], filled(VERTEX, FROM, TO)
    kinds, assets = filled(THREAT_KIND, {"speed_mps": 100.0}), filled(ASSET, {"x_m": 4e3})
    assets["y_m"] = 6e3
    core.believe_route(threat, route, track, kinds, assets, np.float32(100.0))
    assert route["time_s"].tolist() == [100.0, 101.0]


@pytest.mark.parametrize(
    ("misses", "reports", "dead"), [(0, 1, 0.0), (1, 0, 0.0), (1, 1, 1 / 1.1), (2, 3, 1 / 1.01)]
)
def test_what_is_missed_after_an_engagement_may_be_dead(misses, reports, dead):
    key, shown = np.uint64(4), set()
    for number in range(-60, 0):
        threat = filled(THREAT, {"number": number, "status": INBOUND})[0]
        core.believe_dead(threat, np.float32(misses), np.float32(reports), key)
        u = uniform(key, ASSESSMENT, number, -1)
        assert threat.status == (KILLED if u < dead else INBOUND)
        shown.add(int(threat.status))
    assert (KILLED in shown) == (dead > 0.0)


def test_rows_and_contacts_by_hand():
    held, order = np.array([False, True, False, True]), np.full(6, NONE)
    assert core.free_rows(held, 6, order) == 4
    assert order.tolist() == [0, 2, 4, 5, NONE, NONE]
    contacts = filled(CONTACT, {"misses": 1}, {"misses": 2, "reports": 3}, {"misses": 4})
    tracks = filled(TRACK, {}, {"threat": 1}, {}, {"threat": 2})
    table = np.ones((2, LANES), np.float32)
    core.note_contacts(contacts, held, tracks, table)
    assert table[:, :4].tolist() == [[1, 2, 1, 4], [1, 3, 1, 0]]
    track = filled(TRACK, {"x_m": 1, "y_m": 2, "z_m": 3})[0]
    core.believe_contact(contacts[0], track, 5, np.float32(6), np.float32(7), 8, 9)
    found = {name: contacts[name][0] for name in CONTACT.names}
    assert found == {"x_m": 1, "y_m": 2, "z_m": 3, "epoch": 9, "track": 5, "detections": 8,
                     "misses": 6, "reports": 7}  # fmt: skip
