"""The pictures of raids in docs/images: `python -m tests.pictures` makes them anew.

The screenshot needs Chromium and the extra `browser`; `python -m tests.pictures frame` makes the
frame alone, which needs neither. `tests/test_pictures.py` says when they are stale: the
frame if it would be drawn otherwise now, the screenshot if the page's sources have changed.
"""

import hashlib
import io
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from agents.classical import make_policy
from agents.replay import DEFAULT_POLICIES, record_all, record_raid
from envs.rendering.frame import frame
from envs.rendering.page import page_sources, write_page
from envs.scenario import load_scenario

# Headless Chromium, which asks nothing of a network.
OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
FOLDER = Path(__file__).parents[1] / "docs" / "images"
FRAME, SCREENSHOT = FOLDER / "raid.png", FOLDER / "replay.png"
SEED, STEP = 3, 99  # two engagements in flight, and something lost
SOURCES = "sources"  # key of the digest in the screenshot's file


def draw_frame() -> NDArray[np.uint8]:
    """Draw the frame that the documentation shows."""
    scenario = load_scenario("standard")
    return frame(record_raid(make_policy("wta_pricing", scenario), scenario, SEED), STEP)


def sources_digest() -> str:
    """Return a digest of what the page is made of beside the record."""
    return hashlib.sha256(page_sources().encode()).hexdigest()


def take_screenshot() -> bytes:
    """Open a replay in Chromium, go to a loss, and return what is to be seen as PNG."""
    from playwright.sync_api import sync_playwright

    scenario = load_scenario("standard")
    policies = {name: make_policy(name, scenario) for name in DEFAULT_POLICIES}
    plays = record_all(policies, scenario, [SEED], "validation")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as tool:
        path = Path(folder) / "replay.html"
        write_page(plays, path)
        browser = tool.chromium.launch(executable_path=shutil.which("chromium"), args=OPTIONS)
        view = browser.new_page(viewport={"width": 1360, "height": 820})
        view.goto(path.as_uri())
        view.locator("#losses button", has_text="Klaipeda").nth(1).click()
        view.keyboard.press("ArrowRight")
        shot = view.screenshot()
        browser.close()
    return shot


def main() -> None:
    """Make the pictures, or the frame alone."""
    Image.fromarray(draw_frame()).save(FRAME, optimize=True)
    if sys.argv[1:] == ["frame"]:
        return
    shot = Image.open(io.BytesIO(take_screenshot())).convert("RGB").quantize(256)
    notes = PngInfo()
    notes.add_text(SOURCES, sources_digest())
    shot.save(SCREENSHOT, optimize=True, pnginfo=notes)
    print(f"{FRAME}\n{SCREENSHOT}")


if __name__ == "__main__":
    main()
