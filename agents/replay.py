"""What happened in a raid, to look at: policies side by side on the same raid, in one HTML file.

`python -m agents.replay standard` plays `wta_greedy` and `wta_pricing` on one validation raid and
writes `runs/replay.html`, which any browser opens without a network. `--out raid.gif` or `.mp4`
writes an animation of the first raid as the last policy plays it instead.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

from agents.classical import PLANNER_NAMES, POLICY_NAMES, SOLVER_NAMES, make_policy
from agents.evaluation import Evaluation
from agents.policy import Policy
from agents.progress import ProgressBar
from agents.rollout import record_raid
from envs.core.randomness import SPLITS
from envs.rendering.page import write_page
from envs.rendering.page_play import Play
from envs.scenario import Scenario, load_scenario, scenario_names

PAGE = "replay.html"
TELLING = {"most_gained": "replay-most-gained.html", "most_lost": "replay-most-lost.html"}
"""Replays of the raids that say most about a policy, beside its report."""

DEFAULT_POLICIES = ("wta_greedy", "wta_pricing")


def record_all(
    policies: Mapping[str, Policy],
    scenario: Scenario,
    seeds: Sequence[int],
    split: str,
    progress: Callable[[int, str], None] | None = None,
) -> list[Play]:
    """Record every policy on every seed, seed by seed.

    Args:
        policies: By name.
        scenario: What is played.
        seeds: One raid each.
        split: Which set of raids.
        progress: Told how many have been recorded, and what is recorded next or was last.
    """
    plays: list[Play] = []
    for seed in seeds:
        for name, policy in policies.items():
            if progress is not None:
                progress(len(plays), f"{name}, raid {seed}")
            plays.append(Play(name, split, record_raid(policy, scenario, seed, split)))
            if progress is not None:
                progress(len(plays), f"{name}, raid {seed}")
    return plays


def _told(bar: ProgressBar, before: int) -> Callable[[int, str], None]:
    return lambda done, words: bar.update(before + done, words)


def write_pictures(
    policies: Mapping[str, Policy],
    scenario: Scenario,
    seeds: Sequence[int],
    split: str,
    paths: Sequence[Path],
) -> None:
    """Record policies on the same raids and write what is asked for, by the files' endings.

    Args:
        policies: By name.
        scenario: What is played.
        seeds: One raid each.
        split: Which set of raids.
        paths: ``.html``, a replay of everything (where raids play several deployments, one of
            each raid beside it); ``.gif`` or ``.mp4``, an animation of the first raid as the last
            policy plays it.

    Raises:
        ValueError: On another ending.
        ImportError: If an animation is asked for without the extra ``render``.
    """
    if not paths:
        return
    animations = [path for path in paths if path.suffix != ".html"]
    if animations:
        from envs.rendering.video import check_format, write_video

        for path in animations:
            check_format(path)
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
    with ProgressBar("recording raids", len(policies) * len(seeds)) as bar:
        plays = record_all(policies, scenario, seeds, split, _told(bar, 0))
    for path in paths:
        if path in animations:
            record = plays[len(policies) - 1].record
            with ProgressBar(f"drawing {path.name}", len(record.moments)) as bar:
                write_video(record, path, progress=bar.update)
            continue
        for page, shown in _pages(plays, path).items():
            write_page(shown, page)


def _pages(plays: Sequence[Play], path: Path) -> dict[Path, list[Play]]:
    """The plays of each page: one shows one deployment, others have the seed in their names."""
    pages: dict[Path, list[Play]] = {}
    for play_ in plays:
        record, first = play_.record, plays[0].record
        page = path
        if record.scenario is not first.scenario:
            page = path.with_stem(f"{path.stem}-{record.seed}")
        pages.setdefault(page, []).append(play_)
    return pages


def telling_files(evaluation: Evaluation) -> dict[str, str]:
    """Names of the replays of an evaluation's telling raids: ``most_gained``, ``most_lost``."""
    telling = evaluation.telling
    return {} if telling is None else {name: TELLING[name] for name, _ in telling.raids()}


def write_telling(
    evaluation: Evaluation, policies: Mapping[str, Policy], scenario: Scenario, folder: Path
) -> None:
    """Write the replays that ``telling_files`` names, both policies side by side."""
    telling = evaluation.telling
    if telling is None:
        return
    both = {name: policies[name] for name in (telling.against, telling.policy)}
    raids = telling.raids()
    with ProgressBar("recording raids", len(raids) * len(both)) as bar:
        for n, (name, (seed, _)) in enumerate(raids):
            told = _told(bar, n * len(both))
            plays = record_all(both, scenario, [seed], evaluation.split, told)
            write_page(plays, folder / TELLING[name])


def files(folder: Path, replays: int, animation: str | None) -> list[Path]:
    """What an evaluation writes beside its table: a replay of so many raids, an animation.

    Raises:
        ValueError: If an animation is asked for without the extra ``render``.
    """
    # Said at once, and not after an hour of evaluation.
    needed = {None: (), "gif": ("pygame",), "mp4": ("pygame", "imageio_ffmpeg")}[animation]
    missing = [name for name in needed if find_spec(name) is None]
    if missing:
        raise ValueError(
            f"animation={animation} needs {' and '.join(missing)}: "
            'pip install "balticshield[render]"'
        )
    pages = [folder / PAGE] if replays else []
    return pages + ([folder / f"replay.{animation}"] if animation is not None else [])


def named(paths: Sequence[Path]) -> dict[str, str]:
    """What a report calls pictures beside it: file by words."""
    words = {".html": "replay of the first raids", ".gif": "animation", ".mp4": "animation"}
    return {words[path.suffix]: path.name for path in paths}


def _load(name: str, scenario: Scenario) -> Policy:
    if name in (*POLICY_NAMES, *SOLVER_NAMES, *PLANNER_NAMES):
        return make_policy(name, scenario)
    from agents.runs import load_policy  # brings torch, which those above do without

    return load_policy(name, scenario)


def main(arguments: list[str] | None = None) -> int:
    """Write a replay; return 0, or 1 with a word of what is wrong."""
    parser = argparse.ArgumentParser(prog="python -m agents.replay", description=__doc__)
    known = ", ".join(scenario_names())
    parser.add_argument("scenario", nargs="?", default="standard", help=f"file, or of: {known}")
    parser.add_argument("--policies", nargs="+", default=list(DEFAULT_POLICIES), metavar="POLICY")
    parser.add_argument("--seed", type=int, default=0, help="of the first raid; default: 0")
    parser.add_argument("--raids", type=int, default=1, help="that follow each other; default: 1")
    parser.add_argument("--split", choices=SPLITS, default="validation")
    parser.add_argument(
        "--out", type=Path, nargs="+", default=[Path("runs") / PAGE], metavar="FILE"
    )
    chosen = parser.parse_args(arguments)
    if chosen.raids < 1 or chosen.seed < 0:
        parser.error("--raids must be 1 or more, --seed 0 or more")
    try:
        scenario = load_scenario(chosen.scenario)
        policies = {name: _load(name, scenario) for name in dict.fromkeys(chosen.policies)}
        seeds = range(chosen.seed, chosen.seed + chosen.raids)
        write_pictures(policies, scenario, seeds, chosen.split, chosen.out)
    except (ValueError, OSError, ImportError) as error:
        print(error, file=sys.stderr)
        return 1
    for path in chosen.out:
        print(f"replay: {path.resolve()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
