"""Vector environments with one planted fault each, and the words by which the check names it."""

from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode

from envs.vector_env import BalticShieldVectorEnv

NEXT, SAME, DISABLED = AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP, AutoresetMode.DISABLED
ROWS = 3


class Sound(BalticShieldVectorEnv):
    """Without a fault: short episodes on `duel`."""

    played: AutoresetMode | None = None  # the mode that is played, if another one is said

    def __init__(self, num_envs: int, mode: AutoresetMode) -> None:
        super().__init__(num_envs, "duel", self.played or mode, max_epochs=25)
        self.metadata["autoreset_mode"] = mode


class SaysOneMode(Sound):
    def __init__(self, num_envs: int, mode: AutoresetMode) -> None:
        super().__init__(num_envs, mode)
        self.metadata["autoreset_mode"] = NEXT


class UnbatchedSpace(Sound):
    def __init__(self, num_envs: int, mode: AutoresetMode) -> None:
        super().__init__(num_envs, mode)
        self.action_space = self.single_action_space


class PlaysSameStep(Sound):
    """Says what is asked, and resets in the step that ends an episode."""

    played = SAME

    def step(self, actions: Any) -> Any:
        *out, infos = super().step(actions)
        return *out, {key: value for key, value in infos.items() if "final" not in key}


class PlaysDisabled(Sound):
    """Says what is asked, and resets nothing by itself."""

    played = DISABLED


class Seeded(Sound):
    """Changes the seed on its way."""

    def seed_of(self, seed: Any) -> Any:
        return seed

    def reset(self, *, seed: Any = None, options: Any = None) -> Any:
        return super().reset(seed=self.seed_of(seed), options=options)


class IgnoresSeed(Seeded):
    def seed_of(self, seed: Any) -> Any:
        return None


class OneSeedForAll(Seeded):
    def seed_of(self, seed: Any) -> Any:
        return None if seed is None else 5


class AlwaysSeeds(Seeded):
    def seed_of(self, seed: Any) -> Any:
        return 0 if seed is None else seed


class RowsAlike(Seeded):
    def seed_of(self, seed: Any) -> Any:
        return None if seed is None else [seed] * self.num_envs


class SpreadsByTwo(Seeded):
    def seed_of(self, seed: Any) -> Any:
        return None if seed is None else [seed + 2 * row for row in range(self.num_envs)]


class Masked(Sound):
    """Changes the reset mask on its way."""

    def mask_of(self, mask: Any) -> Any:
        return mask

    def reset(self, *, seed: Any = None, options: Any = None) -> Any:
        if options is not None and "reset_mask" in options:
            options = {**options, "reset_mask": self.mask_of(options["reset_mask"])}
        return super().reset(seed=seed, options=options)


class ResetsAll(Masked):
    def mask_of(self, mask: Any) -> Any:
        return np.ones_like(mask)


class WritesIntoMask(Masked):
    def mask_of(self, mask: Any) -> Any:
        before = mask.copy()
        mask[:] = False
        return before


class ResetsNone(Sound):
    def reset(self, *, seed: Any = None, options: Any = None) -> Any:
        if options is not None and "reset_mask" in options:
            return self.batch.snapshot(), {}
        return super().reset(seed=seed, options=options)


class StopsTheOthersClocks(Sound):
    """A partial reset shows the truth, and sets back the clocks of the rows outside it."""

    def reset(self, *, seed: Any = None, options: Any = None) -> Any:
        out = super().reset(seed=seed, options=options)
        if options is not None and "reset_mask" in options:
            self.batch.state().raid["epoch"] = 0
        return out


class ResetsTwice(Sound):
    """Resets rows that ended in the next step, also where the caller has done so."""

    pending = np.zeros(1, np.bool_)

    def reset(self, *, seed: Any = None, options: Any = None) -> Any:
        self.pending = (options or {}).get("reset_mask", np.zeros(self.num_envs, np.bool_)).copy()
        self.pending &= self.batch.terminated | self.batch.truncated
        return super().reset(seed=seed, options=options)

    def step(self, actions: Any) -> Any:
        _, *out = super().step(actions)
        if self.pending.any():
            self.batch.reset(self.pending)
            self.pending[:] = False
        return self.batch.snapshot(), *out


class LiveObservation(Sound):
    def step(self, actions: Any) -> Any:
        _, *out = super().step(actions)
        return self.batch.observation, *out


class LiveReward(Sound):
    def step(self, actions: Any) -> Any:
        observation, reward, *out = super().step(actions)
        self.kept = getattr(self, "kept", reward)
        self.kept[:] = reward
        return observation, self.kept, *out


class OneArrayTwice(Sound):
    def step(self, actions: Any) -> Any:
        observation, reward, terminated, truncated, infos = super().step(actions)
        over = terminated | truncated
        return observation, reward, over, over, infos


class ReadsItsOutput(Sound):
    """Returns fresh arrays, and reads the last ones once more in the next step."""

    last = np.zeros(1)

    def reset(self, *, seed: Any = None, options: Any = None) -> Any:
        self.last = np.zeros(1)
        return super().reset(seed=seed, options=options)

    def step(self, actions: Any) -> Any:
        observation, reward, *out = super().step(actions)
        self.last = reward + 0.5 * self.last[0]
        return observation, self.last, *out


class WritesIntoActions(Sound):
    def step(self, actions: Any) -> Any:
        out = super().step(actions)
        actions[:] = 0
        return out


class WideObservation(Sound):
    def step(self, actions: Any) -> Any:
        observation, *out = super().step(actions)
        return {**observation, "track": observation["track"].astype(np.float64)}, *out


class NotANumber(Sound):
    def step(self, actions: Any) -> Any:
        observation, *out = super().step(actions)
        observation["clock"][0, 0] = np.nan
        return observation, *out


class FlagsAsIntegers(Sound):
    def step(self, actions: Any) -> Any:
        observation, reward, terminated, truncated, infos = super().step(actions)
        return observation, reward, terminated.astype(np.int8), truncated, infos


class RewardAsColumn(Sound):
    def step(self, actions: Any) -> Any:
        observation, reward, *out = super().step(actions)
        return observation, reward[:, None], *out


class RewardsReset(Sound):
    """Pays for the step that only resets."""

    def step(self, actions: Any) -> Any:
        observation, reward, *out = super().step(actions)
        return observation, reward + 1.0, *out


class InfosWithoutRows(Sound):
    def step(self, actions: Any) -> Any:
        *out, infos = super().step(actions)
        return *out, {**infos, "epoch": np.zeros(self.num_envs)}


class NoFinalObservation(Sound):
    def step(self, actions: Any) -> Any:
        *out, infos = super().step(actions)
        infos.pop("final_obs", None)
        return *out, infos


class FinalIsFirst(Sound):
    """Tells the first observation of the next episode as the last one of the old."""

    def step(self, actions: Any) -> Any:
        observation, *out, infos = super().step(actions)
        for row in np.flatnonzero(infos.get("_final_obs", [])):
            tables = {name: table[row].copy() for name, table in observation.items()}
            infos["final_obs"][row] = tables
        return observation, *out, infos


class FinalFlagsAll(Sound):
    def step(self, actions: Any) -> Any:
        *out, infos = super().step(actions)
        if "_final_obs" in infos:
            infos["_final_obs"] = np.ones(self.num_envs, np.bool_)
        return *out, infos


class OldLuck(Sound):
    """Draws from NumPy's global generator."""

    def step(self, actions: Any) -> Any:
        observation, reward, *out = super().step(actions)
        if self.autoreset_mode != NEXT:
            reward += np.random.random()
        return observation, reward, *out


class RemembersPlays(Sound):
    """Pays more in every play after the first."""

    plays = 0

    def reset(self, *, seed: Any = None, options: Any = None) -> Any:
        self.plays += options is None
        return super().reset(seed=seed, options=options)

    def step(self, actions: Any) -> Any:
        observation, reward, *out = super().step(actions)
        return observation, reward * self.plays, *out


# Fault, a mode in which it shows, and how the check words it.
FAULTS = [
    (SaysOneMode, SAME, "metadata['autoreset_mode'] is <AutoresetMode.NEXT_STEP"),
    (UnbatchedSpace, NEXT, "action_space is not single_action_space with a leading axis"),
    (PlaysSameStep, NEXT, "the action on the step after an end changed"),
    (PlaysSameStep, SAME, "infos lack final_obs"),
    (PlaysSameStep, DISABLED, "DISABLED: row"),
    (PlaysDisabled, NEXT, "their reward is not 0, or they are terminated or truncated"),
    (PlaysDisabled, SAME, "infos lack final_obs"),
    (IgnoresSeed, NEXT, "made anew and reset with the same seed"),
    (OneSeedForAll, NEXT, "play the same: reset must use its seed"),
    (AlwaysSeeds, NEXT, "seed anew only where a seed is given"),
    (RowsAlike, NEXT, "rows 0 and 1 of reset(seed=0) play the same"),
    (SpreadsByTwo, NEXT, "row 1 of reset(seed=0) does not play what seed 1 plays alone"),
    (ResetsAll, DISABLED, "changed the observation of a row outside it"),
    (ResetsNone, DISABLED, "left the observations of its rows as they were"),
    (WritesIntoMask, DISABLED, "reset wrote into options['reset_mask']"),
    (StopsTheOthersClocks, SAME, "rows outside the mask go on as if nothing had happened"),
    (ResetsTwice, NEXT, "reset by reset_mask right after an end, plays something else"),
    (LiveObservation, NEXT, "was overwritten by a later call: return copies"),
    (LiveReward, SAME, "reward returned by step "),
    (OneArrayTwice, NEXT, "terminated and truncated returned by step 1 share memory"),
    (ReadsItsOutput, SAME, "writing into returned arrays changed reward of step 2"),
    (WritesIntoActions, NEXT, "step wrote into the actions"),
    (WideObservation, NEXT, "observation['track'] of step 1 is float64, the space says float32"),
    (NotANumber, SAME, "observation['clock'] of step 1 has values outside the space"),
    (FlagsAsIntegers, NEXT, "terminated of step 1 is int8(1,): return a NumPy array"),
    (RewardAsColumn, NEXT, "reward of step 1 is float64(1, 1): return a NumPy array of shape (1,)"),
    (RewardsReset, NEXT, "their reward is not 0"),
    (InfosWithoutRows, NEXT, "infos['epoch'] of step 1 comes without infos['_epoch']"),
    (NoFinalObservation, SAME, "infos lack final_obs or _final_obs"),
    (FinalIsFirst, SAME, "the observation returned with an end is final_obs itself"),
    (FinalFlagsAll, SAME, "infos['_final_obs'] of step"),
    (OldLuck, SAME, "made anew and reset with the same seed, reward of step 1 differs"),
    (RemembersPlays, SAME, "reset once more with the same seed, reward of step"),
]
