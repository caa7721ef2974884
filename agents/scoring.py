"""What counts as better: scores over raids, paired differences, bootstrap intervals.

All functions are pure. Losses are ``float64 [raids]``, in the units of asset values; several
policies on the same raids are ``float64 [policies, raids]``. A score is a ratio of sums,

    score = Σ (undefended_loss - loss) / Σ undefended_loss,

so that raids count by what was at risk in them, and a raid with nothing at risk counts for nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

CONFIDENCE = 0.95
RESAMPLES = 10_000
_CHUNK = 500  # resamples held in memory at once: 500 x raids float64


@dataclass(frozen=True)
class Estimate:
    """A figure with its interval: ``low <= estimate <= high`` at ``CONFIDENCE``."""

    estimate: float
    low: float
    high: float

    def as_dict(self) -> dict[str, float]:
        """The three figures, for JSON."""
        return {"estimate": self.estimate, "low": self.low, "high": self.high}

    def in_words(self, form: str, scale: float = 1.0) -> str:
        """The figure and its interval for people, each number times a scale in the given form."""
        low, high = scale * self.low, scale * self.high
        return f"{scale * self.estimate:{form}} [{low:{form}}, {high:{form}}]"


def protected_share(loss: Floats, undefended_loss: Floats) -> Floats:
    """Share of each raid's value at risk that was saved, 1 where nothing was at risk.

    Args:
        loss: What was lost, ``[..., raids]``.
        undefended_loss: What the same raid costs if nobody fires, broadcastable to ``loss``.

    Returns:
        ``1 - loss / undefended_loss``, of the shape of ``loss``.
    """
    at_risk = np.broadcast_to(undefended_loss > 0, loss.shape)
    ratio = np.divide(loss, undefended_loss, out=np.zeros_like(loss), where=at_risk)
    return np.asarray(1.0 - ratio)


def score(loss: Floats, undefended_loss: Floats) -> float:
    """The headline figure of one policy: ``Σ (undefended_loss - loss) / Σ undefended_loss``.

    Raises:
        ValueError: If nothing was at risk in any raid, where a score has no meaning.
    """
    return float(_saved_over_risk((undefended_loss - loss).sum(), undefended_loss.sum()))


def bootstrap_counts(raids: int, resamples: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """How often each raid is drawn in each resample of ``raids`` raids with replacement.

    Returns:
        ``float64 [resamples, raids]``; every row adds up to ``raids``.
    """
    picks = rng.integers(0, raids, size=(resamples, raids))
    picks += np.arange(resamples)[:, None] * raids
    counts = np.bincount(picks.ravel(), minlength=resamples * raids)
    return counts.reshape(resamples, raids).astype(np.float64)


def bootstrap_ratios(
    numerators: Floats, denominator: Floats, resamples: int = RESAMPLES, seed: int = 0
) -> Floats:
    """Bootstrap replicates of ``Σ numerator / Σ denominator``, raids resampled jointly.

    All rows of ``numerators`` share the resamples, which keeps their differences paired.

    Args:
        numerators: ``[figures, raids]``.
        denominator: ``[raids]``.
        resamples: Number of replicates.
        seed: Of the resampling; the same seed gives the same interval.

    Returns:
        ``float64 [figures, resamples]``.
    """
    rng = np.random.default_rng(seed)
    columns = np.vstack([numerators, denominator]).T
    sums = []
    for start in range(0, resamples, _CHUNK):
        size = min(_CHUNK, resamples - start)
        sums.append(bootstrap_counts(len(denominator), size, rng) @ columns)
    totals = np.concatenate(sums).T
    return np.asarray(_saved_over_risk(totals[:-1], totals[-1]))


def score_all(losses: Floats, undefended_loss: Floats, **bootstrap: int) -> list[Estimate]:
    """Score of each policy with its interval.

    Args:
        losses: ``[policies, raids]``.
        undefended_loss: ``[raids]``, the same for every policy.
        **bootstrap: ``resamples`` and ``seed`` of :func:`bootstrap_ratios`.
    """
    return _estimates(undefended_loss - losses, undefended_loss, **bootstrap)


def gain_over(
    reference: Floats, losses: Floats, undefended_loss: Floats, **bootstrap: int
) -> list[Estimate]:
    """Score of each policy less the score of the reference, paired raid by raid.

    Args:
        reference: Loss of the reference policy, ``[raids]``.
        losses: ``[policies, raids]``.
        undefended_loss: ``[raids]``.
        **bootstrap: ``resamples`` and ``seed`` of :func:`bootstrap_ratios`.
    """
    return _estimates(reference - losses, undefended_loss, **bootstrap)


def mean_all(values: Floats, **bootstrap: int) -> list[Estimate]:
    """Mean over raids of a metric of each policy, with its interval.

    Args:
        values: ``[policies, raids]``, in the metric's unit.
        **bootstrap: ``resamples`` and ``seed`` of :func:`bootstrap_ratios`.
    """
    return _estimates(values, np.ones(values.shape[1]), **bootstrap)


def gap_closed(
    reference: Floats, losses: Floats, bound: Floats, undefended_loss: Floats, **bootstrap: int
) -> list[Estimate] | None:
    """Share of what lies between the reference and the bound that each policy gains.

    gap_closed = (score - score of the reference) / (bound - score of the reference), all three on
    the same raids and, for the interval, on the same resamples of them.

    Args:
        reference: Loss of the reference policy, ``[raids]``.
        losses: ``[policies, raids]``.
        bound: Loss that no policy gets below, ``[raids]``.
        undefended_loss: ``[raids]``.
        **bootstrap: ``resamples`` and ``seed`` of :func:`bootstrap_ratios`.

    Returns:
        An estimate a policy, or None if the reference is at the bound, in some resample at least.
    """
    gains = reference - np.vstack([losses, bound])
    points = gains.sum(axis=1)
    replicates = bootstrap_ratios(gains, undefended_loss, **bootstrap)
    if points[-1] <= 0.0 or replicates[-1].min() <= 0.0:
        return None
    return _with_intervals(points[:-1] / points[-1], replicates[:-1] / replicates[-1])


def interquartile_mean(values: Floats) -> Floats:
    """Mean of the middle half along the last axis: a quarter of the values is cut at either end.

    What Agarwal et al. 2021 advise for few training runs; of five, the middle three.
    """
    cut = values.shape[-1] // 4
    return np.asarray(np.sort(values, axis=-1)[..., cut : values.shape[-1] - cut].mean(axis=-1))


def over_runs(values: Floats, less: Floats | None = None, resamples: int = RESAMPLES) -> Estimate:
    """Interquartile mean over training runs, its interval by resampling the runs.

    Args:
        values: A score a run, ``[runs]``.
        less: Scores of other runs, resampled apart, whose interquartile mean is subtracted.
        resamples: Number of replicates.
    """
    rng = np.random.default_rng(0)

    def replicates(runs: Floats) -> Floats:
        return interquartile_mean(runs[rng.integers(0, len(runs), (resamples, len(runs)))])

    point, drawn = interquartile_mean(values), replicates(values)
    if less is not None:
        point, drawn = point - interquartile_mean(less), drawn - replicates(less)
    return _with_intervals(point[None], drawn[None])[0]


def mean_metrics(rows: Mapping[str, NDArray[Any]], skip: Sequence[str] = ()) -> dict[str, float]:
    """Mean over raids of every numeric column of ``rows`` that ``skip`` does not name."""
    return {name: float(np.mean(column)) for name, column in rows.items() if name not in skip}


def decision_time_ms(timings_s: Sequence[float]) -> dict[str, float]:
    """Median and 99th percentile of the time of one decision.

    Args:
        timings_s: Seconds of each ``predict`` call on a batch of one.

    Returns:
        ``p50`` and ``p99`` in milliseconds.
    """
    p50, p99 = np.percentile(np.asarray(timings_s) * 1e3, [50, 99])
    return {"p50": float(p50), "p99": float(p99)}


def _estimates(saved: Floats, undefended_loss: Floats, **bootstrap: int) -> list[Estimate]:
    points = _saved_over_risk(saved.sum(axis=1), undefended_loss.sum())
    return _with_intervals(points, bootstrap_ratios(saved, undefended_loss, **bootstrap))


def _with_intervals(points: Floats, replicates: Floats) -> list[Estimate]:
    tail = (1.0 - CONFIDENCE) / 2.0
    low, high = np.quantile(replicates, [tail, 1.0 - tail], axis=1)
    figures = zip(points, low, high, strict=True)
    return [Estimate(float(point), float(lo), float(hi)) for point, lo, hi in figures]


def _saved_over_risk(saved: Any, at_risk: Any) -> Any:
    if np.any(at_risk <= 0):
        raise ValueError(
            "nothing was at risk in these raids, so there is no score; play more raids"
        )
    return saved / at_risk
