"""`python -m envs show SCENARIO` prints and draws a scenario, `check FILE` validates one.

Of a scenario that draws deployments, `--deployment 7 --split test` shows one of them; `--yaml FILE`
writes what is shown as a scenario file. `columns` prints every column of the observation and every
metric, as `docs/observation.md` has it.
"""

import argparse
import math
import sys
from collections.abc import Sequence
from pathlib import Path

from envs.batch import mean_undefended_loss
from envs.core.metrics import DESCRIBED as METRICS
from envs.core.randomness import SPLITS
from envs.deployments import deployment
from envs.entities import NEVER, Contingent, Deployments, LonLat, Package, Scenario, Shooter
from envs.export import scenario_text
from envs.observation import Layout
from envs.scenario import load_scenario, scenario_names
from envs.validation import ScenarioError

ALTITUDES_M = (100.0, 3000.0)
Table = tuple[tuple[str, ...], Sequence[tuple[str, ...]]]  # its head, and its rows


def main(arguments: list[str] | None = None) -> int:
    """Run one of the commands; return 0, or 1 with a word of what is wrong."""
    parser = argparse.ArgumentParser(prog="python -m envs", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    show = commands.add_parser("show", help="print a scenario and draw its map")
    show.add_argument("scenario", help=f"a YAML file, or one of: {', '.join(scenario_names())}")
    show.add_argument("--out", type=Path, help="picture to write; default: SCENARIO.png")
    show.add_argument(
        "--altitudes",
        type=_altitude_m,
        nargs="+",
        default=ALTITUDES_M,
        metavar="METRES",
        help="draw what of the map the sensors see at these; default: 100 3000",
    )
    show.add_argument("--deployment", type=int, metavar="NUMBER", help="show one that it draws")
    show.add_argument("--split", choices=SPLITS, default="train", help="of that; default: train")
    show.add_argument("--yaml", type=Path, metavar="FILE", help="write it as a scenario of its own")
    check = commands.add_parser("check", help="say whether a scenario file is right")
    check.add_argument("file", help="a YAML file, or the name of a scenario")
    commands.add_parser("columns", help="print the columns of the observation and the metrics")
    chosen = parser.parse_args(arguments)
    try:
        if chosen.command == "columns":
            print(columns_page(), end="")
        elif chosen.command == "check":
            scenario = load_scenario(chosen.file)
            print(f"{chosen.file} is right: {summary(scenario)}")
        else:
            scenario = load_scenario(chosen.scenario)
            if chosen.deployment is not None:
                scenario = deployment(scenario, chosen.split, chosen.deployment)
            if chosen.yaml is not None:
                chosen.yaml.write_text(scenario_text(scenario), encoding="utf-8")
            picture = chosen.out or Path(f"{scenario.name}.png")
            show_scenario(scenario, picture, chosen.altitudes)
    except (ScenarioError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def columns_page() -> str:
    """Return every column of the observation and every metric as a Markdown page."""
    layout = Layout(load_scenario("standard"))
    lines = [
        "# Observation and metrics",
        "",
        "Made by `python -m envs columns`. Sizes: I tracks, S shooters, A assets, D deliveries.",
        "A value is clipped to its range. Value at risk, pk and value saved are expectations over",
        "beliefs; aim point, times and limits of range and altitude are of the likeliest.",
    ]
    for table, columns in layout.columns.items():
        sizes = {
            "track": "[I]",
            "shooter": "[S]",
            "asset": "[A]",
            "pair": "[S, I]",
            "clock": "",
            "delivery": "[D], where deliveries are decided",
        }
        lines += ["", f"## {table} {sizes[table]}".rstrip(), "| column | unit | range | meaning |"]
        lines.append("|---|---|---|---|")
        lines += [
            f"| `{c.name}` | {c.unit} | {c.low:g} to {c.high:g} | {c.description} |"
            for c in columns
        ]
    lines += ["", "## action_mask [S, 1 + I]", "1 where legal; column 0 is hold, 1 + i slot i."]
    lines += ["", "## delivery_mask [D, 1 + S], where deliveries are decided"]
    lines += ["1 where legal, in a lull alone; column 0 is by need, 1 + s shooter s."]
    lines += ["", "## Metrics of a raid", "In the info of its last step.", ""]
    lines += ["| metric | unit | meaning |", "|---|---|---|"]
    lines += [f"| `{name}` | {unit} | {meaning} |" for name, unit, meaning in METRICS]
    lines += [
        "| `killed_KIND`, `leakers_KIND` | threats | of a threat kind |",
        "| `rounds_KIND` | rounds | fired by shooters of a kind |",
        "| `protected_share` | | 1 - loss / undefended loss; 1 if nothing was at risk |",
        "| `tracked_share` | | threats tracked / threats |",
        "| `mean_track_delay_s` | s | from appearance to first track, of the threats tracked |",
        "| `epochs` | | that the raid took |",
        "| `loss_meur` | million EUR | the loss in money, by the scenario's `value_meur` |",
        "| `cost_exchange` | | cost of the rounds fired / cost of the threats killed; 0 if none |",
        "| `rounds_left` | rounds | in magazines, reserves and depots; a jammer has none |",
        "| `days_of_stock` | days | rounds left / rounds fired a day; a single raid is one day |",
    ]
    return "\n".join(lines) + "\n"


def summary(scenario: Scenario) -> str:
    """Return a scenario's sizes in one line."""
    threats = [package for package in scenario.packages if not scenario.is_traffic(package)]
    traffic = [package for package in scenario.packages if scenario.is_traffic(package)]
    neutral = f"{_numbers(traffic)} neutral aircraft, " if traffic else ""
    organic = f" and {len(scenario.organic)} organic" if scenario.organic else ""
    coming = _numbers(threats)
    if scenario.deployments is not None:
        coming = f"up to {scenario.most_threats}"
    return (
        f"{scenario.name} version {scenario.version}, {len(scenario.assets)} assets, "
        f"{len(scenario.shooters)} shooters, {len(scenario.sensors)}{organic} sensors, "
        f"{coming} threats, {neutral}{scenario.slots} slots, "
        f"up to {scenario.max_epochs} epochs of {scenario.epoch_s:g} s"
        f"{f', {scenario.campaign.raids} raids' if scenario.campaign.raids > 1 else ''}"
    )


def _numbers(packages: Sequence[Package]) -> str:
    """Say how many some packages bring together, none where one may stay away."""
    fewest = sum(package.number[0] for package in packages if package.chance == 1.0)
    return f"{fewest} to {sum(package.number[1] for package in packages)}"


def picture_in_words(scenario: Scenario) -> str:
    """Return what the defence knows, and which shooter may use which track, in a few lines."""
    picture = scenario.picture
    detection = (
        f"by chance, a track after {picture.detections_to_start} detections, lost after "
        f"{picture.misses_to_lose} misses"
        if picture.detection == "by_chance"
        else "whatever is in view"
    )
    organic = "count" if picture.organic_sensors else "do not count"
    return (
        f"picture: {'perfect' if scenario.perfect_picture else 'imperfect'}\n"
        f"  detection: {detection}; organic sensors {organic}\n"
        f"  kinds {picture.kinds}, aim points {picture.aims}\n"
        f"  a kill is confirmed with probability {picture.kill_confirmed:g}, "
        f"falsely reported with {picture.false_kill:g}\n"
        f"  sharing: {_sharing_in_words(scenario)}"
    )


def _sharing_in_words(scenario: Scenario) -> str:
    """Say what holds between two nations, then the pairs for which something else does."""
    nations, delay = scenario.nations, scenario.delay_epochs
    rule = scenario.sharing.foreign_delay_epochs
    pairs = [(f, g) for f in range(len(nations)) for g in range(len(nations)) if f != g]
    words = [f"another nation's tracks {_after(rule)}"]
    for epochs in sorted({int(delay[pair]) for pair in pairs} - {rule}):
        some = [f"{nations[f]} to {nations[g]}" for f, g in pairs if delay[f, g] == epochs]
        words.append(f"{_after(epochs)}: {', '.join(some)}")
    alone = [shooter.name for shooter in scenario.shooters if not shooter.networked]
    if alone:
        words.append(f"with their own sensor alone: {', '.join(alone)}")
    return "; ".join(words)


def campaign_in_words(scenario: Scenario) -> str:
    """Return how many raids there are, when, and what is repaired between them, in two lines."""
    campaign = scenario.campaign
    if campaign.raids == 1:
        return "campaign: a single raid"
    fewest, most = campaign.lull_days
    latest = (campaign.raids - 1) * most
    end = f", none of them after day {campaign.days:g}" if campaign.days < latest else ""
    repaired = f"{campaign.repair_per_day * 100.0:g} % of each asset"
    return (
        f"campaign: {campaign.raids} raids{end}; over within {scenario.max_steps} steps\n"
        f"  lulls of {fewest:g} to {most:g} days; a day repairs "
        f"{repaired if campaign.repair_per_day else 'nothing'}"
    )


def deployments_in_words(draw: Deployments) -> str:
    """Return how many deployments there are, and how large, in two lines."""
    sizes = [
        "{} to {} {}".format(*getattr(draw, key), key)
        for key in ("assets", "shooters", "sensors", "packages")
    ]
    return (
        f"deployments: {draw.train} to train, {draw.validation} to validate, {draw.test} to test, "
        f"{draw.perfect_share * 100.0:g} % of them with a perfect picture\n"
        f"  of the lists below {', '.join(sizes)}, up to {draw.threats[0]} to {draw.threats[1]} "
        "threats"
    )


def values_in_words(scenario: Scenario) -> str:
    """Return what is lost if nobody fires, in money too, and what a neutral aircraft costs."""
    loss = mean_undefended_loss(scenario)
    words = (
        f"mean undefended loss: {loss:.2f} of asset value, "
        f"{loss * scenario.value_meur:.0f} million EUR"
    )
    if scenario.traffic:
        penalty = scenario.neutral_penalty
        words += f"\nneutral aircraft: the penalty for each shot down is {penalty:g} of asset value"
    return words


def _after(epochs: int) -> str:
    if epochs == 0:
        return "at once"
    return "never" if epochs == NEVER else f"after {epochs} epochs"


def show_scenario(
    scenario: Scenario, picture: Path, altitudes_m: Sequence[float] = ALTITUDES_M
) -> None:
    """Print a scenario's tables and draw its map, with coverage at some altitudes."""
    from envs.rendering.map import draw_scenario

    print(f"{scenario.description}\n{summary(scenario)}")
    print(f"{picture_in_words(scenario)}\n{campaign_in_words(scenario)}")
    if scenario.deployments is not None:
        print(deployments_in_words(scenario.deployments))
    print(f"{values_in_words(scenario)}\n")
    for head, rows in tables(scenario):
        if head[0] == "delivery":
            decided = scenario.campaign.hand_out == "decided"
            print(f"deliveries go {'where the action says' if decided else 'by need'}")
        _print_table(head, rows)
    draw_scenario(scenario, picture, altitudes_m)
    print(f"map: {picture}")


def tables(scenario: Scenario) -> list[Table]:
    """Return what a scenario is made of: assets, shooters, sensors, packages, its calendar."""
    assets = [(a.name, a.kind, f"{a.value:g}", f"{a.hardness:g}") for a in scenario.assets]
    sensors = [(s.name, s.kind, s.nation or "everybody's") for s in scenario.sensors]
    return [
        (("asset", "kind", "value", "hardness"), assets),
        _shooters(scenario),
        (("sensor", "kind", "nation"), sensors),
        _packages(scenario),
        *_calendar(scenario),
    ]


def _shooters(scenario: Scenario) -> Table:
    """Return the shooters; where some fly, also where those wait for orders."""
    kinds = scenario.catalogue.shooters
    flying = any(kinds[shooter.kind].flies for shooter in scenario.shooters)

    def waiting(shooter: Shooter) -> str:
        if not kinds[shooter.kind].flies:
            return ""
        return "on alert at its base" if shooter.patrol is None else _place(shooter.patrol)

    return (
        ("shooter", "kind", "nation", "rounds", "reserve", *["patrol"] * flying),
        [
            (s.name, s.kind, s.nation, str(s.rounds), str(s.reserve_rounds), *[waiting(s)] * flying)
            for s in scenario.shooters
        ],
    )


def _packages(scenario: Scenario) -> Table:
    """Return the packages; also their chance and where they leave, if some may stay away or do."""
    unsure = any(package.chance < 1.0 for package in scenario.packages)

    def leaving(package: Package) -> str:
        return f"{_place(package.exit[0])} to {_place(package.exit[-1])}" if package.exit else ""

    return (
        (
            "package",
            "number",
            *["chance (%)"] * unsure,
            "on target (min)",
            "kinds",
            *["exit"] * scenario.traffic,
        ),
        [
            (
                package.name,
                "{}-{}".format(*package.number),
                *[f"{package.chance * 100.0:g}"] * unsure,
                "{:g}-{:g}".format(*package.time_on_target_min),
                ", ".join(f"{kind} {weight:g}" for kind, weight in package.kinds.items()),
                *[leaving(package)] * scenario.traffic,
            )
            for package in scenario.packages
        ],
    )


def _place(position: LonLat) -> str:
    return "{:g} E {:g} N".format(*position)


def _calendar(scenario: Scenario) -> list[Table]:
    """Return which contingents come and go, and what is delivered, if there are any."""
    found: list[Table] = []
    if scenario.contingents:
        rows = [
            (c.name, c.nation, f"{c.ready_day:g}-{_leaving(c)}", ", ".join(c.shooters))
            for c in scenario.contingents
        ]
        found.append((("contingent", "nation", "there (days)", "shooters"), rows))
    if scenario.deliveries:
        rows = [
            (d.kind, f"{d.rounds_per_day:g}", f"{d.first_day:g}", ", ".join(d.nations) or "all")
            for d in scenario.deliveries
        ]
        found.append((("delivery", "rounds a day", "from day", "for"), rows))
    return found


def _leaving(contingent: Contingent) -> str:
    return f"{contingent.leaves_day:g}" if contingent.leaves_day < math.inf else ""


def _altitude_m(text: str) -> float:
    try:
        altitude_m = float(text)
    except ValueError:
        altitude_m = math.nan
    if not 0.0 <= altitude_m <= 100_000.0:
        raise argparse.ArgumentTypeError(f"{text!r} is not right; metres from 0 to 100000 are")
    return altitude_m


def _print_table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    widths = [max(len(row[n]) for row in [head, *rows]) for n in range(len(head))]
    for row in [head, tuple("-" * width for width in widths), *rows]:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print("  ".join(cells).rstrip())
    print()


if __name__ == "__main__":
    sys.exit(main())
