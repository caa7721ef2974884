"""Trains a price network into a folder, by improvement or by direct search, and goes on from it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import torch
from numpy.typing import NDArray

from agents.classical.weights_file import start_prices
from agents.cluster import Map
from agents.learned.evolution import Evolution
from agents.learned.improvement import Improvement
from agents.learned.network_files import (
    check_continues,
    load_arrays,
    load_network,
    load_state,
    save_network,
)
from agents.learned.price_network import NetworkPolicy, PriceNetwork, bare_network
from agents.learned.settings import EvolutionSettings, NetworkSettings, PriceNetworkSettings
from agents.learned.training import AGENT_FOLDER, TRAINING_FOLDER, Look, Report
from agents.learned.validation import Validation
from agents.rollout import kernel_threads
from envs.scenario import Scenario


class Learner(Protocol):
    """Something that improves a network, an iteration at a time, by its state alone."""

    network: PriceNetwork

    def advance(
        self,
        number: int,
        progress: Callable[[float], object],
        stopped: Callable[[], bool],
    ) -> dict[str, float] | None:
        """Make iteration ``number``, from 0; return figures of it, or None if stopped in it.

        ``progress`` is told the share of it that is done.
        """
        ...

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Whatever a continued training needs beside the network."""
        ...

    def restore(self, network: PriceNetwork, arrays: dict[str, NDArray[Any]]) -> None:
        """Go on from a network and what ``arrays`` returned."""
        ...


def fit(
    settings: NetworkSettings,
    scenario: Scenario,
    folder: Path,
    *,
    resume: bool = False,
    report: Report | None = None,
    stopped: Callable[[], bool] | None = None,
    look: Look | None = None,
    mapped: Map | None = None,
) -> PriceNetwork:
    """Train until the iterations are made or somebody asks to stop.

    ``folder/agent`` holds the network that did best on the validation raids, ``folder/checkpoint``
    the state after the last whole iteration; one that is stopped is made again when resumed, to
    the same end.

    Args:
        settings: ``iterations`` is the whole budget, earlier runs included.
        scenario: What is played.
        folder: Of the run.
        resume: Whether to continue what stands in the folder.
        report: Told named figures and the training raids played.
        stopped: Asked between iterations, and at every epoch while decisions are tried; True ends
            the training.
        look: Shown the network's policy, and told the training raids played, after validations.
        mapped: Plays an evolution strategy's candidates and the validation raids in pieces, on a
            cluster say; what is learned is the same.

    Returns:
        The network in ``folder/agent``.

    Raises:
        ValueError: The folder's training had other settings or another version of the scenario.
    """
    saved = load_state(folder / TRAINING_FOLDER) if resume else None
    if saved is not None:
        check_continues(folder / TRAINING_FOLDER, settings, scenario)
        if saved["iterations"] >= settings.iterations:
            return load_network(folder / AGENT_FOLDER, scenario)
    torch.set_num_threads(settings.threads)
    report, stopped = report or (lambda figures, done: None), stopped or (lambda: False)
    look = look or (lambda policy, done: None)
    with kernel_threads(settings.threads):
        _advance(settings, scenario, folder, saved, report, stopped, look, mapped)
    return load_network(folder / AGENT_FOLDER, scenario)


def _advance(
    settings: NetworkSettings,
    scenario: Scenario,
    folder: Path,
    saved: dict[str, Any] | None,
    report: Report,
    stopped: Callable[[], bool],
    look: Look,
    mapped: Map | None,
) -> None:
    """Begin a training or go on with it, and save it after every iteration."""
    validation = Validation(
        scenario,
        settings.validation_seed,
        settings.validation_raids,
        settings.num_envs,
        mapped,
    )
    learner = _learner(settings, scenario, mapped)
    state: dict[str, Any] = {"iterations": 0, "best": None}
    if saved is not None:
        state = saved
        arrays = load_arrays(folder / TRAINING_FOLDER)
        learner.restore(load_network(folder / TRAINING_FOLDER, scenario), arrays)
    else:
        policy = NetworkPolicy(scenario, learner.network)
        rows = validation.play(policy)
        state["best"] = validation.score(rows)
        save_network(folder / AGENT_FOLDER, learner.network, settings, scenario)
        # Saved last: what was recorded but not saved is dropped and recorded again.
        report(validation.figures(rows, state["best"]), 0)
        look(policy, 0)
        _save(folder, learner, settings, scenario, state)
    raids = settings.raids
    while state["iterations"] < settings.iterations and not stopped():
        done = state["iterations"] * raids
        figures = learner.advance(state["iterations"], _shown(report, done, raids), stopped)
        if figures is None:
            break
        state["iterations"] += 1
        policy = NetworkPolicy(scenario, learner.network)
        rows = validation.play(policy)
        score = validation.score(rows)
        if score > state["best"]:
            state["best"] = score
            save_network(folder / AGENT_FOLDER, learner.network, settings, scenario)
        done = state["iterations"] * raids
        report(figures | validation.figures(rows, state["best"]), done)
        look(policy, done)
        _save(folder, learner, settings, scenario, state)


def saved_raids(folder: Path, settings: NetworkSettings) -> int:
    """Training raids after which the run in a folder goes on, or -1 if there is none."""
    try:
        return int(load_state(folder / TRAINING_FOLDER)["iterations"]) * settings.raids
    except FileNotFoundError:
        return -1


def initial_network(settings: NetworkSettings, scenario: Scenario) -> PriceNetwork:
    """The network as it is before the first iteration: a classical rule, no hidden units.

    Raises:
        FileNotFoundError: If it starts from tuned weights that the scenario does not have.
    """
    return bare_network(start_prices(scenario.name, settings.start), scenario)


def _shown(report: Report, done: int, raids: int) -> Callable[[float], None]:
    return lambda share: report({}, done + int(share * raids))


def _learner(settings: NetworkSettings, scenario: Scenario, mapped: Map | None) -> Learner:
    network = initial_network(settings, scenario)
    if isinstance(settings, PriceNetworkSettings):
        return Improvement(network, scenario, settings)
    assert isinstance(settings, EvolutionSettings)
    return Evolution(network, scenario, settings, mapped)


def _save(
    folder: Path,
    learner: Learner,
    settings: NetworkSettings,
    scenario: Scenario,
    state: dict[str, Any],
) -> None:
    training = (state, learner.arrays())
    save_network(folder / TRAINING_FOLDER, learner.network, settings, scenario, training)
