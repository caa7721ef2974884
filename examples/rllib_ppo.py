"""PPO of RLlib with action masks, a few iterations: `python examples/rllib_ppo.py`.

RLlib pins a Gymnasium of its own, so it lives in an environment of its own; `make conformance`
makes it from `requirements-rllib.lock`. No dashboard, no usage statistics, and Ray's token, on by
default, is asked of whoever calls the ports that Ray opens on every address of the machine.
"""

from __future__ import annotations

import argparse
import math
import os
from typing import Any

# Before Ray is imported: it reports usage by default.
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_AUTH_MODE", "token")

import gymnasium
import ray
import torch
from ray.rllib.algorithms.ppo import PPOConfig
from ray.rllib.core.columns import Columns
from ray.rllib.core.distribution.torch.torch_distribution import TorchMultiCategorical
from ray.rllib.core.rl_module.apis.value_function_api import ValueFunctionAPI
from ray.rllib.core.rl_module.rl_module import RLModuleSpec
from ray.rllib.core.rl_module.torch import TorchRLModule
from ray.tune.registry import register_env
from torch import nn

from envs.single_env import BalticShieldEnv

NAME = "balticshield"


class MaskedModule(TorchRLModule, ValueFunctionAPI):
    """Two small networks over all tables; what the mask forbids has no chance."""

    def setup(self) -> None:
        """Make the networks."""
        size = sum(math.prod(space.shape) for space in self.observation_space.values())
        heads = self.action_space.nvec.tolist()
        choices = sum(heads)
        self.action_dist_cls = TorchMultiCategorical.get_partial_dist_cls(input_lens=heads)
        width = self.model_config.get("width", 128)
        self.actor = nn.Sequential(nn.Linear(size, width), nn.Tanh(), nn.Linear(width, choices))
        self.critic = nn.Sequential(nn.Linear(size, width), nn.Tanh(), nn.Linear(width, 1))

    def _forward(self, batch: dict[str, Any], **_: Any) -> dict[str, Any]:
        mask = batch[Columns.OBS]["action_mask"].flatten(1) > 0
        logits = self.actor(_flat(batch[Columns.OBS]))
        # The largest finite number rather than infinity: entropies stay finite.
        logits = logits.masked_fill(~mask, torch.finfo(logits.dtype).min)
        return {Columns.ACTION_DIST_INPUTS: logits}

    def compute_values(self, batch: dict[str, Any], embeddings: Any = None) -> torch.Tensor:
        """Return the value of each observation."""
        return self.critic(_flat(batch[Columns.OBS])).squeeze(-1)


def _flat(observation: dict[str, torch.Tensor]) -> torch.Tensor:
    return torch.cat([table.flatten(1).float() for table in observation.values()], dim=1)


def make_env(config: dict[str, Any]) -> gymnasium.Env:
    """Return one raid; RLlib makes its own batch of them."""
    return BalticShieldEnv(**config)


def config(scenario: str = "duel", runners: int = 0, seed: int = 0) -> PPOConfig:
    """Return the settings of a small PPO.

    Args:
        scenario: name or path.
        runners: processes that play; 0 plays in the trainer's own.
        seed: of the training.
    """
    register_env(NAME, make_env)
    return (
        PPOConfig()
        .environment(NAME, env_config={"scenario": scenario})
        .env_runners(num_env_runners=runners, num_envs_per_env_runner=8)
        .training(train_batch_size=2048, minibatch_size=256, num_epochs=4, lr=1e-3, gamma=1.0)
        .rl_module(rl_module_spec=RLModuleSpec(module_class=MaskedModule))
        .debugging(seed=seed)
    )


def train(iterations: int, address: str | None = None, **settings: Any) -> list[dict[str, float]]:
    """Train, and return figures of each iteration.

    Args:
        iterations: of 2,048 steps each.
        address: of a running cluster, `auto` or `HOST:PORT`; None starts Ray here, for this alone.
        **settings: see `config`.

    Returns:
        Per iteration the `steps` so far and the mean `return` of the episodes that ended last.
    """
    if address is None:
        ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    else:
        ray.init(address, log_to_driver=False)
    algorithm = config(**settings).build_algo()
    figures = []
    try:
        for _ in range(iterations):
            result = algorithm.train()["env_runners"]
            figures.append(
                {
                    "steps": float(result["num_env_steps_sampled_lifetime"]),
                    "return": float(result["episode_return_mean"]),
                }
            )
            print(figures[-1], flush=True)
    finally:
        algorithm.stop()
        ray.shutdown()
    return figures


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--iterations", type=int, default=5)
    parser.add_argument("--scenario", default="duel")
    parser.add_argument("--runners", type=int, default=0)
    parser.add_argument("--address", help="of a running cluster: auto or HOST:PORT")
    arguments = vars(parser.parse_args())
    train(**arguments)
