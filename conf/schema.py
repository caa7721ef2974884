"""What a configuration may hold: dataclasses in Hydra's ConfigStore, so a misspelt key is an error.

Below the two scripts no ``DictConfig`` travels: :func:`resolve_training` and
:func:`resolve_evaluation` turn what Hydra composed into validated dataclasses, once.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, fields, is_dataclass
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any, NoReturn

from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException, MissingConfigException
from hydra.types import RunMode
from omegaconf import MISSING, DictConfig, OmegaConf
from omegaconf.errors import ConfigAttributeError, ConfigKeyError, OmegaConfBaseException

from agents.cluster import Map, workers
from agents.files import LoadError, SaveError, locked, write_text
from agents.progress import CONFIG_FILE
from agents.runs import AGENTS
from conf import sweep
from envs.core.randomness import SPLITS
from envs.scenario import read_scenario


@dataclass
class TrainConfig:
    """Configuration of ``train.py``.

    Attributes:
        agent: Settings of the agent, of one of the classes in ``AGENTS``.
        agent_name: Its name, a key of ``AGENTS``.
        scenario: The scenario as a mapping; ``envs.scenario`` checks it.
        seed: Of everything random in training.
        folder: Where the run is written.
        sweep: With ``-m``, the folder of all its runs; each gets a folder of its own in it.
        resume: Folder of an earlier run to continue, or None.
        final_raids: Validation raids of the table at the end; training never sees them.
        bound: Whether that table says what no policy can do better than.
        cluster: Where populations and the raids of that table are played: ``local``, ``auto`` or
            ``HOST:PORT`` of a Ray cluster; None: here.
    """

    agent: Any = MISSING
    agent_name: str = "${hydra:runtime.choices.agent}"
    scenario: dict[str, Any] = MISSING
    seed: int = 0
    folder: str = MISSING
    sweep: str = "runs/sweep"
    resume: str | None = None
    final_raids: int = 2000
    bound: bool = True
    cluster: str | None = None

    def __post_init__(self) -> None:
        """Reject what cannot run."""
        _at_least(0, "seed", self.seed)
        _at_least(2, "final_raids", self.final_raids)


@dataclass
class EvaluateConfig:
    """Configuration of ``evaluate.py``.

    Attributes:
        scenario: The scenario as a mapping; ``envs.scenario`` checks it.
        policies: Names of classical policies and folders of runs.
        raids: How many raids every policy plays.
        first_seed: Seed of the first of them; the others follow.
        split: Which set of raids; test raids only for the tables of a release.
        batch_size: Raids played side by side; changes speed only.
        bound: Whether to compute what no policy can do better than.
        replays: Raids, the first ones, of which every policy is shown in ``replay.html``.
        animation: ``gif`` or ``mp4``: the first raid as the last policy plays it; None: none.
        cluster: Where the raids are played: ``local``, ``auto`` or ``HOST:PORT`` of a Ray cluster;
            None: here.
        trust: Whether policies may be archives of Stable-Baselines3, which run code when loaded.
        folder: Where the results are written.
    """

    scenario: dict[str, Any] = MISSING
    policies: list[str] = field(default_factory=list)
    raids: int = 2000
    first_seed: int = 0
    split: str = "validation"
    batch_size: int = 256
    bound: bool = True
    replays: int = 0
    animation: str | None = None
    cluster: str | None = None
    trust: bool = False
    folder: str = MISSING

    def __post_init__(self) -> None:
        """Reject what cannot run."""
        if not self.policies:
            raise ValueError("policies is empty; name some, as in policies=[wta_greedy,runs/mine]")
        if self.split not in SPLITS:
            raise ValueError(f"split must be one of {', '.join(SPLITS)}, got {self.split!r}")
        _at_least(2, "raids", self.raids)
        _at_least(0, "first_seed", self.first_seed)
        _at_least(1, "batch_size", self.batch_size)
        _at_least(0, "replays", self.replays)
        if self.replays > self.raids:
            raise ValueError(f"replays must be at most raids ({self.raids}), got {self.replays}")
        if self.animation not in (None, "gif", "mp4"):
            raise ValueError(f"animation must be gif or mp4, got {self.animation!r}")


def register() -> None:
    """Put the schemas where the YAML files find them; call before ``hydra.main``."""
    store = ConfigStore.instance()
    store.store(group="schema", name="train", node=TrainConfig)
    store.store(group="schema", name="evaluate", node=EvaluateConfig)
    for name, settings in AGENTS.items():
        store.store(group="schema", name=name, node=settings)


def resolve_training(composed: DictConfig) -> TrainConfig:
    """The validated configuration of a new run, or of an earlier one that is to continue.

    When resuming, the earlier run's own configuration counts; keys given on the command line
    (a larger budget, say) change it, but agent and scenario stay.

    Raises:
        ValueError: If a value is out of range, a key is unknown or the folder holds no run.
    """
    overrides = list(HydraConfig.get().overrides.task)
    if HydraConfig.get().mode == RunMode.MULTIRUN:
        composed.folder = str(sweep.run_folder(composed.sweep, overrides))
    elif composed.resume is not None:
        composed = _earlier(Path(composed.resume), overrides)
    _check_known(composed)
    config = OmegaConf.to_object(composed)
    assert isinstance(config, TrainConfig)
    return config


def resolve_evaluation(composed: DictConfig) -> EvaluateConfig:
    """The validated configuration of an evaluation.

    Raises:
        ValueError: If a value is out of range or a key is unknown.
    """
    _check_known(composed)
    config = OmegaConf.to_object(composed)
    assert isinstance(config, EvaluateConfig)
    return config


@contextmanager
def open_folder(config: TrainConfig) -> Iterator[Path | None]:
    """Open a run's folder for this process alone, with its configuration in it.

    Yields:
        The folder, or None if this is a run of a sweep that is over, or that another process makes.
    """
    folder, text = Path(config.folder), OmegaConf.to_yaml(OmegaConf.structured(config))
    opened: Path | None = folder
    swept = HydraConfig.get().mode == RunMode.MULTIRUN
    with ExitStack() as stack:
        with one_line_errors():
            if not swept and config.resume is None and sweep.has_something(folder):
                raise ValueError(f"folder={folder} is not empty; to continue it: resume={folder}")
            alone = stack.enter_context(locked(folder))
            if swept and sweep.nothing_to_do(folder, text, alone):
                opened = None
            elif not alone:
                raise ValueError(f"{folder} is being written by another process")
            else:
                write_text(folder / CONFIG_FILE, text)
        yield opened


@contextmanager
def cluster(config: TrainConfig | EvaluateConfig) -> Iterator[Map | None]:
    """What to map work on a cluster with, or None; that there is none is said in one line."""
    with ExitStack() as stack:
        with one_line_errors():
            mapped = stack.enter_context(workers(config.cluster))
        yield mapped


def how_to_continue(config: TrainConfig) -> str:
    """What to type so that a run that was stopped goes on."""
    if HydraConfig.get().mode == RunMode.MULTIRUN:
        return "the same command goes on"
    return f"to continue: python train.py resume={config.folder}"


def launch(main: Callable[[], None]) -> None:
    """Run a script's ``hydra.main`` function; what Hydra cannot compose is said in one line."""
    os.environ.setdefault("HYDRA_FULL_ERROR", "1")  # Hydra raises then, and we choose the words
    with one_line_errors():
        sys.argv[1:] = _with_earlier_agent([_own_scenario(a) for a in sys.argv[1:]])
    try:
        main()
    except MissingConfigException as error:
        wanted = str(error.missing_cfg_file)
        _exit(f"{wanted!r} is not known; {_nearest(wanted, error.options or [])}")
    except (HydraException, OmegaConfBaseException) as error:
        _exit(_explain(error))
    except (LoadError, SaveError) as error:
        _exit(str(error), code=1)
    except KeyboardInterrupt:
        _exit("interrupted", code=130)


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Show what is wrong with a configuration in one line, and exit with code 2."""
    try:
        yield
    except (ValueError, FileNotFoundError, OmegaConfBaseException) as error:
        _exit(_explain(error))


def _own_scenario(argument: str) -> str:
    """Make ``scenario=path/to/mine.yaml`` an option of the group, like those of the package."""
    if not argument.startswith("scenario="):
        return argument
    names = []
    for name in argument.removeprefix("scenario=").split(","):
        path = Path(name)
        names.append(f"own_{path.stem}" if path.suffix in (".yaml", ".yml") else name)
        if names[-1] != name:
            scenario = read_scenario(path)
            ConfigStore.instance().store(group="scenario", name=names[-1], node=scenario)
    return f"scenario={','.join(names)}"


def _exit(message: str, code: int = 2) -> NoReturn:
    print(f"error: {message}", file=sys.stderr)
    sys.exit(code)


def _explain(error: Exception) -> str:
    cause = error.__cause__ if isinstance(error, HydraException) else error
    if isinstance(cause, ConfigAttributeError | ConfigKeyError) and cause.parent_node is not None:
        known = [str(key) for key in cause.parent_node]
        return f"unknown key {cause.full_key!r}; {_nearest(str(cause.key), known)}"
    if isinstance(cause, OmegaConfBaseException) and cause.full_key:
        return f"{cause.full_key}: {str(cause.msg).splitlines()[0]}"
    return str(error).strip().splitlines()[0]


def _check_known(node: DictConfig, path: str = "") -> None:
    """Refuse keys that a dataclass does not have: with a + in front, Hydra lets them in.

    Raises:
        ValueError: If there is one; the message lists the known ones.
    """
    kind = OmegaConf.get_type(node)
    for key in node:
        name = path + str(key)
        known = [item.name for item in fields(kind)] if is_dataclass(kind) else [str(key)]
        if key not in known:
            raise ValueError(f"unknown key {name!r}; {_nearest(str(key), known)}")
        if isinstance(node._get_node(key), DictConfig):
            _check_known(node[key], f"{name}.")


def _nearest(wanted: str, known: Sequence[str]) -> str:
    """The known names, the most alike first."""
    name = wanted.rsplit("/", 1)[-1]
    ranked = sorted(known, key=lambda k: SequenceMatcher(None, name, k).ratio(), reverse=True)
    return f"known, nearest first: {', '.join(ranked)}"


def _with_earlier_agent(arguments: list[str]) -> list[str]:
    """If a run is to continue, let Hydra check the other arguments against that run's agent."""
    folders = [a.removeprefix("resume=") for a in arguments if a.startswith("resume=")]
    if not folders:
        return arguments
    for argument in arguments:
        if argument.startswith(("agent=", "scenario=", "scenario.", "folder=")):
            raise ValueError(f"{argument} cannot change when a run is resumed; start a new run")
    return [f"agent={_saved(Path(folders[0])).agent_name}", *arguments]


def _saved(folder: Path) -> DictConfig:
    path = folder / CONFIG_FILE
    if not path.is_file():
        raise ValueError(f"resume={folder} is not the folder of a run: it has no {CONFIG_FILE}")
    saved = OmegaConf.load(path)
    if not isinstance(saved, DictConfig) or saved.get("agent_name") not in AGENTS:
        raise ValueError(f"{path} is not the configuration of a run")
    return saved


def _earlier(folder: Path, overrides: list[str]) -> DictConfig:
    saved = _saved(folder)
    config = OmegaConf.structured(TrainConfig)
    config.agent = AGENTS[saved.agent_name]
    changes = [change for change in overrides if not change.startswith(("resume=", "agent="))]
    merged = OmegaConf.merge(config, saved, OmegaConf.from_dotlist(changes))
    assert isinstance(merged, DictConfig)
    merged.resume = str(folder)
    merged.folder = str(folder)
    return merged


def _at_least(least: int, name: str, value: int) -> None:
    if value < least:
        raise ValueError(f"{name} must be at least {least}, got {value}")
