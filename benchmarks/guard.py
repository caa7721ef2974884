"""Whether the core is as fast as that of the last release: `python -m benchmarks.guard`.

The sources of both are timed in turns, each in a process of its own, on the same steps. Least
times of many rounds are compared, since whatever else the machine does can only add to them. The
last release is the newest tag, or a commit given by `--release`. Its sources are put beside the
compiled kernels, so that they are compiled once.
"""

import argparse
import json
import os
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

MARGIN = 0.05  # a release may be slower by this; medians of idle runs differ by 0.02
CASES = ("standard", "standard, everything on", "region")
BATCH, STEPS = 256, 40
# What stands for the release as long as none has a tag: the core before it was made faster.
UNTAGGED = "297c4e4"
ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    """Compare, print a table, and exit with 1 if the present core is slower."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--release", help="tag or commit; left out, the newest tag")
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--margin", type=float, default=MARGIN)
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.serve:
        serve(chosen.cases)
        return
    release = chosen.release or last_release()
    workers = [_worker(tree, chosen.cases) for tree in (sources(release), ROOT)]
    times: list[Any] = [np.inf, np.inf]
    from agents.progress import tracked  # not above: a release that is timed may not have it

    for _ in tracked("timing in turns", range(chosen.rounds)):
        for n, worker in enumerate(workers):
            times[n] = np.minimum(times[n], _ask(worker))
    for worker in workers:
        worker.communicate("", timeout=60)
    print(report(release, chosen.cases, np.array(times)))
    slower = too_slow(chosen.cases, np.array(times), chosen.margin)
    if slower:
        sys.exit(slower)


def report(release: str, cases: list[str], times: NDArray[np.float64]) -> str:
    """Return a table: steps a second over rounds of the reference kernel, then and now.

    Args:
        release: its tag or commit.
        cases: names [N].
        times: seconds [2, N + 1] of the release and of the present core: of one step in each case,
            then of one round of the reference kernel.
    """
    names = ("", f"{release}, ratio", "now, ratio", "now / then", "now, us a step")
    lines = ["".join(name.rjust(26) for name in names)]
    for n, case in enumerate(cases):
        then, now = times[:, -1] / times[:, n]
        cells = (case, f"{then:.3f}", f"{now:.3f}", f"{now / then:.2f}", f"{times[1, n] * 1e6:.2f}")
        lines.append("".join(cell.rjust(26) for cell in cells))
    return "\n".join(lines)


def too_slow(cases: list[str], times: NDArray[np.float64], margin: float) -> str:
    """Return in words which cases have become slower by more than a margin, or nothing.

    Args:
        cases: names [N].
        times: as `report` has them.
        margin: share of the release's ratio to the reference kernel that may be lost.
    """
    ratios = times[:, -1:] / times[:, :-1]
    lost = 1.0 - ratios[1] / ratios[0]
    pairs = zip(cases, lost, strict=True)
    slow = [f"{case}: {share:.0%}" for case, share in pairs if share > margin]
    words = f"slower than the last release by more than {margin:.0%}: {', '.join(slow)}"
    return words if slow else ""


def last_release() -> str:
    """Return the newest tag, or what stands for a release as long as there is none."""
    tags = _git("tag", "--sort=-creatordate").split()
    return tags[0] if tags else UNTAGGED


def sources(release: str) -> Path:
    """Return a folder with the sources of a release.

    Raises:
        SystemExit: if the repository does not have that release.
    """
    try:
        commit = _git("rev-parse", "--verify", f"{release}^{{commit}}").strip()
    except subprocess.CalledProcessError:
        sys.exit(f"--release: {release!r} is not right; a tag or commit of {ROOT} is needed")
    from envs.core.compiled import cache_folder

    folder = cache_folder(ROOT / "envs").parent / f"release-{commit[:16]}"
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        unpacked = folder.with_name(f"{folder.name}.{os.getpid()}")
        archive = subprocess.Popen(
            ["git", "-C", str(ROOT), "archive", commit, "envs", "conf", "agents", "benchmarks"],
            stdout=subprocess.PIPE,
        )
        with tarfile.open(fileobj=archive.stdout, mode="r|") as files:
            files.extractall(unpacked, filter="data")
        archive.wait()
        unpacked.rename(folder)
    return folder


def _git(*words: str) -> str:
    return subprocess.run(
        ["git", "-C", str(ROOT), *words], check=True, capture_output=True, text=True
    ).stdout


def _worker(tree: Path, cases: list[str]) -> "subprocess.Popen[str]":
    """Start a process that times the sources of a folder, and wait until it has compiled them."""
    worker = subprocess.Popen(
        [sys.executable, "-P", __file__, "--serve", "--cases", *cases],
        env={**os.environ, "PYTHONPATH": str(tree), "NUMBA_NUM_THREADS": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    _ask(worker)
    return worker


def _ask(worker: "subprocess.Popen[str]") -> NDArray[np.float64]:
    assert worker.stdin is not None and worker.stdout is not None
    worker.stdin.write("\n")
    worker.stdin.flush()
    answer = worker.stdout.readline()
    if not answer:
        sys.exit("a process that times the core has ended; what it said is above")
    return np.array(json.loads(answer))


def serve(cases: list[str]) -> None:
    """Answer every line of input with the least seconds so far, those of `report` [N + 1]."""
    from benchmarks.reference_kernel import inputs, reference

    plays = [recorded(case) for case in cases]
    state, table = inputs(BATCH)
    least = [np.full(STEPS, np.inf) for _ in range(len(cases) + 1)]
    for _ in sys.stdin:
        for n, play in enumerate(plays):
            least[n] = np.minimum(least[n], play())
        for n in range(STEPS):
            start = time.perf_counter()
            reference(state, table)
            least[-1][n] = min(least[-1][n], (time.perf_counter() - start) / BATCH)
        means = [*(float(times.mean()) for times in least[:-1]), float(least[-1].min())]
        print(json.dumps(means), flush=True)


def recorded(case: str) -> Callable[[], NDArray[np.float64]]:
    """Return a function that plays the same steps each time, and returns seconds a member of each.

    Args:
        case: one of `CASES`.
    """
    from benchmarks.speed import everything_on
    from envs import sample_legal
    from envs.batch import RaidBatch

    name, _, rest = case.partition(", ")
    scenario: Any = everything_on(name) if rest else name
    batch = RaidBatch(scenario, BATCH // 4 if name == "region" else BATCH)
    seeds, rng = np.arange(batch.num_envs), np.random.default_rng(0)
    orders = []
    batch.reset(None, seeds)
    for _ in range(STEPS):
        orders.append(sample_legal(batch.observation["action_mask"], rng))
        batch.step(orders[-1])

    def play() -> NDArray[np.float64]:
        batch.reset(None, seeds)
        marks = [time.perf_counter()]
        for now in orders:
            batch.step(now)
            marks.append(time.perf_counter())
        return np.diff(marks) / batch.num_envs

    return play


if __name__ == "__main__":
    main()
