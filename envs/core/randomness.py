"""Counter-based randomness: every draw is a pure function of (raid key, stream, entity, counter).

The hash is splitmix64's finaliser (Steele, Lea and Flood 2014, "Fast splittable pseudorandom
number generators") applied once per argument. Only integer operations and one exact product
are used, so a draw is the same to the bit whatever the batch, the threads or the policy.
"""

import numpy as np

from envs.core.compiled import compiled

SPLITS = ("train", "validation", "test")

# Streams: what a draw is for. Never renumber one, golden engagements depend on it.
NUMBER = 1
KIND = 2
ENTRY = 3
ROUTE = 4
VIA = 5
AIM = 6
PACKAGE_TIME = 7
THREAT_TIME = 8
HIT = 9
KILL = 10
SLOT = 11
DETECTION = 12
IDENTIFICATION = 13
TRACK = 14
ASSESSMENT = 15
CAMPAIGN = 16
LULL = 17
EXIT = 18
JAMMING = 19
DEPLOYMENT = 20

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)
_ROOT = np.uint64(0x42616C7469635368)  # "BalticSh"
_IMAGINED = np.uint64(0x46757475726573)  # "Futures"
_ONE = np.uint64(1)
_S30, _S27, _S31, _S11 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(11)
_TO_UNIT = 1.0 / 9007199254740992.0  # 2 ** -53


@compiled()
def _absorb(state, value):
    z = np.uint64(state) + _GOLDEN * (np.uint64(value) + _ONE)
    z = (z ^ (z >> _S30)) * _FIRST
    z = (z ^ (z >> _S27)) * _SECOND
    return z ^ (z >> _S31)


@compiled()
def raid_key(split, seed, ordinal):
    """Return the key of a raid, hash(split, seed, ordinal).

    Args:
        split: index into `SPLITS`.
        seed: int64, the seed of the batch row.
        ordinal: int64, how many raids the row has played before.

    Returns:
        uint64, from which every draw of the raid follows.
    """
    return _absorb(_absorb(_absorb(_ROOT, split), seed), ordinal)


@compiled()
def imagined_key(seed):
    """Return the key of an imagined future, apart from those of raids."""
    return _absorb(_IMAGINED, seed)


@compiled()
def derived_key(key, stream, number):
    """Return the key of something that follows from a key: raid `number` of a campaign."""
    return _absorb(_absorb(key, stream), number)


@compiled()
def stream_key(key, stream):
    """Return what every draw of a stream begins with, for `draw`, where many are drawn."""
    return _absorb(key, stream)


@compiled()
def draw(stream, entity, counter):
    """Return a uniform draw as `uniform` does, of a stream by its `stream_key`."""
    z = _absorb(_absorb(stream, entity), counter)
    return np.float64(z >> _S11) * _TO_UNIT


@compiled()
def uniform(key, stream, entity, counter):
    """Return the uniform draw of (key, stream, entity, counter).

    Args:
        key: uint64, the raid's key.
        stream: what the draw is for, one of this module's constants.
        entity: stable number of the package or threat that it concerns.
        counter: absolute count of draws of this stream and entity before it.

    Returns:
        float64 in [0, 1), a multiple of 2^-53.
    """
    return draw(stream_key(key, stream), entity, counter)


@compiled()
def pick(cumulative, u):
    """Return the index that a uniform draw selects from cumulative weights.

    Args:
        cumulative: float64 [n], non-decreasing; the last one is the total weight.
        u: float64 in [0, 1).

    Returns:
        The smallest index whose cumulative weight exceeds u times the total.
    """
    threshold = u * cumulative[-1]
    index = 0
    while index < cumulative.shape[0] - 1 and cumulative[index] <= threshold:
        index += 1
    return index
