"""Record types: rows of named fields, which kernels read and write by name."""

from typing import Any

import numpy as np

Field = tuple[str, type, str]  # name, dtype, meaning with its unit


def record(*fields: Field) -> np.dtype[Any]:
    """Return the aligned record dtype of the given fields."""
    rows = np.dtype([(name, kind) for name, kind, _ in fields], align=True)
    return np.dtype((np.record, rows))
