"""A check of native Gymnasium vector environments, anybody's: it knows nothing of this project."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space, iterate

from envs.check_calls import DISTURBED, Call, Case, Make, play, reset
from envs.check_compare import (
    PARTS,
    History,
    VectorEnvError,
    difference,
    expect,
    first_difference,
    histories,
    leaves,
)

__all__ = ["VectorEnvError", "check_vector_env"]


def check_vector_env(
    make: Make,
    num_envs: int = 4,
    modes: Sequence[AutoresetMode] = tuple(AutoresetMode),
    seed: int = 0,
    max_steps: int = 2000,
    partial_resets: bool = True,
    members_differ: bool = True,
    rows_by_seed: bool = False,
) -> None:
    """Check that a vector environment keeps the promises of Gymnasium 1.

    Random actions of its action space are played until every row has ended two episodes. Checked:
    spaces, shapes and dtypes; seeds and determinism; that rows differ; what happens at the end of
    an episode in each autoreset mode, and that the modes play the same; resets of some rows; infos;
    that arrays returned belong to the caller.

    Args:
        make: returns a new environment of so many rows, in an autoreset mode.
        num_envs: rows to check it with, 2 or more; it is tried with one row, too.
        modes: those it offers.
        seed: of all that is random here.
        max_steps: of one play; every play must see the end of an episode in it.
        partial_resets: whether it must know `options={"reset_mask": ...}`; without it the mode
            DISABLED cannot be checked.
        members_differ: whether luck plays a part, so that rows under the same actions differ.
        rows_by_seed: whether it promises more, as `SyncVectorEnv` does: row i of `reset(seed=s)`
            plays the episodes of seed s + i, whatever the number of rows, the mode, and the others.

    Raises:
        ValueError: on fewer than two rows.
        VectorEnvError: at the first promise that is not kept; says what to do.

    Example:
        >>> from envs.checks import check_vector_env
        >>> from envs.vector_env import BalticShieldVectorEnv
        >>> def make(num_envs, autoreset_mode):
        ...     return BalticShieldVectorEnv(num_envs, "duel", autoreset_mode)
        >>> check_vector_env(make, rows_by_seed=True)
    """
    if num_envs < 2:
        raise ValueError(f"num_envs: {num_envs!r} is not right; 2 or more are needed")
    plays: dict[AutoresetMode, list[Call]] = {}
    for mode in modes:
        case = Case(make, num_envs, mode, seed, max_steps)
        try:
            _check_alone(replace(case, num_envs=1))
            plays[mode] = _played(case, seed)
            _check_repeatable(case, plays[mode])
            _check_ends(case, plays[mode])
            _check_ownership(case, plays[mode])
            if members_differ:
                _check_luck(case, plays[mode])
            if partial_resets:
                _check_partial_reset(case)
            if rows_by_seed:
                _check_rows(case, plays[mode], partial_resets)
        except VectorEnvError as error:
            raise VectorEnvError(f"{mode.name}: {error}") from None
    for mode in modes[1:]:
        _check_modes_agree(plays, modes[0], mode, rows_by_seed)


def _check_alone(case: Case) -> None:
    """Check a first play, with one row."""
    env = _made(case)
    play(case, env, case.seed)
    env.close()
    env.close()  # a second time is allowed


def _played(case: Case, seed: int | None, **how: Any) -> list[Call]:
    """Return a play of an environment made for it; see `play`."""
    env = _made(case)
    calls = play(case, env, seed, **how)
    env.close()
    return calls


def _made(case: Case) -> VectorEnv:
    """Make an environment and check what it says of itself."""
    env = case.make(case.num_envs, case.mode)
    if not isinstance(env, VectorEnv):
        raise VectorEnvError(f"{type(env).__name__} is no gymnasium.vector.VectorEnv: inherit it")
    expect(
        env.num_envs == case.num_envs,
        f"num_envs is {env.num_envs}, {case.num_envs} were asked for: set self.num_envs",
    )
    said = env.metadata.get("autoreset_mode")
    expect(
        said is case.mode,
        f"metadata['autoreset_mode'] is {said!r}, asked for was {case.mode}: set it in each "
        "environment to that member of gymnasium.vector.AutoresetMode",
    )
    for kind in ("observation", "action"):
        single, batched = getattr(env, f"single_{kind}_space"), getattr(env, f"{kind}_space")
        expect(
            batched == batch_space(single, case.num_envs),
            f"{kind}_space is not single_{kind}_space with a leading axis of {case.num_envs}: "
            "make it with gymnasium.vector.utils.batch_space",
        )
    return env


def _check_ends(case: Case, calls: list[Call]) -> None:
    """Check ends of episodes as far as one mode shows them."""
    if case.mode is AutoresetMode.NEXT_STEP:
        _expect_equal(
            calls,
            _played(case, case.seed, ignored=1),
            "the action on the step after an end changed {what}: in this mode that step resets the "
            "row and ignores the action; an environment that has reset the row before, in the step "
            "that ended the episode, is in SAME_STEP, and metadata must say so",
        )
    if case.mode is AutoresetMode.SAME_STEP:
        ends = [(call, row) for call in calls for row in np.flatnonzero(call.ended)]
        expect(
            any(difference(c.rows[row], c.kept[4]["final_obs"][row]) for c, row in ends),
            "the observation returned with an end is final_obs itself: return the first one of the "
            "next episode, and the last one of the old episode in infos['final_obs']",
        )


def _check_ownership(case: Case, calls: list[Call]) -> None:
    """Check that what was returned belongs to the caller."""
    for call in calls:
        where = difference(call.returned, call.kept)
        expect(
            where is None,
            f"{where} returned by {call.name} was overwritten by a later call: return copies",
        )
        told = call.returned[4].get("final_obs")
        own = [leaf for leaf in leaves((*call.returned[:4], told)) if _is_array(leaf[1])]
        for n, (name, array) in enumerate(own):
            for other, twin in own[:n]:
                expect(
                    not np.may_share_memory(array, twin),
                    f"{other} and {name} returned by {call.name} share memory: return copies",
                )
    _expect_equal(
        calls,
        _played(case, case.seed, scribble=True),
        "writing into returned arrays changed {what}: they are the environment's own memory, or "
        "are returned more than once; return copies",
    )


def _is_array(value: object) -> bool:
    return isinstance(value, np.ndarray)


def _check_repeatable(case: Case, calls: list[Call]) -> None:
    """Check that the same seed plays the same."""
    draw = "draw all that is random from a generator that reset(seed=...) seeds"
    env = _made(case)
    _expect_equal(
        calls,
        play(case, env, case.seed),
        "made anew and reset with the same seed, {what} differs: " + draw,
    )
    _expect_equal(
        calls,
        play(case, env, case.seed),
        "reset once more with the same seed, {what} differs: " + draw + ", and let reset set back "
        "everything that a play changes",
    )
    env.close()
    _expect_equal(
        _play_on(case),
        _play_on(case),
        "after reset(seed) and reset(), {what} differs from the same again: " + draw,
    )


def _play_on(case: Case) -> list[Call]:
    """Play what a reset without a seed begins, after one with a seed."""
    env = _made(case)
    env.reset(seed=case.seed)
    calls = play(case, env, None)
    env.close()
    return calls


def _check_luck(case: Case, calls: list[Call]) -> None:
    """Check that seeds, rows and episodes differ."""
    other = _played(case, case.seed + 1000)
    expect(
        first_difference(calls, other) is not None,
        f"seeds {case.seed} and {case.seed + 1000} play the same: reset must use its seed",
    )
    expect(
        first_difference(calls, _play_on(case)) is not None,
        "reset() without a seed plays the episodes of the seed before once more: seed anew only "
        "where a seed is given",
    )
    told = histories(_played(case, case.seed, alike=True))
    for row in range(case.num_envs):
        for before in range(row):
            shorter = min(len(told[row]), len(told[before]))
            expect(
                difference(told[row][:shorter], told[before][:shorter]) is not None,
                f"rows {before} and {row} of reset(seed={case.seed}) play the same under the same "
                "actions: seed row i with seed + i, or draw for all rows from one generator",
            )


def _check_partial_reset(case: Case) -> None:
    """Check that `reset_mask` resets its rows and leaves the others alone."""
    env = _made(case)
    before = play(case, env, case.seed, steps=3)[-1].rows
    mask = np.arange(case.num_envs) % 2 == 0
    handed = mask.copy()
    observation, _ = reset(env, options={"reset_mask": handed})
    expect(np.array_equal(mask, handed), "reset wrote into options['reset_mask']: copy it first")
    after = list(iterate(env.observation_space, observation))
    env.close()
    changed = np.array([difference(*pair) is not None for pair in zip(before, after, strict=True)])
    fix = "reset the rows where options['reset_mask'] is True, and those alone"
    expect(
        not changed[~mask].any(),
        f"reset with a reset_mask changed the observation of a row outside it: {fix}",
    )
    expect(
        bool(changed[mask].any()),
        f"reset with a reset_mask left the observations of its rows as they were: {fix}",
    )


def _check_rows(case: Case, calls: list[Call], partial_resets: bool) -> None:
    """Check that a row's episodes follow from its own seed alone."""
    expected = histories(calls)
    for row in range(case.num_envs):
        alone = _played(replace(case, num_envs=1), case.seed + row, place=row)
        _expect_prefix(
            expected[row],
            histories(alone)[0],
            f"row {row} of reset(seed={case.seed}) does not play what seed {case.seed + row} plays "
            "alone, {what} differs: give each row a generator of its own, seeded with seed + row",
        )
    if partial_resets:
        _check_rows_by_mask(case, expected)


def _check_rows_by_mask(case: Case, expected: list[History]) -> None:
    """Check that rows reset by mask, and those beside them, play on by their own seeds."""
    mask = np.arange(case.num_envs) % 2 == 0
    disturbed = _played(case, case.seed, disturb=mask)
    again = [call.name for call in disturbed].index(DISTURBED)
    for row in range(case.num_envs):
        inside = bool(mask[row])
        _expect_prefix(
            expected[row],
            histories(disturbed[again:] if inside else disturbed)[row],
            f"{'after' if inside else 'outside'} a reset with seed and reset_mask in the middle of "
            f"a play row {row} plays something else, {{what}} differs: "
            + (
                "it must begin the episode of its seed"
                if inside
                else "rows outside the mask go on as if nothing had happened, clocks and generators"
            ),
        )
    if case.mode is AutoresetMode.NEXT_STEP:
        by_hand = histories(_played(case, case.seed, by_hand=True))
        for row in range(case.num_envs):
            _expect_prefix(
                expected[row],
                by_hand[row],
                f"row {row}, reset by reset_mask right after an end, plays something else, "
                "{what} differs: it is reset then, and the next step plays on",
            )


def _check_modes_agree(
    plays: dict[AutoresetMode, list[Call]], one: AutoresetMode, other: AutoresetMode, whole: bool
) -> None:
    """Check that two modes play the same: up to the first end or, by rows, all of it."""
    told = [histories(plays[mode], until_end=not whole) for mode in (one, other)]
    for row, (left, right) in enumerate(zip(*told, strict=True)):
        _expect_prefix(
            left,
            right,
            f"{other.name}: row {row} does not play what it plays in {one.name}, {{what}} differs: "
            "modes differ in when a row is reset, and in where the last observation of an episode "
            "is (final_obs in SAME_STEP, the observation itself in the others), in nothing else",
        )


def _expect_equal(calls: list[Call], others: list[Call], otherwise: str) -> None:
    what = first_difference(calls, others)
    expect(what is None, otherwise.replace("{what}", str(what)))


def _expect_prefix(left: History, right: History, otherwise: str) -> None:
    """Expect that two histories of a row agree as far as both go."""
    for n, (one, other) in enumerate(zip(left, right, strict=False)):
        for part, *values in zip(PARTS, one, other, strict=False):
            where = difference(*values)
            what = f"{part} {n}" if where is None else f"{part} {n} at {where}"
            expect(where is None, otherwise.replace("{what}", what))
        expect(len(one) == len(other), otherwise.replace("{what}", "when an episode ends"))
