"""`python -m agents.bounds NAME… --raids 2000`: what no policy can protect more of."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from agents.bounds.bound import Floats, check_supported, raid_bounds
from agents.bounds.exact import check_solvable, engagements_of, game_of, solve
from agents.bounds.foresight import foresee
from agents.progress import ProgressBar
from envs.core.randomness import SPLITS
from envs.scenario import Scenario, load_scenario, scenario_names

_HEAD = ("scenario", "luck known", "arrivals known", "bound", "exact", "ms a raid")


def main(arguments: list[str] | None = None) -> int:
    """Print the bounds of scenarios; return 0, or 1 with a word of what is wrong."""
    parser = argparse.ArgumentParser(prog="python -m agents.bounds", description=__doc__)
    parser.add_argument("scenarios", nargs="*", help="names or files; default: all by name")
    parser.add_argument("--raids", type=int, default=2000)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--split", choices=SPLITS, default="validation")
    chosen = parser.parse_args(arguments)
    if chosen.raids < 1 or chosen.first_seed < 0:
        parser.error("one raid or more is needed, and a seed of 0 or more")
    seeds = np.arange(chosen.first_seed, chosen.first_seed + chosen.raids)
    try:
        scenarios = _asked(chosen.scenarios)
        print(_line(_HEAD), _line(["---"] * len(_HEAD)), sep="\n", flush=True)
        for scenario in scenarios:
            print(_line(_row(scenario, seeds, chosen.split)), flush=True)
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    print(
        f"\nProtected share in percent, at most, ± standard error; {chosen.raids} {chosen.split} "
        f"raids from seed {chosen.first_seed}. Bound: the smaller of the two means. Processor time."
    )
    return 0


def _asked(names: Sequence[str]) -> list[Scenario]:
    """Return the scenarios named, or all for which a bound is proven, saying which are not.

    Raises:
        ValueError: if one that is named is not supported.
    """
    scenarios = []
    for name in names or scenario_names():
        scenario = load_scenario(name)
        try:
            check_supported(scenario)
        except ValueError as error:
            if names:
                raise
            print(f"{name} is left out: {error}", file=sys.stderr)
            continue
        scenarios.append(scenario)
    return scenarios


def _row(scenario: Scenario, seeds: NDArray[np.int64], split: str) -> list[str]:
    """Return the cells of a scenario: bounds, exact solution where there is one, and time."""
    raid_bounds(scenario, seeds[:1], split)  # compiles
    clock = time.process_time()
    with ProgressBar(scenario.name, len(seeds)) as bar:
        bounds = raid_bounds(scenario, seeds, split, bar.update)
    each_ms = 1e3 * (time.process_time() - clock) / len(seeds)
    cells = [
        in_percent(protected, bounds.undefended_loss)
        for protected in (bounds.luck_known, bounds.arrivals_known, bounds.protected)
    ]
    return [scenario.name, *cells, _exact(scenario, seeds, split), f"{each_ms:.1f}"]


def in_percent(protected: Floats, at_risk: Floats) -> str:
    """Return a share protected, and the standard error of that ratio over raids, in percent."""
    share = protected.sum() / at_risk.sum()
    error = np.sqrt(((protected - share * at_risk) ** 2).sum()) / at_risk.sum()
    return f"{100 * share:.1f} ± {100 * error:.1f}"


def _exact(scenario: Scenario, seeds: NDArray[np.int64], split: str) -> str:
    """Return the share that the best policy is expected to protect, where it can be computed."""
    try:
        check_solvable(scenario)
        games = [game_of(scenario, foresight) for foresight in foresee(scenario, seeds, split)]
        rounds = np.array(engagements_of(scenario))
        loss, at_risk = (
            np.array([solve(game, having).expected_loss for game in games])
            for having in (rounds, 0 * rounds)
        )
    except ValueError:
        return ""
    return in_percent(at_risk - loss, at_risk)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    sys.exit(main())
