"""AllocationPolicy on made-up observations: order-freeness, sizes, starts, gradients."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from agents.learned.distribution import AllocationDistribution
from agents.learned.policy import GREEDY_PRICE, AllocationPolicy
from tests.agents.learned_observations import (
    COLUMNS,
    SHOOTER_KINDS,
    made_up_observation,
    made_up_spaces,
)

TRACKS, SHOOTERS, ASSETS = 9, 6, 4


def make(tracks: int = TRACKS, shooters: int = SHOOTERS, **kwargs: object) -> AllocationPolicy:
    spaces = made_up_spaces(tracks, shooters, ASSETS)
    torch.manual_seed(0)
    return AllocationPolicy(*spaces, lambda _: 1e-3, columns=COLUMNS, **kwargs)  # type: ignore[arg-type]


def shaken(policy: AllocationPolicy) -> AllocationPolicy:
    """The policy with every weight moved, so that no head is zero."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in policy.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator), alpha=0.03)
    return policy


def tensors(observation: dict[str, np.ndarray]) -> dict[str, torch.Tensor]:
    return {name: torch.as_tensor(table) for name, table in observation.items()}


def permuted(
    observation: dict[str, np.ndarray], tracks: np.ndarray, shooters: np.ndarray
) -> dict[str, np.ndarray]:
    """The same state with slots and shooters in another order."""
    mask = observation["action_mask"]
    hold, rest = mask[:, :, :1], mask[:, :, 1:]
    return {
        "track": observation["track"][:, tracks],
        "shooter": observation["shooter"][:, shooters],
        "asset": observation["asset"][:, ::-1].copy(),
        "pair": observation["pair"][:, shooters][:, :, tracks],
        "clock": observation["clock"],
        "action_mask": np.concatenate([hold, rest[:, :, tracks]], -1)[:, shooters],
    }


def test_permuting_slots_shooters_and_assets_permutes_the_allocation() -> None:
    policy = shaken(make())
    observation = made_up_observation(64, TRACKS, SHOOTERS, ASSETS)
    rng = np.random.default_rng(5)
    tracks, shooters = rng.permutation(TRACKS), rng.permutation(SHOOTERS)
    moved = tensors(permuted(observation, tracks, shooters))
    with torch.no_grad():
        actions, values, log_prob = policy(tensors(observation), deterministic=True)
        moved_actions, moved_values, moved_log_prob = policy(moved, deterministic=True)
    place = np.concatenate([[0], 1 + np.argsort(tracks)])  # new action of an old one
    np.testing.assert_array_equal(moved_actions, place[actions[:, shooters]])
    np.testing.assert_allclose(moved_values, values, atol=1e-5)
    np.testing.assert_allclose(moved_log_prob, log_prob, atol=1e-4)
    assert (actions > 0).float().mean() > 0.1


def test_the_same_weights_serve_any_number_of_tracks_and_shooters() -> None:
    """Empty slots and shooters that cannot fight change nothing."""
    small, large = shaken(make()), make(tracks=TRACKS + 5, shooters=SHOOTERS + 3)
    large.load_state_dict(small.state_dict())
    observation = made_up_observation(32, TRACKS, SHOOTERS, ASSETS)
    padded = {name: table.copy() for name, table in observation.items()}
    for name, pads in {
        "track": [(0, 0), (0, 5), (0, 0)],
        "shooter": [(0, 0), (0, 3), (0, 0)],
        "pair": [(0, 0), (0, 3), (0, 5), (0, 0)],
        "action_mask": [(0, 0), (0, 3), (0, 5)],
    }.items():
        padded[name] = np.pad(observation[name], pads)
    padded["action_mask"][..., 0] = 1
    with torch.no_grad():
        actions, values, _ = small(tensors(observation), deterministic=True)
        more_actions, more_values, _ = large(tensors(padded), deterministic=True)
    np.testing.assert_array_equal(more_actions[:, :SHOOTERS], actions)
    assert not more_actions[:, SHOOTERS:].any()
    np.testing.assert_allclose(more_values, values, atol=1e-5)


def pricing_by_hand(
    observation: dict[str, np.ndarray], row: int, weights: dict[str, float], greedy: bool
) -> list[int]:
    """The pricing rule as plain loops; greedy: the best pair first, else the policy's order."""
    pair, mask = observation["pair"][row].astype(float), observation["action_mask"][row]
    shooter, clock = observation["shooter"][row], observation["clock"][row]
    track = observation["track"][row]
    engaged = track[:, COLUMNS["track"].index("in_flight")] > 0
    survival = np.ones(len(track))
    shooters = range(len(shooter))

    raids_left, days_left = (
        clock[COLUMNS["clock"].index(name)] for name in ("raids_left", "days_left")
    )

    def score(s: int, i: int) -> float:
        price = weights.get("tracks", 0) * clock[1] + weights.get("time_share", 0) * clock[0]
        days = shooter[s, COLUMNS["shooter"].index("days_to_change")]
        price += weights.get("leaving", 0) if 0 < days <= 5 else 0
        ahead = min(days_left, days or days_left, 20) / 10 - 1 if raids_left else -1
        price += weights.get("days_ahead", 0) * ahead
        for q, kind in enumerate(SHOOTER_KINDS):
            is_kind = shooter[s, COLUMNS["shooter"].index(f"kind_{kind}")]
            gone = 1 - shooter[s, COLUMNS["shooter"].index("rounds_share")]
            price += is_kind * weights.get(f"base_{kind}", 0)
            price += is_kind * weights.get(f"scarcity_{kind}", 0) * gone
            assert q < 3
        price += weights.get("pk", 0) * pair[s, i, 0]
        price += weights.get("slack", 0) * min(pair[s, i, 2], 5) / 5
        price += weights.get("engaged", 0) * engaged[i]
        return float(pair[s, i, 3] * survival[i] - price)

    def options(s: int) -> list[tuple[float, int]]:
        return [(score(s, i), i) for i in range(len(track)) if mask[s, 1 + i]]

    actions = [0] * len(shooter)
    undecided = sorted(
        (s for s in shooters if options(s)), key=lambda s: max(options(s))[0], reverse=True
    )
    while undecided:
        if greedy:
            undecided.sort(key=lambda s: max(options(s))[0], reverse=True)
        s = undecided.pop(0)
        best, i = max(options(s))
        if best > 0:
            actions[s] = 1 + i
            survival[i] *= 1 - pair[s, i, 0]
            engaged[i] = True
    return actions


WEIGHTS = {
    "base_patriot": 0.08,
    "scarcity_patriot": 0.1,
    "base_gun": 0.01,
    "tracks": 0.03,
    "pk": -0.05,
    "slack": 0.04,
    "engaged": 0.03,
    "time_share": -0.02,
}
CALENDAR = {"days_ahead": 0.07, "leaving": -0.09}


@pytest.mark.parametrize("weights", [None, WEIGHTS, WEIGHTS | CALENDAR])
def test_starts_as_the_rule_it_says(weights: dict[str, float] | None) -> None:
    policy = make(start_weights=weights)
    observation = made_up_observation(200, TRACKS, SHOOTERS, ASSETS, seed=3)
    with torch.no_grad():
        actions, _, _ = policy(tensors(observation), deterministic=True)
    rule = weights or {f"base_{kind}": GREEDY_PRICE for kind in SHOOTER_KINDS}
    for row in range(200):
        expected = pricing_by_hand(observation, row, rule, greedy=False)
        assert actions[row].tolist() == expected
    classical = [pricing_by_hand(observation, row, rule, greedy=True) for row in range(200)]
    # Best pair first and best shooter first differ only where two shooters want one track.
    assert (actions.numpy() == np.array(classical)).mean() > 0.85
    for term, weight in policy.price_weights().items():
        assert weight == pytest.approx(rule.get(term, 0.0), abs=1e-7)


def test_unknown_start_weight_is_named() -> None:
    with pytest.raises(ValueError, match="base_laser"):
        make(start_weights={"base_laser": 0.1})


def test_value_starts_as_the_exposure() -> None:
    policy = make(exposure_scale=0.25)
    observation = made_up_observation(5, TRACKS, SHOOTERS, ASSETS)
    track = observation["track"]
    at_risk = track[..., COLUMNS["track"].index("value_at_risk")]
    survival = track[..., COLUMNS["track"].index("survival")]
    with torch.no_grad():
        values = policy.predict_values(tensors(observation))[:, 0]
    np.testing.assert_allclose(values, -0.25 * (at_risk * survival).sum(1), atol=1e-5)


def test_a_critic_without_exposure_stays_without() -> None:
    policy = shaken(make(exposure_scale=0.0))
    observation = tensors(made_up_observation(5, TRACKS, SHOOTERS, ASSETS))
    policy.predict_values(observation).sum().backward()
    assert policy.critic.exposure_scale.grad is None
    assert policy.critic.head.weight.grad is not None


def test_an_uninformed_start_knows_no_rule() -> None:
    """It agrees with greedy no more often than chance has it, and fires about every other time."""
    observation = made_up_observation(300, TRACKS, SHOOTERS, ASSETS)
    policy = make(informed=False)
    with torch.no_grad():
        drawn, _, _ = policy(tensors(observation))
        best, _, _ = policy(tensors(observation), deterministic=True)
        greedy, _, _ = make()(tensors(observation), deterministic=True)
    assert policy.price_weights() == dict.fromkeys(policy.actor.prices.terms, 0.0)
    able = observation["action_mask"][..., 1:].any(-1)
    several = observation["action_mask"][..., 1:].sum(-1) > 2
    both = several & (best.numpy() > 0) & (greedy.numpy() > 0)
    assert 0.4 < (drawn.numpy()[able] > 0).mean() < 0.8
    assert both.sum() > 100 and (best == greedy).numpy()[both].mean() < 0.6


def test_without_sequence_a_shooter_does_not_see_what_others_choose() -> None:
    """Its probabilities are the same whatever the others do; with sequence they are not."""
    observation = tensors(made_up_observation(64, TRACKS, SHOOTERS, ASSETS))
    tables = {}
    for sequential in (False, True):
        policy = shaken(make(sequential=sequential))
        with torch.no_grad():
            distribution = AllocationDistribution(policy.actor(policy._read(observation)))
            fired, _ = distribution.decide(deterministic=False)
            tables[sequential] = [distribution.choice_table(a) for a in (fired, 0 * fired)]
            first = distribution.evaluate(fired, with_entropy=False)[0]
            np.testing.assert_allclose(policy.evaluate_actions(observation, fired)[1], first)
    np.testing.assert_array_equal(tables[False][0], tables[False][1])
    assert (tables[True][0] != tables[True][1]).any()
    # Where nobody else has chosen yet, both see the same, what is in flight included.
    np.testing.assert_allclose(tables[False][1], tables[True][1], atol=1e-4)


def test_sampled_log_probs_equal_evaluated_ones_and_gradients_are_finite() -> None:
    policy = shaken(make(with_entropy=True))
    observation = tensors(made_up_observation(64, TRACKS, SHOOTERS, ASSETS))
    with torch.no_grad():
        actions, _, log_prob = policy(observation)
    values, again, entropy = policy.evaluate_actions(observation, actions.float())
    np.testing.assert_allclose(again.detach(), log_prob, rtol=1e-4, atol=1e-4)
    assert entropy is not None and (entropy >= 0).all()
    (again.sum() + values.sum() + entropy.sum()).backward()
    for name, parameter in policy.named_parameters():
        assert parameter.grad is not None and torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.abs().sum() > 0, name


def test_forward_leaves_the_observation_as_it_was() -> None:
    observation = made_up_observation(3, 1, 1, 1)
    before = {name: table.copy() for name, table in observation.items()}
    make(tracks=1, shooters=1)(tensors(observation))
    for name, table in before.items():
        np.testing.assert_array_equal(observation[name], table)


def test_predict_speaks_sb3() -> None:
    policy = make()
    observation = made_up_observation(4, TRACKS, SHOOTERS, ASSETS)
    actions, state = policy.predict(observation, deterministic=True)
    assert actions.shape == (4, SHOOTERS) and state is None
    one, _ = policy.predict({name: t[0] for name, t in observation.items()}, deterministic=True)
    np.testing.assert_array_equal(one, actions[0])
