"""How fast SB3 trains, and where the time goes: `python -m benchmarks.training`.

Our PPO with the allocation policy and, beside it in the same run, sb3-contrib's MaskablePPO with
its own policy, on the same environment, batch and number of samples.
"""

import argparse
import time
from typing import Any

from stable_baselines3.common.callbacks import BaseCallback

from agents.learned.models import build
from agents.learned.settings import MaskablePPOSettings, PPOSettings, TrainingSettings
from agents.progress import tracked
from envs.scenario import load_scenario


def main() -> None:
    """Measure and print one row an algorithm."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenario", default="standard")
    parser.add_argument("--rollouts", type=int, default=4, help="counted; one more comes first")
    parser.add_argument("--threads", type=int, default=2, help="of torch")
    parser.add_argument("--epochs", type=int, default=4, help="passes over the samples")
    chosen = parser.parse_args()
    cells = ("algorithm", "steps/s", "environment", "policy", "update")
    print("".join(cell.rjust(15) for cell in cells))
    shared: dict[str, Any] = {"threads": chosen.threads, "n_epochs": chosen.epochs}
    kinds = {"ppo": PPOSettings, "maskable_ppo": MaskablePPOSettings}
    for name in tracked("training", list(kinds)):
        kind = kinds[name]
        rate, shares = measure(kind(**shared), chosen.scenario, chosen.rollouts)
        figures = [f"{rate:,.0f}", *(f"{share:.0%}" for share in shares)]
        print("".join(cell.rjust(15) for cell in (name, *figures)), flush=True)


def measure(settings: TrainingSettings, scenario: str, rollouts: int) -> tuple[float, list[float]]:
    """Return steps a second, and the shares of environment, policy and update in the time."""
    model = build(settings, load_scenario(scenario))
    clock = _Clock()
    env: Any = model.get_env()
    env.step_wait = clock.timed(env.step_wait)
    size = settings.num_envs * settings.n_steps
    model.learn(size, callback=clock)  # compile, and touch all memory
    clock.environment = clock.rollout = 0.0
    start = time.perf_counter()
    model.learn(rollouts * size, callback=clock, reset_num_timesteps=False)
    total = time.perf_counter() - start
    parts = (clock.environment, clock.rollout - clock.environment, total - clock.rollout)
    return rollouts * size / total, [part / total for part in parts]


class _Clock(BaseCallback):
    """Adds up the seconds of rollouts, and of the environment in them."""

    def __init__(self) -> None:
        super().__init__()
        self.environment = self.rollout = self._began = 0.0

    def timed(self, work: Any) -> Any:
        """Return `work` with its seconds added to `environment`."""

        def run() -> Any:
            start = time.perf_counter()
            result = work()
            self.environment += time.perf_counter() - start
            return result

        return run

    def _on_rollout_start(self) -> None:
        self._began = time.perf_counter()

    def _on_rollout_end(self) -> None:
        self.rollout += time.perf_counter() - self._began

    def _on_step(self) -> bool:
        return True


if __name__ == "__main__":
    main()
