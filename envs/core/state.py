"""The legend of a running batch: everything that changes, by name, with dtype and unit.

Axes: B members of the batch, T threats (rows shuffled by the raid's key), I track slots, S
shooters, R sensors, F nations, D deliveries, A assets, K threat kinds, C fire channels, V vertices
of a route (spawn, waypoints, aim point), M metrics. In a perfect picture a threat's track has the
slot of its row.
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
    ("campaign_key", u8, "key of the first raid, from which the others' follow"),
    ("undefended_loss", f8, "loss if nobody fired, of all raids"),
    ("reward_total", f8, "weighted sum of the metrics so far"),
    ("params_index", i4, "parameter set that this member plays"),
    ("epoch", i4, "epochs passed since the raid began"),
    ("steps", i4, "steps passed: epochs of all raids, and one a lull"),
    ("max_epochs", i4, "limit set by the user, in steps"),
    ("number", i4, "raids before this one in the campaign"),
    ("day", f4, "of the campaign, on which this raid began"),
    ("lull", np.bool_, "the raid is over, the next is to come"),
    ("terminated", np.bool_, "the raid is over, and the campaign"),
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
    ("aim", i2, "asset aimed at, or NONE"),
    ("status", i1, "ABSENT, PENDING, INBOUND, KILLED, LEAKED or DUD"),
    ("leg", i1, "vertex of the route that it passed last"),
    ("hits", np.bool_, "does damage if it arrives"),
    ("tracked", np.bool_, "there has been a track of it"),
)
VERTEX = record(
    ("x_m", f4, "east of the map's centre"),
    ("y_m", f4, "north of the map's centre"),
    ("time_s", f4, "when the threat passes it; inf beyond the last"),
)
CONTACT = record(  # what the sensors have of a threat, from which tracks are made
    ("x_m", f4, "where it was detected last"),
    ("y_m", f4, ""),
    ("z_m", f4, ""),
    ("epoch", i4, "of that detection"),
    ("track", i2, "slot of its track, or NONE"),
    ("detections", i2, "so far, up to those that start a track"),
    ("misses", i2, "since the last detection"),
    ("reports", i2, "so far, of whether an engagement killed it"),
)
TRACK = record(  # as the defence knows it
    ("x_m", f4, "now: as detected, or straight on since"),
    ("y_m", f4, ""),
    ("z_m", f4, ""),
    ("vx_mps", f4, ""),
    ("vy_mps", f4, ""),
    ("vz_mps", f4, ""),
    ("value", f4, "expected loss if the threat is not stopped"),
    ("impact_s", f4, "from now to the predicted impact"),
    ("aim_belief", f4, "probability of the aim point below"),
    ("survival", f4, "probability that it survives all in flight, each by its pk at launch"),
    ("resolve_s", f4, "from now to the next end of an engagement against it, or inf"),
    ("start", i4, "epoch in which the track began"),
    ("threat", i2, "row of the threat behind it, or NONE; the truth, for the core alone"),
    ("kind", i2, "kind, the likeliest by belief"),
    ("aim", i2, "asset aimed at, the likeliest by belief, or NONE"),
    ("in_flight", i2, "engagements under way against it"),
    ("sensor", i2, "sensor that saw it last, or NONE; in a perfect picture alone"),
    ("seen", np.bool_, "detected in this epoch"),
    ("measured", np.bool_, "its speed has been measured, not only inferred from two places"),
    ("certain", np.bool_, "its kind is public, or believed in with certainty"),
    ("neutral", f4, "belief that it is neutral"),
)
HOLDING = record(  # of a track by the sensors of one nation; NONE: not since the track began
    ("first", i4, "epoch since which they have held it"),
    ("last", i4, "epoch in which they detected it last"),
)
SENSOR = record(
    ("x_m", f4, "now"),
    ("y_m", f4, "now"),
    ("able", np.bool_, "present and not destroyed"),
)
SHOOTER = record(
    ("x_m", f4, "now"),
    ("y_m", f4, "now"),
    ("goal_x_m", f4, "where it flies to; of one that flies"),
    ("goal_y_m", f4, ""),
    ("take_off_s", f4, "when its sortie begins or began; inf: it is on the ground"),
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
    ("pk", f4, "kill probability predicted at launch, by what was believed"),
    ("true_pk", f4, "the same for the kind that the threat is"),
    ("target", i2, "row of the threat shot at"),
    ("track", i2, "slot of its track, or NONE once that is lost"),
    ("leg", i1, "the threat's leg at launch"),
)
PAIR = record(
    ("pk", f4, "kill probability; 0: no intercept is possible"),
    ("flight_s", f4, "from decision to intercept; 0 where pk is"),
)


class State(NamedTuple):
    """A batch of raids under way."""

    raid: Annotated[Array, "B", RAID]
    threat: Annotated[Array, "B T", THREAT]
    route: Annotated[Array, "B T V", VERTEX]
    sensor: Annotated[Array, "B R", SENSOR]
    contact: Annotated[Array, "B T", CONTACT]
    held: Annotated[Array, "B I", np.dtype(np.bool_)]  # there is a track in the slot
    shown: Annotated[Array, "B I", np.dtype(np.bool_)]  # its row of the observation is not zero
    track: Annotated[Array, "B I", TRACK]  # where one is held
    belief: Annotated[Array, "B I K", np.dtype(f4)]  # of each kind
    holding: Annotated[Array, "B I F", HOLDING]
    usable: Annotated[Array, "B I", np.dtype(u8)]  # a bit a nation whose shooters may use it
    own: Annotated[Array, "B S I", np.dtype(np.bool_)]  # seen by a shooter that has no network
    shooter: Annotated[Array, "B S", SHOOTER]
    engagement: Annotated[Array, "B S C", ENGAGEMENT]
    pair: Annotated[Array, "B S I", PAIR]
    action_mask: Annotated[Array, "B S I+1", np.dtype(i1)]  # 1: legal; column 0 is hold
    delivery_mask: Annotated[Array, "B D S+1", np.dtype(i1)]  # 1: legal; column 0: by need
    depot: Annotated[Array, "B D", np.dtype(i4)]  # rounds delivered that no shooter could take yet
    health: Annotated[Array, "B A", np.dtype(f8)]  # of the assets; 1: unharmed, 0: lost
    metrics: Annotated[Array, "B M", np.dtype(f8)]  # sums since the raid's start


def allocate(sizes: dict[str, int]) -> State:
    """Return a state whose arrays are zero, and whose memory has been touched.

    Args:
        sizes: length of each axis, by its letter ("B", "T", "I", "I+1", "S", "R", …).

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
