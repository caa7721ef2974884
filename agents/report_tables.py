"""The tables of a report, and the words that its figures have, in tables and charts alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from html import escape
from typing import Any

from agents.evaluation import BOUND, REFERENCE
from agents.scoring import Estimate
from envs.core.metrics import FIXED

Results = Mapping[str, Any]

ROUNDS = (  # metrics of rounds, and what the page calls them
    ("rounds_fired", "fired"),
    ("rounds_wasted", "wasted"),
    ("rounds_at_decoys", "at decoys"),
    ("rounds_at_dead", "at the dead"),
    ("rounds_unguided", "lost their track"),
    ("rounds_at_neutrals", "at neutral aircraft"),
    ("rounds_left", "left at the end"),
)


def score_table(results: Results) -> str:
    """The table of ``table.md``, with the same words for the same figures."""
    policies, best, start = results["policies"], results["best_classical"], results["start"]
    bound = results["bound"]
    columns: list[tuple[str, Callable[[str, Any], str]]] = [
        ("protected share", lambda name, own: in_percent(own["score"]))
    ]
    if any("neutrals_shot" in own for own in policies.values()):
        columns.append(("neutrals shot", lambda name, own: in_words(own["neutrals_shot"], ".2f")))
    columns.append((f"gain over {REFERENCE}", _gains(REFERENCE, "gain_over_greedy")))
    if bound is not None:
        columns.append(("gap closed", _gap))
    if best != REFERENCE:
        columns.append((f"gain over {best}", _gains(best, "gain_over_best_classical")))
    if start is not None:
        columns.append((f"gain over {start}", _gains(start, "gain_over_start")))
    columns.append(("ms a decision, p50 / p99", lambda name, own: _ms(own)))
    columns.append(("class", lambda name, own: own["decision_class"]))
    head = "".join(f"<th scope='col'>{escape(title)}</th>" for title, _ in columns)
    rows = []
    for name, own in policies.items():
        marked = " class='own'" if name == results["subject"] else ""
        cells = "".join(f"<td>{escape(words(name, own))}</td>" for _, words in columns)
        rows.append(f"<tr{marked}><th scope='row'>{escape(name)}</th>{cells}</tr>")
    if bound is not None:
        known = {
            "protected share": in_percent(bound["score"]),
            f"gain over {REFERENCE}": in_percent(bound["gain_over_greedy"], "+.1f"),
            "gap closed": "100",
        }
        cells = "".join(f"<td>{escape(known.get(title, ''))}</td>" for title, _ in columns)
        rows.append(f"<tr><th scope='row'>{BOUND}</th>{cells}</tr>")
    return (
        f"<div class='wide'><table><thead><tr><th scope='col'>policy</th>{head}</tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def everything(results: Results) -> str:
    """All policies side by side, folded: losses, threats and rounds by kind."""
    policies = list(results["policies"].values())
    metrics = [own["metrics"] for own in policies]
    parts: list[tuple[str, list[tuple[str, list[float]]]]] = []
    for title, table in (("by kind of threat", "by_kind"), ("by asset", "by_asset")):
        wanted = dict.fromkeys(name for own in policies for name in own["lost"][table])
        rows = [(x, [100.0 * own["lost"][table].get(x, 0.0) for own in policies]) for x in wanted]
        parts.append((f"lost {title}, points", rows))
    for prefix, title in (
        ("killed_", "killed, a raid"),
        ("leakers_", "leakers, a raid"),
        ("rounds_", "rounds fired, a raid"),
    ):
        names = of_kinds(prefix, metrics[0])
        rows = [(x.removeprefix(prefix), [own[x] for own in metrics]) for x in names]
        parts.append((title, rows))
    parts.append(("rounds, a raid", [(w, [own.get(m, 0.0) for own in metrics]) for m, w in ROUNDS]))
    body = ""
    for title, rows in parts:
        known = [(words, values) for words, values in rows if any(values)]
        if known:
            body += f"<tr class='part'><th scope='rowgroup'>{title}</th>"
            body += "<td></td>" * len(policies) + "</tr>"
        for words, values in known:
            cells = "".join(f"<td>{value:.2f}</td>" for value in values)
            body += f"<tr><th scope='row'>{escape(plain(words))}</th>{cells}</tr>"
    head = "".join(f"<th scope='col'>{escape(name)}</th>" for name in results["policies"])
    return (
        "<details><summary>All policies: losses, threats and rounds</summary><div class='wide'>"
        f"<table><thead><tr><th></th>{head}</tr></thead><tbody>{body}</tbody></table></div></details>"
    )


def _gains(reference: str, key: str) -> Callable[[str, Any], str]:
    return lambda name, own: "reference" if name == reference else in_percent(own[key], "+.1f")


def _gap(name: str, own: Any) -> str:
    if name == REFERENCE:
        return "0"
    return "" if own["gap_closed"] is None else in_percent(own["gap_closed"])


def _ms(own: Any) -> str:
    return f"{own['decision_time_ms']['p50']:.3f} / {own['decision_time_ms']['p99']:.3f}"


def in_percent(estimate: Mapping[str, float], form: str = ".1f") -> str:
    """An estimate of ``results.json`` and its interval, in percent."""
    return in_words(estimate, form, 100.0)


def in_words(estimate: Mapping[str, float], form: str, scale: float = 1.0) -> str:
    """An estimate of ``results.json`` and its interval, times a scale."""
    return Estimate(**estimate).in_words(form, scale)


def of_kinds(prefix: str, metrics: Mapping[str, float]) -> list[str]:
    """Metrics of single kinds: those that begin so and are not of all kinds."""
    return [m for m in metrics if m.startswith(prefix) and m not in (*FIXED, "rounds_left")]


def plain(name: str) -> str:
    """A name as people write it."""
    return name.replace("_", " ")
