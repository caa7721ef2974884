"""A perfect picture is what it was before there were others; these become it without doubt."""

import numpy as np
import pytest

from agents.classical import make_policy
from agents.rollout import play
from envs.batch import RaidBatch
from envs.scenario import load_scenario
from tests.envs.golden import FOLDER
from tests.envs.small import held, tune

# Everything in view from everywhere, and detected for certain.
CLEAR = {"sensor__range_m": 1e9, "sensor__antenna_m": 1e7, "sensor__detection": 1.0}


def test_raids_of_the_first_release_are_played_as_they_were(standard):
    lines = (FOLDER / "standard-losses.txt").read_text(encoding="utf-8").splitlines()
    recorded = [line.split() for line in lines[lines.index("") + 1 :]]
    assert len(recorded) == 64
    seeds = np.array([int(line[0]) for line in recorded])
    rows = play(make_policy("wta_greedy", standard), standard, seeds, "validation")
    for n, line in enumerate(recorded):
        found = [repr(float(rows[name][n])) for name in ("loss", "rounds_fired", "killed")]
        assert found == line[1:], f"raid {line[0]}: to the last digit"


def played(scenario, rule, rows=200, **tuned):
    """Return final metrics of raids, and how many tracks there were in all."""
    batch = RaidBatch(scenario, rows)
    tune(batch, **CLEAR, **tuned)
    batch.reset(None, np.arange(rows))
    policy, tracks = make_policy(rule, batch.scenario), 0
    while not np.all(batch.terminated):
        tracks += held(batch).sum()
        batch.step(policy.predict(batch.observation)[0])
    return batch.metrics(), tracks


@pytest.mark.parametrize("by_chance", [False, True])
@pytest.mark.parametrize("rule", ["hold_fire", "wta_greedy"])
@pytest.mark.parametrize("name", ["duel", "standard"])
def test_tracks_from_detections_that_are_certain_make_the_perfect_picture(name, rule, by_chance):
    scenario = load_scenario(name)
    perfect, tracks = played(scenario, rule)
    certain = {"picture__perfect": False, "picture__by_chance": by_chance}
    made, as_many = played(scenario, rule, **certain)
    assert tracks == as_many > 0
    for metric in ("loss", "rounds_fired", "killed", "rounds_wasted", "epochs", "track_delay_s"):
        assert np.array_equal(perfect[metric], made[metric]), metric
    assert np.all(made["rounds_unguided"] == 0.0)
    if rule == "wta_greedy":
        assert perfect["killed"].sum() > 0
