"""Pages in headless Chromium, from files, with the network off.

Tests that ask for the fixture ``visit`` are skipped where there is no Chromium or no Playwright,
unless BROWSER_NEEDED=1 says that there must be (`make test-browser`).
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

# Headless Chromium, which asks nothing of a network.
OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
DESK, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}


def launched() -> Iterator[Any]:
    """Yield a browser, or skip the test that asks for it."""
    if os.environ.get("BROWSER_NEEDED") == "1":
        assert CHROMIUM is not None, "no chromium; on Debian: apt-get install chromium"
        import playwright.sync_api as browsers
    else:
        reason = "no Playwright: pip install balticshield[browser]; make test-browser runs these"
        browsers = pytest.importorskip("playwright.sync_api", reason=reason)
        if CHROMIUM is None:
            pytest.skip("no chromium; make test-browser needs it")
    with browsers.sync_playwright() as tool:
        browser = tool.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        yield browser
        browser.close()


class Visit:
    """A page open in the browser, and what it asked for or complained of."""

    def __init__(self, chromium: Any, path: Path, **context: Any) -> None:
        self.context = chromium.new_context(offline=True, **context)
        self.page = self.context.new_page()
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.url = path.as_uri()
        self.page.goto(self.url)

    def state(self, name: str) -> Any:
        """Return what a replay's state has."""
        return self.page.evaluate(f"replay.state.{name}")

    def colours(self, selector: str = ".panel canvas") -> int:
        """How many colours a canvas shows."""
        script = """selector => {
            const c = document.querySelector(selector), d = c.getContext('2d');
            const pixels = new Uint32Array(d.getImageData(0, 0, c.width, c.height).data.buffer);
            return new Set(pixels).size;
        }"""
        return int(self.page.evaluate(script, selector))


def visits(chromium: Any) -> Iterator[Any]:
    """Yield what opens pages; none of them may ask for anything or complain."""
    opened: list[Visit] = []

    def open_page(path: Path, **context: Any) -> Visit:
        opened.append(Visit(chromium, path, **{"viewport": DESK, **context}))
        return opened[-1]

    yield open_page
    for one in opened:
        one.context.close()
    for one in opened:
        assert one.requests == [one.url]
        assert one.complaints == []
