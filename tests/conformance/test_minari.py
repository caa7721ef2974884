"""Demonstrations are a Minari data set that tells what was played."""

import pytest

pytest.importorskip("minari", reason="needs Minari: pip install .[minari]")
import minari
import numpy as np

from agents.demonstrations import export, main
from agents.rollout import play
from agents.runs import load_policies
from envs.scenario import load_scenario

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # Minari asks for an author


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))


@pytest.mark.parametrize("policy", ["wta_greedy", "random_legal", "look_ahead"])
def test_a_data_set_loads_with_the_returns_that_were_played(policy: str) -> None:
    seeds = range(5, 12)
    _, rows = export("duel", policy, seeds, "validation", chunk=3)
    loaded = minari.load_dataset(f"balticshield/duel/{policy}-v0")
    episodes = list(loaded.iterate_episodes())
    assert [sum(episode.rewards.tolist()) for episode in episodes] == rows["return"].tolist()
    assert [len(episode.actions) for episode in episodes] == rows["epochs"].tolist()
    assert all(episode.terminations.tolist()[-1] for episode in episodes)
    if policy == "wta_greedy":
        scenario = load_scenario("duel")
        player = load_policies([policy], scenario)[policy]
        expected = play(player, scenario, seeds, "validation")
        assert rows["return"].tolist() == expected["return"].tolist()


def test_its_environment_plays_the_episodes_again_to_the_bit() -> None:
    export("duel", "wta_greedy", range(3), "test")
    loaded = minari.load_dataset("balticshield/duel/wta_greedy-v0")
    env = loaded.recover_environment()
    for seed, episode in enumerate(loaded.iterate_episodes()):
        observation, _ = env.reset(seed=seed)
        for n, action in enumerate(episode.actions):
            for name, table in observation.items():
                assert np.array_equal(table, episode.observations[name][n])
            observation, reward, terminated, truncated, _ = env.step(action)
            assert reward == episode.rewards[n]
        for name, table in observation.items():
            assert np.array_equal(table, episode.observations[name][-1])
        assert (terminated, truncated) == (episode.terminations[-1], episode.truncations[-1])


def test_a_data_set_that_was_not_finished_is_not_left_behind(monkeypatch) -> None:
    calls = []

    def stops_in_the_second_chunk(*args, **kwargs):
        calls.append(args)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return play(*args, **kwargs)

    monkeypatch.setattr("agents.demonstrations.play", stops_in_the_second_chunk)
    with pytest.raises(KeyboardInterrupt):
        export("duel", "hold_fire", range(4), chunk=2)
    assert minari.list_local_datasets() == {}


def test_the_command_says_what_it_wrote_and_what_is_wrong(capsys) -> None:
    assert main(["duel", "hold_fire", "--raids", "4", "--id", "mine/duel-v3"]) == 0
    assert "mine/duel-v3: 4 raids" in capsys.readouterr().out
    assert minari.load_dataset("mine/duel-v3").total_episodes == 4
    assert main(["duel", "hold_fire", "--raids", "4", "--id", "mine/duel-v3"]) == 2
    assert "already exists" in capsys.readouterr().err
    assert main(["duel", "hold_fir", "--raids", "4"]) == 2
    assert "did you mean 'hold_fire'" in capsys.readouterr().err
    assert main(["duel", "hold_fire", "--raids", "0"]) == 2
    assert "raids: 0 is not right" in capsys.readouterr().err
