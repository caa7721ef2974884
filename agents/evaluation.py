"""Several policies on the same raids with the same luck: rows, scores, paired gains."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from agents import scoring
from agents.bounds.bound import LUCK_KNOWN, LUCK_UNKNOWN, RaidBounds, raid_bounds
from agents.cluster import Map, here
from agents.losses import LossBook, Losses
from agents.policy import Policy
from agents.rollout import Rows, play, play_everywhere
from envs.scenario import Scenario

REFERENCE = "wta_greedy"
BOUND = "bound"
FIRST_SEED = 0  # tuning and periodic validation use seeds from 1,000,000 up
_TIMED_RAIDS = 8  # played one at a time, to time single decisions
_REACTIVE_MS = 1.0


@dataclass(frozen=True)
class PolicyResult:
    """What one policy did on the raids of an evaluation.

    ``neutrals_shot``: neutral aircraft shot down in an episode, the mean; None where none came.
    ``lost``: where value was lost; None where nobody looked on.
    """

    rows: Rows
    score: scoring.Estimate
    gain_over_greedy: scoring.Estimate
    gain_over_best_classical: scoring.Estimate
    gain_over_start: scoring.Estimate | None
    metrics: dict[str, float]
    decision_time_ms: dict[str, float]
    neutrals_shot: scoring.Estimate | None = None
    gap_closed: scoring.Estimate | None = None
    lost: Losses | None = None

    @property
    def decision_class(self) -> str:
        """``reactive`` (at most 1 ms for the median decision) or ``search``."""
        return "reactive" if self.decision_time_ms["p50"] <= _REACTIVE_MS else "search"


@dataclass(frozen=True)
class BoundResult:
    """What no policy can protect more of on the same raids.

    Attributes:
        kind: Which of the two bounds it is, the one of the smaller mean.
        score: The bound, a share protected.
        gain_over_greedy: By how much it exceeds the score of the reference.
        scores: Both bounds, by kind.
        loss: [raids], undefended loss less what can be protected at most.
    """

    kind: str
    score: scoring.Estimate
    gain_over_greedy: scoring.Estimate
    scores: dict[str, scoring.Estimate]
    loss: scoring.Floats


@dataclass(frozen=True)
class Telling:
    """The raids that say most about a policy beside another one: most gained, most lost.

    Attributes:
        policy: The one that is looked at.
        against: The one beside it.
        most_gained: Seed of the raid, and by how much less was lost in it, in units of value; None
            where it gained in none.
        most_lost: The same of the raid in which more was lost, a negative number; None likewise.
    """

    policy: str
    against: str
    most_gained: tuple[int, float] | None
    most_lost: tuple[int, float] | None

    def raids(self) -> list[tuple[str, tuple[int, float]]]:
        """Those that there are, by name."""
        both = {"most_gained": self.most_gained, "most_lost": self.most_lost}
        return [(name, raid) for name, raid in both.items() if raid is not None]


@dataclass(frozen=True)
class Evaluation:
    """The results of all policies, in the order they were given."""

    scenario: str
    split: str
    seeds: tuple[int, ...]
    best_classical: str
    start: str | None
    results: dict[str, PolicyResult]
    scenario_version: int | None = None
    bound: BoundResult | None = None

    @property
    def subject(self) -> str:
        """The policy that the evaluation is about: the one trained, or else the best."""
        if self.start is not None:
            return list(self.results)[-1]
        return max(self.results, key=lambda name: self.results[name].score.estimate)

    @property
    def against(self) -> str | None:
        """What it is put beside: the best classical policy, greedy, or the best of the others."""
        others = [name for name in self.results if name != self.subject]
        ranked = sorted(others, key=lambda name: -self.results[name].score.estimate)
        wanted = (self.best_classical, REFERENCE, *ranked)
        return next((name for name in wanted if name in others), None)

    @property
    def telling(self) -> Telling | None:
        """The raids to look at first; None where there is one policy only."""
        if self.against is None:
            return None
        own, other = (self.results[name].rows["loss"] for name in (self.subject, self.against))
        gains = other - own
        best, worst = int(gains.argmax()), int(gains.argmin())
        return Telling(
            self.subject,
            self.against,
            (self.seeds[best], float(gains[best])) if gains[best] > 0.0 else None,
            (self.seeds[worst], float(gains[worst])) if gains[worst] < 0.0 else None,
        )


def evaluate(
    policies: Mapping[str, Policy],
    scenario: Scenario,
    seeds: Sequence[int],
    split: str = "validation",
    classical: Sequence[str] = (REFERENCE,),
    progress: Callable[[str, int], None] | None = None,
    batch_size: int = 256,
    start: str | None = None,
    bound: bool = True,
    mapped: Map | None = None,
) -> Evaluation:
    """Play every policy on the same raids and compare them raid by raid.

    Args:
        policies: By name; must hold ``REFERENCE``, which gains are measured against.
        scenario: What is played.
        seeds: One raid each.
        split: Which set of raids: train, validation or test.
        classical: Which names, if present, compete for ``best_classical``.
        progress: Told the policy's name, or ``BOUND``, and the number of its finished raids.
        batch_size: Raids played side by side; results do not depend on it.
        start: The policy that training started from, if gains over it are wanted.
        bound: Whether to compute what no policy can do better than, as well.
        mapped: Does the raids in pieces, on a cluster say; the rows are the same to the bit.
            Decisions are timed in this process all the same.

    Raises:
        ValueError: If ``REFERENCE`` is missing, or a bound is asked for a scenario that
            ``agents.bounds`` does not support.
        RuntimeError: If two policies did not meet the same raids.
    """
    if REFERENCE not in policies:
        raise ValueError(f"{REFERENCE} must be among the policies, got {', '.join(policies)}")
    rows: dict[str, Rows] = {}
    lost: dict[str, Losses] = {}
    timings: dict[str, list[float]] = {name: [] for name in policies}
    for name, policy in policies.items():
        tell = None if progress is None else _named(progress, name)
        book = LossBook()
        if mapped is None:
            look = book.watch
            rows[name] = play(
                policy, scenario, seeds, split, batch_size, tell, watch=look, ended=look
            )
        else:
            rows[name] = play_everywhere(
                mapped, policy, scenario, seeds, split, batch_size, tell, book
            )
        lost[name] = book.losses(scenario, float(rows[name]["undefended_loss"].sum()))
        few = seeds[:_TIMED_RAIDS]
        play(policy, scenario, few, split, batch_size=1, timings=timings[name])
    bounds = None
    if bound:
        tell = None if progress is None else _named(progress, BOUND)
        bounds = raid_bounds(scenario, seeds, split, tell, mapped or here)
    compared = compare(rows, timings, scenario.name, seeds, split, classical, start, bounds, lost)
    return replace(compared, scenario_version=scenario.version)


def compare(
    rows: Mapping[str, Rows],
    timings: Mapping[str, Sequence[float]],
    scenario: str,
    seeds: Sequence[int],
    split: str,
    classical: Sequence[str] = (REFERENCE,),
    start: str | None = None,
    bounds: RaidBounds | None = None,
    lost: Mapping[str, Losses] | None = None,
) -> Evaluation:
    """Scores, gains and intervals of policies from their rows; see :func:`evaluate`."""
    names = list(rows)
    undefended = rows[REFERENCE]["undefended_loss"]
    for name in names:
        if not np.array_equal(rows[name]["undefended_loss"], undefended):
            raise RuntimeError(f"{name} and {REFERENCE} did not meet the same raids")
    losses = np.stack([rows[name]["loss"] for name in names])
    reference = rows[REFERENCE]["loss"]
    limit = None if bounds is None else _bound(bounds, reference, undefended)
    gaps = limit and scoring.gap_closed(reference, losses, limit.loss, undefended)
    competing = [name for name in names if name in classical] or [REFERENCE]
    best = min(competing, key=lambda name: float(rows[name]["loss"].sum()))
    scores = scoring.score_all(losses, undefended)
    over_greedy = scoring.gain_over(reference, losses, undefended)
    over_best = scoring.gain_over(rows[best]["loss"], losses, undefended)
    over_start = (
        [None] * len(names)
        if start is None
        else scoring.gain_over(rows[start]["loss"], losses, undefended)
    )
    shot = _neutrals_shot(rows)
    results = {
        name: PolicyResult(
            rows=rows[name],
            score=scores[k],
            gain_over_greedy=over_greedy[k],
            gain_over_best_classical=over_best[k],
            gain_over_start=over_start[k],
            metrics=scoring.mean_metrics(rows[name], skip=("seed",)),
            decision_time_ms=scoring.decision_time_ms(timings[name]),
            neutrals_shot=shot[k],
            gap_closed=gaps[k] if gaps else None,
            lost=None if lost is None else lost[name],
        )
        for k, name in enumerate(names)
    }
    played = tuple(int(seed) for seed in seeds)
    return Evaluation(scenario, split, played, best, start, results, bound=limit)


def _bound(
    bounds: RaidBounds, reference: scoring.Floats, undefended: scoring.Floats
) -> BoundResult:
    """Put the bounds beside the policies, as losses on the same raids."""
    # A lull's repairs are added up in single precision by the core.
    if not np.allclose(bounds.undefended_loss, undefended, rtol=1e-4, atol=1e-4):
        raise RuntimeError(f"the bound and {REFERENCE} did not meet the same raids")
    both = np.stack([bounds.luck_known, bounds.arrivals_known])
    known, unknown = scoring.score_all(undefended - both, undefended)
    scores = {LUCK_KNOWN: known, LUCK_UNKNOWN: unknown}
    loss = undefended - bounds.protected
    gain = scoring.gain_over(reference, loss[None], undefended)[0]
    return BoundResult(bounds.kind, scores[bounds.kind], gain, scores, loss)


def _neutrals_shot(rows: Mapping[str, Rows]) -> Sequence[scoring.Estimate | None]:
    """Mean number of neutral aircraft that each policy shot down, or None where none came."""
    if not np.any(rows[REFERENCE].get("neutrals", 0)):
        return [None] * len(rows)
    shot = np.stack([own["neutrals_shot"] for own in rows.values()])
    return scoring.mean_all(shot.astype(np.float64))


def _named(progress: Callable[[str, int], None], name: str) -> Callable[[int], None]:
    return lambda done: progress(name, done)
