import numba
import pytest
from hypothesis import settings

# Kernels may compile inside an example; and the same examples in every run, so that a failure
# that somebody reports is one that everybody has.
settings.register_profile("envs", deadline=None, derandomize=True, max_examples=100)
settings.load_profile("envs")


@pytest.fixture
def two_threads(one_thread: None) -> None:
    """Play large batches on two threads."""
    if getattr(numba.config, "NUMBA_NUM_THREADS") < 2:  # noqa: B009 (untyped)
        pytest.skip("Numba was given one thread: NUMBA_NUM_THREADS=2 allows this test")
    numba.set_num_threads(2)
