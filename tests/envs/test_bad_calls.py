"""What wrong calls get: a ValueError that names what was given and what would be right."""

import gymnasium
import numpy as np
import pytest

from envs.batch import RaidBatch
from envs.observation import Layout
from envs.single_env import BalticShieldEnv
from envs.vector_env import BalticShieldVectorEnv
from tests.envs.small import assert_same, started


def says(call, *parts):
    with pytest.raises(ValueError) as caught:
        call()
    for part in parts:
        assert part in str(caught.value), str(caught.value)


@pytest.fixture
def single():
    env = BalticShieldEnv("duel")
    env.reset(seed=0)
    return env


@pytest.fixture
def vector():
    env = BalticShieldVectorEnv(3, "duel")
    env.reset(seed=0)
    return env


@pytest.mark.parametrize(
    ("action", "parts"),
    [
        (np.zeros(3, np.int64), ("action", "int64[3]", "[2]")),
        (np.zeros((1, 2), np.int64), ("action", "int64[1, 2]", "[2]")),
        (np.zeros(2), ("action", "float64[2]", "integers")),
        (np.array([np.nan, 0.0]), ("action", "float64[2]", "integers")),
        (np.zeros(2, bool), ("action", "bool[2]", "integers")),
        (0, ("action", "int64[]", "[2]")),
        (["hold", "hold"], ("action", "<U4[2]", "integers")),
        ([[0], [0, 1]], ()),
    ],
)
def test_an_action_of_the_wrong_shape_or_dtype(single, action, parts):
    before = single.get_state()
    says(lambda: single.step(action), *parts)
    assert_same(single.get_state(), before, "nothing has happened")


def test_actions_of_a_vector_of_the_wrong_shape(vector):
    says(lambda: vector.step(np.zeros((2, 2), np.int64)), "int64[2, 2]", "[3, 2]")
    says(lambda: vector.step(np.zeros((3, 2), np.float32)), "float32[3, 2]", "integers")


def test_any_integer_dtype_will_do(single):
    for dtype in (np.int8, np.uint8, np.int32, np.uint64):
        single.step(np.zeros(2, dtype))
    single.step([0, 0])
    assert single.batch.metrics()["epochs"] == [5.0]


def test_no_environments():
    says(lambda: RaidBatch("duel", 0), "num_envs", "0", "1 or more")
    says(lambda: BalticShieldVectorEnv(-3, "duel"), "num_envs", "-3", "1 or more")


def test_a_limit_below_one():
    says(lambda: BalticShieldEnv("duel", max_epochs=0), "max_epochs", "0", "1 or more")


def test_an_unknown_reward_metric():
    says(
        lambda: BalticShieldEnv("duel", reward={"leaker": -1.0}),
        "reward.leaker", "'leaker'", "did you mean 'leakers'?", "loss", "rounds_fired",
    )  # fmt: skip
    says(lambda: BalticShieldEnv("duel", reward={"loss": np.inf}), "reward.loss", "inf", "finite")


def test_an_unknown_split(single, vector):
    for env in (single, vector):
        before = env.get_state()
        says(
            lambda env=env: env.reset(options={"split": "tset"}),
            "split", "'tset'", "did you mean 'test'?", "train", "validation",
        )  # fmt: skip
        assert_same(env.get_state(), before)
        env.reset()  # the wrong one is not remembered


def test_an_unknown_split_is_found_before_the_first_reset():
    says(lambda: BalticShieldEnv("duel", split="trian"), "split", "'trian'", "'train'")
    says(lambda: BalticShieldVectorEnv(2, "duel", split="trian"), "split", "'trian'", "'train'")


def test_an_unknown_option(single, vector):
    says(lambda: single.reset(options={"splitt": "test"}), "splitt", "split")
    says(lambda: vector.reset(options={"reset_masks": None}), "reset_masks", "reset_mask")


@pytest.mark.parametrize(
    "mask", [np.ones(2, bool), np.ones(3, int), np.zeros(3, bool), np.ones((3, 1), bool)]
)
def test_a_wrong_reset_mask(vector, mask):
    says(lambda: vector.reset(options={"reset_mask": mask}), "reset_mask", "bool[3]", "True")


def test_wrong_seeds(single, vector):
    says(lambda: vector.reset(seed=[1, 2]), "seed", "2 seeds", "3 rows")
    before = vector.get_state()
    says(lambda: vector.reset(seed=-1), "seed", "-1", "0 or more")
    says(lambda: vector.reset(seed=[5, -7, 6], options={"split": "test"}), "seed", "-7")
    assert_same(vector.get_state(), before, "nothing has changed")
    # Gymnasium's own check comes first; its error is not a ValueError.
    with pytest.raises((ValueError, gymnasium.error.Error), match="-1"):
        single.reset(seed=-1)


def test_an_unknown_autoreset_mode():
    says(lambda: BalticShieldVectorEnv(2, "duel", autoreset_mode="sometimes"), "sometimes")


def test_a_state_of_another_shape(single):
    saved = single.get_state()
    says(lambda: started("duel", 2).set_state(saved), "state.raid", "[1]", "[2] is needed")
    lacking = {name: array for name, array in saved.items() if name != "health"}
    says(lambda: single.set_state(lacking), "state", "health")
    says(lambda: single.set_state({**saved, "mood": saved["health"]}), "state", "mood")
    wrong = {**saved, "health": saved["health"].astype(np.float32)}
    before = single.get_state()
    says(lambda: single.set_state(wrong), "state.health", "float32", "float64[1, 2]")
    assert_same(single.get_state(), before)


def test_an_unknown_column(duel):
    layout = Layout(duel)
    says(lambda: layout.index("track", "survivl"), "survivl", "did you mean 'survival'?")
    says(lambda: layout.index("tracks", "survival"), "tracks", "did you mean 'track'?")


def test_the_batch_itself_checks_shapes():
    """Its kernels check no bounds, and policies hand it what they like."""
    batch = started("duel", 4)
    before = batch.get_state()
    for wrong in (np.zeros((1, 2), np.int64), np.zeros((4, 1), np.int64), np.zeros((4, 2))):
        says(lambda wrong=wrong: batch.step(wrong), "action", str(wrong.dtype), "[4, 2]")
    assert_same(batch.get_state(), before)
