import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from agents import replay
from agents.classical import make_policy
from agents.rollout import play
from envs.scenario import Scenario


def data_of(path: Path) -> dict:
    text = path.read_text(encoding="utf-8")
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.S)
    assert found is not None
    return json.loads(found[1])


@pytest.mark.parametrize("name", ["wta_greedy", "look_ahead"])
def test_a_recorded_raid_is_the_raid_that_play_plays(duel: Scenario, name: str) -> None:
    policy = make_policy(name, duel)
    rows = play(policy, duel, [3], batch_size=1)
    record = replay.record_raid(policy, duel, 3)
    assert record.seed == 3
    assert record.last.over
    assert record.last.step == rows["epochs"][0]
    assert record.last.protected_share == rows["protected_share"][0]
    names = duel.metric_names
    for column, value in zip(names, record.last.metrics, strict=True):
        assert value == rows[column][0], column


def test_the_command_writes_one_page_of_all_policies_and_raids(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "new" / "mine.html"
    policies = ["--policies", "wta_greedy", "hold_fire"]
    assert replay.main(["duel", *policies, "--seed", "5", "--raids", "2", "--out", str(path)]) == 0
    assert capsys.readouterr().out == f"replay: {path}\n"
    plays = data_of(path)["plays"]
    assert [(one["policy"], one["seed"]) for one in plays] == [
        (policy, seed) for seed in (5, 6) for policy in ("wta_greedy", "hold_fire")
    ]
    assert plays[1]["engagements"] == []
    assert plays[0]["engagements"] != []


def test_an_animation_has_a_frame_an_epoch(tmp_path: Path) -> None:
    path = tmp_path / "raid.gif"
    assert replay.main(["duel", "--policies", "wta_greedy", "--out", str(path)]) == 0
    assert list(tmp_path.iterdir()) == [path]
    record = replay.record_raid(make_policy("wta_greedy", "duel"), replay.load_scenario("duel"), 0)
    with Image.open(path) as animation:
        assert getattr(animation, "n_frames") == len(record.moments)  # noqa: B009 (untyped)
        first = np.asarray(animation.convert("RGB"))
        animation.seek(10)
        assert not np.array_equal(first, np.asarray(animation.convert("RGB")))


def test_a_film_is_written(tmp_path: Path) -> None:
    path = tmp_path / "raid.mp4"
    assert replay.main(["duel", "--policies", "wta_greedy", "--out", str(path)]) == 0
    assert path.read_bytes()[4:8] == b"ftyp"
    assert path.stat().st_size > 20_000


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["duel", "--out", "raid.avi"], "raid.avi: '.avi' is not right; .gif or .mp4 is"),
        (["duel", "--policies", "wta_gredy"], "wta_greedy"),
        (["dual"], "duel"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(
    arguments: list[str],
    words: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert replay.main(arguments) == 1
    assert words in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


def test_what_an_evaluation_writes_beside_its_table() -> None:
    folder = Path("somewhere")
    assert replay.files(folder, 0, None) == []
    assert replay.files(folder, 3, "gif") == [folder / "replay.html", folder / "replay.gif"]


def test_an_animation_without_what_draws_it_is_refused_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(replay, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"mp4 needs pygame and imageio_ffmpeg.*\[render\]"):
        replay.files(Path("somewhere"), 0, "mp4")
    assert replay.files(Path("somewhere"), 1, None) == [Path("somewhere") / "replay.html"]
