"""What is counted of a raid as it begins."""

import numpy as np
import pytest

from envs.core import metrics
from envs.core import start as core
from envs.core.params import THREAT_KIND
from envs.core.state import ABSENT, INBOUND, PENDING, THREAT
from tests.envs.small import filled


def test_who_comes_and_when_the_last_of_them_strikes():
    threats = filled(
        THREAT,
        {"status": PENDING, "impact_s": 90.0}, {"status": INBOUND, "impact_s": 120.0},
        {"status": PENDING, "impact_s": 30.0, "kind": 1}, {"status": ABSENT, "impact_s": np.inf},
    )  # fmt: skip
    assert core.last_impact_s(threats) == 120.0
    assert core.last_impact_s(threats[3:]) == 0.0
    totals = np.zeros(metrics.BY_KIND)
    core.count_coming(threats, filled(THREAT_KIND, {}, {"neutral": True}), totals)
    assert (totals[metrics.THREATS], totals[metrics.NEUTRALS], totals.sum()) == (2.0, 1.0, 3.0)


@pytest.mark.parametrize(
    ("time_s", "epochs"), [(0.0, 1), (9.9, 1), (10.0, 2), (19.9, 2), (20.0, 3), (100.0, 11)]
)
def test_a_strike_is_in_the_epoch_that_begins_with_it(time_s, epochs):
    assert core.epochs_until(np.float32(time_s), np.float32(10.0)) == epochs
