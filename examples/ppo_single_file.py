"""Masked PPO in one file, on `gymnasium.make_vec`: `python examples/ppo_single_file.py`.

To read and to change: what the environment gives is used as it comes, and nothing of `agents` is
needed. Proximal policy optimisation (Schulman et al., 2017, arXiv:1707.06347) with generalised
advantage estimation (Schulman et al., 2016, arXiv:1506.02438). Each shooter is a head of its own
over hold and the tracks; what the mask forbids has no chance.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, fields
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from torch import nn
from torch.distributions import Categorical

import envs  # noqa: F401  (registers the environment)


@dataclass(frozen=True)
class Settings:
    """Of a training run."""

    scenario: str = "duel"
    steps: int = 200_000
    rows: int = 64
    horizon: int = 64  # steps of each row between updates
    epochs: int = 4
    minibatches: int = 8
    learning_rate: float = 1e-3
    clip: float = 0.2
    discount: float = 1.0  # raids end by themselves
    smoothing: float = 0.95  # lambda of generalised advantage estimation
    entropy: float = 0.01
    width: int = 128
    seed: int = 0


class Agent(nn.Module):
    """An actor with a head a shooter, and a critic, both over all tables."""

    def __init__(self, size: int, shooters: int, choices: int, width: int) -> None:
        super().__init__()
        self.shape = (-1, shooters, choices)
        self.actor = nn.Sequential(
            nn.Linear(size, width), nn.Tanh(), nn.Linear(width, width), nn.Tanh(),
            nn.Linear(width, shooters * choices),
        )  # fmt: skip
        self.critic = nn.Sequential(
            nn.Linear(size, width), nn.Tanh(), nn.Linear(width, width), nn.Tanh(),
            nn.Linear(width, 1),
        )  # fmt: skip

    def choices(self, observation: torch.Tensor, mask: torch.Tensor) -> Categorical:
        """Return the distribution of each shooter's choice, [B, S]."""
        logits = self.actor(observation).view(self.shape)
        return Categorical(logits=logits.masked_fill(~mask, torch.finfo(logits.dtype).min))

    def value(self, observation: torch.Tensor) -> torch.Tensor:
        """Return the value of each observation, [B]."""
        return self.critic(observation).squeeze(-1)


def flat(observation: dict[str, np.ndarray]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return all tables as one vector a row, and the mask, bool [B, S, 1 + I]."""
    tables = [table for name, table in observation.items() if not name.endswith("_mask")]
    joined = np.concatenate([table.reshape(len(table), -1) for table in tables], axis=1)
    return torch.from_numpy(joined), torch.from_numpy(observation["action_mask"]).bool()


def train(settings: Settings) -> tuple[Agent, list[float]]:
    """Train, and return the agent and the mean return of the raids that ended in each update."""
    torch.manual_seed(settings.seed)
    # A row's next raid begins within the step that ends one: every row of every step counts.
    raids = gym.make_vec(
        "BalticShield-v0",
        num_envs=settings.rows,
        scenario=settings.scenario,
        autoreset_mode="SameStep",
    )
    seen, mask = flat(raids.reset(seed=settings.seed)[0])
    shooters, choices = mask.shape[1:]
    agent = Agent(seen.shape[1], shooters, choices, settings.width)
    optimiser = torch.optim.Adam(agent.parameters(), settings.learning_rate, eps=1e-5)
    totals, curve = np.zeros(settings.rows), []
    for _ in range(settings.steps // (settings.rows * settings.horizon)):
        steps: list[tuple[torch.Tensor, ...]] = []
        ended: list[float] = []
        for _ in range(settings.horizon):
            with torch.no_grad():
                chances, value = agent.choices(seen, mask), agent.value(seen)
                action = chances.sample()
                chance = chances.log_prob(action).sum(-1)
            observation, reward, terminated, truncated, _ = raids.step(action.numpy())
            over = terminated | truncated  # without `max_epochs` no raid is truncated
            totals += reward
            ended += totals[over].tolist()
            totals[over] = 0.0
            gained, done = torch.from_numpy(reward).float(), torch.from_numpy(over).float()
            steps.append((seen, mask, action, chance, value, gained, done))
            seen, mask = flat(observation)
        update(agent, optimiser, steps, agent.value(seen).detach(), settings)
        curve.append(float(np.mean(ended)) if ended else float("nan"))
    raids.close()
    return agent, curve


def update(
    agent: Agent,
    optimiser: torch.optim.Optimizer,
    steps: list[tuple[torch.Tensor, ...]],
    last: torch.Tensor,
    settings: Settings,
) -> None:
    """Learn from the steps just played; `last` is the value of what came after them."""
    seen, mask, action, chance, value, reward, done = (
        torch.stack(part) for part in zip(*steps, strict=True)
    )
    advantage = advantages(reward, value, done, last, settings)
    goal = advantage + value
    columns = [part.flatten(0, 1) for part in (seen, mask, action, chance, advantage, goal)]
    for _ in range(settings.epochs):
        for rows in torch.randperm(len(columns[0])).chunk(settings.minibatches):
            loss = losses(agent, [column[rows] for column in columns], settings)
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(agent.parameters(), 0.5)
            optimiser.step()


def advantages(
    reward: torch.Tensor,
    value: torch.Tensor,
    done: torch.Tensor,
    last: torch.Tensor,
    settings: Settings,
) -> torch.Tensor:
    """Return A_t = d_t + discount * smoothing * (1 - done_t) * A_{t+1}, all [T, B].

    d_t = r_t + discount * (1 - done_t) * V_{t+1} - V_t.
    """
    result, ahead, following = torch.zeros_like(reward), torch.zeros_like(last), last
    for t in reversed(range(len(reward))):
        going = 1.0 - done[t]
        error = reward[t] + settings.discount * going * following - value[t]
        ahead = error + settings.discount * settings.smoothing * going * ahead
        result[t], following = ahead, value[t]
    return result


def losses(agent: Agent, columns: list[torch.Tensor], settings: Settings) -> torch.Tensor:
    """Return the clipped loss of the actor, that of the critic, and the price of certainty."""
    seen, mask, action, chance, advantage, goal = columns
    choices = agent.choices(seen, mask)
    ratio = (choices.log_prob(action).sum(-1) - chance).exp()
    scaled = (advantage - advantage.mean()) / (advantage.std() + 1e-8)
    clipped = ratio.clamp(1.0 - settings.clip, 1.0 + settings.clip)
    actor = -torch.minimum(ratio * scaled, clipped * scaled).mean()
    critic = 0.5 * (agent.value(seen) - goal).square().mean()
    return actor + critic - settings.entropy * choices.entropy().sum(-1).mean()


def mean_return(agent: Agent | None, scenario: str, raids: int = 512) -> float:
    """Return the mean return of validation raids; of legal choices at random for None."""
    rows = gym.make_vec("BalticShield-v0", num_envs=raids, scenario=scenario, split="validation")
    seen, mask = flat(rows.reset(seed=0)[0])
    totals, over = np.zeros(raids), np.zeros(raids, np.bool_)
    torch.manual_seed(0)
    while not over.all():
        with torch.no_grad():
            logits = torch.zeros(mask.shape).masked_fill(~mask, -1e9)
            chances = Categorical(logits=logits) if agent is None else agent.choices(seen, mask)
        action = chances.sample() if agent is None else chances.mode
        observation, reward, terminated, truncated, _ = rows.step(action.numpy())
        totals += np.where(over, 0.0, reward)  # the first raid of every row
        over |= terminated | truncated
        seen, mask = flat(observation)
    rows.close()
    return float(totals.mean())


def main() -> None:
    """Train by the command line's settings, and say what was learned."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    for field in fields(Settings):
        parser.add_argument(f"--{field.name}", type=type(field.default), default=field.default)
    arguments: dict[str, Any] = vars(parser.parse_args())
    settings = Settings(**arguments)
    agent, curve = train(settings)
    print(f"return while learning: {curve[0]:.3f} at first, {curve[-1]:.3f} at last")
    print(f"validation raids, at random: {mean_return(None, settings.scenario):.3f}")
    print(f"validation raids, learned:   {mean_return(agent, settings.scenario):.3f}")


if __name__ == "__main__":
    main()
