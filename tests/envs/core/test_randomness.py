import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from envs.core.randomness import pick, raid_key, uniform

WORD = 2**64 - 1


def splitmix64(state: int, value: int) -> int:
    """Absorb a value, in plain Python integers (Steele, Lea and Flood 2014, figure 15)."""
    z = (state + 0x9E3779B97F4A7C15 * ((value & WORD) + 1)) & WORD
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & WORD
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & WORD
    return z ^ (z >> 31)


def reference_key(split: int, seed: int, ordinal: int) -> int:
    key = int.from_bytes(b"BalticSh", "big")
    for value in (split, seed, ordinal):
        key = splitmix64(key, value)
    return key


def reference_uniform(key: int, stream: int, entity: int, counter: int) -> float:
    for value in (stream, entity, counter):
        key = splitmix64(key, value)
    return (key >> 11) / 2**53


seeds = st.integers(0, 2**63 - 1)
numbers = st.integers(0, 2**31)


def test_the_reference_is_splitmix64():
    # First outputs of the published generator for seed 1234567: state advances by the constant.
    outputs = [splitmix64(1234567, n) for n in range(3)]
    assert outputs == [6457827717110365317, 3203168211198807973, 9817491932198370423]


@given(split=st.integers(0, 2), seed=seeds, ordinal=numbers)
def test_key_is_the_reference_to_the_bit(split, seed, ordinal):
    assert int(raid_key(split, seed, ordinal)) == reference_key(split, seed, ordinal)


@given(key=st.integers(0, WORD), stream=st.integers(1, 11), entity=numbers, counter=numbers)
def test_draw_is_the_reference_to_the_bit(key, stream, entity, counter):
    draw = uniform(np.uint64(key), stream, entity, counter)
    assert draw == reference_uniform(key, stream, entity, counter)
    assert 0.0 <= draw < 1.0


@pytest.mark.parametrize("vary", ["seed", "ordinal", "stream", "entity", "counter"])
def test_draws_are_uniform_along_every_argument(vary):
    count, bins = 20_000, 50
    draws = np.empty(count)
    for n in range(count):
        given = {"seed": 5, "ordinal": 0, "stream": 10, "entity": 0, "counter": 0, vary: n}
        # Python has one kind of integer, the compiler two: a key must say that it is unsigned.
        key = np.uint64(raid_key(0, given["seed"], given["ordinal"]))
        draws[n] = uniform(key, given["stream"], given["entity"], given["counter"])
    expected = count / bins
    chi2 = np.sum((np.histogram(draws, bins, (0.0, 1.0))[0] - expected) ** 2) / expected
    # 49 degrees of freedom: mean 49, standard deviation 9.9; 95 is beyond the 1 - 1e-4 quantile.
    assert chi2 < 95.0
    assert abs(np.corrcoef(draws[:-1], draws[1:])[0, 1]) < 4.0 / np.sqrt(count)


def test_splits_seeds_and_ordinals_have_keys_of_their_own():
    keys = {
        int(raid_key(split, seed, ordinal))
        for split in range(3)
        for seed in range(50)
        for ordinal in range(50)
    }
    assert len(keys) == 3 * 50 * 50


@given(
    weights=st.lists(st.integers(0, 5), min_size=1, max_size=6).filter(sum),
    u=st.floats(0.0, 1.0, exclude_max=True),
)
def test_pick_never_selects_weight_zero(weights, u):
    cumulative = np.cumsum(np.array(weights, np.float64))
    index = pick(cumulative, u)
    assert weights[index] > 0
    assert cumulative[index] > u * cumulative[-1]
    assert index == 0 or cumulative[index - 1] <= u * cumulative[-1]


@pytest.mark.parametrize(
    ("u", "index"), [(0.0, 1), (0.249, 1), (0.25, 3), (0.749, 3), (0.75, 4), (1.0 - 2**-53, 4)]
)
def test_pick_by_hand(u, index):
    # Weights 0, 1, 0, 2, 1 of 4; at a border the next one.
    assert pick(np.array([0.0, 1.0, 1.0, 3.0, 4.0]), u) == index
