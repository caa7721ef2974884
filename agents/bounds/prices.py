"""Prices on what is scarce, compiled: rounds, channels, launches; and the search for good ones.

Any prices of 0 or more give a valid bound (docs/bounds.md), so the search needs no proof: it
takes steps against what is used beyond what there is, and keeps the prices of the least bound.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from agents.bounds.problem import Fire, Supply
from envs.core.compiled import compiled


class Prices(NamedTuple):
    """A price for every limit, in units of loss; S shooters, N deadlines, K epochs."""

    rounds: NDArray[np.float64]  # [S, N], of a round fired before each deadline
    channel: NDArray[np.float64]  # [S, K], of guiding an engagement through an epoch
    launch: NDArray[np.float64]  # [S, K], of a launch in an epoch, of which there can be one


@compiled(allocates=True)
def no_prices(supply: Supply, steps: int) -> Prices:
    """Return prices of 0 for an episode of `steps` epochs."""
    shooters, deadlines = supply.rounds.shape
    return Prices(
        np.zeros((shooters, deadlines)), np.zeros((shooters, steps)), np.zeros((shooters, steps))
    )


@compiled(allocates=True)
def costs_of(fire: Fire, supply: Supply, prices: Prices) -> NDArray[np.float64]:
    """Return what every engagement costs at the prices, float64 [n].

    cost = spent_s (sum of the prices of the deadlines after its launch) + launch_sk + the prices
    of its channel in the epochs from its launch until it is free.
    """
    shooters, steps = prices.channel.shape
    until = np.zeros((shooters, steps + 1))
    for s in range(shooters):
        for k in range(steps):
            until[s, k + 1] = until[s, k] + prices.channel[s, k]
    costs = np.zeros(fire.pk.shape[0])
    for n in range(costs.shape[0]):
        s, k = fire.shooter[n], fire.step[n]
        cost = prices.launch[s, k] + until[s, min(fire.free[n], steps)] - until[s, k]
        for d in range(supply.until.shape[1]):
            if k < supply.until[s, d]:
                cost += supply.spent[s] * prices.rounds[s, d]
        costs[n] = cost
    return costs


@compiled()
def worth_of_supply(supply: Supply, prices: Prices) -> float:
    """Return what all that there is costs: the constant part of the bound.

    sum of rounds * price + of each delivery's rounds * the dearest price among the shooters that
    it may go to + of channels * price + of launches (one an epoch) * price.
    """
    total = 0.0
    last = supply.rounds.shape[1] - 1
    for s in range(supply.rounds.shape[0]):
        for d in range(last + 1):
            total += supply.rounds[s, d] * prices.rounds[s, d]
        for k in range(prices.channel.shape[1]):
            total += supply.channels[s] * prices.channel[s, k] + prices.launch[s, k]
    for d in range(supply.pool_rounds.shape[0]):
        total += supply.pool_rounds[d] * _dearest(supply, prices, d)[0]
    return total


@compiled()
def _dearest(supply, prices, d):  # type: ignore[no-untyped-def]
    """Return the highest price of a round among the shooters of a delivery, and whose it is."""
    best, who = 0.0, -1
    last = supply.rounds.shape[1] - 1
    for s in range(supply.rounds.shape[0]):
        if supply.pool_of[d, s] and prices.rounds[s, last] > best:
            best, who = prices.rounds[s, last], s
    return best, who


@compiled(allocates=True)
def excess(
    fire: Fire, supply: Supply, prices: Prices, used: NDArray[np.float64], over: Prices
) -> None:
    """Write into `over` by how much use exceeds what there is, limit by limit.

    Args:
        fire: Engagements [n].
        supply: What there is.
        prices: Prices, which say to whom deliveries go.
        used: [n], how often each engagement is begun.
        over: Overwritten; the subgradient is its negative.
    """
    shooters, deadlines = supply.rounds.shape
    steps = prices.channel.shape[1]
    for s in range(shooters):
        for d in range(deadlines):
            over.rounds[s, d] = -supply.rounds[s, d]
        for k in range(steps):
            over.channel[s, k], over.launch[s, k] = -supply.channels[s], -1.0
    for d in range(supply.pool_rounds.shape[0]):
        _, who = _dearest(supply, prices, d)
        if who >= 0:
            over.rounds[who, deadlines - 1] -= supply.pool_rounds[d]
    for n in range(used.shape[0]):
        if used[n] <= 0.0:
            continue
        s = fire.shooter[n]
        over.launch[s, fire.step[n]] += used[n]
        for d in range(deadlines):
            if fire.step[n] < supply.until[s, d]:
                over.rounds[s, d] += supply.spent[s] * used[n]
        for k in range(fire.step[n], min(fire.free[n], steps)):
            over.channel[s, k] += used[n]


@compiled()
def step_size(over: Prices, prices: Prices, supply: Supply, gap: float) -> float:
    """Return Polyak's step, gap / |subgradient|^2, each part measured by what there is.

    Limits that are kept to and cost nothing stay as they are, and do not count.
    """
    square = 0.0
    for s in range(over.rounds.shape[0]):
        for d in range(over.rounds.shape[1]):
            if over.rounds[s, d] > 0.0 or prices.rounds[s, d] > 0.0:
                square += over.rounds[s, d] ** 2 / max(1.0, supply.rounds[s, d])
        for k in range(over.channel.shape[1]):
            if over.channel[s, k] > 0.0 or prices.channel[s, k] > 0.0:
                square += over.channel[s, k] ** 2 / supply.channels[s]
            if over.launch[s, k] > 0.0 or prices.launch[s, k] > 0.0:
                square += over.launch[s, k] ** 2
    return gap / square if square > 0.0 else 0.0


@compiled()
def move(over: Prices, prices: Prices, supply: Supply, step: float) -> None:
    """Raise the prices of what is used too much, lower the others, none below 0."""
    for s in range(over.rounds.shape[0]):
        for d in range(over.rounds.shape[1]):
            change = step * over.rounds[s, d] / max(1.0, supply.rounds[s, d])
            prices.rounds[s, d] = max(0.0, prices.rounds[s, d] + change)
        for k in range(over.channel.shape[1]):
            change = step * over.channel[s, k] / supply.channels[s]
            prices.channel[s, k] = max(0.0, prices.channel[s, k] + change)
            prices.launch[s, k] = max(0.0, prices.launch[s, k] + step * over.launch[s, k])


@compiled(allocates=True)
def copy_prices(source: Prices, target: Prices) -> None:
    """Copy prices."""
    target.rounds[:] = source.rounds
    target.channel[:] = source.channel
    target.launch[:] = source.launch
