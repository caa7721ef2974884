"""The exact solution of small raids by dynamic programming: the least expected loss of any policy.

A policy may know everything about the raid but its luck: routes, times, kinds and aim points
are public in a perfect picture, kill numbers and hits are not. Given the past, an engagement
kills a threat that lives with probability pk whatever was fired before (one kill number a threat
gives independent shots, see `envs.core.engagement.kills`), so the raid is a finite Markov decision
problem, solved here by backward induction.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agents.bounds import exact_kernel as kernel
from agents.bounds.exact_kernel import Game, Solution, Work
from agents.bounds.foresight import Foresight
from envs.core.params import NONE, Params
from envs.scenario import Scenario
from envs.scenario_params import scenario_params

_FIRST_PLACES = 1 << 16
_MOST_PLACES = 1 << 26
_WORD_BITS = 63


@dataclass(frozen=True)
class Solved:
    """A raid's game, solved.

    Attributes:
        game: Its tables.
        start: State at the first epoch.
        solution: All states that can be reached.
        work: Scratch.
        expected_loss: Least expected loss of any policy.
    """

    game: Game
    start: int
    solution: Solution
    work: Work
    expected_loss: float


def check_solvable(scenario: Scenario) -> None:
    """Refuse scenarios that this dynamic programme does not describe.

    Raises:
        ValueError: naming the key, and what would be right.
    """
    if scenario.deployments is not None:
        raise ValueError("exact solution: deployments: one of them alone is needed")
    if not scenario.perfect_picture:
        raise ValueError("exact solution: picture must be perfect, so that all is known but luck")
    if scenario.campaign.raids > 1:
        raise ValueError(
            f"exact solution: campaign.raids: {scenario.campaign.raids} is not right; 1 is needed"
        )
    if scenario.traffic:
        raise ValueError("exact solution: packages of neutral aircraft are not modelled")
    for n, shooter in enumerate(scenario.shooters):
        kind = scenario.catalogue.shooters[shooter.kind]
        if kind.flies or kind.rounds_per_engagement < 1:
            raise ValueError(
                f"exact solution: shooters[{n}].kind: {shooter.kind!r} is not right; one that "
                "neither flies nor fires without rounds is needed"
            )
        if shooter.reserve_rounds:
            raise ValueError(
                f"exact solution: shooters[{n}].reserve_rounds: {shooter.reserve_rounds} is not "
                "right; 0 is needed, since reloads are not modelled"
            )
        if shooter.asset:
            raise ValueError(
                f"exact solution: shooters[{n}].asset: {shooter.asset!r} is not right; none is "
                "needed, since the loss of shooters is not modelled"
            )
        rounds = engagements_of(scenario)[n]
        if rounds > kernel.MOST_ROUNDS:
            raise ValueError(
                f"exact solution: shooters[{n}].rounds: enough for {rounds} engagements is not "
                f"right; {kernel.MOST_ROUNDS} or fewer are needed"
            )


def engagements_of(scenario: Scenario) -> list[int]:
    """Return how many engagements each shooter's rounds allow."""
    kinds = scenario.catalogue.shooters
    return [s.rounds // kinds[s.kind].rounds_per_engagement for s in scenario.shooters]


def game_of(scenario: Scenario, foresight: Foresight, params: Params | None = None) -> Game:
    """Return a raid as the tables of a decision problem.

    Args:
        scenario: Scenario, checked by `check_solvable`.
        foresight: What could be fired when at what.
        params: Parameters where they are not those of the scenario, float arrays by name.

    Raises:
        ValueError: If a state has too many parts.
    """
    params = scenario_params(scenario) if params is None else params
    targets, chances = foresight.targets, foresight.chances
    shooters, threats = scenario.num_shooters, len(targets)
    epochs = int(targets["impact"].max())
    pk = np.zeros((epochs, shooters, threats))
    free = np.zeros((epochs, shooters, threats), np.int32)
    where = (chances["step"], chances["shooter"], chances["target"])
    pk[where], free[where] = chances["pk"], chances["free"]
    kinds, assets = params.threat_kind[0][targets["kind"]], params.asset[0]
    damage = kinds["damage"] * (1.0 - assets["hardness"][targets["aim"]])
    taken = np.bincount(targets["aim"], damage, minlength=len(assets))
    channels = params.shooter[0]["channels"].astype(np.int32)
    rounds = np.array(engagements_of(scenario), np.int32)
    places = np.minimum(channels, rounds)
    longest = int(np.max(chances["free"] - chances["step"], initial=1))
    slot_bits = int(longest * threats).bit_length()
    offset = kernel.STATUS_BITS * threats + np.concatenate(
        [[0], np.cumsum(kernel.ROUND_BITS + places * slot_bits)]
    )
    if offset[-1] > _WORD_BITS:
        raise ValueError(
            f"exact solution: a state needs {offset[-1]} bits, more than {_WORD_BITS}; fewer "
            "shooters, rounds or threats are needed"
        )
    return Game(
        pk,
        free,
        targets["impact"].copy(),
        kinds["hit"].astype(np.float64),
        damage.astype(np.float64),
        targets["aim"].copy(),
        assets["value"].astype(np.float64),
        taken > 1.0,
        channels,
        places.astype(np.int32),
        channels < rounds,
        offset.astype(np.int32),
        slot_bits,
    )


def solve(game: Game, rounds: NDArray[np.integer]) -> Solved:
    """Solve a game by backward induction.

    Args:
        game: Game.
        rounds: Engagements that each shooter can begin, integers [S].

    Raises:
        ValueError: If it has too many states.
    """
    start = int(sum(int(r) << int(bit) for r, bit in zip(rounds, game.offset, strict=False)))
    epochs, ways = len(game.pk), 3 ** len(game.aim)
    work = Work(
        np.zeros(ways, np.int64),
        np.zeros(ways),
        np.zeros(ways),
        np.zeros(ways, np.int64),
        np.zeros(len(game.aim)),
    )
    places = _FIRST_PLACES
    while True:
        solution = Solution(
            np.zeros(places // 2, np.int64),
            np.zeros(epochs + 2, np.int64),
            np.zeros(places // 2),
            np.full(places, NONE, np.int64),
        )
        count = kernel.enumerate_states(game, start, epochs, solution, work)
        if count >= 0:
            break
        places *= 4
        if places > _MOST_PLACES:
            raise ValueError("exact solution: too many states; fewer rounds or threats are needed")
    kernel.induce(game, epochs, solution, work)
    return Solved(game, start, solution, work, float(solution.loss[0]))


def solve_raid(scenario: Scenario, foresight: Foresight) -> Solved:
    """Solve one raid of a scenario; see `game_of` and `solve`."""
    return solve(game_of(scenario, foresight), np.array(engagements_of(scenario)))
