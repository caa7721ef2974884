import io
import os
import signal

import pytest
from rich.console import Console

from agents import progress
from agents.interruption import Interruption
from agents.progress import ProgressBar


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
