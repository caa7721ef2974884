"""Scenarios: places, deployments and raids, from YAML or a mapping, checked before the first step.

Every error a user can make in a scenario is a `ScenarioError` raised here, and names the key,
the value and what would be right.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from envs.campaign_checks import check_campaign
from envs.catalogue import SensorKind, engages, load_catalogue
from envs.deployment_checks import check_deployments
from envs.entities import (
    NEVER,
    Asset,
    Campaign,
    Contingent,
    Delivery,
    Deployments,
    Package,
    Picture,
    Scenario,
    Sector,
    Sensor,
    Sharing,
    Shooter,
)
from envs.geography import LonLat, check_on_map
from envs.scenario_params import latest_arrival_s, nearest_aim
from envs.validation import ScenarioError, build, one_of, whole_number

_LINE_POINTS = 16  # at most, of an acoustic line


MOST_THREATS = 30_000  # rows of threats are numbered in 16 bits
MOST_NATIONS = 64  # a bit each


def scenario_names() -> tuple[str, ...]:
    """Return the names of the scenarios in `conf/scenario`."""
    folder = resources.files("conf") / "scenario"
    return tuple(sorted(f.name[:-5] for f in folder.iterdir() if f.name.endswith(".yaml")))


def read_scenario(source: "str | Path | Mapping[str, Any]") -> dict[str, Any]:
    """Return a scenario's plain mapping, unchecked.

    Args:
        source: name of a scenario of `conf/scenario`, path of a YAML file, or a mapping.

    Raises:
        ScenarioError: on an unknown name or an unreadable file.
    """
    if isinstance(source, Mapping):
        return dict(source)
    if str(source).endswith((".yaml", ".yml")):
        return _parsed(_file_text(Path(source)), str(source))
    name = one_of(str(source), scenario_names(), "scenario")
    text = (resources.files("conf") / "scenario" / f"{name}.yaml").read_text(encoding="utf-8")
    return _parsed(text, name)


def load_scenario(source: "str | Path | Mapping[str, Any] | Scenario") -> Scenario:
    """Return a checked scenario.

    Args:
        source: name of a scenario of `conf/scenario`, path of a YAML file, a mapping, or a
            scenario, which is returned as it is.

    Raises:
        ScenarioError: naming the key, the value and what would be right.
    """
    if isinstance(source, Scenario):
        return source
    data = read_scenario(source)
    for key in data:
        one_of(key, [entry.name for entry in fields(Scenario)], f"{key}")
    lists: dict[str, list[Any]] = {
        "assets": [_asset(row, key) for row, key in _rows(data, "assets")],
        "shooters": [_shooter(row, key) for row, key in _rows(data, "shooters")],
        "sensors": [_sensor(row, key) for row, key in _rows(data, "sensors")],
        "packages": [_package(row, key) for row, key in _rows(data, "packages")],
        "deliveries": [_delivery(row, key) for row, key in _rows(data, "deliveries", fewest=0)],
        "contingents": [_contingent(row, key) for row, key in _rows(data, "contingents", fewest=0)],
    }
    given: dict[str, Any] = {key: tuple(value) for key, value in lists.items()}
    given["picture"] = build(Picture, data.get("picture", {}), "picture")
    given["sharing"] = _sharing(data.get("sharing", {}))
    given["campaign"] = _campaign(data.get("campaign", {}))
    given["deployments"] = _deployments(data.get("deployments"))
    plain = {key: value for key, value in data.items() if key not in given}
    scenario = build(Scenario, plain, "", **given)
    check_scenario(scenario)
    return scenario


class _UniqueKeys(yaml.SafeLoader):
    """Reads plain YAML, in which no key may stand twice: the last one would win in silence."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for place, key in enumerate(keys):
            if key in keys[:place]:
                line = node.value[place][0].start_mark.line + 1
                raise yaml.YAMLError(f"line {line}: the key {key!r} stands twice")
        return super().construct_mapping(node, deep)


def _file_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeError) as error:
        why = getattr(error, "strerror", None) or "not UTF-8"
        raise ScenarioError(f"scenario: cannot read {str(path)!r}: {why}") from error


def _parsed(text: str, name: str) -> dict[str, Any]:
    try:
        data = yaml.load(text, _UniqueKeys)
    except yaml.YAMLError as error:
        raise ScenarioError(f"scenario {name!r}: not YAML: {error}") from error
    if not isinstance(data, dict):
        raise ScenarioError(f"scenario {name!r}: expected a mapping of keys to values")
    return data


def _rows(data: Mapping[str, Any], key: str, fewest: int = 1) -> list[tuple[Any, str]]:
    rows = data.get(key, None if fewest else ())
    if not isinstance(rows, list | tuple) or len(rows) < fewest:
        number = "one" if fewest else "zero"
        raise ScenarioError(f"{key}: {rows!r} is not a list of {number} or more entries")
    return [(row, f"{key}[{n}]") for n, row in enumerate(rows)]


def _asset(row: Any, key: str) -> Asset:
    asset = build(Asset, row, key)
    check_on_map(asset.position, f"{key}.position")
    return asset


def _shooter(row: Any, key: str) -> Shooter:
    shooter = build(Shooter, row, key)
    check_on_map(shooter.position, f"{key}.position")
    kind = load_catalogue().shooters[one_of(shooter.kind, load_catalogue().shooters, f"{key}.kind")]
    if shooter.rounds > kind.magazine_rounds:
        raise ScenarioError(
            f"{key}.rounds: {shooter.rounds} is more than the magazine of {shooter.kind} holds "
            f"({kind.magazine_rounds}); put the rest into reserve_rounds"
        )
    if shooter.patrol is not None:
        if not kind.flies:
            raise ScenarioError(f"{key}.patrol: a {shooter.kind} does not fly; leave it out")
        check_on_map(shooter.patrol, f"{key}.patrol")
    if shooter.rounds + shooter.reserve_rounds < max(kind.rounds_per_engagement, 1):
        need = f"one engagement of {shooter.kind} spends {kind.rounds_per_engagement}"
        if kind.jams:
            need = f"a {shooter.kind} needs 1, which it keeps"
        raise ScenarioError(f"{key}.rounds: {shooter.rounds} lets it engage nothing; {need}")
    return shooter


def _sensor(row: Any, key: str) -> Sensor:
    row = dict(_mapping(row, key))
    path = _line(row.pop("path"), f"{key}.path") if "path" in row else None
    kind = load_catalogue().sensors.get(str(row.get("kind")))
    if kind is not None:
        _check_path(path, kind, str(row["kind"]), f"{key}.path")
    if path:
        row.setdefault("position", path[0])
    sensor = build(Sensor, row, key, path=path or ())
    one_of(sensor.kind, load_catalogue().sensors, f"{key}.kind")
    check_on_map(sensor.position, f"{key}.position")
    if path and sensor.position != path[0]:
        raise ScenarioError(
            f"{key}.position: {list(sensor.position)} is not where its path begins, "
            f"{list(path[0])}; leave it out"
        )
    return sensor


def _check_path(path: tuple[LonLat, ...] | None, kind: SensorKind, name: str, key: str) -> None:
    """Check that a sensor has a path if its kind needs one, and none if not."""
    if not kind.has_path:
        if path is not None:
            raise ScenarioError(f"{key}: a {name} has none; a position alone is needed")
        return
    what = "line of microphones" if kind.acoustic else "closed orbit"
    most = _LINE_POINTS if kind.acoustic else None
    wanted = f"2 to {most} positions" if most else "2 or more positions"
    if path is None:
        raise ScenarioError(f"{key}: missing; the {what} of an {name}, {wanted}, is needed")
    if len(path) < 2 or (most and len(path) > most) or len(set(path)) < 2:
        many = "all at one place" if path and len(set(path)) < 2 else "not right"
        raise ScenarioError(
            f"{key}: {len(path)} positions are {many}; for the {what} of an {name}, {wanted} are "
            "needed"
        )


def _sharing(data: Any) -> Sharing:
    data = dict(_mapping(data, "sharing"))
    key = "sharing.delay_epochs"
    delays: dict[str, dict[str, int]] = {}
    for source, users in _mapping(data.pop("delay_epochs", {}), key).items():
        delays[source] = {
            user: whole_number(epochs, 0, NEVER, f"{key}.{source}.{user}")
            for user, epochs in _mapping(users, f"{key}.{source}").items()
        }
    return build(Sharing, data, "sharing", delay_epochs=delays)


def _mapping(value: Any, key: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ScenarioError(f"{key}: expected a mapping of keys to values, got {value!r}")
    return value


def _package(row: Any, key: str) -> Package:
    row = dict(_mapping(row, key))
    given: dict[str, Any] = {}
    if row.get("sector") is not None:
        given["sector"] = build(Sector, row.pop("sector"), f"{key}.sector")
        check_on_map(given["sector"].centre, f"{key}.sector.centre")
    given["entry"] = _line(row.pop("entry", ()), f"{key}.entry")
    routes = row.pop("routes", ((),))
    if not isinstance(routes, list | tuple) or not routes:
        raise ScenarioError(f"{key}.routes: {routes!r} is not a list of routes; [[]] is straight")
    given["routes"] = tuple(_line(r, f"{key}.routes[{n}]") for n, r in enumerate(routes))
    given["exit"] = _line(row.pop("exit", ()), f"{key}.exit")
    given["aim"] = _names(row.pop("aim", ()), "asset", f"{key}.aim")
    package = build(Package, row, key, **given)
    _check_kinds(package, key)
    if (package.sector is None) == (not package.entry):
        raise ScenarioError(f"{key}: either entry (a list of positions) or sector is needed")
    _check_traffic(package, key)
    _check_order(package.number, f"{key}.number")
    _check_order(package.time_on_target_min, f"{key}.time_on_target_min")
    return package


def _campaign(data: Any) -> Campaign:
    campaign = build(Campaign, data, "campaign")
    _check_order(campaign.lull_days, "campaign.lull_days")
    return campaign


def _deployments(data: Any) -> Deployments | None:
    if data is None:
        return None
    deployments = build(Deployments, data, "deployments")
    for item in fields(Deployments):
        limits = getattr(deployments, item.name)
        if isinstance(limits, tuple):
            _check_order(limits, f"deployments.{item.name}")
    return deployments


def _delivery(row: Any, key: str) -> Delivery:
    row = dict(_mapping(row, key))
    return build(
        Delivery, row, key, nations=_names(row.pop("nations", ()), "nation", f"{key}.nations")
    )


def _contingent(row: Any, key: str) -> Contingent:
    row = dict(_mapping(row, key))
    shooters = _names(row.pop("shooters", ()), "shooter", f"{key}.shooters")
    if not shooters:
        raise ScenarioError(f"{key}.shooters: missing; a list of names of shooters is needed")
    return build(Contingent, row, key, shooters=shooters)


def _names(value: Any, what: str, key: str) -> tuple[str, ...]:
    if not isinstance(value, list | tuple):
        raise ScenarioError(f"{key}: {value!r} is not a list of {what} names")
    return tuple(value)


def _check_order(limits: tuple[float, float], key: str) -> None:
    low, high = limits
    if low > high:
        raise ScenarioError(f"{key}: {[low, high]} must be [smallest, largest]")


@dataclass(frozen=True)
class _Point:
    position: LonLat


def _line(points: Any, key: str) -> tuple[LonLat, ...]:
    if not isinstance(points, list | tuple):
        raise ScenarioError(f"{key}: {points!r} is not a list of [longitude, latitude]")
    line = []
    for n, point in enumerate(points):
        position = build(_Point, {"position": point}, f"{key}[{n}]").position
        check_on_map(position, f"{key}[{n}]")
        line.append(position)
    return tuple(line)


def _check_kinds(package: Package, key: str) -> None:
    if not isinstance(package.kinds, Mapping) or not package.kinds:
        raise ScenarioError(f"{key}.kinds: {package.kinds!r} is not a mapping of kind to weight")
    for kind, weight in package.kinds.items():
        one_of(kind, load_catalogue().threats, f"{key}.kinds.{kind}")
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 <= weight < 1e9:
            raise ScenarioError(f"{key}.kinds.{kind}: {weight!r} is not a weight of 0 or more")
    if sum(package.kinds.values()) <= 0:
        raise ScenarioError(f"{key}.kinds: {dict(package.kinds)} has no weight above 0")


def _check_traffic(package: Package, key: str) -> None:
    """Check that a package is of neutral kinds that leave, or of threats that aim at assets."""
    neutral = [kind for kind in package.kinds if load_catalogue().threats[kind].neutral]
    if not neutral:
        if package.exit:
            raise ScenarioError(f"{key}.exit: threats aim at assets; leave it out, or use aim")
        return
    if len(neutral) < len(package.kinds):
        raise ScenarioError(
            f"{key}.kinds: neutral kinds ({', '.join(neutral)}) and threats cannot share a "
            "package; two packages are needed"
        )
    if not package.exit:
        raise ScenarioError(
            f"{key}.exit: missing; neutral aircraft leave along a line, a list of positions"
        )
    if package.aim or package.same_aim:
        raise ScenarioError(f"{key}.aim: neutral aircraft aim at nothing; leave it out")


def check_scenario(scenario: Scenario) -> None:
    """Check what concerns a scenario as a whole, each of whose entries is right by itself.

    Raises:
        ScenarioError: naming the key, the value and what would be right.
    """
    for key in ("assets", "shooters", "sensors", "packages", "contingents"):
        names = [entry.name for entry in getattr(scenario, key)]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ScenarioError(f"{key}: the name {twice!r} stands twice; names must differ")
    if not any(package.number[0] > 0 and package.chance == 1.0 for package in scenario.packages):
        raise ScenarioError(
            "packages: the raid can be empty; some number must be 1 or more, with chance 1"
        )
    _check_sharing(scenario)
    assets = [asset.name for asset in scenario.assets]
    for n, shooter in enumerate(scenario.shooters):
        if shooter.asset:
            one_of(shooter.asset, assets, f"shooters[{n}].asset")
        _check_use(scenario, shooter, f"shooters[{n}].kind")
        _check_network(scenario, shooter, f"shooters[{n}].networked")
    for n, sensor in enumerate(scenario.sensors):
        if sensor.asset:
            one_of(sensor.asset, assets, f"sensors[{n}].asset")
    for n, package in enumerate(scenario.packages):
        for aim in package.aim:
            one_of(aim, assets, f"packages[{n}].aim")
    if scenario.traffic and (scenario.picture.kinds, scenario.picture.aims) == (
        "believed",
        "public",
    ):
        raise ScenarioError(
            "picture.aims: 'public' would tell the neutral aircraft, which aim at nothing, from "
            "threats; 'believed' is needed, or public kinds"
        )
    most = scenario.most_threats
    if most > MOST_THREATS:
        raise ScenarioError(
            f"packages: they can bring {most} threats; {MOST_THREATS} or fewer are needed"
        )
    if scenario.max_epochs >= NEVER:
        raise ScenarioError(
            f"clock_min: {scenario.clock_min:g} minutes are {scenario.max_epochs} epochs of "
            f"{scenario.epoch_s:g} s; fewer than {NEVER} are needed"
        )
    if scenario.picture.kill_confirmed < 1.0 and scenario.picture.misses_to_lose == 1:
        raise ScenarioError(
            f"picture.kill_confirmed: {scenario.picture.kill_confirmed:g} would do nothing, since "
            "what is dead is missed at once; misses_to_lose of 2 or more (now 1) is needed"
        )
    if scenario.perfect_picture and most > scenario.slots:
        raise ScenarioError(
            f"slots: {scenario.slots} is too few; the packages can bring {most} threats, so "
            f"{most} or more is needed where the picture is perfect"
        )
    _check_entries(scenario)
    _check_arrivals(scenario)
    check_campaign(scenario)
    check_deployments(scenario)


def _check_use(scenario: Scenario, shooter: Shooter, key: str) -> None:
    threats, coming = scenario.catalogue.threats, scenario.kinds_coming
    kind = scenario.catalogue.shooters[shooter.kind]
    if not any(engages(kind, threats[name], pk) for name, pk in kind.pk.items() if name in coming):
        raise ScenarioError(
            f"{key}: {shooter.kind!r} can engage none of the raid's threats "
            f"({', '.join(sorted(coming))})"
        )


def _check_network(scenario: Scenario, shooter: Shooter, key: str) -> None:
    if shooter.networked:
        _check_tracks(scenario, shooter, key.replace("networked", "nation"))
        return
    if not scenario.picture.organic_sensors:
        raise ScenarioError(
            f"{key}: false leaves it without any track; picture.organic_sensors: true is needed"
        )
    if not scenario.catalogue.shooters[shooter.kind].sensor:
        raise ScenarioError(
            f"{key}: false leaves it without any track; {shooter.kind!r} has no organic sensor, so "
            "true is needed"
        )


def _check_tracks(scenario: Scenario, shooter: Shooter, key: str) -> None:
    """Check that some sensor's tracks are, or come to be, a networked shooter's to use."""
    nations, delay = scenario.nations, scenario.delay_epochs
    givers = [sensor.nation for sensor in scenario.sensors]
    owners = [scenario.shooters[s] for s in scenario.organic]
    givers += [owner.nation for owner in owners if owner.networked]
    own = nations.index(shooter.nation)
    for nation in givers:
        if not nation or delay[nations.index(nation), own] < scenario.max_epochs:
            return
    raise ScenarioError(
        f"{key}: {shooter.nation} gets no track within the clock; a sensor of its own, one without "
        "nation, or a shorter delay in sharing is needed"
    )


def _check_sharing(scenario: Scenario) -> None:
    if len(scenario.nations) > MOST_NATIONS:
        raise ScenarioError(
            f"shooters, sensors: {len(scenario.nations)} nations are too many; {MOST_NATIONS} or "
            "fewer are needed"
        )
    for source, users in scenario.sharing.delay_epochs.items():
        key = f"sharing.delay_epochs.{source}"
        one_of(source, scenario.nations, key)
        for user, epochs in users.items():
            one_of(user, scenario.nations, f"{key}.{user}")
            if user == source and epochs > 0:
                raise ScenarioError(
                    f"{key}.{user}: {epochs} is not right; a nation uses its own tracks at once, "
                    "so 0 is needed"
                )


def _check_entries(scenario: Scenario) -> None:
    for n, package in enumerate(scenario.packages):
        if scenario.is_traffic(package):
            continue
        nearest_m, asset = nearest_aim(scenario, package)
        if nearest_m < 1_000.0:
            raise ScenarioError(
                f"packages[{n}].entry: it comes within {nearest_m:.0f} m of {asset!r}; a threat "
                "must enter 1 km or more away from what it aims at"
            )


def _check_arrivals(scenario: Scenario) -> None:
    for n, package in enumerate(scenario.packages):
        latest, kind = latest_arrival_s(scenario, package)
        if latest >= scenario.clock_min * 60.0:
            raise ScenarioError(
                f"packages[{n}]: a {kind} may arrive {latest / 60.0:.1f} minutes after the start, "
                f"outside the clock; clock_min above {latest / 60.0:.1f} (now "
                f"{scenario.clock_min:g}), a nearer entry or earlier time_on_target_min is needed"
            )
