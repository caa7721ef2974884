"""Settings of a tuning run and all that is needed to continue it, as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from agents.files import write_text


@dataclass
class TuningSettings:
    """Budget and parameters of the search.

    Attributes:
        generations: Budget; a longer run continues a shorter one exactly.
        candidates: Weight vectors a generation.
        raids: Fresh training raids a generation, played by every candidate.
        validation_raids: Raids on which the result is chosen.
        validation_seed: Seed of the first of them; apart from those that scoring reports.
        validate_every: Generations between validations of the mean.
        initial_step: Standard deviation of the first candidates, in the unit of the weights.
        batch_size: Raids played side by side; changes speed only.
        seed: Of the candidates and of the training raids.
        calendar: Whether the rule may look at the calendar of a campaign.
        start: Weights file, as of an earlier run or of another scenario, that the search starts
            from; terms of kinds that are not deployed here, and those of the calendar where the
            rule may not look at it, are left out. None: the best single price.
    """

    generations: int = 80
    candidates: int = 16
    raids: int = 512
    validation_raids: int = 2048
    validation_seed: int = 1_000_000
    validate_every: int = 10
    initial_step: float = 0.04
    batch_size: int = 512
    seed: int = 0
    calendar: bool = True
    start: str | None = None

    def __post_init__(self) -> None:
        """Rejects what cannot run.

        Raises:
            ValueError: If a count is not positive or the step is not a positive number.
        """
        for name in ("candidates", "raids", "validation_raids", "validate_every", "batch_size"):
            least = 2 if name == "candidates" else 1
            if getattr(self, name) < least:
                raise ValueError(f"{name} must be at least {least}, got {getattr(self, name)}")
        if self.generations < 0:
            raise ValueError(f"generations must not be negative, got {self.generations}")
        if not 0 < self.initial_step < float("inf"):
            raise ValueError(f"initial_step must be positive, got {self.initial_step}")


@dataclass(frozen=True)
class Finalist:
    """Weights that were scored on the validation raids."""

    name: str
    score: float
    weights: dict[str, float]


@dataclass
class TuningHistory:
    """What a run has found so far; it grows while the run goes on.

    Attributes:
        scenario: Name of the scenario.
        settings: Settings of the run.
        threshold: Best single price on training raids.
        fitness: Minus the training score of every candidate, one list a generation. With the
            seed they determine the state of the search, so nothing else of it is stored.
        finalists: Greedy, the single price, the weights of ``start`` if the search starts from
            some, then the validated means; empty before the price is tuned.
    """

    scenario: str
    settings: TuningSettings
    threshold: float = 0.0
    fitness: list[list[float]] = field(default_factory=list)
    finalists: list[Finalist] = field(default_factory=list)

    def check_continues(self, scenario: str, settings: TuningSettings) -> None:
        """Makes sure that a run with these settings would have made this history.

        Raises:
            ValueError: If the scenario or a setting that matters differs.
        """
        if self.scenario != scenario:
            raise ValueError(f"this history is of scenario {self.scenario!r}, not {scenario!r}")
        speed_only: dict[str, Any] = {
            "generations": settings.generations,
            "batch_size": settings.batch_size,
        }
        if replace(self.settings, **speed_only) != settings:
            raise ValueError(
                f"a run continues with its own settings only: {self.settings}, got {settings}"
            )

    def save(self, path: str | Path) -> None:
        """Writes the history atomically."""
        write_text(Path(path), json.dumps(asdict(self)))

    @classmethod
    def load(cls, path: str | Path) -> TuningHistory:
        """Reads a history written by ``save``."""
        content = json.loads(Path(path).read_text(encoding="utf-8"))
        return cls(
            scenario=content["scenario"],
            settings=TuningSettings(**content["settings"]),
            threshold=content["threshold"],
            fitness=content["fitness"],
            finalists=[Finalist(**finalist) for finalist in content["finalists"]],
        )
