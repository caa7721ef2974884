"""Policies by name, by folder and by file; what the two tunings for `campaign` have in common."""

from pathlib import Path

import numpy as np
import pytest

from agents import scoring
from agents.classical import make_policy, tuned_weights
from agents.classical.policies import PricingPolicy
from agents.classical.terms import CALENDAR_TERMS
from agents.classical.tuning_history import TuningSettings
from agents.classical.weights_file import TunedWeights, load_tuned, save_tuned, weights_path
from agents.rollout import play
from agents.runs import check, load_policies
from envs.scenario import load_scenario

BLIND = weights_path("campaign").parent / "blind" / "campaign.yaml"


def test_weights_are_a_policy_by_their_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    save_tuned(TunedWeights("duel", {}, 0.1, {"pk": -0.25, "base_nasams": 0.5}), path)
    policies = load_policies([str(path)], load_scenario("duel"))
    assert list(policies) == ["wta_greedy", str(path)]
    policy = policies[str(path)]
    assert isinstance(policy, PricingPolicy)
    assert policy.weights == {"pk": -0.25, "base_nasams": 0.5}


def test_weights_that_are_not_there_are_an_error(tmp_path: Path) -> None:
    path = str(tmp_path / "none.yaml")
    with pytest.raises(FileNotFoundError, match=r"no tuned weights at .*none\.yaml"):
        load_policies([path], load_scenario("duel"))
    with pytest.raises(FileNotFoundError, match=r"no tuned weights at .*none\.yaml"):
        check(TuningSettings(start=path), load_scenario("duel"))


def test_the_two_tunings_for_the_campaign_differ_in_the_calendar_alone() -> None:
    seeing, blind = tuned_weights(load_scenario("campaign")), load_tuned(BLIND, "campaign")
    found = {"chosen", "validation_protected_share"}
    assert seeing.tuned.keys() == blind.tuned.keys()
    differing = {key for key in seeing.tuned if seeing.tuned[key] != blind.tuned[key]}
    assert differing - found == {"calendar"}
    assert (seeing.tuned["calendar"], blind.tuned["calendar"]) == (True, False)
    assert tuple(seeing.weights) == (*blind.weights, *CALENDAR_TERMS)


def test_who_looks_at_the_calendar_protects_more_in_the_campaign() -> None:
    # A share of the published comparison: 2,000 campaigns gave a narrower interval.
    scenario = load_scenario("campaign")
    seeing, blind = (
        play(make_policy("wta_pricing", scenario, weights=weights), scenario, np.arange(600))
        for weights in (None, BLIND)
    )
    losses, undefended = seeing["loss"][None], seeing["undefended_loss"]
    assert scoring.gain_over(blind["loss"], losses, undefended)[0].low > 0.0
