"""The PettingZoo environment plays the joint raid, one agent a shooter."""

import warnings

import numpy as np
import pytest

pytest.importorskip("pettingzoo", reason="PettingZoo is not installed: pip install .[pettingzoo]")
with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # of an example that PettingZoo imports
    from pettingzoo.test import parallel_api_test, parallel_seed_test, render_test
from gymnasium.spaces import flatten
from pettingzoo.utils import parallel_to_aec

from envs.batch import mean_undefended_loss
from envs.parallel_env import CREDITS, BalticShieldParallelEnv, expected_savings
from envs.scenario import load_scenario
from envs.single_env import BalticShieldEnv
from tests.envs.small import named


def drawn(env, observations, rng):
    """Return a legal choice of every agent."""
    return {
        agent: int(rng.choice(np.flatnonzero(observations[agent]["action_mask"])))
        for agent in env.agents
    }


@pytest.mark.parametrize("credit", CREDITS)
@pytest.mark.parametrize("name", ["duel", "small-policing"])
def test_pettingzoos_own_checks_have_nothing_to_say(name, credit):
    scenario = load_scenario(named(name))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        parallel_api_test(BalticShieldParallelEnv(scenario, credit), num_cycles=300)
        parallel_seed_test(lambda: BalticShieldParallelEnv(scenario, credit), num_cycles=300)


def test_pettingzoos_check_of_rendering_has_nothing_to_say():
    modes = BalticShieldEnv.metadata["render_modes"]
    assert BalticShieldParallelEnv.metadata["render_modes"] == modes
    assert BalticShieldParallelEnv("duel").render_mode is None
    if modes:
        render_test(lambda **how: parallel_to_aec(BalticShieldParallelEnv("duel", **how)))


@pytest.mark.parametrize("name", ["duel", "standard"])
def test_it_plays_the_joint_raid(name):
    env, joint = BalticShieldParallelEnv(name), BalticShieldEnv(name)
    observations, infos = env.reset(seed=5)
    expected, _ = joint.reset(seed=5)
    assert infos == {agent: {} for agent in env.possible_agents}
    rng = np.random.default_rng(0)
    while env.agents:
        agents = env.agents
        for s, agent in enumerate(agents):
            own = observations[agent]
            assert env.observation_space(agent).contains(own)
            for table in ("track", "shooter", "asset", "clock"):
                assert np.array_equal(own[table], expected[table])
            assert np.array_equal(own["own_pair"], expected["pair"][s])
            assert np.array_equal(own["action_mask"], expected["action_mask"][s])
            assert np.flatnonzero(own["own_shooter"]).tolist() == [s]
        assert np.array_equal(env.state(), flatten(joint.observation_space, expected))
        assert env.state_space.contains(env.state())
        actions = drawn(env, observations, rng)
        observations, rewards, terminated, truncated, infos = env.step(actions)
        expected, reward, over, cut, info = joint.step(np.array(list(actions.values())))
        assert rewards == dict.fromkeys(agents, reward)
        assert terminated == dict.fromkeys(agents, over)
        assert truncated == dict.fromkeys(agents, cut)
        assert infos == {agent: info for agent in agents}
    assert over
    assert "loss" in info["metrics"]


def test_no_two_agents_share_an_array():
    env = BalticShieldParallelEnv("duel")
    observations, _ = env.reset(seed=1)
    arrays = [array for own in observations.values() for array in own.values()]
    arrays += [*env.joint.batch.observation.values()]
    for n, array in enumerate(arrays):
        assert not any(np.may_share_memory(array, other) for other in arrays[:n])


def test_own_rewards_share_out_what_the_joint_order_is_expected_to_save():
    """By hand: V (1 - product of 1 - pk) over the shooters that engage one track."""
    scenario = load_scenario("duel")
    env = BalticShieldParallelEnv(scenario, "own")
    observations, _ = env.reset(seed=0)
    while True:  # until both may engage one track
        both = np.minimum(*(own["action_mask"][1:] for own in observations.values()))
        if both.any():
            break
        observations = env.step(dict.fromkeys(env.agents, 0))[0] if env.agents else env.reset()[0]
    slot = int(np.flatnonzero(both)[0])
    layout = env.joint.batch.layout
    pk = [own["own_pair"][slot, layout.index("pair", "pk")] for own in observations.values()]
    at_risk = observations["shooter_0"]["track"][slot, layout.index("track", "value_at_risk")]
    unit = max(asset.value for asset in scenario.assets) / mean_undefended_loss(scenario)
    _, rewards, *_ = env.step(dict.fromkeys(env.agents, 1 + slot))
    assert min(pk) > 0.0
    assert rewards["shooter_0"] == pytest.approx(unit * at_risk * pk[0], rel=1e-6)
    together = unit * at_risk * (1.0 - (1.0 - pk[0]) * (1.0 - pk[1]))
    assert sum(rewards.values()) == pytest.approx(together, rel=1e-6)


def test_holds_and_illegal_orders_save_nothing():
    env = BalticShieldEnv("duel")
    observation, _ = env.reset(seed=1)
    illegal = 1 + int(np.flatnonzero(observation["action_mask"][0] == 0)[0] - 1)
    for order in (0, illegal, -1, 99):
        orders = np.array([order, 0])
        assert expected_savings(env.batch.layout, observation, orders).tolist() == [0.0, 0.0]


def test_bad_calls_say_what_would_be_right():
    with pytest.raises(ValueError, match="credit: unknown 'mine'; known: shared, own"):
        BalticShieldParallelEnv("duel", "mine")
    with pytest.raises(ValueError, match="leave them out"):
        BalticShieldParallelEnv("duel", "own", reward={"killed": 1.0})
    env = BalticShieldParallelEnv("duel", max_epochs=1)
    with pytest.raises(RuntimeError, match=r"call reset\(\)"):
        env.step({})
    env.reset(seed=0)
    with pytest.raises(ValueError, match=r"missing or unknown: \['shooter_1', 'shooter_9'\]"):
        env.step({"shooter_0": 0, "shooter_9": 0})
    *_, truncated, _ = env.step({"shooter_0": 0, "shooter_1": 0})
    assert all(truncated.values())
    assert env.agents == []
    test, train = (env.reset(seed=0, options=o)[0] for o in ({"split": "test"}, {"split": "train"}))
    assert not np.array_equal(test["shooter_0"]["track"], train["shooter_0"]["track"])
