"""How fast training is, and where the time goes: `python -m benchmarks.training`.

Four trainings on the same environment, batch and number of samples, in turns: MaskablePPO with its
64 × 64 network as sb3-contrib ships it, beside the fast path of `agent=maskable_ppo`; and PPO with
the allocation policy by torch's and Stable-Baselines3's own parts, beside that of `agent=ppo`. Both
of a pair learn the same (tests/agents/test_sparse_policy.py, test_plain_path.py). The ratio of a
pair is the median over the turns. With one thread, CPU seconds count, which other processes on the
machine disturb least; with more, the clock on the wall does, and the machine must be idle.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from sb3_contrib import MaskablePPO
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback

from agents.learned.models import Model, build, environment_of, policy_arguments
from agents.learned.settings import MaskablePPOSettings, PPOSettings, ProximalSettings
from agents.progress import tracked
from benchmarks.plain import PlainAllocationPolicy
from envs.scenario import Scenario, load_scenario

PAIRS = (("maskable_ppo", MaskablePPOSettings), ("ppo", PPOSettings))


def main() -> None:
    """Measure and print one row a training, and one ratio a pair."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenario", default="standard")
    parser.add_argument("--rollouts", type=int, default=5, help="counted; one more comes first")
    parser.add_argument("--threads", type=int, default=2, help="of torch and kernels")
    parser.add_argument("--epochs", type=int, default=4, help="passes over the samples")
    parser.add_argument("--steps", type=int, default=128, help="of each of 256 rows in a rollout")
    parser.add_argument("--agents", nargs="*", default=[name for name, _ in PAIRS])
    chosen = parser.parse_args()
    shared: dict[str, Any] = {
        "threads": chosen.threads, "n_epochs": chosen.epochs, "n_steps": chosen.steps,
    }  # fmt: skip
    scenario = load_scenario(chosen.scenario)
    cells = ("training", "steps/s", "environment", "policy", "update")
    print("".join(cell.rjust(20) for cell in cells))
    for name, kind in PAIRS:
        if name in chosen.agents:
            settings = kind(**shared)
            runs = [Run(build(settings, scenario), "medium", settings.threads)]
            runs.append(Run(plain(settings, scenario), "highest", settings.threads))
            for _ in tracked(name, range(chosen.rollouts)):
                for run in runs:
                    run.measure()
            for run, words in zip(runs, (name, f"{name}, default"), strict=True):
                print("".join(cell.rjust(20) for cell in (words, *run.figures())), flush=True)
            ratios = [b / a for a, b in zip(runs[0].totals, runs[1].totals, strict=True)]
            spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
            print(f"{name}: {statistics.median(ratios):.2f} times the default ({spread})\n")


def plain(settings: ProximalSettings, scenario: Scenario) -> Model:
    """The same training by the parts that the libraries bring: their buffers and distributions."""
    torch.manual_seed(0)
    arguments: dict[str, Any] = {
        name: getattr(settings, name)
        for name in (
            *("n_steps", "batch_size", "n_epochs", "gamma", "gae_lambda", "clip_range", "ent_coef"),
            *("vf_coef", "max_grad_norm", "learning_rate"),
        )
    }
    arguments |= {"policy_kwargs": policy_arguments(settings, scenario), "device": "cpu"}
    env = environment_of(settings, scenario)
    if isinstance(settings, MaskablePPOSettings):
        return MaskablePPO("MultiInputPolicy", env, **arguments)
    return PPO(PlainAllocationPolicy, env, **arguments)


class Run:
    """One training, whose rollouts with their updates are timed one by one."""

    def __init__(self, model: Model, precision: str, threads: int) -> None:
        self.model, self.precision = model, precision
        now = time.process_time if threads == 1 else time.perf_counter
        self.watch = _Watch(now)
        self.now = now
        env: Any = model.get_env()
        env.step_wait = self.watch.timed(env.step_wait)
        self.size = env.num_envs * model.n_steps
        self.totals: list[float] = []
        self.measure()  # compiles, and touches all memory
        self.totals.clear()
        self.watch.environment = self.watch.rollout = 0.0

    def measure(self) -> None:
        """Play one rollout and learn from it."""
        torch.set_float32_matmul_precision(self.precision)
        start = self.now()
        self.model.learn(self.size, callback=self.watch, reset_num_timesteps=False)
        self.totals.append(self.now() - start)

    def figures(self) -> list[str]:
        """Steps a second (median), and the shares of environment, policy and update in the time."""
        total, rollout = sum(self.totals), self.watch.rollout
        parts = (self.watch.environment, rollout - self.watch.environment, total - rollout)
        rate = self.size / statistics.median(self.totals)
        return [f"{rate:,.0f}", *(f"{part / total:.0%}" for part in parts)]


class _Watch(BaseCallback):
    """Adds up the seconds of rollouts, and of the environment in them."""

    def __init__(self, now: Callable[[], float]) -> None:
        super().__init__()
        self.now = now
        self.environment = self.rollout = self._began = 0.0

    def timed(self, work: Any) -> Any:
        """Return `work` with its seconds added to `environment`."""

        def run() -> Any:
            start = self.now()
            result = work()
            self.environment += self.now() - start
            return result

        return run

    def _on_rollout_start(self) -> None:
        self._began = self.now()

    def _on_rollout_end(self) -> None:
        self.rollout += self.now() - self._began

    def _on_step(self) -> bool:
        return True


if __name__ == "__main__":
    main()
