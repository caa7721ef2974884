"""PPO learns: on `duel`, from the greedy start, to what holding fire for a better shot is worth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from agents.classical import make_policy
from agents.learned.models import build, exposure_scale
from agents.learned.settings import A2CSettings, MaskablePPOSettings, PPOSettings
from agents.learned.training import fit, initial_agent
from agents.rollout import play
from envs.scenario import load_scenario


def test_settings_name_what_is_wrong() -> None:
    for wrong, message in (
        ({"steps": 0}, "steps must be at least 1, got 0"),
        ({"gamma": 1.5}, r"gamma must be in \[0, 1\], got 1.5"),
        ({"batch_size": 10**9}, r"batch_size must be at most num_envs \* n_steps = 32768"),
        ({"start": "gready"}, "start must be one of greedy, pricing, nothing, got 'gready'"),
        ({"shaping": "on"}, "shaping must be one of critic, reward, off, got 'on'"),
        ({"copies": 3}, "copies must be a divisor of num_envs = 256"),
    ):
        with pytest.raises(ValueError, match=message):
            PPOSettings(**wrong)
    with pytest.raises(ValueError, match="hidden"):
        MaskablePPOSettings(hidden=0)
    with pytest.raises(ValueError, match="copies must be a divisor of num_envs = 256"):
        A2CSettings(copies=3)


def test_each_part_can_be_left_out() -> None:
    duel = load_scenario("duel")
    small = {"num_envs": 8, "n_steps": 32, "batch_size": 64, "threads": 1}
    whole = build(PPOSettings(**small), duel)
    assert whole.env.copies == 4 and whole.env.shaping == 0 and whole.policy.actor.sequential
    assert whole.policy.critic.exposure_scale.item() == pytest.approx(exposure_scale(duel))
    bare = build(
        PPOSettings(copies=1, sequential=False, shaping="off", start="nothing", **small), duel
    )
    assert bare.env.copies == 1 and bare.env.shaping == 0 and not bare.policy.actor.sequential
    assert bare.policy.critic.exposure_scale == 0 and not bare.policy.informed
    assert set(bare.policy.price_weights().values()) == {0.0}
    paid = build(PPOSettings(shaping="reward", gamma=0.9, **small), duel)
    assert paid.env.shaping == pytest.approx(exposure_scale(duel)) and paid.env.gamma == 0.9
    assert paid.policy.critic.exposure_scale == 0
    for model in (bare, paid):
        before = model.policy.state_dict()["critic.head.weight"].clone()
        model.learn(2 * 8 * 32)
        assert not torch.equal(model.policy.state_dict()["critic.head.weight"], before)
        assert model.policy.critic.exposure_scale == 0


def test_equal_seeds_train_equally_and_others_do_not(tmp_path: Path) -> None:
    duel = load_scenario("duel")
    weights = []
    for number, seed in enumerate((5, 5, 6)):
        settings = PPOSettings(steps=512, num_envs=8, n_steps=32, batch_size=64, seed=seed)
        settings.threads, settings.validation_raids = 1, 8
        agent = fit(settings, duel, tmp_path / str(number))
        weights.append(agent.policy.state_dict()["critic.body.0.weight"].numpy())
    np.testing.assert_array_equal(weights[0], weights[1])
    assert not np.array_equal(weights[0], weights[2])


@pytest.mark.slow
def test_ppo_learns_duel_from_the_greedy_start(tmp_path: Path) -> None:
    """At least 3 points of protected share above greedy, with 97.5 % confidence.

    Greedy fires at once; waiting for a better shot is worth 8 points here (found by training three
    times as long), so 3 are out of reach by luck and within reach of anything that learns.
    """
    duel = load_scenario("duel")
    settings = PPOSettings(
        steps=150_000,
        n_steps=32,
        batch_size=1024,
        n_epochs=4,
        learning_rate=2e-3,
        beta=50.0,
        score_limit=2.0,  # so few steps need much exploration
        price_scale=1.0,
        validation_raids=256,
        validate_every=50_000,
    )
    settings.threads = 1
    learned = fit(settings, duel, tmp_path)
    start, greedy = initial_agent(settings, duel), make_policy("wta_greedy", duel)
    seeds = np.arange(2000)
    rows = [play(policy, duel, seeds, "validation") for policy in (learned, start, greedy)]
    at_risk = rows[0]["undefended_loss"].mean()
    for other in rows[1:]:
        gains = (other["loss"] - rows[0]["loss"]) / at_risk
        assert gains.mean() - 1.96 * gains.std() / len(seeds) ** 0.5 > 0.03


@pytest.mark.slow
def test_maskable_ppo_never_acts_illegally_and_learns_something(tmp_path: Path) -> None:
    """sb3-contrib's own policy on the same environment: better than where it started."""
    duel = load_scenario("duel")
    settings = MaskablePPOSettings(
        steps=200_000, n_steps=32, batch_size=1024, validation_raids=256, validate_every=50_000
    )
    settings.threads = 1
    learned = fit(settings, duel, tmp_path)
    seeds = np.arange(1000)
    before, after = (
        play(policy, duel, seeds, "validation")
        for policy in (initial_agent(settings, duel), learned)
    )
    assert after["illegal_actions"].sum() == 0 and after["engagements"].sum() > 0
    gains = before["loss"] - after["loss"]
    assert gains.mean() > 1.96 * gains.std() / len(seeds) ** 0.5
