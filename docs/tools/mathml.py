"""Formulas as MathML, which browsers set by themselves: no script, no font, no network."""

import html
import re

from latex2mathml.converter import convert

# What pymdownx.arithmatex leaves of $…$ and $$…$$.
_FORMULA = re.compile(
    r'<(span|div) class="arithmatex">\s*(?:\\\((.*?)\\\)|\\\[(.*?)\\\])\s*</\1>', re.S
)


def set_formulas(page: str) -> str:
    """Return a page's HTML with its LaTeX formulas as MathML."""
    return _FORMULA.sub(_mathml, page)


def _mathml(found: re.Match[str]) -> str:
    _, inline, block = found.groups()
    latex = html.unescape(inline if block is None else block).strip()
    return convert(latex, display="inline" if block is None else "block")
