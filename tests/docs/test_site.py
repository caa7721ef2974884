"""The documentation site: it builds strictly and without a network, and is read without one."""

import re
import socket
from html.parser import HTMLParser
from pathlib import Path

import pytest

from envs.scenario import scenario_names

pytest.importorskip("mkdocs", reason='needs the extra "docs"; make docs installs it')
pytest.importorskip("mkdocstrings", reason='needs the extra "docs"; make docs installs it')

from mkdocs.commands.build import build
from mkdocs.config import load_config

from docs.tools.hooks import link_notebooks, loosen_lists, top_page
from docs.tools.mathml import set_formulas
from docs.tools.notebook_pages import page as notebook_page
from docs.tools.reference_pages import reference_pages
from docs.tools.scenario_pages import sections

ROOT = Path(__file__).parents[2]
# What a browser fetches when it opens a page; a link in <a> is followed by people alone.
FETCHED = {"script", "link", "img", "iframe", "source", "video", "audio", "object", "embed"}


class Page(HTMLParser):
    """What a page fetches, what it links to, and the places in it that can be linked to."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.links: list[str] = []
        self.places: set[str] = set()
        self.formulas = 0
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        own = {name: value or "" for name, value in attributes}
        self.places |= {own[key] for key in ("id", "name") if key in own}
        self.formulas += tag == "math"
        address = own.get("src") or own.get("data") or own.get("href")
        if address and tag in FETCHED:
            self.fetched.append(address)
        if address and tag == "a":
            self.links.append(address)


def refuse(*_: object) -> None:
    raise AssertionError("the build asked for a network")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NO_MKDOCS_2_WARNING", "1")
        patch.chdir(ROOT)
        patch.setattr(socket.socket, "connect", refuse)
        patch.setattr(socket, "getaddrinfo", refuse)
        config = load_config(str(ROOT / "mkdocs.yml"), strict=True, site_dir=str(folder))
        config.plugins.on_startup(command="build", dirty=False)
        build(config)  # raises on any warning
    return folder


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    return {path: Page(path) for path in sorted(site.rglob("*.html"))}


@pytest.mark.slow
def test_every_scenario_and_every_package_has_its_page(site: Path) -> None:
    assert {path.stem for path in (site / "scenarios").glob("*.html")} == set(scenario_names())
    made = {path.stem for path in (site / "reference").glob("*.html")}
    assert made == {Path(path).stem for path in reference_pages(ROOT)}
    assert "vector_env.BalticShieldVectorEnv" in (site / "reference/envs.html").read_text("utf-8")


@pytest.mark.slow
def test_a_page_fetches_nothing_from_a_network(site: Path, pages: dict[Path, Page]) -> None:
    assert len(pages) > 30
    for path, page in pages.items():
        outside = [address for address in page.fetched if re.match(r"(https?:)?//", address)]
        assert outside == [], path
    for style in site.rglob("*.css"):
        assert re.findall(r"(?:url\(|@import)\s*[\"']?https?:", style.read_text("utf-8")) == []


@pytest.mark.slow
def test_all_that_a_page_fetches_and_links_to_is_there(site: Path, pages: dict[Path, Page]) -> None:
    for path, page in pages.items():
        if path.name == "404.html":  # served for any address, so its own are of a server's root
            continue
        for address in page.fetched + page.links:
            file, _, place = address.partition("#")
            if re.match(r"[a-z]+:", address):
                continue
            target = (path.parent / file).resolve() if file else path
            assert target.exists(), f"{path.relative_to(site)} names {address}"
            if place and target in pages and not place.startswith("__"):
                assert place in pages[target].places, f"{path.relative_to(site)} names {address}"


@pytest.mark.slow
def test_formulas_are_set_and_none_is_left_as_latex(site: Path, pages: dict[Path, Page]) -> None:
    assert pages[site / "model.html"].formulas > 20
    for path in pages:
        assert "arithmatex" not in path.read_text(encoding="utf-8"), path


def test_a_formula_becomes_mathml():
    html = set_formulas('<p><span class="arithmatex">\\(a &lt; b^2\\)</span></p>')
    assert html.startswith("<p><math") and "<msup>" in html and "&#x0003C;" in html
    assert 'display="block"' in set_formulas('<div class="arithmatex">\\[\na\n\\]</div>')


def test_a_list_right_after_a_paragraph_is_a_list():
    assert loosen_lists("two ways:\n- one\n- two\n") == "two ways:\n\n- one\n- two\n"
    code = "```\na:\n- b\n```\n"
    assert loosen_lists(code) == code


def test_links_of_the_readme_lead_to_pages(tmp_path: Path):
    readme = tmp_path / "README.md"
    readme.write_text("[a](docs/a.md) [b](CONTRIBUTING.md) [c](CITATION.cff)", encoding="utf-8")
    assert top_page(readme) == "[a](a.md) [b](contributing.md) `c`"


def test_links_to_notebooks_lead_to_their_pages():
    assert link_notebooks("[a](../notebooks/a.ipynb) [b](b.ipynb)") == (
        "[a](notebooks/a.md) [b](b.md)"
    )


def test_the_sections_about_scenarios_are_found():
    page = "# Scenarios\n## Keys\nk\n\n## duel\nd\n\n## stovepipes and standardised\ns\n"
    assert sections(page) == {"duel": "d\n\n", "stovepipes and standardised": "s\n"}


def test_a_notebook_becomes_a_page():
    printed = {"output_type": "stream", "name": "stdout", "text": ["2\n"]}
    cells = [
        {"cell_type": "markdown", "source": ["# Title\n", "[b](../docs/bounds.md)"]},
        {"cell_type": "code", "source": ["print(1 + 1)"], "outputs": [printed]},
    ]
    text = notebook_page({"cells": cells}, "n.ipynb")
    assert text.startswith("# Title\n[b](../bounds.md)\n")
    assert "```python\nprint(1 + 1)\n```" in text and "```text\n2\n```" in text
