"""What could be fired when at what, raid by raid: a copy of the environment played holding fire.

Nothing that a policy does changes where threats fly or when sensors detect them, so what the
copy meets is what everybody meets. In the copy no threat does damage: no shooter or sensor is
lost and no campaign ends early, and what it finds possible includes all that any policy could do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.bounds.foresight_kernel import CHANCE, TARGET, chances, epoch_after
from agents.bounds.reach_kernel import forget, memory
from envs import batch_kernels
from envs.batch import RaidBatch
from envs.core.params import Params
from envs.core.state import ABSENT, PENDING
from envs.observation import Layout
from envs.scenario import Scenario

Records = NDArray[Any]
_FIRST_ROOM = 4096


@dataclass(frozen=True)
class Foresight:
    """One episode as it will come.

    Attributes:
        chances: ``CHANCE`` [n], every engagement that could be begun, in order of time.
        targets: ``TARGET`` [m], every threat, raid after raid.
        days: float64 [raids], day on which each raid begins.
        steps: Epochs of the episode if nothing is shot down, lulls counted as one.
    """

    chances: Records
    targets: Records
    days: NDArray[np.float64]
    steps: int


def check_supported(scenario: Scenario) -> None:
    """Refuse scenarios for which the bounds are not proven.

    Raises:
        ValueError: naming what is not supported.
    """
    if scenario.perfect_picture:
        return
    lost = _sensors_that_may_be_lost(scenario)
    if lost and _hears(scenario):
        raise ValueError(
            "bounds: sensors that can be destroyed are not supported beside acoustic lines where "
            f"the picture is not perfect ({', '.join(lost)})"
        )
    if scenario.picture.kinds == "public":
        return
    coming = [scenario.catalogue.threats[kind] for kind in scenario.kinds_coming]
    for falling in (kind for kind in coming if kind.ballistic):
        alike = [k for k in coming if not k.ballistic and k.speed_mps > 0.8 * falling.speed_mps]
        if falling.audible or alike:
            raise ValueError(
                "bounds: ballistic threats that may be believed to be of another class are not "
                "supported; kinds: public in the picture, or slower kinds, are needed"
            )


def foresee(scenario: Scenario, seeds: NDArray[np.int64], split: str) -> list[Foresight]:
    """Return what could be fired at what in the raid of each seed.

    Args:
        scenario: Scenario.
        seeds: int64 [B].
        split: Which set of raids the seeds belong to.

    Raises:
        ValueError: If the scenario is not supported, or draws deployments: each is one of its own.
    """
    check_supported(scenario)
    if scenario.deployments is not None:
        raise ValueError(f"foresight: one deployment of {scenario.name!r} is needed, not all")
    # With a slot for every threat, no track waits for another's to end.
    roomy = replace(scenario, slots=scenario.num_threats)
    batch = RaidBatch(roomy, len(seeds))
    batch.reset(seeds=seeds, split=split)
    return _look_ahead(batch)


def foresee_observed(
    scenario: Scenario, observation: Mapping[str, NDArray[Any]], layout: Layout
) -> list[Foresight]:
    """Return the same from what a perfect picture shows at a raid's start.

    Every threat is taken to be tracked, and to fly straight to its aim point at its kind's speed.
    Kill numbers and hits are not to be seen, and are 0 and True.

    Args:
        scenario: Scenario with a perfect picture.
        observation: Tables [B, ...] at a raid's start.
        layout: Of its observation.
    """
    batch = RaidBatch(scenario, observation["track"].shape[0])
    batch.reset()
    _put_what_is_seen(batch, observation, layout)
    return _look_ahead(batch)


def _put_what_is_seen(
    batch: RaidBatch, observation: Mapping[str, NDArray[Any]], layout: Layout
) -> None:
    """Put the observed threats into the batch, so that its next epoch is the raid's first."""
    column = {c.name: observation["track"][..., n] for n, c in enumerate(layout.columns["track"])}
    kinds = np.stack([column[f"kind_{kind}"] for kind in batch.scenario.threat_kinds], axis=-1)
    assets, centre = batch.params.asset[0], batch.scenario.centre_m
    x_m, y_m, aim_x, aim_y = (
        column[name] * 1e5 + centre[n % 2]
        for n, name in enumerate(("x_100km", "y_100km", "aim_x_100km", "aim_y_100km"))
    )
    apart = (aim_x[..., None] - assets["x_m"]) ** 2 + (aim_y[..., None] - assets["y_m"]) ** 2
    present = column["present"] > 0
    state = batch.state()
    threats, routes = state.threat, state.route
    threats["status"] = np.where(present, PENDING, ABSENT)  # they come in with the first step
    threats["number"] = np.arange(present.shape[1])
    threats["kind"], threats["aim"] = kinds.argmax(axis=-1), apart.argmin(axis=-1)
    threats["leg"], threats["hits"], threats["kill_u"] = 0, True, 0.0
    aims, speed = assets[threats["aim"]], batch.params.threat_kind[0]["speed_mps"][threats["kind"]]
    flight_s = np.hypot(aims["x_m"] - x_m, aims["y_m"] - y_m) / speed
    threats["impact_s"] = np.where(present, flight_s, np.inf)
    routes["time_s"] = np.inf
    ends = ((0, x_m, y_m, 0.0 * flight_s), (1, aims["x_m"], aims["y_m"], flight_s))
    for vertex, x, y, time_s in ends:
        rows = routes[:, :, vertex]
        rows["x_m"], rows["y_m"], rows["time_s"] = x, y, np.where(present, time_s, np.inf)
    state.held[...] = False
    state.raid["epoch"] = -1  # a step from here brings the first epoch's picture
    state.raid["steps"] = -1
    batch.step(np.zeros((batch.num_envs, batch.scenario.num_shooters), np.int64))


def _look_ahead(batch: RaidBatch) -> list[Foresight]:
    """Play a batch to its end holding fire, and note what could have been fired."""
    members = range(batch.num_envs)
    state, params = batch.state(), batch.params
    hold = np.zeros((batch.num_envs, batch.scenario.num_shooters), np.int64)
    table = batch_kernels.scratch(state, 1)[0][0]
    targets: list[list[Records]] = [[] for _ in members]
    days: list[list[float]] = [[] for _ in members]
    target_of = np.zeros(state.threat.shape, np.int32)
    found = [np.zeros(_FIRST_ROOM, CHANCE) for _ in members]
    counts = np.zeros(batch.num_envs, np.int64)
    at_rest = _may_be_at_rest(batch.scenario)
    coasting = not batch.scenario.perfect_picture and bool(
        _sensors_that_may_be_lost(batch.scenario)
    )
    epochs = batch.scenario.picture.misses_to_lose
    past = memory(len(members), hold.shape[1], state.threat.shape[1], epochs)
    flying = int((params.shooter[0]["sortie_s"] > 0.0).sum())
    most = (2 + coasting * epochs + flying) * state.pair[0].size  # found in an epoch
    while not batch.terminated.all():
        for b in members:
            raid = state.raid[b]
            if raid["terminated"]:
                continue
            if raid["number"] == len(targets[b]):
                first = sum(len(rows) for rows in targets[b])
                targets[b].append(_take_threats(state, params, b))
                days[b].append(float(raid["day"]))
                target_of[b, targets[b][-1]["row"]] = first + np.arange(len(targets[b][-1]))
                forget(past, b)
            if counts[b] + most > len(found[b]):
                found[b] = np.concatenate([found[b], np.zeros(len(found[b]) + most, CHANCE)])
            where = (target_of[b], at_rest, coasting, past, table)
            counts[b] = chances(state, params, b, *where, found[b], counts[b])
        batch.step(hold)
    return [
        Foresight(
            found[b][: counts[b]],
            np.concatenate(targets[b]),
            np.array(days[b]),
            int(state.raid[b]["steps"]),
        )
        for b in members
    ]


def _take_threats(state: Any, params: Params, b: int) -> Records:
    """Return the threats of a raid that has just been drawn, and make them harmless in the copy."""
    threats, raid = state.threat[b], state.raid[b]
    rows = np.flatnonzero(threats["status"] != ABSENT)
    epoch_s, before = params.epoch_s[raid["params_index"]], raid["steps"] - raid["epoch"]
    targets = np.zeros(len(rows), TARGET)
    targets["row"], targets["raid"] = rows, raid["number"]
    for name in ("number", "kind", "aim", "impact_s", "kill_u", "hits"):
        targets[name] = threats[name][rows]
    targets["impact"] = [before + epoch_after(s, epoch_s) for s in threats["impact_s"][rows]]
    threats["hits"] = False
    return targets


def _may_be_at_rest(scenario: Scenario) -> bool:
    """Return whether a track may lose its velocity: wrongly ended, and then heard but not seen."""
    return _hears(scenario) and scenario.picture.false_kill > 0.0


def _hears(scenario: Scenario) -> bool:
    return any(scenario.catalogue.sensors[s.kind].acoustic for s in scenario.all_sensors)


def _sensors_that_may_be_lost(scenario: Scenario) -> list[str]:
    """Return the names of sensors that are assets, and of shooters whose organic sensor falls."""
    own = [scenario.shooters[s] for s in scenario.organic]
    lost = [sensor.name for sensor in scenario.sensors if sensor.asset]
    return lost + [shooter.name for shooter in own if shooter.asset]


def by_target(foresight: Foresight) -> Iterator[tuple[Any, Records]]:
    """Give each threat with the engagements that could be begun against it, in order of time."""
    order = np.argsort(foresight.chances["target"], kind="stable")
    ends = np.searchsorted(
        foresight.chances["target"][order], np.arange(len(foresight.targets)), side="right"
    )
    start = 0
    for target, end in zip(foresight.targets, ends, strict=True):
        yield target, foresight.chances[order[start:end]]
        start = end
