"""The exact solution: by hand, against plain Python, and as a policy in the environment."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.bounds import exact_kernel
from agents.bounds.exact import check_solvable, engagements_of, game_of, solve, solve_raid
from agents.bounds.foresight import foresee, foresee_observed
from agents.bounds.optimal_policy import OptimalPolicy
from agents.classical import make_policy
from agents.rollout import play
from envs.batch import RaidBatch
from envs.observation import Layout
from envs.scenario import Scenario

from .bounds_cases import VARIANTS, game, least_loss, variant

SEEDS = np.arange(24)


def least(rounds: tuple[int, ...], pk: object, **keys: object) -> float:
    return solve(game(pk, rounds=rounds, **keys), np.array(rounds)).expected_loss  # type: ignore[arg-type]


def test_two_rounds_at_one_threat_leave_both_misses() -> None:
    # 10 * 0.1 at risk; 0.5 and 0.8 are the better two of three shots: (1 - 0.5) (1 - 0.8) = 0.1.
    assert least((2,), [[[0.5]], [[0.2]], [[0.8]]]) == pytest.approx(0.1)


def test_a_look_between_two_shots_frees_the_second() -> None:
    # Worth 10 and 6, pk 0.5: a kill of the first leaves a round for the second. Saved are
    # 0.5 * (10 + 0.5 * 6) + 0.5 * max(0.5 * 10, 0.5 * 6) = 9 of 16.
    pk = np.full((2, 1, 2), 0.5)
    keys = {"damage": 1.0, "worth": (10.0, 6.0), "aim": (0, 1)}
    assert least((2,), pk, **keys) == pytest.approx(7.0)
    # Without the look, since outcomes come later than the last launch: 0.5 * 16 at best.
    assert least((2,), pk, flight=3, **keys) == pytest.approx(8.0)


def test_health_saturates() -> None:
    # Two hits of 0.6 take 10 of 10; with one stopped 6. One round of pk 0.5: 0.5 * 6 + 0.5 * 10.
    assert least((1,), np.full((1, 1, 2), 0.5), damage=0.6) == pytest.approx(8.0)
    # Hits are known as they come: 0.25 * 10 + 0.5 * 6 when nobody fires.
    assert least((0,), np.full((1, 1, 2), 0.5), damage=0.6, hit=0.5) == pytest.approx(5.5)


def test_one_channel_guides_one_engagement_at_a_time() -> None:
    pk = np.full((2, 1, 1), 0.5)
    assert least((2,), pk, flight=2, channels=1) == pytest.approx(0.5)
    assert least((2,), pk, flight=2, channels=2) == pytest.approx(0.25)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_induction_equals_the_enumeration_of_all_policies(data: st.DataObject) -> None:
    shooters, threats = data.draw(st.sampled_from([(1, 2), (2, 2), (1, 3)]))
    epochs = data.draw(st.integers(2, 3))
    share = st.sampled_from([0.0, 0.2, 0.5, 0.7, 1.0])
    pk = [[[data.draw(share) for _ in range(threats)] for _ in range(shooters)]] * epochs
    pk = np.array(pk) * np.array(data.draw(st.permutations([1.0, 0.8, 0.6])))[:epochs, None, None]
    rounds = tuple(data.draw(st.integers(0, 2)) for _ in range(shooters))
    made = game(
        pk,
        flight=data.draw(st.integers(1, 2)),
        damage=data.draw(st.sampled_from([0.2, 0.6])),
        worth=(10.0, 6.0),
        aim=tuple(data.draw(st.integers(0, 1)) for _ in range(threats)),
        hit=data.draw(st.sampled_from([0.8, 1.0])),
        channels=data.draw(st.integers(1, 2)),
        rounds=rounds,
    )
    made = made._replace(impact=made.impact - np.arange(threats, dtype=np.int32) % 2)
    assert solve(made, np.array(rounds)).expected_loss == pytest.approx(least_loss(made, rounds))


def test_raids_of_the_duel_equal_the_enumeration_of_all_policies() -> None:
    few = variant(shooters__0__rounds=1, shooters__1__rounds=1, packages__1__number=[0, 0])
    for foresight in foresee(few, SEEDS[:6], "validation"):
        made = game_of(few, foresight)
        assert solve_raid(few, foresight).expected_loss == pytest.approx(least_loss(made, (1, 1)))


def test_what_is_observed_at_the_start_tells_the_whole_raid(duel: Scenario) -> None:
    batch = RaidBatch(duel, len(SEEDS))
    batch.reset(seeds=SEEDS, split="validation")
    seen = foresee_observed(duel, batch.observation, Layout(duel))
    for one, other in zip(foresee(duel, SEEDS, "validation"), seen, strict=True):
        for name in ("shooter", "target", "step", "free"):
            np.testing.assert_array_equal(one.chances[name], other.chances[name])
        np.testing.assert_allclose(one.chances["pk"], other.chances["pk"], atol=1e-5)
        np.testing.assert_array_equal(one.targets["impact"], other.targets["impact"])


def test_foresight_is_what_the_environment_offers(duel: Scenario) -> None:
    batch = RaidBatch(duel, 1)
    batch.reset(seeds=np.array([7]), split="validation")
    chances = foresee(duel, np.array([7]), "validation")[0].chances
    rows = foresee(duel, np.array([7]), "validation")[0].targets["row"]
    for epoch in range(30):
        pk = np.zeros(batch.state().pair[0].shape)
        now = chances[chances["step"] == epoch]
        pk[now["shooter"], rows[now["target"]]] = now["pk"]
        np.testing.assert_array_equal(pk.astype(np.float32), batch.state().pair[0]["pk"])
        batch.step(np.zeros((1, 2), np.int64))


@pytest.mark.parametrize("name", VARIANTS)
def test_the_policy_reaches_what_was_computed(name: str) -> None:
    """The mean difference lies within four standard errors, which one test in 16,000 exceeds."""
    scenario, seeds = VARIANTS[name], np.arange(80)
    expected = np.array(
        [solve_raid(scenario, f).expected_loss for f in foresee(scenario, seeds, "train")]
    )
    rows = play(OptimalPolicy(scenario), scenario, seeds, split="train")
    apart = rows["loss"] - expected
    assert abs(apart.mean()) <= 4.0 * apart.std() / np.sqrt(len(seeds))
    assert rows["illegal_actions"].sum() == 0
    greedy = play(make_policy("wta_greedy", scenario), scenario, seeds, split="train")
    assert rows["loss"].mean() < greedy["loss"].mean()


def test_the_policy_decides_alike_in_any_batch_and_alone(duel: Scenario) -> None:
    policy = make_policy("optimal", duel)
    rows = [play(policy, duel, SEEDS, batch_size=size) for size in (1, 5, 64)]
    for other in rows[1:]:
        np.testing.assert_array_equal(rows[0]["loss"], other["loss"])
        np.testing.assert_array_equal(rows[0]["rounds_fired"], other["rounds_fired"])


def test_a_raid_not_seen_from_its_start_is_played_holding_fire(duel: Scenario) -> None:
    batch = RaidBatch(duel, 2)
    batch.reset(seeds=SEEDS[:2], split="validation")
    batch.step(np.zeros((2, 2), np.int64))
    assert not OptimalPolicy(duel).predict(batch.observation)[0].any()


def test_a_threat_that_comes_into_view_later_is_an_error() -> None:
    late = variant(packages__0__time_on_target_min=[6, 6])
    with pytest.raises(ValueError, match="came into view after the raid's start"):
        play(OptimalPolicy(late), late, SEEDS[:2])


def test_never_more_loss_with_more_rounds(duel: Scenario) -> None:
    for foresight in foresee(duel, SEEDS[:8], "validation"):
        made = game_of(duel, foresight)
        losses = [
            solve(made, np.array(rounds)).expected_loss
            for rounds in ((0, 0), (1, 0), (1, 1), (2, 1), (2, 2))
        ]
        assert losses == sorted(losses, reverse=True)
        assert losses[0] > losses[-1]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"picture": {"kinds": "believed"}}, "picture must be perfect"),
        ({"campaign": {"raids": 2}}, "campaign.raids: 2"),
        ({"shooters__1__reserve_rounds": 1}, r"shooters\[1\].reserve_rounds: 1"),
        ({"shooters__0__asset": "Siauliai city"}, r"shooters\[0\].asset: 'Siauliai city'"),
    ],
)
def test_what_cannot_be_solved_is_refused(changes: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        check_solvable(variant(**changes))


def test_too_many_parts_are_refused(standard: Scenario) -> None:
    with pytest.raises(ValueError, match=r"reserve_rounds|bits"):
        make_policy("optimal", standard)
    wide = variant(
        shooters__0__kind="samp_t",
        shooters__0__rounds=15,
        shooters__1__kind="patriot",
        shooters__1__rounds=15,
    )
    with pytest.raises(ValueError, match="bits"):
        solve_raid(wide, foresee(wide, SEEDS[:1], "train")[0])


def test_states_are_found_again(duel: Scenario) -> None:
    solved = solve_raid(duel, foresee(duel, SEEDS[:1], "validation")[0])
    first, words = solved.solution.first, solved.solution.words
    for epoch in range(1, len(first) - 1):  # nobody looks for the start
        low, high = first[epoch], first[epoch + 1]
        places = [
            exact_kernel.find(solved.solution, word, epoch, low, high) for word in words[low:high]
        ]
        np.testing.assert_array_equal(places, np.arange(low, high))
    assert engagements_of(duel) == [2, 2]
