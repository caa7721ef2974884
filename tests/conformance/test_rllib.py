"""RLlib trains on the environment with action masks. It needs an environment of its own."""

import pytest

pytest.importorskip("ray", reason="needs RLlib, which pins another Gymnasium: make conformance")

from envs.single_env import BalticShieldEnv
from examples import rllib_ppo


class Counting(BalticShieldEnv):
    raids, illegal = 0, 0.0

    def step(self, action):
        *out, info = super().step(action)
        if info:
            Counting.raids += 1
            Counting.illegal += info["metrics"]["illegal_actions"]
        return *out, info


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_masked_ppo_learns_and_never_breaks_the_mask(monkeypatch) -> None:
    monkeypatch.setattr(rllib_ppo, "make_env", lambda config: Counting(**config))
    figures = rllib_ppo.train(8, scenario="duel")
    assert figures[-1]["steps"] > 8 * 2000
    assert Counting.raids > 300
    assert Counting.illegal == 0.0
    # Measured: -0.59 at first, -0.46 at last.
    assert figures[-1]["return"] > figures[0]["return"] + 0.03
