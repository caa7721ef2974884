"""The page of each scenario: its words from scenarios.md, its tables from conf and the ladder."""

import json
import re
from collections.abc import Sequence
from pathlib import Path

from agents.ladder_page import section
from envs.__main__ import campaign_in_words, picture_in_words, summary, tables
from envs.entities import Scenario
from envs.scenario import load_scenario, scenario_names


def scenario_pages(root: Path) -> dict[str, str]:
    """Return the page, Markdown, by path, of every packaged scenario.

    Args:
        root: Of the repository.
    """
    words = sections((root / "docs" / "scenarios.md").read_text(encoding="utf-8"))
    return {f"scenarios/{name}.md": _page(root, name, words) for name in scenario_names()}


def sections(page: str) -> dict[str, str]:
    """Return the sections of the page of all scenarios that are about scenarios, by heading."""
    found = re.findall(r"^## ([^\n]+)\n(.*?)(?=^## |\Z)", page, re.M | re.S)
    known = set(scenario_names())
    return {title: words for title, words in found if set(title.split(" and ")) <= known}


def without_scenarios(page: str) -> str:
    """Return the page of all scenarios with a link to their pages where their sections stand."""
    for title, words in sections(page).items():
        first = next(text for text in words.split("\n\n") if not text.startswith("!["))
        links = ", ".join(f"[`{name}`](scenarios/{name}.md)" for name in title.split(" and "))
        shown = re.split(r"(?<=[a-z0-9)])[.:](?=\s)", first.strip())[0]
        page = page.replace(f"## {title}\n{words}", f"## {title}\n{shown}.\n\nMore: {links}\n\n")
    return page


def _page(root: Path, name: str, words: dict[str, str]) -> str:
    scenario = load_scenario(name)
    own = [text for title, text in words.items() if name in title.split(" and ")]
    if not own:
        raise ValueError(f"docs/scenarios.md has no section about {name}")
    text = re.sub(r"\]\((?!#)", "](../", own[0]).strip()
    shown = root / "docs" / "images" / f"{name}.png"
    picture = (
        f"![{name}](../images/{name}.png)\n\n" if shown.exists() and shown.name not in text else ""
    )
    return (
        f"# {name}\n\n*{scenario.description}.*\n\n{picture}{text}\n\n"
        f"{_facts(scenario)}\n{_ladder(root, name)}"
    )


def _facts(scenario: Scenario) -> str:
    """What it is made of; `python -m envs show` prints the same."""
    lines = [summary(scenario), *picture_in_words(scenario).splitlines()]
    lines += campaign_in_words(scenario).splitlines()
    title = f"## What it is made of\n\n`python -m envs show {scenario.name}` prints this.\n\n"
    listed = "".join(f"{'    ' * line.startswith('  ')}- {line.strip()}\n" for line in lines)
    return title + listed + "\n" + "\n".join(_table(head, rows) for head, rows in tables(scenario))


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _ladder(root: Path, name: str) -> str:
    file = root / "docs" / "ladder" / f"{name}.json"
    if not file.exists():
        return ""
    table = section(json.loads(file.read_text(encoding="utf-8"))).split("\n", 1)[1]
    return (
        f"## How policies do\n\n{table}\nThe [ladder](../ladder.md) says how this was measured.\n"
    )
