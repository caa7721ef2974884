"""Train an agent, then score it beside the classical policies on raids it never saw.

python train.py agent=ppo scenario=standard
python train.py resume=runs/20260101-120000-ppo-standard
python train.py -m seed=0,1,2 agent=price_network,es     # then: python -m agents.sweep
"""

from __future__ import annotations

import sys
from pathlib import Path

import hydra
from omegaconf import DictConfig

from agents import recorder, replay, report, runs
from agents.cluster import Map
from agents.evaluation import FIRST_SEED
from agents.interruption import Interruption
from conf import schema
from envs.scenario import Scenario, load_scenario

schema.register()


@hydra.main(version_base="1.3", config_path="conf", config_name="train")
def main(composed: DictConfig) -> None:
    """Compose → build → learn → save → score once."""
    with schema.one_line_errors():
        config = schema.resolve_training(composed)
        scenario = load_scenario(config.scenario)
        runs.check(config.agent, scenario, config.cluster)
        bound = runs.has_bound(config.bound, scenario)
    with schema.open_folder(config) as folder:
        if folder is not None:
            with schema.cluster(config) as mapped:
                train(config, scenario, folder, bound, mapped)


def train(
    config: schema.TrainConfig, scenario: Scenario, folder: Path, bound: bool, mapped: Map | None
) -> None:
    """Learn in a folder, then score; or save and exit, when interrupted."""
    print(f"run: {folder}", flush=True)
    with Interruption() as interruption:
        requested = interruption.requested
        trained = runs.fit(config.agent, scenario, folder, requested, mapped=mapped)
    if interruption.requested():
        print(f"stopped and saved; {schema.how_to_continue(config)}")
        sys.exit(interruption.exit_code)
    policies = runs.baselines(scenario) | trained
    seeds = range(FIRST_SEED, FIRST_SEED + config.final_raids)
    first = next(iter(trained))
    evaluation = runs.score(
        policies, scenario, seeds, "validation", start=first, bound=bound, mapped=mapped
    )
    report.write(evaluation, folder, replay.telling_files(evaluation))
    recorder.record_scores(folder, config.agent, evaluation)
    replay.write_telling(evaluation, policies, scenario, folder)
    print(report.table(evaluation))
    print(f"agent and results: {folder}\nreport: {folder / report.REPORT}")


if __name__ == "__main__":
    schema.launch(main)
