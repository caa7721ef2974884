"""The best answer to prices, threat by threat, compiled: with luck unknown, and with luck known."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from agents.bounds.problem import Fire
from envs.core.compiled import compiled

UNITS = 64  # in which a threat's kill number is covered, engagements rounded up
_MOST_WEIGHT = 1e6  # of an engagement that kills for certain


@compiled()
def replies_unknown(
    fire: Fire,
    costs: NDArray[np.float64],
    worth: NDArray[np.float64],
    used: NDArray[np.float64],
    gains: NDArray[np.float64],
) -> None:
    """Find the most that firing at each threat can gain, its luck not being known.

    Of one threat, from its last engagement to its first, with W the gain from then on,
    W = max(W, pk worth + (1 - pk) W - cost): the outcome is taken to be known at once, which can
    only help.

    Args:
        fire: Engagements [n], target by target and in order of time.
        costs: [n], of each.
        worth: [m], expected loss that stopping each target saves.
        used: [n], overwritten: with what probability each is begun.
        gains: [m], overwritten.
    """
    for i in range(worth.shape[0]):
        low, high = fire.first[i], fire.first[i + 1]
        gain = 0.0
        for n in range(high - 1, low - 1, -1):
            more = fire.pk[n] * (worth[i] - gain) - costs[n]
            used[n] = 1.0 if more > 0.0 else 0.0
            gain += max(0.0, more)
        alive = 1.0
        for n in range(low, high):
            if used[n] > 0.0:
                used[n] = alive
                alive *= 1.0 - fire.pk[n]
        gains[i] = gain


@compiled(allocates=True)
def weights_of(pk: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return -ln(1 - pk) of engagements [n], what each covers of a threat's kill number."""
    weights = np.empty(pk.shape[0])
    for n in range(pk.shape[0]):
        weights[n] = -np.log(1.0 - pk[n]) if pk[n] < 1.0 else _MOST_WEIGHT
        weights[n] = min(weights[n], _MOST_WEIGHT)
    return weights


@compiled(allocates=True)
def needs_of(kill_u: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return -ln u of kill numbers [m]: a threat dies once engagements cover as much."""
    needs = np.empty(kill_u.shape[0])
    for i in range(kill_u.shape[0]):
        needs[i] = -np.log(kill_u[i]) if kill_u[i] > 0.0 else _MOST_WEIGHT
        needs[i] = min(needs[i], _MOST_WEIGHT)
    return needs


@compiled(allocates=True)
def replies_known(
    fire: Fire,
    weights: NDArray[np.float64],
    costs: NDArray[np.float64],
    worth: NDArray[np.float64],
    needs: NDArray[np.float64],
    used: NDArray[np.float64],
    gains: NDArray[np.float64],
) -> None:
    """Find the most that stopping each threat can gain, its luck being known.

    A threat is stopped by engagements whose weights cover its need; the cheapest such set is
    found by dynamic programming over the need in `UNITS` equal parts, every weight rounded up.

    Args:
        fire: Engagements [n], target by target.
        weights: [n], what each covers.
        costs: [n], of each.
        worth: [m], loss that stopping each target saves.
        needs: [m], to be covered, above 0.
        used: [n], overwritten: 1 for the engagements of the cheapest sets, where they pay.
        gains: [m], overwritten.
    """
    most = 0
    for i in range(worth.shape[0]):
        most = max(most, fire.first[i + 1] - fire.first[i])
    taken = np.zeros((most, UNITS + 1), np.bool_)
    cheapest = np.empty(UNITS + 1)
    for i in range(worth.shape[0]):
        low, high = fire.first[i], fire.first[i + 1]
        gains[i] = 0.0
        for n in range(low, high):
            used[n] = 0.0
        if worth[i] <= 0.0:
            continue
        cheapest[:] = np.inf
        cheapest[0] = 0.0
        for n in range(low, high):
            part = min(UNITS, int(np.ceil(weights[n] / needs[i] * UNITS)))
            for q in range(UNITS, 0, -1):
                cost = cheapest[max(0, q - part)] + costs[n]
                taken[n - low, q] = cost < cheapest[q]
                cheapest[q] = min(cheapest[q], cost)
        if cheapest[UNITS] >= worth[i]:
            continue
        gains[i] = worth[i] - cheapest[UNITS]
        left = UNITS
        for n in range(high - 1, low - 1, -1):
            if left > 0 and taken[n - low, left]:
                used[n] = 1.0
                left = max(0, left - min(UNITS, int(np.ceil(weights[n] / needs[i] * UNITS))))
