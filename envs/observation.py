"""What a policy sees: named tables of fixed layout, to be read by name, never by number."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from envs.entities import Scenario
from envs.validation import one_of

TABLES = ("track", "shooter", "asset", "pair", "clock", "delivery")

# Bounds of distances, speeds, times and counts, in the columns' units; values are clipped to them.
FAR, FAST, LONG, MANY = 20.0, 10.0, 2000.0, 10000.0
FINED = 100.0  # largest assets' values that shooting a neutral aircraft may cost
STOCK = 4.0  # times the first supply: deliveries may bring more than there was


@dataclass(frozen=True)
class Column:
    """One column of a table."""

    name: str
    unit: str
    low: float
    high: float
    description: str


class Layout:
    """Names, units and bounds of every column of a scenario's observation.

    Args:
        scenario: fixes the number of slots I, shooters S and assets A, and the kinds.
    """

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.columns: dict[str, tuple[Column, ...]] = {
            "track": _track_columns(scenario.threat_kinds),
            "shooter": _shooter_columns(scenario.shooter_kinds),
            "asset": _ASSET,
            "pair": _PAIR,
            "clock": _CLOCK,
            "delivery": _delivery_columns(scenario.shooter_kinds),
        }
        slots, shooters = scenario.num_slots, scenario.num_shooters
        self.rows: dict[str, tuple[int, ...]] = {
            "track": (slots,),
            "shooter": (shooters,),
            "asset": (scenario.num_assets,),
            "pair": (shooters, slots),
            "clock": (),
            "delivery": (scenario.num_decisions,),
        }
        self.tables = TABLES if scenario.num_decisions else TABLES[:-1]
        self.mask_shape = (shooters, 1 + slots)

    def index(self, table: str, column: str) -> int:
        """Return the place of a column in a table.

        Raises:
            ValueError: on an unknown table or column; the message lists the known ones.
        """
        columns = self.columns[one_of(table, self.columns, "table")]
        names = [entry.name for entry in columns]
        return names.index(one_of(column, names, f"column of {table}"))

    def observation_space(self) -> gymnasium.spaces.Dict:
        """Return the space of one member's observation."""
        boxes: dict[str, gymnasium.Space[Any]] = {}
        for table in self.tables:
            columns = self.columns[table]
            shape = (*self.rows[table], len(columns))
            low = np.array([column.low for column in columns], np.float32)
            high = np.array([column.high for column in columns], np.float32)
            boxes[table] = gymnasium.spaces.Box(
                np.broadcast_to(low, shape), np.broadcast_to(high, shape), dtype=np.float32
            )
        boxes["action_mask"] = gymnasium.spaces.Box(0, 1, self.mask_shape, np.int8)
        if self.scenario.num_decisions:
            shape = (self.scenario.num_decisions, 1 + self.scenario.num_shooters)
            boxes["delivery_mask"] = gymnasium.spaces.Box(0, 1, shape, np.int8)
        return gymnasium.spaces.Dict(boxes)

    def action_space(self, by_need: bool = False) -> gymnasium.spaces.MultiDiscrete:
        """Return the space of one member's joint action.

        For each shooter hold (0) or 1 + slot; then, where the scenario lets deliveries be decided,
        for each of them by need (0) or 1 + shooter; these can be left out, `by_need`.
        """
        shooters, choices = self.mask_shape
        decisions = 0 if by_need else self.scenario.num_decisions
        return gymnasium.spaces.MultiDiscrete([choices] * shooters + [1 + shooters] * decisions)

    def decode(self, observation: Mapping[str, NDArray[Any]]) -> dict[str, list[dict[str, float]]]:
        """Return one member's tables as rows of named values, for people and tests.

        Args:
            observation: one member's arrays by table.

        Returns:
            For each table a list of rows. Rows without a track, and pairs that cannot engage, are
            left out; rows of tracks and shooters say their `row`, of pairs `shooter` and `track`.
        """
        rows: dict[str, list[dict[str, float]]] = {}
        for table in self.tables:
            names = [column.name for column in self.columns[table]]
            values = observation[table].reshape(-1, len(names))
            keep = np.arange(len(values))
            if table in ("track", "pair"):
                keep = np.flatnonzero(values[:, 0])
            named = [_where(table, int(n), self.scenario.num_slots) for n in keep]
            rows[table] = [
                {**place, **dict(zip(names, values[n].tolist(), strict=True))}
                for n, place in zip(keep, named, strict=True)
            ]
        return rows


def flat_mask(observation: Mapping[str, NDArray[Any]]) -> NDArray[np.bool_]:
    """Return which choices are legal, as sb3-contrib lays them: head by head.

    Args:
        observation: tables of one member, or of a batch [B, ...].

    Returns:
        bool [..., S * (1 + I)], and D * (1 + S) more where deliveries are decided.
    """
    members = observation["action_mask"].shape[:-2]
    masks = [observation[name] for name in ("action_mask", "delivery_mask") if name in observation]
    flat = [np.asarray(mask).reshape(*members, -1) for mask in masks]
    return np.concatenate(flat, axis=-1).astype(np.bool_)


def _where(table: str, n: int, slots: int) -> dict[str, float]:
    if table == "pair":
        return {"shooter": n // slots, "track": n % slots}
    return {} if table == "clock" else {"row": n}


def _columns(rows: Iterable[tuple[str, str, float, float, str]]) -> tuple[Column, ...]:
    return tuple(Column(*row) for row in rows)


def _track_columns(kinds: tuple[str, ...]) -> tuple[Column, ...]:
    return _columns(
        (
            ("present", "", 0, 1, "1: the slot holds a track; 0: the whole row is 0"),
            ("x_100km", "100 km", -FAR, FAR, "east of the middle of the assets"),
            ("y_100km", "100 km", -FAR, FAR, "north of the middle of the assets"),
            ("altitude_10km", "10 km", -FAR, FAR, "above sea level"),
            ("vx_kmps", "km/s", -FAST, FAST, "velocity east"),
            ("vy_kmps", "km/s", -FAST, FAST, "velocity north"),
            ("vz_kmps", "km/s", -FAST, FAST, "velocity up"),
            *((f"kind_{kind}", "", 0, 1, f"belief that it is a {kind}") for kind in kinds),
            ("aim_x_100km", "100 km", -FAR, FAR, "likeliest aim point, east of the assets' middle"),
            ("aim_y_100km", "100 km", -FAR, FAR, "likeliest aim point, north of it"),
            ("value_at_risk", "", 0, 1, "expected loss if not stopped / largest asset value"),
            ("time_to_impact_min", "min", 0, LONG, "straight to that aim point"),
            ("in_flight", "", 0, MANY, "engagements under way against it"),
            ("survival", "", 0, 1, "probability that it survives those"),
            ("next_resolve_min", "min", 0, LONG, "until the next of those ends; 0: none"),
            ("aim_belief", "", 0, 1, "belief in that aim point; 1 where it is public"),
            ("seen", "", 0, 1, "1: detected in this epoch; 0: missed, and moved straight on"),
            ("age_min", "min", 0, LONG, "since the track began"),
        )
    )


def _shooter_columns(kinds: tuple[str, ...]) -> tuple[Column, ...]:
    return _columns(
        (
            ("present", "", 0, 1, "1: able to fight"),
            ("x_100km", "100 km", -FAR, FAR, "east of the middle of the assets"),
            ("y_100km", "100 km", -FAR, FAR, "north of the middle of the assets"),
            *((f"kind_{kind}", "", 0, 1, f"1: it is a {kind}") for kind in kinds),
            ("rounds_share", "", 0, STOCK, "rounds and reserve left / at the start"),
            ("ready_engagements", "", 0, MANY, "engagements the ready rounds allow"),
            ("free_channels", "", 0, MANY, "engagements it can still guide at once"),
            ("next_channel_min", "min", 0, LONG, "until a busy channel is free; 0: none busy"),
            ("next_reload_min", "min", 0, LONG, "until the reload under way ends; 0: none"),
            ("range_100km", "100 km", 0, FAR, "largest range against air-breathing targets"),
            ("sortie_left_min", "min", 0, LONG, "a pair can be aloft; 0: it does not fly"),
            ("days_to_change", "days", 0, MANY, "until it arrives or leaves; 0: it stays"),
        )
    )


def _delivery_columns(kinds: tuple[str, ...]) -> tuple[Column, ...]:
    return _columns(
        (
            *((f"kind_{kind}", "", 0, 1, f"1: rounds of a {kind}") for kind in kinds),
            ("waiting", "rounds", 0, MANY, "delivered, that nobody could take yet"),
            ("rounds_per_day", "1/day", 0, MANY, "that arrive once they begin to"),
            ("days_to_first", "days", 0, MANY, "until they begin to arrive; 0: they do"),
        )
    )


_ASSET = _columns(
    (
        ("present", "", 0, 1, "1: the row holds an asset"),
        ("x_100km", "100 km", -FAR, FAR, "east of the middle of the assets"),
        ("y_100km", "100 km", -FAR, FAR, "north of the middle of the assets"),
        ("value", "", 0, 1, "value / largest asset value"),
        ("health", "", 0, 1, "1: unharmed, 0: lost"),
    )
)
_PAIR = _columns(
    (
        ("pk", "", 0, 1, "by belief; 0: no intercept, or not its to use, and the row is 0"),
        ("time_of_flight_min", "min", 0, LONG, "from decision to intercept"),
        ("slack_min", "min", 0, LONG, "time to impact less time of flight"),
        (
            "value_saved",
            "",
            -FINED,
            1,
            "value at risk * survival * pk, less the penalty for a neutral aircraft * belief * pk",
        ),
    )
)
_CLOCK = _columns(
    (
        ("time_share", "", 0, 1, "epochs of the raid passed / epochs of the scenario's clock"),
        ("tracks", "10", 0, MANY, "tracks held / 10"),
        ("defended_share", "", 0, 1, "health left, weighted by value"),
        ("lull", "", 0, 1, "1: the raid is over, and the next step is the lull before another"),
        ("raids_left", "", 0, MANY, "raids that may follow, if the calendar lets them"),
        ("days_left", "days", 0, MANY, "until the calendar ends, as of the raid's start"),
    )
)
