"""Tunes the pricing rule by direct search: CMA-ES over its weights, on training raids.

Every generation plays all candidates on the same fresh raids with the same luck, so candidates
differ by their weights alone (common random numbers). The search starts from the best single
price, or from the weights of an earlier run. What is kept is chosen on validation raids, among the
means of the search distribution, the start, the single price and plain greedy. What counts is the
protected share, less the penalties where neutral aircraft may come; see ``Trials.score``.

Reference: N. Hansen, "The CMA Evolution Strategy: A Tutorial", arXiv 1604.00772.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cma
import numpy as np
from numpy.typing import NDArray

from agents.classical.pricing_kernel import PriceAllocator
from agents.classical.terms import find_columns, flat_price, term_names, weight_vector
from agents.classical.trials import Trials
from agents.classical.tuning_history import Finalist, TuningHistory, TuningSettings
from agents.classical.weights_file import TunedWeights, load_tuned
from agents.cluster import Map
from envs.scenario import Scenario

Weights = NDArray[np.float64]

PRICE_GRID = np.concatenate([[0.0], np.geomspace(0.005, 0.6, 15)])
"""Single prices tried first, as shares of the largest asset's value; the next are in between."""

START = "start"
"""Name of the finalist that the search started from, if it was told to."""

_RAIDS_APART = 2**32  # between the training seeds of two tuning seeds


@dataclass(frozen=True)
class GenerationReport:
    """How the search stands after a generation.

    Scores are those of ``Trials.score``. ``validation_score`` and ``greedy_score`` are those of
    the mean and of greedy WTA on the same validation raids; None if this generation was not
    validated.
    """

    generation: int
    generations: int
    mean_score: float
    best_score: float
    step_size: float
    weights: dict[str, float]
    threshold: float
    greedy_score: float
    threshold_score: float
    validation_score: float | None


OnGeneration = Callable[[GenerationReport], object]


def tune_pricing(
    scenario: Scenario,
    settings: TuningSettings,
    on_generation: OnGeneration | None = None,
    history: TuningHistory | None = None,
    mapped: Map | None = None,
) -> tuple[TunedWeights, TuningHistory]:
    """Tunes the single price, then the weights of the pricing rule.

    Args:
        scenario: Scenario to tune for.
        settings: Budget and search parameters; the budget is ``generations``.
        on_generation: Called after each generation. Returning False ends the search early.
        history: Of an earlier call, to continue it exactly where it stood (it is filled while the
            search runs, so it is complete up to the last generation when one is interrupted).
        mapped: Plays the candidates in pieces, on a cluster say, with the same scores.

    Returns:
        The tuned weights, and the history.

    Raises:
        ValueError: If ``history`` belongs to another scenario or other settings.
    """
    history = TuningHistory(scenario.name, settings) if history is None else history
    history.check_continues(scenario.name, settings)
    search = _Search(scenario, settings, history, mapped)
    search.tune_price()
    for generation in range(len(history.fitness), settings.generations):
        report = search.advance(generation)
        if on_generation is not None and on_generation(report) is False:
            break
    return search.result(), history


class _Search:
    """The parts of one tuning run."""

    def __init__(
        self,
        scenario: Scenario,
        settings: TuningSettings,
        history: TuningHistory,
        mapped: Map | None,
    ) -> None:
        self.scenario, self.settings, self.history = scenario, settings, history
        self.trials = Trials(scenario, settings.batch_size, mapped)
        # A kind the scenario does not deploy has no effect, so its terms would wander.
        self.kinds = deployed_kinds(scenario)
        self.calendar = scenario.campaign.raids > 1 and settings.calendar
        self.terms = term_names(self.kinds, self.calendar)
        self.validation_seeds = settings.validation_seed + np.arange(settings.validation_raids)
        self.strategy: cma.CMAEvolutionStrategy | None = None

    def train_seeds(self, block: int) -> NDArray[np.int64]:
        """Seeds no other block of this run plays."""
        raids = self.settings.raids
        seeds: NDArray[np.int64] = (
            self.settings.seed * _RAIDS_APART + block * raids + np.arange(raids, dtype=np.int64)
        )
        return seeds

    def allocator(self, candidates: Weights) -> PriceAllocator:
        """Lets vectors over the deployed kinds, widened to all of the catalogue, play."""
        kinds = self.scenario.shooter_kinds
        rows = [weight_vector(self.named(candidate), kinds) for candidate in candidates]
        return PriceAllocator(find_columns(self.scenario), np.array(rows))

    def named(self, candidate: Weights) -> dict[str, float]:
        return dict(zip(self.terms, candidate.tolist(), strict=True))

    def flat(self, price: float) -> Weights:
        return weight_vector(flat_price(price, self.kinds), self.kinds, self.calendar)

    def validate(self, candidates: dict[str, Weights]) -> list[Finalist]:
        """Scores named candidates on the validation raids."""
        weights = np.array(list(candidates.values()))
        scores = self.trials.score(self.allocator(weights), self.validation_seeds, "validation")
        return [
            Finalist(name, float(score), self.named(own))
            for (name, own), score in zip(candidates.items(), scores, strict=True)
        ]

    def tune_price(self) -> None:
        """Finds the best single price on training raids: a grid, then a finer one around it."""
        if self.history.finalists:
            return
        prices = PRICE_GRID
        for block in range(2):
            candidates = np.array([self.flat(price) for price in prices])
            scores = self.trials.score(self.allocator(candidates), self.train_seeds(block), "train")
            best = int(scores.argmax())
            low, high = prices[max(best - 1, 0)], prices[min(best + 1, len(prices) - 1)]
            price = float(prices[best])
            prices = np.linspace(low, high, len(PRICE_GRID))
        self.history.threshold = price
        fixed = {"wta_greedy": self.flat(0.0), "wta_threshold": self.flat(price)}
        if self.settings.start is not None:
            earlier = load_tuned(self.settings.start, self.scenario.name).weights
            weight_vector(earlier, self.scenario.shooter_kinds)  # an unknown term is an error
            own = {term: weight for term, weight in earlier.items() if term in self.terms}
            fixed[START] = weight_vector(own, self.kinds, self.calendar)
        self.history.finalists += self.validate(fixed)

    def start(self) -> Weights:
        """Where the search starts: what the history holds, for files may change."""
        if self.settings.start is None:
            return self.flat(self.history.threshold)
        chosen = self.history.finalists[2]
        return weight_vector(chosen.weights, self.kinds, self.calendar)

    def advance(self, generation: int) -> GenerationReport:
        """Plays one generation on fresh raids."""
        if self.strategy is None:
            self.strategy = self.replay()
        candidates = np.array(self.strategy.ask())
        seeds = self.train_seeds(2 + generation)
        scores = self.trials.score(self.allocator(candidates), seeds, "train")
        self.strategy.tell(list(candidates), (-scores).tolist())
        mean = np.array(self.strategy.mean)
        last = generation + 1 == self.settings.generations
        validated = []
        if last or (generation + 1) % self.settings.validate_every == 0:
            validated = self.validate({f"generation {generation + 1}": mean})
        self.history.fitness.append((-scores).tolist())
        self.history.finalists += validated
        return GenerationReport(
            generation=generation + 1,
            generations=self.settings.generations,
            mean_score=float(scores.mean()),
            best_score=float(scores.max()),
            step_size=float(self.strategy.sigma),
            weights=self.named(mean),
            threshold=self.history.threshold,
            greedy_score=self.history.finalists[0].score,
            threshold_score=self.history.finalists[1].score,
            validation_score=validated[0].score if validated else None,
        )

    def replay(self) -> cma.CMAEvolutionStrategy:
        """Starts the strategy, or brings it to where the history ends.

        Its draws follow from the seed, so the fitness values seen so far are its whole state.
        """
        options = {
            "popsize": self.settings.candidates,
            "randn": np.random.RandomState(self.settings.seed).randn,
            "seed": np.nan,  # leave NumPy's global generator alone
            "verbose": -9,
            "verb_log": 0,
        }
        strategy = cma.CMAEvolutionStrategy(self.start(), self.settings.initial_step, options)
        for fitness in self.history.fitness:
            strategy.tell(strategy.ask(), fitness)
        return strategy

    def result(self) -> TunedWeights:
        """Takes the finalist that does best on validation raids."""
        chosen = max(self.history.finalists, key=lambda finalist: finalist.score)
        greedy, threshold = self.history.finalists[:2]
        settings = self.settings
        scored = "share_less_penalties" if self.scenario.traffic else "protected_share"
        return TunedWeights(
            scenario=self.scenario.name,
            threshold=self.history.threshold,
            weights=chosen.weights,
            tuned={
                "chosen": chosen.name,
                "generations": len(self.history.fitness),
                "candidates": settings.candidates,
                "train_raids_per_generation": settings.raids,
                "seed": settings.seed,
                "initial_step": settings.initial_step,
                "calendar": self.calendar,
                "start": settings.start,
                "validation_raids": settings.validation_raids,
                "validation_first_seed": settings.validation_seed,
                f"validation_{scored}": {
                    "wta_greedy": round(greedy.score, 4),
                    "wta_threshold": round(threshold.score, 4),
                    "wta_pricing": round(chosen.score, 4),
                },
            },
        )


def deployed_kinds(scenario: Scenario) -> tuple[str, ...]:
    """Shooter kinds that stand somewhere in the scenario, in the catalogue's order."""
    deployed = {shooter.kind for shooter in scenario.shooters}
    return tuple(kind for kind in scenario.shooter_kinds if kind in deployed)
