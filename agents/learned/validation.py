"""How a policy in training does on its validation raids: the same figures for every agent.

``validation/<metric>`` is the mean over raids of a metric of docs/observation.md, and
``validation/protected_share`` the score, less the penalties where neutral aircraft may come, which
is what the best agent is chosen by. ``reference/`` has what greedy WTA, the tuned pricing rule and
the bound reach there, so that one chart shows them together.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from agents import scoring
from agents.bounds.bound import raid_bounds
from agents.bounds.foresight import check_supported
from agents.classical import make_policy
from agents.classical.trials import share_less_penalties
from agents.classical.weights_file import weights_path
from agents.cluster import Map
from agents.learned.moment import generators_kept
from agents.policy import Policy
from agents.rollout import Rows, play, play_everywhere
from envs.core.metrics import FIXED
from envs.scenario import Scenario

Figures = dict[str, float]

_BOUND_RAIDS = 256  # the first of them, or fewer where a raid is large: a bound takes its time
_BOUND_PAIRS = 250_000  # threats times shooters in all the raids that are bounded
_SKIPPED = ("seed", "undefended_loss", "protected_share", "truncated")


class Validation:
    """The validation raids of one training; what does not change is computed once.

    Args:
        scenario: What is played.
        first_seed: Of the raids.
        raids: Number of them.
        batch_size: Raids played side by side; changes speed only.
        mapped: Plays them in pieces, on a cluster say; the figures are the same.
    """

    def __init__(
        self,
        scenario: Scenario,
        first_seed: int,
        raids: int,
        batch_size: int,
        mapped: Map | None = None,
    ) -> None:
        self.scenario, self._batch_size, self._mapped = scenario, batch_size, mapped
        self.seeds = first_seed + np.arange(raids, dtype=np.int64)
        self._references: Figures = {}

    def play(self, policy: Policy) -> Rows:
        """Play all raids; generators stand as they did before."""
        what = (policy, self.scenario, self.seeds, "validation", self._batch_size)
        with generators_kept():
            if self._mapped is None:
                return play(*what)
            return play_everywhere(self._mapped, *what)

    def score(self, rows: Rows) -> float:
        """What counts: the share of the value at risk that is protected, less penalties."""
        return share_less_penalties(self.scenario, rows)

    def figures(self, rows: Rows, best: float | None = None) -> Figures:
        """All figures of a policy that has played, references included.

        Args:
            rows: As ``play`` returned them.
            best: The best score so far, this one included; None: it is not told.
        """
        score, references = self.score(rows), self.references()
        figures = {
            "validation/protected_share": score,
            "validation/gain_over_greedy": score - references["reference/greedy"],
        }
        if best is not None:
            figures["validation/best_protected_share"] = best
        means = mean_figures(self.scenario, rows)
        return figures | {f"validation/{name}": mean for name, mean in means.items()} | references

    def references(self) -> Figures:
        """Scores of what an agent is put beside; the bound is of the first raids alone."""
        if not self._references:
            names = {"greedy": "wta_greedy"}
            if weights_path(self.scenario.name).is_file():
                names["pricing"] = "wta_pricing"
            for name, policy in names.items():
                rows = self.play(make_policy(policy, self.scenario))
                self._references[f"reference/{name}"] = self.score(rows)
            bound = self._bound()
            if bound is not None:
                self._references["reference/bound"] = bound
        return self._references

    def _bound(self) -> float | None:
        scenario = self.scenario
        try:
            check_supported(scenario)
        except ValueError:
            return None
        pairs = scenario.num_threats * scenario.num_shooters * scenario.campaign.raids
        raids = int(np.clip(_BOUND_PAIRS // max(pairs, 1), 8, _BOUND_RAIDS))
        bounds = raid_bounds(scenario, self.seeds[:raids], "validation")
        at_risk = bounds.undefended_loss
        return scoring.score(at_risk - bounds.protected, at_risk) if at_risk.sum() > 0 else None


def mean_figures(scenario: Scenario, rows: Any) -> Figures:
    """Mean over raids of every metric that may differ in a scenario; kinds that come alone.

    Args:
        scenario: What was played.
        rows: [raids] by metric, and whatever else ``play`` returns.
    """
    wanted = known_metrics(scenario)
    names = [name for name in rows if name in wanted and name not in _SKIPPED]
    return {name: float(np.mean(rows[name])) for name in names}


def known_metrics(scenario: Scenario) -> set[str]:
    """Names of the metrics that say something of a scenario: of all kinds, and of those it has."""
    deployed = {shooter.kind for shooter in scenario.shooters}
    coming = scenario.kinds_coming
    named = {f"{what}_{kind}" for what in ("killed", "leakers") for kind in coming}
    named |= {f"rounds_{kind}" for kind in deployed}
    of_batch = {"tracked_share", "mean_track_delay_s", "epochs", "loss_meur", "cost_exchange"}
    return {*FIXED, *named, *of_batch, "rounds_left", "days_of_stock", "return"}
