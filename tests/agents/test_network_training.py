"""Learning of price networks: the fit, an iteration, evolution, and going on after a stop."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from agents import scoring
from agents.classical import make_policy
from agents.classical.weights_file import load_tuned, weights_path
from agents.learned import network_training
from agents.learned.deviations import Deviations
from agents.learned.evolution import Evolution
from agents.learned.improvement import fit_gains, train_seeds
from agents.learned.network_files import load_arrays, load_network, load_state
from agents.learned.price_network import (
    PARTS,
    NetworkPolicy,
    PriceNetwork,
    bare_network,
    part_sizes,
)
from agents.learned.settings import EvolutionSettings, NetworkSettings, PriceNetworkSettings
from agents.rollout import play
from envs.scenario import load_scenario, read_scenario

DUEL = load_scenario("duel")
IMPROVEMENT = PriceNetworkSettings(
    iterations=2,
    raids=400,
    rate=0.3,
    search_raids=200,
    epochs=5,
    hidden=6,
    start="greedy",
    num_envs=64,
    validation_raids=64,
    threads=1,
)
EVOLUTION = EvolutionSettings(
    iterations=3,
    raids=24,
    pairs=4,
    hidden=5,
    start="greedy",
    num_envs=64,
    validation_raids=64,
    threads=1,
)


def same(one: PriceNetwork, other: PriceNetwork) -> bool:
    parts = all(np.array_equal(one.parts[name], other.parts[name]) for name in PARTS)
    return parts and np.array_equal(one.out, other.out) and one.prices == other.prices


def made_up(noise: float, slope: float, decisions: int = 20_000) -> Deviations:
    """Decisions whose gain rises with one input and falls with the score."""
    generator = np.random.default_rng(0)
    inputs = generator.normal(size=(decisions, sum(part_sizes(DUEL).values()))).astype(np.float32)
    scores = generator.normal(size=decisions) * 0.1
    gains = slope * (np.maximum(inputs[:, 3], 0.0) - 0.5 * scores)
    gains = gains + noise * generator.normal(size=decisions)
    return Deviations(inputs, scores, gains, np.zeros((decisions, 4), np.int64))


def test_a_fit_finds_what_firing_gains() -> None:
    settings = PriceNetworkSettings(epochs=20, batch_size=512, threads=1)
    known = made_up(noise=0.1, slope=0.1)
    fit = fit_gains(known, part_sizes(DUEL), settings, seed=0)
    # var(relu(x)) = 1/2 - 1/(2 pi); the score's part is small beside it.
    share = 0.01 * (0.5 - 0.5 / np.pi) / (0.01 * (0.5 - 0.5 / np.pi) + 0.01)
    assert fit.explained == pytest.approx(share, abs=0.05)
    wanted = 0.1 * np.maximum(known.inputs[:, 3], 0.0)
    assert np.corrcoef(fit.gains(known.inputs), wanted)[0, 1] > 0.95


def test_a_fit_to_noise_explains_next_to_nothing() -> None:
    settings = PriceNetworkSettings(epochs=5, threads=1)
    fit = fit_gains(made_up(noise=0.1, slope=0.0), part_sizes(DUEL), settings, seed=0)
    assert 0.0 <= fit.explained < 0.005
    assert fit.gains(made_up(0.1, 0.0).inputs).std() < 0.03


def test_iterations_and_uses_never_share_raids() -> None:
    uses = [seeds for n in range(3) for seeds in train_seeds(PriceNetworkSettings(), n)]
    uses += [seeds for seeds in train_seeds(PriceNetworkSettings(seed=1), 0)]
    assert len(np.unique(np.concatenate(uses))) == sum(len(seeds) for seeds in uses)


@pytest.mark.parametrize("settings", [IMPROVEMENT, EVOLUTION], ids=["improvement", "evolution"])
def test_a_continued_training_ends_where_an_uninterrupted_one_does(
    settings: NetworkSettings, tmp_path: Path
) -> None:
    whole = network_training.fit(settings, DUEL, tmp_path / "whole")
    network_training.fit(replace(settings, iterations=1), DUEL, tmp_path / "parts")
    asked: list[int] = []

    def stop_soon() -> bool:  # in the middle of an iteration, which is then made again
        asked.append(1)
        return len(asked) > 2

    network_training.fit(settings, DUEL, tmp_path / "parts", resume=True, stopped=stop_soon)
    assert load_state(tmp_path / "parts" / "checkpoint")["iterations"] < settings.iterations
    parts = network_training.fit(settings, DUEL, tmp_path / "parts", resume=True)
    assert same(whole, parts)
    newest = [load_network(tmp_path / n / "checkpoint", DUEL) for n in ("whole", "parts")]
    assert same(*newest)
    folders = [tmp_path / n / "checkpoint" for n in ("whole", "parts")]
    assert load_state(folders[0]) == load_state(folders[1])
    arrays = [load_arrays(folder) for folder in folders]
    assert arrays[0].keys() == arrays[1].keys()
    for name, array in arrays[0].items():
        assert np.array_equal(array, arrays[1][name]), name


def test_the_best_start_is_greedy_where_nothing_has_been_tuned() -> None:
    own = load_scenario(read_scenario("duel") | {"name": "own"})
    assert network_training.initial_network(PriceNetworkSettings(), own).prices == {}
    tuned = network_training.initial_network(PriceNetworkSettings(), DUEL).prices
    assert tuned == load_tuned(weights_path("duel"), "duel").weights
    with pytest.raises(FileNotFoundError, match="has no tuned weights"):
        network_training.initial_network(PriceNetworkSettings(start="pricing"), own)


def test_a_training_does_not_go_on_as_another_one(tmp_path: Path) -> None:
    network_training.fit(replace(EVOLUTION, iterations=1), DUEL, tmp_path)
    other = replace(EVOLUTION, hidden=7)
    with pytest.raises(ValueError, match="was trained with hidden = 5, not 7; to change that"):
        network_training.fit(other, DUEL, tmp_path, resume=True)


def test_evolution_that_sees_no_difference_stays_where_it_is() -> None:
    # Nobody can shoot at raids that have no legal pair: prices of 100 make them all the same.
    start = bare_network({f"base_{kind}": 100.0 for kind in DUEL.shooter_kinds}, DUEL)
    learner = Evolution(start, DUEL, EVOLUTION)
    before = learner.network
    assert learner.advance(0, lambda share: None, lambda: False) is not None
    assert same(before, learner.network)


def test_too_few_decisions_are_an_error() -> None:
    few = made_up(0.1, 0.0, decisions=3)
    with pytest.raises(
        ValueError, match="only 3 decisions were tried; more raids or a larger rate"
    ):
        fit_gains(few, part_sizes(DUEL), PriceNetworkSettings(), seed=0)


def test_evolution_starts_as_the_rule_it_is_given() -> None:
    start = bare_network({}, DUEL)
    network = Evolution(start, DUEL, EVOLUTION).network
    assert network.hidden == EVOLUTION.hidden
    own, greedy = (
        play(NetworkPolicy(DUEL, one), DUEL, range(40))["loss"] for one in (network, start)
    )
    assert own.tolist() == greedy.tolist()


@pytest.mark.slow
def test_evolution_learns(tmp_path: Path) -> None:
    settings = replace(EVOLUTION, iterations=25, raids=96, pairs=8, validation_raids=512)
    network = network_training.fit(settings, DUEL, tmp_path)
    assert gain_over_greedy(network) > 0.08


@pytest.mark.slow
def test_improvement_learns_from_greedy_on(tmp_path: Path) -> None:
    settings = replace(
        IMPROVEMENT,
        iterations=4,
        raids=2500,
        search_raids=400,
        epochs=20,
        hidden=16,
        num_envs=512,
        validation_raids=512,
    )
    network = network_training.fit(settings, DUEL, tmp_path)
    assert gain_over_greedy(network) > 0.15


def gain_over_greedy(network: PriceNetwork) -> float:
    policies = (NetworkPolicy(DUEL, network), make_policy("wta_greedy", DUEL))
    rows = [play(policy, DUEL, range(1000)) for policy in policies]
    own, greedy = (scoring.score(r["loss"], r["undefended_loss"]) for r in rows)
    return own - greedy


@pytest.mark.parametrize(
    ("settings", "change", "message"),
    [
        (PriceNetworkSettings, {"rate": 0.0}, "rate must be in (0, 1], got 0.0"),
        (PriceNetworkSettings, {"memory": 0}, "memory must be at least 1, got 0"),
        (
            PriceNetworkSettings,
            {"start": "better"},
            "start must be one of best, greedy, pricing, got 'better'",
        ),
        (EvolutionSettings, {"spread": -1.0}, "spread must be above 0, got -1.0"),
        (EvolutionSettings, {"pairs": 0}, "pairs must be at least 1, got 0"),
    ],
)
def test_settings_that_cannot_run_are_refused(settings: type, change: dict, message: str) -> None:
    with pytest.raises(ValueError) as error:
        settings(**change)
    assert message in str(error.value)
