"""The terms of the pricing rule: their names, their order and their weights as a vector."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from envs.observation import Layout
from envs.scenario import Scenario
from envs.validation import one_of

CALENDAR_TERMS = ("days_ahead", "leaving")
"""Terms that look at the calendar; they are the last."""

LONGEST_SLACK_MIN = 5.0
"""Slack beyond which a shot is simply early."""

SHARED_TERMS = ("tracks", "pk", "slack", "engaged", "time_share")
"""Terms that do not depend on the shooter kind; they follow base_<q> and scarcity_<q>."""

MANY_DAYS = 10.0
"""Days ahead that are neither few nor many; twice as many count as any more."""

SOON_DAYS = 5.0
"""Days within which a shooter that leaves is leaving: it may not see another raid."""


class Columns(NamedTuple):
    """Where the compiled rules find their quantities in the observation tables."""

    track_time_to_impact: int
    track_in_flight: int
    shooter_first_kind: int
    shooter_rounds_share: int
    shooter_days_to_change: int
    pair_pk: int
    pair_slack: int
    pair_value_saved: int
    clock_tracks: int
    clock_time_share: int
    clock_raids_left: int
    clock_days_left: int
    num_kinds: int
    """Shooter kinds of the catalogue, Q; their one-hot columns are adjacent."""


def find_columns(scenario: Scenario) -> Columns:
    """Looks every column up by its name."""
    layout = Layout(scenario)
    kinds = [layout.index("shooter", f"kind_{kind}") for kind in scenario.shooter_kinds]
    if kinds != list(range(kinds[0], kinds[0] + len(kinds))):
        raise ValueError(f"the kind columns of the shooter table are not adjacent: {kinds}")
    return Columns(
        track_time_to_impact=layout.index("track", "time_to_impact_min"),
        track_in_flight=layout.index("track", "in_flight"),
        shooter_first_kind=kinds[0],
        shooter_rounds_share=layout.index("shooter", "rounds_share"),
        shooter_days_to_change=layout.index("shooter", "days_to_change"),
        pair_pk=layout.index("pair", "pk"),
        pair_slack=layout.index("pair", "slack_min"),
        pair_value_saved=layout.index("pair", "value_saved"),
        clock_tracks=layout.index("clock", "tracks"),
        clock_time_share=layout.index("clock", "time_share"),
        clock_raids_left=layout.index("clock", "raids_left"),
        clock_days_left=layout.index("clock", "days_left"),
        num_kinds=len(kinds),
    )


def term_names(shooter_kinds: Iterable[str], calendar: bool = True) -> tuple[str, ...]:
    """Names the T = 2 Q + 7 terms in the order of the weight vector.

    ===================  ==========================================================
    ``base_<q>``         1 if the shooter is of kind q
    ``scarcity_<q>``     share of its rounds that is gone, if the shooter is of kind q
    ``tracks``           tracks in sight / 10
    ``pk``               kill probability of the engagement
    ``slack``            min(time to impact - time of flight, 5 min) / 5 min
    ``engaged``          1 if the track has something in flight or allocated this epoch
    ``time_share``       epoch / max_epochs
    ``days_ahead``       min(d, 20) / 10 - 1
    ``leaving``          1 if the shooter leaves within 5 days of the raid's start
    ===================  ==========================================================

    d are the days in which the shooter may still meet another raid: until it leaves or the
    calendar ends, whichever is first, and 0 if no raid may follow.

    Args:
        shooter_kinds: Names of the Q kinds.
        calendar: Whether the last two, which say nothing outside a campaign, are among them.
    """
    kinds = tuple(shooter_kinds)
    base = tuple(f"base_{kind}" for kind in kinds)
    scarcity = tuple(f"scarcity_{kind}" for kind in kinds)
    names = base + scarcity + SHARED_TERMS
    if calendar:
        names += CALENDAR_TERMS
    return names


def weight_vector(
    weights: Mapping[str, float], shooter_kinds: Iterable[str], calendar: bool = True
) -> NDArray[np.float64]:
    """Turns named weights into the vector the compiled rule takes.

    Args:
        weights: Term to weight, in shares of the largest asset's value; a term not given is 0.
        shooter_kinds: Kinds of the scenario's catalogue.
        calendar: Whether the terms of the calendar are among them.

    Returns:
        [T] in the order of ``term_names``.

    Raises:
        ValueError: If a term is unknown or a weight is not a finite number.
    """
    names = term_names(shooter_kinds, calendar)
    vector = np.zeros(len(names))
    for term, weight in weights.items():
        one_of(term, names, "pricing term")
        if isinstance(weight, bool | str) or not np.isfinite(weight):
            raise ValueError(f"the weight of {term} must be a finite number, got {weight!r}")
        vector[names.index(term)] = weight
    return vector


def flat_price(price: float, shooter_kinds: Iterable[str]) -> dict[str, float]:
    """Weights under which every engagement has the same price."""
    return {f"base_{kind}": price for kind in shooter_kinds}
