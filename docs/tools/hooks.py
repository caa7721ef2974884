"""What MkDocs calls while it builds the site: pages made on the way, formulas, links.

The sources are written for people who read them as they are; what the site needs beyond that is
done here, so that nothing has to be written twice.
"""

import re
from pathlib import Path
from typing import Any

import yaml
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from docs.tools.mathml import set_formulas
from docs.tools.notebook_pages import notebook_pages
from docs.tools.reference_pages import reference_pages
from docs.tools.scenario_pages import scenario_pages, without_scenarios
from envs.scenario import scenario_names

ROOT = Path(__file__).parents[2]
# Pages made from the files at the top, by which names.
TOP = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
}
# Begins an item of a list.
_ITEM = re.compile(r"([-*]|\d+\.) ")
_FENCE = "```"


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put the pages that are made into the navigation."""
    assert config.nav is not None
    for section in config.nav:
        if "Scenarios" in section:
            section["Scenarios"] += [{name: f"scenarios/{name}.md"} for name in scenario_names()]
        if "API" in section:
            section["API"] = [{Path(path).stem: path} for path in reference_pages(ROOT)]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made."""
    made = {**scenario_pages(ROOT), **reference_pages(ROOT), **notebook_pages(ROOT)}
    made |= {page: top_page(ROOT / name) for name, page in TOP.items()}
    for path, text in made.items():
        files.append(File.generated(config, path, content=text))
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Make of a page's Markdown what the site's Markdown understands."""
    if page.file.src_uri == "scenarios.md":
        markdown = without_scenarios(markdown)
    if page.file.src_uri == "bibliography.md":
        markdown += equipment_sources(ROOT)
    for name, made in TOP.items():
        markdown = markdown.replace(f"](../{name}", f"]({made}")
    return loosen_lists(link_notebooks(markdown))


def on_page_content(html: str, **_: Any) -> str:
    """Set the formulas."""
    return set_formulas(html)


def link_notebooks(markdown: str) -> str:
    """Return Markdown whose links to notebooks lead to their pages."""
    return re.sub(r"\]\((?:\.\./notebooks/)?(\w+)\.ipynb\)", _notebook_link, markdown)


def _notebook_link(found: re.Match[str]) -> str:
    folder = "notebooks/" if "/" in found[0] else ""
    return f"]({folder}{found[1]}.md)"


def equipment_sources(root: Path) -> str:
    """Return what each row of the catalogue says of where its values come from, as a list."""
    lines = []
    for path in sorted((root / "conf" / "catalogue").glob("*.yaml")):
        rows = yaml.safe_load(path.read_text(encoding="utf-8"))
        lines += [f"- `{name}`: {row['source']}" for name, row in rows.items()]
    return "\n" + "\n".join(lines) + "\n"


def top_page(path: Path) -> str:
    """Return a file at the top as a page: links into docs lead there, those to code nowhere."""
    text = path.read_text(encoding="utf-8").replace("](docs/", "](")
    for name, page in TOP.items():
        text = text.replace(f"]({name})", f"]({page})")
    return re.sub(r"\[([^\]]+)\]\(CITATION\.cff\)", r"`\1`", text)


def loosen_lists(markdown: str) -> str:
    """Return Markdown with an empty line before every list that follows a paragraph at once."""
    lines: list[str] = []
    fenced = False
    for line in markdown.splitlines():
        before = lines[-1] if lines else ""
        fenced ^= line.lstrip().startswith(_FENCE)
        starts = _ITEM.match(line) is not None and not fenced
        follows = before != "" and _ITEM.match(before) is None and not before.startswith((" ", "#"))
        if starts and follows:
            lines.append("")
        lines.append(line)
    return "\n".join(lines) + "\n"
