"""Small scenarios laid out in kilometres, and ways to reach into a batch, for tests."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyproj import Transformer

from envs.batch import RaidBatch

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
    name: str = "radar", kind: str = "long_range_radar", place: tuple[float, float] = (0.0, 0.0)
) -> dict:
    return {"name": name, "kind": kind, "position": at(*place)}


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
    for _ in range(batch.scenario.max_epochs + 1):
        if np.all(batch.terminated | batch.truncated):
            return
        hold(batch)
    raise AssertionError("some raid did not end within the scenario's clock")


def slot_of(batch: RaidBatch, number: int = 0) -> NDArray[np.int64]:
    """Return the slot of threat `number` in each row, int64 [B]."""
    threats = batch.state().threat
    found = (threats["number"] == number) & (threats["status"] != 0)
    assert found.sum(axis=1).min() == 1
    return np.argmax(found, axis=1)


def fire(batch: RaidBatch, shooter: int = 0, number: int = 0) -> None:
    """Play one epoch in which one shooter fires at threat `number`, which must be legal."""
    orders = no_orders(batch)
    orders[:, shooter] = 1 + slot_of(batch, number)
    chosen = np.take_along_axis(batch.observation["action_mask"], orders[:, :, None], axis=2)
    assert chosen.all(), "the test orders what is illegal"
    batch.step(orders)
