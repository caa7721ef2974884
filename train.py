"""Train an agent, then score it beside the classical policies on raids it never saw.

python train.py agent=ppo scenario=standard
python train.py resume=runs/20260101-120000-ppo-standard
"""

from __future__ import annotations

import sys

import hydra
from omegaconf import DictConfig

from agents import recorder, replay, report, runs
from agents.evaluation import FIRST_SEED
from agents.interruption import Interruption
from conf import schema
from envs.scenario import load_scenario

schema.register()


@hydra.main(version_base="1.3", config_path="conf", config_name="train")
def main(composed: DictConfig) -> None:
    """Compose → build → learn → save → score once."""
    with schema.one_line_errors():
        config = schema.resolve_training(composed)
        scenario = load_scenario(config.scenario)
        runs.check(config.agent, scenario)
        bound = runs.has_bound(config.bound, scenario)
        folder = schema.open_folder(config)
    print(f"run: {folder}", flush=True)
    with Interruption() as interruption:
        trained = runs.fit(config.agent, scenario, folder, interruption.requested)
    if interruption.requested():
        print(f"stopped and saved; to continue: python train.py resume={folder}")
        sys.exit(interruption.exit_code)
    policies = runs.baselines(scenario) | trained
    seeds = range(FIRST_SEED, FIRST_SEED + config.final_raids)
    first = next(iter(trained))
    evaluation = runs.score(policies, scenario, seeds, "validation", start=first, bound=bound)
    report.write(evaluation, folder, replay.telling_files(evaluation))
    recorder.record_scores(folder, config.agent, evaluation)
    replay.write_telling(evaluation, policies, scenario, folder)
    print(report.table(evaluation))
    print(f"agent and results: {folder}\nreport: {folder / report.REPORT}")


if __name__ == "__main__":
    schema.launch(main)
