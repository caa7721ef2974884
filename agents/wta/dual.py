"""Lagrangian bounds: rounds get prices, and every target buys what is cheapest for it.

For prices u >= 0 of the weapons' rounds,

    bound(u) = sum_t min_n (value_t prod_w q_wt^n_w + sum_w u_w n_w) - sum_w rounds_w u_w

never exceeds the loss of an allocation, because an allocation's own sets pay at least the minimum
and buy no more rounds than there are. The bound is concave in u; what is bought less what there is
is a supergradient.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agents.wta.clock import Clock
from agents.wta.pricing import NODE_BUDGET, new_work, price_targets


@dataclass(frozen=True)
class Priced:
    """What the targets buy at given prices: one set of rounds for each target.

    Attributes:
        bound: Valid lower bound of the loss.
        cost: Cost of each target's set [T], surviving value plus prices.
        first: Target t's entries below are first[t] to first[t + 1] [T + 1].
        weapon: [N].
        count: Rounds of that weapon [N].
        bought: Rounds bought of each weapon [W].
    """

    bound: float
    cost: NDArray[np.float64]
    first: NDArray[np.int64]
    weapon: NDArray[np.int64]
    count: NDArray[np.int64]
    bought: NDArray[np.float64]


class Pricer:
    """Prices an instance again and again, with the memory it needs."""

    def __init__(
        self,
        value: NDArray[np.float64],
        survival: NDArray[np.float64],
        rounds: NDArray[np.int64],
        budget: int = NODE_BUDGET,
    ) -> None:
        """Value [T], survival after one round [T, W], rounds [W], nodes of a target's search."""
        self.value, self.survival, self.rounds = value, survival, rounds
        self.budget = budget
        self._work = new_work(rounds.size)
        # Two weapons a target and twice all rounds: sets beyond that are left out by the kernel.
        room = 2 * int(rounds.sum()) + 2 * value.size + rounds.size
        self._weapon = np.empty(room, np.int64)
        self._count = np.empty(room, np.int64)

    def __call__(self, prices: NDArray[np.float64]) -> Priced:
        """Prices every target; prices [W] >= 0."""
        cost, first = np.empty(self.value.size), np.empty(self.value.size + 1, np.int64)
        order = np.argsort(prices, kind="stable")
        total = price_targets(
            self.value,
            self.survival,
            self.rounds,
            prices,
            order,
            self.budget,
            self._work,
            cost,
            first,
            self._weapon,
            self._count,
        )
        size = int(first[-1])
        weapon, count = self._weapon[:size].copy(), self._count[:size].copy()
        bought = np.zeros(self.rounds.size)
        np.add.at(bought, weapon, count)
        return Priced(
            bound=total - float(self.rounds @ prices),
            cost=cost,
            first=first,
            weapon=weapon,
            count=count,
            bought=bought,
        )


def first_prices(
    value: NDArray[np.float64],
    survival: NDArray[np.float64],
    rounds: NDArray[np.int64],
    counts: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Guesses prices [W] from an allocation [W, T].

    The price of a weapon's round lies between what its least useful round saves where it is and
    what one more would save where it is not; the guess is their geometric mean, as the two may
    differ by orders of magnitude.
    """
    left = value.copy()
    used_w, used_t = np.nonzero(counts)
    np.multiply.at(left, used_t, survival[used_t, used_w] ** counts[used_w, used_t])
    more = (left[:, None] * (1.0 - survival)).max(axis=0)
    keeps = np.full(rounds.size, np.inf)
    own = survival[used_t, used_w]
    with np.errstate(divide="ignore", invalid="ignore"):
        saves = np.where(own > 0.0, left[used_t] * (1.0 / own - 1.0), value[used_t])
    np.minimum.at(keeps, used_w, saves)
    spare = counts.sum(axis=1) < rounds
    keeps[spare | np.isinf(keeps)] = 0.0
    return np.where(keeps == 0.0, 0.0, np.sqrt(more * np.maximum(keeps, more)))


def ascend(
    pricer: Pricer,
    prices: NDArray[np.float64],
    objective: float,
    steps: int,
    clock: Clock,
    keep: list[Priced] | None = None,
) -> tuple[NDArray[np.float64], float]:
    """Climbs the bound by projected supergradient steps of Polyak's length, with momentum.

    step = share * (objective - bound) / |bought - rounds|^2; the share is halved when the bound
    has not risen for some steps (Held, Wolfe and Crowder 1974).

    Args:
        pricer: Prices the instance.
        prices: Where to start [W].
        objective: Loss of a known allocation.
        steps: Most steps.
        clock: Stops the climb.
        keep: Receives everything that was priced, for columns.

    Returns:
        The best prices [W] and their bound.
    """
    best_prices, best = prices, -np.inf
    direction = np.zeros_like(prices)
    share, idle = 1.0, 0
    for step in range(steps):
        priced = pricer(prices)
        if keep is not None:
            keep.append(priced)
        if priced.bound > best:
            best, best_prices, idle = priced.bound, prices, 0
        else:
            idle += 1
        if objective - best <= 1e-9 * abs(objective) or clock.over():
            break
        if idle >= 8:
            share, idle = 0.5 * share, 0
            prices, direction = best_prices, np.zeros_like(prices)
            if step < steps - 1:
                continue
        gradient = priced.bought - pricer.rounds
        # A price of 0 does not fall, whatever its rounds.
        gradient[(prices <= 0.0) & (gradient < 0.0)] = 0.0
        direction = 0.6 * direction + gradient
        norm = float(direction @ direction)
        if norm == 0.0:
            break
        prices = np.maximum(prices + share * (objective - priced.bound) / norm * direction, 0.0)
    return best_prices, best
