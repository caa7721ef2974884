import numba
import pytest


@pytest.fixture
def two_threads(one_thread: None) -> None:
    """Play large batches on two threads."""
    if getattr(numba.config, "NUMBA_NUM_THREADS") < 2:  # noqa: B009 (untyped)
        pytest.skip("Numba was given one thread: NUMBA_NUM_THREADS=2 allows this test")
    numba.set_num_threads(2)
