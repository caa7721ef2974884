"""The check of vector environments passes sound ones and names what is wrong with others."""

import re

import gymnasium
import pytest
from gymnasium.envs.classic_control.cartpole import CartPoleVectorEnv
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from envs.checks import VectorEnvError, check_vector_env
from envs.scenario import load_scenario
from envs.vector_env import BalticShieldVectorEnv
from tests.envs.faulty import DISABLED, FAULTS, NEXT, ROWS, Sound
from tests.envs.small import named


@pytest.mark.parametrize("name", ["duel", "small-policing"])
def test_ours_keeps_every_promise_in_all_modes(name):
    scenario = load_scenario(named(name))

    def make(num_envs, autoreset_mode):
        return BalticShieldVectorEnv(num_envs, scenario, autoreset_mode, max_epochs=25)

    check_vector_env(make, num_envs=ROWS, rows_by_seed=True)


def test_what_the_faults_are_planted_in_is_sound():
    check_vector_env(Sound, num_envs=ROWS, rows_by_seed=True)


@pytest.mark.parametrize(
    ("fault", "mode", "words"), FAULTS, ids=[f"{f.__name__}-{m.name}" for f, m, _ in FAULTS]
)
def test_each_planted_fault_is_named(fault, mode, words):
    # DISABLED by itself looks like any mode in which somebody resets at once.
    modes = [NEXT, DISABLED] if words == "DISABLED: row" else [mode]

    def make(num_envs, autoreset_mode):
        kind = fault if autoreset_mode == mode else Sound
        return kind(num_envs, autoreset_mode)

    with pytest.raises(VectorEnvError, match=re.escape(words)):
        check_vector_env(make, num_envs=ROWS, modes=modes, rows_by_seed=True)


def cart_poles(num_envs, autoreset_mode):
    poles = [lambda: gymnasium.make("CartPole-v1")] * num_envs
    return SyncVectorEnv(poles, autoreset_mode=autoreset_mode)


def test_gymnasiums_own_vectorisation_keeps_every_promise():
    check_vector_env(cart_poles, num_envs=ROWS, rows_by_seed=True)


def test_gymnasiums_native_cart_poles_keep_all_but_partial_resets():
    def make(num_envs, autoreset_mode):
        return CartPoleVectorEnv(num_envs)

    check_vector_env(make, modes=[NEXT], partial_resets=False)
    with pytest.raises(VectorEnvError, match="of a row outside it"):
        check_vector_env(make, modes=[NEXT])
    with pytest.raises(VectorEnvError, match="does not play what seed 0 plays alone"):
        check_vector_env(make, modes=[NEXT], partial_resets=False, rows_by_seed=True)
    with pytest.raises(VectorEnvError, match="asked for was AutoresetMode"):
        check_vector_env(make, modes=[AutoresetMode.SAME_STEP])


def test_a_play_without_an_end_says_so():
    with pytest.raises(VectorEnvError, match="no episode ended in 5 steps: give max_steps more"):
        check_vector_env(cart_poles, modes=[NEXT], max_steps=5)


def test_what_is_no_vector_environment_is_refused():
    with pytest.raises(VectorEnvError, match=r"inherit it"):
        check_vector_env(lambda n, mode: gymnasium.make("CartPole-v1"), modes=[NEXT])


def test_one_row_is_too_few():
    with pytest.raises(ValueError, match="num_envs: 1 is not right; 2 or more"):
        check_vector_env(Sound, num_envs=1)
