"""Score any list of policies and trained agents on the same raids.

python evaluate.py scenario=standard policies=[wta_greedy,wta_pricing,runs/mine] raids=2000

A policy is a classical one by name, a run by its folder, or weights of the pricing rule by file;
with trust=true also an archive of Stable-Baselines3: loading one runs code that stands in it.
"""

from __future__ import annotations

from pathlib import Path

import hydra
from omegaconf import DictConfig

from agents import replay, report, runs
from conf import schema
from envs.scenario import load_scenario

schema.register()


@hydra.main(version_base="1.3", config_path="conf", config_name="evaluate")
def main(composed: DictConfig) -> None:
    """Compose → load → play → report and its replays, table, JSON, CSV, plot."""
    with schema.one_line_errors():
        config = schema.resolve_evaluation(composed)
        scenario = load_scenario(config.scenario)
        policies = runs.load_policies(config.policies, scenario, config.trust)
        bound = runs.has_bound(config.bound, scenario)
        pictures = replay.files(Path(config.folder), config.replays, config.animation)
    seeds = range(config.first_seed, config.first_seed + config.raids)
    with schema.cluster(config) as mapped:
        evaluation = runs.score(
            policies, scenario, seeds, config.split, config.batch_size, bound=bound, mapped=mapped
        )
    folder, shown = Path(config.folder), seeds[: max(config.replays, 1)]
    report.write(evaluation, folder, replay.telling_files(evaluation), replay.named(pictures))
    replay.write_pictures(policies, scenario, shown, config.split, pictures)
    replay.write_telling(evaluation, policies, scenario, folder)
    print(report.table(evaluation))
    print(f"results: {folder}\nreport: {folder / report.REPORT}")


if __name__ == "__main__":
    schema.launch(main)
