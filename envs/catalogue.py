"""The catalogue: kinds of threats, shooters and sensors, a YAML table each."""

from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import yaml

from envs.validation import ScenarioError, bounded, build, one_of, probability


@dataclass(frozen=True)
class ThreatKind:
    """A kind of drone, missile, decoy or neutral aircraft; a row of `threat.yaml`."""

    speed_mps: float = bounded(1.0, 10_000.0)
    altitude_m: float = bounded(1.0, 500_000.0)
    damage: float = probability()
    hit_probability: float = probability()
    signature: float = bounded(0.01, 10.0)
    evasion: float = probability()
    cost_keur: float = bounded()
    source: str = ""
    ballistic: bool = False
    descent_km: float = bounded(1.0, 1_000.0, default=1.0)
    audible: bool = False
    decoy: bool = False
    neutral: bool = False
    jammable: float = probability(default=0.0)


@dataclass(frozen=True)
class ShooterKind:
    """A kind of fire unit; a row of `shooter.yaml`. Limits of 0 km mean: not against that class."""

    pk: dict[str, float]
    pk_falloff: float = probability()
    air_range_km: tuple[float, float] = bounded(0.0, 1_000.0)
    air_altitude_m: tuple[float, float] = bounded(0.0, 100_000.0)
    ballistic_range_km: tuple[float, float] = bounded(0.0, 1_000.0)
    ballistic_altitude_m: tuple[float, float] = bounded(0.0, 200_000.0)
    interceptor_speed_mps: float = bounded(10.0, 10_000.0)
    reaction_s: float = bounded(0.0, 600.0)
    fire_channels: int = bounded(1, 64)
    magazine_rounds: int = bounded(1, 10_000)
    reload_rounds: int = bounded(1, 10_000)
    reload_s: float = bounded(1.0, 86_400.0)
    rounds_per_engagement: int = bounded(0, 1_000)
    cost_keur_per_round: float = bounded()
    antenna_height_m: float = bounded(0.0, 20_000.0)
    sensor: str = ""
    jams: bool = False
    sortie_min: float = bounded(0.0, 10_000.0, default=0.0)
    source: str = ""

    @property
    def flies(self) -> bool:
        """Whether it is a fighter pair, which flies to its target and identifies it."""
        return self.sortie_min > 0.0


@dataclass(frozen=True)
class SensorKind:
    """A kind of sensor; a row of `sensor.yaml`."""

    range_km: float = bounded(0.1, 2_000.0)
    antenna_height_m: float = bounded(0.0, 20_000.0)
    detection: float = probability(default=1.0)
    acoustic: bool = False
    orbit_speed_mps: float = bounded(0.0, 1_000.0, default=0.0)
    identification_range_km: float = bounded(0.0, 2_000.0, default=0.0)
    identification_rate: float = probability(default=0.0)
    identification_accuracy: float = probability(default=1.0)
    source: str = ""

    @property
    def moves(self) -> bool:
        """Whether it flies an orbit."""
        return self.orbit_speed_mps > 0.0

    @property
    def has_path(self) -> bool:
        """Whether it has a path, a line of microphones or an orbit, and not a position alone."""
        return self.acoustic or self.moves


@dataclass(frozen=True)
class Catalogue:
    """All kinds, by name, in the order of the files."""

    threats: dict[str, ThreatKind]
    shooters: dict[str, ShooterKind]
    sensors: dict[str, SensorKind]


@cache
def load_catalogue() -> Catalogue:
    """Return the catalogue of `conf/catalogue`.

    Raises:
        ScenarioError: if a file is not as it should be; the message names the key.
    """
    threats = {name: _threat(row, f"threat.{name}") for name, row in _table("threat").items()}
    sensors = {name: _sensor(name, row) for name, row in _table("sensor").items()}
    shooters = {
        name: _shooter(name, row, threats, sensors) for name, row in _table("shooter").items()
    }
    return Catalogue(threats, shooters, sensors)


def _table(name: str) -> dict[str, Any]:
    text = (resources.files("conf") / "catalogue" / f"{name}.yaml").read_text(encoding="utf-8")
    table: dict[str, Any] = yaml.safe_load(text)
    return table


def _threat(row: dict[str, Any], key: str) -> ThreatKind:
    kind = build(ThreatKind, row, key)
    if kind.neutral and (kind.ballistic or kind.damage > 0.0 or kind.hit_probability > 0.0):
        raise ScenarioError(
            f"{key}.neutral: true does not go with damage {kind.damage:g}, hit_probability "
            f"{kind.hit_probability:g}, ballistic {kind.ballistic}; 0, 0 and false are needed"
        )
    return kind


def _sensor(name: str, row: dict[str, Any]) -> SensorKind:
    key = f"sensor.{name}"
    kind = build(SensorKind, row, key)
    if kind.acoustic and kind.moves:
        raise ScenarioError(
            f"{key}.orbit_speed_mps: {kind.orbit_speed_mps:g} is not right; microphones stand "
            "still, so 0 is needed where acoustic is true"
        )
    if (kind.identification_rate > 0.0) != (kind.identification_range_km > 0.0):
        raise ScenarioError(
            f"{key}.identification_range_km: {kind.identification_range_km:g} does not go with "
            f"identification_rate {kind.identification_rate:g}; both above 0, or neither"
        )
    return kind


def _shooter(
    name: str,
    row: dict[str, Any],
    threats: dict[str, ThreatKind],
    sensors: dict[str, SensorKind],
) -> ShooterKind:
    key = f"shooter.{name}"
    kind = build(ShooterKind, row, key)
    if kind.sensor and sensors[one_of(kind.sensor, sensors, f"{key}.sensor")].has_path:
        raise ScenarioError(
            f"{key}.sensor: {kind.sensor!r} needs a path; an organic sensor stands where its "
            "shooter stands"
        )
    _check_conduct(kind, key)
    for threat, pk in kind.pk.items():
        one_of(threat, threats, f"{key}.pk.{threat}")
        if threats[threat].neutral:
            raise ScenarioError(f"{key}.pk.{threat}: a neutral kind is not shot at; leave it out")
        if kind.jams and threats[threat].jammable == 0.0:
            raise ScenarioError(f"{key}.pk.{threat}: threat.{threat}.jammable is 0; leave it out")
        if isinstance(pk, bool) or not isinstance(pk, int | float) or not 0.0 <= pk <= 1.0:
            raise ScenarioError(f"{key}.pk.{threat}: {pk!r} is not a probability from 0 to 1")
    for limits in ("air_range_km", "air_altitude_m", "ballistic_range_km", "ballistic_altitude_m"):
        low, high = getattr(kind, limits)
        if low > high:
            raise ScenarioError(f"{key}.{limits}: {[low, high]} must be [smallest, largest]")
    if kind.reload_rounds > kind.magazine_rounds:
        raise ScenarioError(
            f"{key}.reload_rounds: {kind.reload_rounds} is more than magazine_rounds "
            f"({kind.magazine_rounds}) can take"
        )
    if not any(engages(kind, threats[threat], pk) for threat, pk in kind.pk.items()):
        raise ScenarioError(f"{key}.pk: {kind.pk} lets it engage nothing inside its limits")
    return kind


def _check_conduct(kind: ShooterKind, key: str) -> None:
    """Check what sets jammers and fighter pairs apart."""
    if kind.jams != (kind.rounds_per_engagement == 0):
        raise ScenarioError(
            f"{key}.rounds_per_engagement: {kind.rounds_per_engagement} does not go with jams "
            f"{kind.jams}; jamming spends no rounds, everything else 1 or more"
        )
    if kind.flies and (kind.fire_channels != 1 or kind.jams):
        raise ScenarioError(
            f"{key}.fire_channels: {kind.fire_channels} is not right; a pair that flies goes after "
            "one track at a time, so 1 is needed, and no jamming"
        )


def engages(shooter: ShooterKind, threat: ThreatKind, pk: float) -> bool:
    """Return whether a shooter kind can engage a threat kind at all, by pk, range and altitude."""
    if threat.ballistic:
        reach, band = shooter.ballistic_range_km[1], shooter.ballistic_altitude_m
        return pk > 0.0 and reach > 0.0 and band[0] < threat.altitude_m
    reach, band = shooter.air_range_km[1], shooter.air_altitude_m
    return pk > 0.0 and reach > 0.0 and band[0] <= threat.altitude_m <= band[1]
