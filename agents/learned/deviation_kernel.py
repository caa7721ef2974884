"""Which pair of an epoch is tried the other way, and what the network reads of it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.learned.price_kernel import Floats, Rule, Work, new_work, prepare, score_pair, touch
from envs.core.compiled import compiled
from envs.core.randomness import imagined_key, uniform

NEAR = 0.04
"""Score that counts as near zero, where a decision may change, as a share of the largest value."""

OTHER_SHARE = 0.3
"""How often any track of the shooter is tried, and not just the best."""

_WHETHER, _SHOOTER, _TRACK, _OTHER = range(4)


@compiled()
def choose_shooter(count: int, u: float, work: Work) -> int:
    """Return where the pairs of a shooter begin, hardly one whose best score is far below 0."""
    total = 0.0
    first = 0
    for attempt in range(2):
        wanted = u * total
        total = 0.0
        n = 0
        while n < count:
            first = n
            top = work.score[n]
            while n < count and work.shooter_of[n] == work.shooter_of[first]:
                top = max(top, work.score[n])
                n += 1
            total += np.exp(min(max(top / NEAR, -5.0), 0.5))
            if attempt == 1 and total >= wanted:
                break
    return first


@compiled()
def take_others_in(member: Any, own: int, end: int, rule: Rule, action: Any, work: Work) -> None:
    """Score the pairs own..end of a shooter anew, given what the others allocate in this epoch."""
    shooter = work.shooter_of[own]
    pair = member[2]
    for s in range(action.shape[0]):
        if s != shooter and action[s] > 0:
            target = action[s] - 1
            work.left[target] *= 1.0 - np.float64(pair[s, target, rule.columns.pair_pk])
            for n in range(own, end):
                if work.track_of[n] == target:
                    touch(n, work)
    engaged_price = rule.prices[0, 2 * rule.columns.num_kinds + 3]
    for n in range(own, end):
        work.score[n] = score_pair(n, rule.network, 0, engaged_price, work)


@compiled()
def put(part: Any, row: Any, at: int) -> int:
    """Write a part into a row; return where the next one goes."""
    for c in range(part.shape[0]):
        row[at + c] = part[c]
    return at + part.shape[0]


@compiled()
def note(n: int, work: Work, row: Any) -> None:
    """Write what the network reads of a listed pair, parts one after the other."""
    at = put(work.track_inputs[work.track_of[n]], row, 0)
    at = put(work.shooter_inputs[work.shooter_of[n]], row, at)
    at = put(work.context_inputs, row, at)
    put(work.pair_inputs[n], row, at)


@compiled(allocates=True)
def note_deviations(
    tables: Any,
    rule: Rule,
    actions: NDArray[np.int64],
    seeds: NDArray[np.int64],
    epochs: NDArray[np.int64],
    rate: float,
    chosen: NDArray[np.int64],
    scores: NDArray[np.float64],
    noted: Floats,
) -> None:
    """Choose, in some members, one shooter that is to do otherwise than allocated.

    Their worth is judged given what all others allocate in the epoch. One that holds is to fire at
    its best track, or at times at any; one that fires is to hold, and at times to fire at another
    track. All is drawn from the raid's seed and the epoch alone.

    Args:
        tables: track, shooter, pair, clock and mask of a batch [B, ...].
        rule: A single candidate.
        actions: [B, S], what the rule allocates.
        seeds: [B], of the raids.
        epochs: [B], epochs played.
        rate: Probability that a member has a deviation in an epoch.
        chosen: [B, 3], overwritten: shooter, track, and another track to fire at; -1: none.
        scores: [B, 2], overwritten: the rule's scores of those pairs, given the others' actions.
        noted: [B, 2, inputs], overwritten: what the network reads of those pairs.
    """
    track, shooter, pair, clock, mask = tables
    work = new_work(mask.shape[1], mask.shape[2] - 1, rule.network)
    for b in range(mask.shape[0]):
        chosen[b, 0] = -1
        key = imagined_key(seeds[b])
        if uniform(key, _WHETHER, epochs[b], 0) >= rate:
            continue
        member = (track[b], shooter[b], pair[b], clock[b], mask[b])
        count = prepare(member, rule, 0, work)
        if count == 0:
            continue
        first = choose_shooter(count, uniform(key, _SHOOTER, epochs[b], 0), work)
        s = work.shooter_of[first]
        end = first
        while end < count and work.shooter_of[end] == s:
            end += 1
        take_others_in(member, first, end, rule, actions[b], work)
        best, fires = first, False
        for n in range(first, end):
            if actions[b, s] == 1 + work.track_of[n]:
                best, fires = n, True
                break
            if work.score[n] > work.score[best]:
                best = n
        other = first + min(
            int(uniform(key, _TRACK, epochs[b], 0) * (end - first)), end - first - 1
        )
        elsewhere = uniform(key, _OTHER, epochs[b], 0) < OTHER_SHARE and other != best
        if elsewhere and not fires:
            best = other
        chosen[b, 0], chosen[b, 1], chosen[b, 2] = s, work.track_of[best], -1
        scores[b, 0] = work.score[best]
        note(best, work, noted[b, 0])
        if elsewhere and fires:
            chosen[b, 2] = work.track_of[other]
            scores[b, 1] = work.score[other]
            note(other, work, noted[b, 1])
