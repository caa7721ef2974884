"""The compiled search of the open-loop planner: who fires at which track in which epoch to come.

A plan is a set of engagements (shooter, track, launch epoch). It is worth

    sum_i value_i (1 - prod over its engagements of i of (1 - pk)) - sum over them of the price

and must keep to every shooter's rounds and fire channels. Shooter by shooter the plan is made
anew, given what the others do (block-coordinate best response, each by greatest gain first), until
nothing changes; then some track's engagements are thrown out and it goes on from there (a kick),
and the best plan is kept.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from envs.core.compiled import compiled

SWEEPS = 6
"""Rounds of best responses at most; most plans stand still after two or three."""


class Outlook(NamedTuple):
    """What a member's shooters could do, epoch by epoch, if nobody fired meanwhile."""

    pk: NDArray[np.float32]
    """[H, S, I], kill probability of an engagement launched in that epoch; 0: none possible."""
    flight: NDArray[np.int64]
    """[H, S, I], epochs for which it holds its channel."""
    value: NDArray[np.float64]
    """[I], expected loss of each track given what is in flight; 0 where there is none."""
    ready: NDArray[np.int64]
    """[H, S], engagements that the rounds come by that epoch allow, in all."""
    free: NDArray[np.int64]
    """[H, S], channels not held by what is in flight already."""
    price: NDArray[np.float64]
    """[S], of one engagement, in the unit of value."""


class Plan(NamedTuple):
    """Work arrays of the search."""

    launches: NDArray[np.int64]
    """[H, S, I], engagements planned."""
    survival: NDArray[np.float64]
    """[I], of each track given the plan."""
    busy: NDArray[np.int64]
    """[H, S], channels that the plan holds."""
    spent: NDArray[np.int64]
    """[H, S], engagements that the plan has launched by that epoch."""


@compiled(allocates=True)
def new_plan(epochs: int, shooters: int, slots: int) -> Plan:
    """Makes an empty plan."""
    return Plan(
        np.zeros((epochs, shooters, slots), np.int64),
        np.ones(slots),
        np.zeros((epochs, shooters), np.int64),
        np.zeros((epochs, shooters), np.int64),
    )


@compiled()
def _fits(outlook: Outlook, plan: Plan, e: int, s: int, i: int) -> bool:
    """Whether shooter s can launch one engagement of i more in epoch e: one an epoch at most."""
    epochs = outlook.pk.shape[0]
    if plan.spent[e, s] > (plan.spent[e - 1, s] if e > 0 else 0):
        return False
    for n in range(e, min(e + outlook.flight[e, s, i], epochs)):
        if plan.busy[n, s] >= outlook.free[n, s]:
            return False
    for n in range(e, epochs):
        if plan.spent[n, s] >= outlook.ready[n, s]:
            return False
    return True


@compiled()
def _change(outlook: Outlook, plan: Plan, e: int, s: int, i: int, by: int) -> None:
    """Adds an engagement (by 1) or takes one away (by -1), all but its survival."""
    epochs = outlook.pk.shape[0]
    plan.launches[e, s, i] += by
    for n in range(e, min(e + outlook.flight[e, s, i], epochs)):
        plan.busy[n, s] += by
    for n in range(e, epochs):
        plan.spent[n, s] += by


@compiled()
def _survive(outlook: Outlook, plan: Plan) -> None:
    """Computes the survival of every track anew, so that no rounding adds up."""
    epochs, shooters, slots = outlook.pk.shape
    plan.survival[:] = 1.0
    for i in range(slots):
        if outlook.value[i] <= 0.0:
            continue
        for e in range(epochs):
            for s in range(shooters):
                for _ in range(plan.launches[e, s, i]):
                    plan.survival[i] *= 1.0 - np.float64(outlook.pk[e, s, i])


@compiled()
def _respond(outlook: Outlook, plan: Plan, s: int) -> None:
    """Makes shooter s's plan anew, given the others': greatest gain first, earliest of equals."""
    epochs, _, slots = outlook.pk.shape
    for e in range(epochs):
        for i in range(slots):
            while plan.launches[e, s, i] > 0:
                _change(outlook, plan, e, s, i, -1)
    _survive(outlook, plan)
    while True:
        most, when, at = 0.0, -1, -1
        for i in range(slots):
            left = outlook.value[i] * plan.survival[i]
            if left <= outlook.price[s]:
                continue
            for e in range(epochs):
                gain = left * np.float64(outlook.pk[e, s, i]) - outlook.price[s]
                if gain > most and _fits(outlook, plan, e, s, i):
                    most, when, at = gain, e, i
        if when < 0:
            return
        _change(outlook, plan, when, s, at, 1)
        plan.survival[at] *= 1.0 - np.float64(outlook.pk[when, s, at])


@compiled()
def worth(outlook: Outlook, plan: Plan) -> float:
    """Returns what a plan is worth; see the module's text."""
    _survive(outlook, plan)
    epochs, shooters, slots = outlook.pk.shape
    total = 0.0
    for i in range(slots):
        total += outlook.value[i] * (1.0 - plan.survival[i])
    for s in range(shooters):
        total -= outlook.price[s] * plan.spent[epochs - 1, s]
    return total


@compiled()
def _settle(outlook: Outlook, plan: Plan) -> float:
    """Lets the shooters respond in turn until nothing is gained; returns what the plan is worth."""
    value = worth(outlook, plan)
    for _ in range(SWEEPS):
        for s in range(outlook.pk.shape[1]):
            if outlook.ready[outlook.pk.shape[0] - 1, s] > 0:
                _respond(outlook, plan, s)
        now = worth(outlook, plan)
        if now <= value + 1e-12:
            return now
        value = now
    return value


@compiled()
def _copy(source: Plan, target: Plan) -> None:
    # Entry by entry: Numba guards slices against overlap by a copy, which kernels may not make.
    epochs, shooters, slots = source.launches.shape
    for e in range(epochs):
        for s in range(shooters):
            target.busy[e, s], target.spent[e, s] = source.busy[e, s], source.spent[e, s]
            for i in range(slots):
                target.launches[e, s, i] = source.launches[e, s, i]
    for i in range(slots):
        target.survival[i] = source.survival[i]


@compiled()
def _throw_out(outlook: Outlook, plan: Plan, i: int) -> None:
    epochs, shooters, _ = outlook.pk.shape
    for e in range(epochs):
        for s in range(shooters):
            while plan.launches[e, s, i] > 0:
                _change(outlook, plan, e, s, i, -1)


@compiled(allocates=True)
def search(outlook: Outlook, kicks: int, action: NDArray[np.int64]) -> float:
    """Plans for one member, and orders what the plan launches now.

    Args:
        outlook: What could be done.
        kicks: Times that some track's engagements are thrown out, each in its turn.
        action: [S], overwritten: 0 holds, 1 + slot fires now.

    Returns:
        What the best plan is worth.
    """
    epochs, shooters, slots = outlook.pk.shape
    best = new_plan(epochs, shooters, slots)
    most = _settle(outlook, best)
    trial = new_plan(epochs, shooters, slots)
    tracks = 0
    for i in range(slots):
        if outlook.value[i] > 0.0:
            tracks += 1
    turn = -1
    for _ in range(kicks if tracks > 1 else 0):
        turn = (turn + 1) % slots
        while outlook.value[turn] <= 0.0:
            turn = (turn + 1) % slots
        _copy(best, trial)
        _throw_out(outlook, trial, turn)
        now = _settle(outlook, trial)
        if now > most + 1e-12:
            most = now
            _copy(trial, best)
    for s in range(shooters):
        action[s] = 0
        for i in range(slots):
            if best.launches[0, s, i] > 0:
                action[s] = 1 + i
    return most
