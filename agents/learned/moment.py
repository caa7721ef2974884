"""A moment of a training between two updates: with the weights, all that its future follows from.

The rollout buffer is empty then, so what is left is the raids under way, the generators, and what
the buffer and Stable-Baselines3 count. Taken as plain arrays and JSON values.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from agents.files import LoadError
from agents.learned.adapter import RaidVecEnv
from agents.learned.buffers import RaidRolloutBuffer
from agents.learned.models import Model

Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Moment:
    """Copies, which training goes on without touching.

    Attributes:
        arrays: By dotted name, without records: every field has an array of its own.
        values: What JSON holds.
    """

    arrays: Arrays
    values: dict[str, Any]


def take(model: Model) -> Moment:
    """Copy where a training stands. Call it between two updates, when no rollout is under way."""
    arrays = _flat(environment(model).get_state(), "environment")
    # Before its first rollout SB3 has none; every row starts a raid then.
    starts = model._last_episode_starts
    arrays["episode_starts"] = np.ones(model.n_envs, bool) if starts is None else starts.copy()
    values: dict[str, Any] = {"steps": model.num_timesteps, "updates": model._n_updates}
    buffer = model.rollout_buffer
    if isinstance(buffer, RaidRolloutBuffer):
        arrays |= _flat(buffer.get_state(), "buffer")
        values["order"] = buffer.rng.bit_generator.state
    own, values["generators"] = generators()
    return Moment(arrays | _flat(own, "generators"), values)


def restore(model: Model, moment: Moment) -> None:
    """Bring a model of the same settings and scenario to where another one stood, to the bit.

    Raises:
        LoadError: If the moment is of another batch size, scenario or version of the environment.
    """
    env, buffer = environment(model), model.rollout_buffer
    env.set_state(_gathered(moment.arrays, env.get_state(), "environment"))
    model._last_obs = env.batch.snapshot()
    model._last_episode_starts = moment.arrays["episode_starts"].copy()
    model.num_timesteps = moment.values["steps"]
    model._n_updates = moment.values["updates"]
    if isinstance(buffer, RaidRolloutBuffer):
        buffer.set_state(_gathered(moment.arrays, buffer.get_state(), "buffer"))
        buffer.rng.bit_generator.state = moment.values["order"]
    own = _gathered(moment.arrays, generators()[0], "generators")
    set_generators(own, moment.values["generators"])


def environment(model: Model) -> RaidVecEnv:
    """The environment that a model learns in."""
    assert isinstance(model.env, RaidVecEnv)
    return model.env


def generators() -> tuple[Arrays, dict[str, Any]]:
    """The state of the process's generators, torch's, NumPy's and Python's, as copies."""
    name, key, place, has_gauss, gauss = np.random.get_state()
    version, words, next_gauss = random.getstate()
    arrays = {
        "torch": torch.get_rng_state().numpy(),
        "numpy": np.array(key, np.uint32),
        "python": np.array(words, np.uint32),
    }
    return arrays, {
        "numpy": [str(name), int(place), int(has_gauss), float(gauss)],
        "python": [version, next_gauss],
    }


def set_generators(arrays: Mapping[str, NDArray[Any]], values: Mapping[str, Any]) -> None:
    """Undo what was drawn since :func:`generators`."""
    name, place, has_gauss, gauss = values["numpy"]
    version, next_gauss = values["python"]
    torch.set_rng_state(torch.from_numpy(arrays["torch"].copy()))
    np.random.set_state((name, arrays["numpy"], place, has_gauss, gauss))
    random.setstate((version, tuple(arrays["python"].tolist()), next_gauss))


@contextmanager
def generators_kept() -> Iterator[None]:
    """Let what happens inside draw as it likes, and leave no trace."""
    before = generators()
    try:
        yield
    finally:
        set_generators(*before)


def _flat(state: Mapping[str, NDArray[Any]], prefix: str) -> Arrays:
    """Arrays by dotted name; of arrays of records, one a field."""
    flat: Arrays = {}
    for name, array in state.items():
        fields = array.dtype.names
        if fields is None:
            flat[f"{prefix}.{name}"] = np.ascontiguousarray(array)
        else:
            for field in fields:
                flat[f"{prefix}.{name}.{field}"] = np.ascontiguousarray(array[field])
    return flat


def _gathered(flat: Mapping[str, NDArray[Any]], like: Arrays, prefix: str) -> Arrays:
    """What :func:`_flat` took apart, put together in arrays of the shape and dtype of ``like``.

    Raises:
        LoadError: If an array is missing, unknown, or of another shape or dtype.
    """
    wanted = _flat(like, prefix)
    there = {name for name in flat if name.startswith(f"{prefix}.")}
    if there != set(wanted):
        odd = ", ".join(sorted(there ^ set(wanted)))
        raise LoadError(f"the saved {prefix} is of another version: arrays differ: {odd}")
    for name, array in wanted.items():
        if flat[name].shape != array.shape or flat[name].dtype != array.dtype:
            raise LoadError(
                f"{name}: {flat[name].dtype}{list(flat[name].shape)} was saved; "
                f"{array.dtype}{list(array.shape)} is needed"
            )
    for name, array in like.items():
        if array.dtype.names is None:
            array[...] = flat[f"{prefix}.{name}"]
            continue
        for field in array.dtype.names:
            array[field] = flat[f"{prefix}.{name}.{field}"]
    return like
