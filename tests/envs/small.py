"""Small scenarios laid out in kilometres, and ways to reach into a batch, for tests."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyproj import Transformer

from envs.batch import RaidBatch
from envs.catalogue import load_catalogue
from envs.core.state import ABSENT, INBOUND
from envs.scenario import read_scenario

_TO_DEGREES = Transformer.from_crs(
    "+proj=laea +lat_0=57 +lon_0=24.5 +ellps=GRS80 +units=m", "EPSG:4326", always_xy=True
)
HOLD = 0


def at(east_km: float, north_km: float) -> list[float]:
    """Return longitude and latitude of a place relative to the middle of the map."""
    lon, lat = _TO_DEGREES.transform(east_km * 1e3, north_km * 1e3)
    return [lon, lat]


def asset(name: str = "depot", place: tuple[float, float] = (0.0, 0.0), **keys: Any) -> dict:
    return {"name": name, "kind": "depot", "position": at(*place), "value": 10.0, **keys}


def shooter(
    name: str = "battery",
    kind: str = "nasams",
    place: tuple[float, float] = (0.0, 0.0),
    **keys: Any,
) -> dict:
    return {
        "name": name, "kind": kind, "nation": "LVA", "position": at(*place), "rounds": 2, **keys
    }  # fmt: skip


def sensor(
    name: str = "radar",
    kind: str = "long_range_radar",
    place: tuple[float, float] = (0.0, 0.0),
    **keys: Any,
) -> dict:
    return {"name": name, "kind": kind, "position": at(*place), **keys}


def line(
    *places: tuple[float, float], name: str = "line", kind: str = "acoustic_line", **keys: Any
) -> dict:
    """Return a sensor along a path: a line of microphones, or an orbit."""
    return {"name": name, "kind": kind, "path": [at(*place) for place in places], **keys}


def package(
    name: str = "raiders",
    kind: str = "slow_drone",
    number: tuple[int, int] = (1, 1),
    entry: tuple[float, float] = (0.0, 20.0),
    **keys: Any,
) -> dict:
    return {
        "name": name, "kinds": {kind: 1}, "number": list(number), "time_on_target_min": [0, 0],
        "entry": [at(*entry)], **keys
    }  # fmt: skip


def traffic(
    name: str = "traffic",
    kind: str = "light_aircraft",
    number: tuple[int, int] = (1, 1),
    entry: tuple[float, float] = (-20.0, 15.0),
    exit: tuple[float, float] = (20.0, 15.0),
    **keys: Any,
) -> dict:
    """Return a package of neutral aircraft."""
    return package(name, kind, number, entry, exit=[at(*exit)], **keys)


def mapping(**keys: Any) -> dict[str, Any]:
    """Return a scenario: one drone from 20 km north of one asset, one battery, one radar."""
    return {
        "name": "small",
        "version": 1,
        "description": "for a test",
        "slots": 4,
        "clock_min": 10,
        "assets": [asset()],
        "shooters": [shooter()],
        "sensors": [sensor()],
        "packages": [package()],
        **keys,
    }


def clear(**keys: Any) -> dict[str, Any]:
    """Return a raid of every kind of threat in a perfect picture, on shooters that can be hit."""
    return {
        "name": "small-clear", "version": 1, "description": "for a test", "slots": 16,
        "clock_min": 14, "epoch_s": 7.5,
        "assets": [
            asset("town", (0, -4)), asset("site", (3, 0), value=6.0, hardness=0.2),
            asset("mast", (-9, 2), value=0.5),
        ],
        "shooters": [
            shooter("battery", "patriot", (3, 0), rounds=4, reserve_rounds=3, asset="site"),
            shooter("guns", "gun_35mm", (0, -3), rounds=10, reserve_rounds=10),
            shooter("lone", "rbs70", (-8, 3), rounds=2, reserve_rounds=4),
            shooter("far", "nasams", (12, 14), rounds=6),
        ],
        "sensors": [
            sensor("radar", place=(-9, 2), asset="mast"),
            sensor("filler", "gap_filler_radar", (4, 0), asset="site"),
        ],
        "packages": [
            package(number=(2, 4), entry=(0, 15), spread_min=1, time_on_target_min=[0, 3],
                    routes=[[], [at(-10, 6), at(-3, 4)], [at(9, 9)]], route_jitter_km=1.5)
            | {"kinds": {"slow_drone": 2, "decoy": 1, "jet_drone": 1}},
            package("salvo", "ballistic_missile", (1, 3), (60, 60), spacing_min=0.2,
                    time_on_target_min=[1, 4], aim=["site", "town"], same_aim=True),
            package("missiles", "cruise_missile", (1, 3), (30, -12), chance=0.8,
                    routes=[[at(14, -8), at(10, 4), at(4, 9)]], spacing_min=0.1,
                    time_on_target_min=[2, 4]),
        ],
        **keys,
    }  # fmt: skip


def fog(**keys: Any) -> dict[str, Any]:
    """Return `standard` with all that can hide, mislead or delay in its picture switched on."""
    source = read_scenario("standard") | {"name": "fog", "slots": 16}
    del source["sensors"][1:3]
    source["sensors"] += [
        {"name": "Radar Antaversis", "kind": "long_range_radar", "position": [25.20, 54.95],
         "nation": "LTU", "asset": "Elektrenai power plant"},
        {"name": "Gap filler Alytus", "kind": "gap_filler_radar", "position": [23.90, 54.35],
         "nation": "SWE"},
        {"name": "Microphones", "kind": "acoustic_line", "nation": "LTU",
         "path": [[25.45, 54.95], [25.40, 54.60], [25.05, 54.40]]},
        {"name": "Patrol", "kind": "airborne_radar", "nation": "NLD",
         "path": [[21.5, 55.3], [23.0, 55.3], [23.0, 55.6]]},
    ]  # fmt: skip
    source["shooters"][8]["networked"] = False  # RBS 70 Alytus
    source["picture"] = {
        "kinds": "believed", "aims": "believed", "detection": "by_chance",
        "detections_to_start": 2, "misses_to_lose": 3, "organic_sensors": True,
        "kill_confirmed": 0.8, "false_kill": 0.1,
    }  # fmt: skip
    source["sharing"] = {"foreign_delay_epochs": 2, "delay_epochs": {"LTU": {"SWE": 5, "DEU": 0}}}
    return source | keys


def campaign(**keys: Any) -> dict[str, Any]:
    """Return a campaign of four short raids in fog, with all that can happen between two."""
    return {
        "name": "short-campaign", "version": 1, "description": "for a test", "slots": 8,
        "clock_min": 8,
        "assets": [asset("town", (0, -4)), asset("site", (3, 0), value=6.0, hardness=0.2)],
        "shooters": [
            shooter("battery", place=(3, 0), rounds=4, reserve_rounds=3, asset="site"),
            shooter("guns", "gun_35mm", (0, -3), rounds=6),
            shooter("guest", "nasams", (-4, 2), nation="DEU"),
            shooter("relief", "nasams", (-4, 1), nation="DEU"),
            shooter("lone", "rbs70", (2, 2), nation="EST", networked=False),
        ],
        "sensors": [
            sensor("site radar", place=(3, 0), nation="LVA", asset="site"),
            sensor("filler", "gap_filler_radar", (-4, 0), nation="DEU"),
            line((-6, 5), (6, 5), nation="LVA"),
            line((-20, 0), (20, 0), (0, 10), name="plane", kind="airborne_radar"),
        ],
        "packages": [
            package(number=(2, 4), entry=(0, 9), spread_min=1, time_on_target_min=[0, 3])
            | {"kinds": {"slow_drone": 2, "decoy": 1}},
            package("missiles", "cruise_missile", (0, 2), (25, 5), time_on_target_min=[2, 4]),
        ],
        "picture": {
            "kinds": "believed", "aims": "believed", "detection": "by_chance",
            "misses_to_lose": 3, "organic_sensors": True, "kill_confirmed": 0.8, "false_kill": 0.1,
        },
        "sharing": {"foreign_delay_epochs": 2},
        "campaign": {"raids": 4, "lull_days": [1.5, 4], "days": 9, "repair_per_day": 0.04},
        "deliveries": [
            {"kind": "nasams", "rounds_per_day": 0.7, "first_day": 1, "nations": ["DEU"]},
            {"kind": "gun_35mm", "rounds_per_day": 1.1},
        ],
        "contingents": [
            {"name": "first", "nation": "DEU", "shooters": ["guest"], "leaves_day": 2},
            {"name": "second", "nation": "DEU", "shooters": ["relief"], "arrives_day": 3,
             "travel_days": 0.5},
        ],
        **keys,
    }  # fmt: skip


def policing(**keys: Any) -> dict[str, Any]:
    """Return a campaign of three raids among traffic, with pairs, a jammer and decisions."""
    return {
        "name": "small-policing", "version": 1, "description": "for a test", "slots": 14,
        "clock_min": 13,
        "assets": [
            asset("town", (0, -4)), asset("site", (3, 0), value=6.0, hardness=0.2),
            asset("base", (-8, -6), value=3.0),
        ],
        "shooters": [
            shooter("battery", place=(3, 0), rounds=3, reserve_rounds=2, asset="site"),
            shooter("guest", place=(-3, 2), nation="DEU"),
            shooter("alert", "fighter_pair", (-8, -6), nation="DEU", rounds=2, reserve_rounds=3,
                    asset="base"),
            shooter("patrol", "fighter_pair", (40, -20), rounds=1, reserve_rounds=2,
                    patrol=at(6, 8)),
            shooter("jammer", "jammer", (0, 1), rounds=1),
            shooter("drones", "interceptor_drone", (1, -3), rounds=4),
        ],
        "sensors": [
            sensor("radar", nation="LVA"),
            sensor("filler", "gap_filler_radar", (-4, 0), nation="DEU"),
            line((-6, 9), (6, 9), nation="LVA"),
        ],
        "packages": [
            package(number=(2, 4), entry=(0, 18), spread_min=1, time_on_target_min=[0, 3])
            | {"kinds": {"slow_drone": 2, "decoy": 1}},
            package("jets", "jet_drone", (0, 2), (20, 18), time_on_target_min=[2, 5], chance=0.6),
            package("missiles", "cruise_missile", (1, 1), (45, 5), time_on_target_min=[4, 6],
                    chance=0.5),
            traffic("light", number=(1, 3), entry=(-14, 10), exit=(14, 6), spread_min=2),
            traffic("regional", "regional_aircraft", (1, 2), (25, 25), (-20, -5), spread_min=4,
                    chance=0.8),
            traffic("airliners", "airliner", (1, 1), (-50, 0), (50, 10), spread_min=4),
        ],
        "picture": {
            "kinds": "believed", "aims": "believed", "detection": "by_chance",
            "misses_to_lose": 3, "kill_confirmed": 0.8, "false_kill": 0.1,
        },
        "sharing": {"foreign_delay_epochs": 1},
        "campaign": {"raids": 3, "lull_days": [1.5, 4], "days": 7, "repair_per_day": 0.1,
                     "hand_out": "decided"},
        "deliveries": [
            {"kind": "nasams", "rounds_per_day": 0.9},
            {"kind": "fighter_pair", "rounds_per_day": 1.1, "first_day": 1, "nations": ["DEU"]},
        ],
        "contingents": [
            {"name": "first", "nation": "DEU", "shooters": ["guest"], "leaves_day": 3},
        ],
        "neutral_penalty": 4.0,
        **keys,
    }  # fmt: skip


def filled(dtype: np.dtype, *rows: dict[str, Any]) -> NDArray[Any]:
    """Return records of these values by field, zero in all others, to call one kernel by hand."""
    made = np.zeros(len(rows), dtype)
    for record, row in zip(made, rows, strict=True):
        for name, value in row.items():
            record[name] = value
    return made


def kind_row(name: str) -> int:
    """Return the row of a threat kind in the catalogue."""
    return list(load_catalogue().threats).index(name)


def by_kind(other: float = 0.0, **values: float) -> NDArray[np.float32]:
    """Return a value for each threat kind, float32 [K], by name; `other` for those not named."""
    rows = np.full(len(load_catalogue().threats), other, np.float32)
    for name, value in values.items():
        rows[kind_row(name)] = value
    return rows


def named(name: str) -> Any:
    """Return a scenario to play by name: one of the project's, or one of those above."""
    made = {
        "fog": fog, "short-campaign": campaign, "small-policing": policing, "small-clear": clear,
    }  # fmt: skip
    return made.get(name, lambda: name)()


def changed(source: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """Return a copy of a mapping with the entry at a dotted path, such as "assets.0.value", set."""
    copy = deepcopy(source)
    *parents, last = path.split(".")
    place: Any = copy
    for key in parents:
        place = place[int(key) if key.isdigit() else key]
    place[int(last) if last.isdigit() else last] = value
    return copy


def started(scenario: Any, rows: int = 1, seed: int = 0, **tuned: Any) -> RaidBatch:
    """Return a batch whose row i plays the raid of `seed` + i, its parameters tuned at will.

    Args:
        scenario: name, mapping or scenario.
        rows: how many raids.
        seed: of the first.
        tuned: values by field, keyed "table__field", such as `threat_kind__hit=1.0`, or by the
            name of a parameter that is a plain array.
    """
    batch = RaidBatch(scenario, rows)
    tune(batch, **tuned)
    batch.reset(None, np.arange(seed, seed + rows))
    return batch


def tune(batch: RaidBatch, **tuned: Any) -> None:
    """Set parameters of a batch, which are read-only to everybody else; see `started`."""
    for key, value in tuned.items():
        name, _, field = key.partition("__")
        array = getattr(batch.params, name)
        array.setflags(write=True)
        if field:
            array[field] = value
        else:
            array[...] = value
        array.setflags(write=False)
    room = batch.state().engagement.shape[2]
    assert batch.params.shooter["channels"].max() <= room, "no room for so many channels"


def no_orders(batch: RaidBatch) -> NDArray[np.int64]:
    """Return the joint action of holding fire, int64 [B, S]."""
    return np.zeros((batch.num_envs, batch.scenario.num_shooters), np.int64)


def assert_same(left: Mapping[str, Any], right: Mapping[str, Any], what: object = "") -> None:
    """Assert that two dicts of arrays are equal to the bit (padding between fields aside)."""
    assert set(left) == set(right)
    for name in left:
        assert left[name].dtype == right[name].dtype, (what, name)
        for field in left[name].dtype.names or (None,):
            one, other = (
                side[name] if field is None else side[name][field] for side in (left, right)
            )
            assert np.array_equal(bits(one), bits(other)), (what, name, field)


def bits(array: NDArray[Any]) -> NDArray[Any]:
    """Return an array's bit patterns, so that NaN equals NaN and -0 differs from 0."""
    plain = np.ascontiguousarray(array)
    return plain.view(f"u{plain.dtype.itemsize}")


def hold(batch: RaidBatch, epochs: int = 1) -> None:
    """Let epochs pass."""
    for _ in range(epochs):
        batch.step(no_orders(batch))


def play_out(batch: RaidBatch) -> None:
    """Hold fire until every raid is over."""
    for _ in range(batch.scenario.max_steps + 1):
        if np.all(batch.terminated | batch.truncated):
            return
        hold(batch)
    raise AssertionError("some raid did not end within the scenario's clock")


def row_of(batch: RaidBatch, number: int = 0) -> NDArray[np.int64]:
    """Return in which row of the state threat `number` of each raid is, int64 [B]."""
    threats = batch.state().threat
    found = (threats["number"] == number) & (threats["status"] != ABSENT)
    assert found.sum(axis=1).min() == 1
    return np.argmax(found, axis=1)


def slot_of(batch: RaidBatch, number: int = 0) -> NDArray[np.int64]:
    """Return the slot of threat `number` in each raid, int64 [B], or NONE where it has no track.

    In a perfect picture that is the slot in which its track is, or will be.
    """
    rows = row_of(batch, number)
    if batch.params.picture["perfect"][0]:
        return rows
    return np.take_along_axis(batch.state().contact["track"], rows[:, None], 1)[:, 0].astype(int)


def detected(batch: RaidBatch) -> NDArray[np.bool_]:
    """Return which threats the sensors have detected in this epoch, bool [B, T]."""
    contact, epoch = batch.state().contact, batch.state().raid["epoch"][:, None]
    return (contact["detections"] > 0) & (contact["epoch"] == epoch)


def reachable(batch: RaidBatch) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which threats some radar may detect, and which it has in range, bool [B, T].

    By the formula and the truth, in double precision; of sensors that are all radars.
    """
    threats, kinds = batch.state().threat, batch.params.threat_kind[0]
    x, y, z = (threats[name].astype(float)[:, :, None] for name in ("x_m", "y_m", "z_m"))
    sensors, deployed = batch.state().sensor, batch.params.sensor[0]
    ground = np.hypot(x - sensors["x_m"][:, None], y - sensors["y_m"][:, None])
    reach = deployed["range_m"] * kinds["signature"][threats["kind"]][:, :, None]
    inbound = (threats["status"] == INBOUND)[:, :, None] & sensors["able"][:, None]
    in_range = inbound & (np.hypot(ground, z) <= reach * 1.000001)
    horizon = 4124.0 * (np.sqrt(deployed["antenna_m"].astype(float)) + np.sqrt(z))
    return np.any(in_range & (ground <= horizon * 1.000001), axis=2), np.any(in_range, axis=2)


def held(batch: RaidBatch) -> NDArray[np.bool_]:
    """Return which slots hold a track, bool [B, I]."""
    return batch.state().held


def fire(batch: RaidBatch, shooter: int = 0, number: int = 0) -> None:
    """Play one epoch in which one shooter fires at threat `number`, which must be legal."""
    orders = no_orders(batch)
    orders[:, shooter] = 1 + slot_of(batch, number)
    chosen = np.take_along_axis(batch.observation["action_mask"], orders[:, :, None], axis=2)
    assert chosen.all(), "the test orders what is illegal"
    batch.step(orders)
