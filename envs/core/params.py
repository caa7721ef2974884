"""A scenario as arrays of records, the same for every member of a batch or one per member.

Axes: P parameter sets (a member of a batch names its own by `params_index`), K threat kinds,
A assets, S shooters, R sensors, F nations, G packages of the raid, N points of an entry line, L
routes of a package, W waypoints of a route, Q points of a sensor's line or orbit, D deliveries.
Places are metres east and north of the map's centre.
"""

from typing import Annotated, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from envs.core.records import record

Array = NDArray[Any]
f4, f8, i4 = np.float32, np.float64, np.int32

NONE = -1

THREAT_KIND = record(
    ("speed_mps", f4, "speed along the route, in three dimensions"),
    ("altitude_m", f4, "altitude; of a ballistic kind, where its descent starts"),
    ("descent_m", f4, "ground distance of a ballistic descent"),
    ("signature", f4, "factor on a sensor's range"),
    ("damage", f8, "share of an asset's health that one hit takes"),
    ("hit", f8, "probability that an arrival does damage"),
    ("evasion", f8, "share of pk lost per waypoint passed since launch"),
    ("cost_keur", f8, "cost of one, thousand euros"),
    ("ballistic", np.bool_, "comes down one straight leg"),
    ("decoy", np.bool_, "carries no warhead"),
    ("audible", np.bool_, "an acoustic line hears it"),
    ("neutral", np.bool_, "an aircraft that passes through and must not be shot at"),
    ("jammable", f8, "share of them that jamming can bring down"),
)
ASSET = record(
    ("x_m", f4, ""),
    ("y_m", f4, ""),
    ("value", f8, "what total loss of it costs; 0: the row is empty"),
    ("hardness", f8, "share of damage that it withstands"),
)
SHOOTER = record(
    ("kind", i4, "row of the catalogue of shooter kinds"),
    ("asset", i4, "asset that this shooter is, or NONE"),
    ("x_m", f4, ""),
    ("y_m", f4, ""),
    ("antenna_m", f4, "height of its guidance antenna"),
    ("falloff", f4, "share of pk lost at maximum range"),
    ("air_range_min_m", f4, "slant range of an intercept of what flies level"),
    ("air_range_max_m", f4, ""),
    ("air_altitude_min_m", f4, "altitude of such an intercept"),
    ("air_altitude_max_m", f4, ""),
    ("ballistic_range_min_m", f4, "slant range of an intercept of what comes down"),
    ("ballistic_range_max_m", f4, ""),
    ("ballistic_altitude_min_m", f4, "altitude of such an intercept"),
    ("ballistic_altitude_max_m", f4, ""),
    ("interceptor_mps", f4, "mean speed of its interceptor"),
    ("reaction_s", f4, "from decision to launch"),
    ("channels", i4, "fire channels; 0: the row is empty"),
    ("magazine", i4, "rounds that it can hold ready"),
    ("rounds", i4, "rounds ready at the start"),
    ("reserve", i4, "rounds beside it at the start"),
    ("reload_rounds", i4, "rounds that one reload brings"),
    ("reload_s", f4, "time of one reload"),
    ("rounds_per_engagement", i4, "rounds that one engagement spends"),
    ("cost_keur", f8, "cost of one round, thousand euros"),
    ("nation", i4, "row of the nations"),
    ("sensor", i4, "its organic sensor, or NONE"),
    ("networked", np.bool_, "shares the common picture; if not, it has its own sensor alone"),
    ("ready_day", f4, "day of the campaign from which it is there"),
    ("leave_day", f4, "day from which it is there no more; inf: it stays"),
    ("jams", np.bool_, "its engagements are jamming: they work on what can be jammed"),
    ("sortie_s", f4, "how long it stays aloft; 0: it does not fly"),
    ("patrol_x_m", f4, "where it flies when it has no order; its base, if it waits there"),
    ("patrol_y_m", f4, ""),
    ("aloft", np.bool_, "it is aloft there when a raid begins"),
)
SENSOR = record(
    ("x_m", f4, "where it stands; of one that moves, where its orbit begins"),
    ("y_m", f4, ""),
    ("antenna_m", f4, "antenna height"),
    ("range_m", f4, "slant range against signature 1; of an acoustic line, against what it hears"),
    ("detection", f4, "probability of a detection close by"),
    ("identification_m", f4, "slant range within which it can tell kinds apart; 0: it cannot"),
    ("identification_rate", f4, "probability a detection of saying what kind it is"),
    ("identification_right", f4, "probability that what it says is right"),
    ("orbit_s", f4, "time of one orbit; 0: it stands still"),
    ("points", i4, "points of its line or orbit; 0: it has none"),
    ("asset", i4, "asset that it is, or NONE"),
    ("shooter", i4, "shooter whose organic sensor it is, or NONE"),
    ("nation", i4, "row of the nations, or NONE: every nation's"),
    ("acoustic", np.bool_, "a line that hears; gives position alone and has no horizon"),
)
PICTURE = record(
    ("perfect", np.bool_, "all below as in a perfect picture, and every track is everybody's"),
    ("by_chance", np.bool_, "detections are drawn; if not, whatever is in view is detected"),
    ("kinds_public", np.bool_, "the kind of a track is known"),
    ("aims_public", np.bool_, "the aim point of a track is known"),
    ("restricted", np.bool_, "some shooter may not use every track"),
    ("moving", np.bool_, "some sensor moves"),
    ("flying", np.bool_, "some shooter flies"),
    ("traffic", np.bool_, "neutral aircraft may come"),
    ("kinds_coming", i4, "kinds that the raid may bring"),
    ("detections_to_start", i4, "after which there is a track"),
    ("misses_to_lose", i4, "one after the other, after which there is none"),
    ("kill_confirmed", f8, "probability that a threat engaged and dead is reported dead"),
    ("false_kill", f8, "probability that a threat engaged and alive is reported dead"),
)
PACKAGE = record(
    ("chance", f8, "probability that it comes at all"),
    ("traffic", np.bool_, "neutral aircraft, which leave at the exit line"),
    ("fewest", i4, "threats, at least"),
    ("most", i4, "threats, at most"),
    ("same_aim", np.bool_, "the whole package has one aim point"),
    ("routes", i4, "routes to choose from, 1 or more"),
    ("jitter_m", f4, "half side of the square that a waypoint is drawn in"),
    ("time_min_s", f4, "window of the time on target"),
    ("time_max_s", f4, ""),
    ("spread_s", f4, "each threat arrives up to this much later"),
    ("spacing_s", f4, "delay of each threat behind the one before"),
)
CAMPAIGN = record(
    ("raids", i4, "at most, one after the other; 1: a single raid"),
    ("days", f4, "end of the calendar: no raid begins later"),
    ("lull_min_days", f4, "between two raids, at least"),
    ("lull_max_days", f4, "at most"),
    ("repair_per_day", f8, "health that every asset regains in a day of a lull"),
    ("decided", np.bool_, "the action says who gets what is delivered; if not, it goes by need"),
)
DELIVERY = record(
    ("kind", i4, "row of the catalogue of shooter kinds"),
    ("rounds_per_day", f8, "rounds that arrive, from the first day on"),
    ("first_day", f8, "when the first day's production is under way: the lead time"),
)
PLACE = record(("x_m", f4, ""), ("y_m", f4, ""))


class Params(NamedTuple):
    """Everything about a scenario that does not change during a raid."""

    epoch_s: Annotated[Array, "P", np.dtype(f4)]  # length of one epoch
    threat_kind: Annotated[Array, "P K", THREAT_KIND]
    asset: Annotated[Array, "P A", ASSET]
    shooter: Annotated[Array, "P S", SHOOTER]
    shooter_pk: Annotated[Array, "P S K", np.dtype(f4)]  # of one engagement, at range 0
    sensor: Annotated[Array, "P R", SENSOR]
    sensor_path: Annotated[Array, "P R Q", PLACE]  # corners of a line; equally spaced on an orbit
    picture: Annotated[Array, "P", PICTURE]
    kind_prior: Annotated[Array, "P K", np.dtype(f4)]  # share of each kind among what may come
    delay: Annotated[Array, "P F F", np.dtype(i4)]  # epochs until a track of [f] is usable by [g]
    campaign: Annotated[Array, "P", CAMPAIGN]
    delivery: Annotated[Array, "P D", DELIVERY]
    delivery_to: Annotated[Array, "P D F", np.dtype(np.bool_)]  # nations that can use its rounds
    package: Annotated[Array, "P G", PACKAGE]
    package_kind: Annotated[Array, "P G K", np.dtype(f8)]  # cumulative weights
    package_aim: Annotated[Array, "P G A", np.dtype(f8)]  # cumulative weights
    entry: Annotated[Array, "P G N", PLACE]  # equally spaced along the entry line
    exit: Annotated[Array, "P G N", PLACE]  # likewise, of traffic
    vias: Annotated[Array, "P G L", np.dtype(i4)]  # waypoints of each route, 0 to W
    via: Annotated[Array, "P G L W", PLACE]  # before jitter
