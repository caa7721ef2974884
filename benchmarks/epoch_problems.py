"""The static problems met in play, and how well they are solved.

``python -m benchmarks.epoch_problems``: policies play raids, every epoch's problem in which some
shooter may fire is kept, and the exact epoch solver solves them one at a time.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.classical import make_policy
from agents.classical.exact_policy import ExactPolicy
from agents.policy import Actions, Observation, Policy
from agents.progress import tracked
from agents.rollout import play
from agents.wta.epoch import solve_epochs
from agents.wta.greedy import greedy_batch
from envs.scenario import load_scenario

SCENARIOS = ("standard", "saturation", "decoys", "region")
POLICIES = ("wta_greedy", "wta_threshold", "wta_pricing")
PROVEN = 1e-8
"""Relative gap that counts as proven: rounding of sums."""

Problems = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]


class Harvester:
    """Plays another policy and keeps the problems it meets."""

    def __init__(self, policy: Policy, extractor: ExactPolicy) -> None:
        """Takes the policy to play and one that knows how to read problems."""
        self.policy, self.extractor = policy, extractor
        self.kept: list[Problems] = []

    def predict(
        self,
        observation: Observation,
        state: Any = None,
        episode_start: NDArray[np.bool_] | None = None,
        deterministic: bool = True,
    ) -> tuple[Actions, Any]:
        """Decides as the policy does."""
        value, pk, legal = self.extractor.problems(observation)
        useful = (legal & (pk * value[:, None, :] > 0)).any(axis=(1, 2))
        self.kept.append((value[useful], pk[useful], legal[useful]))
        return self.policy.predict(observation, state, episode_start, deterministic)


def harvest(scenario_name: str, policy_name: str, raids: int, first_seed: int = 0) -> Problems:
    """Problems of all epochs of some validation raids in which somebody may fire usefully.

    Returns:
        Value [N, I], pk [N, S, I], legal [N, S, I].
    """
    scenario = load_scenario(scenario_name)
    harvester = Harvester(make_policy(policy_name, scenario), ExactPolicy(scenario))
    play(harvester, scenario, np.arange(first_seed, first_seed + raids))
    value, pk, legal = (np.concatenate(tables) for tables in zip(*harvester.kept, strict=True))
    return value, pk, legal


def judge(problems: Problems) -> dict[str, float]:
    """Solves problems one at a time; figures of quality and of time in milliseconds."""
    value, pk, legal = problems
    count = len(value)
    seconds, saved, bound = np.empty(count), np.empty(count), np.empty(count)
    for n in range(count):
        one = value[n : n + 1], pk[n : n + 1], legal[n : n + 1]
        start = time.perf_counter()
        solved = solve_epochs(*one)
        seconds[n] = time.perf_counter() - start
        saved[n], bound[n] = solved.value_saved[0], solved.bound[0]
    greedy = _value_saved(problems, greedy_batch(value, pk, legal))
    gap = (bound - saved) / bound
    milliseconds = 1e3 * seconds
    return {
        "problems": count,
        "proven": float((gap <= PROVEN).mean()),
        "worst_gap": float(gap.max()),
        "mean_ms": float(milliseconds.mean()),
        "p99_ms": float(np.percentile(milliseconds, 99)),
        "most_ms": float(milliseconds.max()),
        "greedy_optimal": float((greedy >= saved * (1 - PROVEN)).mean()),
        "greedy_loses": float(1 - greedy.sum() / saved.sum()),
    }


def _value_saved(problems: Problems, actions: Actions) -> NDArray[np.float64]:
    value, pk, _ = problems
    survival = np.ones_like(value)
    for s in range(actions.shape[1]):
        members = np.flatnonzero(actions[:, s])
        tracks = actions[members, s] - 1
        survival[members, tracks] *= 1.0 - pk[members, s, tracks]
    saved: NDArray[np.float64] = (value * (1.0 - survival)).sum(axis=1)
    return saved


def table(scenarios: Sequence[str], policies: Sequence[str], raids: int) -> str:
    """A Markdown table, one row a scenario and policy."""
    lines = [
        "| scenario | played by | problems | proven | worst gap | mean | p99 | worst |"
        " greedy is optimal | greedy loses |",
        "|---" * 10 + "|",
    ]
    pairs = [(scenario, policy) for scenario in scenarios for policy in policies]
    for scenario, policy in tracked("judging", pairs):
        got = judge(harvest(scenario, policy, raids))
        lines.append(
            f"| `{scenario}` | `{policy}` | {got['problems']:,} | {got['proven']:.3%} "
            f"| {got['worst_gap']:.2%} | {got['mean_ms']:.3f} ms | {got['p99_ms']:.3f} ms "
            f"| {got['most_ms']:.2f} ms | {got['greedy_optimal']:.1%} "
            f"| {got['greedy_loses']:.2%} |"
        )
        print(lines[-1], flush=True)
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenarios", nargs="+", default=list(SCENARIOS))
    parser.add_argument("--policies", nargs="+", default=list(POLICIES))
    parser.add_argument("--raids", type=int, default=20, help="validation raids of each")
    chosen = parser.parse_args(arguments)
    solve_epochs(np.ones((1, 1)), np.ones((1, 1, 1)), np.ones((1, 1, 1), np.bool_))  # compiles
    print("\n" + table(chosen.scenarios, chosen.policies, chosen.raids))


if __name__ == "__main__":
    main()
