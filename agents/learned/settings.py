"""Settings of learned agents: plain values, checked here; needs neither torch nor SB3."""

from __future__ import annotations

from dataclasses import dataclass

STARTS = ("greedy", "pricing", "nothing")
SHAPINGS = ("critic", "reward", "off")
NETWORK_STARTS = ("best", "greedy", "pricing")
LABELS = ("tried", "exact")


@dataclass
class TrainingSettings:
    """What every learned agent has in common.

    Attributes:
        steps: Budget in environment steps, over all rows.
        num_envs: Raids played side by side.
        n_steps: Steps per row between two updates.
        learning_rate: At the start; falls linearly.
        final_learning_rate: Share of the learning rate that is left at the end.
        gamma: Discount per epoch.
        gae_lambda: Bias against variance of the advantage.
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
    learning_rate: float = 1e-3
    final_learning_rate: float = 0.1
    gamma: float = 1.0
    gae_lambda: float = 0.95
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
        for name in ("steps", "num_envs", "n_steps", "validate_every", "threads"):
            _require(getattr(self, name) >= 1, name, getattr(self, name), "at least 1")
        _require(
            self.validation_raids >= 2, "validation_raids", self.validation_raids, "at least 2"
        )
        for name in ("gamma", "gae_lambda", "final_learning_rate"):
            _require(0 <= getattr(self, name) <= 1, name, getattr(self, name), "in [0, 1]")
        for name in ("learning_rate", "max_grad_norm"):
            _require(getattr(self, name) > 0, name, getattr(self, name), "above 0")
        for name in ("ent_coef", "vf_coef", "seed"):
            _require(getattr(self, name) >= 0, name, getattr(self, name), "0 or more")


@dataclass
class ProximalSettings(TrainingSettings):
    """What both PPOs have in common: several passes over the samples, in minibatches.

    Attributes:
        batch_size: Samples of one gradient step.
        n_epochs: Passes over the samples of an update.
        clip_range: Largest change of a probability ratio that is still rewarded.
    """

    batch_size: int = 2048
    n_epochs: int = 2
    clip_range: float = 0.2

    def __post_init__(self) -> None:
        """Reject what cannot run.

        Raises:
            ValueError: A value out of range, named.
        """
        super().__post_init__()
        _require(self.n_epochs >= 1, "n_epochs", self.n_epochs, "at least 1")
        _require(self.batch_size >= 2, "batch_size", self.batch_size, "at least 2")
        _require(self.clip_range > 0, "clip_range", self.clip_range, "above 0")
        _require(
            self.batch_size <= self.num_envs * self.n_steps,
            "batch_size",
            self.batch_size,
            f"at most num_envs * n_steps = {self.num_envs * self.n_steps}",
        )


@dataclass
class AllocationSettings(TrainingSettings):
    """What trainings of the allocation policy have in common.

    Attributes:
        start: Which rule the policy starts as: ``greedy``, ``pricing`` (the tuned weights), or
            ``nothing``: a random network, which knows no rule.
        copies: Rows that play the same raid with the same luck, as each other's baseline; 1: none.
        sequential: Whether shooters choose one after another and see what the others chose in this
            epoch, or each for itself.
        shaping: Where the loss to be expected of what is in sight and in flight counts at once, as
            a potential: in the ``critic``, in the ``reward``, which comes to the same, or nowhere
            (``off``).
        width: Of tokens and hidden layers.
        beta: Scaled score per unit of small score at the start.
        score_limit: What scaled scores tend to; a choice of score s is taken with odds up to
            exp(score_limit), so a low one explores and a high one can hold fire for long.
        price_scale: How much faster than the other parameters the price weights move.
    """

    steps: int = 5_000_000
    start: str = "greedy"
    copies: int = 4
    sequential: bool = True
    shaping: str = "critic"
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
        for name, known in (("start", STARTS), ("shaping", SHAPINGS)):
            value = getattr(self, name)
            _require(value in known, name, value, f"one of {', '.join(known)}")
        _require_divisor(self.copies, self.num_envs)
        for name in ("beta", "price_scale", "score_limit"):
            _require(getattr(self, name) > 0, name, getattr(self, name), "above 0")
        _require(self.width >= 1, "width", self.width, "at least 1")


@dataclass
class PPOSettings(AllocationSettings, ProximalSettings):
    """SB3's PPO with the allocation policy."""


@dataclass
class A2CSettings(AllocationSettings):
    """SB3's A2C with the allocation policy: one gradient step an update, on all its samples."""

    n_steps: int = 16


@dataclass
class MaskablePPOSettings(ProximalSettings):
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


@dataclass
class PricesSettings(ProximalSettings):
    """SB3's PPO with its own MultiInputPolicy, which sets a price a shooter; see `priced`.

    Attributes:
        start: Which rule the prices are added to, as in ``NetworkSettings``.
        copies: Rows that play the same raid with the same luck, as each other's baseline; 1: none.
        hidden: Width of its two hidden layers.
        spread: Standard deviation of the actions at the start, of which 1 is `PRICE_RANGE`.
    """

    num_envs: int = 128
    start: str = "best"
    copies: int = 4
    hidden: int = 64
    learning_rate: float = 3e-4
    n_epochs: int = 4
    spread: float = 0.2

    def __post_init__(self) -> None:
        """Reject what cannot run.

        Raises:
            ValueError: A value out of range, named.
        """
        super().__post_init__()
        _require(self.hidden >= 1, "hidden", self.hidden, "at least 1")
        _require(self.spread > 0, "spread", self.spread, "above 0")
        _require_start(self.start)
        _require_divisor(self.copies, self.num_envs)


@dataclass
class NetworkSettings:
    """What learners of a price network have in common.

    Attributes:
        iterations: Budget; a longer run continues a shorter one exactly.
        raids: Training raids an iteration.
        hidden: Hidden units: of the network, or that an iteration adds.
        start: Which rule the network starts as: ``greedy``, ``pricing`` (the tuned weights), or
            ``best``: pricing where the package has weights for the scenario, or else greedy.
        num_envs: Raids played side by side; what is learned does not depend on it.
        validation_raids: Raids of the validation after each iteration.
        validation_seed: Seed of the first of them; apart from those that scoring reports.
        threads: Of torch and of the compiled kernels; more only where nothing else uses the cores.
        seed: Of everything random in training.
    """

    iterations: int = 4
    raids: int = 6_000
    hidden: int = 24
    start: str = "best"
    num_envs: int = 512
    validation_raids: int = 2048
    validation_seed: int = 1_000_000
    threads: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        """Reject what cannot run.

        Raises:
            ValueError: A value out of range, named.
        """
        for name in ("iterations", "raids", "hidden", "num_envs", "threads"):
            _require(getattr(self, name) >= 1, name, getattr(self, name), "at least 1")
        _require(
            self.validation_raids >= 2, "validation_raids", self.validation_raids, "at least 2"
        )
        for name in ("validation_seed", "seed"):
            _require(getattr(self, name) >= 0, name, getattr(self, name), "0 or more")
        _require_start(self.start)


@dataclass
class PriceNetworkSettings(NetworkSettings):
    """A price network learned by trying decisions both ways; see `agents.learned.improvement`.

    Attributes:
        labels: How decisions are judged: ``tried``, by playing on both ways; or ``exact``, by the
            exact solution, of scenarios that can be solved.
        rate: Probability that an epoch of a raid has a decision tried.
        memory: Iterations whose decisions a fit learns from, the newest included.
        search_raids: Further training raids an iteration, on which the step is chosen.
        epochs: Passes over the decisions of a fit.
        batch_size: Decisions of one gradient step, at least.
        learning_rate: At the start of a fit; falls to zero.
        weight_decay: Of AdamW.
    """

    labels: str = "tried"
    rate: float = 0.1
    memory: int = 4
    search_raids: int = 1_500
    epochs: int = 60
    batch_size: int = 2048
    learning_rate: float = 4e-3
    weight_decay: float = 1e-2

    def __post_init__(self) -> None:
        """Reject what cannot run.

        Raises:
            ValueError: A value out of range, named.
        """
        super().__post_init__()
        known = ", ".join(LABELS)
        _require(self.labels in LABELS, "labels", self.labels, f"one of {known}")
        for name in ("memory", "search_raids", "epochs", "batch_size"):
            _require(getattr(self, name) >= 1, name, getattr(self, name), "at least 1")
        _require(0 < self.rate <= 1, "rate", self.rate, "in (0, 1]")
        _require(self.learning_rate > 0, "learning_rate", self.learning_rate, "above 0")
        _require(self.weight_decay >= 0, "weight_decay", self.weight_decay, "0 or more")


@dataclass
class EvolutionSettings(NetworkSettings):
    """A price network learned by evolution strategies; see `agents.learned.evolution`.

    Attributes:
        pairs: Mirrored pairs of candidates an iteration.
        spread: Standard deviation of the candidates' weights around the mean.
        learning_rate: Of Adam.
    """

    iterations: int = 120
    raids: int = 256
    pairs: int = 16
    spread: float = 0.02
    learning_rate: float = 0.01

    def __post_init__(self) -> None:
        """Reject what cannot run.

        Raises:
            ValueError: A value out of range, named.
        """
        super().__post_init__()
        _require(self.pairs >= 1, "pairs", self.pairs, "at least 1")
        for name in ("spread", "learning_rate"):
            _require(getattr(self, name) > 0, name, getattr(self, name), "above 0")


AGENT_NAMES: dict[type, str] = {
    PPOSettings: "ppo",
    A2CSettings: "a2c",
    MaskablePPOSettings: "maskable_ppo",
    PricesSettings: "prices",
    PriceNetworkSettings: "price_network",
    EvolutionSettings: "es",
}
"""What an agent is called where it is saved and in ``train.py agent=...``."""


def _require_start(start: str) -> None:
    known = ", ".join(NETWORK_STARTS)
    _require(start in NETWORK_STARTS, "start", start, f"one of {known}")


def _require_divisor(copies: int, num_envs: int) -> None:
    right = copies >= 1 and num_envs % copies == 0
    _require(right, "copies", copies, f"a divisor of num_envs = {num_envs}")


def _require(holds: bool, name: str, value: object, wanted: str) -> None:
    if not holds:
        raise ValueError(f"{name} must be {wanted}, got {value!r}")
