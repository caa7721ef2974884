from typing import Any

import numba
import numpy as np
import pytest

from agents.classical import make_policy
from agents.rollout import IDLE, Rows, play
from envs.batch import RaidBatch, mean_undefended_loss
from envs.scenario import Scenario

SEEDS = np.array([3, 11, 4, 3_000_000_000, 5, 9, 2, 6, 8, 7, 1])


def same(one: Rows, other: Rows) -> bool:
    return set(one) == set(other) and all(
        one[name].dtype == other[name].dtype and np.array_equal(one[name], other[name])
        for name in one
    )


@pytest.mark.parametrize("name", ["wta_greedy", "random_legal"])
def test_rows_are_bit_equal_across_batch_sizes(standard: Scenario, name: str) -> None:
    policy = make_policy(name, standard)
    alone = play(policy, standard, SEEDS, batch_size=1)
    for batch_size in (2, 4, SEEDS.size, 64):
        assert same(alone, play(policy, standard, SEEDS, batch_size=batch_size))
    assert len(set(alone["loss"])) > 1


def test_rows_follow_their_seeds_in_any_order(duel: Scenario) -> None:
    policy = make_policy("wta_greedy", duel)
    rows = play(policy, duel, SEEDS, batch_size=3)
    back = play(policy, duel, SEEDS[::-1], batch_size=4)
    np.testing.assert_array_equal(rows["seed"], SEEDS)
    assert same(rows, {name: column[::-1] for name, column in back.items()})


def test_a_row_is_what_a_raid_played_by_hand_gives(standard: Scenario) -> None:
    policy = make_policy("wta_greedy", standard)
    rows = play(policy, standard, SEEDS, split="train", batch_size=5)
    batch = RaidBatch(standard, 1)
    batch.reset(seeds=SEEDS[4:5], split="train")
    total = 0.0
    while not (batch.terminated[0] or batch.truncated[0]):
        batch.step(policy.predict(batch.observation)[0])
        total += float(batch.reward[0])
    assert rows["return"][4] == total
    assert rows["truncated"][4] == batch.truncated[0]
    for name, column in batch.metrics().items():
        assert rows[name][4] == column[0], name


def test_returns_order_policies_as_losses_do(standard: Scenario) -> None:
    rows = play(make_policy("wta_greedy", standard), standard, SEEDS)
    expected = -rows["loss"] / mean_undefended_loss(standard)
    np.testing.assert_allclose(rows["return"], expected, rtol=1e-9, atol=1e-12)


def test_splits_are_different_raids(duel: Scenario) -> None:
    policy = make_policy("hold_fire", duel)
    losses = [
        play(policy, duel, np.arange(20), split=split)["loss"].tolist()
        for split in ("train", "validation", "test")
    ]
    assert losses[0] != losses[1] != losses[2] != losses[0]


def test_progress_counts_up_to_all_raids_and_timings_are_per_decision(duel: Scenario) -> None:
    told: list[int] = []
    timings: list[float] = []
    rows = play(
        make_policy("hold_fire", duel),
        duel,
        SEEDS,
        batch_size=1,
        progress=told.append,
        timings=timings,
    )
    assert told == list(range(1, SEEDS.size + 1))
    assert len(timings) == rows["epochs"].sum()
    assert min(timings) > 0.0


def test_decisions_are_timed_on_one_thread(duel: Scenario, monkeypatch: Any) -> None:
    policy, threads = make_policy("wta_greedy", duel), numba.get_num_threads()
    seen, decide = [], policy.predict

    def predict(*arguments: Any, **named: Any) -> Any:
        seen.append(numba.get_num_threads())
        return decide(*arguments, **named)

    monkeypatch.setattr(policy, "predict", predict)
    play(policy, duel, SEEDS[:2])
    play(policy, duel, SEEDS[:2], timings=[])
    assert set(seen[: len(seen) // 2]) == {threads} and set(seen[len(seen) // 2 :]) == {1}
    assert numba.get_num_threads() == threads


def test_a_policy_with_memory_is_told_of_every_new_raid(duel: Scenario) -> None:
    class Remembers:
        """Counts the epochs of each member's raid in its state."""

        def __init__(self) -> None:
            self.longest = 0

        def predict(self, observation, state=None, episode_start=None, deterministic=True):
            mask = observation["action_mask"]
            state = np.zeros(len(mask), dtype=int) if state is None else state
            state = np.where(episode_start, 1, state + 1)
            self.longest = max(self.longest, int(state.max()))
            return np.zeros(mask.shape[:2], dtype=np.int64), state

    policy = Remembers()
    # As many seeds as a multiple of the batch would leave no idle member; eleven does.
    lengths = play(policy, duel, SEEDS, batch_size=1)["epochs"]
    assert policy.longest == lengths.max()


def test_no_seeds_is_an_error(duel: Scenario) -> None:
    with pytest.raises(ValueError, match="at least one seed"):
        play(make_policy("hold_fire", duel), duel, [])


def test_who_is_shown_decisions_gets_each_with_what_it_was_made_of(duel: Scenario) -> None:
    policy = make_policy("wta_greedy", duel)
    decisions = np.zeros(len(SEEDS), np.int64)

    def decided(batch: RaidBatch, places: np.ndarray, actions: np.ndarray) -> None:
        np.testing.assert_array_equal(actions, policy.predict(batch.observation)[0])
        np.add.at(decisions, places[places != IDLE], 1)

    shown = play(policy, duel, SEEDS, batch_size=4, decided=decided)
    assert same(shown, play(policy, duel, SEEDS, batch_size=4))
    assert decisions.tolist() == shown["epochs"].tolist()


def test_who_watches_sees_every_decision_of_every_raid_and_changes_nothing(duel: Scenario) -> None:
    policy = make_policy("wta_greedy", duel)
    decisions = np.zeros(SEEDS.size, int)

    def watch(batch: RaidBatch, places: np.ndarray) -> None:
        at_work = places != IDLE
        assert not batch.terminated[at_work].any()
        assert batch.seeds[at_work].tolist() == SEEDS[places[at_work]].tolist()
        decisions[places[at_work]] += 1

    watched = play(policy, duel, SEEDS, batch_size=4, watch=watch)
    assert same(watched, play(policy, duel, SEEDS, batch_size=4))
    assert decisions.tolist() == watched["epochs"].tolist()
