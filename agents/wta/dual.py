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

_FIRST_LENGTH, _SHORTER = 0.5, 0.95
_MOST_EXCESS = 3.0
_LEAST_PRICE = 1e-3


@dataclass(frozen=True)
class Priced:
    """What the targets buy at given prices: one set of rounds for each target.

    Attributes:
        bound: Valid lower bound of the loss.
        cost: Cost of each target's set [T], surviving value plus prices.
        first: [T + 1]. Entries of target t below are those from first[t] to first[t + 1].
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
    steps: int,
    clock: Clock,
    keep: list[Priced],
) -> NDArray[np.float64]:
    """Moves prices to where about as many rounds are bought as there are.

    price *= exp(length * (bought - rounds) / rounds), the excess cut to at most ``_MOST_EXCESS``,
    the length falling from step to step. Prices span orders of magnitude, which steps along the
    supergradient itself do not (docs/wta.md).

    Args:
        pricer: Prices the instance; few nodes do, as only what is bought counts.
        prices: Where to start [W]; raised to above 0.
        steps: How many.
        clock: Stops earlier.
        keep: Receives what was bought in the last quarter, for columns.

    Returns:
        The last prices [W].
    """
    positive = prices[prices > 0.0]
    if positive.size == 0:
        return prices
    prices = np.maximum(prices, _LEAST_PRICE * positive.min())
    supply = np.maximum(pricer.rounds, 1)
    for step in range(steps):
        if clock.over():
            break
        priced = pricer(prices)
        if 4 * step >= 3 * steps:
            keep.append(priced)
        excess = np.clip((priced.bought - pricer.rounds) / supply, -1.0, _MOST_EXCESS)
        prices = prices * np.exp(_FIRST_LENGTH * _SHORTER**step * excess)
    return prices
