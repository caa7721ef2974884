import numpy as np
import pytest

from envs import sample_legal


def test_legal_choices_and_those_alone_are_drawn_equally_often():
    mask = np.array([[1, 0, 1, 1, 0], [1, 0, 0, 0, 0], [0, 1, 1, 0, 0]], np.int8)
    draws = sample_legal(np.broadcast_to(mask, (6000, 3, 5)), np.random.default_rng(0))
    assert draws.shape == (6000, 3)
    assert draws.dtype == np.int64
    for s in range(3):
        shares = np.bincount(draws[:, s], minlength=5) / 6000
        expected = mask[s] / mask[s].sum()
        assert np.all(np.abs(shares - expected) <= 4.5 * np.sqrt(0.25 / 6000) * (mask[s] > 0))


@pytest.mark.parametrize("dtype", [np.int8, np.bool_])
def test_a_single_mask_and_any_dtype(dtype):
    mask = np.eye(4, dtype=dtype)
    assert list(sample_legal(mask, np.random.default_rng(1))) == [0, 1, 2, 3]
    assert list(sample_legal(mask)) == [0, 1, 2, 3]


def test_the_same_generator_draws_the_same():
    mask = np.ones((50, 7), np.int8)
    one, other = (sample_legal(mask, np.random.default_rng(9)) for _ in range(2))
    assert np.array_equal(one, other)
    assert not np.array_equal(one, sample_legal(mask, np.random.default_rng(10)))
