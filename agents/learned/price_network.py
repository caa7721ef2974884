"""The price network: the pricing rule plus a small network that corrects its scores.

It reads no absolute positions and no row numbers, so that the same weights play any number of
shooters, tracks and assets in any order, anywhere; with no hidden units it is the pricing rule
(which here never fires at what is worth nothing). The kernel is `agents.learned.price_kernel`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from agents.classical.policies import ClassicalPolicy
from agents.classical.pricing_kernel import tables_of
from agents.classical.terms import find_columns, weight_vector
from agents.learned.price_kernel import (
    PAIR_INPUTS,
    SUMS_OF_SHOOTER,
    SUMS_OF_TRACK,
    Floats,
    Inputs,
    Network,
    Rule,
    allocate_by_network,
    new_work,
    prepare,
)
from agents.policy import Actions, Observation
from envs.observation import Layout
from envs.scenario import Scenario

PARTS = ("track", "shooter", "context", "pair")
_PLACES = ("x_100km", "y_100km", "vx_kmps", "vy_kmps", "aim_x_100km", "aim_y_100km")


@dataclass(frozen=True)
class PriceNetwork:
    """Prices by name, and what the network adds to the scores.

    Attributes:
        prices: Weight of each term of the pricing rule (``terms.term_names``).
        parts: Weights of the first layer by part, float32 [inputs of the part, H].
        out: Weights of the second layer, float32 [H].
    """

    prices: Mapping[str, float]
    parts: Mapping[str, Floats]
    out: Floats

    @property
    def hidden(self) -> int:
        """Hidden units H."""
        return len(self.out)

    def grown(self, parts: Mapping[str, Floats], out: Floats) -> PriceNetwork:
        """This network with more hidden units."""
        joined = {name: np.concatenate([self.parts[name], parts[name]], axis=1) for name in PARTS}
        return PriceNetwork(self.prices, joined, np.concatenate([self.out, out]))


def bare_network(prices: Mapping[str, float], scenario: Scenario) -> PriceNetwork:
    """The pricing rule as a network without hidden units."""
    sizes = part_sizes(scenario)
    parts = {name: np.zeros((sizes[name], 0), np.float32) for name in PARTS}
    return PriceNetwork(prices, parts, np.zeros(0, np.float32))


def find_inputs(scenario: Scenario) -> Inputs:
    """Look every input up by the name of its column."""
    layout = Layout(scenario)
    names = {table: [column.name for column in layout.columns[table]] for table in layout.columns}
    read = {
        table: np.array([c for c, name in enumerate(names[table]) if name not in _PLACES])
        for table in ("track", "shooter", "clock")
    }
    return Inputs(
        track=read["track"],
        shooter=read["shooter"],
        clock=read["clock"],
        track_x=layout.index("track", "x_100km"),
        track_vx=layout.index("track", "vx_kmps"),
        track_at_risk=layout.index("track", "value_at_risk"),
        track_survival=layout.index("track", "survival"),
        track_first_kind=layout.index("track", f"kind_{scenario.threat_kinds[0]}"),
        track_kinds=len(scenario.threat_kinds),
        shooter_x=layout.index("shooter", "x_100km"),
        shooter_range=layout.index("shooter", "range_100km"),
    )


def part_sizes(scenario: Scenario) -> dict[str, int]:
    """Inputs of each part."""
    inputs = find_inputs(scenario)
    kinds = len(scenario.threat_kinds) + len(scenario.shooter_kinds)
    return {
        "track": len(inputs.track) + len(SUMS_OF_TRACK),
        "shooter": len(inputs.shooter) + len(SUMS_OF_SHOOTER),
        "context": 1 + len(inputs.clock) + kinds,
        "pair": len(PAIR_INPUTS),
    }


class NetworkAllocator:
    """Price networks of one size as candidates; see ``agents.classical.trials.Allocator``."""

    def __init__(self, scenario: Scenario, networks: Sequence[PriceNetwork]) -> None:
        """Stack networks that have the same number of hidden units.

        Raises:
            ValueError: If a network does not fit the scenario's observation.
        """
        sizes = part_sizes(scenario)
        for network in networks:
            for name in PARTS:
                if network.parts[name].shape != (sizes[name], network.hidden):
                    raise ValueError(
                        f"network.{name}: {list(network.parts[name].shape)} is not right; "
                        f"{[sizes[name], network.hidden]} is needed for {scenario.name!r}"
                    )
        track, shooter, context, pair = (
            np.stack([network.parts[name] for network in networks]) for name in PARTS
        )
        out = np.stack([network.out for network in networks])
        kinds = scenario.shooter_kinds
        self.rule = Rule(
            find_columns(scenario),
            find_inputs(scenario),
            np.array([weight_vector(network.prices, kinds) for network in networks]),
            Network(track, shooter, context, pair, out),
        )

    @property
    def candidates(self) -> int:
        """Networks."""
        return len(self.rule.prices)

    def __call__(self, observation: Observation, candidate: NDArray[np.int64]) -> Actions:
        """Allocate for a batch."""
        track, shooter, pair, clock, mask = tables_of(observation)
        actions = np.empty(mask.shape[:2], np.int64)
        allocate_by_network(track, shooter, pair, clock, mask, *self.rule, candidate, actions)
        return actions


@final
class NetworkPolicy(ClassicalPolicy):
    """A price network behind the one ``predict`` protocol; it keeps no state and draws nothing."""

    def __init__(self, scenario: Scenario, network: PriceNetwork) -> None:
        self.network = network
        self._allocate = NetworkAllocator(scenario, [network])

    def decide(self, observation: Observation) -> Actions:
        """Allocate while something scores above zero."""
        return self._allocate(observation, np.zeros(len(observation["clock"]), np.int64))

    def prices(self, observation: Observation) -> Floats:
        """What firing must save before it is done: value saved less score, as an epoch begins.

        Args:
            observation: Tables [B, ...].

        Returns:
            float32 [N], of the legal pairs that save something, in shares of the largest asset's
            value.
        """
        rule = self._allocate.rule
        tables = tables_of(observation)
        mask = tables[-1]
        work = new_work(mask.shape[1], mask.shape[2] - 1, rule.network)
        found = [np.zeros(0, np.float32)]
        for member in zip(*tables, strict=True):
            count = prepare(member, rule, 0, work)
            saved = work.pair_inputs[:count, PAIR_INPUTS.index("value_saved")]
            found.append((saved - work.score[:count]).astype(np.float32))
        return np.concatenate(found)
