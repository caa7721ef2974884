import io
import os
import re
import signal
import time
from pathlib import Path

import pytest
from rich.console import Console

from agents import progress
from agents.interruption import Interruption
from agents.progress import ProgressBar

ROOT = Path(__file__).parents[2]


def test_where_there_is_no_terminal_lines_come_seldom_and_the_last_always() -> None:
    console = Console(file=io.StringIO(), width=200)
    with ProgressBar("training", 100, console) as bar:
        for done in range(10, 121, 10):  # the last update goes beyond the budget
            bar.update(done, f"protected {done} %")
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert lines[0] == "training: 100% of 100, 0.0 min left  protected 100 %"
    assert all("100% of 100" in line for line in lines)


def test_time_left_counts_from_the_first_update_not_from_zero(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [1000.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    console = Console(file=io.StringIO(), width=200)
    with ProgressBar("training", 1000, console) as bar:
        bar.update(800)  # a resumed run
        now[0] += 60.0
        bar.update(900)
    assert console.file.getvalue() == "training: 90% of 1000, 1.0 min left\n"  # type: ignore[attr-defined]


def test_on_a_terminal_a_bar_with_words() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=100)
    with ProgressBar("training", 100, console) as bar:
        bar.update(50, "protected 31.0 %")
        bar.update(60)
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert "60 %" in shown
    assert shown.rsplit("60 %", 1)[1].count("protected 31.0 %") == 1


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_first_signal_asks_and_the_second_acts_as_before(
    number: signal.Signals, code: int, capfd: pytest.CaptureFixture[str]
) -> None:
    heard = []
    before = signal.signal(number, lambda *_: heard.append("as before"))
    try:
        with Interruption() as interruption:
            assert not interruption.requested()
            os.kill(os.getpid(), number)
            assert interruption.requested()
            assert interruption.exit_code == code
            assert heard == []
            os.kill(os.getpid(), number)
        assert heard == ["as before"]
        assert "saving the run first" in capfd.readouterr().err
    finally:
        signal.signal(number, before)


def test_items_are_counted_as_they_are_done(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(progress.tracked("playing", ["a", "b"])) == ["a", "b"]
    assert capsys.readouterr().err == "playing: 100% of 2, 0.0 min left\n"


def test_waiting_shows_how_much_of_the_limit_has_passed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "_LINE_EVERY_S", 0.0)
    monkeypatch.setattr(progress, "_TICK_S", 0.01)
    with progress.waiting("solving", 100.0):
        time.sleep(0.2)
    first = capsys.readouterr().err.splitlines()[0]
    assert first.startswith("solving: 0% of 100, ")


def test_what_is_printed_beside_a_bar_goes_where_it_was_sent(
    capsys: pytest.CaptureFixture[str],
) -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=100)
    with ProgressBar("playing", 2, console) as bar:
        bar.update(1)
        print("a row of a table")
    assert "a row of a table" in capsys.readouterr().out


COMMANDS = {  # every command, and the work of it that shows progress
    "agents.ablation": "tracked",
    "agents.behaviour": "ProgressBar",
    "agents.bounds.__main__": "ProgressBar",
    "agents.compare": "ProgressBar",
    "agents.demonstrations": "tracked",
    "agents.ladder": "ProgressBar",
    "agents.raid_by_raid": "ProgressBar",
    "agents.recorder": "ProgressBar",  # train.py, agents.release, agents.retune
    "agents.replay": "ProgressBar",
    "agents.runs": "ProgressBar",  # evaluate.py, train.py, agents.release
    "agents.wta.__main__": "waiting",
    "benchmarks.epoch_problems": "tracked",
    "benchmarks.guard": "tracked",
    "benchmarks.scale": "tracked",
    "benchmarks.speed": "tracked",
    "benchmarks.static_wta": "tracked",
    "benchmarks.training": "tracked",
}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_shows_how_far_it_is(name: str) -> None:
    text = (ROOT / f"{name.replace('.', '/')}.py").read_text(encoding="utf-8")
    assert re.search(rf"(with|in|=) {COMMANDS[name]}\(", text)


def test_no_command_is_left_out() -> None:
    """A new one must show progress and be named above, or here with a reason."""
    shown_by_others = {"agents.release", "agents.retune", "agents.search"}  # by recorder and runs
    quick = {"envs.__main__", "agents.sweep"}  # a picture of a scenario; a table of results
    found = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for room in ("agents", "benchmarks", "envs")
        for path in (ROOT / room).rglob("*.py")
        if 'if __name__ == "__main__":' in path.read_text(encoding="utf-8")
    }
    assert found <= {*COMMANDS, *shown_by_others, *quick}
