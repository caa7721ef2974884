"""Reloads by hand."""

import numpy as np
import pytest

from envs.core import logistics as core
from envs.core.params import SHOOTER as DEPLOYMENT
from envs.core.state import SHOOTER
from tests.envs.small import asset, filled, fire, hold, mapping, package, shooter, started


def reloading(rounds=3, reserve=2, **tuned):
    """Return a batch of one with an RBS 70 (magazine 3, one round in 30 s) and a far drone."""
    tested = shooter("tested", "rbs70", rounds=rounds, reserve_rounds=reserve)
    source = mapping(
        assets=[asset(place=(0, -20))],
        # The other one is there for its channels: the state has room for as many as any has.
        shooters=[tested, shooter("other", "nasams", (0, -90))],
        packages=[package(entry=(0, 6))],
        clock_min=30,
    )
    # Hardly ever a kill, so that the raid goes on.
    return started(source, shooter__magazine=3, shooter__channels=2, shooter_pk=1e-6, **tuned)


def counts(batch):
    shooter_state = batch.state().shooter[0, 0]
    return int(shooter_state.rounds), int(shooter_state.reserve)


def test_reload_by_hand():
    batch = reloading(shooter__reload_s=30.0, shooter__reload_rounds=1)
    assert counts(batch) == (3, 2)
    assert batch.state().shooter[0, 0].reload_s == np.inf, "the magazine is full"
    fire(batch)  # at 0 s; the reload starts at 10 s, when there is room
    assert counts(batch) == (2, 2)
    assert batch.state().shooter[0, 0].reload_s == 40.0
    seen = []
    for _ in range(8):
        hold(batch)
        seen.append(counts(batch))
    assert seen == [(2, 2), (2, 2), (3, 1), (3, 1), (3, 1), (3, 1), (3, 1), (3, 1)]


def test_reloads_follow_one_another_until_the_reserve_is_empty():
    batch = reloading(rounds=1, shooter__reload_s=25.0, shooter__reload_rounds=1)
    assert batch.state().shooter[0, 0].reload_s == 25.0, "started with the raid"
    seen = []
    for _ in range(8):
        hold(batch)
        seen.append(counts(batch))
    # Due at 25 s, so there at the epoch of 30 s; the next one is due at 55 s, there at 60 s.
    assert seen == [(1, 2), (1, 2), (2, 1), (2, 1), (2, 1), (3, 0), (3, 0), (3, 0)]
    assert batch.state().shooter[0, 0].reload_s == np.inf


def test_a_reload_waits_until_it_fits():
    batch = reloading(rounds=2, reserve=4, shooter__reload_s=20.0, shooter__reload_rounds=2)
    assert batch.state().shooter[0, 0].reload_s == np.inf, "two rounds do not fit beside two"
    fire(batch)
    assert batch.state().shooter[0, 0].reload_s == 30.0
    hold(batch, 2)
    assert counts(batch) == (3, 2)


def test_the_last_reload_brings_what_is_left():
    batch = reloading(rounds=0, reserve=1, shooter__reload_s=20.0, shooter__reload_rounds=3)
    hold(batch, 2)
    assert counts(batch) == (1, 0)


def test_a_reload_does_not_keep_a_shooter_from_firing():
    batch = reloading(rounds=2, shooter__reload_s=100.0, shooter__reload_rounds=1)
    assert batch.state().shooter[0, 0].reload_s == 100.0
    fire(batch)
    fire(batch)
    assert counts(batch) == (0, 2)
    assert batch.state().shooter[0, 0].reload_s == 100.0


def test_the_observation_counts_down_to_the_reload():
    batch = reloading(rounds=2, reserve=2, shooter__reload_s=60.0, shooter__reload_rounds=1)
    column = batch.layout.index("shooter", "next_reload_min")
    share = batch.layout.index("shooter", "rounds_share")
    seen = []
    for _ in range(3):
        seen.append(batch.observation["shooter"][0, 0, column])
        hold(batch)
    assert seen == pytest.approx([1.0, 5 / 6, 4 / 6], rel=1e-5)
    assert batch.observation["shooter"][0, 0, share] == 1.0
    fire(batch)
    assert batch.observation["shooter"][0, 0, share] == 0.75


NEVER = np.inf


@pytest.mark.parametrize(
    ("shooter_", "deployed", "after"),
    [
        # (rounds, reserve, end of the reload) at 50 s; magazine 4, two rounds in 30 s.
        ((2, 5, NEVER), {}, (2, 5, 80.0)),
        ((3, 5, NEVER), {}, (3, 5, NEVER)),  # two would not fit
        ((3, 1, NEVER), {}, (3, 1, 80.0)),  # the last one does
        ((2, 0, NEVER), {}, (2, 0, NEVER)),
        ((1, 5, 60.0), {}, (1, 5, 60.0)),
        ((1, 5, 50.0), {}, (3, 3, NEVER)),  # due exactly now
        ((0, 5, 50.0), {}, (2, 3, 80.0)),
        ((0, 1, 50.0), {}, (1, 0, NEVER)),  # nothing is left to bring
        ((1, 2, 50.0), {"sortie_s": 600.0}, (3, 0, NEVER)),
        ((1, 5, 50.0), {"sortie_s": 600.0}, (4, 2, NEVER)),
        ((1, 5, 51.0), {"sortie_s": 600.0}, (1, 5, 51.0)),
        ((1, 5, NEVER), {"sortie_s": 600.0}, (1, 5, NEVER)),
    ],
)
def test_one_reload_by_hand(shooter_, deployed, after):
    has = dict(zip(("rounds", "reserve", "reload_s"), shooter_, strict=True))
    rows = filled(SHOOTER, has | {"able": True})
    kind = {"magazine": 4, "reload_rounds": 2, "reload_s": 30.0}
    core.reload(rows, filled(DEPLOYMENT, kind | deployed), np.float32(50.0))
    assert (rows["rounds"][0], rows["reserve"][0], rows["reload_s"][0]) == after


def test_what_a_shooter_has_at_the_start_by_hand():
    rows = filled(SHOOTER, {"busy": 3, "rounds": 9, "reserve": 9, "reload_s": 5.0}, {})
    core.supply(rows, filled(DEPLOYMENT, {"rounds": 2, "reserve": 4}, {"rounds": 1}))
    assert rows["busy"].tolist() == [0, 0]
    assert rows["rounds"].tolist() == [2, 1]
    assert rows["reserve"].tolist() == [4, 0]
    assert rows["reload_s"].tolist() == [np.inf, np.inf]


def test_the_reload_of_one_out_of_action_is_over():
    rows = filled(SHOOTER, {"rounds": 0, "reserve": 5, "reload_s": 50.0})
    kind = filled(DEPLOYMENT, {"magazine": 4, "reload_rounds": 2, "reload_s": 30.0})
    core.reload(rows, kind, np.float32(50.0))
    assert (rows["rounds"][0], rows["reserve"][0], rows["reload_s"][0]) == (0, 5, np.inf)
