"""Small games made by hand, variants of `duel`, and an exact solution in plain Python."""

from __future__ import annotations

from functools import cache
from itertools import product
from typing import Any

import numpy as np

from agents.bounds.exact_kernel import MOST_ROUNDS, ROUND_BITS, STATUS_BITS, Game
from envs.scenario import Scenario, load_scenario, read_scenario
from tests.envs.small import changed, named


def game(
    pk: Any,
    flight: int = 1,
    impact: int | None = None,
    damage: float = 0.1,
    worth: tuple[float, ...] = (10.0,),
    aim: tuple[int, ...] | None = None,
    hit: float = 1.0,
    channels: int = 4,
    rounds: tuple[int, ...] = (2,),
) -> Game:
    """Return a game from kill probabilities [K, S, T]; engagements end `flight` epochs later.

    Threats strike in the epoch in which engagements begun in epoch K would end, or in `impact`.
    """
    given = np.array(pk, float)
    end = len(given) + flight if impact is None else impact
    table = np.concatenate([given, np.zeros((end - len(given), *given.shape[1:]))])
    epochs, shooters, threats = table.shape
    free = np.arange(epochs)[:, None, None] + np.full(table.shape, flight)
    slots = np.minimum(channels, rounds)
    bits = int(flight * threats).bit_length()
    offset = STATUS_BITS * threats + np.cumsum([0, *(ROUND_BITS + slots * bits)])
    aims = np.zeros(threats, np.int32) if aim is None else np.array(aim, np.int32)
    damages = np.full(threats, damage)
    assert max(rounds) <= MOST_ROUNDS
    return Game(
        table,
        free.astype(np.int32),
        np.full(threats, end, np.int32),
        np.full(threats, hit),
        damages,
        aims,
        np.array(worth),
        np.bincount(aims, damages, len(worth)) > 1.0,
        np.full(shooters, channels, np.int32),
        slots.astype(np.int32),
        np.full(shooters, channels) < np.array(rounds),
        offset.astype(np.int32),
        bits,
    )


def least_loss(play: Game, rounds: tuple[int, ...]) -> float:
    """Return the least expected loss of a game by enumerating every policy, history by history."""
    epochs, shooters, threats = play.pk.shape

    @cache
    def value(epoch: int, fate: tuple[str, ...], left: tuple[int, ...], flying: Any) -> float:
        if epoch >= play.impact.max():
            return 0.0
        least = np.inf
        for orders in product(range(threats + 1), repeat=shooters):
            now, after, possible = list(flying), list(left), True
            for s, order in enumerate(orders):
                if order == 0:
                    continue
                i = order - 1
                busy = sum(f[0] == s for f in flying)
                legal = epoch < epochs and play.pk[epoch, s, i] > 0 and fate[i] == "alive"
                possible &= bool(legal and left[s] > 0 and busy < play.channels[s])
                if possible:
                    now.append((s, i, int(play.free[epoch, s, i]), float(play.pk[epoch, s, i])))
                    after[s] -= 1
            if possible:
                least = min(least, chance(epoch + 1, fate, tuple(after), tuple(now)))
        return least

    def chance(epoch: int, fate: Any, left: Any, flying: Any) -> float:
        for n, (_, i, end, pk) in enumerate(flying):
            if end == epoch:
                rest = flying[:n] + flying[n + 1 :]
                if fate[i] != "alive":
                    return chance(epoch, fate, left, rest)
                dead = (*fate[:i], "dead", *fate[i + 1 :])
                return pk * chance(epoch, dead, left, rest) + (1 - pk) * chance(
                    epoch, fate, left, rest
                )
        for i in range(threats):
            if fate[i] == "alive" and play.impact[i] == epoch:
                a = play.aim[i]
                before = sum(
                    play.damage[j] for j in range(threats) if fate[j] == "hit" and play.aim[j] == a
                )
                lost = min(1.0, before + play.damage[i]) - min(1.0, before)
                hit, dud = (
                    chance(epoch, (*fate[:i], what, *fate[i + 1 :]), left, flying)
                    for what in ("hit", "dud")
                )
                return play.hit[i] * (play.worth[a] * lost + hit) + (1 - play.hit[i]) * dud
        return value(epoch, fate, left, flying)

    return value(0, ("alive",) * threats, rounds, ())


def first_state(play: Game, rounds: tuple[int, ...]) -> int:
    return int(sum(r << int(bit) for r, bit in zip(rounds, play.offset, strict=False)))


def variant(**changes: Any) -> Scenario:
    """Return `duel` with entries changed, by dotted path with __ for the dots."""
    source = read_scenario("duel") | {"name": "variant"}
    for path, value in changes.items():
        source = changed(source, path.replace("__", "."), value)
    return load_scenario(source)


def steadfast(name: str) -> Scenario:
    """Return a scenario by name, its sensors and shooters made so that they cannot be destroyed."""
    source = named(name)
    if isinstance(source, str):
        return load_scenario(source)
    rows = [*source["sensors"], *source["shooters"]]
    for row in rows:
        row.pop("asset", None)
    return load_scenario(source)


VARIANTS = {
    "duel": variant(),
    "one round each": variant(shooters__0__rounds=1, shooters__1__rounds=1),
    "NASAMS alone": variant(shooters=read_scenario("duel")["shooters"][:1]),
    "guns instead": variant(shooters__1__kind="gun_35mm", shooters__1__rounds=3),
    "five threats": variant(slots=5, packages__0__number=[2, 2], packages__1__number=[3, 3]),
    "all on the city": variant(
        packages__0__aim=["Siauliai city"],
        packages__1__aim=["Siauliai city"],
        packages__0__number=[2, 2],
        packages__1__number=[2, 2],
    ),
}
