"""Work arrays of the epoch solver, and how an epoch falls apart into components.

Shooters that share no track decide independently, so each component (shooters joined by tracks
that both may usefully fire at) is a problem of its own, and most are tiny.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from agents.wta.pricing import Work, new_work
from envs.core.compiled import compiled

MOST_COLUMNS = 4096
"""Columns of a component's second search."""


class Component(NamedTuple):
    """One component, its n shooters and m tracks numbered from 0, and room for its searches.

    S and I are the sizes of the whole epoch, C is ``MOST_COLUMNS``.
    """

    shooter: NDArray[np.int64]
    """[S], number in the epoch of each of the n shooters."""
    track: NDArray[np.int64]
    """[I], likewise of the m tracks."""
    value: NDArray[np.float64]
    """[I]."""
    survival: NDArray[np.float64]
    """[I, S], of a track after one engagement; 1 where it is not legal."""
    choice: NDArray[np.int64]
    """[S], the best known allocation: a track, or -1 to hold."""
    trial: NDArray[np.int64]
    """[S], the one being searched."""
    option: NDArray[np.int64]
    """[S, 1 + I], options of each depth of the first search, the best first."""
    gain: NDArray[np.float64]
    """[S, 1 + I], what each of them saves."""
    options: NDArray[np.int64]
    """[S], how many."""
    before: NDArray[np.float64]
    """[S], surviving value of a depth's track before it was fired at."""
    left: NDArray[np.float64]
    """[I]."""
    pricing: Work
    prices: NDArray[np.float64]
    """[S], as are the next four."""
    best_prices: NDArray[np.float64]
    bought: NDArray[np.float64]
    direction: NDArray[np.float64]
    rounds: NDArray[np.int64]
    cost: NDArray[np.float64]
    """[I], each track's least cost at the best prices."""
    first: NDArray[np.int64]
    """[C + 1], entries of the columns of one track."""
    weapon: NDArray[np.int64]
    """[8 C]."""
    fired: NDArray[np.int64]
    """[8 C]."""
    column_first: NDArray[np.int64]
    """[I + 1], columns of each track, in the order of the second search."""
    column_mask: NDArray[np.uint64]
    """[C], shooters of a column as bits."""
    column_excess: NDArray[np.float64]
    """[C], its cost less the least cost of its track."""
    reach: NDArray[np.uint64]
    """[I + 1], shooters of the columns of this and later tracks."""
    place: NDArray[np.int64]
    """[max(S, I) + 1], by depth: the option or column looked at."""
    used: NDArray[np.uint64]
    """[I + 1], shooters used before."""
    excess: NDArray[np.float64]
    """[I + 1], excess of the columns before."""


@compiled(allocates=True)
def new_component(shooters: int, slots: int) -> Component:
    """Room for any component of an epoch of [S, I]."""
    return Component(
        np.empty(shooters, np.int64),
        np.empty(slots, np.int64),
        np.empty(slots),
        np.empty((slots, shooters)),
        np.empty(shooters, np.int64),
        np.empty(shooters, np.int64),
        np.empty((shooters, 1 + slots), np.int64),
        np.empty((shooters, 1 + slots)),
        np.empty(shooters, np.int64),
        np.empty(shooters),
        np.empty(slots),
        new_work(shooters),
        np.empty(shooters),
        np.empty(shooters),
        np.empty(shooters),
        np.empty(shooters),
        np.ones(shooters, np.int64),
        np.empty(slots),
        np.empty(MOST_COLUMNS + 1, np.int64),
        np.empty(8 * MOST_COLUMNS, np.int64),
        np.empty(8 * MOST_COLUMNS, np.int64),
        np.empty(slots + 1, np.int64),
        np.empty(MOST_COLUMNS, np.uint64),
        np.empty(MOST_COLUMNS),
        np.empty(slots + 1, np.uint64),
        np.empty(max(shooters, slots) + 1, np.int64),
        np.empty(slots + 1, np.uint64),
        np.empty(slots + 1),
    )


@compiled()
def label_components(
    first: NDArray[np.int64],
    slot: NDArray[np.int64],
    track_label: NDArray[np.int64],
    shooter_label: NDArray[np.int64],
) -> None:
    """Gives shooters and tracks that hang together the same label.

    Args:
        first: [S + 1]. Shooter s may usefully fire at slot[first[s]] to slot[first[s + 1] - 1].
        slot: [N].
        track_label: [I], overwritten; -1 where nobody fires.
        shooter_label: [S], overwritten: the least shooter of its component; -1 without a track.
    """
    shooters = shooter_label.size
    track_label[:] = -1
    for s in range(shooters):
        shooter_label[s] = s if first[s + 1] > first[s] else -1
        for n in range(first[s], first[s + 1]):
            track_label[slot[n]] = s
    changed = True
    while changed:
        changed = False
        for s in range(shooters):
            least = shooter_label[s]
            for n in range(first[s], first[s + 1]):
                least = min(least, track_label[slot[n]])
            changed |= least < shooter_label[s]
            shooter_label[s] = least
            for n in range(first[s], first[s + 1]):
                changed |= least < track_label[slot[n]]
                track_label[slot[n]] = least


@compiled()
def fill_component(
    label: int,
    value: NDArray[np.float64],
    pk: NDArray[np.float64],
    legal: NDArray[np.bool_],
    shooter_label: NDArray[np.int64],
    track_label: NDArray[np.int64],
    action: NDArray[np.int64],
    part: Component,
) -> tuple[int, int]:
    """Copies one component out of an epoch [S, I] with its allocation; returns its sizes."""
    tracks = 0
    for i in range(value.size):
        if track_label[i] == label:
            part.track[tracks] = i
            part.value[tracks] = value[i]
            tracks += 1
    shooters = 0
    for s in range(shooter_label.size):
        if shooter_label[s] != label:
            continue
        part.shooter[shooters] = s
        part.choice[shooters] = -1
        for n in range(tracks):
            i = part.track[n]
            part.survival[n, shooters] = 1.0 - pk[s, i] if legal[s, i] else 1.0
            if action[s] == 1 + i:
                part.choice[shooters] = n
        shooters += 1
    return shooters, tracks
