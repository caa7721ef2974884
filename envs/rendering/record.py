"""A record of one raid: copies of the core's state, epoch by epoch, and how engagements ended.

Nothing is simulated and nothing drawn by chance here: a `Recorder` is told after every reset and
step, copies one member of the batch, and works out from two neighbouring moments which engagements
began and how others ended, asking the core's own rule.
"""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from envs.batch import RaidBatch
from envs.core.engagement import kills
from envs.core.params import NONE, Params
from envs.core.state import INBOUND, KILLED
from envs.entities import Scenario
from envs.scenario_params import scenario_params

Array = NDArray[Any]

# How an engagement ends. A fighter pair looks before it fires, and may leave alone what it meets.
IN_FLIGHT, KILL, MISS, LATE, ASTRAY = "in flight", "kill", "miss", "late", "astray"
LEFT_ALONE, CALLED_BACK, DROPPED = "left alone", "called back", "dropped"
OUTCOMES = (IN_FLIGHT, KILL, MISS, LATE, ASTRAY, LEFT_ALONE, CALLED_BACK, DROPPED)


class Moment(NamedTuple):
    """One member of a batch at the start of an epoch; rows are those of `envs.core.state.State`.

    T threats, I track slots, S shooters, C fire channels, A assets, K threat kinds, M metrics.
    """

    step: int  # since the episode began; the time axis of a record
    raid: Any  # a record
    threat: Array  # records [T], the truth
    track_of: Array  # int64 [T], slot of the threat's track, or NONE
    held: Array  # bool [I]
    track: Array  # records [I], where one is held
    belief: Array  # float32 [I, K]
    legal: Array  # int64 [I], shooters that may fire at the track now
    reach: Array  # int64 [I], shooters that could, had they a round and a channel free
    best_pk: Array  # float32 [I], highest pk of those that may; 0: none
    best_shooter: Array  # int64 [I], whose pk that is
    sensor: Array  # records [R]
    shooter: Array  # records [S]
    engagement: Array  # records [S, C], the first `busy` of each row are in flight
    health: Array  # float64 [A]
    metrics: Array  # float64 [M]
    protected_share: float  # 1 - loss so far / undefended loss

    @property
    def over(self) -> bool:
        """Whether the episode is over."""
        return bool(self.raid.terminated or self.raid.truncated)


@dataclass
class Engagement:
    """One engagement; times are in steps since the episode began, fractions within one.

    Attributes:
        raid: raids of the campaign before the one that it is of.
        shooter: row of the shooter.
        threat: row of the threat shot at, the truth.
        slot: of the track that was shot at.
        launched: when it was ordered.
        resolves: when it is to be judged.
        pk: kill probability predicted at launch.
        outcome: one of `OUTCOMES`.
        ended: when it ended; until then, when it is to be judged.
    """

    raid: int
    shooter: int
    threat: int
    slot: int
    launched: float
    resolves: float
    pk: float
    outcome: str = IN_FLIGHT
    ended: float = 0.0


@dataclass
class Record:
    """What happened in one episode, a raid or a campaign.

    Attributes:
        scenario: what was played.
        params: the same as arrays.
        seed: of the raid.
        moments: one at the start, and one after each step.
        engagements: in the order of their launch.
    """

    scenario: Scenario
    params: Params
    seed: int
    moments: list[Moment] = field(default_factory=list)
    engagements: list[Engagement] = field(default_factory=list)

    @property
    def last(self) -> Moment:
        """The present."""
        return self.moments[-1]

    def in_flight(self) -> list[Engagement]:
        """Return the engagements under way."""
        return [one for one in self.engagements if one.outcome == IN_FLIGHT]


class Recorder:
    """Keeps the record of one member of a batch.

    Call `note` after every reset and step of the batch. Where the episode begins anew, so does the
    record; where steps were left out, it begins at the present.

    Args:
        batch: what is played; read, never touched.
        row: which member.
    """

    def __init__(self, batch: RaidBatch, row: int = 0) -> None:
        self._batch, self._row = batch, row
        self.record = self._blank()

    def note(self) -> None:
        """Add the present to the record; a second time in the same epoch it changes nothing."""
        now = _moment(self._batch, self._row, self._batch.deployment(self._row))
        passed = None
        if self.record.moments:
            before = self.record.last
            same = before.raid.campaign_key == now.raid.campaign_key
            passed = now.step - before.step if same else None
        if passed == 0:
            return
        if passed == 1:
            _settle(self.record, before, now, self._batch.state().route[self._row])
        else:
            self.record = self._blank()
        self.record.moments.append(now)

    def _blank(self) -> Record:
        played, params = self._batch.deployment(self._row), self._batch.params
        if played is not self._batch.scenario:
            params = scenario_params(played)
        return Record(played, params, int(self._batch.seeds[self._row]))


def _moment(batch: RaidBatch, b: int, played: Scenario) -> Moment:
    """Return the present of a member as if what it plays had been played by itself."""
    state, shooters = batch.state(), len(played.shooters)
    mask, pk = state.action_mask[b, :shooters, 1:] != 0, state.pair["pk"][b, :shooters]
    best = np.where(mask, pk, np.float32(0.0))
    raid = state.raid[b].copy()
    raid.params_index = 0
    loss = float(state.metrics[b, 0])
    return Moment(
        step=int(raid.steps),
        raid=raid,
        threat=state.threat[b].copy(),
        track_of=_track_of(state.held[b], state.track[b], len(state.threat[b])),
        held=state.held[b].copy(),
        track=state.track[b].copy(),
        belief=state.belief[b].copy(),
        legal=mask.sum(axis=0),
        reach=(pk > 0.0).sum(axis=0),
        best_pk=best.max(axis=0),
        best_shooter=best.argmax(axis=0),
        sensor=state.sensor[b, : played.num_sensors].copy(),
        shooter=state.shooter[b, :shooters].copy(),
        engagement=state.engagement[b, :shooters].copy(),
        health=state.health[b, : len(played.assets)].copy(),
        metrics=state.metrics[b].copy(),
        protected_share=1.0 - loss / raid.undefended_loss if raid.undefended_loss > 0.0 else 1.0,
    )


def _track_of(held: Array, tracks: Array, threats: int) -> Array:
    """Return the slot of each threat's track, or NONE; from the tracks, as in every picture."""
    slots = np.full(threats, NONE, np.int64)
    slots[tracks["threat"][held]] = np.flatnonzero(held)
    return slots


def _settle(record: Record, before: Moment, after: Moment, routes: Array) -> None:
    """Write which engagements began in the step between two moments, and which ended, and how."""
    if before.raid.lull:
        return
    epoch_s = float(record.params.epoch_s[before.raid.params_index])
    begin = before.step - int(before.raid.epoch)  # step at which this raid began
    flying: list[list[tuple[Engagement, Any]]] = [[] for _ in before.shooter]
    for one in record.in_flight():
        rows = before.engagement[one.shooter]
        flying[one.shooter].append((one, rows[len(flying[one.shooter])]))
    for s, c in _launches(before, after):
        row = after.engagement[s, c]
        one = Engagement(
            raid=int(before.raid.number),
            shooter=s,
            threat=int(row.target),
            slot=int(before.track_of[row.target]),
            launched=float(before.step),
            resolves=begin + float(row.resolve_s) / epoch_s,
            pk=float(row.pk),
        )
        one.ended = one.resolves
        row = row.copy()
        row.track = one.slot  # a launch has guidance until the next picture
        record.engagements.append(one)
        flying[s].append((one, row))
    until_s = np.float32((before.raid.epoch + 1) * np.float32(epoch_s))
    due = [pair for pairs in flying for pair in pairs if pair[1].resolve_s < until_s]
    _judge(record, before, sorted(due, key=lambda pair: pair[1].resolve_s), routes)
    for s, pairs in enumerate(flying):
        left = [one for one, row in pairs if row.resolve_s >= until_s]
        if len(left) > after.shooter["busy"][s]:
            pair = record.params.shooter[before.raid.params_index][s].sortie_s > 0.0
            for one in left:
                one.outcome = CALLED_BACK if pair and not after.over else DROPPED
                one.ended = float(after.step)


def _launches(before: Moment, after: Moment) -> list[tuple[int, int]]:
    """Return (shooter, channel) of the engagements that a step began.

    A launch writes the first channel that was free, which nothing else writes.
    """
    begun = []
    for s, busy in enumerate(before.shooter["busy"]):
        if busy < after.engagement.shape[1]:
            old, new = before.engagement[s, busy], after.engagement[s, busy]
            names = ("resolve_s", "pk", "true_pk", "target", "leg")
            if any(old[name] != new[name] for name in names):
                begun.append((s, int(busy)))
    return begun


def _judge(
    record: Record, before: Moment, due: list[tuple[Engagement, Any]], routes: Array
) -> None:
    """Write how engagements ended, in the order of their ends; as `engagement.resolve` has it."""
    p = before.raid.params_index
    threats, kinds = before.threat.copy(), record.params.threat_kind[p]
    for one, row in due:
        threat = threats[one.threat]
        kind = kinds[threat.kind]
        gone = threat.status != INBOUND or row.resolve_s >= threat.impact_s
        if record.params.shooter[p][one.shooter].sortie_s > 0.0:
            if gone or row.track == NONE:
                one.outcome = CALLED_BACK
                continue
            if kind.neutral or kind.decoy:
                one.outcome = LEFT_ALONE
                continue
        if gone:
            one.outcome = LATE
        elif row.track == NONE:
            one.outcome = ASTRAY
        elif _kills(row, threat, routes[one.threat], kind):
            one.outcome = KILL
            threat.status = KILLED
        else:
            one.outcome = MISS


def _kills(row: Any, threat: Any, route: Array, kind: Any) -> bool:
    """Ask the core's rule, uncompiled: no kernel needs another signature for it."""
    return bool(kills.py_func(row, threat, route, kind))  # type: ignore[attr-defined]
