"""Columns of scratch tables come in whole vectors, so that short loops over them are vectorised.

A loop over 11 columns is left to its scalar remainder; one over 16, five of them idle, is a single
pass of vector instructions. A loop that touches more than about eight rows is not vectorised, since
too many pairs of rows might overlap.
"""

from envs.core.compiled import compiled

LANES = 16  # float32 of the widest vector registers


@compiled()
def lanes(count):
    """Return a number of columns, rounded up to whole vectors; beyond `count` they are idle."""
    return (count + LANES - 1) // LANES * LANES
