"""Who may use which track, and from when on."""

import numpy as np
import pytest

from envs.core import command as core
from envs.core.lanes import LANES
from envs.core.params import NONE, THREAT_KIND
from envs.core.params import SENSOR as DEPLOYED
from envs.core.params import SHOOTER as DEPLOYMENT
from envs.core.sensing import (
    EVERYBODY,
    NATIONS,
    chance,
    chance_heard,
    detection_number,
    distance2,
)
from envs.core.state import HOLDING, SENSOR, THREAT, TRACK
from envs.scenario import load_scenario
from tests.envs.small import (
    detected,
    filled,
    fire,
    fog,
    held,
    hold,
    mapping,
    package,
    sensor,
    shooter,
    slot_of,
    started,
)

NEVER = 100_000  # epochs
FINLAND_ALONE = {"FIN": {"DEU": NEVER, "LTU": NEVER}}
FAR = {"shooter__air_range_max_m": 60e3, "shooter__air_range_min_m": 0.0}


def scene(sensors, shooters=None, to_lose=3, **sharing):
    """Return one drone in view from the start, and batteries of Germany and of Lithuania.

    Args:
        sensors: nation of each radar; None for one that is every nation's.
    """
    owned = [{"nation": nation} if nation else {} for nation in sensors]
    return mapping(
        shooters=shooters or [battery("DEU"), battery("LTU")],
        sensors=[sensor(f"radar {n}", **owner) for n, owner in enumerate(owned)],
        picture={"kinds": "believed", "misses_to_lose": to_lose, "organic_sensors": True},
        sharing=sharing,
        clock_min=30,
    )


def battery(nation, name=None, **keys):
    return shooter(name or f"battery {nation}", nation=nation, **keys)


def begun(source, radars, rows=1, **tuned):
    """Return a batch whose first sensors, the radars, see everything, and the organic nothing."""
    reach = np.full(load_scenario(source).num_sensors, 1.0, np.float32)
    reach[:radars] = 1e6
    return started(source, rows, **FAR, sensor__range_m=reach, **tuned)


def usable(batch):
    """Return which shooters may fire at the first drone, bool [S]; False where it has no track."""
    slot = slot_of(batch)[0]
    return batch.observation["action_mask"][0, :, 1 + slot].astype(bool) & (slot >= 0)


def first_use(batch, epochs=12):
    """Return in which epoch each shooter may fire first, or None, a list [S]."""
    found = [None] * batch.scenario.num_shooters
    for epoch in range(epochs):
        for s in np.flatnonzero(usable(batch)):
            found[s] = epoch if found[s] is None else found[s]
        hold(batch)
    return found


def test_a_track_of_another_nation_is_usable_after_the_delay_and_ones_own_at_once():
    # Shooters: Germany, Lithuania.
    assert first_use(begun(scene(["DEU"], foreign_delay_epochs=3), 1)) == [0, 3]
    assert first_use(begun(scene(["LTU"], foreign_delay_epochs=3), 1)) == [3, 0]
    assert first_use(begun(scene(["LTU"], foreign_delay_epochs=NEVER), 1)) == [None, 0]


def test_pairs_show_nothing_that_may_not_be_used():
    batch = begun(scene(["DEU"], foreign_delay_epochs=2), 1)
    pk = batch.state().pair["pk"][0, :, slot_of(batch)[0]]
    assert pk[0] > 0.0 == pk[1]
    shown = batch.observation["pair"][0, :, slot_of(batch)[0]]
    assert shown[0].any()
    assert not shown[1].any()
    hold(batch, 2)
    assert batch.state().pair["pk"][0, :, slot_of(batch)[0]].min() > 0.0


def test_sensors_without_a_nation_serve_everybody_at_once():
    assert first_use(begun(scene([None], foreign_delay_epochs=3), 1)) == [0, 0]


def test_the_delay_counts_from_the_nations_own_first_detection():
    # Finland, whose tracks nobody may use, has it from the start; Germany once it is within
    # 18.1 km, after 2 km and 40 s.
    source = scene(["FIN", "DEU"], foreign_delay_epochs=2, delay_epochs=FINLAND_ALONE)
    reach = np.float32([1e6, 18.1e3 / 0.6, 1.0, 1.0])
    assert first_use(started(source, **FAR, sensor__range_m=reach)) == [4, 6]


def test_a_delay_of_its_own_holds_one_way():
    delays = {"foreign_delay_epochs": 4, "delay_epochs": {"DEU": {"LTU": 1}}}
    assert first_use(begun(scene(["DEU"], **delays), 1)) == [0, 1]
    assert first_use(begun(scene(["LTU"], **delays), 1)) == [4, 0]


def test_of_several_nations_that_hold_a_track_the_soonest_counts():
    delays = {"foreign_delay_epochs": 5, "delay_epochs": {"SWE": {"LTU": 2}}}
    assert first_use(begun(scene(["DEU", "SWE"], **delays), 2)) == [0, 2]
    assert first_use(begun(scene(["SWE"], **delays), 1)) == [5, 2]


@pytest.mark.parametrize(("misses", "anew"), [(1, False), (2, False), (3, True), (4, True)])
def test_a_nation_that_lost_a_track_must_hold_it_anew(misses, anew):
    # Lost after 3 misses. The track itself is kept by Finland, whose tracks nobody may use.
    source = scene(["DEU", "FIN"], foreign_delay_epochs=2, delay_epochs=FINLAND_ALONE)
    batch = begun(source, 2)
    hold(batch, 4)
    assert list(usable(batch)) == [True, True]
    radar = batch.state().sensor["able"]
    radar[0, 0] = False
    for missed in range(1, misses + 1):
        hold(batch)
        assert list(usable(batch)) == [missed < 3] * 2, "usable until the third miss"
    radar[0, 0] = True
    seen = []
    for _ in range(4):
        hold(batch)
        seen.append(list(usable(batch)))
    if anew:
        assert seen == [[True, False], [True, False], [True, True], [True, True]]
    else:
        assert seen == [[True, True]] * 4
    assert batch.state().track["start"][held(batch)] == [0]


def test_a_new_track_is_held_by_nobody_yet():
    # Lost by all and found again: the delay begins anew, although nobody held it for long.
    batch = begun(scene(["DEU"], foreign_delay_epochs=3), 1)
    hold(batch, 5)
    assert list(usable(batch)) == [True, True]
    batch.state().sensor["able"][0] = False
    hold(batch, 3)
    assert not held(batch).any()
    batch.state().sensor["able"][0] = True
    hold(batch)
    assert first_use(batch, 5) == [0, 3]


# --- without a network ---


def stovepiped(reach_own_m, radar=None, **sharing):
    """Return a battery in the network and one that is not, with an own sensor of some reach."""
    batteries = [battery("LTU", "in"), battery("LTU", "out", networked=False)]
    source = scene([radar], batteries, **sharing)
    return started(source, **FAR, sensor__range_m=np.float32([1e6, 1.0, reach_own_m]))


def test_a_shooter_without_network_uses_its_own_sensor_alone():
    # The drone is at 20 km: signature 0.6, so a reach of 40 km has it and one of 30 km has not.
    assert list(usable(stovepiped(30e3))) == [True, False]
    assert list(usable(stovepiped(40e3))) == [True, True]
    # Also if the radar is of its own nation.
    assert list(usable(stovepiped(30e3, "LTU"))) == [True, False]


def test_it_comes_to_use_what_flies_into_its_own_reach():
    # 33 km * 0.6 = 19.8 km, slant: from 20 km of ground range after 202 m, in epoch 1.
    assert first_use(stovepiped(33e3)) == [0, 1]


def test_it_may_not_fire_at_what_its_sensor_missed_in_this_epoch():
    batch = stovepiped(40e3)
    batch.state().sensor["able"][0, 2] = False
    hold(batch)
    assert list(usable(batch)) == [True, False]
    batch.state().sensor["able"][0, 2] = True
    hold(batch)
    assert list(usable(batch)) == [True, True]


def test_it_may_not_fire_at_what_is_dead_and_goes_on_in_the_common_picture_alone():
    batteries = [battery("LTU", "in"), battery("LTU", "out", networked=False)]
    source = scene([None], batteries, to_lose=20)
    source["picture"]["kill_confirmed"] = 0.0
    source["packages"] = [package("first"), package("second", entry=(20, 20))]
    batch = started(source, **FAR, sensor__range_m=1e6, shooter_pk=1.0)
    assert list(usable(batch)) == [True, True]
    fire(batch)
    hold(batch, 3)
    assert batch.metrics()["killed"] == [1.0]
    assert list(usable(batch)) == [True, False]


def test_its_sensor_feeds_nobody_else():
    batch = stovepiped(1e6)
    batch.state().sensor["able"][0, 0] = False
    hold(batch, 5)
    # The track is there, since its own sensor has it, and no one else's to use.
    assert held(batch).any()
    assert list(usable(batch)) == [False, True]
    assert batch.observation["pair"][0, 0].max() == 0.0


def test_a_networked_shooters_own_sensor_feeds_everybody_of_its_nation():
    batteries = [battery("LTU", "near"), battery("LTU", "far"), battery("DEU", "other")]
    batch = started(
        scene([None], batteries, foreign_delay_epochs=2), **FAR,
        sensor__range_m=np.float32([1.0, 1e6, 1.0, 1.0]),
    )  # fmt: skip
    assert first_use(batch) == [0, 0, 2]


def test_own_detections_are_those_of_the_own_sensors_chance():
    rows = 2048
    batteries = [battery("LTU", "in"), battery("LTU", "out", networked=False)]
    batch = started(
        scene([None], batteries, to_lose=20), rows, **FAR, picture__by_chance=True,
        sensor__range_m=1e8, sensor__detection=np.float32([0.9, 0.1, 0.4]),
    )  # fmt: skip
    hold(batch, 3)
    seen = detected(batch).any(axis=1)
    slots = slot_of(batch)
    legal = batch.observation["action_mask"][np.arange(rows), 1, 1 + slots] & (slots >= 0)
    assert abs(legal.mean() - 0.4) < 4.5 * np.sqrt(0.4 * 0.6 / rows)
    assert np.all(seen[legal.astype(bool)])
    assert abs(seen.mean() - 0.9) < 4.5 * np.sqrt(0.9 * 0.1 / rows)


def test_in_a_fog_no_shooter_has_a_pair_with_what_it_may_not_use():
    """Played out: the shooter without network against its own sensor and the truth."""
    batch = started(fog(), 32, seed=80)
    lone = 8
    own = batch.params.shooter["sensor"][0, lone]
    deployed, sight = batch.params.sensor[0, own], batch.state().sensor
    kinds = batch.params.threat_kind[0]
    pairs = 0
    while not np.all(batch.terminated):
        rows, slots = np.nonzero(batch.state().pair["pk"][:, lone])
        threats = batch.state().threat[rows, batch.state().track["threat"][rows, slots]]
        dx = threats["x_m"] - sight["x_m"][rows, own]
        dy = threats["y_m"] - sight["y_m"][rows, own]
        slant = np.sqrt(dx**2 + dy**2 + threats["z_m"] ** 2)
        assert np.all(slant <= deployed["range_m"] * kinds["signature"][threats["kind"]] * 1.0001)
        assert np.all(sight["able"][rows, own])
        assert np.all(batch.state().track["seen"][rows, slots])
        pairs += len(rows)
        hold(batch)
    assert pairs > 0


def test_a_nation_holds_what_its_own_sensors_detect_whatever_is_reported():
    """Also in epochs with a report of what kind a track is, whose draw is another."""
    batch = started(fog(), 32)
    reports = 0
    for _ in range(60):
        hold(batch)
        reports = batch.metrics()["identifications"].sum()
        state, epoch = batch.state(), batch.state().raid["epoch"]
        for b, i in np.argwhere(state.held & state.track["seen"]):
            threat = state.threat[b, state.track["threat"][b, i]]
            number = detection_number(state.raid["key"][b], threat["number"], epoch[b])
            chances = chances_of(batch, b, threat)
            for f, nation in enumerate(batch.scenario.nations):
                held_now = state.holding["last"][b, i, f] == epoch[b]
                assert held_now == (number < chances.get(nation, 0.0)), (b, i, nation)
    assert reports > 200


def chances_of(batch, b, threat):
    """Return the largest chance of detection of each nation that shares, by name."""
    params, state, found = batch.params, batch.state(), {}
    kind = params.threat_kind[0, threat["kind"]]
    for r, sensor_ in enumerate(batch.scenario.all_sensors):
        deployed, place = params.sensor[0, r], state.sensor[b, r]
        owner = deployed["shooter"]
        if not place["able"] or (owner >= 0 and not params.shooter[0, owner]["networked"]):
            continue
        if deployed["acoustic"]:
            ground2 = distance2(
                threat["x_m"], threat["y_m"], params.sensor_path[0, r], deployed["points"]
            )
            slant2 = ground2 + threat["z_m"] * threat["z_m"]
            p = chance_heard(deployed, slant2, True) if kind["audible"] else 0.0
        else:
            dx, dy = threat["x_m"] - place["x_m"], threat["y_m"] - place["y_m"]
            ground2 = dx * dx + dy * dy
            slant2 = ground2 + threat["z_m"] * threat["z_m"]
            p = chance(deployed, ground2, slant2, np.sqrt(threat["z_m"]), kind["signature"], True)
        for nation in [sensor_.nation] if sensor_.nation else batch.scenario.nations:
            found[nation] = max(found.get(nation, 0.0), p)
    return found


# --- kernels by hand ---


@pytest.mark.parametrize(
    ("draw", "first", "last"),
    [
        (0.24, [9, 3, 9], [9, 9, 9]),  # below everybody's chance: all of them hold it
        (0.25, [5, 3, 9], [5, 9, 9]),  # below those of the second and the third alone
        (0.5, [5, 3, NONE], [5, 7, NONE]),
    ],
)
def test_who_holds_a_track_by_hand(draw, first, last):
    table = np.zeros((NATIONS + 3, LANES), np.float32)
    table[EVERYBODY, 1], table[NATIONS:, 1] = 0.25, [0.0, 0.5, 0.375]
    holding = filled(HOLDING, {"first": 5, "last": 5}, {"first": 3, "last": 7}, {})
    core.forget(holding[2:])
    core.note_holders(holding, np.float32(draw), table, 1, 9, 3)
    assert holding["first"].tolist() == first, "missed for more than three epochs it begins anew"
    assert holding["last"].tolist() == last


@pytest.mark.parametrize(
    ("epoch", "bits"),
    [
        (10, [0b001, 0b110, 0, 99]),
        (11, [0b001, 0b110, 0, 99]),
        (12, [0b011, 0b110, 0, 99]),
        (13, [0b000, 0b110, 0, 99]),  # missed three times
        (15, [0b000, 0b111, 0, 99]),  # now the longest of delays is over
    ],
)
def test_who_may_use_a_track_by_hand(epoch, bits):
    # The first is held by the first nation since 10, the second by the others since 10; the third
    # by nobody, and in the last slot there is none.
    delay = np.int32([[0, 2, 4], [5, 0, 1], [5, 5, 0]])
    held_ = np.array([True, True, True, False])
    holding = np.zeros((4, 3), HOLDING)
    holding["first"] = holding["last"] = NONE
    holding["first"][0, 0] = holding["last"][0, 0] = 10
    holding["first"][1, 1:], holding["last"][1, 1:] = 10, epoch
    usable = np.full(4, 99, np.uint64)
    core.share(held_, holding, delay, 3, epoch, usable)
    assert usable.tolist() == bits
    for nation in range(3):
        assert core.may_use(usable[0], nation) == bool(bits[0] >> nation & 1)


def test_what_a_shooter_without_network_sees_by_hand():
    # 3-4-12: 13 km from a sensor that reaches 26, a chance of 1 - 0.5^4 = 0.9375.
    threat = {"x_m": 13e3, "y_m": -16e3, "z_m": 12e3}
    threats = filled(THREAT, *({**threat, "number": n} for n in range(20)), {"x_m": 1e6})
    tracks = filled(TRACK, *({"threat": n, "seen": True} for n in range(21)))
    tracks["seen"][0] = False
    held_ = np.arange(21) != 1
    kinds = filled(THREAT_KIND, {"signature": 1.0})
    sensors = filled(SENSOR, {}, {"x_m": 10e3, "y_m": -20e3, "able": True})
    deployed = filled(DEPLOYED, {}, {"range_m": 26e3, "antenna_m": 1e4, "detection": 1.0})
    deployment = filled(DEPLOYMENT, {"networked": True}, {"sensor": 1})
    key, own = np.uint64(3), np.ones((2, 21), np.bool_)
    for able in (True, False):
        sensors["able"][1] = able
        core.use_own(
            threats, held_, tracks, kinds, sensors, deployed, deployment, True, key, 4, own
        )
        numbers = [detection_number(key, n, 4) for n in range(20)]
        expected = [able and n > 1 and number < 0.9375 for n, number in enumerate(numbers)]
        assert own[1].tolist() == [*expected, False]
        assert own[0].all(), "that of the other is left alone"
