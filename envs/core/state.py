"""The legend of a running batch: everything that changes, by name, with dtype and unit.

Axes: B members of the batch, I threat slots (the row of a threat and of its track, shuffled by
the raid's key), S shooters, A assets, C fire channels, V vertices of a route (spawn, waypoints,
aim point), M metrics.
"""

from typing import Annotated, Any, NamedTuple, get_type_hints

import numpy as np
from numpy.typing import NDArray

from envs.core.records import record

Array = NDArray[Any]
f4, f8, i1, i2, i4, u8 = np.float32, np.float64, np.int8, np.int16, np.int32, np.uint64

# Status of a threat. ABSENT: the slot holds none. The others always add up to the raid's total.
ABSENT, PENDING, INBOUND, KILLED, LEAKED, DUD = range(6)

RAID = record(
    ("key", u8, "from which all luck of the raid follows"),
    ("undefended_loss", f8, "loss if nobody fired"),
    ("reward_total", f8, "weighted sum of the metrics so far"),
    ("params_index", i4, "parameter set that this member plays"),
    ("epoch", i4, "epochs passed"),
    ("max_epochs", i4, "limit set by the user, in epochs"),
    ("terminated", np.bool_, "the raid is over"),
    ("truncated", np.bool_, "the user's limit was reached"),
)
THREAT = record(  # as it truly is
    ("kill_u", f8, "it dies once its survival is at most this"),
    ("survival", f8, "product of 1 - pk over the engagements judged"),
    ("x_m", f4, "now, east of the map's centre"),
    ("y_m", f4, "now, north of the map's centre"),
    ("z_m", f4, "now, above sea level"),
    ("vx_mps", f4, "now"),
    ("vy_mps", f4, "now"),
    ("vz_mps", f4, "now"),
    ("impact_s", f4, "when it reaches its aim point; inf where there is none"),
    ("number", i2, "stable number, which keys its luck"),
    ("kind", i2, "row of the catalogue of threat kinds"),
    ("aim", i2, "asset aimed at"),
    ("status", i1, "ABSENT, PENDING, INBOUND, KILLED, LEAKED or DUD"),
    ("leg", i1, "vertex of the route that it passed last"),
    ("hits", np.bool_, "does damage if it arrives"),
)
VERTEX = record(
    ("x_m", f4, "east of the map's centre"),
    ("y_m", f4, "north of the map's centre"),
    ("time_s", f4, "when the threat passes it; inf beyond the last"),
)
TRACK = record(  # as the defence knows it
    ("value", f4, "expected loss if the threat is not stopped"),
    ("impact_s", f4, "from now to the predicted impact"),
    ("survival", f4, "probability that it survives all that is in flight against it"),
    ("resolve_s", f4, "from now to the next end of an engagement against it, or inf"),
    ("in_flight", i2, "engagements under way against it"),
    ("sensor", i2, "sensor that saw it last, or NONE"),
    ("held", np.bool_, "there is a track of this threat"),
    ("shown", np.bool_, "its row of the observation is not zero"),
)
SHOOTER = record(
    ("rounds", i4, "ready"),
    ("reserve", i4, "beside it, to be reloaded"),
    ("reload_s", f4, "when the reload under way ends, or inf"),
    ("busy", i4, "channels in use; its first so many engagements are in flight"),
    ("targets", i2, "tracks that it could engage; pairs whose pk is above 0"),
    ("able", np.bool_, "present and not destroyed"),
    ("shown", np.bool_, "its pairs in the observation are not all zero"),
)
ENGAGEMENT = record(
    ("resolve_s", f4, "when it is judged"),
    ("pk", f4, "kill probability predicted at launch"),
    ("target", i2, "slot of the threat shot at"),
    ("leg", i1, "the threat's leg at launch"),
)
PAIR = record(
    ("pk", f4, "kill probability; 0: no intercept is possible"),
    ("flight_s", f4, "from decision to intercept; 0 where pk is"),
)


class State(NamedTuple):
    """A batch of raids under way."""

    raid: Annotated[Array, "B", RAID]
    threat: Annotated[Array, "B I", THREAT]
    route: Annotated[Array, "B I V", VERTEX]
    track: Annotated[Array, "B I", TRACK]
    shooter: Annotated[Array, "B S", SHOOTER]
    engagement: Annotated[Array, "B S C", ENGAGEMENT]
    pair: Annotated[Array, "B S I", PAIR]
    action_mask: Annotated[Array, "B S I+1", np.dtype(i1)]  # 1: legal; column 0 is hold
    health: Annotated[Array, "B A", np.dtype(f8)]  # of the assets; 1: unharmed, 0: lost
    metrics: Annotated[Array, "B M", np.dtype(f8)]  # sums since the raid's start


def allocate(sizes: dict[str, int]) -> State:
    """Return a state whose arrays are zero, and whose memory has been touched.

    Args:
        sizes: length of each axis, by its letter ("B", "I", "I+1", "S", "A", "C", "V", "M").

    Returns:
        A state in which every member is over, so that stepping it does nothing.
    """
    arrays = {}
    for name, hint in get_type_hints(State, include_extras=True).items():
        axes, dtype = hint.__metadata__
        array = np.empty([sizes[axis] for axis in axes.split()], dtype)
        array.view(np.uint8).fill(0)
        arrays[name] = array
    state = State(**arrays)
    state.raid["terminated"] = True
    return state
