"""What a scenario's behaviour follows from, in a few letters: two that differ play differently."""

import hashlib
from collections.abc import Iterator

import numpy as np

from envs.core.randomness import SPLITS
from envs.deployments import deployment
from envs.entities import Scenario
from envs.scenario_params import scenario_params

_LENGTH = 16
_DEPLOYMENTS = 8  # of each split, that are looked at


def scenario_digest(scenario: Scenario) -> str:
    """Return a digest of all that the core plays a scenario by: 16 hexadecimal digits.

    Of the arrays that it is compiled to, kinds of the catalogue included, and of what else enters
    state, observation and reward. Names of places and the description do not count.
    """
    digest = hashlib.sha256()
    for played in (scenario, *_some_deployments(scenario)):
        for words, content in _parts(played):
            digest.update(f"{words} ".encode())
            digest.update(content)
    return digest.hexdigest()[:_LENGTH]


def _some_deployments(scenario: Scenario) -> list[Scenario]:
    """Return the first deployments of each split, by which a change of how they are drawn shows."""
    if scenario.deployments is None:
        return []
    return [
        deployment(scenario, split, number)
        for split in SPLITS
        for number in range(min(_DEPLOYMENTS, getattr(scenario.deployments, split)))
    ]


def _parts(scenario: Scenario) -> Iterator[tuple[str, bytes]]:
    beside = (scenario.slots, scenario.clock_min, scenario.neutral_penalty, scenario.value_meur)
    yield "scenario", repr((*beside, scenario.threat_kinds, scenario.shooter_kinds)).encode()
    if scenario.deployments is not None:
        yield "deployments", repr(scenario.deployments).encode()
    for name, array in scenario_params(scenario)._asdict().items():
        # Field by field: what lies between the fields of a record means nothing.
        for field in array.dtype.names or (None,):
            column = np.ascontiguousarray(array if field is None else array[field])
            words = f"{name} {field} {column.dtype.str} {column.shape}"
            yield words, column.tobytes()
