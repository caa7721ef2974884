"""The ladder on paper: one table a scenario and one of them all, from the figures in JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from agents.evaluation import BOUND, REFERENCE
from agents.ladder_results import SEARCHES

FEW = 10  # raids below which no interval is shown

_HEAD = """# The ladder

Every classical policy on every packaged scenario, and the bound that no policy can exceed
([policies.md](policies.md), [bounds.md](bounds.md), [scenarios.md](scenarios.md)). This page is
written by `python -m agents.ladder`, which goes on where it was stopped, from the figures in
`docs/ladder/`; `--policies` adds others, such as the folder of a trained agent, to the same tables.

Shares protected and differences in percent, [95 % interval], on the first raids of the validation
set, seeds from 0; all meet the same raids with the same luck. The column `raids` says how many of
them a policy played. Those that plan ahead take a thousand times as long and played few: their
gains and gaps are paired with what greedy WTA, the pricing rule and the bound reach on those same
raids, while their protected share is of fewer raids than that of other rows; of fewer than 10
raids no interval is shown, and a planner that is missing has not been played there yet. Gap
closed: gain over greedy / (bound − greedy), on the raids that the bound has too. Class: reactive
if 99 of 100 decisions take at most 1 ms, search if at most 1 s, slower if more; one decision at a
time, on one thread of a shared, loaded machine. Look-ahead tries 4 allocations in 8 futures, a
twelfth of its default.
"""


def page(results: Path) -> str:
    """Return the page of all scenarios with figures in a folder, in Markdown."""
    files = sorted(results.glob("*.json"))
    ladders = [json.loads(file.read_text(encoding="utf-8")) for file in files]
    parts = [_HEAD, summary(ladders), searches(ladders), *(section(own) for own in ladders)]
    return "\n".join(part for part in parts if part)


def best(ladder: Mapping[str, Any]) -> str:
    """Name of the policy of the highest score among those that played every raid."""
    policies = ladder["policies"]
    raids = policies[REFERENCE]["raids"]
    names = [name for name in policies if policies[name]["raids"] == raids]
    return max(names, key=lambda name: policies[name]["score"]["estimate"])


def summary(ladders: list[dict[str, Any]]) -> str:
    """One line a scenario: greedy, the strong rule, the best policy and the bound."""
    strong = ladders[0]["strong"] if ladders else ""
    lines = [["scenario", REFERENCE, strong, BOUND, "best policy", "its gain", "its gap closed"]]
    for ladder in ladders:
        name, policies, limit = best(ladder), ladder["policies"], ladder["bound"]
        shares = [
            _figure(policies[n]["score"]) if n in policies else "" for n in (REFERENCE, strong)
        ]
        own = policies[name]
        lines.append([
            f"[`{ladder['scenario']}`](#{ladder['scenario']})", *shares,
            "" if limit is None else _figure(limit["score"]),
            f"`{name}`",
            _figure(own["gain_over_greedy"], "+.1f"), _figure(own["gap_closed"]),
        ])  # fmt: skip
    words = "The best policy is that of the highest score among those that played every raid.\n"
    return "## All scenarios\n" + words + "\n" + _table(lines)


def searches(ladders: list[dict[str, Any]]) -> str:
    """One line a scenario where look-ahead played on the learned policy too."""
    rule, network = SEARCHES
    lines = [["scenario", "raids", f"`{network}`", f"gain over `{rule}`"]]
    for ladder in ladders:
        own = ladder.get("learned_base")
        if own is not None and network in ladder["policies"]:
            show = partial(_figure, alone=own["raids"] < FEW)
            name, score = ladder["scenario"], ladder["policies"][network]["score"]
            lines.append([
                f"[`{name}`](#{name})", str(own["raids"]), show(score), show(own["gain"], "+.1f")
            ])  # fmt: skip
    if len(lines) == 1:
        return ""
    words = (
        "Look-ahead on the released network of a scenario beside look-ahead on its pricing rule,\n"
        "with the same budget of allocations and futures, on the raids that both played.\n"
    )
    return "## Look-ahead on the learned policy\n" + words + "\n" + _table(lines)


def section(ladder: Mapping[str, Any]) -> str:
    """One scenario: its policies and the bound."""
    policies, limit, strong = ladder["policies"], ladder["bound"], ladder["strong"]
    traffic = any(own["neutrals_shot"] for own in policies.values())
    head = ["policy", "class", "raids", "protected share", *["neutrals shot"] * traffic]
    lines = [
        [*head, f"gain over `{REFERENCE}`", f"gain over `{strong}`", "gap closed", "p50 / p99 ms"]
    ]
    for name, own in policies.items():
        time, show = own["decision_time_ms"], partial(_figure, alone=own["raids"] < FEW)
        lines.append([
            f"`{name}`", own["class"], str(own["raids"]), show(own["score"]),
            *[show(own["neutrals_shot"], ".2f", 1.0)] * traffic,
            "reference" if name == REFERENCE else show(own["gain_over_greedy"], "+.1f"),
            "reference" if name == strong else show(own["gain_over_strong"], "+.1f"),
            "0" if name == REFERENCE else show(own["gap_closed"]),
            f"{time['p50']:g} / {time['p99']:g}",
        ])  # fmt: skip
    if limit is not None:
        gain = _figure(limit["gain_over_greedy"], "+.1f")
        lines.append([
            f"{BOUND}, {limit['kind']}", "", str(limit["raids"]), _figure(limit["score"]),
            *[""] * traffic, gain, "", "100", "",
        ])  # fmt: skip
    title = f"## {ladder['scenario']}\nVersion {ladder['version']}, {ladder['split']} raids.\n"
    return title + "\n" + _table(lines)


def _figure(
    figure: Mapping[str, float] | None,
    form: str = ".1f",
    scale: float = 100.0,
    alone: bool = False,
) -> str:
    """Return a figure and its interval; `alone` of so few raids that the interval means nothing."""
    if figure is None:
        return ""
    if alone:
        return f"{scale * figure['estimate']:{form}}"
    middle, low, high = (scale * figure[key] for key in ("estimate", "low", "high"))
    return f"{middle:{form}} [{low:{form}}, {high:{form}}]"


def _table(lines: list[list[str]]) -> str:
    rows = [lines[0], ["---"] * len(lines[0]), *lines[1:]]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)
