"""The report in headless Chromium, from a file, with the network off; see `tests.browser`."""

from pathlib import Path

import pytest

from tests.browser import PHONE
from tests.pictures import write_report


@pytest.fixture(scope="module")
def shown_report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report(tmp_path_factory.mktemp("report"), "duel", 30)


def test_everything_is_shown_and_drawn(visit, shown_report):
    page = visit(shown_report).page
    assert page.locator("h1").inner_text() == "duel: 30 validation raids"
    heads = ["Scores", "Where value was lost", "Rounds and leakers, a raid", "Decision times"]
    assert page.locator("h2").all_inner_texts()[:4] == heads
    charts = page.locator("svg.chart")
    assert charts.count() >= 8
    for n in range(charts.count()):
        box = charts.nth(n).bounding_box()
        assert box["width"] > 200 and box["height"] > 30
    # The style sheet is in force: a bar has the colour of its policy, and not black.
    colour = page.locator(".bar0").first.evaluate("bar => getComputedStyle(bar).fill")
    assert colour == "rgb(0, 96, 160)"


def test_the_folded_table_opens(visit, shown_report):
    page = visit(shown_report).page
    row = page.locator("details tr", has_text="left at the end")
    assert not row.is_visible()
    page.click("summary")
    assert row.is_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_it_without_scrolling_sideways(visit, shown_report, scheme):
    page = visit(shown_report, viewport=PHONE, color_scheme=scheme).page
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    letters = page.evaluate("""() => Math.min(...[...document.querySelectorAll('svg.chart text')]
        .map(text => text.getBoundingClientRect().height))""")
    assert letters > 9.0, "a chart's letters can be read"
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (ground == "rgb(255, 255, 255)") == (scheme == "light")


def test_the_links_lead_to_replays_of_both_policies(visit, shown_report):
    page = visit(shown_report).page
    link = page.locator("a", has_text="watch both play it").first
    replay = visit(shown_report.parent / link.get_attribute("href"))
    names = replay.page.locator(".panel b").all_inner_texts()
    assert names == ["wta_greedy", "wta_pricing"]
