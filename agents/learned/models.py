"""Builds SB3 models and bare policies from settings and a scenario."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from sb3_contrib import MaskablePPO
from stable_baselines3 import A2C, PPO
from stable_baselines3.common.policies import BasePolicy, MultiInputActorCriticPolicy

from agents.classical.weights_file import start_prices
from agents.learned.adapter import RaidVecEnv
from agents.learned.buffers import RaidRolloutBuffer, SparseRolloutBuffer
from agents.learned.policy import AllocationPolicy
from agents.learned.priced import PricedVecEnv, price_space
from agents.learned.settings import (
    AllocationSettings,
    MaskablePPOSettings,
    PPOSettings,
    PricesSettings,
    ProximalSettings,
    TrainingSettings,
)
from agents.learned.sparse_policy import SparseMaskablePolicy
from envs.batch import mean_undefended_loss
from envs.observation import Layout
from envs.scenario import Scenario

Model = PPO | A2C | MaskablePPO


def build(settings: TrainingSettings, scenario: Scenario) -> Model:
    """An SB3 model on fresh training raids, ready to learn.

    Args:
        settings: PPOSettings, A2CSettings, MaskablePPOSettings or PricesSettings.
        scenario: What is played.

    Returns:
        The model, its environment and random generators seeded from ``settings.seed``.
    """
    prepare_torch(settings.threads)
    raids, order, general = training_seeds(settings.seed)
    torch.manual_seed(general)
    np.random.seed(general % 2**32)  # sb3-contrib's buffer draws its minibatches from it
    random.seed(general)
    env = environment_of(settings, scenario)
    env.seed(raids)
    common: dict[str, Any] = {
        "learning_rate": linear_schedule(settings.learning_rate, settings.final_learning_rate),
        "n_steps": settings.n_steps,
        "gamma": settings.gamma,
        "gae_lambda": settings.gae_lambda,
        "ent_coef": settings.ent_coef,
        "vf_coef": settings.vf_coef,
        "max_grad_norm": settings.max_grad_norm,
        "policy_kwargs": policy_arguments(settings, scenario),
        "device": "cpu",
    }
    if isinstance(settings, ProximalSettings):
        common["batch_size"] = settings.batch_size
        common["n_epochs"] = settings.n_epochs
        common["clip_range"] = settings.clip_range
    if isinstance(settings, MaskablePPOSettings):
        buffer: type[Any] = SparseRolloutBuffer
        return MaskablePPO(SparseMaskablePolicy, env, rollout_buffer_class=buffer, **common)
    assert isinstance(settings, AllocationSettings | PricesSettings)
    kept: dict[str, Any] = {
        "rollout_buffer_class": RaidRolloutBuffer,
        "rollout_buffer_kwargs": {"copies": settings.copies, "seed": order},
    }
    if isinstance(settings, PricesSettings):
        return PPO("MultiInputPolicy", env, **kept, **common)
    algorithm: type[PPO | A2C] = PPO if isinstance(settings, PPOSettings) else A2C
    return algorithm(AllocationPolicy, env, **kept, **common)


def environment_of(settings: TrainingSettings, scenario: Scenario) -> RaidVecEnv:
    """The environment that an agent learns in."""
    if isinstance(settings, PricesSettings):
        start, copies = settings.start, settings.copies
        return PricedVecEnv(scenario, settings.num_envs, start=start, copies=copies)
    if not isinstance(settings, AllocationSettings):
        return RaidVecEnv(scenario, settings.num_envs)
    return RaidVecEnv(
        scenario,
        settings.num_envs,
        copies=settings.copies,
        by_need=True,  # the allocation policy has no head for deliveries
        shaping=exposure_scale(scenario) if settings.shaping == "reward" else 0.0,
        gamma=settings.gamma,
    )


def build_policy(settings: TrainingSettings, scenario: Scenario) -> BasePolicy:
    """The policy alone, as ``build`` starts it, without environment or buffers."""
    layout = Layout(scenario)
    tables, arguments = layout.observation_space(), policy_arguments(settings, scenario)
    torch.manual_seed(training_seeds(settings.seed)[2])
    if isinstance(settings, PricesSettings):
        prices = price_space(scenario)
        return MultiInputActorCriticPolicy(tables, prices, lambda _: 0.0, **arguments)
    spaces = (tables, layout.action_space(isinstance(settings, AllocationSettings)))
    if isinstance(settings, MaskablePPOSettings):
        return SparseMaskablePolicy(*spaces, lambda _: 0.0, **arguments)
    return AllocationPolicy(*spaces, lambda _: 0.0, **arguments)


def policy_arguments(settings: TrainingSettings, scenario: Scenario) -> dict[str, Any]:
    """Keyword arguments of the policy's class."""
    if isinstance(settings, MaskablePPOSettings):
        return {"net_arch": [settings.hidden, settings.hidden]}
    if isinstance(settings, PricesSettings):
        widths = [settings.hidden, settings.hidden]
        return {"net_arch": widths, "log_std_init": math.log(settings.spread)}
    assert isinstance(settings, AllocationSettings)
    return {
        "columns": columns_of(scenario),
        "width": settings.width,
        "beta": settings.beta,
        "score_limit": settings.score_limit,
        "price_scale": settings.price_scale,
        "exposure_scale": exposure_scale(scenario) if settings.shaping == "critic" else 0.0,
        "start_weights": start_weights(settings.start, scenario),
        "informed": settings.start != "nothing",
        "sequential": settings.sequential,
        "with_entropy": settings.ent_coef > 0,
    }


def columns_of(scenario: Scenario) -> dict[str, list[str]]:
    """Names of the columns of each observation table."""
    return {name: [c.name for c in columns] for name, columns in Layout(scenario).columns.items()}


def exposure_scale(scenario: Scenario) -> float:
    """Return lost when the largest asset is lost: its value over the mean undefended loss."""
    return max(asset.value for asset in scenario.assets) / mean_undefended_loss(scenario)


def start_weights(start: str, scenario: Scenario) -> Mapping[str, float] | None:
    """Price weights to start from: the tuned ones for pricing, or else None."""
    return start_prices(scenario.name, start) if start == "pricing" else None


def training_seeds(seed: int) -> tuple[int, int, int]:
    """First raid, order of minibatches, torch: far apart for different seeds."""
    first, order, general = np.random.SeedSequence((seed, 0)).generate_state(3, np.uint64)
    return int(first >> np.uint64(2)), int(order), int(general >> np.uint64(1))


def linear_schedule(start: float, final_share: float) -> Any:
    """Learning rate by remaining progress (1 at the start, 0 at the end)."""

    def rate(remaining: float) -> float:
        # SB3 plays whole rollouts, so a run may end a little past its budget.
        return start * (final_share + (1.0 - final_share) * max(remaining, 0.0))

    return rate


def prepare_torch(threads: int) -> None:
    """Set torch's threads, and half-precision products where the processor has them."""
    torch.set_num_threads(threads)
    torch.set_float32_matmul_precision("medium")
