"""Random instances, drawn from the descriptions that the literature gives of its families."""

from __future__ import annotations

import numpy as np

from agents.wta.instance import Instance
from envs.validation import one_of

FAMILIES = ("uniform", "narrow", "sparse", "tied", "extreme")


def draw_instance(
    family: str, weapons: int, targets: int, rounds: int = 1, seed: int = 0
) -> Instance:
    """Draws an instance of a family.

    ===========  ==============================================================================
    ``uniform``  values whole, uniform in 1 to 100; pk uniform in [0, 1] (Andersen, Pavlikov and
                 Toffolo 2022; 50 x 100 to 500 x 1000, 1 to 3 rounds)
    ``narrow``   values whole, uniform in 25 to 100; pk uniform in [0.6, 0.9] (Ahuja, Kumar, Jha
                 and Orlin 2007; also the square n = 5 to 200 set of the metaheuristics)
    ``sparse``   as ``uniform``, but each pair is feasible with probability 0.3
    ``tied``     three values (10, 20, 40) and three pk (0.3, 0.5, 0.8): ties everywhere
    ``extreme``  as ``uniform``, but a tenth of the values is 0, a fifth of the pk is 0 and a
                 fiftieth is 1
    ===========  ==============================================================================

    Raises:
        ValueError: If the family is unknown or a size is not positive.
    """
    one_of(family, FAMILIES, "family")
    for name, size in (("weapons", weapons), ("targets", targets), ("rounds", rounds)):
        if size < 1:
            raise ValueError(f"{name} must be at least 1, got {size}")
    rng = np.random.default_rng([FAMILIES.index(family), weapons, targets, rounds, seed])
    shape = (weapons, targets)
    value = rng.integers(1, 101, targets).astype(float)
    pk = rng.random(shape)
    feasible = np.ones(shape, np.bool_)
    match family:
        case "narrow":
            value = rng.integers(25, 101, targets).astype(float)
            pk = 0.6 + 0.3 * pk
        case "sparse":
            feasible = rng.random(shape) < 0.3
        case "tied":
            value = rng.choice([10.0, 20.0, 40.0], targets)
            pk = rng.choice([0.3, 0.5, 0.8], shape)
        case "extreme":
            value[rng.random(targets) < 0.1] = 0.0
            special = rng.random(shape)
            pk[special < 0.2] = 0.0
            pk[special > 0.98] = 1.0
    return Instance(value, pk, np.full(weapons, rounds), feasible)
