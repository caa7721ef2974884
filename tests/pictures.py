"""The pictures of raids and pages in docs/images: `python -m tests.pictures` makes them anew.

Screenshots need Chromium and the extra `browser`; `python -m tests.pictures frame` makes the frame
alone, which needs neither, `report`, `replay` or `tensorboard` one screenshot. `tests/
test_pictures.py` says when they are stale: the frame if it would be drawn otherwise now, a
screenshot if the page's sources have changed.
"""

import hashlib
import io
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from agents import recorder, replay, report, report_page
from agents.classical import make_policy
from agents.classical.tuning_history import TuningSettings
from agents.evaluation import evaluate
from agents.rollout import record_raid
from agents.runs import fit
from envs.rendering import page as replay_page
from envs.rendering.frame import frame
from envs.scenario import load_scenario
from tests.browser import OPTIONS

FOLDER = Path(__file__).parents[1] / "docs" / "images"
FRAME, SCREENSHOT = FOLDER / "raid.png", FOLDER / "replay.png"
REPORT, TENSORBOARD = FOLDER / "report.png", FOLDER / "tensorboard.png"
SEED, STEP = 3, 99  # two engagements in flight, and something lost
SOURCES = "sources"  # key of the digest in the screenshot's file


def draw_frame() -> NDArray[np.uint8]:
    """Draw the frame that the documentation shows."""
    scenario = load_scenario("standard")
    return frame(record_raid(make_policy("wta_pricing", scenario), scenario, SEED), STEP)


def sources_digest() -> str:
    """Return a digest of what the replay page is made of beside the record."""
    return _digest(replay_page.page_sources())


def report_digest() -> str:
    """Return a digest of a report of figures that do not change: of how it looks."""
    course = [
        {"step": step, "validation/protected_share": share, "reference/greedy": 0.4}
        for step, share in ((0, 0.5), (100, 0.6))
    ]
    return _digest(report_page.page(sample_results(), course))


def sample_results() -> dict[str, Any]:
    """Return results as `results.json` has them, of two policies, with round figures."""

    def estimate(at: float) -> dict[str, float]:
        return {"estimate": at, "low": at - 0.02, "high": at + 0.02}

    def own(share: float) -> dict[str, Any]:
        lost = 1.0 - share
        return {
            "score": estimate(share),
            "gain_over_greedy": estimate(share - 0.4),
            "gain_over_best_classical": estimate(share - 0.4),
            "gap_closed": estimate((share - 0.4) / 0.4),
            "decision_time_ms": {"p50": 0.01, "p99": 0.05},
            "decision_class": "reactive",
            "metrics": {"rounds_fired": 3.0, "rounds_patriot": 3.0, "leakers_decoy": lost}
            | {"rounds_left": 7.0, "killed_decoy": 1.0},
            "lost": {
                "by_kind": {"decoy": lost},
                "by_asset": {"Narva": lost, "Riga": 0.0},
                "by_minute": [0.0, lost / 4, 3 * lost / 4],
                "by_raid": [lost / 2, lost / 2],
            },
        }

    policies = {"wta_greedy": own(0.4), "wta_pricing": own(0.6)}
    raid = {"seed": 7, "gain": 1.5, "replay": "replay-most-gained.html"}
    return {
        **{"scenario": "sample", "scenario_version": 1, "split": "test", "raids": 1000},
        **{"seeds": {"first": 0, "last": 999}, "best_classical": "wta_greedy", "start": None},
        **{"subject": "wta_pricing", "against": "wta_greedy", "command": "python evaluate.py"},
        "telling": {"policy": "wta_pricing", "against": "wta_greedy"}
        | {"most_gained": raid, "most_lost": None},
        "bootstrap": {"confidence": 0.95, "resamples": 10_000},
        "versions": {"python": "3.11"},
        "bound": {"kind": "luck known", "score": estimate(0.8), "gain_over_greedy": estimate(0.4)},
        "machine": {"processor": "x86_64", "cores": 2},
        "policies": policies,
        "pictures": {"replay of the first raids": "replay.html"},
    }


def tensorboard_digest() -> str:
    """Return a digest of what TensorBoard's page of a run is made of beside its figures."""
    return _digest(repr(recorder.layout(load_scenario("standard"))))


def write_report(folder: Path, name: str, raids: int) -> Path:
    """Write a report of classical policies, and the replays that it leads to; return its path."""
    scenario = load_scenario(name)
    names = ["wta_greedy", "wta_threshold", "wta_pricing"]
    policies = {name: make_policy(name, scenario) for name in names}
    evaluation = evaluate(policies, scenario, range(raids), classical=names[:1])
    report.write(evaluation, folder, replay.telling_files(evaluation))
    replay.write_telling(evaluation, policies, scenario, folder)
    return folder / report.REPORT


def take_screenshot() -> bytes:
    """Open a replay in Chromium, go to a loss, and return what is to be seen as PNG."""
    scenario = load_scenario("standard")
    policies = {name: make_policy(name, scenario) for name in replay.DEFAULT_POLICIES}
    plays = replay.record_all(policies, scenario, [SEED], "validation")

    def go(view: Any) -> None:
        view.locator("#losses button", has_text="Klaipeda").nth(1).click()
        view.keyboard.press("ArrowRight")

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "replay.html"
        replay_page.write_page(plays, path)
        return _shot(path.as_uri(), {"width": 1360, "height": 820}, go)


def take_report() -> bytes:
    """Return what is to be seen of a report at first, as PNG."""
    with tempfile.TemporaryDirectory() as folder:
        path = write_report(Path(folder), "standard", 500)
        return _shot(path.as_uri(), {"width": 1180, "height": 1330}, lambda view: None)


def take_tensorboard() -> bytes:
    """Tune a rule for some generations and return TensorBoard's page of it, as PNG."""
    scenario = load_scenario("standard")
    settings = TuningSettings(
        generations=12, raids=128, validation_raids=256, validate_every=1, batch_size=256
    )
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        fit(settings, scenario, Path(folder), lambda: False)
        # Its own process: it is a server, and ends with this call.
        command = [sys.executable, "-m", "tensorboard.main", "--logdir", folder]
        server = subprocess.Popen([*command, "--port", str(port)], stderr=subprocess.DEVNULL)
        try:
            url = f"http://127.0.0.1:{port}/"
            _wait_for(url)
            size = {"width": 1360, "height": 900}
            # Its charts; beside them stand controls, and the folder's name.
            charts = {"x": 350, "y": 72, "width": 712, "height": 706}
            return _shot(f"{url}#custom_scalars", size, _unfold, charts)
        finally:
            server.terminate()
            server.wait()


def _wait_for(url: str, seconds: float = 120.0) -> None:
    until = time.monotonic() + seconds
    while True:
        try:
            urllib.request.urlopen(url, timeout=5.0).close()
            return
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.5)


def _unfold(view: Any) -> None:
    view.wait_for_selector("tf-custom-scalar-dashboard", timeout=120_000)
    view.wait_for_selector("vz-line-chart2", timeout=120_000)
    view.wait_for_timeout(5_000)  # its lines are drawn with some delay


def _shot(
    url: str,
    size: dict[str, int],
    go: Callable[[Any], None],
    clip: dict[str, float] | None = None,
) -> bytes:
    """Open a page in Chromium, do something there, and return what is to be seen, or a part."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as tool:
        browser = tool.chromium.launch(executable_path=shutil.which("chromium"), args=OPTIONS)
        view = browser.new_page(viewport=size)
        view.goto(url)
        go(view)
        shot = view.screenshot(clip=clip)
        browser.close()
    return bytes(shot)


def _digest(sources: str) -> str:
    return hashlib.sha256(sources.encode()).hexdigest()


def _save(shot: bytes, path: Path, digest: str) -> None:
    notes = PngInfo()
    notes.add_text(SOURCES, digest)
    picture = Image.open(io.BytesIO(shot)).convert("RGB").quantize(256)
    picture.save(path, optimize=True, pnginfo=notes)
    print(path)


def main() -> None:
    """Make the pictures, or those that are asked for."""
    asked = sys.argv[1:] or ["frame", "replay", "report", "tensorboard"]
    if "frame" in asked:
        Image.fromarray(draw_frame()).save(FRAME, optimize=True)
        print(FRAME)
    if "replay" in asked:
        _save(take_screenshot(), SCREENSHOT, sources_digest())
    if "report" in asked:
        _save(take_report(), REPORT, report_digest())
    if "tensorboard" in asked:
        _save(take_tensorboard(), TENSORBOARD, tensorboard_digest())


if __name__ == "__main__":
    main()
