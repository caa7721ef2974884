"""BalticShield: interceptor allocation as a Gymnasium environment over a batched, compiled core.

Importing this package registers `BalticShield-v0` and `BalticShield-Sequential-v0`, so
`gymnasium.make("envs:BalticShield-v0")` and `gymnasium.make_vec("envs:BalticShield-v0",
num_envs=256)` work without any other import. docs/interfaces.md lists all interfaces.
"""

import gymnasium

from envs.sampling import sample_legal
from envs.scenario import load_scenario, scenario_names
from envs.validation import ScenarioError

__all__ = ["ScenarioError", "load_scenario", "sample_legal", "scenario_names"]

gymnasium.register(
    id="BalticShield-v0",
    entry_point="envs.single_env:BalticShieldEnv",
    vector_entry_point="envs.vector_env:BalticShieldVectorEnv",
)
gymnasium.register(
    id="BalticShield-Sequential-v0",
    entry_point="envs.sequential_env:BalticShieldSequentialEnv",
)
