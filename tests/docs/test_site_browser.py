"""The documentation site in headless Chromium, from files, with the network off.

Skipped where Chromium, Playwright or the extra `docs` is missing, unless BROWSER_NEEDED=1 says that
they must be there (`make test-browser`).
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pictures import OPTIONS

ROOT = Path(__file__).parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

if os.environ.get("BROWSER_NEEDED") == "1":
    assert CHROMIUM is not None, "no chromium; on Debian: apt-get install chromium"
    import playwright.sync_api as browsers
else:
    pytest.importorskip("mkdocs", reason='needs the extra "docs"; make docs installs it')
    reason = "no Playwright: pip install balticshield[browser]; make test-browser runs these"
    browsers = pytest.importorskip("playwright.sync_api", reason=reason)
    if CHROMIUM is None:
        pytest.skip("no chromium; make test-browser needs it", allow_module_level=True)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "-d", str(folder)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    subprocess.run(command, cwd=ROOT, check=True, env=environment)
    return folder


@pytest.fixture
def view() -> Iterator[object]:
    with browsers.sync_playwright() as tool:
        browser = tool.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        context = browser.new_context(offline=True)
        page = context.new_page()
        page.set_default_timeout(120_000)  # of a busy machine
        page.asked, page.said = [], []
        page.on("request", lambda request: page.asked.append(request.url))
        page.on("console", lambda message: page.said.append(message.text))
        page.on("pageerror", lambda error: page.said.append(str(error)))
        yield page
        browser.close()


@pytest.mark.slow
def test_the_site_is_read_and_searched_from_files(site: Path, view) -> None:
    view.goto((site / "index.html").as_uri())
    view.locator("input.md-search__input").click()
    view.keyboard.type("kill number")
    found = view.locator(".md-search-result__item a")
    found.first.wait_for(state="attached")
    places = [link.get_attribute("href") for link in found.all()]
    assert any("envs.core.html?h=kill" in place for place in places), places[:5]
    view.goto((site / "model.html").as_uri())
    box = view.locator("math[display=block]").first.bounding_box()
    assert box["width"] > 50 and box["height"] > 8  # set as a formula, and not left out
    assert [url for url in view.asked if not url.startswith(("file:", "data:", "about:"))] == []
    assert view.said == []
