"""Trains a learned agent: one call from settings to a policy, with reports on the way."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import configure

from agents.learned.checkpoint import (
    as_agent,
    load_training,
    load_weights,
    rule_in,
    save_agent,
    save_training,
)
from agents.learned.models import Model, build, build_policy
from agents.learned.moment import Moment, take
from agents.learned.priced import rule_of
from agents.learned.settings import PricesSettings, TrainingSettings
from agents.learned.validation import Validation, mean_figures
from agents.policy import Policy
from envs.scenario import Scenario

Report = Callable[[dict[str, float], int], None]
Look = Callable[[Policy, int], None]
LOGGED = tuple(
    f"train/{name}"
    for name in (
        *("approx_kl", "clip_fraction", "entropy_loss", "explained_variance"),
        *("learning_rate", "policy_gradient_loss", "policy_loss", "value_loss"),
    )
)
"""What SB3 notes of an update and is reported."""
AGENT_FOLDER, TRAINING_FOLDER = "agent", "checkpoint"


def fit(
    settings: TrainingSettings,
    scenario: Scenario,
    folder: Path,
    *,
    resume: bool = False,
    report: Report | None = None,
    stopped: Callable[[], bool] | None = None,
    look: Look | None = None,
) -> Policy:
    """Train until the budget is used or somebody asks to stop.

    The agent that scored best on the validation raids stands in ``folder/agent``, the state of
    the training in ``folder/checkpoint``; both are there from the first validation on. A training
    that was stopped or killed, and then continued, ends with the same files to the bit as one
    that was not (on one machine, with the same numbers of threads).

    Args:
        settings: Of the training; ``steps`` is the whole budget, earlier runs included.
        scenario: What is played.
        folder: Of the run.
        resume: Whether to continue what stands in the folder.
        report: Told named figures and the number of steps after every update.
        stopped: Asked at every step; True ends the training, which is then saved as it stood
            before the rollout under way: that rollout is played again when it continues.
        look: Shown the policy, and told the number of steps, after every validation.

    Returns:
        The agent in ``folder/agent``.
    """
    model = build(settings, scenario)
    model.set_logger(configure(None, []))
    watcher = _Watcher(settings, scenario, folder, report, stopped, look)
    if resume:
        watcher.restore(load_training(folder / TRAINING_FOLDER, model))
    left = settings.steps - model.num_timesteps
    if left > 0:
        model.learn(left, callback=watcher, reset_num_timesteps=False)
    load_weights(model.policy, folder / AGENT_FOLDER)
    return as_agent(model.policy, rule_in(model))


def initial_agent(settings: TrainingSettings, scenario: Scenario) -> Policy:
    """The agent as it is before the first step of training."""
    rule = None
    if isinstance(settings, PricesSettings):
        rule = rule_of(scenario, settings.start)
    return as_agent(build_policy(settings, scenario), rule)


class _Watcher(BaseCallback):
    """Reports, validates, saves and stops, between updates; the training takes no notice of it."""

    model: Model

    def __init__(
        self,
        settings: TrainingSettings,
        scenario: Scenario,
        folder: Path,
        report: Report | None,
        stopped: Callable[[], bool] | None,
        look: Look | None,
    ) -> None:
        super().__init__()
        self.settings, self.scenario, self.folder = settings, scenario, folder
        self.report = report or (lambda figures, steps: None)
        self.stopped = stopped or (lambda: False)
        self.look = look or (lambda policy, steps: None)
        self.validation = Validation(
            scenario, settings.validation_seed, settings.validation_raids, settings.num_envs
        )
        self.best_score = -np.inf
        self.next_validation = 0
        self.raids = 0
        self.episodes: list[dict[str, float]] = []  # since the last report
        self.reported: int | None = None
        self.interrupted = False
        # Before the rollout under way: all that a rollout changes, and what is to be saved of us.
        self.before: tuple[Moment, dict[str, Any]] | None = None

    def state(self) -> dict[str, Any]:
        """What a continued training needs of this object; JSON."""
        return {
            "best_score": self.best_score,
            "next_validation": self.next_validation,
            "raids": self.raids,
            "reported": self.reported,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from ``state()``."""
        for name, value in state.items():
            setattr(self, name, value)

    def _on_training_start(self) -> None:
        self.started, self.started_at = time.monotonic(), self.num_timesteps

    def _on_step(self) -> bool:
        for row in np.flatnonzero(self.locals["dones"]):
            self.raids += 1
            self.episodes.append(self.locals["infos"][row]["episode"])
        self.interrupted = self.stopped()
        return not self.interrupted

    def _on_rollout_start(self) -> None:
        # The update is behind us here, so what is validated and saved is the newest policy.
        due = self.num_timesteps >= self.next_validation
        if self.reported != self.num_timesteps:  # or else a run that went on from here did
            self._report(due)
        self.before = take(self.model), self.state()
        if due:
            self._save(*self.before)

    def _on_training_end(self) -> None:
        if self.interrupted:
            # Not validated: that would make a stopped run differ from one that was not.
            assert self.before is not None
            self._save(*self.before)
            return
        self._report(validate=True)
        self._save(take(self.model), self.state())

    def _report(self, validate: bool) -> None:
        figures = self._figures()
        if validate:
            figures |= self._validate()
        self.report(figures, self.num_timesteps)
        self.reported = self.num_timesteps
        if validate:
            self.look(self._agent(), self.num_timesteps)

    def _figures(self) -> dict[str, float]:
        """What is known between two updates."""
        seconds = max(time.monotonic() - self.started, 1e-9)
        figures = {"time/steps_per_s": (self.num_timesteps - self.started_at) / seconds}
        figures |= self._played()
        figures["train/raids"] = float(self.raids)
        logged = self.model.logger.name_to_value
        known = [name for name in LOGGED if name in logged]
        figures |= {name: float(logged[name]) for name in known}
        return figures

    def _played(self) -> dict[str, float]:
        """What the training raids were like that ended since the last report."""
        if not self.episodes:
            return {}
        rows = {name: np.array([e[name] for e in self.episodes]) for name in self.episodes[0]}
        self.episodes = []
        means = mean_figures(self.scenario, rows)
        figures = {f"train/{name}": mean for name, mean in means.items()}
        undefended = float(rows["undefended_loss"].sum())
        if undefended > 0.0:
            figures["train/protected_share"] = 1.0 - float(rows["loss"].sum()) / undefended
        return figures

    def _agent(self) -> Policy:
        return as_agent(self.model.policy, rule_in(self.model))

    def _validate(self) -> dict[str, float]:
        """Score the policy, and keep it as the agent if it is the best so far."""
        rows = self.validation.play(self._agent())
        score = self.validation.score(rows)
        if score > self.best_score:
            self.best_score = score
            agent_folder = self.folder / AGENT_FOLDER
            rule = rule_in(self.model)
            save_agent(agent_folder, self.model.policy, self.settings, self.scenario, rule)
        self.next_validation = self.num_timesteps + self.settings.validate_every
        return self.validation.figures(rows, self.best_score)

    def _save(self, moment: Moment, state: dict[str, Any]) -> None:
        folder = self.folder / TRAINING_FOLDER
        save_training(folder, self.model, self.settings, self.scenario, state, moment)
