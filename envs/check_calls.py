"""Plays a vector environment, and examines what every call returns."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import concatenate, create_empty_array, iterate
from numpy.typing import NDArray

from envs.check_compare import PARTS, Call, Rows, difference, expect, leaves, words

Make = Callable[[int, AutoresetMode], VectorEnv]

DISTURBED = "reset(seed, reset_mask)"


@dataclass(frozen=True)
class Case:
    """How an environment is made and played."""

    make: Make
    num_envs: int
    mode: AutoresetMode
    seed: int
    max_steps: int


def play(
    case: Case,
    env: VectorEnv,
    seed: int | None,
    *,
    place: int = 0,
    ignored: int = 0,
    alike: bool = False,
    scribble: bool = False,
    by_hand: bool = False,
    steps: int | None = None,
    disturb: Rows | None = None,
) -> list[Call]:
    """Play random actions, checking what every call returns.

    A row's actions follow from its place and the number of steps it has played: not from the mode.

    Args:
        case: how to play.
        env: what to play, of `case.num_envs` rows.
        seed: given to `reset`.
        place: of row 0, which decides its actions.
        ignored: other actions on the steps that ignore them, by this number.
        alike: whether all rows take the actions of row 0.
        scribble: whether to write into all that is returned.
        by_hand: whether to reset rows that ended by `reset_mask`, as the mode DISABLED asks for.
        steps: how many; None until every row has ended two episodes, `case.max_steps` at most.
        disturb: bool [n], rows to reset with the seed after three steps, in the call `DISTURBED`.

    Returns:
        The calls.

    Raises:
        VectorEnvError: if a call returns what it should not, or no episode ends.
    """
    n, nobody = case.num_envs, np.zeros(case.num_envs, np.bool_)
    spread = _streams(env, case, place, alike)
    unheard = _streams(env, case, 7919 + ignored, False)
    begin = f"reset(seed={seed})"
    calls = [_record(env, begin, reset(env, seed=seed), nobody, ~nobody)]
    counts, step = np.zeros(n, np.int64), 0
    while counts.min() < 2 and step < case.max_steps if steps is None else step < steps:
        if scribble:
            _scribble(calls[-1].returned)
        over = calls[-1].ended
        if disturb is not None and step == 3:
            again = reset(env, seed=seed, options={"reset_mask": disturb.copy()})
            calls.append(_record(env, DISTURBED, again, nobody, disturb))
            fresh = _streams(env, case, place, alike)
            spread = [fresh[row] if disturb[row] else spread[row] for row in range(n)]
            over, disturb = over & ~disturb, None
        if (by_hand or case.mode is AutoresetMode.DISABLED) and over.any():
            again = reset(env, options={"reset_mask": over.copy()})
            calls.append(_record(env, f"reset after step {step}", again, nobody, over))
            over = nobody
        waiting = over & (case.mode is AutoresetMode.NEXT_STEP)
        step += 1
        chosen = [(unheard if waiting[row] else spread)[row].sample() for row in range(n)]
        calls.append(_step(env, case.mode, f"step {step}", chosen, waiting))
        counts += calls[-1].ended
    expect(
        steps is not None or bool(counts.any()),
        f"no episode ended in {step} steps: give max_steps more, or make shorter episodes",
    )
    return calls


def _streams(env: VectorEnv, case: Case, place: int, alike: bool) -> list[spaces.Space[Any]]:
    """Return a space to sample from for each row, seeded by its place."""
    streams = [deepcopy(env.single_action_space) for _ in range(case.num_envs)]
    for row, stream in enumerate(streams):
        stream.seed(case.seed + place + (0 if alike else row))
    return streams


def reset(env: VectorEnv, **arguments: Any) -> tuple[Any, dict[str, Any]]:
    """Call `reset`, and check that it returns a pair."""
    out = env.reset(**arguments)
    expect(
        isinstance(out, tuple) and len(out) == 2 and isinstance(out[1], dict),
        "reset must return (observation, infos), infos a dict",
    )
    return out


def _step(env: VectorEnv, mode: AutoresetMode, name: str, chosen: list[Any], waiting: Rows) -> Call:
    n = len(chosen)
    single = env.single_action_space
    empty: Any = create_empty_array(single, n)
    actions = concatenate(single, chosen, empty)
    handed = deepcopy(actions)
    out = env.step(handed)
    expect(
        isinstance(out, tuple) and len(out) == 5 and isinstance(out[4], dict),
        "step must return (observation, reward, terminated, truncated, infos), infos a dict",
    )
    expect(difference(actions, handed) is None, "step wrote into the actions: copy them first")
    for part, kind in ((1, np.floating), (2, np.bool_), (3, np.bool_)):
        value = out[part]
        expect(
            isinstance(value, np.ndarray)
            and value.shape == (n,)
            and np.issubdtype(value.dtype, kind),
            f"{PARTS[part]} of {name} is {words(value)}: return a NumPy array of shape ({n},), "
            + ("floats" if part == 1 else "bool"),
        )
    expect(bool(np.isfinite(out[1]).all()), f"reward of {name} is not finite")
    ended = out[2] | out[3]
    if mode is AutoresetMode.NEXT_STEP:
        expect(
            not (out[1][waiting].any() or ended[waiting].any()),
            f"{name} follows an end in rows {np.flatnonzero(waiting).tolist()}, and their reward "
            "is not 0, or they are terminated or truncated: in this mode that step only resets",
        )
    _check_final(env, mode, name, out[4], ended)
    begun = {AutoresetMode.NEXT_STEP: waiting, AutoresetMode.SAME_STEP: ended}
    return _record(env, name, out, ended, begun.get(mode, np.zeros(n, np.bool_)))


def _check_final(
    env: VectorEnv, mode: AutoresetMode, name: str, infos: dict[str, Any], ended: Rows
) -> None:
    """Check what infos hold of the episodes that ended."""
    if mode is not AutoresetMode.SAME_STEP:
        expect(
            "final_obs" not in infos,
            f"infos of {name} hold final_obs, which is of SAME_STEP alone: in this mode the "
            "observation itself is the last one, and metadata must tell the mode that is true",
        )
        return
    if not ended.any():
        return
    for key in ("final_obs", "final_info"):
        expect(
            key in infos and f"_{key}" in infos,
            f"an episode ended in {name}, and infos lack {key} or _{key}: in this mode the last "
            "observation and infos of the episode are there, for the rows where _ says True",
        )
        expect(
            np.array_equal(infos[f"_{key}"], ended),
            f"infos['_{key}'] of {name} is {infos[f'_{key}']}, ended have {ended}: make it "
            "terminated | truncated",
        )
    for row in np.flatnonzero(ended):
        final = infos["final_obs"][row]
        expect(
            env.single_observation_space.contains(final),
            f"infos['final_obs'][{row}] of {name} is not in single_observation_space: it holds the "
            "observation of one row, without the leading axis",
        )


def _record(env: VectorEnv, name: str, out: tuple[Any, ...], ended: Rows, begun: Rows) -> Call:
    """Check and keep what a call returned."""
    _check_observation(env, out[0], name)
    infos = out[-1]
    for key, value in infos.items():
        if key.startswith("_"):
            continue
        mask = infos.get(f"_{key}")
        expect(
            isinstance(mask, np.ndarray)
            and mask.dtype == np.bool_
            and mask.shape == (env.num_envs,),
            f"infos[{key!r}] of {name} comes without infos['_{key}'], bool of shape "
            f"({env.num_envs},), which says of which rows it is true: add it",
        )
        for path, array in _entries(value, f"infos[{key!r}]"):
            expect(
                array.shape[:1] == (env.num_envs,),
                f"{path} of {name} is {words(array)}: infos have one entry a row",
            )
    full = out if len(out) == 5 else (out[0], None, None, None, infos)
    kept = deepcopy(full)
    rows = list(iterate(env.observation_space, kept[0]))
    return Call(name, full, kept, ended.copy(), begun.copy(), rows)


def _entries(infos: Any, path: str) -> list[tuple[str, NDArray[Any]]]:
    """Return the arrays of infos, which may be nested, as they stand."""
    if isinstance(infos, dict):
        named = [(f"{path}[{key!r}]", value) for key, value in infos.items()]
        return [entry for name, value in named for entry in _entries(value, name)]
    return [(path, infos)] if isinstance(infos, np.ndarray) else []


def _check_observation(env: VectorEnv, observation: Any, name: str) -> None:
    for path, space, value in _members(env.observation_space, observation, "observation"):
        expect(
            isinstance(value, np.ndarray) and value.shape == space.shape,
            f"{path} of {name} is {words(value)}, the space says {space.dtype}{space.shape}: "
            "return an array of that shape",
        )
        expect(
            value.dtype == space.dtype,
            f"{path} of {name} is {value.dtype}, the space says {space.dtype}: return that dtype",
        )
        expect(
            space.contains(value),
            f"{path} of {name} has values outside the space (NaN, or beyond its bounds): widen the "
            "space, or return what it says",
        )


def _members(space: Any, value: Any, path: str) -> list[tuple[str, spaces.Space[Any], Any]]:
    """Return the parts of an observation that are arrays, with their spaces."""
    if isinstance(space, spaces.Dict):
        expect(
            isinstance(value, dict) and set(value) == set(space),
            f"{path} must be a dict of {', '.join(space)}: it has the keys that the space has",
        )
        parts = [(f"{path}[{key!r}]", space[key], value[key]) for key in space]
    elif isinstance(space, spaces.Tuple):
        expect(
            isinstance(value, tuple) and len(value) == len(space),
            f"{path} must be a tuple of {len(space)}, as the space",
        )
        parts = [(f"{path}[{n}]", part, value[n]) for n, part in enumerate(space)]
    elif space.shape is None or space.dtype is None:
        expect(space.contains(value), f"{path} is not in {space}: return what the space says")
        return []
    else:
        return [(path, space, value)]
    return [member for name, part, inner in parts for member in _members(part, inner, name)]


def _scribble(value: Any) -> None:
    """Overwrite every array in a nest that may be written to."""
    for _, array in leaves(value):
        if isinstance(array, np.ndarray) and array.flags.writeable:
            array[...] = ~array if array.dtype == np.bool_ else 77
