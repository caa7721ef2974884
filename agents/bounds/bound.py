"""Upper bounds on what any policy can protect, for the same raids with the same luck.

Two relaxations (proofs: docs/bounds.md). With luck known, kill numbers, hits and arrivals are
known from the start: no policy protects more in any single raid. With luck unknown, arrivals are
known and kill numbers are not: no policy protects more in expectation over the luck, so on given
raids up to the luck of the draw. Their means are compared; the smaller is the bound.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from agents.bounds.foresight import Foresight, check_supported, foresee
from agents.bounds.prices import no_prices
from agents.bounds.problem import fire_of, supply_of, worth_of
from agents.bounds.replies import needs_of
from agents.bounds.search import protected_at, search_prices
from agents.cluster import Map, here
from envs.batch import split_index
from envs.core.params import Params
from envs.parameter_sets import parameter_sets
from envs.scenario import Scenario
from envs.scenario_params import scenario_params

Floats = NDArray[np.float64]

LUCK_KNOWN, LUCK_UNKNOWN = "luck known", "arrivals known"
STEPS_ORDER = 40  # of the search for prices that the order is taken from
_EFFORT = 300_000  # engagements looked at in a search: steps times engagements of the raid
_FEWEST_STEPS, _MOST_STEPS = 60, 400
_BATCH = 32  # raids looked ahead at once; bounds the memory that it takes
_UNKNOWN = np.zeros(0)  # needs, where luck is not known

__all__ = ["LUCK_KNOWN", "LUCK_UNKNOWN", "RaidBounds", "check_supported", "raid_bounds"]


@dataclass(frozen=True)
class RaidBounds:
    """What can be protected at most, raid by raid, in units of loss.

    Attributes:
        undefended_loss: [raids], loss if nobody fires.
        luck_known: [raids], no policy protects more in this very raid.
        arrivals_known: [raids], no policy protects more on average.
    """

    undefended_loss: Floats
    luck_known: Floats
    arrivals_known: Floats

    @property
    def kind(self) -> str:
        """Which of the two has the smaller mean."""
        return LUCK_KNOWN if self.luck_known.sum() <= self.arrivals_known.sum() else LUCK_UNKNOWN

    @property
    def protected(self) -> Floats:
        """The one of the smaller mean, [raids]."""
        return self.luck_known if self.kind == LUCK_KNOWN else self.arrivals_known


def raid_bounds(
    scenario: Scenario,
    seeds: Sequence[int] | NDArray[np.int64],
    split: str = "validation",
    progress: Callable[[int], None] | None = None,
    mapped: Map = here,
) -> RaidBounds:
    """Bound what can be protected in the raid of every seed.

    Args:
        scenario: What is played.
        seeds: One raid each.
        split: Which set of raids the seeds belong to.
        progress: Told the number of raids done.
        mapped: Does the raids, in pieces.

    Raises:
        ValueError: If the scenario is not supported, or there are no seeds.
    """
    check_supported(scenario)
    queue = np.asarray(seeds, dtype=np.int64)
    if queue.size == 0:
        raise ValueError("seeds must be a list of at least one seed")
    jobs = [
        (places[start : start + _BATCH], queue[places[start : start + _BATCH]], played)
        for played, places in _by_deployment(scenario, queue, split)
        for start in range(0, places.size, _BATCH)
    ]
    rows, done = np.zeros((queue.size, 4)), 0
    found = mapped(partial(_piece, split), [(played, own) for _, own, played in jobs])
    for (places, _, _), bounds in zip(jobs, found, strict=True):
        rows[places] = bounds
        done += len(places)
        if progress is not None:
            progress(done)
    undefended, expected, known, unknown = rows.T
    # What hits by chance is taken out: the mean of undefended - expected is 0, whatever the share.
    share = unknown.sum() / max(expected.sum(), np.finfo(float).tiny)
    return RaidBounds(undefended, known, unknown + share * (undefended - expected))


def _by_deployment(
    scenario: Scenario, seeds: NDArray[np.int64], split: str
) -> Iterator[tuple[Scenario, NDArray[np.intp]]]:
    """Yield what is played, and the places in the seeds of the raids that play it."""
    sets = parameter_sets(scenario)
    zeros = np.zeros_like(seeds)
    index = sets.of_raids(np.stack([zeros + split_index(split), seeds, zeros], axis=1))
    for p in np.unique(index):
        yield sets.deployment(int(p)), np.flatnonzero(index == p)


def _piece(
    split: str, scenario: Scenario, seeds: NDArray[np.int64]
) -> list[tuple[float, float, float, float]]:
    params = scenario_params(scenario)
    return [bound_raid(scenario, params, own) for own in foresee(scenario, seeds, split)]


def bound_raid(
    scenario: Scenario, params: Params, foresight: Foresight
) -> tuple[float, float, float, float]:
    """Bound one raid.

    Args:
        scenario: Scenario.
        params: Its parameters.
        foresight: Of the raid.

    Returns:
        Loss if nobody fires; the same expected, each threat's given the hits before it; the bound
        with luck known; the bound with arrivals known.
    """
    fire = fire_of(foresight)
    supply = supply_of(scenario, params, float(foresight.days[-1]))
    start = no_prices(supply, foresight.steps)
    steps = int(np.clip(_EFFORT // max(1, len(fire.pk)), _FEWEST_STEPS, _MOST_STEPS))
    used, gains = np.zeros(len(fire.pk)), np.zeros(len(foresight.targets))
    # Prices and order must not know who hits: they are found for what is guessed. Threats that
    # are dear to stop come first in the order, so that those that are cheap are worth less.
    worth = worth_of(scenario, params, foresight, gains)
    _, prices = search_prices(fire, supply, worth.guess, _UNKNOWN, start, STEPS_ORDER)
    full = worth.guess.max(initial=0.0) + 0.0 * gains
    protected_at(fire, supply, full, _UNKNOWN, prices, used, gains)
    worth = worth_of(scenario, params, foresight, gains)
    _, prices = search_prices(fire, supply, worth.guess, _UNKNOWN, prices, steps)
    unknown = protected_at(fire, supply, worth.expected, _UNKNOWN, prices, used, gains)
    needs = needs_of(foresight.targets["kill_u"])
    known, _ = search_prices(fire, supply, worth.loss, needs, prices, steps // 2)
    return worth.loss.sum(), worth.expected.sum(), min(known, worth.loss.sum()), unknown
