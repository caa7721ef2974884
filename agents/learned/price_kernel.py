"""The compiled price network: it allocates, and it notes what it would have to judge.

A pair of largest score is allocated, again and again, while that score is above zero; the score is

    score(s, i) = value_saved(s, i) * left(i) - price(s, i) + out . relu(h(s, i))
    h(s, i) = bias + A shooter(s) + B track(i) + C context + D pair(s, i)

with the price of the pricing rule (`agents.classical.pricing_kernel`), and left(i) the survival of
what is allocated at track i in this epoch. The products with A, B and C are made once for each
shooter, track and member, so that a pair costs few operations. After each allocation the pairs at
that track are scored anew: their inputs `left`, `engaged` and `allocated` have changed.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import prange
from numpy.typing import NDArray

from agents.classical.pricing_kernel import shooter_price
from agents.classical.terms import LONGEST_SLACK_MIN, Columns
from agents.wta.greedy import MEMBERS_PER_BLOCK
from envs.core.compiled import compiled

Floats = NDArray[np.float32]

SUMS_OF_TRACK = ("shooters", "best_pk", "best_value_saved", "survival_of_all")
"""Over the legal pairs of a track: number / 5, largest pk and value saved, product of 1 - pk."""

SUMS_OF_SHOOTER = ("tracks", "best_value_saved", "second_value_saved", "all_value_saved")
"""Over the legal pairs of a shooter: number / 10, largest values saved, 0.3 * their sum."""

PAIR_INPUTS = (
    *("pk", "time_of_flight", "slack", "value_saved"),
    *("left", "engaged", "allocated"),
    *("distance", "range_share", "closing"),
)
"""The columns of the pair table; what changes within an epoch: ``left``, whether the track has
something in flight or allocated, and how many rounds are allocated; where the track is from the
shooter: ground distance / 100 km, over the shooter's range, and how fast it comes nearer, km/s."""

_SUM_SCALE = np.float32(0.3)


class Inputs(NamedTuple):
    """Which columns of the observation tables the network reads, by number."""

    track: NDArray[np.int64]
    shooter: NDArray[np.int64]
    clock: NDArray[np.int64]
    track_x: int
    """Place east, north, and velocity east, north are adjacent pairs of columns."""
    track_vx: int
    track_at_risk: int
    track_survival: int
    track_first_kind: int
    track_kinds: int
    """Threat kinds K; their columns are adjacent."""
    shooter_x: int
    shooter_range: int


class Network(NamedTuple):
    """Weights of N networks of H hidden units, float32."""

    track: Floats
    """[N, track columns + sums, H]."""
    shooter: Floats
    """[N, shooter columns + sums, H]."""
    context: Floats
    """[N, 1 + clock columns + K + Q, H]: the bias, the clock, and sums by threat kind (value at
    risk) and by shooter kind (share of rounds left)."""
    pair: Floats
    """[N, pair inputs, H]."""
    out: Floats
    """[N, H]."""


class Rule(NamedTuple):
    """All that decides: N candidates of prices and network."""

    columns: Columns
    inputs: Inputs
    prices: NDArray[np.float64]
    """[N, T], in the order of ``terms.term_names``."""
    network: Network


class Work(NamedTuple):
    """Work arrays of one member."""

    of_track: Floats  # [I, H]
    of_shooter: Floats  # [S, H]
    of_context: Floats  # [H]
    hidden: Floats  # [H]
    track_inputs: Floats  # [I, columns + sums]
    shooter_inputs: Floats  # [S, columns + sums]
    context_inputs: Floats
    pair_inputs: Floats  # [N, pair inputs]
    shooter_of: NDArray[np.int64]  # [N]
    track_of: NDArray[np.int64]  # [N]
    price: NDArray[np.float64]  # [N]
    score: NDArray[np.float64]  # [N]
    left: NDArray[np.float64]  # [I], survival of what is allocated in this epoch


@compiled()
def squashed(x: Any) -> Any:
    """Bend large values towards a limit of 10."""
    return x / (np.float32(1.0) + np.float32(0.1) * abs(x))


@compiled(allocates=True)
def new_work(shooters: int, slots: int, network: Network) -> Work:
    """Room for one member of [S, I]."""
    hidden, pairs = network.out.shape[1], shooters * slots
    return Work(
        np.empty((slots, hidden), np.float32),
        np.empty((shooters, hidden), np.float32),
        np.empty(hidden, np.float32),
        np.empty(hidden, np.float32),
        np.empty((slots, network.track.shape[1]), np.float32),
        np.empty((shooters, network.shooter.shape[1]), np.float32),
        np.empty(network.context.shape[1], np.float32),
        np.empty((pairs, network.pair.shape[1]), np.float32),
        np.empty(pairs, np.int64),
        np.empty(pairs, np.int64),
        np.empty(pairs),
        np.empty(pairs),
        np.empty(slots),
    )


@compiled()
def place(shooter: Any, track: Any, at: Inputs, inputs: Any) -> None:
    """Write where a track is from a shooter: distance, share of its range, closing speed."""
    dx = track[at.track_x] - shooter[at.shooter_x]
    dy = track[at.track_x + 1] - shooter[at.shooter_x + 1]
    distance = np.sqrt(dx * dx + dy * dy)
    reach, apart = shooter[at.shooter_range], max(distance, np.float32(1e-6))
    inputs[7] = distance
    inputs[8] = squashed(distance / max(reach, np.float32(1e-3)))
    inputs[9] = -(dx * track[at.track_vx] + dy * track[at.track_vx + 1]) / apart


@compiled()
def list_pairs(member: Any, columns: Columns, at: Inputs, weights: Any, work: Work) -> int:
    """List the legal pairs that save something, and their prices; return how many."""
    track, shooter, pair, clock, mask = member
    shared = weights[2 * columns.num_kinds :]
    count = 0
    for s in range(mask.shape[0]):
        own_price = np.nan
        for i in range(mask.shape[1] - 1):
            if mask[s, 1 + i] == 0 or pair[s, i, columns.pair_value_saved] <= 0.0:
                continue
            if np.isnan(own_price):
                own_price = shooter_price(shooter[s], clock, columns, weights)
            pk = np.float64(pair[s, i, columns.pair_pk])
            slack = min(np.float64(pair[s, i, columns.pair_slack]) / LONGEST_SLACK_MIN, 1.0)
            work.shooter_of[count], work.track_of[count] = s, i
            work.price[count] = own_price + shared[1] * pk + shared[2] * slack
            inputs = work.pair_inputs[count]
            inputs[0] = pair[s, i, 0]
            inputs[1] = squashed(pair[s, i, 1])
            inputs[2] = squashed(pair[s, i, 2])
            inputs[3] = pair[s, i, 3]
            inputs[4] = 1.0
            inputs[5] = np.float32(track[i, columns.track_in_flight] > 0.0)
            inputs[6] = 0.0
            place(shooter[s], track[i], at, inputs)
            count += 1
    return count


@compiled()
def read_inputs(member: Any, columns: Columns, inputs: Inputs, count: int, work: Work) -> None:
    """Fill the inputs of tracks, shooters and context for the pairs listed."""
    track, shooter, _, clock, _ = member
    rows, own = inputs.track.shape[0], inputs.shooter.shape[0]
    for n in range(count):
        work.track_inputs[work.track_of[n], 0] = np.nan
        work.shooter_inputs[work.shooter_of[n], 0] = np.nan
    for n in range(count):
        s, i = work.shooter_of[n], work.track_of[n]
        of_track, of_shooter = work.track_inputs[i], work.shooter_inputs[s]
        if np.isnan(of_track[0]):
            for c in range(rows):
                of_track[c] = squashed(track[i, inputs.track[c]])
            of_track[rows : rows + 3] = np.float32(0.0)
            of_track[rows + 3] = np.float32(1.0)
        if np.isnan(of_shooter[0]):
            for c in range(own):
                of_shooter[c] = squashed(shooter[s, inputs.shooter[c]])
            of_shooter[own:] = np.float32(0.0)
        pk, saved = work.pair_inputs[n, 0], work.pair_inputs[n, 3]
        of_track[rows] += np.float32(0.2)
        of_track[rows + 1] = max(of_track[rows + 1], pk)
        of_track[rows + 2] = max(of_track[rows + 2], saved)
        of_track[rows + 3] *= np.float32(1.0) - pk
        of_shooter[own] += np.float32(0.1)
        if saved > of_shooter[own + 1]:
            of_shooter[own + 2] = of_shooter[own + 1]
            of_shooter[own + 1] = saved
        elif saved > of_shooter[own + 2]:
            of_shooter[own + 2] = saved
        of_shooter[own + 3] += _SUM_SCALE * saved
    context = work.context_inputs
    context[:] = np.float32(0.0)
    context[0] = np.float32(1.0)
    at = 1
    for c in range(inputs.clock.shape[0]):
        context[at + c] = squashed(clock[inputs.clock[c]])
    at += inputs.clock.shape[0]
    for i in range(track.shape[0]):
        at_risk = track[i, inputs.track_at_risk] * track[i, inputs.track_survival]
        if at_risk > 0.0:
            for k in range(inputs.track_kinds):
                context[at + k] += _SUM_SCALE * at_risk * track[i, inputs.track_first_kind + k]
    at += inputs.track_kinds
    for s in range(shooter.shape[0]):
        for q in range(columns.num_kinds):
            if shooter[s, columns.shooter_first_kind + q] > 0.0:
                context[at + q] += _SUM_SCALE * shooter[s, columns.shooter_rounds_share]


@compiled()
def add_product(inputs: Any, weights: Any, total: Any) -> None:
    """total[h] += sum_c inputs[c] weights[c, h]."""
    for c in range(inputs.shape[0]):
        x = inputs[c]
        if x != 0.0:
            for h in range(total.shape[0]):
                total[h] += x * weights[c, h]


@compiled()
def score_pair(n: int, network: Network, row: int, engaged_price: float, work: Work) -> float:
    """Score of a listed pair as things stand in this epoch."""
    inputs, hidden = work.pair_inputs[n], work.hidden
    s, i = work.shooter_of[n], work.track_of[n]
    for h in range(hidden.shape[0]):
        hidden[h] = work.of_context[h] + work.of_shooter[s, h] + work.of_track[i, h]
    add_product(inputs, network.pair[row], hidden)
    residual = np.float32(0.0)
    for h in range(hidden.shape[0]):
        residual += max(hidden[h], np.float32(0.0)) * network.out[row, h]
    score = np.float64(inputs[3]) * work.left[i] - work.price[n] + np.float64(residual)
    if inputs[5] > 0.0:
        score -= engaged_price
    return score


@compiled()
def prepare(member: Any, rule: Rule, row: int, work: Work) -> int:
    """List the pairs of a member and score them by candidate `row`; return how many."""
    columns, inputs, prices, network = rule
    count = list_pairs(member, columns, inputs, prices[row], work)
    if count == 0:
        return 0
    read_inputs(member, columns, inputs, count, work)
    work.of_context[:] = np.float32(0.0)
    add_product(work.context_inputs, network.context[row], work.of_context)
    work.left[:] = 0.0
    for n in range(count):
        s, i = work.shooter_of[n], work.track_of[n]
        if n == 0 or work.shooter_of[n - 1] != s:
            work.of_shooter[s, :] = np.float32(0.0)
            add_product(work.shooter_inputs[s], network.shooter[row], work.of_shooter[s])
        if work.left[i] == 0.0:
            work.left[i] = 1.0
            work.of_track[i, :] = np.float32(0.0)
            add_product(work.track_inputs[i], network.track[row], work.of_track[i])
    engaged_price = prices[row, 2 * columns.num_kinds + 3]
    for n in range(count):
        work.score[n] = score_pair(n, network, row, engaged_price, work)
    return count


@compiled()
def touch(n: int, work: Work) -> None:
    """Note at a pair that its track has been allocated another round."""
    inputs = work.pair_inputs[n]
    inputs[4] = np.float32(work.left[work.track_of[n]])
    inputs[5] = np.float32(1.0)
    inputs[6] += np.float32(1.0)


@compiled()
def allocate_listed(count: int, rule: Rule, row: int, work: Work, action: Any) -> None:
    """Allocate the pair of largest score while that is above zero; ties go to the first listed."""
    network, engaged_price = rule.network, rule.prices[row, 2 * rule.columns.num_kinds + 3]
    action[:] = 0
    while True:
        best, best_score = -1, 0.0
        for n in range(count):
            if work.score[n] > best_score and action[work.shooter_of[n]] == 0:
                best, best_score = n, work.score[n]
        if best < 0:
            return
        target = work.track_of[best]
        action[work.shooter_of[best]] = 1 + target
        work.left[target] *= 1.0 - np.float64(work.pair_inputs[best, 0])
        for n in range(count):
            if work.track_of[n] == target and action[work.shooter_of[n]] == 0:
                touch(n, work)
                work.score[n] = score_pair(n, network, row, engaged_price, work)


# Work arrays are made here and not in the prange loop; see agents.wta.greedy.
@compiled(allocates=True)
def _allocate_block(
    tables: Any,
    columns: Columns,
    inputs: Inputs,
    prices: NDArray[np.float64],
    network: Network,
    candidate: NDArray[np.int64],
    first: int,
    end: int,
    actions: NDArray[np.int64],
) -> None:
    track, shooter, pair, clock, mask = tables
    rule = Rule(columns, inputs, prices, network)
    work = new_work(mask.shape[1], mask.shape[2] - 1, rule.network)
    for b in range(first, end):
        member = (track[b], shooter[b], pair[b], clock[b], mask[b])
        count = prepare(member, rule, candidate[b], work)
        allocate_listed(count, rule, candidate[b], work, actions[b])


@compiled(parallel=True)
def allocate_by_network(
    track: Floats,
    shooter: Floats,
    pair: Floats,
    clock: Floats,
    mask: NDArray[np.int8],
    columns: Columns,
    inputs: Inputs,
    prices: NDArray[np.float64],
    network: Network,
    candidate: NDArray[np.int64],
    actions: NDArray[np.int64],
) -> None:
    """Allocate every member of a batch.

    Args:
        track: [B, I, .] observation table, as are the next three.
        shooter: [B, S, .].
        pair: [B, S, I, .].
        clock: [B, .].
        mask: [B, S, 1 + I], non-zero where legal.
        columns: Of N candidates, what ``Rule`` holds, as are the next three.
        inputs: See there.
        prices: [N, T].
        network: Of N candidates.
        candidate: [B], the candidate that plays each member.
        actions: [B, S], overwritten: 0 or, for a shooter that fires, 1 + slot.
    """
    members = mask.shape[0]
    blocks = (members + MEMBERS_PER_BLOCK - 1) // MEMBERS_PER_BLOCK
    for block in prange(blocks):
        first = block * MEMBERS_PER_BLOCK
        end = min(first + MEMBERS_PER_BLOCK, members)
        tables = (track, shooter, pair, clock, mask)
        _allocate_block(tables, columns, inputs, prices, network, candidate, first, end, actions)
