"""An evaluation as one HTML file that needs no network: figures, charts, links, how it was made.

The page is made of what ``results.json`` holds and of nothing else, so its figures are the same;
a training's page also draws its course from ``progress.jsonl``. There is no script in it, and its
policy (CSP) allows its own style sheet alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from importlib import resources

from agents.evaluation import BOUND, REFERENCE
from agents.report_charts import Dot, Line, bars, dots, key, lines
from agents.report_tables import (
    ROUNDS,
    Results,
    everything,
    in_percent,
    of_kinds,
    plain,
    score_table,
)
from envs.rendering.page import policy_source

FILES = ("results.json", "results.csv", "results.png", "table.md")
MOST_ASSETS = 12
"""Assets drawn; the table under the charts has all."""

_COURSE = (
    ("validation/protected_share", "validation"),
    ("reference/greedy", "greedy WTA"),
    ("reference/pricing", "pricing rule"),
    ("reference/bound", "bound"),
)


def page(results: Results, course: Sequence[Mapping[str, float]] = ()) -> str:
    """Return the text of a report.

    Args:
        results: As ``report.as_dict`` makes them, or ``results.json`` has them.
        course: Lines of ``progress.jsonl``, of a training.
    """
    style = _style()
    policy = f"default-src 'none'; style-src {policy_source(style)}; base-uri 'none'; "
    title = f"{results['scenario']}: {results['raids']:,} {results['split']} raids"
    sections = [
        _head(results, title),
        _scores(results),
        _course(course),
        _lost(results),
        _rounds(results),
        _times(results),
        _telling(results),
        _made(results),
    ]
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>{escape(title)}</title>
<style>{style}</style>
</head>
<body>
<main>
{"".join(section for section in sections if section)}</main>
</body>
</html>
"""


def _style() -> str:
    return (resources.files("agents") / "report.css").read_text(encoding="utf-8").strip()


# The parts of a page, from the top.


def _head(results: Results, title: str) -> str:
    own, against, policies = results["subject"], results["against"], results["policies"]
    words = f"{own} protects {in_percent(policies[own]['score'])} % of what is lost if nobody fires"
    gain = _gain(results, own, against)
    if gain is not None:
        words += f", {in_percent(gain, '+.1f')} points over {against}"
    words += "."
    if results["bound"] is not None:
        words += f" No policy can protect more than {in_percent(results['bound']['score'])} %"
        gap = policies[own]["gap_closed"]
        if gap is not None and own != REFERENCE:
            words += f"; of what lies between {REFERENCE} and that, it gains {in_percent(gap)} %"
        words += "."
    seeds, confidence = results["seeds"], results["bootstrap"]["confidence"]
    return f"""<h1>{escape(title)}</h1>
<p class="about">BalticShield; seeds {seeds["first"]} to {seeds["last"]}, the same raids with the
same luck for every policy; shares and points in percent, [{confidence:.0%} interval]</p>
<p class="headline">{escape(words)}</p>
"""


def _scores(results: Results) -> str:
    policies, bound = results["policies"], results["bound"]
    limit = None if bound is None else (BOUND, 100.0 * bound["score"]["estimate"])
    figures = [
        _figure(
            "Protected share (%)",
            _estimates(results, "score", ".1f", "protected share", limit),
        ),
        _figure(
            f"Gain over {REFERENCE} (points)",
            _estimates(results, "gain_over_greedy", "+.1f", "gain", None),
        ),
    ]
    if any(own["gap_closed"] is not None for own in policies.values()):
        what = f"Gap closed between {REFERENCE} and the bound (%)"
        figures.append(_figure(what, _estimates(results, "gap_closed", ".1f", "gap closed", None)))
    return f"<h2>Scores</h2>{score_table(results)}<div class='cards'>{''.join(figures)}</div>"


def _course(course: Sequence[Mapping[str, float]]) -> str:
    series = []
    for name, words in _COURSE:
        points = [(row["step"], 100.0 * row[name]) for row in course if name in row]
        if points:
            x, y = zip(*points, strict=True)
            # A reference is one figure: drawn across, though it may be noted once.
            series.append(Line(words, x, y))
    if not series or len(series[0].x) < 2:
        return ""
    across = (series[0].x[0], series[0].x[-1])
    series = [s if len(s.x) > 1 else Line(s.name, across, (s.y[0], s.y[0])) for s in series]
    chart = lines(series, "protected share in training", "steps")
    names = key([line.name for line in series], "line")
    return (
        "<h2>How it learned</h2><div class='cards'>"
        + _figure("Protected share (%) on the validation raids of the training", names + chart)
        + "</div>"
    )


def _lost(results: Results) -> str:
    names = _compared(results)
    lost = [results["policies"][name]["lost"] for name in names]
    if any(own is None for own in lost):
        return ""
    kinds = {kind for own in lost for kind in own["by_kind"]}
    assets = {asset for own in lost for asset, share in own["by_asset"].items() if share > 0.0}

    def rows(table: str, wanted: set[str]) -> list[tuple[str, list[float]]]:
        found = [(x, [100.0 * own[table].get(x, 0.0) for own in lost]) for x in wanted]
        return sorted(found, key=lambda row: (-max(row[1]), row[0]))

    of_assets = rows("by_asset", assets)
    note = f"; the {MOST_ASSETS} of most, all are below" if len(of_assets) > MOST_ASSETS else ""
    series = [_by_minute(name, own["by_minute"]) for name, own in zip(names, lost, strict=True)]
    signs = key(names, "bar")
    by_kind = bars(_words(rows("by_kind", kinds)), names, "lost by kind of threat", ".2f")
    by_asset = bars(of_assets[:MOST_ASSETS], names, "lost by asset", ".2f")
    by_minute = lines(series, "lost by minute", "minute of the raid")
    figures = [
        _figure("By kind of threat", signs + by_kind),
        _figure(f"By asset{note}", signs + by_asset),
        _figure("By minute", key(names, "line") + by_minute),
    ]
    if len(lost[0]["by_raid"]) > 1:
        raids = [
            (f"raid {n + 1}", [100.0 * own["by_raid"][n] for own in lost])
            for n in range(len(lost[0]["by_raid"]))
        ]
        by_raid = bars(raids, names, "lost by raid of the campaign", ".2f")
        figures.append(_figure("By raid of the campaign", signs + by_raid))
    return (
        "<h2>Where value was lost</h2><p class='note'>In points of the protected share: each chart "
        "adds up to what is missing to 100 %. An impact counts for what it took.</p>"
        f"<div class='cards'>{''.join(figures)}</div>{everything(results)}"
    )


def _rounds(results: Results) -> str:
    names = _compared(results)
    metrics = [results["policies"][name]["metrics"] for name in names]
    kinds = [m for m in of_kinds("rounds_", metrics[0]) if any(own[m] for own in metrics)]
    fired = [
        (plain(name.removeprefix("rounds_")), [own[name] for own in metrics]) for name in kinds
    ]
    of_fate = [
        (words, [own[name] for own in metrics])
        for name, words in ROUNDS
        if any(own.get(name) for own in metrics)
    ]
    leaked = [m for m in of_kinds("leakers_", metrics[0]) if any(own[m] for own in metrics)]
    of_leakers = [
        (plain(name.removeprefix("leakers_")), [own[name] for own in metrics]) for name in leaked
    ]
    charts = (
        ("Rounds fired by kind of shooter", fired),
        ("What became of rounds", of_fate),
        ("Leakers by kind of threat", of_leakers),
    )
    signs = key(names, "bar")
    figures = [
        _figure(title, signs + bars(rows, names, title, ".2f")) for title, rows in charts if rows
    ]
    if not figures:
        return ""
    return f"<h2>Rounds and leakers, a raid</h2><div class='cards'>{''.join(figures)}</div>"


def _times(results: Results) -> str:
    rows = []
    for name, own in results["policies"].items():
        p50, p99 = (own["decision_time_ms"][p] for p in ("p50", "p99"))
        rows.append(
            Dot(name, f"{p50:.3f} / {p99:.3f} ms", p50, p50, p99, name in results["subject"])
        )
    chart = dots(rows, "time of a decision", log=True)
    return (
        "<h2>Decision times</h2><div class='cards'>"
        + _figure("Milliseconds a decision: median, and up to the 99th percentile", chart)
        + "</div>"
    )


def _telling(results: Results) -> str:
    telling = results["telling"]
    if telling is None:
        return ""
    own, against = telling["policy"], telling["against"]
    cards = []
    for name, words in (("most_gained", "gained most over"), ("most_lost", "lost most to")):
        raid = telling[name]
        if raid is None:
            cards.append(f"<div><h3>{escape(_in_none(name, own, against))}</h3></div>")
            continue
        title = f"{own} {words} {against}: raid {raid['seed']}"
        side = "less" if raid["gain"] > 0 else "more"
        amount = f"{abs(raid['gain']):.2f} {side} lost, in the unit of the assets' values"
        link = raid.get("replay")
        watch = "" if link is None else f'<p><a href="{escape(link)}">watch both play it</a></p>'
        cards.append(f"<div><h3>{escape(title)}</h3><p>{escape(amount)}</p>{watch}</div>")
    more = "".join(
        f'<p class="note"><a href="{escape(link)}">{escape(words)}</a></p>'
        for words, link in results.get("pictures", {}).items()
    )
    return f"<h2>The most telling raids</h2><div class='cards'>{''.join(cards)}</div>{more}"


def _in_none(name: str, own: str, against: str) -> str:
    what = "less" if name == "most_gained" else "more"
    return f"In no raid did {own} lose {what} than {against}"


def _made(results: Results) -> str:
    versions = ", ".join(f"{name} {number}" for name, number in results["versions"].items())
    version = results["scenario_version"]
    scenario = f"{results['scenario']}" + ("" if version is None else f", version {version}")
    machine, bootstrap = results["machine"], results["bootstrap"]
    facts = [
        f"Scenario {scenario}.",
        f"Versions: {versions}.",
        f"Intervals: {bootstrap['resamples']:,} resamples of the raids, paired.",
        f"Machine: {machine['processor']}, {machine['cores']} cores; decision times are of this "
        "machine, with whatever else ran on it.",
    ]
    if results["bound"] is not None:
        facts.append(f"Bound: {results['bound']['kind']} (docs/bounds.md).")
    about = "".join(f"<p class='note'>{escape(fact)}</p>" for fact in facts)
    files = ", ".join(f'<a href="{name}">{name}</a>' for name in FILES)
    return (
        f"<h2>How it was made</h2><pre>{escape(results['command'])}</pre>{about}"
        f"<p class='note'>Beside this page: {files}.</p>"
    )


# Figures and words.


def _figure(title: str, content: str) -> str:
    return f"<figure><h3>{escape(title)}</h3>{content}</figure>"


def _estimates(
    results: Results, name: str, form: str, title: str, limit: tuple[str, float] | None
) -> str:
    rows = []
    for policy, own in results["policies"].items():
        if own[name] is not None:
            at, low, high = (100.0 * own[name][end] for end in ("estimate", "low", "high"))
            reference = policy == REFERENCE and name != "score"
            words = "reference" if reference else in_percent(own[name], form)
            rows.append(Dot(policy, words, at, low, high, policy == results["subject"]))
    return dots(rows, title, limit)


def _compared(results: Results) -> list[str]:
    """The policy that the page is about, and the one beside it."""
    return [name for name in (results["subject"], results["against"]) if name is not None]


def _by_minute(name: str, shares: Sequence[float]) -> Line:
    return Line(name, range(len(shares) + 1), [100.0 * share for share in (*shares, 0.0)])


def _gain(results: Results, own: str, against: str | None) -> Mapping[str, float] | None:
    """The gain over the policy beside it, where it was measured."""
    names = {REFERENCE: "gain_over_greedy", results["best_classical"]: "gain_over_best_classical"}
    gain = results["policies"][own].get(names.get(against or "", ""))
    return None if gain is None else dict(gain)


def _words(rows: Sequence[tuple[str, Sequence[float]]]) -> list[tuple[str, Sequence[float]]]:
    return [(plain(name), values) for name, values in rows]
