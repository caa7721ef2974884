"""Deliveries about which the action decides: who gets them, when, and what is illegal."""

import numpy as np
import pytest

from agents.learned.adapter import RaidVecEnv
from envs.single_env import BalticShieldEnv
from envs.vector_env import BalticShieldVectorEnv
from tests.envs.small import hold, mapping, named, no_orders, package, shooter, started, tune

LENGTH = 11  # epochs of a raid of one drone from 5.1 km away
NASAMS, RBS = 0, 1  # the deliveries of `scene`


def scene(**keys):
    """Return a campaign in which each lull of two days brings 4 rounds of one kind, 2 of another.

    The first kind goes to any of three shooters, or by need to "empty" first; the second to the
    German "far" alone.
    """
    return mapping(
        **{
            "shooters": [
                shooter("full", rounds=6, reserve_rounds=6), shooter("empty", rounds=1),
                shooter("guest", nation="DEU", rounds=1), shooter("near", "rbs70", rounds=1),
                shooter("far", "rbs70", nation="DEU", rounds=1),
            ],
            "packages": [package(entry=(0, 5.1))],
            "campaign": {"raids": 3, "lull_days": [2, 2], "hand_out": "decided"},
            "deliveries": [
                {"kind": "nasams", "rounds_per_day": 2},
                {"kind": "rbs70", "rounds_per_day": 1, "nations": ["DEU"]},
            ],
            **keys,
        }
    )  # fmt: skip


def in_lull(**keys):
    batch = started(scene(**keys), threat_kind__hit=0.0)
    hold(batch, LENGTH)
    assert batch.state().raid["lull"].all()
    return batch


def decide(batch, *decisions):
    """Play one step in which nobody fires, with decisions about the deliveries."""
    batch.step(np.concatenate([no_orders(batch), [decisions]], axis=1))


def left(batch):
    """Return ready rounds and reserve of every shooter."""
    shooters = batch.state().shooter[0]
    return (shooters["rounds"] + shooters["reserve"]).tolist()


def metric(batch, name):
    return batch.metrics()[name][0]


def test_each_delivery_goes_to_the_one_chosen():
    batch = in_lull()
    assert left(batch) == [12, 1, 1, 1, 1]
    decide(batch, 1, 5)
    assert left(batch) == [16, 1, 1, 1, 3]
    assert metric(batch, "rounds_delivered") == 6.0
    assert metric(batch, "illegal_actions") == 0.0
    hold(batch, LENGTH)
    decide(batch, 3, 0)
    assert left(batch) == [16, 1, 5, 1, 5], "0 is by need, which leaves one taker"


@pytest.mark.parametrize("width", [5, 7])
def test_by_need_is_the_same_said_and_left_out(width):
    batch = in_lull()
    batch.step(np.zeros((1, width), np.int64))
    by_need = started(scene(campaign={"raids": 3, "lull_days": [2, 2]}), threat_kind__hit=0.0)
    hold(by_need, LENGTH + 1)
    assert left(batch) == left(by_need)
    assert metric(batch, "rounds_delivered") == 6.0


def test_what_is_legal_in_a_lull_and_out_of_it():
    batch = started(scene(), threat_kind__hit=0.0)
    by_need = [[1, 0, 0, 0, 0, 0], [1, 0, 0, 0, 0, 0]]
    mask = batch.observation["delivery_mask"]
    for _ in range(LENGTH):
        assert mask[0].tolist() == by_need
        hold(batch)
    assert mask[0].tolist() == [[1, 1, 1, 1, 0, 0], [1, 0, 0, 0, 0, 1]]
    hold(batch)
    assert mask[0].tolist() == by_need


@pytest.mark.parametrize(("order", "illegal"), [(4, 1), (6, 1), (-1, 1), (99, 1), (0, 0), (2, 0)])
def test_an_illegal_decision_is_counted_and_by_need(order, illegal):
    batch = in_lull()
    decide(batch, order, 5)
    assert metric(batch, "illegal_actions") == illegal
    by_need = in_lull()
    decide(by_need, 2 if order == 2 else 0, 5)
    assert left(batch) == left(by_need)
    assert metric(batch, "rounds_delivered") == 6.0


def test_decisions_during_a_raid_are_illegal_and_decide_nothing():
    batch = started(scene(), threat_kind__hit=0.0)
    decide(batch, 1, 5)
    assert metric(batch, "illegal_actions") == 2.0
    decide(batch, 0, 0)
    assert metric(batch, "illegal_actions") == 2.0
    assert left(batch) == [12, 1, 1, 1, 1]


def test_one_that_will_be_gone_may_be_chosen_and_then_it_goes_by_need():
    # "full" leaves on day 1: there in the lull that begins on day 0, and not on day 2.
    leaving = [{"name": "leaving", "nation": "LVA", "shooters": ["full"], "leaves_day": 1}]
    batch = in_lull(contingents=leaving)
    assert batch.observation["delivery_mask"][0, NASAMS].tolist() == [1, 1, 1, 1, 0, 0]
    decide(batch, 1, 0)
    assert metric(batch, "illegal_actions") == 0.0
    assert left(batch) == [12, 3, 3, 1, 3], "in turn to the two that are there"
    hold(batch, LENGTH)
    assert batch.observation["delivery_mask"][0, NASAMS].tolist() == [1, 0, 1, 1, 0, 0], "gone"


def test_what_nobody_could_take_waits_and_then_goes_to_the_one_chosen():
    batch = in_lull()
    late = batch.params.shooter["ready_day"].copy()
    late[0, 4] = 3.0
    tune(batch, shooter__ready_day=late)
    decide(batch, 0, 5)
    assert (left(batch)[4], batch.state().depot[0].tolist()) == (1, [0, 2])
    column = batch.layout.index("delivery", "waiting")
    assert batch.observation["delivery"][0, :, column].tolist() == [0.0, 2.0]
    hold(batch, LENGTH)
    decide(batch, 0, 5)
    assert (left(batch)[4], batch.state().depot[0].tolist()) == (5, [0, 0])


def test_the_table_of_deliveries_by_hand():
    later = [{"kind": "nasams", "rounds_per_day": 2.5, "first_day": 3}]
    batch = in_lull(deliveries=later)
    (row,) = batch.layout.decode({name: t[0] for name, t in batch.observation.items()})["delivery"]
    shown = {name: value for name, value in row.items() if value and name != "row"}
    assert shown == {"kind_nasams": 1.0, "rounds_per_day": 2.5, "days_to_first": 3.0}
    hold(batch)  # now day 2
    column = batch.layout.index("delivery", "days_to_first")
    assert batch.observation["delivery"][0, 0, column] == 1.0


def test_masks_and_spaces_have_a_head_for_each_delivery():
    scenario = started(named("small-policing")).scenario
    slots, shooters, decisions = (
        scenario.num_slots, scenario.num_shooters, scenario.num_decisions,
    )  # fmt: skip
    heads = [1 + slots] * shooters + [1 + shooters] * decisions
    single, vector = BalticShieldEnv(scenario), BalticShieldVectorEnv(3, scenario)
    adapted = RaidVecEnv(scenario, 3)
    single.reset(seed=1)
    vector.reset(seed=1)
    adapted.seed(1)
    adapted.reset()
    assert single.action_space.nvec.tolist() == adapted.action_space.nvec.tolist() == heads
    assert single.action_masks().shape == (sum(heads),)
    assert vector.action_masks().shape == adapted.action_masks().shape == (3, sum(heads))
    assert np.array_equal(vector.action_masks(), adapted.action_masks())
    assert np.array_equal(vector.action_masks()[0], single.action_masks())
    flat = vector.action_masks()[0, (1 + slots) * shooters :]
    assert flat.tolist() == ([True] + [False] * shooters) * decisions
    by_need = RaidVecEnv(scenario, 3, by_need=True)
    assert by_need.action_space.nvec.tolist() == heads[:shooters]


@pytest.mark.parametrize("width", [4, 6, 8])
def test_another_width_of_the_action_is_named(width):
    batch = started(scene())
    with pytest.raises(ValueError, match=r"int64\[1, \d\].*\[1, 5\] or \[1, 7\]"):
        batch.step(np.zeros((1, width), np.int64))
