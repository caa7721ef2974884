"""Searches settings of an agent with Optuna; a search that was stopped or killed goes on.

`python -m agents.search conf/search/price_network.yaml --trials 40` asks for settings, trains with
them in a folder of their own, tells how well the best policy did on the validation raids, and asks
again. Trials whose validation lags behind the median of the others are pruned. The same command
goes on after a stop; given several times at once, also on machines that share the folder, all work
on one search. Best settings and all trials stand in the folder after every trial, a plot last.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import optuna
import yaml
from optuna.samplers import BaseSampler, TPESampler
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState

from agents import runs, search_report
from agents.files import locked, write_text
from agents.interruption import Interruption
from agents.search_space import Space, read_space

JOURNAL, SPACE_FILE = "study.journal", "space.yaml"
_MEASURE = "validation/protected_share"
_STEPS = 1000  # of a curve: parts of the budget, so that curves of unlike budgets compare
_UNPRUNED = 4  # trials before the median counts


class Numbered(BaseSampler):
    """TPE whose draws follow from the search's seed, the trial's number and the trials told so far.

    So a search that was killed goes on as it would have, and processes that ask at the same time
    do not draw alike.
    """

    def __init__(self, seed: int) -> None:
        """Keep the seed of the search."""
        self._seed = seed

    def infer_relative_search_space(self, study: Any, trial: FrozenTrial) -> Any:
        """See Optuna."""
        return self._of(trial, "").infer_relative_search_space(study, trial)

    def sample_relative(self, study: Any, trial: FrozenTrial, search_space: Any) -> Any:
        """See Optuna."""
        return self._of(trial, "").sample_relative(study, trial, search_space)

    def sample_independent(self, study: Any, trial: FrozenTrial, name: str, given: Any) -> Any:
        """See Optuna."""
        return self._of(trial, name).sample_independent(study, trial, name, given)

    def _of(self, trial: FrozenTrial, name: str) -> TPESampler:
        words = np.random.SeedSequence([self._seed, trial.number, crc32(name.encode())])
        return TPESampler(seed=int(words.generate_state(1)[0]))


def open_study(folder: Path, space: Space, seed: int) -> optuna.Study:
    """The study in a folder, made if need be.

    Raises:
        ValueError: If another space was searched there.
    """
    path, wanted = folder / SPACE_FILE, {**space.content, "seed": seed}
    with locked(folder, wait=True):
        if path.is_file() and yaml.safe_load(path.read_text(encoding="utf-8")) != wanted:
            raise ValueError(f"{path} is of another search; name another --folder")
        write_text(path, yaml.safe_dump(wanted, sort_keys=False))
        return optuna.create_study(
            study_name="search",
            storage=JournalStorage(JournalFileBackend(str(folder / JOURNAL))),
            sampler=Numbered(seed),
            pruner=optuna.pruners.MedianPruner(_UNPRUNED, n_warmup_steps=_STEPS // 10),
            direction="maximize",
            load_if_exists=True,
        )


def next_trial(
    study: optuna.Study, folder: Path, trials: int, stack: ExitStack
) -> optuna.Trial | None:
    """A trial whose process has ended, or a new one; its folder is locked for as long as ``stack``.

    Returns:
        The trial; None if all ``trials`` are over or in other hands.
    """
    with locked(folder, wait=True):
        for known in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            if stack.enter_context(locked(trial_folder(folder, known.number))):
                return optuna.Trial(study, known._trial_id)
        if len(study.get_trials(deepcopy=False)) >= trials:
            return None
        trial = study.ask()
        stack.enter_context(locked(trial_folder(folder, trial.number)))
        return trial


def train(
    study: optuna.Study,
    trial: optuna.Trial,
    space: Space,
    folder: Path,
    stopped: Callable[[], bool],
) -> None:
    """Train with the settings of a trial, and tell the study; nothing is told when stopped."""
    # Killed after its last report, a trial may have been about to be pruned.
    pruned = bool(curve(study, trial.number)) and trial.should_prune()

    def watch(figures: dict[str, float], share: float) -> None:
        nonlocal pruned
        step = round(_STEPS * share)
        if _MEASURE not in figures or step in curve(study, trial.number):
            return
        trial.report(figures[_MEASURE], step)
        pruned = trial.should_prune()

    try:
        settings = space.build(space.suggest(trial))
        runs.check(settings, space.scenario)
    except ValueError as error:
        print(f"trial {trial.number} cannot be: {error}", file=sys.stderr)
        study.tell(trial, state=TrialState.FAIL)
        return
    if not pruned:
        runs.fit(settings, space.scenario, folder, lambda: pruned or stopped(), watch)
    if pruned:
        study.tell(trial, state=TrialState.PRUNED)
    elif not stopped():
        study.tell(trial, max(curve(study, trial.number).values()))


def curve(study: optuna.Study, number: int) -> dict[int, float]:
    """What a trial validated at, by thousandths of its budget."""
    return study.get_trials(deepcopy=False)[number].intermediate_values


def trial_folder(folder: Path, number: int) -> Path:
    """Where a trial is trained; `evaluate.py` takes it as a policy."""
    return folder / f"trial-{number:04d}"


def search(
    space: Space, folder: Path, trials: int, seed: int, stopped: Callable[[], bool]
) -> optuna.Study:
    """Search until all trials are over or in other hands, or somebody asks to stop."""
    study = open_study(folder, space, seed)
    while not stopped():
        with ExitStack() as stack:
            trial = next_trial(study, folder, trials, stack)
            if trial is None:
                break
            train(study, trial, space, trial_folder(folder, trial.number), stopped)
        with locked(folder, wait=True):
            search_report.write(study, space, folder)
    search_report.write_plot(study, space, folder)
    return study


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m agents.search", description=__doc__)
    parser.add_argument("space", type=Path, metavar="SPACE.yaml")
    parser.add_argument("--trials", type=int, default=40, help="in all, earlier ones included")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, help="default: runs/search/ and the file's name")
    chosen = parser.parse_args(arguments)
    folder = chosen.folder or Path("runs/search") / chosen.space.stem
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        with Interruption() as interruption:
            space = read_space(chosen.space)
            study = search(space, folder, chosen.trials, chosen.seed, interruption.requested)
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    if interruption.requested():
        print("stopped and saved; the same command goes on")
        return interruption.exit_code
    print(search_report.words(study, space, folder))
    return 0


if __name__ == "__main__":
    sys.exit(main())
