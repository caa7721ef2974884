"""RLlib trains on the environment with action masks. It needs an environment of its own."""

import os
import secrets
from pathlib import Path

import pytest

os.environ.setdefault("RAY_AUTH_MODE", "token")  # Ray reads it when it is imported
os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
pytest.importorskip("ray", reason="needs RLlib, which pins another Gymnasium: make conformance")

import ray
from ray.cluster_utils import Cluster

from envs.single_env import BalticShieldEnv
from examples import rllib_ppo


class Counting(BalticShieldEnv):
    raids, illegal = 0, 0.0

    def step(self, action):
        *out, info = super().step(action)
        if info:
            Counting.raids += 1
            Counting.illegal += info["metrics"]["illegal_actions"]
        return *out, info


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_masked_ppo_learns_and_never_breaks_the_mask(monkeypatch) -> None:
    monkeypatch.setattr(rllib_ppo, "make_env", lambda config: Counting(**config))
    figures = rllib_ppo.train(8, scenario="duel")
    assert figures[-1]["steps"] > 8 * 2000
    assert Counting.raids > 300
    assert Counting.illegal == 0.0
    # Measured: -0.59 at first, -0.46 at last.
    assert figures[-1]["return"] > figures[0]["return"] + 0.03


class Telling(BalticShieldEnv):
    """Leaves a note of the machine that it is on."""

    def reset(self, **arguments):
        Path(os.environ["NOTES"], ray.get_runtime_context().get_node_id()).touch()
        return super().reset(**arguments)


def telling(config) -> Telling:
    return Telling(**config)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_runners_play_on_the_machines_of_a_cluster(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("NOTES", str(tmp_path))
    monkeypatch.setattr(rllib_ppo, "make_env", telling)
    machines = Cluster(
        initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False}
    )
    try:
        for _ in range(2):
            machines.add_node(num_cpus=1)
        machines.wait_for_nodes()
        figures = rllib_ppo.train(1, address=machines.address, scenario="duel", runners=2)
    finally:
        machines.shutdown()
    assert figures[-1]["steps"] >= 2000
    assert len(list(tmp_path.iterdir())) >= 2
