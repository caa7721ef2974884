"""Traces: whole raids as a few hundred sums each, by which any change of the core shows.

python -m tests.envs.traces     records them anew

Golden raids are for people to read, and say what happened. A trace says less clearly what, but
leaves nothing out: of everything that an agent sees and of most that is true, by name, the sum
over some epochs, each value weighted by its place. The last line of each part is of an imagined
future. A meant change of behaviour is recorded anew, as golden raids are.
"""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.files import write_text
from envs.batch import RaidBatch
from envs.core.state import ABSENT
from envs.scenario import Scenario, load_scenario
from tests.envs.random_play import random_orders
from tests.envs.small import named

FOLDER = Path(__file__).parents[1] / "traces"
EPOCHS = 10  # that one sum is of
CLOSE = 1e-5  # single precision, and what another processor may round otherwise
RAIDS = (  # the quickest of each kind first
    ("small-clear", 1), ("short-campaign", 1), ("small-policing", 1), ("short-campaign", 2),
    *(("small-clear", seed) for seed in range(2, 7)), ("small-policing", 2),
)  # fmt: skip
# A reward of many terms, so that each shows.
REWARD = {"loss": -1.0, "killed": 0.5, "rounds_fired": -0.01, "intercepts": 0.125}

Trace = list[dict[str, float]]
Columns = dict[str, tuple[tuple[str, ...], NDArray[Any]]]  # names [F] and values [..., F] by group


def trace(scenario: str, seed: int) -> Iterator[dict[str, float]]:
    """Play a test raid, at random and now and then illegally; yield its sums, part by part."""
    batch = RaidBatch(_loaded(scenario), 1, REWARD)
    imagined = RaidBatch(batch.scenario, 1, REWARD)
    batch.reset(None, np.array([seed]), "test")
    rng, sums = np.random.default_rng(seed), dict[str, NDArray[np.float64]]()
    seen = _shown(batch) | _true(batch)
    _add(sums, seen, 0)
    for epoch in range(1, batch.scenario.max_steps + 1):
        orders = random_orders(batch, rng, illegal=0.05)
        orders[rng.random(orders.shape) < 0.4] = 0  # or the rounds are gone at once
        batch.step(orders)
        seen = _shown(batch) | _true(batch)
        _add(sums, seen, epoch)
        over = bool(batch.terminated[0])
        if epoch % EPOCHS == 0 or over:
            imagined.imagine(batch, np.array([0]), np.array([epoch]))
            future = {f"imagined {group}": pair for group, pair in _true(imagined).items()}
            _add(sums, future, epoch)
            yield {
                f"{group} {name}": float(value)
                for group, (names, _) in (seen | future).items()
                for name, value in zip(names, sums[group], strict=True)
            }
            sums = {}
        if over:
            return
    raise AssertionError("a raid did not end")


@cache
def _loaded(scenario: str) -> Scenario:
    return load_scenario(named(scenario))


def _shown(batch: RaidBatch) -> Columns:
    """Return what an agent is shown and given."""
    names = {
        table: tuple(column.name for column in columns)
        for table, columns in batch.layout.columns.items()
    }
    found = {
        table: (names.get(table, ("all",)), array if table in names else array[..., None])
        for table, array in batch.observation.items()
    }
    return found | {"reward": (("all",), batch.reward[:, None])}


def _true(batch: RaidBatch) -> Columns:
    """Return what has been counted, and is true of the raid, its threats and engagements."""
    state = batch.state()
    flying = np.arange(state.engagement.shape[2]) < state.shooter["busy"][:, :, None]
    there = state.threat["status"] != ABSENT
    return {
        "metric": (batch.scenario.metric_names, state.metrics),
        "raid": _fields(state.raid, ("epoch", "number", "day", "lull")),
        "threat": _fields(state.threat, None, there),
        "contact": _fields(state.contact, ("track", "detections", "misses", "reports"), there),
        "route": _fields(state.route, None, np.isfinite(state.route["time_s"]) & there[..., None]),
        "engagement": _fields(state.engagement, None, flying),
    }


def _fields(
    array: NDArray[Any], names: tuple[str, ...] | None, rows: Any = True
) -> tuple[tuple[str, ...], NDArray[Any]]:
    """Return fields of records side by side, zero where `rows` are not."""
    chosen: tuple[str, ...] = names or array.dtype.names or ()
    values = np.stack([array[name].astype(np.float64) for name in chosen], axis=-1)
    return chosen, np.where(np.expand_dims(rows, -1), values, 0.0)


def _add(sums: dict[str, NDArray[np.float64]], seen: Columns, epoch: int) -> None:
    for group, (names, values) in seen.items():
        flat = values.reshape(-1, len(names)).astype(np.float64)
        flat[np.isinf(flat)] = -1e3
        weights = 1.0 + 0.5 * np.sin(1.3 * np.arange(len(flat)) + 0.7 * epoch)
        sums[group] = sums.get(group, 0.0) + weights @ flat


def differing(one: dict[str, float], other: dict[str, float]) -> list[str]:
    """Return the names whose sums are not the same, rounding aside."""
    pairs = {name: (one.get(name, 0.0), other.get(name, 0.0)) for name in one | other}
    return [
        name
        for name, (left, right) in pairs.items()
        if not abs(left - right) <= CLOSE * (1.0 + abs(left))  # nor if one is not a number
    ]


def path(scenario: str, seed: int) -> Path:
    """Return where a trace is recorded."""
    return FOLDER / f"{scenario}-{seed}.txt"


def write(parts: Trace) -> str:
    """Return a trace as text: a name a line, then its sum in each part; without what is zero."""
    lines = []
    for name in sorted({name for part in parts for name in part}):
        sums = [part.get(name, 0.0) for part in parts]
        if any(sums):
            lines.append(f"{name}: " + " ".join(f"{value:.9g}" for value in sums))
    return "\n".join(lines) + "\n"


def read(scenario: str, seed: int) -> Trace:
    """Return a recorded trace."""
    rows = [row.split(": ") for row in path(scenario, seed).read_text("utf-8").splitlines()]
    columns = {name: [float(value) for value in values.split()] for name, values in rows}
    parts = len(next(iter(columns.values())))
    return [{name: values[n] for name, values in columns.items()} for n in range(parts)]


def main() -> None:
    """Record every trace."""
    FOLDER.mkdir(exist_ok=True)
    for raid in RAIDS:
        write_text(path(*raid), write(list(trace(*raid))))
        print(path(*raid).name)


if __name__ == "__main__":
    main()
