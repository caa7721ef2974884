"""`python -m envs show SCENARIO` prints and draws a scenario, `check FILE` validates one."""

import argparse
import sys
from pathlib import Path

from envs.batch import mean_undefended_loss
from envs.entities import Scenario
from envs.scenario import load_scenario, scenario_names
from envs.validation import ScenarioError


def main(arguments: list[str] | None = None) -> int:
    """Run one of the commands; return 0, or 1 with a word of what is wrong."""
    parser = argparse.ArgumentParser(prog="python -m envs", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    show = commands.add_parser("show", help="print a scenario and draw its map")
    show.add_argument("scenario", help=f"a YAML file, or one of: {', '.join(scenario_names())}")
    show.add_argument("--out", type=Path, help="picture to write; default: SCENARIO.png")
    check = commands.add_parser("check", help="say whether a scenario file is right")
    check.add_argument("file", help="a YAML file, or the name of a scenario")
    chosen = parser.parse_args(arguments)
    try:
        if chosen.command == "check":
            scenario = load_scenario(chosen.file)
            print(f"{chosen.file} is right: {summary(scenario)}")
        else:
            scenario = load_scenario(chosen.scenario)
            show_scenario(scenario, chosen.out or Path(f"{scenario.name}.png"))
    except (ScenarioError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def summary(scenario: Scenario) -> str:
    """Return a scenario's sizes in one line."""
    most = sum(package.number[1] for package in scenario.packages)
    fewest = sum(package.number[0] for package in scenario.packages)
    return (
        f"{scenario.name} version {scenario.version}, {len(scenario.assets)} assets, "
        f"{len(scenario.shooters)} shooters, {len(scenario.sensors)} sensors, "
        f"{fewest} to {most} threats, up to {scenario.max_epochs} epochs of {scenario.epoch_s:g} s"
    )


def show_scenario(scenario: Scenario, picture: Path) -> None:
    """Print a scenario's tables and draw its map."""
    from envs.rendering.map import draw_scenario

    print(f"{scenario.description}\n{summary(scenario)}")
    print(f"mean undefended loss: {mean_undefended_loss(scenario):.2f} of asset value\n")
    _table(
        ("asset", "kind", "value", "hardness"),
        [(a.name, a.kind, f"{a.value:g}", f"{a.hardness:g}") for a in scenario.assets],
    )
    _table(
        ("shooter", "kind", "nation", "rounds", "reserve"),
        [
            (s.name, s.kind, s.nation, str(s.rounds), str(s.reserve_rounds))
            for s in scenario.shooters
        ],
    )
    _table(("sensor", "kind"), [(s.name, s.kind) for s in scenario.sensors])
    _table(
        ("package", "threats", "on target (min)", "kinds"),
        [
            (
                package.name,
                "{}-{}".format(*package.number),
                "{:g}-{:g}".format(*package.time_on_target_min),
                ", ".join(f"{kind} {weight:g}" for kind, weight in package.kinds.items()),
            )
            for package in scenario.packages
        ],
    )
    draw_scenario(scenario, picture)
    print(f"map: {picture}")


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    widths = [max(len(row[n]) for row in [head, *rows]) for n in range(len(head))]
    for row in [head, tuple("-" * width for width in widths), *rows]:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print("  ".join(cells).rstrip())
    print()


if __name__ == "__main__":
    sys.exit(main())
