"""The report as a page: its figures are those of results.json, names are text, nothing is fetched.

`tests/test_report_browser.py` opens it in a browser.
"""

import base64
import hashlib
import json
import re
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest

from agents import report
from agents.classical import make_policy
from agents.evaluation import REFERENCE, evaluate
from agents.report_page import page
from envs.scenario import Scenario

EVIL = "<img src=x onerror=alert(1)>&\"'</title></style>"
VOID = {"meta", "br", "img", "link", "input"}


@pytest.fixture(scope="module")
def folder(duel: Scenario, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    names = ["hold_fire", "wta_greedy", "wta_pricing"]
    policies = {name: make_policy(name, duel) for name in names}
    policies[EVIL] = make_policy("nearest_first", duel)
    evaluation = evaluate(policies, duel, range(40), classical=names)
    report.write(evaluation, folder, {"most_gained": "replay-most-gained.html"})
    return folder


@pytest.fixture(scope="module")
def results(folder: Path) -> dict:
    return json.loads((folder / "results.json").read_text())


@pytest.fixture(scope="module")
def text(folder: Path) -> str:
    return (folder / report.REPORT).read_text(encoding="utf-8")


class Reader(HTMLParser):
    """Reads a page: elements that are open, attributes, and cells by row."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.rows: list[list[str]] = []
        self.feed(text)
        assert self.open == [], "every element is closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.rows and any(tag in ("td", "th") for tag in self.open):
            self.rows[-1][-1] += data


def test_the_table_has_the_same_words_as_table_md(folder: Path, text: str) -> None:
    shown = [row for row in Reader(text).rows if row and row[0] != ""]
    lines = (folder / "table.md").read_text().splitlines()
    for number, line in enumerate(line for line in lines if line.startswith("|")):
        if number != 1:
            cells = [cell.strip() for cell in line.strip("|").split(" | ")]
            own = shown[number - (number > 1)][: len(cells)]
            assert [cell.strip() for cell in own] == cells


def test_the_figures_are_those_of_the_json(text: str, results: dict) -> None:
    rows = {row[0]: row[1:] for row in Reader(text).rows if row}
    names = list(results["policies"])
    lost = [results["policies"][name]["lost"] for name in names]
    metrics = [results["policies"][name]["metrics"] for name in names]
    asset = next(iter(lost[0]["by_asset"]))
    expected = [f"{100 * own['by_asset'][asset]:.2f}" for own in lost]
    assert rows[asset] == expected
    assert rows["fired"] == [f"{own['rounds_fired']:.2f}" for own in metrics]
    own = results["policies"][results["subject"]]["score"]
    words = " [".join(f"{100 * own[end]:.1f}" for end in ("estimate", "low"))
    assert f"{results['subject']} protects {words}" in text
    bound = results["bound"]["score"]
    assert f"more than {100 * bound['estimate']:.1f} [" in text


def test_the_page_is_made_of_the_json_alone(folder: Path, text: str) -> None:
    assert page(json.loads((folder / "results.json").read_text())) == text


def test_the_telling_raids_are_those_of_the_rows(duel: Scenario, results: dict) -> None:
    policies = {name: make_policy(name, duel) for name in ("wta_greedy", "wta_pricing")}
    evaluation = evaluate(policies, duel, range(40), bound=False)
    telling = evaluation.telling
    assert telling is not None and (telling.policy, telling.against) == ("wta_pricing", REFERENCE)
    rows = [evaluation.results[name].rows["loss"] for name in policies]
    gains = dict(zip(evaluation.seeds, (rows[0] - rows[1]).tolist(), strict=True))
    assert telling.most_gained is not None and telling.most_lost is not None
    assert gains[telling.most_gained[0]] == telling.most_gained[1] == max(gains.values()) > 0
    assert gains[telling.most_lost[0]] == telling.most_lost[1] == min(gains.values()) < 0
    shown = results["telling"]["most_gained"]
    assert (shown["seed"], shown["gain"]) == telling.most_gained
    assert shown["replay"] == "replay-most-gained.html"


def test_nothing_is_fetched_and_the_policy_allows_its_own_style_alone(text: str) -> None:
    read = Reader(text)
    assert not {tag for tag, _ in read.elements} & {"script", "img", "link", "iframe", "object"}
    for _, attributes in read.elements:
        assert not {"style", "src", "onclick", "onerror"} & set(attributes)
        if "href" in attributes:
            assert re.fullmatch(r"[a-z-]+\.(html|json|csv|png|md)", attributes["href"] or "")
    assert not re.search(r"https?://|url\(|@import", text)
    style = re.search(r"<style>(.*?)</style>", text, re.S)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    policy = next(a["content"] for t, a in read.elements if a.get("http-equiv"))
    assert policy is not None
    assert policy.startswith(f"default-src 'none'; style-src 'sha256-{digest}';")
    assert "unsafe" not in policy


def test_names_are_text_and_never_markup(text: str) -> None:
    assert "<img" not in text
    assert EVIL in unescape(text)


def test_a_page_is_small_and_says_how_it_was_made(text: str, results: dict) -> None:
    assert len(text) < 120_000
    assert results["command"] in unescape(text)
    for name, number in results["versions"].items():
        assert f"{name} {number}" in text
    assert "width=device-width" in text and "prefers-color-scheme: dark" in text


def test_what_there_is_not_is_left_out(duel: Scenario, tmp_path: Path) -> None:
    policies = {REFERENCE: make_policy(REFERENCE, duel)}
    evaluation = evaluate(policies, duel, range(4), bound=False)
    report.write(evaluation, tmp_path)
    text = (tmp_path / report.REPORT).read_text(encoding="utf-8")
    Reader(text)
    assert evaluation.telling is None and "telling raids" not in text
    assert "bound" not in text.lower().replace("gap closed", "")
    assert "How it learned" not in text


def test_a_training_draws_its_course(results: dict) -> None:
    course = [
        {"step": step, "validation/protected_share": share, "reference/greedy": 0.4}
        for step, share in ((0, 0.5), (100, 0.6))
    ]
    text = page(results, course)
    Reader(text)
    assert "How it learned" in text and "greedy WTA" in text
    assert "How it learned" not in page(results, course[:1])
