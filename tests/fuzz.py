"""Throw what nobody would at the environment, as often as asked; one command each.

python -m tests.fuzz scenarios --count 10000     random scenarios, played at random, checked
python -m tests.fuzz actions --count 1000000     actions of any number, dtype and shape
python -m tests.fuzz settings --count 100000     scenarios with something wrong in them
python -m tests.fuzz memory --count 10000000     steps, with a new raid whenever one is over

`--seed` makes another draw, `--seconds` ends one early. With `--results FILE` a second call goes on
where the first one ended, or was ended; all but memory, which is of one process.
"""

import argparse
import copy
import ctypes
import gc
import json
import math
import pickle
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import seed as of_seed
from hypothesis import strategies as st

from agents.files import write_text
from agents.progress import ProgressBar
from envs.batch import RaidBatch
from envs.scenario import load_scenario, read_scenario
from envs.scenario_params import scenario_params
from envs.validation import ScenarioError
from tests.envs.checked_play import play_checked
from tests.envs.random_play import is_illegal
from tests.envs.small import mapping, named
from tests.envs.test_invariants import campaigns, foggy, scenarios

_MEMBERS = 50
_WORDS = ("", "duel", "public", "believed", "patriot", "slow_drone", "LTU", "depot", "_target_")
_NUMBERS = (0, 1, -1, 2, 64, 65, 10**6, 2**31, 2**63, 10**30, -(2**40))
_JUNK = (
    *_WORDS, *_NUMBERS, 0.5, -0.0, 1e-300, 1e300, math.nan, math.inf, -math.inf, 1j, True, False,
    None, (), [], {}, [[]], [None], [{}], [0, 0], [1, 0], [24.5, 57.0], [[24.5, 57.0]], {"a": 1},
    {1: 2}, {None: 0}, b"bytes", set(), object(), {"slow_drone": 0}, {"slow_drone": math.nan},
)  # fmt: skip


def check_scenarios(count: int, seed: int) -> int:
    """Play random scenarios at random and check every invariant; return how many."""
    done = 0
    part = settings(
        max_examples=count, deadline=None, database=None, derandomize=False,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    sources = scenarios() | foggy() | campaigns()

    @of_seed(seed)
    @part
    @given(source=sources, raid=st.integers(0, 10**6), illegal=st.sampled_from([0, 0.3]))
    def play(source: Any, raid: int, illegal: float) -> None:
        nonlocal done
        batch = RaidBatch(source, 2)
        batch.reset(None, np.arange(raid, raid + 2))
        play_checked(batch, np.random.default_rng(raid), illegal)
        done += 1

    play()
    return done


def check_actions(count: int, seed: int) -> int:
    """Play actions that are mostly wrong; return how many.

    Of the right shape, whatever the mask does not allow is a hold that is counted, and nothing
    shown or rewarded is ever without a value. Of a wrong shape or dtype, they are a ValueError
    that says so, and nothing has happened.
    """
    rng, done = np.random.default_rng(seed), 0
    batches = [RaidBatch(named(name), _MEMBERS) for name in ("duel", "fog", "small-policing")]
    while done < count:
        batch = batches[rng.integers(len(batches))]
        batch.reset(None, rng.integers(0, 2**62, _MEMBERS))
        for _ in range(int(rng.integers(1, 60))):
            shape = (_MEMBERS, batch.scenario.num_shooters + batch.scenario.num_decisions)
            if rng.random() < 0.5:
                _refused(batch, _malformed(shape, rng))
                done += 1
            _counted(batch, _any_numbers(shape, batch.scenario.num_slots, rng))
            done += _MEMBERS
    return done


def _any_numbers(shape: tuple[int, int], slots: int, rng: np.random.Generator) -> Any:
    """Return integers: near the legal ones, or the largest and smallest there are."""
    dtype = rng.choice([np.int8, np.int16, np.int32, np.int64])
    limits = np.iinfo(dtype)
    near = rng.integers(-3, min(slots + 4, limits.max), shape)
    far = rng.integers(limits.min, limits.max, shape, dtype, endpoint=True)
    return np.where(rng.random(shape) < 0.7, near, far).astype(dtype)


def _counted(batch: RaidBatch, actions: Any) -> None:
    running = ~(batch.terminated | batch.truncated)
    wrong = is_illegal(batch, actions.astype(np.int64)).sum(axis=1)
    before = batch.metrics()["illegal_actions"]
    batch.step(actions)
    after = batch.metrics()["illegal_actions"]
    assert np.array_equal(after - before, np.where(running, wrong, 0))
    assert np.all(np.isfinite(batch.reward))
    for name, table in batch.observation.items():
        assert np.all(np.isfinite(table)), name


def _malformed(shape: tuple[int, int], rng: np.random.Generator) -> Any:
    """Return something that is no array of integers of a shape."""
    members, shooters = shape
    match rng.integers(9):
        case 0:
            return np.full(shape, rng.choice([np.nan, np.inf, 0.0, 1.5]))
        case 1:
            return np.zeros((members, shooters + int(rng.integers(1, 9))), np.int64)
        case 2:
            return np.zeros((int(rng.integers(0, members)), shooters), np.int64)
        case 3:
            return np.zeros((*shape, int(rng.integers(0, 3))), np.int64)
        case 4:
            return np.zeros(shape, rng.choice([np.bool_, np.complex128, np.float16]))
        case 5:
            return np.full(shape, rng.choice(["hold", "0", ""]))
        case 6:
            return np.full(shape, None)
        case 7:
            return [None, "x", {}, 0, float("nan")][rng.integers(5)]
    return np.zeros(shape, "datetime64[s]")


def _refused(batch: RaidBatch, actions: Any) -> None:
    before = batch.state().metrics.copy(), batch.state().raid.copy()
    try:
        batch.step(actions)
    except ValueError as error:
        assert "action" in str(error), error
    else:
        raise AssertionError(f"{actions!r} was taken for actions")
    assert np.array_equal(before[0], batch.state().metrics)
    assert np.array_equal(before[1], batch.state().raid)


def check_settings(count: int, seed: int) -> int:
    """Load scenarios in which something was changed at random; return how many were refused.

    Whatever is wrong with one, it is a ScenarioError; and what is taken can be built.
    """
    rng, refused = np.random.default_rng(seed), 0
    names = ("duel", "air-policing", "campaign")
    sources = [pickle.dumps(source) for source in (mapping(), *map(read_scenario, names))]
    chances = [0.7, 0.2, 0.05, 0.05]
    while refused < count:
        source = pickle.loads(sources[rng.choice(len(sources), p=chances)])  # quicker than copy
        changes = [_change(source, rng) for _ in range(int(rng.integers(1, 4)))]
        try:
            scenario_params(load_scenario(source))
        except ScenarioError as error:
            assert str(error)
            refused += 1
        except Exception as error:
            raise AssertionError(f"{type(error).__name__}: {error}, after {changes}") from error
    return refused


def _change(source: Any, rng: np.random.Generator) -> str:
    """Spoil one place of a mapping of mappings and lists; return what was done."""
    places = list(_places(source))
    holder, key = places[rng.integers(len(places))]
    match rng.integers(5):
        case 0 if isinstance(holder, dict):
            del holder[key]
            return f"{key!r} left out"
        case 1 if isinstance(holder, dict):
            holder[f"{key}x"] = holder.pop(key)
            return f"{key!r} misspelt"
        case 2 if isinstance(holder, list):
            holder.append(copy.deepcopy(holder[key]))
            return "an entry doubled"
        case 3:
            other, name = places[rng.integers(len(places))]
            holder[key] = copy.deepcopy(other[name])
            return f"{key!r} = what stood in {name!r}"
    junk = _JUNK[rng.integers(len(_JUNK))]
    holder[key] = copy.deepcopy(junk)  # a later change may be made inside of it
    return f"{key!r} = {junk!r}"


def _places(data: Any) -> Iterator[tuple[Any, Any]]:
    keys = list(data) if isinstance(data, dict) else range(len(data))
    for key in keys:
        yield data, key
        if isinstance(data[key], dict | list):
            yield from _places(data[key])


Told = Callable[[int], object]


def _nobody(done: int) -> None:
    """Tell nobody how far it is."""


# What to check, and how many of it in a part, each part with a seed of its own.
CHECKS: dict[str, tuple[Callable[[int, int], int], int]] = {
    "scenarios": (check_scenarios, 50),
    "actions": (check_actions, 50_000),
    "settings": (check_settings, 1_000),
}


def in_parts(
    what: str, count: int, seed: int, results: Path | None, until: float, told: Told = _nobody
) -> int:
    """Check part by part until `count` have been, earlier calls' included; return how many.

    Args:
        what: key of `CHECKS`.
        count: how many in all.
        seed: of the first part; that of a later one is as much larger as had been done before it.
        results: file that says what has been done, a line a kind and seed; None: from the start.
        until: time at which to end early, between two parts.
        told: how many have been.
    """
    known = results is not None and results.is_file()
    notes = json.loads(results.read_text("utf-8")) if results is not None and known else {}
    check, size = CHECKS[what]
    key = f"{what}, seed {seed}"
    while notes.get(key, 0) < count and time.monotonic() < until:
        done = notes.get(key, 0)
        notes[key] = done + check(min(size, count - done), seed + done)
        told(notes[key])
        if results is not None:
            write_text(results, json.dumps(notes, indent=1) + "\n")
    return int(notes.get(key, 0))


def grown_by(
    steps: int, seed: int, until: float = math.inf, told: Told = _nobody
) -> tuple[float, int, int]:
    """Return by how many MB this process grows, the steps it made, and the raids it began.

    Args:
        steps: of single raids, over all members of a batch. A raid that is over is followed by
            the next; every thousandth call all members begin a new one, wherever they are.
        seed: of the actions and raids.
        until: time at which to end early.
        told: of the steps made.
    """
    batch, rng = RaidBatch("standard", 256), np.random.default_rng(seed)
    calls, begun, before = max(1, steps // batch.num_envs), 0, 0.0
    actions = [rng.integers(0, 5, (256, batch.scenario.num_shooters)) for _ in range(16)]
    for call in range(-300, calls):  # the first calls fill caches, and end the first raids
        if call == 0:
            before, begun = _resident_mb(), 0
        if call % 1000 == 0 or call == -300:
            batch.reset(None, rng.integers(0, 2**62, 256))
            begun += 256
        told(max(call, 0) * batch.num_envs)
        batch.step(actions[call % 16])
        over = batch.terminated | batch.truncated
        batch.reset(over)
        begun += int(over.sum())
        batch.metrics(), batch.snapshot()
        if time.monotonic() > until:
            calls = call + 1
            break
    return _resident_mb() - before, calls * batch.num_envs, begun


def _resident_mb() -> float:
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)  # what is free but kept is not grown
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1e6


def main() -> None:
    """Run one of them, and say how far it came."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=[*CHECKS, "memory"])
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--results", type=Path, help="JSON file of what has been done")
    parser.add_argument("--seconds", type=float, default=math.inf)
    given = parser.parse_args()
    until = time.monotonic() + given.seconds
    with ProgressBar(given.what, given.count) as bar:
        if given.what == "memory":
            grown, done, begun = grown_by(given.count, given.seed, until, bar.update)
            said = f"{done} steps, {begun} raids begun: grown by {grown:.2f} MB"
        else:
            what, count, seed = given.what, given.count, given.seed
            done = in_parts(what, count, seed, given.results, until, bar.update)
            said = f"{what}: {done} without a fault"
    print(said)


if __name__ == "__main__":
    main()
