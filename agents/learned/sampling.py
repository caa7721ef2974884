"""The compiled turns of an allocation: draws one, or replays a given one.

Turns follow one another, so as torch operations they cost more than all networks together.
``distribution`` says what is drawn; gradients are taken there, of what is returned here.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from envs.core.compiled import compiled

DRAW, MODE, REPLAY = 0, 1, 2
"""What a turn does: draw from the distribution, take the most probable choice, follow actions."""

HOLD = -1


@compiled()
def take_turns(  # type: ignore[no-untyped-def]
    what,
    value_saved,
    pk,
    cost,
    engaged_price,
    engaged,
    residual,
    track,
    first_pair,
    shooter,
    first_choice,
    tie_break,
    beta,
    limit,
    uniform,
    actions,
    seen_survival,
    seen_engaged,
    log_prob,
    work,
):
    """Let the shooters of every member of a batch choose, the best score first.

    N legal pairs, grouped by R choices (a shooter with a legal track), grouped by B members.

    Args:
        what: DRAW, MODE or REPLAY.
        value_saved: float32 [N].
        pk: float32 [N].
        cost: float32 [N], the price without its engaged term.
        engaged_price: float32 [N], the engaged term's weight.
        engaged: float32 [N], 1 where something is in flight at the pair's track.
        residual: float32 [N], added to the scaled score.
        track: int64 [N], slot.
        first_pair: int64 [R + 1], where each choice's pairs begin.
        shooter: int64 [R].
        first_choice: int64 [B + 1], where each member's choices begin.
        tie_break: float32 [R], settles the order of equal scores.
        beta: Scaled score per unit of small score.
        limit: What scaled scores tend to.
        uniform: float32 [R] in (0, 1], read by DRAW.
        actions: int64 [B, S], zero or (REPLAY) given; written by DRAW and MODE.
        seen_survival: float32 [N], written: what earlier turns left of the track.
        seen_engaged: float32 [N], written: 1 if engaged before or in earlier turns.
        log_prob: float32 [B], zero; written by DRAW and MODE.
        work: float64 [4, max(I, S)], scratch memory.
    """
    survival, taken, z, priority = work[0], work[1], work[2], work[3]
    for b in range(first_choice.shape[0] - 1):
        begin, end = first_choice[b], first_choice[b + 1]
        for r in range(begin, end):
            priority[r - begin] = -np.inf
            for n in range(first_pair[r], first_pair[r + 1]):
                survival[track[n]] = 1.0
                taken[track[n]] = 0.0
                score = value_saved[n] - cost[n] - engaged_price[n] * engaged[n]
                first = _scaled(score, beta, limit) + residual[n]
                priority[r - begin] = max(priority[r - begin], first)
            priority[r - begin] += 1e-6 * tie_break[r]
        for _ in range(begin, end):
            turn = _first_of(priority, end - begin)
            priority[turn] = -np.inf
            r = begin + turn
            pairs = first_pair[r + 1] - first_pair[r]
            for k in range(pairs):
                n = first_pair[r] + k
                seen_survival[n] = survival[track[n]]
                seen_engaged[n] = max(engaged[n], taken[track[n]])
                score = value_saved[n] * seen_survival[n] - cost[n]
                score -= engaged_price[n] * seen_engaged[n]
                z[k] = _scaled(score, beta, limit) + residual[n]
            if what == REPLAY:
                chosen = _pair_of(actions[b, shooter[r]] - 1, track, first_pair[r], pairs)
            else:
                chosen, turn_log_prob = _choose(z, pairs, uniform[r], what == MODE)
                log_prob[b] += turn_log_prob
            if chosen != HOLD:
                n = first_pair[r] + chosen
                actions[b, shooter[r]] = 1 + track[n]
                survival[track[n]] *= 1.0 - pk[n]
                taken[track[n]] = 1.0


@compiled()
def _scaled(score: float, beta: float, limit: float) -> float:
    """See ``distribution.scaled``."""
    x = beta * score
    return x / (1.0 + abs(x) / limit)


@compiled()
def _first_of(priority: NDArray[np.float64], count: int) -> int:
    """Whose turn it is: the highest priority."""
    first = 0
    for k in range(1, count):
        if priority[k] > priority[first]:
            first = k
    return first


@compiled()
def _pair_of(slot: int, track: NDArray[np.int64], first: int, pairs: int) -> int:
    """Which of a choice's pairs shoots at a slot; HOLD if none does."""
    for k in range(pairs):
        if track[first + k] == slot:
            return k
    return HOLD


@compiled()
def _choose(z: Any, pairs: int, uniform: float, mode: bool) -> tuple[int, float]:
    """One shooter's choice among its pairs, or HOLD, and its log-probability.

    One uniform serves hold and track alike: where it fires, uniform / P(fire) is again uniform.
    """
    favourite = _first_of(z, pairs)
    best = z[favourite]
    weight = 0.0
    for k in range(pairs):
        weight += np.exp(z[k] - best)
    fire_share = 1.0 / (1.0 + np.exp(-best))
    fire = best > 0.0 if mode else uniform <= fire_share
    if not fire:
        return HOLD, -np.log1p(np.exp(best))
    chosen = favourite
    if not mode:
        mark = uniform / fire_share * weight
        for k in range(pairs):
            chosen = k
            mark -= np.exp(z[k] - best)
            if mark <= 0.0:
                break
    return chosen, z[chosen] - best - np.log(weight) + np.log(fire_share)
