"""Losses by kind, asset, minute and raid are what the core took, and add up to its loss."""

import numpy as np
import pytest

from agents.classical import make_policy
from agents.losses import LossBook, Losses, _Strikes
from agents.rollout import Rows, play, record_raid
from envs.core.state import LEAKED, THREAT
from envs.scenario import Scenario, load_scenario


def played(scenario: Scenario, policy: str, seeds: range, size: int = 256) -> tuple[Rows, Losses]:
    book = LossBook()
    own = make_policy(policy, scenario)
    rows = play(own, scenario, seeds, "validation", size, watch=book.watch, ended=book.watch)
    return rows, book.losses(scenario, float(rows["undefended_loss"].sum()))


@pytest.mark.parametrize(
    ("name", "policy", "raids"),
    [
        ("duel", "wta_greedy", 60),
        ("standard", "hold_fire", 20),
        ("rotation-gap", "wta_greedy", 4),
        ("random", "wta_greedy", 20),
    ],
)
def test_every_way_of_looking_adds_up_to_the_loss(name: str, policy: str, raids: int) -> None:
    scenario = load_scenario(name)
    rows, lost = played(scenario, policy, range(raids), size=16)
    whole = rows["loss"].sum() / rows["undefended_loss"].sum()
    assert whole > 0.0
    for parts in (lost.by_kind.values(), lost.by_asset.values(), lost.by_minute, lost.by_raid):
        assert sum(parts) == pytest.approx(whole, rel=1e-9)
    assert len(lost.by_raid) == scenario.campaign.raids
    assert list(lost.by_asset) == [asset.name for asset in scenario.assets]


def test_kinds_assets_and_minutes_are_those_of_the_record(standard: Scenario) -> None:
    """Against another way to know it: health, epoch by epoch, of a single raid."""
    _, lost = played(standard, "wta_greedy", range(3, 4))
    record = record_raid(make_policy("wta_greedy", standard), standard, 3)
    value = record.params.asset[0]["value"].astype(float)
    fallen = record.moments[0].health - record.last.health
    at_risk = record.last.raid.undefended_loss
    expected = dict(zip(lost.by_asset, value * fallen / at_risk, strict=True))
    assert lost.by_asset == pytest.approx(expected)
    struck = record.last.threat[record.last.threat["status"] == LEAKED]
    kinds = {standard.threat_kinds[kind] for kind in struck["kind"]}
    assert set(lost.by_kind) <= kinds and lost.by_kind
    minutes = {int(time // 60) for time in struck["impact_s"]}
    assert {minute for minute, share in enumerate(lost.by_minute) if share > 0} <= minutes


def test_the_batch_changes_nothing(duel: Scenario) -> None:
    first, second = (played(duel, "wta_greedy", range(40), size)[1] for size in (1, 64))
    assert first.by_kind == pytest.approx(second.by_kind)
    np.testing.assert_allclose(first.by_minute, second.by_minute)


def test_who_strikes_first_takes_first_and_the_next_what_is_left() -> None:
    book = LossBook()
    strikes = _Strikes(np.array([[0.7], [0.7]]), np.array([10.0]), [0])
    threats = np.zeros(2, THREAT)
    threats["kind"], threats["impact_s"] = [0, 1], [100.0, 61.0]
    book._enter(threats, np.ones(1), 0, strikes)
    first, second = book.entries
    assert first == (1, 0, 1, 0, 7.0)
    assert second[:4] == (0, 0, 1, 0) and second[4] == pytest.approx(3.0)


def test_nothing_lost_is_nothing_told(duel: Scenario) -> None:
    lost = LossBook().losses(duel, 10.0)
    assert lost.by_kind == {} and lost.by_minute == [] and lost.by_raid == [0.0]
    assert set(lost.by_asset.values()) == {0.0}
