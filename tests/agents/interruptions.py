"""Kill training at random moments and compare with a run that was left alone, byte for byte.

python -m tests.agents.interruptions --agent ppo --interruptions 100
"""

import argparse
import itertools
import json
import multiprocessing
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# Before torch is imported: its threads wait busily for each other on a machine with other work.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from agents import runs
from agents.classical.tuning_history import TuningSettings
from agents.interruption import Interruption
from agents.learned.settings import (
    A2CSettings,
    MaskablePPOSettings,
    PPOSettings,
    PriceNetworkSettings,
    PricesSettings,
)
from agents.recorder import PROGRESS_FILE
from envs.scenario import load_scenario

PPO = {
    "steps": 16 * 32 * 12, "num_envs": 16, "n_steps": 32, "batch_size": 128, "n_epochs": 2,
    "validation_raids": 16, "validate_every": 1024, "threads": 1,
}  # fmt: skip
A2C = {name: value for name, value in PPO.items() if name not in ("batch_size", "n_epochs")}
SETTINGS: dict[str, Any] = {
    "ppo": PPOSettings(**PPO),
    "a2c": A2CSettings(**A2C),
    "maskable_ppo": MaskablePPOSettings(**PPO),
    "prices": PricesSettings(**PPO),
    "pricing": TuningSettings(
        generations=40, candidates=4, raids=32, validation_raids=64, validate_every=4, batch_size=64
    ),
    "price_network": PriceNetworkSettings(
        iterations=8, raids=150, rate=0.3, search_raids=60, epochs=3, hidden=4, start="greedy",
        num_envs=64, validation_raids=32, threads=1, batch_size=256,
    ),
}  # fmt: skip
# A server that has imported everything once, and of which every training is a fork: a process of
# its own, without the seconds that importing takes.
_SERVER = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload(["agents.runs"])


def train(agent: str, folder: str) -> None:
    """Train in this process, as ``train.py`` does, until done, asked to stop, or killed."""
    sys.stderr = open(os.devnull, "w")
    with Interruption() as interruption:
        runs.fit(SETTINGS[agent], load_scenario("duel"), Path(folder), interruption.requested)
    sys.exit(interruption.exit_code)


def start(agent: str, folder: Path) -> Any:
    """Return the process of a training that has been started, or goes on, in a folder."""
    folder.mkdir(exist_ok=True)
    process = _SERVER.Process(target=train, args=(agent, str(folder)))
    process.start()
    return process


def result(folder: Path) -> dict[str, Any]:
    """Return what a run has come to: bytes by file, and its record without times."""
    names = (runs.WEIGHTS_FILE, runs.HISTORY_FILE, "agent/*", "checkpoint/*")
    files = {
        str(path.relative_to(folder)): path.read_bytes()
        for name in names
        for path in sorted(folder.glob(name))
    }
    lines = (folder / PROGRESS_FILE).read_text(encoding="utf-8").splitlines()
    untimed = [
        {name: value for name, value in json.loads(line).items() if not name.startswith("time/")}
        for line in lines
    ]
    return {**files, "record": untimed}


def interrupt(agent: str, folder: Path, interruptions: int, seed: int = 0) -> Iterator[str]:
    """Interrupt trainings at random moments, and yield what was seen of each that came to its end.

    Raises:
        AssertionError: if one cannot go on, or ends with another result than one left alone.
    """
    for name in ("straight", "again"):  # the first may have to compile
        began = time.monotonic()
        straight = start(agent, folder / name)
        straight.join()
        seconds = time.monotonic() - began
        assert straight.exitcode == 0, "a run that is left alone"
    expected = result(folder / "straight")
    assert result(folder / "again") == expected, "two runs left alone differ"
    yield f"a run left alone takes {seconds:.1f} s"
    rng, done = random.Random(seed), 0
    for number in itertools.count():
        own, stops = folder / str(number), 0
        while True:
            process = start(agent, own)
            process.join(rng.uniform(0.0, 0.5) * seconds)
            how = rng.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM])
            if process.exitcode is None and done < interruptions:
                os.kill(process.pid, how)
            process.join()
            if process.exitcode == 0:
                break
            # A training may be asked to stop before it listens: then it dies of the signal.
            assert process.exitcode in (-how, 128 + how), f"ended with {process.exitcode}"
            stops, done = stops + 1, done + 1
        found = result(own)
        different = [name for name in expected | found if expected.get(name) != found.get(name)]
        assert not different, f"run {number}, {stops} interruptions: {different} differ"
        yield f"run {number}: {stops} interruptions, equal to the run left alone; {done} so far"
        if done >= interruptions:
            return


def main() -> None:
    """Interrupt as often as asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--agent", choices=list(SETTINGS), default="ppo")
    parser.add_argument("--interruptions", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for line in interrupt(given.agent, Path(folder), given.interruptions, given.seed):
            print(line, flush=True)
    print(f"{given.agent}: none unreadable, none different")


if __name__ == "__main__":
    main()
