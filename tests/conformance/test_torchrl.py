"""TorchRL takes the environments as they are, with its own wrapper and masks."""

import pytest

pytest.importorskip("torchrl", reason="needs TorchRL: pip install .[torchrl]")
import torch
from gymnasium.vector import AutoresetMode
from torchrl.envs import ActionMask, GymWrapper, TransformedEnv
from torchrl.envs.utils import check_env_specs

from envs.single_env import BalticShieldEnv
from envs.vector_env import BalticShieldVectorEnv


def single() -> GymWrapper:
    return GymWrapper(BalticShieldEnv("duel"), categorical_action_encoding=True)


def vector() -> GymWrapper:
    # In SAME_STEP TorchRL 0.14 loses the last observation where observations are dicts.
    raids = BalticShieldVectorEnv(3, "duel", AutoresetMode.DISABLED)
    return GymWrapper(raids, categorical_action_encoding=True)


@pytest.mark.parametrize("make", [single, vector])
def test_torchrls_own_check_passes(make) -> None:
    check_env_specs(make(), seed=0)


def test_a_rollout_of_the_vector_environment_has_true_last_observations() -> None:
    env = vector()
    torch.manual_seed(0)
    steps = env.rollout(200, auto_reset=False, tensordict=env.reset(seed=0),
                        break_when_any_done=False)  # fmt: skip
    done = steps["next", "done"].squeeze(-1)
    assert done.sum() >= 6
    # Raids only end late: a clock at 0 would be that of the next raid.
    assert (steps["next", "clock"][done][:, 0] > 0.1).all()
    following = steps["clock"][:, 1:][done[:, :-1]]
    assert (following[:, 0] == 0.0).all()


def test_masked_random_play_has_no_illegal_action() -> None:
    env = TransformedEnv(single(), ActionMask())
    torch.manual_seed(0)
    steps = env.rollout(500)
    assert steps["next", "done"][-1].all()
    assert (steps["action"] > 0).any()
    assert env.base_env._env.metrics()["illegal_actions"] == 0.0
