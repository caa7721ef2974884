"""Compiled backward induction over the states of one small raid.

A state at the start of an epoch is one integer: two bits a threat (`ALIVE`, `GONE`, `HIT`), then
for each shooter four bits of rounds and its engagements in flight, oldest first, each 0 or
1 + age * threats + threat. All states that can be reached are listed epoch by epoch, and found
again in a hash table; then their least expected losses are computed from the last to the first.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from envs.core.compiled import compiled

ALIVE, GONE, HIT = 0, 1, 2
STATUS_BITS, ROUND_BITS = 2, 4
MOST_ROUNDS = (1 << ROUND_BITS) - 1
_NONE = -1
_GOLDEN, _SHIFT = np.uint64(0x9E3779B97F4A7C15), np.uint64(29)


class Game(NamedTuple):
    """A raid as the tables of a finite decision problem: K epochs, S shooters, T threats."""

    pk: NDArray[np.float64]  # [K, S, T], 0: cannot be fired
    free: NDArray[np.int32]  # [K, S, T], epoch in which the outcome is known
    impact: NDArray[np.int32]  # [T], epoch in which it is known whether it hit
    hit: NDArray[np.float64]  # [T], probability that an arrival does damage
    damage: NDArray[np.float64]  # [T], share of its asset's health
    aim: NDArray[np.int32]  # [T]
    worth: NDArray[np.float64]  # [A]
    saturates: NDArray[np.bool_]  # [A], the threats' damage exceeds its health
    channels: NDArray[np.int32]  # [S]
    places: NDArray[np.int32]  # [S], engagements that can be in flight at once
    keeps: NDArray[np.bool_]  # [S], engagements of dead targets matter, since channels are few
    offset: NDArray[np.int32]  # [S + 1], first bit of each shooter
    slot_bits: int  # of one engagement in flight


class Solution(NamedTuple):
    """The states of a game, their order, and what each is expected to lose."""

    words: NDArray[np.int64]  # [n], states, epoch by epoch
    first: NDArray[np.int64]  # [K + 2], place of the first state of each epoch
    loss: NDArray[np.float64]  # [n], least expected loss from there on
    places: NDArray[np.int64]  # [power of two], hash table of places in `words`


class Work(NamedTuple):
    """Scratch of `outcomes`: a place for each way an epoch can end."""

    status: NDArray[np.int64]  # [3^T], two bits a threat
    chance: NDArray[np.float64]  # [3^T]
    loss: NDArray[np.float64]  # [3^T], in this epoch
    word: NDArray[np.int64]  # [3^T], state at the start of the next
    survival: NDArray[np.float64]  # [T]


@compiled()
def status_of(status, i):
    """Return the status of threat i."""
    return (status >> (STATUS_BITS * i)) & 3


@compiled()
def damage_to(game, status, a):
    """Return the damage that asset a has taken, at most 1, from the threats marked as hits."""
    total = 0.0
    for i in range(game.aim.shape[0]):
        if game.aim[i] == a and status_of(status, i) == HIT:
            total += game.damage[i]
    return min(total, 1.0)


@compiled()
def launched(game, word, epoch, action):
    """Return the state after a joint action, or -1 if some part of it is not possible.

    Args:
        game: Game.
        word: State at the start of the epoch.
        epoch: Number of the epoch.
        action: Sum over shooters s of (0 to hold or 1 + threat) (1 + T)^s.
    """
    threats, shooters = game.aim.shape[0], game.places.shape[0]
    for s in range(shooters):
        order = action % (threats + 1)
        action //= threats + 1
        if order == 0:
            continue
        i, bit = order - 1, game.offset[s]
        rounds = (word >> bit) & MOST_ROUNDS
        if rounds == 0 or status_of(word, i) != ALIVE or game.pk[epoch, s, i] <= 0.0:
            return _NONE
        busy = 0
        slot = bit + ROUND_BITS
        while busy < game.places[s] and (word >> slot) & ((1 << game.slot_bits) - 1) != 0:
            busy += 1
            slot += game.slot_bits
        if busy >= min(game.channels[s], game.places[s]):
            return _NONE
        word += (np.int64(1 + i) << slot) - (np.int64(1) << bit)
    return word


@compiled()
def outcomes(game, word, epoch, work):
    """Write every way in which an epoch can end, after its launches; return how many there are.

    Engagements are judged before threats strike, and each threat's fate is independent of the
    others'. A threat that strikes loses its asset worth (min(1, D + d) - min(1, D)), D the damage
    before. It is marked as a hit only while that matters to threats still to come.
    """
    threats = game.aim.shape[0]
    for i in range(threats):
        work.survival[i] = 1.0
    for s in range(game.places.shape[0]):
        for n in range(game.places[s]):
            code = slot_code(game, word, s, n)
            if code != 0:
                launch, i = epoch - (code - 1) // threats, (code - 1) % threats
                if game.free[launch, s, i] == epoch + 1:
                    work.survival[i] *= 1.0 - game.pk[launch, s, i]
    work.status[0] = word & ((1 << (STATUS_BITS * threats)) - 1)
    work.chance[0], work.loss[0] = 1.0, 0.0
    count = 1
    for i in range(threats):
        if status_of(word, i) == ALIVE:
            count = settle(game, i, epoch, work, count)
    for n in range(count):
        status = work.status[n]
        for i in range(threats):
            if status_of(status, i) == HIT and not awaited(game, status, game.aim[i]):
                status += (GONE - HIT) << (STATUS_BITS * i)
        work.word[n] = aged(game, word, epoch, status)
    return count


@compiled()
def settle(game, i, epoch, work, count):
    """Split each way so far by what becomes of threat i in this epoch."""
    asset, bit = game.aim[i], STATUS_BITS * i
    strikes = game.impact[i] == epoch + 1
    ways = count
    for n in range(ways):
        status, chance, loss = work.status[n], work.chance[n], work.loss[n]
        lives = chance * work.survival[i]
        gone = chance - lives
        if strikes:
            hits = lives * game.hit[i]
            gone = chance - hits
            if hits > 0.0:
                before = damage_to(game, status, asset)
                work.status[count] = status + (HIT << bit)
                work.chance[count] = hits
                after = min(1.0, before + game.damage[i])
                work.loss[count] = loss + game.worth[asset] * (after - before)
                count += 1
            lives = 0.0
        if gone > 0.0 and lives > 0.0:
            work.status[count] = status + (GONE << bit)
            work.chance[count], work.loss[count] = gone, loss
            count += 1
        elif gone > 0.0:
            work.status[n] = status + (GONE << bit)
        if lives > 0.0:
            work.chance[n] = lives
        else:
            work.chance[n] = gone  # 0 where it hits for certain: such a way is passed over
    return count


@compiled()
def awaited(game, status, a):
    """Return whether a threat still to come can strike an asset whose health it may exhaust."""
    for i in range(game.aim.shape[0]):
        if game.aim[i] == a and status_of(status, i) == ALIVE:
            return game.saturates[a]
    return False


@compiled()
def slot_code(game, word, s, n):
    """Return engagement n in flight of shooter s, 0 or 1 + age * threats + threat."""
    slot = game.offset[s] + ROUND_BITS + n * game.slot_bits
    return (word >> slot) & ((1 << game.slot_bits) - 1)


@compiled()
def aged(game, word, epoch, status):
    """Return the state of the next epoch: engagements one epoch older, those ended left out."""
    threats = game.aim.shape[0]
    result = np.int64(status)
    for s in range(game.places.shape[0]):
        bit = game.offset[s]
        result += word & (np.int64(MOST_ROUNDS) << bit)
        slot = bit + ROUND_BITS
        for n in range(game.places[s]):
            code = slot_code(game, word, s, n)
            if code == 0:
                break
            launch, i = epoch - (code - 1) // threats, (code - 1) % threats
            dead = status_of(status, i) != ALIVE and not game.keeps[s]
            if game.free[launch, s, i] > epoch + 1 and not dead:
                result += np.int64(code + threats) << slot
                slot += game.slot_bits
    return result


@compiled()
def find(solution, word, epoch, low, high):
    """Return the place of a state of an epoch, one of [low, high), or -1 - a free hash place."""
    mask = solution.places.shape[0] - 1
    mixed = (np.uint64(word) + np.uint64(epoch) * _GOLDEN) * _GOLDEN
    place = np.int64((mixed ^ (mixed >> _SHIFT)) & np.uint64(mask))
    while True:
        n = solution.places[place]
        if n == _NONE:
            return -1 - place
        if low <= n < high and solution.words[n] == word:
            return n
        place = (place + 1) & mask


@compiled()
def enumerate_states(game, start, epochs, solution, work):
    """List the states that can be reached from a start; return how many, or -1 if too many."""
    actions = (game.aim.shape[0] + 1) ** game.places.shape[0]
    solution.first[0], solution.first[1] = 0, 1
    solution.words[0] = start
    count = 1
    for epoch in range(epochs):
        low = count
        for n in range(solution.first[epoch], solution.first[epoch + 1]):
            for action in range(actions):
                after = launched(game, solution.words[n], epoch, action)
                if after == _NONE:
                    continue
                for way in range(outcomes(game, after, epoch, work)):
                    if work.chance[way] <= 0.0 or over(game, work.word[way]):
                        continue
                    place = find(solution, work.word[way], epoch + 1, low, count)
                    if place < 0:
                        if 2 * count >= solution.places.shape[0]:
                            return _NONE
                        solution.places[-1 - place] = count
                        solution.words[count] = work.word[way]
                        count += 1
        solution.first[epoch + 2] = count
    return count


@compiled()
def over(game, word):
    """Return whether no threat is left, so that nothing more can be lost."""
    for i in range(game.aim.shape[0]):
        if status_of(word, i) == ALIVE:
            return False
    return True


@compiled()
def expected_loss(game, word, epoch, action, solution, work):
    """Return the expected loss of a joint action followed by the best play, inf if impossible."""
    after = launched(game, word, epoch, action)
    if after == _NONE:
        return np.inf
    total = 0.0
    for way in range(outcomes(game, after, epoch, work)):
        if work.chance[way] > 0.0:
            total += work.chance[way] * work.loss[way]
            if not over(game, work.word[way]):
                low, high = solution.first[epoch + 1], solution.first[epoch + 2]
                place = find(solution, work.word[way], epoch + 1, low, high)
                total += work.chance[way] * solution.loss[place]
    return total


@compiled()
def best_action(game, word, epoch, solution, work):
    """Return the first joint action of least expected loss, and that loss."""
    best, least = 0, np.inf
    for action in range((game.aim.shape[0] + 1) ** game.places.shape[0]):
        loss = expected_loss(game, word, epoch, action, solution, work)
        if loss < least:
            best, least = action, loss
    return best, least


@compiled()
def induce(game, epochs, solution, work):
    """Compute the least expected loss of every state, from the last epoch to the first."""
    for epoch in range(epochs - 1, -1, -1):
        for n in range(solution.first[epoch], solution.first[epoch + 1]):
            _, solution.loss[n] = best_action(game, solution.words[n], epoch, solution, work)
