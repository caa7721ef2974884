"""The ladder's figures of one scenario: scores, paired gains, decision times, for JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from agents import evaluation, scoring
from agents.bounds.bound import RaidBounds
from agents.evaluation import BOUND, REFERENCE, BoundResult, PolicyResult
from agents.rollout import Rows
from agents.scoring import Estimate
from envs.digest import scenario_digest
from envs.scenario import Scenario

SEARCHES = ("look_ahead:wta_pricing", "look_ahead:price_network")
"""Look-ahead on the pricing rule and on the released network, by the same budget."""

REACTIVE, SEARCH, SLOWER = "reactive", "search", "slower"
_LIMITS_MS = ((1.0, REACTIVE), (1000.0, SEARCH))
_TIMES = "timing_s"
_DIGITS = 6


def figures(
    rows: Mapping[str, Rows], scenario: Scenario, split: str, first_seed: int, strong: str
) -> dict[str, Any]:
    """Compare what was played of one scenario, every policy on the raids that it played.

    Args:
        rows: By policy: what ``play`` returned and the seconds of single decisions in `timing_s`;
            by ``BOUND``: the fields of ``RaidBounds``. All from the first seed on, some fewer;
            what ``REFERENCE``, which is there, has not played counts for nobody.
        scenario: What was played.
        split: Which set of raids.
        first_seed: Of the raids.
        strong: Policy, if it is there, over which gains are shown besides ``REFERENCE``.

    Returns:
        For JSON: what was played, ``bound`` (None without), ``policies`` by name, and what the
        second of ``SEARCHES`` gains over the first, paired on the raids of both, in
        ``learned_base`` (None without). Where the bound has fewer raids than a policy, the gap
        closed is of those.
    """
    policies: dict[str, Any] = {}
    most = len(rows[REFERENCE]["undefended_loss"])
    counts = {name: min(most, len(own["undefended_loss"])) for name, own in rows.items()}
    limit: dict[str, Any] | None = None
    gaps: dict[str, Estimate | None] = {}
    for count in sorted(set(counts.values())):
        compared = _compare(rows, counts, count, scenario, split, first_seed, strong)
        if counts.get(BOUND) == count and compared.bound is not None:
            limit = _bound_entry(compared.bound, count)
        for name, result in compared.results.items():
            gaps[name] = result.gap_closed or gaps.get(name)
            if counts[name] == count:
                policies[name] = _entry(result, count, strong in compared.results)
                policies[name]["gap_closed"] = _figure(gaps[name])
    return {
        "scenario": scenario.name,
        "version": scenario.version,
        "digest": scenario_digest(scenario),
        "split": split,
        "first_seed": first_seed,
        "strong": strong,
        "bound": limit,
        "learned_base": _learned_base(rows),
        "policies": policies,
    }


def merged(path: Path, fresh: dict[str, Any], order: Sequence[str]) -> dict[str, Any]:
    """Return fresh figures beside those in a file of policies that were not played anew.

    What the file has of another behaviour of the scenario is left out.
    """
    before = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    if any(before.get(key) != fresh[key] for key in ("digest", "split", "first_seed")):
        return fresh
    policies = before["policies"] | fresh["policies"]
    names = [
        *(name for name in order if name in policies),
        *(n for n in policies if n not in order),
    ]
    return fresh | {
        "bound": fresh["bound"] or before["bound"],
        "learned_base": fresh["learned_base"] or before.get("learned_base"),
        "policies": {name: policies[name] for name in names},
    }


def decision_class(time_ms: Mapping[str, float]) -> str:
    """``reactive`` or ``search`` if 99 of 100 decisions take at most 1 ms or 1 s, or ``slower``."""
    return next((name for most, name in _LIMITS_MS if time_ms["p99"] <= most), SLOWER)


def _learned_base(rows: Mapping[str, Rows]) -> dict[str, Any] | None:
    if not all(name in rows for name in SEARCHES):
        return None
    raids = min(len(rows[name]["loss"]) for name in SEARCHES)
    on_rule, on_network = (rows[name]["loss"][:raids] for name in SEARCHES)
    undefended = rows[SEARCHES[0]]["undefended_loss"][:raids]
    (gain,) = scoring.gain_over(on_rule, on_network[None], undefended)
    return {"raids": raids, "gain": _figure(gain)}


def _compare(
    rows: Mapping[str, Rows],
    counts: Mapping[str, int],
    count: int,
    scenario: Scenario,
    split: str,
    first_seed: int,
    strong: str,
) -> evaluation.Evaluation:
    """Compare those who played the first `count` raids and no more with who played them as well.

    That is the reference and the strong policy and, where the bound has no more, everybody.
    """
    beside = rows if counts.get(BOUND) == count else (REFERENCE, strong)
    names = [
        name
        for name in rows
        if name != BOUND and (counts[name] == count or (name in beside and counts[name] > count))
    ]
    cut = {
        name: {key: column[:count] for key, column in rows[name].items() if key != _TIMES}
        for name in names
    }
    bounds = None
    if counts.get(BOUND, 0) >= count:
        bounds = RaidBounds(**{key: column[:count] for key, column in rows[BOUND].items()})
    timings = {name: rows[name][_TIMES].tolist() for name in names}
    seeds = range(first_seed, first_seed + count)
    return evaluation.compare(cut, timings, scenario.name, seeds, split, (strong,), bounds=bounds)


def _entry(result: PolicyResult, raids: int, has_strong: bool) -> dict[str, Any]:
    time_ms = result.decision_time_ms
    return {
        "raids": raids,
        "class": decision_class(time_ms),
        "decision_time_ms": {
            key: float(np.format_float_positional(value, 3, fractional=False))
            for key, value in time_ms.items()
        },
        "score": _figure(result.score),
        "gain_over_greedy": _figure(result.gain_over_greedy),
        "gain_over_strong": _figure(result.gain_over_best_classical if has_strong else None),
        "neutrals_shot": _figure(result.neutrals_shot),
    }


def _bound_entry(bound: BoundResult, raids: int) -> dict[str, Any]:
    return {
        "raids": raids,
        "kind": bound.kind,
        "score": _figure(bound.score),
        "gain_over_greedy": _figure(bound.gain_over_greedy),
    }


def _figure(estimate: Estimate | None) -> dict[str, float] | None:
    if estimate is None:
        return None
    return {key: round(value, _DIGITS) for key, value in estimate.as_dict().items()}
