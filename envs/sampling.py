"""Random legal actions."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def sample_legal(
    action_mask: NDArray[Any], rng: np.random.Generator | None = None
) -> NDArray[np.int64]:
    """Draw for each shooter one of its legal choices, all equally likely.

    Args:
        action_mask: 0/1 or bool [..., S, 1 + I].
        rng: generator of the draws; None for a fresh one.

    Returns:
        int64 [..., S], 0 to hold or 1 + slot.
    """
    rng = np.random.default_rng() if rng is None else rng
    counts = np.cumsum(action_mask, axis=-1, dtype=np.int64)
    draws = rng.integers(0, counts[..., -1])
    return np.asarray(np.sum(counts <= draws[..., None], axis=-1), np.int64)
