"""How fast the environment is: `make bench`, or `python -m benchmarks.speed`.

For each batch, number of threads and kind of actions: steps a second inside the core (the full
observation written), steps a second of the public environment (with its copies), bytes of
observation a second. Beside them, in the same run: the machine's copy bandwidth and the rounds a
second of the frozen reference kernel. Every figure is the median of several runs, taken in turns,
after all memory has been touched. Last comes a batch of one, in a loop inside the compiled code, so
that Python's call does not count.
"""

import argparse
import itertools
import time
from collections.abc import Callable, Sequence
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from agents.classical import make_policy
from agents.progress import tracked
from benchmarks.reference_kernel import inputs, reference
from envs import sample_legal
from envs.batch import RaidBatch
from envs.batch_kernels import step_some
from envs.core.compiled import compiled
from envs.scenario import read_scenario
from envs.vector_env import BalticShieldVectorEnv

BATCHES = (1, 64, 256, 1024, 4096)
SAMPLES = 5


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenario", default="standard")
    parser.add_argument(
        "--everything-on",
        action="store_true",
        help="detection by chance, beliefs, organic sensors, delays, imperfect kill assessment",
    )
    parser.add_argument("--batches", type=int, nargs="+", default=BATCHES)
    parser.add_argument("--seconds", type=float, default=0.5, help="of each sample")
    chosen = parser.parse_args()
    threads = sorted({1, numba.get_num_threads()})
    scenario = everything_on(chosen.scenario) if chosen.everything_on else chosen.scenario
    probe = BalticShieldVectorEnv(1, scenario)
    size = sum(array.nbytes for array in probe.batch.observation.values())
    print(f"scenario {chosen.scenario}, observation {size / 1e3:.2f} kB, medians of {SAMPLES}\n")
    header = ("batch", "threads", "actions", "core steps/s", "public steps/s", "core/public")
    print(_row((*header, "obs GB/s", "of copy", "core/reference")))
    for count in threads:
        numba.set_num_threads(count)
        copy_gb = _copy_bandwidth(chosen.seconds) / 1e9
        rounds = _reference_rounds(chosen.seconds)
        pairs = list(itertools.product(chosen.batches, ("random", "greedy")))
        for members, actions in tracked(f"{count} threads", pairs):
            core, public = _rates(scenario, members, actions, chosen.seconds)
            moved = core * size / 1e9
            cells = (members, count, actions, f"{core:,.0f}", f"{public:,.0f}")
            ratios = (f"{core / public:.2f}", f"{moved:.2f}", f"{moved / copy_gb:.0%}")
            print(_row((*cells, *ratios, f"{core / rounds:.3f}")), flush=True)
        print(f"{count} threads: copy {copy_gb:.1f} GB/s, reference {rounds:,.0f} rounds/s\n")
    print(f"a batch of one inside the core: {1e6 * _alone(scenario):.2f} us a step")


def _row(cells: Sequence[Any]) -> str:
    return "".join(str(cell).rjust(15) for cell in cells)


def everything_on(name: str) -> dict[str, Any]:
    """Return a scenario with every mechanism of the air picture switched on."""
    picture = {
        "kinds": "believed",
        "aims": "believed",
        "detection": "by_chance",
        "detections_to_start": 2,
        "misses_to_lose": 3,
        "organic_sensors": True,
        "kill_confirmed": 0.9,
        "false_kill": 0.05,
    }
    return {**read_scenario(name), "picture": picture, "sharing": {"foreign_delay_epochs": 2}}


def _rates(scenario: Any, members: int, actions: str, seconds: float) -> tuple[float, float]:
    """Return steps a second of the core and of the public environment, with resets.

    "random" draws legal actions outside the time taken; "greedy" counts the policy's decision.
    """
    env = BalticShieldVectorEnv(members, scenario)
    env.reset(seed=0)
    rng = np.random.default_rng(0)
    policy = make_policy("wta_greedy", env.batch.scenario)

    def core(orders: NDArray[np.int64] | None) -> None:
        over = env.batch.terminated | env.batch.truncated
        if over.any():
            env.batch.reset(over)
        env.batch.step(decide() if orders is None else orders)

    # Held until the next one is there, as whoever acts on it does. Dropped at once, its memory may
    # go back to the system, and the first touch of fresh memory costs several times the copy.
    held: list[Any] = [None]

    def public(orders: NDArray[np.int64] | None) -> None:
        held[0] = env.step(decide() if orders is None else orders)

    def decide() -> NDArray[np.int64]:
        return policy.predict(env.batch.observation)[0]

    def timed(step: Callable[[NDArray[np.int64] | None], None]) -> Callable[[], float]:
        def work() -> float:
            mask = env.batch.observation["action_mask"]
            orders = sample_legal(mask, rng) if actions == "random" else None
            start = time.perf_counter()
            step(orders)
            return time.perf_counter() - start

        return work

    for _ in range(30):  # into the raid, where there is something to do
        env.step(decide())
    rates = _alternate([timed(core), timed(public)], seconds)
    return members * rates[0], members * rates[1]


def _alone(scenario: Any) -> float:
    """Return seconds of one step of a batch of one: the least of many samples of 40 steps."""
    batch, seed = RaidBatch(scenario, 1), np.zeros(1, np.int64)
    heads = batch.scenario.num_shooters + batch.scenario.num_decisions
    orders, rng = np.zeros((40, 1, heads), np.int64), np.random.default_rng(0)
    batch.reset(None, seed)
    for now in orders:
        legal = sample_legal(batch.observation["action_mask"], rng)
        now[:, : legal.shape[1]] = legal
        batch.step(now)
    parts, scratch = batch._batch, [memory[0] for memory in batch._scratch]
    least = [np.inf, np.inf]
    for _ in range(200):
        for n, length in enumerate((0, len(orders))):
            batch.reset(None, seed)
            start = time.perf_counter()
            _play(orders[:length], *parts, batch.reward, *scratch)
            least[n] = min(least[n], time.perf_counter() - start)
    return (least[1] - least[0]) / len(orders)


@compiled()
def _play(
    orders: Any,
    state: Any,
    params: Any,
    tables: Any,
    frame: Any,
    weights: Any,
    reward: Any,
    table: Any,
    order: Any,
) -> None:
    for n in range(orders.shape[0]):
        step_some(0, 1, state, params, tables, frame, weights, orders[n], reward, table, order)


def _timed(work: Callable[[], object]) -> Callable[[], float]:
    def timed() -> float:
        start = time.perf_counter()
        work()
        return time.perf_counter() - start

    return timed


def _copy_bandwidth(seconds: float) -> float:
    """Return bytes a second of copying between two arrays far larger than the caches."""
    source, target = np.ones(8_000_000), np.ones(8_000_000)
    _copy(source, target)
    return source.nbytes * _alternate([_timed(lambda: _copy(source, target))], seconds)[0]


@numba.njit(parallel=True)
def _copy(source: NDArray[np.float64], target: NDArray[np.float64]) -> None:
    for n in numba.prange(source.shape[0]):
        target[n] = source[n]


def _reference_rounds(seconds: float) -> float:
    """Return members a second that the reference kernel works through at batch 256."""
    state, table = inputs(256)
    return 256 * _alternate([_timed(lambda: reference(state, table))], seconds)[0]


def _alternate(works: list[Callable[[], float]], seconds: float) -> list[float]:
    """Return calls a second of each work: medians over samples taken in turns.

    Args:
        works: each does its work once and returns the seconds that count.
        seconds: counted seconds of each sample.
    """
    samples: list[list[float]] = [[] for _ in works]
    for work in works:  # compile, and touch all memory
        for _ in range(3):
            work()
    for _ in range(SAMPLES):
        for work, taken in zip(works, samples, strict=True):
            calls, spent = 0, 0.0
            while spent < seconds:
                spent += work()
                calls += 1
            taken.append(calls / spent)
    return [float(np.median(taken)) for taken in samples]


if __name__ == "__main__":
    main()
