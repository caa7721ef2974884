"""The replay in headless Chromium, from a file, with the network off; see `tests.browser`."""

from pathlib import Path

import pytest

from agents.classical import make_policy
from agents.replay import record_all
from envs.rendering.page import write_page
from envs.scenario import load_scenario
from tests.browser import PHONE, Visit


def replay_of(folder: Path, scenario_name: str, policies: list[str], seeds: list[int]) -> Path:
    scenario = load_scenario(scenario_name)
    named = {name: make_policy(name, scenario) for name in policies}
    path = folder / f"{scenario_name}.html"
    write_page(record_all(named, scenario, seeds, "validation"), path)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("replays")


@pytest.fixture(scope="module")
def standard(folder) -> Path:
    return replay_of(folder, "standard", ["wta_greedy", "wta_pricing"], [3, 4])


def test_two_policies_stand_side_by_side_and_are_drawn(visit, standard):
    shown = visit(standard)
    assert shown.page.locator(".panel").count() == 2
    assert shown.page.locator(".panel b").all_inner_texts() == ["wta_greedy", "wta_pricing"]
    shown.page.evaluate("replay.seek(60)")
    assert shown.colours() > 50
    assert shown.colours("#timeline") > 10
    assert len(shown.page.screenshot()) > 50_000


def test_play_pause_scrub_and_speed(visit, standard):
    shown = visit(standard)
    page = shown.page
    page.click("#play")
    page.wait_for_function("replay.state.t > 1")
    page.click("#play")
    stopped = shown.state("t")
    page.wait_for_timeout(100)
    assert shown.state("t") == stopped
    page.locator("#scrub").fill("42")
    assert shown.state("t") == 42
    assert page.inner_text("#clock") == "07:00"
    page.select_option("#speed", "50")
    assert shown.state("speed") == 50
    page.click("#forward")
    assert shown.state("t") == 43
    page.click("#back")
    assert shown.state("t") == 42
    box = page.locator("#timeline").bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + 10)
    assert abs(shown.state("t") - shown.state("last") / 2) < 2


def test_keys(visit, standard):
    shown = visit(standard)
    page = shown.page
    for key, t in (
        ("ArrowRight", 1),
        ("Shift+ArrowRight", 11),
        ("ArrowLeft", 10),
        ("End", shown.state("last")),
        ("Home", 0),
    ):
        page.keyboard.press(key)
        assert shown.state("t") == t, key
    page.keyboard.press("t")
    assert shown.state("truth") is True
    assert page.is_checked("#true")
    page.keyboard.press("+")
    assert shown.state("speed") == 10
    page.keyboard.press(" ")
    page.wait_for_function("replay.state.t > 0.5")
    page.keyboard.press(" ")
    assert shown.state("playing") is False


def test_the_switch_shows_what_was_true(visit, folder):
    shown = visit(replay_of(folder, "decoys", ["wta_greedy"], [0]))
    page = shown.page
    page.evaluate("replay.seek(90)")
    seen = page.locator(".panel canvas").screenshot()
    page.click("text=as it was")
    assert shown.state("truth") is True
    assert page.locator(".panel canvas").screenshot() != seen
    kinds = "replay.state.panels[0].spots.filter(s => s[2] === '{}').length"
    assert page.evaluate(kinds.format("threat")) > 0
    assert page.evaluate(kinds.format("track")) == 0


def spot(shown: Visit, kind: str) -> tuple[float, float]:
    """Where on the page something is that can be pointed at."""
    x, y = shown.page.evaluate(f"replay.state.panels[0].spots.find(s => s[2] === '{kind}')")[:2]
    box = shown.page.locator(".panel canvas").first.bounding_box()
    return box["x"] + x, box["y"] + y


def test_pointing_at_a_track_and_a_shooter_tells_their_stories(visit, standard):
    shown = visit(standard)
    page = shown.page
    page.evaluate("replay.seek(40)")
    page.mouse.move(*spot(shown, "track"))
    assert "taken for" in page.inner_text("#story")
    assert "best pk" in page.inner_text("#story") or "reach" in page.inner_text("#story")
    page.evaluate("replay.state.picked = {type: 'shooter', index: 0}; replay.seek(40)")
    story = page.inner_text("#story")
    assert story.startswith("Patriot Vilnius")
    assert "rounds ready" in story
    assert "pk" in story


def test_a_loss_explains_itself_and_takes_there(visit, standard):
    shown = visit(standard)
    page = shown.page
    first = page.locator("#losses button").first
    assert "engaged" in first.inner_text() or "tracked" in first.inner_text()
    first.click()
    assert shown.state("truth") is True
    assert shown.state("t") > 0
    assert "struck" not in page.inner_text("#story")
    page.keyboard.press("Shift+ArrowRight")
    assert "struck at" in page.inner_text("#story")


def test_the_losses_add_up_to_what_was_lost(visit, standard):
    shown = visit(standard)
    script = """() => replay.data.plays.map((play) => {
        const counted = new Set();
        let sum = 0;
        for (const loss of play.losses) {  // what struck together is told of each
            const key = `${loss.asset} ${epochOf(play, loss.threat)}`;
            if (!counted.has(key)) sum += loss.lost;
            counted.add(key);
        }
        return [sum, play.loss[play.loss.length - 1] / 100];
    })"""
    for told, lost in shown.page.evaluate(script):
        assert abs(told - lost) < 0.15


def test_what_is_clicked_stays_while_the_mouse_moves(visit, standard):
    shown = visit(standard)
    shown.page.evaluate("replay.seek(40)")
    shown.page.mouse.click(*spot(shown, "asset"))
    picked = shown.state("picked")
    assert picked["type"] is not None
    box = shown.page.locator(".panel canvas").first.bounding_box()
    shown.page.mouse.move(box["x"] + 5, box["y"] + 5)
    assert shown.state("picked") == picked
    shown.page.mouse.click(box["x"] + 5, box["y"] + 5)
    assert shown.state("picked") is None


def test_several_raids_can_be_chosen(visit, standard):
    shown = visit(standard)
    before = shown.page.inner_text("#losses")
    shown.page.select_option("#raid", "4")
    assert shown.page.inner_text("#losses") != before
    shown.page.select_option("#right", "-1")
    assert shown.page.locator(".panel").count() == 1


def test_a_phone_shows_everything_and_takes_taps(visit, standard):
    shown = visit(standard, viewport=PHONE, has_touch=True, device_scale_factor=2)
    page = shown.page
    page.evaluate("replay.seek(40)")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    for name in ("#play", "#scrub", "#timeline"):
        box = page.locator(name).bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= PHONE["width"]
        assert box["y"] + box["height"] <= PHONE["height"]
    page.touchscreen.tap(*spot(shown, "asset"))
    assert shown.state("picked") is not None
    assert page.inner_text("#story") != ""
    page.tap("#play")
    assert shown.state("playing") is True


def test_names_are_text_and_never_markup(visit, folder):
    evil = "<img src=x onerror=alert(1)></script>"
    scenario = load_scenario("duel")
    plays = record_all({evil: make_policy("wta_greedy", scenario)}, scenario, [0], "test")
    path = folder / "evil.html"
    write_page(plays, path)
    shown = visit(path)
    assert shown.page.inner_text(".panel b") == evil
    assert shown.page.locator("img").count() == 0


def test_a_region_is_drawn_in_a_fraction_of_a_frame(visit, folder):
    shown = visit(replay_of(folder, "region", ["wta_greedy"], [0]))
    page = shown.page
    script = """() => {
        const panel = replay.state.panels[0], times = [];
        for (let t = 20; t < replay.state.last; t += 1.3) {
            const begun = performance.now();
            panel.draw(t, true, null);
            times.push(performance.now() - begun);
        }
        return times.sort((a, b) => a - b)[times.length >> 1];
    }"""
    median_ms = page.evaluate(script)
    print(f"drawing a moment of region: median {median_ms:.2f} ms")
    assert median_ms < 8.0
