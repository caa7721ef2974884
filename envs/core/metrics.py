"""Named quantities of a raid, summed as it runs. Rewards and reports are made of these alone.

A row of `State.metrics` holds the fixed metrics below, then two blocks with one column a threat
kind (killed, leakers), then one with a column a shooter kind (rounds fired).
"""

from envs.core.compiled import compiled

FIXED = (
    "loss",
    "undefended_loss",
    "assets_lost",
    "illegal_actions",
    "engagements",
    "rounds_fired",
    "rounds_wasted",
    "rounds_at_decoys",
    "rounds_cost_keur",
    "killed_cost_keur",
    "killed",
    "leakers",
    "duds",
)
(
    LOSS,
    UNDEFENDED_LOSS,
    ASSETS_LOST,
    ILLEGAL_ACTIONS,
    ENGAGEMENTS,
    ROUNDS_FIRED,
    ROUNDS_WASTED,
    ROUNDS_AT_DECOYS,
    ROUNDS_COST,
    KILLED_COST,
    KILLED,
    LEAKERS,
    DUDS,
) = range(len(FIXED))
BY_KIND = len(FIXED)


def metric_names(threat_kinds: tuple[str, ...], shooter_kinds: tuple[str, ...]) -> tuple[str, ...]:
    """Return the name of each column of `State.metrics`.

    Args:
        threat_kinds: names of the K threat kinds, in catalogue order.
        shooter_kinds: names of the Q shooter kinds, in catalogue order.

    Returns:
        13 + 2 K + Q names.
    """
    return (
        *FIXED,
        *(f"killed_{kind}" for kind in threat_kinds),
        *(f"leakers_{kind}" for kind in threat_kinds),
        *(f"rounds_{kind}" for kind in shooter_kinds),
    )


@compiled()
def weighted(totals, weights):
    """Return the sum of weights * totals, both float64 [M], added up in order."""
    total = 0.0
    for m in range(totals.shape[0]):
        total += weights[m] * totals[m]
    return total
