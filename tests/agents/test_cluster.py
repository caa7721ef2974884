"""Work that is cut into jobs gives what uncut work gives, to the bit; here without Ray."""

import sys
from pathlib import Path

import numpy as np
import pytest

from agents.bounds.bound import raid_bounds
from agents.classical import make_policy
from agents.classical.tuning import tune_pricing
from agents.classical.tuning_history import TuningSettings
from agents.cluster import here, pieces, workers
from agents.learned import network_training
from agents.learned.settings import EvolutionSettings, PPOSettings
from agents.rollout import play, play_everywhere
from agents.runs import check

ES = EvolutionSettings(
    iterations=2, raids=24, pairs=16, hidden=2, num_envs=64, validation_raids=600
)


def same(one, other) -> bool:
    return list(one) == list(other) and all(
        one[name].tobytes() == other[name].tobytes() for name in one
    )


@pytest.mark.parametrize("name", ["wta_pricing", "random_legal", "look_ahead"])
def test_rows_of_pieces_are_those_of_the_whole(name: str, duel, monkeypatch) -> None:
    monkeypatch.setattr("agents.rollout._PIECE", 7)
    raids = 3 if name == "look_ahead" else 40
    told: list[int] = []
    policy, seeds = make_policy(name, duel), range(5, 5 + raids)
    cut = play_everywhere(here, policy, duel, seeds, "train", 16, told.append)
    assert same(cut, play(policy, duel, seeds, "train"))
    assert told == ([1, 2, 3] if name == "look_ahead" else [7, 14, 21, 28, 35, 40])


def test_a_strategy_learns_the_same_from_pieces(duel, tmp_path: Path) -> None:
    network_training.fit(ES, duel, tmp_path / "whole")
    network_training.fit(ES, duel, tmp_path / "cut", mapped=here)
    files = sorted(path.name for path in (tmp_path / "whole/checkpoint").iterdir())
    assert len(files) >= 2
    for name in files:
        one, other = (tmp_path / own / "checkpoint" / name for own in ("whole", "cut"))
        assert one.read_bytes() == other.read_bytes()


def test_the_pricing_rule_is_tuned_the_same_from_pieces(duel) -> None:
    settings = TuningSettings(
        generations=2, candidates=4, raids=300, validation_raids=40, validate_every=1
    )
    whole, _ = tune_pricing(duel, settings)
    cut, _ = tune_pricing(duel, settings, mapped=here)
    assert cut == whole


def test_bounds_of_pieces_are_those_of_the_whole(duel, monkeypatch) -> None:
    whole = raid_bounds(duel, range(9))
    monkeypatch.setattr("agents.bounds.bound._BATCH", 4)
    cut = raid_bounds(duel, range(9))
    assert np.array_equal(cut.luck_known, whole.luck_known)
    assert np.array_equal(cut.arrivals_known, whole.arrivals_known)


def test_pieces_do_not_depend_on_the_workers_and_lose_nothing() -> None:
    cut = pieces(range(10), 4)
    assert [len(piece) for (piece,) in cut] == [4, 4, 2]
    assert np.concatenate([piece for (piece,) in cut]).tolist() == list(range(10))


def test_what_a_cluster_is_not_for_and_that_there_is_none_is_said(duel, monkeypatch) -> None:
    with pytest.raises(ValueError, match="only es and pricing"):
        check(PPOSettings(), duel, cluster="local")
    check(ES, duel, cluster="local")
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ValueError, match="needs Ray"), workers("auto"):
        pass
    with workers(None) as mapped:
        assert mapped is None
    with workers("here") as mapped:
        assert mapped is here
