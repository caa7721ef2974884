"""What a step costs as scenarios and batches grow: `python -m benchmarks.scale`.

Scenarios are cut from `region`: some of its shooters, and raids in which every package is smaller.
Times are processor time of one thread for one member and step, with random legal actions and resets
counted, so other work on the machine disturbs them little; medians of blocks. Beside each stands
the same of the frozen reference kernel, measured in turns with it. `--second-thread` adds what a
second thread gains, the ratio of the least wall times of a step: that wants an idle machine.
Results go to `--results`, the plot to `--plot`; `--plot-only` draws results that are there.
"""

import argparse
import json
import os
import platform
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numba
import numpy as np
from matplotlib.figure import Figure

from agents.files import write_text
from agents.progress import tracked
from benchmarks.reference_kernel import inputs, reference
from envs import sample_legal
from envs.scenario import read_scenario
from envs.vector_env import BalticShieldVectorEnv

THREATS, SHOOTERS = (25, 50, 100, 200), (4, 12, 30, 60)
BATCHES = (1, 16, 64, 256, 1024, 4096)
GRID_BATCH = 64
BLOCKS = 5
_WARM_UP = 30  # steps into the raid, where there is something to do
_SECONDS = 5.0  # of looking for the least times with one and two threads
_MOST = 200  # threats of a raid on `region`


def main() -> None:
    """Measure, print and draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, default=Path("docs/scale/costs.json"))
    parser.add_argument("--plot", type=Path, default=Path("docs/images/scale.png"))
    parser.add_argument("--plot-only", action="store_true")
    parser.add_argument("--second-thread", action="store_true")
    parser.add_argument("--member-steps", type=int, default=3000, help="of each block, at least")
    chosen = parser.parse_args()
    if chosen.plot_only:
        found = json.loads(chosen.results.read_text(encoding="utf-8"))
    else:
        found = measure(chosen.member_steps, chosen.second_thread)
        write_text(chosen.results, json.dumps(found, indent=1) + "\n")
    print(tables(found))
    chosen.plot.parent.mkdir(parents=True, exist_ok=True)
    plot(found).savefig(chosen.plot, dpi=130)


def measure(member_steps: int, two_threads: bool = False) -> dict[str, Any]:
    """Return costs over threats and shooters, over batches, and what a second thread gains."""
    grid = []
    sizes = [(shooters, threats) for shooters in SHOOTERS for threats in THREATS]
    for shooters, threats in tracked("threats and shooters", sizes):
        point: dict[str, Any] = {"threats": threats, "shooters": shooters}
        grid.append(point | cost(cut(threats, shooters), GRID_BATCH, member_steps))
        print(grid[-1], flush=True)
    batches = []
    both = [(name, batch) for name in ("standard", "region") for batch in BATCHES]
    for name, batch in tracked("batches", both):
        own: dict[str, Any] = {"scenario": name, "batch": batch}
        batches.append(own | cost(name, batch, member_steps))
        if two_threads:
            batches[-1]["second_thread"] = second_thread(name, batch)
        print(batches[-1], flush=True)
    machine = {"processor": platform.machine(), "cores": os.cpu_count()}
    load = round(os.getloadavg()[0], 1)
    return {"machine": machine, "load": load, "grid": grid, "fit": fit(grid), "batches": batches}


def cut(threats: int, shooters: int) -> dict[str, Any]:
    """Return `region` with fewer shooters, and at most about as many threats in a raid."""
    region = read_scenario("region")
    kept = np.linspace(0, len(region["shooters"]) - 1, shooters).round().astype(int)
    packages = [
        {**own, "number": [max(1, round(n * threats / _MOST)) for n in own["number"]]}
        for own in region["packages"]
    ]
    return {
        **region,
        "shooters": [region["shooters"][k] for k in kept],
        "packages": packages,
        "slots": min(threats, region["slots"]),
    }


def cost(scenario: Any, batch: int, member_steps: int) -> dict[str, float]:
    """Return microseconds of a member's step in the core and in public, and of the reference.

    Args:
        scenario: name or mapping.
        batch: members side by side.
        member_steps: steps times members of each block, at least.
    """
    before = numba.get_num_threads()
    numba.set_num_threads(1)
    try:
        core, public = _player(scenario, batch)
        steps = max(2, member_steps // batch)
        peer = _reference()
        samples: list[list[float]] = [[], [], []]
        for _ in range(BLOCKS):
            works = (core, steps), (public, steps), (peer, 5)
            for (work, times), taken in zip(works, samples, strict=True):
                taken.append(1e6 * sum(work(time.thread_time) for _ in range(times)) / times)
    finally:
        numba.set_num_threads(before)
    core_us, public_us, reference_us = (float(np.median(taken)) for taken in samples)
    return {
        "core_us": core_us / batch,
        "public_us": public_us / batch,
        "reference_us": reference_us / 256,
        "core_over_reference": core_us / batch / (reference_us / 256),
    }


def second_thread(scenario: Any, batch: int) -> float:
    """Return how many times faster two threads make a step in the core: least wall times."""
    threads_before = numba.get_num_threads()
    core, _ = _player(scenario, batch)
    least, end = {1: np.inf, 2: np.inf}, time.monotonic() + _SECONDS
    while time.monotonic() < end:
        for threads in least:
            numba.set_num_threads(threads)
            least[threads] = min(least[threads], core(time.perf_counter))
    numba.set_num_threads(threads_before)
    return float(least[1] / least[2])


Work = Callable[[Callable[[], float]], float]
"""Does something once; takes the clock, returns the seconds that count."""


def _player(scenario: Any, batch: int) -> tuple[Work, Work]:
    """Return a step of the core and one of the public environment, well into the raids."""
    env = BalticShieldVectorEnv(batch, scenario)
    env.reset(seed=0)
    rng = np.random.default_rng(0)
    held: list[Any] = [None]  # as whoever acts on it does; see benchmarks.speed

    def core(clock: Callable[[], float]) -> float:
        orders = sample_legal(env.batch.observation["action_mask"], rng)
        start = clock()
        over = env.batch.terminated | env.batch.truncated
        if over.any():
            env.batch.reset(over)
        env.batch.step(orders)
        return clock() - start

    def public(clock: Callable[[], float]) -> float:
        orders = sample_legal(env.batch.observation["action_mask"], rng)
        start = clock()
        held[0] = env.step(orders)
        return clock() - start

    for _ in range(_WARM_UP):
        public(time.perf_counter)
    return core, public


def _reference() -> Work:
    state, table = inputs(256)

    def work(clock: Callable[[], float]) -> float:
        start = clock()
        reference(state, table)
        return clock() - start

    work(time.perf_counter)
    return work


def fit(grid: Sequence[dict[str, float]]) -> dict[str, float]:
    """Return the plane that comes nearest, in relative terms, to the costs in the core.

    core_us = base + per_threat T + per_shooter S + per_pair T S, by least squares of the relative
    error, T and S as in the raid's and scenario's numbers.
    """
    numbers = [(g["threats"], g["shooters"]) for g in grid]
    rows = np.array([[1.0, threats, shooters, threats * shooters] for threats, shooters in numbers])
    costs = np.array([g["core_us"] for g in grid])
    found = np.linalg.lstsq(rows / costs[:, None], np.ones(len(costs)), rcond=None)[0]
    worst = float(np.abs(rows @ found / costs - 1.0).max())
    names = ("base", "per_threat", "per_shooter", "per_pair")
    return dict(zip(names, found.tolist(), strict=True)) | {"worst_relative_error": worst}


def tables(found: dict[str, Any]) -> str:
    """Return the results as Markdown."""
    costs = {(g["threats"], g["shooters"]): g for g in found["grid"]}
    lines = ["| shooters | " + " | ".join(f"{t} threats" for t in THREATS) + " |"]
    lines += ["|---|" + "---|" * len(THREATS)]
    for s in SHOOTERS:
        own = [costs[t, s] for t in THREATS]
        cells = [f"{g['core_us']:.1f} / {g['public_us']:.1f}" for g in own]
        lines.append(f"| {s} | " + " | ".join(cells) + " |")
    terms = ", ".join(f"{name} {value:.3g}" for name, value in found["fit"].items())
    lines += ["", f"fit: {terms}", ""]
    lines += ["| scenario | batch | core | public | core over reference | second thread |"]
    lines += ["|---|---|---|---|---|---|"]
    for own in found["batches"]:
        cells = [own["scenario"], f"{own['batch']:,}"]
        cells += [f"{own[name]:.1f}" for name in ("core_us", "public_us", "core_over_reference")]
        gain = own.get("second_thread")
        lines.append("| " + " | ".join([*cells, "" if gain is None else f"{gain:.2f}"]) + " |")
    return "\n".join(lines)


def plot(found: dict[str, Any]) -> Figure:
    """Return cost over pairs of threats and shooters, and over the batch."""
    figure = Figure(figsize=(9.5, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    for shooters in SHOOTERS:
        own = [g for g in found["grid"] if g["shooters"] == shooters]
        costs = [g["core_over_reference"] for g in own]
        left.loglog([g["threats"] for g in own], costs, "o-", label=f"{shooters} shooters")
    left.set_xlabel("threats in a raid, at most")
    left.set_xticks(THREATS, [str(threats) for threats in THREATS], minor=False)
    left.set_ylabel("a step, in rounds of the reference kernel")
    for name in ("standard", "region"):
        own = [b for b in found["batches"] if b["scenario"] == name]
        for kind, style in (("core_us", "o-"), ("public_us", "o--")):
            costs = [b[kind] / b["reference_us"] for b in own]
            label = f"{name}, {kind.removesuffix('_us')}"
            right.loglog([b["batch"] for b in own], costs, style, label=label)
    left.xaxis.set_minor_formatter("")
    right.set_xlabel("batch")
    for axes in (left, right):
        axes.legend(fontsize="small")
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter("{x:g}")
        axes.grid(alpha=0.3)
    return figure


if __name__ == "__main__":
    main()
