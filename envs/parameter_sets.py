"""The parameter sets that raids of a scenario play: one, or one a deployment, drawn when needed."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from envs.core.params import NONE, Params
from envs.core.randomness import SPLITS
from envs.deployments import deployment, number_of
from envs.encoding import FRAME, frame
from envs.entities import Scenario
from envs.scenario_params import ENTRY_POINTS, legend, scenario_params

_KEPT = 4  # scenarios whose deployments stay drawn
_NOBODY: dict[str, dict[str, Any]] = {  # what an empty row holds where that is not 0
    "shooter": {"asset": NONE, "sensor": NONE, "ready_day": np.inf, "leave_day": np.inf},
    "sensor": {"asset": NONE, "shooter": NONE, "nation": NONE},
}
_shared: dict[str, "ParameterSets"] = {}


class ParameterSets:
    """What the core plays, stacked; sets of deployments are in the order of split and number.

    All have the same shape: a deployment that has fewer shooters, assets, sensors or packages than
    another may have is filled up with empty rows, which do nothing and are 0 where they are
    observed.

    Args:
        scenario: what is played.

    Attributes:
        params: arrays [P, ...], read-only; those of deployments are there once `draw`n.
        frames: FRAME [P], likewise.
    """

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self._drawn = np.ones(1, np.bool_)
        if scenario.deployments is None:
            self.params, self.frames = scenario_params(scenario), frame(scenario)
            return
        counts = [getattr(scenario.deployments, split) for split in SPLITS]
        self._first = np.concatenate([[0], np.cumsum(counts)])
        self._drawn = np.zeros(int(self._first[-1]), np.bool_)
        self._params, self._frames = _empty(scenario, len(self._drawn))
        self.params = Params(*(_read_only(array) for array in self._params))
        self.frames = _read_only(self._frames)

    def of_raids(self, keys: NDArray[np.int64]) -> NDArray[np.int32]:
        """Return the set, int32 [n], that each raid (split, seed, ordinal), int64 [n, 3], plays."""
        if self.scenario.deployments is None:
            return np.zeros(len(keys), np.int32)
        places = [
            self._first[split] + number_of(self.scenario, split, seed, ordinal)
            for split, seed, ordinal in keys.tolist()
        ]
        return np.array(places, np.int32)

    def draw(self, indices: NDArray[np.int32]) -> None:
        """Draw the deployments of some sets, unless they have been."""
        missing = indices[~self._drawn[indices]]
        for p in set(missing.tolist()):
            drawn = self.deployment(p)
            for name, array in scenario_params(drawn)._asdict().items():
                room = getattr(self._params, name)[p, ...]
                _lay(array[0, ...], room, edge=name == "package_aim")
            self._frames[p] = frame(drawn)[0]
            self._drawn[p] = True

    def deployment(self, index: int) -> Scenario:
        """Return what a set was made of: the scenario itself, or one of its deployments."""
        if self.scenario.deployments is None:
            return self.scenario
        split = int(np.searchsorted(self._first, index, side="right")) - 1
        return deployment(self.scenario, SPLITS[split], index - int(self._first[split]))


def parameter_sets(scenario: Scenario) -> ParameterSets:
    """Return the parameter sets of a scenario; equal ones share the deployments drawn."""
    if scenario.deployments is None:
        return ParameterSets(scenario)
    content = repr(scenario)
    if content not in _shared:
        if len(_shared) == _KEPT:
            _shared.clear()
        _shared[content] = ParameterSets(scenario)
    return _shared[content]


def _read_only(array: NDArray[Any]) -> NDArray[Any]:
    view = array.view()
    view.setflags(write=False)
    return view


def _lay(array: NDArray[Any], room: NDArray[Any], edge: bool) -> None:
    """Write an array into the beginning of a larger one; with `edge`, go on with its last column.

    Cumulative weights go on so: no draw selects what is added.
    """
    room[tuple(slice(size) for size in array.shape)] = array
    if edge:
        room[: array.shape[0], array.shape[1] :] = array[:, -1:]


def _empty(scenario: Scenario, sets: int) -> tuple[Params, NDArray[Any]]:
    """Return parameter sets and frames of empty rows alone."""
    sizes, arrays = _sizes(scenario, sets), {}
    for name, (axes, dtype) in legend().items():
        arrays[name] = np.zeros([sizes[axis] for axis in axes.split()], dtype)
        for field, value in _NOBODY.get(name, {}).items():
            arrays[name][field] = value
    return Params(**arrays), np.zeros(sets, FRAME)


def _sizes(scenario: Scenario, sets: int) -> dict[str, int]:
    """Return the length of each axis of the parameters, enough for every deployment."""
    draw = scenario.deployments
    assert draw is not None
    whole = scenario_params(scenario)
    organic = draw.shooters[1] if scenario.picture.organic_sensors else 0
    return {
        "P": sets,
        "K": len(scenario.threat_kinds),
        "A": draw.assets[1],
        "S": draw.shooters[1],
        "R": draw.sensors[1] + organic,
        "Q": whole.sensor_path.shape[2],
        "F": len(scenario.nations),
        "D": 1,
        "G": draw.packages[1],
        "N": ENTRY_POINTS,
        "L": whole.via.shape[2],
        "W": whole.via.shape[3],
    }
