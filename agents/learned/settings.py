"""Settings of learned agents: plain values, checked here; needs neither torch nor SB3."""

from __future__ import annotations

from dataclasses import dataclass

STARTS = ("greedy", "pricing")


@dataclass
class TrainingSettings:
    """What every learned agent has in common.

    Attributes:
        steps: Budget in environment steps, over all rows.
        num_envs: Raids played side by side.
        n_steps: Steps per row between two updates.
        batch_size: Samples of one gradient step.
        n_epochs: Passes over the samples of an update.
        learning_rate: At the start; falls linearly.
        final_learning_rate: Share of the learning rate that is left at the end.
        gamma: Discount per epoch.
        gae_lambda: Bias against variance of the advantage.
        clip_range: Largest change of a probability ratio that is still rewarded.
        ent_coef: Weight of the entropy bonus.
        vf_coef: Weight of the value loss.
        max_grad_norm: Gradients are scaled down to this norm.
        validation_raids: Raids of the periodic validation.
        validation_seed: Seed of the first of them; apart from those that scoring reports.
        validate_every: Steps between validations.
        threads: Torch threads; one, where something else uses the other cores.
        seed: Of everything random in training.
    """

    steps: int = 2_000_000
    num_envs: int = 256
    n_steps: int = 128
    batch_size: int = 2048
    n_epochs: int = 2
    learning_rate: float = 1e-3
    final_learning_rate: float = 0.1
    gamma: float = 1.0
    gae_lambda: float = 0.95
    clip_range: float = 0.2
    ent_coef: float = 0.0
    vf_coef: float = 0.5
    max_grad_norm: float = 0.5
    validation_raids: int = 512
    validation_seed: int = 1_000_000
    validate_every: int = 250_000
    threads: int = 2
    seed: int = 0

    def __post_init__(self) -> None:
        """Reject what cannot run.

        Raises:
            ValueError: A value out of range, named.
        """
        for name in ("steps", "num_envs", "n_steps", "n_epochs", "validate_every", "threads"):
            _require(getattr(self, name) >= 1, name, getattr(self, name), "at least 1")
        for name in ("batch_size", "validation_raids"):
            _require(getattr(self, name) >= 2, name, getattr(self, name), "at least 2")
        for name in ("gamma", "gae_lambda", "final_learning_rate"):
            _require(0 <= getattr(self, name) <= 1, name, getattr(self, name), "in [0, 1]")
        for name in ("learning_rate", "clip_range", "max_grad_norm"):
            _require(getattr(self, name) > 0, name, getattr(self, name), "above 0")
        for name in ("ent_coef", "vf_coef", "seed"):
            _require(getattr(self, name) >= 0, name, getattr(self, name), "0 or more")
        _require(
            self.batch_size <= self.num_envs * self.n_steps,
            "batch_size",
            self.batch_size,
            f"at most num_envs * n_steps = {self.num_envs * self.n_steps}",
        )


@dataclass
class PPOSettings(TrainingSettings):
    """SB3's PPO with the allocation policy.

    Attributes:
        start: Which rule the policy starts as: ``greedy`` or ``pricing`` (the tuned weights).
        copies: Rows that play the same raid with the same luck, as each other's baseline.
        width: Of tokens and hidden layers.
        beta: Scaled score per unit of small score at the start.
        score_limit: What scaled scores tend to; a choice of score s is taken with odds up to
            exp(score_limit), so a low one explores and a high one can hold fire for long.
        price_scale: How much faster than the other parameters the price weights move.
    """

    steps: int = 5_000_000
    start: str = "greedy"
    copies: int = 4
    width: int = 32
    beta: float = 100.0
    score_limit: float = 10.0
    price_scale: float = 2.0

    def __post_init__(self) -> None:
        """Reject what cannot run.

        Raises:
            ValueError: A value out of range, named.
        """
        super().__post_init__()
        _require(self.start in STARTS, "start", self.start, f"one of {', '.join(STARTS)}")
        _require(
            self.copies >= 1 and self.num_envs % self.copies == 0,
            "copies",
            self.copies,
            f"a divisor of num_envs = {self.num_envs}",
        )
        for name in ("beta", "price_scale", "score_limit"):
            _require(getattr(self, name) > 0, name, getattr(self, name), "above 0")
        _require(self.width >= 1, "width", self.width, "at least 1")


@dataclass
class MaskablePPOSettings(TrainingSettings):
    """sb3-contrib's MaskablePPO with its own MultiInputPolicy, for comparison.

    Attributes:
        hidden: Width of its two hidden layers.
    """

    steps: int = 1_000_000
    n_epochs: int = 8
    gamma: float = 0.999
    ent_coef: float = 0.001
    hidden: int = 64

    def __post_init__(self) -> None:
        """Reject what cannot run.

        Raises:
            ValueError: A value out of range, named.
        """
        super().__post_init__()
        _require(self.hidden >= 1, "hidden", self.hidden, "at least 1")


def _require(holds: bool, name: str, value: object, wanted: str) -> None:
    if not holds:
        raise ValueError(f"{name} must be {wanted}, got {value!r}")
