"""What scenarios are made of, in the units of their files: km, minutes, days and degrees."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envs.catalogue import Catalogue, load_catalogue
from envs.core.metrics import metric_names
from envs.geography import LonLat, to_plane
from envs.validation import bounded, choice, probability

NEVER = 100_000  # epochs of delay, which no raid lasts


@dataclass(frozen=True)
class Asset:
    """Something defended."""

    name: str
    kind: str
    position: LonLat
    value: float = bounded(1e-6, 1e6)
    hardness: float = probability(default=0.0)


@dataclass(frozen=True)
class Shooter:
    """A fire unit of a kind at a place; `rounds` and `reserve_rounds` are what it starts with.

    Of a fighter pair the place is its base; with `patrol`, it is aloft there when a raid begins.
    """

    name: str
    kind: str
    nation: str
    position: LonLat
    rounds: int = bounded(0, 10_000)
    reserve_rounds: int = bounded(0, 100_000, default=0)
    asset: str = ""
    networked: bool = True
    patrol: LonLat | None = None


@dataclass(frozen=True)
class Sensor:
    """A sensor of a kind at a place, or along a path: a line of microphones, or a closed orbit.

    One without a nation is every nation's.
    """

    name: str
    kind: str
    position: LonLat
    path: tuple[LonLat, ...] = ()
    nation: str = ""
    asset: str = ""


@dataclass(frozen=True)
class Picture:
    """What the defence knows of the raid; as it stands here, all there is to know."""

    kinds: str = choice("public", "believed")
    aims: str = choice("public", "believed")
    detection: str = choice("in_view", "by_chance")
    detections_to_start: int = bounded(1, 20, default=1)
    misses_to_lose: int = bounded(1, 20, default=1)
    organic_sensors: bool = False
    kill_confirmed: float = probability(default=1.0)
    false_kill: float = probability(default=0.0)

    @property
    def complete(self) -> bool:
        """Whether nothing in view is missed, doubtful or falsely reported."""
        at_once = self.detections_to_start == self.misses_to_lose == 1
        told = self.kinds == self.aims == "public"
        certain = self.kill_confirmed == 1.0 and self.false_kill == 0.0
        return self.detection == "in_view" and at_once and told and certain


@dataclass(frozen=True)
class Sharing:
    """When tracks of one nation's sensors are usable by another's shooters; here, at once.

    `delay_epochs[f][g]`, where given, holds instead of `foreign_delay_epochs` for tracks of
    nation f and shooters of nation g.
    """

    foreign_delay_epochs: int = bounded(0, NEVER, default=0)
    delay_epochs: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


@dataclass(frozen=True)
class Sector:
    """An arc of bearings (clockwise from north) from which a package comes."""

    centre: LonLat
    radius_km: float = bounded(1.0, 1_000.0)
    from_deg: float = bounded(-360.0, 720.0)
    to_deg: float = bounded(-360.0, 720.0)


@dataclass(frozen=True)
class Package:
    """Threats of a raid that belong together. See `docs/scenarios.md` for each key."""

    name: str
    kinds: dict[str, float]
    number: tuple[int, int] = bounded(0, 10_000)
    time_on_target_min: tuple[float, float] = bounded(0.0, 100_000.0)
    entry: tuple[LonLat, ...] = ()
    sector: Sector | None = None
    exit: tuple[LonLat, ...] = ()
    chance: float = probability(default=1.0)
    routes: tuple[tuple[LonLat, ...], ...] = ((),)
    route_jitter_km: float = bounded(0.0, 200.0, default=0.0)
    aim: tuple[str, ...] = ()
    same_aim: bool = False
    spread_min: float = bounded(0.0, 100_000.0, default=0.0)
    spacing_min: float = bounded(0.0, 100_000.0, default=0.0)


@dataclass(frozen=True)
class Campaign:
    """Several raids with lulls between them; as it stands here, a single raid.

    No raid begins after day `days`; day 0 is that of the first. With `hand_out` "decided", the
    action says in a lull who gets what is delivered.
    """

    raids: int = bounded(1, 1_000, default=1)
    lull_days: tuple[float, float] = bounded(0.1, 365.0, default=(1.0, 1.0))
    days: float = bounded(0.0, 10_000.0, default=10_000.0)
    repair_per_day: float = probability(default=0.0)
    hand_out: str = choice("by_need", "decided")


@dataclass(frozen=True)
class Delivery:
    """Rounds of a shooter kind, from `first_day` on, for shooters of some nations; none: all."""

    kind: str
    rounds_per_day: float = bounded(0.0, 10_000.0)
    first_day: float = bounded(0.0, 10_000.0, default=0.0)
    nations: tuple[str, ...] = ()


@dataclass(frozen=True)
class Contingent:
    """Shooters of a nation that come and go together; without `leaves_day`, they stay."""

    name: str
    nation: str
    shooters: tuple[str, ...]
    arrives_day: float = bounded(0.0, 10_000.0, default=0.0)
    leaves_day: float = bounded(0.0, 10_000.0, default=math.inf)
    travel_days: float = bounded(0.0, 10_000.0, default=0.0)

    @property
    def ready_day(self) -> float:
        """Day from which it is at its sites."""
        return self.arrives_day + self.travel_days


@dataclass(frozen=True)
class Deployments:
    """How many deployments each split of raids has, and how one is drawn from a scenario's lists.

    Pairs are [smallest, largest]. See `docs/scenarios.md` for each key.
    """

    train: int = bounded(1, 100_000)
    validation: int = bounded(1, 100_000)
    test: int = bounded(1, 100_000)
    assets: tuple[int, int] = bounded(1, 10_000)
    shooters: tuple[int, int] = bounded(1, 10_000)
    sensors: tuple[int, int] = bounded(1, 10_000)
    packages: tuple[int, int] = bounded(1, 10_000)
    threats: tuple[int, int] = bounded(1, 30_000)
    radius_km: tuple[float, float] = bounded(0.0, 1_000.0)
    value_factor: tuple[float, float] = bounded(0.01, 100.0, default=(1.0, 1.0))
    rounds_factor: tuple[float, float] = bounded(0.0, 100.0, default=(1.0, 1.0))
    move_km: float = bounded(0.0, 100.0, default=0.0)
    perfect_share: float = probability(default=0.0)


@dataclass(frozen=True, eq=False)
class Scenario:
    """A scenario, complete by itself with the catalogue of kinds in `conf/catalogue`.

    With `deployments`, its lists are what deployments are drawn from: each raid plays one of them,
    an ordinary scenario that `envs.deployments.deployment` returns. Sizes are then the largest.

    `neutral_penalty` is what shooting down a neutral aircraft costs, in the unit of asset value;
    `value_meur` is what one such unit is worth in million euros.
    """

    name: str
    version: int
    description: str
    slots: int = bounded(1, 30_000)
    clock_min: float = bounded(0.1, 100_000.0)
    epoch_s: float = bounded(0.1, 3_600.0, default=10.0)
    assets: tuple[Asset, ...] = ()
    shooters: tuple[Shooter, ...] = ()
    sensors: tuple[Sensor, ...] = ()
    packages: tuple[Package, ...] = ()
    picture: Picture = Picture()
    sharing: Sharing = Sharing()
    campaign: Campaign = Campaign()
    deliveries: tuple[Delivery, ...] = ()
    contingents: tuple[Contingent, ...] = ()
    deployments: Deployments | None = None
    neutral_penalty: float = bounded(0.0, 1e6, default=10.0)
    value_meur: float = bounded(0.0, 1e6, default=100.0)

    @property
    def catalogue(self) -> Catalogue:
        """The kinds that the scenario is made of."""
        return load_catalogue()

    @property
    def threat_kinds(self) -> tuple[str, ...]:
        """Names of the K threat kinds, in catalogue order."""
        return tuple(self.catalogue.threats)

    @property
    def shooter_kinds(self) -> tuple[str, ...]:
        """Names of the Q shooter kinds, in catalogue order."""
        return tuple(self.catalogue.shooters)

    @property
    def kinds_coming(self) -> tuple[str, ...]:
        """Names of the threat kinds that the raid may bring, in catalogue order."""
        packages = [package for package in self.packages if package.number[1] > 0]
        return tuple(
            kind
            for kind in self.threat_kinds
            if any(package.kinds.get(kind, 0.0) > 0.0 for package in packages)
        )

    @property
    def traffic(self) -> bool:
        """Whether neutral aircraft may come."""
        return any(self.catalogue.threats[kind].neutral for kind in self.kinds_coming)

    def is_traffic(self, package: Package) -> bool:
        """Whether a package is of neutral aircraft."""
        return any(self.catalogue.threats[kind].neutral for kind in package.kinds)

    @property
    def nations(self) -> tuple[str, ...]:
        """Names of the F nations that have shooters or sensors, sorted."""
        shooting = {shooter.nation for shooter in self.shooters}
        return tuple(sorted((shooting | {sensor.nation for sensor in self.sensors}) - {""}))

    @property
    def num_slots(self) -> int:
        """Number I of track slots."""
        return self.slots

    @property
    def most_threats(self) -> int:
        """Most threats that a raid can bring."""
        if self.deployments is not None:
            return self.deployments.threats[1]
        return sum(package.number[1] for package in self.packages)

    @property
    def num_threats(self) -> int:
        """Number T of rows of threats: as many as can come, and no fewer than slots."""
        return max(self.slots, self.most_threats)

    @property
    def num_decisions(self) -> int:
        """Number of deliveries about which the action decides; 0 if they go by need."""
        return len(self.deliveries) if self.campaign.hand_out == "decided" else 0

    @property
    def num_shooters(self) -> int:
        """Number S of shooters."""
        return len(self.shooters) if self.deployments is None else self.deployments.shooters[1]

    @property
    def num_assets(self) -> int:
        """Number A of assets."""
        return len(self.assets) if self.deployments is None else self.deployments.assets[1]

    @property
    def organic(self) -> tuple[int, ...]:
        """Rows of the shooters whose organic sensors count, in order."""
        if not self.picture.organic_sensors:
            return ()
        kinds = [self.catalogue.shooters[shooter.kind] for shooter in self.shooters]
        return tuple(s for s, kind in enumerate(kinds) if kind.sensor)

    @property
    def all_sensors(self) -> tuple[Sensor, ...]:
        """The R sensors: the scenario's own, then the organic ones, named as their shooters."""
        shooters = [self.shooters[s] for s in self.organic]
        return self.sensors + tuple(
            Sensor(
                shooter.name,
                self.catalogue.shooters[shooter.kind].sensor,
                shooter.position,
                nation=shooter.nation,
            )
            for shooter in shooters
        )

    @property
    def num_sensors(self) -> int:
        """Number R of sensors, the organic ones included."""
        return len(self.sensors) + len(self.organic)

    @property
    def delay_epochs(self) -> NDArray[np.int32]:
        """Epochs until a track of nation f is usable by shooters of nation g, int32 [F, F]."""
        sharing, nations = self.sharing, self.nations
        delay = np.full((len(nations), len(nations)), sharing.foreign_delay_epochs, np.int32)
        np.fill_diagonal(delay, 0)
        for source, users in sharing.delay_epochs.items():
            for user, epochs in users.items():
                if source in nations and user in nations:
                    delay[nations.index(source), nations.index(user)] = epochs
        return delay

    @property
    def restricted(self) -> bool:
        """Whether some shooter may not use every track at once."""
        stovepiped = not all(shooter.networked for shooter in self.shooters)
        return stovepiped or bool(self.delay_epochs.any())

    @property
    def perfect_picture(self) -> bool:
        """Whether all is known of whatever is in view, and every shooter may use it at once.

        With acoustic lines it is not perfect: they are deaf to some, and give position alone.
        """
        lines = any(self.catalogue.sensors[sensor.kind].acoustic for sensor in self.sensors)
        return self.picture.complete and not self.restricted and not lines

    @property
    def max_epochs(self) -> int:
        """Epochs within which every raid of the scenario is over."""
        return int(np.ceil(self.clock_min * 60.0 / self.epoch_s))

    @property
    def max_steps(self) -> int:
        """Steps within which every episode is over: the epochs of all raids, and one a lull."""
        return self.campaign.raids * self.max_epochs + self.campaign.raids - 1

    @property
    def presence_days(self) -> NDArray[np.float32]:
        """Day from which each shooter is there, and day from which it is not, float32 [S, 2].

        A shooter of no contingent is always there: from day 0 to inf.
        """
        days = np.full((len(self.shooters), 2), (0.0, np.inf), np.float32)
        for contingent in self.contingents:
            own = [shooter.name in contingent.shooters for shooter in self.shooters]
            days[own] = contingent.ready_day, contingent.leaves_day
        return days

    @property
    def metric_names(self) -> tuple[str, ...]:
        """Name of each column of the core's metrics."""
        return metric_names(self.threat_kinds, self.shooter_kinds)

    @cached_property
    def centre_m(self) -> NDArray[Any]:
        """Middle of the assets on the plane, float64 [2]; observed positions are relative to it."""
        places = to_plane([asset.position for asset in self.assets])
        return np.asarray(np.round((places.min(axis=0) + places.max(axis=0)) / 2.0))
