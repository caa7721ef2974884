"""Named quantities of a raid, summed as it runs. Rewards and reports are made of these alone.

A row of `State.metrics` holds the fixed metrics below, then two blocks with one column a threat
kind (killed, leakers; neutral kinds are among them), then one with a column a shooter kind (rounds
fired).
"""

from envs.core.compiled import compiled

DESCRIBED = (  # name, unit, meaning
    ("loss", "value", "of assets, so far"),
    ("undefended_loss", "value", "that there would be if nobody fired"),
    ("assets_lost", "", "assets whose health fell to zero"),
    ("illegal_actions", "", "orders that the mask did not allow, taken as holds"),
    ("engagements", "", "begun"),
    ("rounds_fired", "rounds", "spent on engagements"),
    ("rounds_wasted", "rounds", "of engagements that ended without a chance to kill"),
    ("rounds_at_decoys", "rounds", "fired at decoys"),
    ("rounds_cost_keur", "1,000 EUR", "cost of the rounds fired"),
    ("killed_cost_keur", "1,000 EUR", "cost of the threats killed"),
    ("killed", "threats", "killed; neutral aircraft are no threats, here and below"),
    ("leakers", "threats", "that struck and did damage"),
    ("duds", "threats", "that arrived and did none"),
    ("threats", "threats", "of the raid"),
    ("threats_tracked", "threats", "of which there was a track at some time"),
    ("track_delay_s", "s", "from appearance to first track, summed over the threats tracked"),
    ("identifications", "", "reports of what kind a track is"),
    ("wrong_identifications", "", "of those, that named another kind"),
    ("rounds_at_dead", "rounds", "fired at tracks of threats already dead"),
    ("raids", "", "of the campaign, begun"),
    ("rounds_delivered", "rounds", "handed out between raids"),
    ("rounds_unguided", "rounds", "wasted because the track was lost on the way; the threat lived"),
    ("neutrals", "aircraft", "neutral ones that came"),
    ("neutrals_shot", "aircraft", "neutral ones shot down"),
    ("rounds_at_neutrals", "rounds", "fired at neutral aircraft"),
    ("intercepts", "", "tracks identified by a fighter pair that came near"),
)
FIXED = tuple(name for name, _, _ in DESCRIBED)
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
    THREATS,
    THREATS_TRACKED,
    TRACK_DELAY_S,
    IDENTIFICATIONS,
    WRONG_IDENTIFICATIONS,
    ROUNDS_AT_DEAD,
    RAIDS,
    ROUNDS_DELIVERED,
    ROUNDS_UNGUIDED,
    NEUTRALS,
    NEUTRALS_SHOT,
    ROUNDS_AT_NEUTRALS,
    INTERCEPTS,
) = range(len(FIXED))
BY_KIND = len(FIXED)


def metric_names(threat_kinds: tuple[str, ...], shooter_kinds: tuple[str, ...]) -> tuple[str, ...]:
    """Return the name of each column of `State.metrics`.

    Args:
        threat_kinds: names of the K threat kinds, in catalogue order.
        shooter_kinds: names of the Q shooter kinds, in catalogue order.

    Returns:
        26 + 2 K + Q names.
    """
    return (
        *FIXED,
        *(f"killed_{kind}" for kind in threat_kinds),
        *(f"leakers_{kind}" for kind in threat_kinds),
        *(f"rounds_{kind}" for kind in shooter_kinds),
    )


@compiled()
def weighted(totals, weights):
    """Return the sum of weights, float64 [W], times the first W of totals, added up in order."""
    total = 0.0
    for m in range(weights.shape[0]):
        total += weights[m] * totals[m]
    return total
