"""What scenarios are made of, in the units of their files: km, minutes and degrees."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envs.catalogue import Catalogue, load_catalogue
from envs.core.metrics import metric_names
from envs.geography import LonLat, to_plane
from envs.validation import bounded, probability


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
    """A fire unit of a kind at a place; `rounds` and `reserve_rounds` are what it starts with."""

    name: str
    kind: str
    nation: str
    position: LonLat
    rounds: int = bounded(0, 10_000)
    reserve_rounds: int = bounded(0, 100_000, default=0)
    asset: str = ""


@dataclass(frozen=True)
class Sensor:
    """A sensor of a kind at a place."""

    name: str
    kind: str
    position: LonLat


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
    routes: tuple[tuple[LonLat, ...], ...] = ((),)
    route_jitter_km: float = bounded(0.0, 200.0, default=0.0)
    aim: tuple[str, ...] = ()
    same_aim: bool = False
    spread_min: float = bounded(0.0, 100_000.0, default=0.0)
    spacing_min: float = bounded(0.0, 100_000.0, default=0.0)


@dataclass(frozen=True, eq=False)
class Scenario:
    """A scenario, complete by itself with the catalogue of kinds in `conf/catalogue`."""

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
    def num_slots(self) -> int:
        """Number I of track slots."""
        return self.slots

    @property
    def num_shooters(self) -> int:
        """Number S of shooters."""
        return len(self.shooters)

    @property
    def num_assets(self) -> int:
        """Number A of assets."""
        return len(self.assets)

    @property
    def max_epochs(self) -> int:
        """Epochs within which every raid of the scenario is over."""
        return int(np.ceil(self.clock_min * 60.0 / self.epoch_s))

    @property
    def metric_names(self) -> tuple[str, ...]:
        """Name of each column of the core's metrics."""
        return metric_names(self.threat_kinds, self.shooter_kinds)

    @cached_property
    def centre_m(self) -> NDArray[Any]:
        """Middle of the assets on the plane, float64 [2]; observed positions are relative to it."""
        places = to_plane([asset.position for asset in self.assets])
        return np.asarray(np.round((places.min(axis=0) + places.max(axis=0)) / 2.0))
