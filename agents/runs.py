"""Runs: learn into a folder, and find policies again by name or by that folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from agents.bounds.foresight import check_supported
from agents.classical import (
    PLANNER_NAMES,
    POLICY_NAMES,
    SOLVER_NAMES,
    PricingPolicy,
    make_policy,
)
from agents.classical.look_ahead import LookAhead
from agents.classical.terms import flat_price
from agents.classical.tuning import GenerationReport, tune_pricing
from agents.classical.tuning_history import TuningHistory, TuningSettings
from agents.classical.weights_file import load_tuned, save_tuned, weights_path
from agents.cluster import Map
from agents.evaluation import BOUND, REFERENCE, Evaluation, evaluate
from agents.learned import network_training, training
from agents.learned.archive import load_archive
from agents.learned.checkpoint import load_agent, saved_agent, saved_steps
from agents.learned.network_files import NETWORK_NAMES, load_network, released_policy
from agents.learned.price_network import NetworkPolicy
from agents.learned.settings import (
    AGENT_NAMES,
    EvolutionSettings,
    NetworkSettings,
    TrainingSettings,
)
from agents.learned.validation import Validation
from agents.policy import Policy
from agents.progress import ProgressBar
from agents.recorder import Recorder, Watch
from envs.scenario import Scenario
from envs.validation import one_of

AGENTS: dict[str, type] = {name: settings for settings, name in AGENT_NAMES.items()} | {
    "pricing": TuningSettings
}
"""Settings of everything that learns, by name."""
WEIGHTS_FILE = "weights.yaml"
HISTORY_FILE = "history.json"
RELEASED = "price_network"
"""Name of the price network that comes with the package for a scenario."""

Policies = dict[str, Policy]


def fit(
    settings: Any,
    scenario: Scenario,
    folder: Path,
    stopped: Callable[[], bool],
    watch: Watch | None = None,
    mapped: Map | None = None,
) -> Policies:
    """Learn, or go on learning, what ``settings`` ask for.

    Args:
        settings: Settings of an agent.
        scenario: What is learned.
        folder: Of the run; progress found there is continued.
        stopped: Asked now and then; once True, the run is saved and left.
        watch: Told what is recorded.
        mapped: Plays populations in pieces, on a cluster say; for ``es`` and ``pricing`` alone.

    Returns:
        The agent as it was at step 0 and as it is now, by name for the table.
    """
    if isinstance(settings, TuningSettings):
        return fit_pricing(settings, scenario, folder, stopped, watch, mapped)
    if isinstance(settings, NetworkSettings):
        return fit_network(settings, scenario, folder, stopped, watch, mapped)
    assert isinstance(settings, TrainingSettings)
    resume = has_training(folder)
    done = saved_steps(folder / training.TRAINING_FOLDER) if resume else -1
    with Recorder(folder, "training", settings.steps, done, settings, scenario, watch) as recorder:
        trained = training.fit(
            settings,
            scenario,
            folder,
            resume=resume,
            report=recorder,
            stopped=stopped,
            look=recorder.look,
        )
    return {"agent, step 0": training.initial_agent(settings, scenario), "agent, trained": trained}


def check(settings: Any, scenario: Scenario, cluster: str | None = None) -> None:
    """Build the agent once, so that what it lacks is said before a run's folder is made.

    Args:
        settings: Settings of an agent.
        scenario: What is learned.
        cluster: Where its populations are to be played, if it is said.

    Raises:
        FileNotFoundError: If it starts from tuned weights that the scenario does not have.
        ValueError: If the settings and the scenario do not fit together, or the agent has no
            populations.
    """
    if cluster is not None and not isinstance(settings, EvolutionSettings | TuningSettings):
        raise ValueError(f"cluster={cluster}: only es and pricing learn from populations of raids")
    if isinstance(settings, TrainingSettings):
        training.initial_agent(settings, scenario)
    elif isinstance(settings, NetworkSettings):
        network_training.initial_network(settings, scenario)
    elif isinstance(settings, TuningSettings) and settings.start is not None:
        load_tuned(settings.start, scenario.name)


def has_bound(wanted: bool, scenario: Scenario) -> bool:
    """Whether the table gets a bound; says why not where it is wanted and none is proven."""
    if not wanted:
        return False
    try:
        check_supported(scenario)
    except ValueError as error:
        print(f"no bound in the table: {error}", flush=True)
        return False
    return True


def fit_pricing(
    settings: TuningSettings,
    scenario: Scenario,
    folder: Path,
    stopped: Callable[[], bool],
    watch: Watch | None = None,
    mapped: Map | None = None,
) -> Policies:
    """Tune the pricing rule; see :func:`fit`. Its step 0 is the best single price."""
    path = folder / HISTORY_FILE
    history = TuningHistory(scenario.name, settings)
    if path.is_file():
        history = TuningHistory.load(path)
    done = len(history.fitness)
    validation = Validation(
        scenario,
        settings.validation_seed,
        settings.validation_raids,
        settings.batch_size,
        mapped,
    )
    budget = settings.generations
    with Recorder(folder, "tuning", budget, done, settings, scenario, watch) as recorder:

        def on_generation(report: GenerationReport) -> bool:
            # Saved last: what was recorded but not saved is dropped and recorded again.
            figures = _figures(report)
            if report.validation_score is None:
                recorder(figures, report.generation)
            else:
                policy = PricingPolicy(scenario, report.weights)
                figures |= validation.figures(validation.play(policy))
                recorder(figures, report.generation)
                recorder.look(policy, report.generation)
            history.save(path)
            return not stopped()

        tuned, _ = tune_pricing(scenario, settings, on_generation, history, mapped)
    history.save(path)
    save_tuned(tuned, folder / WEIGHTS_FILE)
    start = flat_price(tuned.threshold, scenario.shooter_kinds)
    return {
        "pricing, step 0": PricingPolicy(scenario, start),
        "pricing, tuned": PricingPolicy(scenario, tuned.weights),
    }


def fit_network(
    settings: NetworkSettings,
    scenario: Scenario,
    folder: Path,
    stopped: Callable[[], bool],
    watch: Watch | None = None,
    mapped: Map | None = None,
) -> Policies:
    """Train a price network; see :func:`fit`. Its step 0 is the rule it starts from."""
    done = network_training.saved_raids(folder, settings)
    budget = settings.iterations * settings.raids
    with Recorder(folder, "training", budget, done, settings, scenario, watch) as recorder:
        trained = network_training.fit(
            *(settings, scenario, folder),
            resume=done >= 0,
            report=recorder,
            stopped=stopped,
            look=recorder.look,
            mapped=mapped,
        )
    start = network_training.initial_network(settings, scenario)
    return {
        "network, step 0": NetworkPolicy(scenario, start),
        "network, trained": NetworkPolicy(scenario, trained),
    }


def has_training(folder: Path) -> bool:
    """Whether a run's folder holds a training that can be continued."""
    try:
        return saved_steps(folder / training.TRAINING_FOLDER) >= 0
    except FileNotFoundError:
        return False


def baselines(scenario: Scenario) -> Policies:
    """The classical policies of the table at the end of a training run."""
    names = ["hold_fire", "random_legal", "nearest_first", "wta_greedy"]
    if weights_path(scenario.name).is_file():
        names += ["wta_threshold", "wta_pricing"]
    return {name: make_policy(name, scenario) for name in names}


def load_policies(names: Sequence[str], scenario: Scenario, trust: bool = False) -> Policies:
    """Classical policies by name, trained agents by the folder of their run, weights by their file.

    ``look_ahead:NAME`` looks ahead on top of any of them.

    The reference policy comes first if it is not among them.

    Args:
        names: Of the policies.
        scenario: What they will play.
        trust: Whether archives of Stable-Baselines3 (.zip) may be loaded, which runs code in them.

    Raises:
        ValueError: If a name is none of these, the message lists the known ones; or if it is an
            archive, and not trusted.
        FileNotFoundError: If a classical policy has no tuned weights for the scenario.
    """
    wanted = list(names) if REFERENCE in names else [REFERENCE, *names]
    return {name: load_policy(name, scenario, trust) for name in dict.fromkeys(wanted)}


def score(
    policies: Policies,
    scenario: Scenario,
    seeds: Sequence[int],
    split: str,
    batch_size: int = 256,
    start: str | None = None,
    bound: bool = True,
    mapped: Map | None = None,
) -> Evaluation:
    """Evaluate policies on the same raids, showing progress; see ``evaluation.evaluate``."""
    order = {name: place for place, name in enumerate([*policies, BOUND][: len(policies) + bound])}
    with ProgressBar("scoring", len(order) * len(seeds)) as bar:
        return evaluate(
            policies,
            scenario,
            seeds,
            split,
            classical=(*POLICY_NAMES, *PLANNER_NAMES),
            progress=lambda name, done: bar.update(order[name] * len(seeds) + done, name),
            batch_size=batch_size,
            start=start,
            bound=bound,
            mapped=mapped,
        )


def load_policy(name: str, scenario: Scenario, trust: bool = False) -> Policy:
    """One policy by its name, folder or file; see :func:`load_policies`."""
    planner, _, base = name.partition(":")
    if planner == "look_ahead" and base:
        return LookAhead(scenario, load_policy(base, scenario, trust))
    if name == RELEASED:
        return released_policy(scenario)
    folder, known = Path(name), (*POLICY_NAMES, *SOLVER_NAMES, *PLANNER_NAMES)
    if folder.suffix == ".zip":
        if not trust:
            raise ValueError(
                f"{name} is an archive of Stable-Baselines3: loading it runs code that stands in "
                f"it; if it is your own, say trust=true"
            )
        return load_archive(folder, scenario)
    if folder.suffix == ".yaml":
        return PricingPolicy(scenario, load_tuned(folder, scenario.name).weights)
    if name not in known and len(folder.parts) > 1 and not folder.is_dir():
        raise ValueError(f"policies: there is no folder {name}")
    if name in known or not folder.is_dir():
        one_of(name, (*known, RELEASED), "policy")
        return make_policy(name, scenario)
    if (folder / WEIGHTS_FILE).is_file():
        return PricingPolicy(scenario, load_tuned(folder / WEIGHTS_FILE, scenario.name).weights)
    agent = folder / training.AGENT_FOLDER
    if saved_agent(agent) in NETWORK_NAMES:
        return NetworkPolicy(scenario, load_network(agent, scenario))
    return load_agent(agent, scenario)


def _figures(report: GenerationReport) -> dict[str, float]:
    return {
        "train/protected_share": report.mean_score,
        "train/best_protected_share": report.best_score,
        "train/step_size": report.step_size,
    }
