"""The dynamic ladder: every policy and the bound on every scenario, by one command that goes on.

`python -m agents.ladder` plays the rungs of docs/policies.md on the same validation raids of every
packaged scenario; `python -m agents.ladder standard --policies wta_pricing runs/mine` some of them,
beside what was played before. Reactive policies play `--raids`; planners, which take longer, fewer
of the same, and their gains are paired on those. What was played lies in `--folder`, so a call that
was stopped goes on; what changed under an old name, such as a run that was trained on, needs
another folder. Figures go to `--results`, one file a scenario, and the page follows from them.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from agents.bounds.bound import check_supported, raid_bounds
from agents.bounds.exact import check_solvable
from agents.classical import PLANNER_NAMES
from agents.classical.exact_policy import ExactPolicy
from agents.classical.look_ahead import LookAhead
from agents.evaluation import BOUND, FIRST_SEED, REFERENCE
from agents.files import write_text
from agents.interruption import Interruption
from agents.ladder_page import page
from agents.ladder_results import SEARCHES, figures, merged
from agents.policy import Planner, Policy
from agents.progress import ProgressBar
from agents.rollout import Rows, play
from agents.runs import load_policies
from envs.digest import scenario_digest
from envs.scenario import Scenario, load_scenario, scenario_names

SPLIT = "validation"
STRONG = "wta_pricing"
RUNGS = (
    "hold_fire",
    "random_legal",
    "nearest_first",
    REFERENCE,
    "wta_exact",
    "wta_threshold",
    STRONG,
    BOUND,
    "optimal",
    "open_loop",
    f"look_ahead:{STRONG}",
)
CANDIDATES, FUTURES = 4, 8  # of look-ahead: with its defaults it takes more than a second
# What everybody takes for a raid of these: they have so many times fewer, and the exact solver as
# many as planners have elsewhere.
LARGE = {"region": 4}
SLOW_BOUND = {"region": 4, "rotation-gap": 4, "rotation-overlap": 4}  # likewise the bound alone
SLOWER_BY = {  # likewise what planners take, about
    "ballistic": 8,
    "rotation-gap": 8,
    "rotation-overlap": 8,
    "air-policing": 8,
    "campaign": 8,
    "random": 4,
    "region": 16,
}
FEWEST = 2  # raids of anybody, however slow
_TIMED = 8  # raids of a reactive policy played one at a time, to time single decisions
_PORTION, _PLANNER_PORTION = 512, 16  # raids after which what was played is saved


@dataclass(frozen=True)
class Budget:
    """How many raids are played, from the first seed on.

    Attributes:
        raids: By reactive policies, and for the bound; fewer where raids are large.
        planner_raids: By planners but look-ahead; fewer where they are slower.
        look_ahead_raids: By look-ahead, likewise.
    """

    raids: int
    planner_raids: int
    look_ahead_raids: int

    def __post_init__(self) -> None:
        """Refuse what is no budget."""
        for key, value in vars(self).items():
            if value < FEWEST:
                raise ValueError(f"{key}: {value!r} is not right; {FEWEST} or more is needed")

    def of(self, policy: Policy | None, scenario: Scenario) -> int:
        """Raids that a policy, or None, the bound, gets on a scenario."""
        if policy is None:
            return max(FEWEST, self.raids // SLOW_BOUND.get(scenario.name, 1))
        if isinstance(policy, ExactPolicy) and scenario.name in LARGE:
            return min(self.raids, self.planner_raids)
        if not isinstance(policy, Planner):
            return max(FEWEST, self.raids // LARGE.get(scenario.name, 1))
        some = self.look_ahead_raids if isinstance(policy, LookAhead) else self.planner_raids
        return min(self.raids, max(FEWEST, some // SLOWER_BY.get(scenario.name, 1)))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    chosen = _parser().parse_args(arguments)
    names = list(dict.fromkeys([REFERENCE, *chosen.policies]))
    try:
        budget = Budget(chosen.raids, chosen.planner_raids, chosen.look_ahead_raids)
        scenarios = [load_scenario(name) for name in chosen.names or scenario_names()]
        with Interruption() as interruption:
            for rungs in _quick_first(names):
                for scenario in scenarios:
                    for name in rungs:
                        climb(name, scenario, budget, chosen.folder, interruption.requested)
                    note(scenario, names, chosen.folder, chosen.results)
                    write_text(chosen.page, page(chosen.results))
                    if interruption.requested():
                        print("stopped and saved; the same command goes on")
                        return interruption.exit_code
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"results: {chosen.results}, page: {chosen.page}")
    return 0


def climb(
    name: str, scenario: Scenario, budget: Budget, folder: Path, stopped: Callable[[], bool]
) -> None:
    """Play what is missing of one rung on one scenario, saving after every portion."""
    if not _is_possible(name, scenario):
        return
    policy = None if name == BOUND else _policy(name, scenario)
    count, path = budget.of(policy, scenario), rows_path(folder, scenario, name)
    rows = load_rows(path)
    with ProgressBar(f"{scenario.name}, {name}", count) as bar:
        while (done := 0 if rows is None else len(rows["undefended_loss"])) < count:
            if stopped():
                return
            if policy is None:
                bounds = raid_bounds(
                    scenario, range(FIRST_SEED, FIRST_SEED + count), SPLIT, bar.update
                )
                rows = {key: getattr(bounds, key) for key in bounds.__dataclass_fields__}
            else:
                told = _told(bar, done)
                rows = _joined(rows, _play_portion(policy, scenario, done, count, told))
            save_rows(path, rows)


def note(scenario: Scenario, policies: Sequence[str], folder: Path, results: Path) -> None:
    """Write the figures of a scenario from what was played, beside those of other policies."""
    rows = {}
    for name in dict.fromkeys([REFERENCE, STRONG, BOUND, *SEARCHES, *policies]):
        found = load_rows(rows_path(folder, scenario, name))
        if found is not None:
            rows[name] = found
    if REFERENCE not in rows:
        return
    fresh = figures(rows, scenario, SPLIT, FIRST_SEED, STRONG)
    path = results / f"{scenario.name}.json"
    write_text(path, json.dumps(merged(path, fresh, RUNGS), indent=1) + "\n")


def rows_path(folder: Path, scenario: Scenario, name: str) -> Path:
    """Where the rows of a policy are; another behaviour of the scenario has another place."""
    readable = name.replace("/", "+").replace(":", "+")
    return folder / f"{scenario.name}-{scenario_digest(scenario)}" / f"{readable}.npz"


def load_rows(path: Path) -> Rows | None:
    """Read rows, or None if there are none yet."""
    if not path.is_file():
        return None
    with np.load(path) as file:
        return dict(file)


def save_rows(path: Path, rows: Rows) -> None:
    """Write rows atomically."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    with temporary.open("wb") as file:
        np.savez_compressed(file, **rows)  # type: ignore[arg-type]
    temporary.replace(path)


def _play_portion(
    policy: Policy, scenario: Scenario, done: int, count: int, told: Callable[[int], None]
) -> Rows:
    """Play the next raids; the first ones one at a time, which gives the decision times."""
    planner, first = isinstance(policy, Planner), FIRST_SEED + done
    if done > 0:
        size = _PLANNER_PORTION if planner else _PORTION
        seeds = range(first, FIRST_SEED + min(done + size, count))
        return play(policy, scenario, seeds, SPLIT, progress=told)
    rows = play(policy, scenario, [first], SPLIT, progress=told)  # loads what is compiled
    timings: list[float] = []
    seeds = range(first + 1, first + (2 if planner else min(_TIMED, count)))
    rows = _joined(rows, play(policy, scenario, seeds, SPLIT, 1, told, timings))
    return rows | {"timing_s": np.array(timings)}


def _joined(rows: Rows | None, more: Rows) -> Rows:
    if rows is None:
        return more
    return rows | {key: np.concatenate([rows[key], column]) for key, column in more.items()}


def _quick_first(names: Sequence[str]) -> list[list[str]]:
    """Split names into those that take little time and the planners, one by one."""
    planners = [name for name in names if name.partition(":")[0] in PLANNER_NAMES]
    return [[name for name in names if name not in planners], *([name] for name in planners)]


def _policy(name: str, scenario: Scenario) -> Policy:
    """Return a policy by name; look-ahead with the ladder's own budget of search."""
    planner, _, base = name.partition(":")
    if planner == "look_ahead":
        below = load_policies([base or STRONG], scenario)[base or STRONG]
        return LookAhead(scenario, below, candidates=CANDIDATES, futures=FUTURES)
    return load_policies([name], scenario)[name]


def _is_possible(name: str, scenario: Scenario) -> bool:
    """Whether there is such a rung on a scenario: not all can be solved or bounded."""
    check = {"optimal": check_solvable, BOUND: check_supported}.get(name)
    try:
        if check is not None:
            check(scenario)
    except ValueError:
        return False
    return True


def _told(bar: ProgressBar, done: int) -> Callable[[int], None]:
    return lambda raids: bar.update(done + raids)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m agents.ladder", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="SCENARIO", help="default: all packaged")
    parser.add_argument("--policies", nargs="+", default=list(RUNGS), metavar="POLICY")
    parser.add_argument("--raids", type=int, default=2000)
    parser.add_argument("--planner-raids", type=int, default=24)
    parser.add_argument("--look-ahead-raids", type=int, default=8)
    parser.add_argument("--folder", type=Path, default=Path("runs/ladder"), help="what was played")
    parser.add_argument("--results", type=Path, default=Path("docs/ladder"))
    parser.add_argument("--page", type=Path, default=Path("docs/ladder.md"))
    return parser


if __name__ == "__main__":
    sys.exit(main())
