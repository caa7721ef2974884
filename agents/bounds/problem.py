"""A raid as a resource problem: what each threat is worth, what could be fired, what there is."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from agents.bounds.foresight import Foresight
from agents.bounds.worth_kernel import risks
from envs.core.params import Params
from envs.scenario import Scenario

# What is computed in float32 by the core may be larger than here by a rounding.
ROUNDING = 1e-6


class Supply(NamedTuple):
    """What shooters have, in rounds and channels, the same for every raid of a scenario."""

    spent: NDArray[np.float64]  # [S], rounds that one engagement spends
    channels: NDArray[np.float64]  # [S]
    rounds: NDArray[np.float64]  # [S, N], rounds that can be fired before each deadline
    until: NDArray[np.int64]  # [S, N], deadline, an epoch; the last: never
    pool_rounds: NDArray[np.float64]  # [D], of a delivery, shared by
    pool_of: NDArray[np.bool_]  # [D, S], the shooters that it may go to


class Fire(NamedTuple):
    """Every engagement that could be begun, target by target and in order of time."""

    shooter: NDArray[np.int64]  # [n]
    step: NDArray[np.int64]  # [n], epoch of the launch
    free: NDArray[np.int64]  # [n], epoch in which its channel is free again
    pk: NDArray[np.float64]  # [n]
    first: NDArray[np.int64]  # [m + 1], place of each target's first


def fire_of(foresight: Foresight) -> Fire:
    """Return the engagements of a raid, sorted by target and epoch."""
    chances = foresight.chances
    columns = ("shooter", "turn", "step", "target")
    order = np.lexsort([chances[column] for column in columns])
    rows = chances[order]
    first = np.searchsorted(rows["target"], np.arange(len(foresight.targets) + 1))
    return Fire(
        rows["shooter"].astype(np.int64),
        rows["step"].astype(np.int64),
        rows["free"].astype(np.int64),
        np.minimum(rows["pk"] * (1.0 + ROUNDING), 1.0),
        first.astype(np.int64),
    )


def supply_of(scenario: Scenario, params: Params, days: float) -> Supply:
    """Return what the shooters of a scenario can fire and guide.

    In a single raid n rounds of a reserve are not there before the reloads that bring them can
    have ended; in a campaign, whose magazines are filled in every lull, and of fighter pairs,
    reserves count from the start. A delivery counts from the start with all that it has brought by
    the last day.

    Args:
        scenario: Scenario.
        params: Its parameters.
        days: Day on which the last raid may begin.
    """
    shooters, epoch_s = params.shooter[0], float(params.epoch_s[0])
    rows: list[list[tuple[float, int]]] = []
    for deployed in shooters:
        ready, reserve = int(deployed["rounds"]), int(deployed["reserve"])
        steps: list[tuple[float, int]] = []
        if scenario.campaign.raids == 1 and reserve > 0 and deployed["sortie_s"] == 0.0:
            comes = int(deployed["reload_rounds"])
            each = max(1, int(np.ceil(float(deployed["reload_s"]) / epoch_s - ROUNDING)))
            begun = int(ready + min(comes, reserve) > deployed["magazine"])
            brought = 0
            while brought < reserve:
                begun += each
                steps.append((float(ready + brought), begun))
                brought += comes
        rows.append([*steps, (float(ready + reserve), np.iinfo(np.int32).max)])
    most = max(len(row) for row in rows)
    padded = [[row[0]] * (most - len(row)) + row for row in rows]
    pools = params.delivery[0]
    brought_by = np.floor(pools["rounds_per_day"] * np.maximum(0.0, days - pools["first_day"]))
    to = (pools["kind"][:, None] == shooters["kind"]) & params.delivery_to[0][:, shooters["nation"]]
    return Supply(
        shooters["rounds_per_engagement"].astype(np.float64),
        shooters["channels"].astype(np.float64),
        np.array([[rounds for rounds, _ in row] for row in padded]),
        np.array([[until for _, until in row] for row in padded], np.int64),
        brought_by * (scenario.campaign.raids > 1),
        to,
    )


class Worth(NamedTuple):
    """What stopping each threat saves at most, in units of loss; see docs/bounds.md."""

    loss: NDArray[np.float64]  # [m], what it costs if nobody fires; 0 if it does not hit
    expected: NDArray[np.float64]  # [m], the same before it is known whether it hits
    guess: NDArray[np.float64]  # [m], the same before anything is known of any hit, about


def worth_of(
    scenario: Scenario, params: Params, foresight: Foresight, rank: NDArray[np.float64]
) -> Worth:
    """Return what each threat of a raid costs if nobody fires, in an order of one's choice.

    Args:
        scenario: Scenario.
        params: Its parameters.
        foresight: Of the raid.
        rank: [m], by which the threats of each raid are put in order, the smallest first: of those
            that share an asset, the later ones cost what health the earlier ones leave.
    """
    targets = foresight.targets
    order = np.lexsort((targets["number"], targets["impact_s"], rank, targets["raid"]))
    rows, assets = targets[order], params.asset[0]
    kinds = params.threat_kind[0][rows["kind"]]
    hit, hits = kinds["hit"].astype(np.float64), rows["hits"].astype(np.float64)
    shared = (
        (kinds["damage"] * (1.0 - assets["hardness"][rows["aim"]])).astype(np.float64),
        assets["value"].astype(np.float64),
        scenario.campaign.repair_per_day * np.diff(foresight.days, append=foresight.days[-1]),
    )
    raid, aim = rows["raid"].astype(np.int64), rows["aim"].astype(np.int64)
    worth = Worth(*np.zeros((3, len(rows))))
    risk = risks(raid, aim, hits, *shared)
    worth.loss[order], worth.expected[order] = hits * risk, hit * risk
    worth.guess[order] = hit * risks(raid, aim, hit, *shared)
    return worth
