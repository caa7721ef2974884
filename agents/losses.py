"""Where value was lost: to which kind of threat, at which asset, in which minute of its raid.

A ``LossBook`` looks on while a policy plays. The core keeps what each raid lost in all; who struck
is read from the threats, in the order in which the core lets them strike, and each is charged what
its hit took by the core's own rule, so the entries add up to the loss (tested).
"""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.rollout import IDLE
from envs.batch import RaidBatch
from envs.core.damage import health_lost
from envs.core.state import LEAKED
from envs.scenario import Scenario

_MINUTE_S = 60.0


@dataclass(frozen=True)
class Losses:
    """Loss of one policy in all raids of an evaluation, in shares of what was at risk in them.

    Each of the four adds up to 1 - score.

    Attributes:
        by_kind: Of the threats that struck; only kinds that took something.
        by_asset: Every asset, in the scenario's order; those of one name together.
        by_minute: From the start of the raid, of a campaign the one it was lost in.
        by_raid: Of the campaign; a single entry where there is none.
    """

    by_kind: dict[str, float]
    by_asset: dict[str, float]
    by_minute: list[float]
    by_raid: list[float]


class LossBook:
    """Notes every loss while raids are played; a fresh one for each call of ``play``."""

    def __init__(self) -> None:
        """Start with blank pages; everything else is read from the batch that is shown."""
        self._leaked: NDArray[np.bool_] | None = None
        self._health = np.zeros((0, 0))
        self.entries: list[tuple[int, int, int, int, float]] = []  # kind, asset, minute, raid
        self._strikes: dict[int, _Strikes] = {}  # by parameter set

    def watch(self, batch: RaidBatch, places: NDArray[np.int64]) -> None:
        """Enter what was lost since the last look; give it to ``play`` as ``watch`` and ``ended``.

        Args:
            batch: What is played; read, never touched.
            places: [B], what each member plays, or ``IDLE``.
        """
        state = batch.state()
        leaked = state.threat["status"] == LEAKED
        if self._leaked is None:
            self._leaked, self._health = np.zeros_like(leaked), np.ones_like(state.health)
        fresh = leaked & ~self._leaked & (places != IDLE)[:, None]
        for b in np.flatnonzero(fresh.any(axis=1)):
            rows = state.threat[b][fresh[b]]
            index = int(state.raid["params_index"][b])
            if index not in self._strikes:
                self._strikes[index] = _strikes(batch, int(b), index)
            raid = int(state.raid["number"][b])
            self._enter(rows, self._health[b].copy(), raid, self._strikes[index])
        self._leaked, self._health = leaked, state.health.copy()

    def losses(self, scenario: Scenario, undefended_loss: float) -> Losses:
        """Add the entries up.

        Args:
            scenario: What was played.
            undefended_loss: Of all the raids together.
        """
        kinds, assets = scenario.threat_kinds, scenario.assets
        columns = np.array(self.entries or np.zeros((0, 5)))
        kind, asset, minute, raid = columns[:, :4].astype(int).T
        share = columns[:, 4] / max(undefended_loss, np.finfo(float).tiny)
        of_kind = np.bincount(kind, share, len(kinds)).tolist()
        of_asset = np.bincount(asset, share, len(assets)).tolist()
        by_asset: dict[str, float] = {}
        for own, lost in zip(assets, of_asset, strict=True):
            by_asset[own.name] = by_asset.get(own.name, 0.0) + lost
        return Losses(
            by_kind={name: x for name, x in zip(kinds, of_kind, strict=True) if x > 0.0},
            by_asset=by_asset,
            by_minute=np.bincount(minute, share).tolist(),
            by_raid=np.bincount(raid, share, scenario.campaign.raids).tolist(),
        )

    def _enter(
        self, threats: Any, health: NDArray[np.float64], raid: int, strikes: _Strikes
    ) -> None:
        """Let the threats of one epoch strike, by (time, number), as the core does."""
        for threat in threats[np.lexsort((threats["number"], threats["impact_s"]))]:
            kind, asset = int(threat["kind"]), int(threat["aim"])
            taken = min(health[asset], strikes.taken[kind, asset])
            health[asset] -= taken
            if taken > 0.0:
                minute = int(threat["impact_s"] // _MINUTE_S)
                loss = strikes.value[asset] * taken
                self.entries.append((kind, strikes.place[asset], minute, raid, loss))


@dataclass(frozen=True)
class _Strikes:
    """What hits take in one parameter set.

    Attributes:
        taken: Health that one hit of each kind takes of each asset unharmed, [K, A].
        value: Of the assets, [A].
        place: Of each asset in the scenario's list; a deployment has some of them.
    """

    taken: NDArray[np.float64]
    value: NDArray[np.float64]
    place: list[int]


def _strikes(batch: RaidBatch, row: int, index: int) -> _Strikes:
    """What hits take in parameter set ``index``, which a row plays."""
    kinds, assets = batch.params.threat_kind[index], batch.params.asset[index]
    # The core's rule, uncompiled, on doubles: what its kernel computes with, so equal to the bit.
    hits = [SimpleNamespace(damage=float(damage)) for damage in kinds["damage"]]
    stands = [SimpleNamespace(hardness=float(hardness)) for hardness in assets["hardness"]]
    rule: Any = getattr(health_lost, "py_func")  # noqa: B009 (untyped)
    taken = [[rule(hit, one, np.inf) for one in stands] for hit in hits]
    place = list(range(len(assets)))
    deployed = batch.deployment(row)
    if deployed is not batch.scenario:
        names = [asset.name for asset in batch.scenario.assets]
        place = [names.index(asset.name) for asset in deployed.assets]
    return _Strikes(np.array(taken), assets["value"].astype(np.float64), place)
