"""The search for prices, compiled."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from agents.bounds.prices import (
    Prices,
    copy_prices,
    costs_of,
    excess,
    move,
    no_prices,
    step_size,
    worth_of_supply,
)
from agents.bounds.problem import Fire, Supply
from agents.bounds.replies import replies_known, replies_unknown, weights_of
from envs.core.compiled import compiled

_PATIENCE = 8  # steps without a better bound after which they become shorter
_FIRST_GAP = 0.1  # of all that can be lost: how far below the best bound steps aim at first
_PROGRESS = 0.02  # of that gap: what counts as better


@compiled(allocates=True)
def protected_at(
    fire: Fire,
    supply: Supply,
    worth: NDArray[np.float64],
    needs: NDArray[np.float64],
    prices: Prices,
    used: NDArray[np.float64],
    gains: NDArray[np.float64],
) -> float:
    """Return the bound that given prices make, in units of loss.

    Args:
        fire: Engagements [n].
        supply: What there is.
        worth: [m], loss that stopping each target saves, an expectation if luck is unknown.
        needs: [m] if luck is known, [0] if not; see `replies.needs_of`.
        prices: Prices.
        used: [n], overwritten: how often each engagement is begun in the best answer.
        gains: [m], overwritten: what each target adds to the bound.
    """
    costs = costs_of(fire, supply, prices)
    if needs.shape[0] > 0:
        replies_known(fire, weights_of(fire.pk), costs, worth, needs, used, gains)
    else:
        replies_unknown(fire, costs, worth, used, gains)
    return worth_of_supply(supply, prices) + gains.sum()


@compiled(allocates=True)
def search_prices(
    fire: Fire,
    supply: Supply,
    worth: NDArray[np.float64],
    needs: NDArray[np.float64],
    start: Prices,
    rounds: int,
) -> tuple[float, Prices]:
    """Look for the prices of the least bound by steps against the subgradient.

    Args:
        fire: Engagements.
        supply: What there is.
        worth: [m], as in `protected_at`.
        needs: [m] or [0], as in `protected_at`.
        start: Prices to begin with.
        rounds: Steps of the search.

    Returns:
        The least bound that was met, and its prices.
    """
    steps = start.channel.shape[1]
    prices, best_prices = no_prices(supply, steps), no_prices(supply, steps)
    over = no_prices(supply, steps)
    copy_prices(start, prices)
    used, gains = np.zeros(fire.pk.shape[0]), np.zeros(worth.shape[0])
    best, gap, idle = np.inf, _FIRST_GAP * worth.sum(), 0
    for _ in range(rounds):
        value = protected_at(fire, supply, worth, needs, prices, used, gains)
        idle = 0 if value < best - _PROGRESS * gap else idle + 1
        if value < best:
            best = value
            copy_prices(prices, best_prices)
        if idle >= _PATIENCE:
            gap, idle = 0.5 * gap, 0
            copy_prices(best_prices, prices)
            value = protected_at(fire, supply, worth, needs, prices, used, gains)
        excess(fire, supply, prices, used, over)
        size = step_size(over, prices, supply, value - best + gap)
        if size <= 0.0:
            break
        move(over, prices, supply, size)
    return best, best_prices
