"""Demonstrations of any policy as a Minari data set: ``python -m agents.demonstrations``.

::

    python -m agents.demonstrations duel wta_greedy --raids 1000

The policy is a name or the folder of a run, as for ``evaluate.py``. The data set has whole raids,
one episode each, with the environment's own observation, action and reward; ``minari.load_dataset``
finds it by its id. Needs the extra ``minari``.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any

import gymnasium
import minari
import numpy as np
from minari.data_collector import EpisodeBuffer
from numpy.typing import NDArray

from agents.progress import tracked
from agents.rollout import IDLE, Rows, play
from agents.runs import load_policies
from envs.batch import RaidBatch
from envs.scenario import load_scenario

SPLITS = ("train", "validation", "test")


class Recording:
    """What is seen, done and gained in raids.

    Its methods ``add`` and ``close`` are what :func:`agents.rollout.play` calls ``decided`` and
    ``ended``.

    Args:
        episodes: Number of raids that are played.
        heads: Width of the environment's action; what the policy leaves out is 0, by need.
    """

    def __init__(self, episodes: int, heads: int) -> None:
        self.heads = heads
        self.observations: list[list[dict[str, NDArray[Any]]]] = [[] for _ in range(episodes)]
        self.actions: list[list[NDArray[np.int64]]] = [[] for _ in range(episodes)]
        self.rewards: list[list[float]] = [[] for _ in range(episodes)]
        self.ends = np.zeros((episodes, 2), np.bool_)

    def add(self, batch: RaidBatch, raid: NDArray[np.int64], actions: NDArray[np.int64]) -> None:
        """Keeps what is seen, what the decision before it gained, and what is decided now."""
        for member in np.flatnonzero(raid != IDLE):
            self._keep(batch, int(member), int(raid[member]))
            kept = np.zeros(self.heads, np.int64)
            kept[: actions.shape[1]] = actions[member]
            self.actions[raid[member]].append(kept)

    def close(self, batch: RaidBatch, raid: NDArray[np.int64]) -> None:
        """Keeps how raids ended."""
        over = (raid != IDLE) & (batch.terminated | batch.truncated)
        for member in np.flatnonzero(over):
            self._keep(batch, int(member), int(raid[member]))
            self.ends[raid[member]] = batch.terminated[member], batch.truncated[member]

    def buffers(self, seeds: Sequence[int]) -> list[EpisodeBuffer]:
        """The raids as Minari has them."""
        return [
            EpisodeBuffer(
                seed=int(seed),
                observations={
                    name: np.stack([seen[name] for seen in self.observations[n]])
                    for name in self.observations[n][0]
                },
                actions=np.stack(self.actions[n]),
                rewards=self.rewards[n],
                terminations=[False] * (len(self.rewards[n]) - 1) + [bool(self.ends[n, 0])],
                truncations=[False] * (len(self.rewards[n]) - 1) + [bool(self.ends[n, 1])],
            )
            for n, seed in enumerate(seeds)
        ]

    def _keep(self, batch: RaidBatch, member: int, raid: int) -> None:
        if self.observations[raid]:
            self.rewards[raid].append(float(batch.reward[member]))
        seen = {name: table[member].copy() for name, table in batch.observation.items()}
        self.observations[raid].append(seen)


def export(
    scenario: str,
    policy: str,
    seeds: Sequence[int],
    split: str = "train",
    dataset_id: str | None = None,
    chunk: int = 64,
) -> tuple[minari.MinariDataset, Rows]:
    """Plays the raid of every seed once and writes them as a Minari data set.

    Args:
        scenario: Name or path.
        policy: Name, or folder of a run; see :func:`agents.runs.load_policies`.
        seeds: One raid each, 0 or more.
        split: Which set of raids the seeds belong to.
        dataset_id: Of the data set; None for ``balticshield/<scenario>/<policy>-v0``.
        chunk: Raids held in memory at a time.

    Returns:
        The data set, and the rows of :func:`agents.rollout.play`, in the order of ``seeds``.

    Raises:
        ValueError: If there are no seeds, there is such a data set already, or a name is not
            known.
    """
    if len(seeds) < 1:
        raise ValueError(f"raids: {len(seeds)} is not right; 1 or more is needed")
    loaded = load_scenario(scenario)
    player = load_policies([policy], loaded)[policy]
    spec = gymnasium.make("envs:BalticShield-v0", scenario=scenario, split=split).spec
    action_space = RaidBatch(loaded, 1).layout.action_space()
    name = dataset_id or f"balticshield/{loaded.name}/{policy.strip('/').split('/')[-1]}-v0"
    dataset: minari.MinariDataset | None = None
    parts: list[Rows] = []
    portions = range(0, len(seeds), chunk)
    try:
        for start in tracked(f"playing {policy}, {chunk} raids at a time", portions):
            some = seeds[start : start + chunk]
            recording = Recording(len(some), len(action_space.nvec))
            add, close = recording.add, recording.close
            parts.append(play(player, loaded, some, split, chunk, ended=close, decided=add))
            if dataset is None:
                about = f"Raids of the split {split}, played by {policy}."
                dataset = minari.create_dataset_from_buffers(
                    name,
                    recording.buffers(some),
                    env=spec,
                    algorithm_name=policy,
                    description=about,
                )
            else:
                dataset.update_dataset_from_buffer(recording.buffers(some))
    except BaseException:
        if dataset is not None:
            minari.delete_dataset(name)  # half of it would look like a whole one
        raise
    assert dataset is not None
    return dataset, {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}


def main(arguments: Sequence[str] | None = None) -> int:
    """Exports what the command line asks for; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m agents.demonstrations", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("scenario", help="name or path")
    parser.add_argument("policy", help="name, or folder of a run")
    parser.add_argument("--raids", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0, help="of the first raid")
    parser.add_argument("--split", choices=SPLITS, default="train")
    parser.add_argument("--id", help="of the data set")
    chosen = parser.parse_args(arguments)
    seeds = range(chosen.seed, chosen.seed + chosen.raids)
    try:
        dataset, rows = export(chosen.scenario, chosen.policy, seeds, chosen.split, chosen.id)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(
        f"{dataset.id}: {dataset.total_episodes} raids, {dataset.total_steps} steps, "
        f"mean return {rows['return'].mean():.3f}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
