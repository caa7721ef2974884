"""Golden engagements: whole raids written out for people to read, and to compare with."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envs.batch import RaidBatch
from envs.core.params import NONE
from envs.core.state import ABSENT, DUD, KILLED, LEAKED
from tests.envs.small import held

FOLDER = Path(__file__).parents[1] / "golden"
_SEEDS = {  # of the test split, by policy and scenario
    "nearest": {
        "duel": (1, 2, 3), "standard": (1, 2, 3), "low-flyers": (1, 2), "decoys": (1, 2),
        "ballistic": (1, 2, 3), "saturation": (1, 2), "stovepipes": (1, 2), "standardised": (1, 2),
        "air-policing": (1, 2, 3), "campaign": (1,), "rotation-gap": (1,), "region": (1,),
        "random": (1, 2),
    },
    "best": {
        "duel": (1, 4, 5, 6), "standard": (1, 4, 5), "low-flyers": (1, 3), "decoys": (1, 3),
        "ballistic": (1, 4), "saturation": (1,), "stovepipes": (1,), "standardised": (1,),
        "air-policing": (1, 4), "rotation-overlap": (1,), "random": (3,),
    },
    "hold": {
        "duel": (1, 7), "standard": (1, 6), "low-flyers": (4,), "decoys": (4,), "ballistic": (1,),
        "saturation": (4,), "air-policing": (1,),
    },
}  # fmt: skip
RAIDS = tuple(
    (scenario, policy, seed)
    for policy, scenarios in _SEEDS.items()
    for scenario, seeds in scenarios.items()
    for seed in seeds
)
# Metrics that say little where the picture is perfect, and are left out there.
TRACKING = ("threats", "threats_tracked", "track_delay_s", "tracked_share", "mean_track_delay_s")


def path(scenario: str, policy: str, seed: int) -> Path:
    """Return the file of one golden raid."""
    return FOLDER / f"{scenario}-{policy}-{seed}.txt"


def recorded() -> list[Path]:
    """Return the files of golden raids that there are."""
    return sorted(FOLDER.glob("*-[0-9]*.txt"))


def nearest(batch: RaidBatch) -> NDArray[np.int64]:
    """Return orders, int64 [1, S]: at the track that strikes first, what is likeliest to kill it.

    One engagement a track at a time, so that the text shows which one killed. On a tie the lower
    shooter; tracks are in the order of predicted impact, then of threat number, never of slot.
    """
    orders, free = hold(batch), _legal(batch)
    pk = batch.state().pair["pk"][0]
    for i in _by_impact(batch):
        if free[:, i].any():
            s = np.argmax(np.where(free[:, i], pk[:, i], -1.0))
            orders[0, s] = 1 + i
            free[s] = False
    return orders


def best(batch: RaidBatch) -> NDArray[np.int64]:
    """Return orders, int64 [1, S]: the pair that saves the most value first, one a track."""
    orders, free = hold(batch), _legal(batch)
    saved = batch.state().pair["pk"][0] * batch.state().track["value"][0]
    ordered = _by_impact(batch)  # on a tie the track that strikes first, then the lower shooter
    while free.any():
        _, _, i, s = max(
            (saved[s, i], -n, i, s) if free[s, i] else (-np.inf, -n, i, s)
            for n, i in enumerate(ordered)
            for s in range(len(free) - 1, -1, -1)
        )
        orders[0, s] = 1 + i
        free[s], free[:, i] = False, False
    return orders


def hold(batch: RaidBatch) -> NDArray[np.int64]:
    """Return orders, int64 [1, S], to hold fire."""
    return np.zeros((1, batch.scenario.num_shooters), np.int64)


POLICIES: dict[str, Callable[[RaidBatch], NDArray[np.int64]]] = {
    "nearest": nearest,
    "best": best,
    "hold": hold,
}


def _legal(batch: RaidBatch) -> NDArray[np.bool_]:
    """Return which shooters may engage which tracks that nothing flies at, bool [S, I]."""
    alone = batch.state().track["in_flight"][0] == 0
    return (batch.observation["action_mask"][0, :, 1:] == 1) & alone


def _by_impact(batch: RaidBatch) -> list[int]:
    """Return the slots held, by predicted impact, then by number of threat."""
    state = batch.state()
    impact_s, threat = state.track["impact_s"][0], state.track["threat"][0]
    number = state.threat["number"][0, threat]
    return sorted(np.flatnonzero(held(batch)[0]), key=lambda i: (impact_s[i], number[i]))


def write(scenario: str, policy: str, seed: int) -> str:
    """Return the text of a raid of the test split under one of `POLICIES`.

    Figures are rounded, so that the last bit of another platform does not show.
    """
    batch = RaidBatch(scenario, 1)
    batch.reset(None, np.array([seed]), "test")
    if batch.deployment(0) is not batch.scenario:  # the same raid, without rows of nothing
        batch = RaidBatch(batch.deployment(0), 1)
        batch.reset(None, np.array([seed]), "test")
    version = batch.scenario.version
    lines = [f"{scenario}, version {version}: test raid {seed}, policy {policy}", ""]
    lines += [*_raid(batch), ""]
    while not batch.terminated[0]:
        if batch.state().raid["lull"][0]:
            lines += _lull(batch)
        else:
            lines += _epoch(batch, POLICIES[policy])
    lines += ["", *_totals(batch)]
    return "\n".join(lines) + "\n"


def _lull(batch: RaidBatch) -> Iterator[str]:
    """Let a lull pass; yield the day, rounds and health after it, and the next raid."""
    batch.step(hold(batch))
    state = batch.state()
    yield f"\nday {state.raid['day'][0]:.2f}: raid {int(state.raid['number'][0]) + 1}"
    rounds = state.shooter["rounds"][0] + state.shooter["reserve"][0]
    for s, shooter in enumerate(batch.scenario.shooters):
        yield f"{shooter.name}: {rounds[s]} rounds{'' if state.shooter['able'][0, s] else ', away'}"
    for asset, health in zip(batch.scenario.assets, state.health[0], strict=True):
        if health < 1.0:
            yield f"{asset.name}: health {health:.3f}"
    yield from _raid(batch)
    yield ""


def _raid(batch: RaidBatch) -> Iterator[str]:
    threats = batch.state().threat[0]
    for i in _by_number(threats):
        start_s, impact_s = batch.state().route["time_s"][0, i, 0], threats["impact_s"][i]
        if threats["aim"][i] == NONE:
            yield f"neutral {_threat(batch, i)}: from {start_s:.1f} s to {impact_s:.1f} s"
            continue
        aim = batch.scenario.assets[threats["aim"][i]].name
        yield (
            f"threat {_threat(batch, i)} at {aim}: from {start_s:.1f} s to {impact_s:.1f} s, "
            f"kill number {threats['kill_u'][i]:.4f}, {'hits' if threats['hits'][i] else 'dud'}"
        )


def _epoch(batch: RaidBatch, policy: Callable[[RaidBatch], NDArray[np.int64]]) -> Iterator[str]:
    """Play one epoch; yield its launches, kills and misses, impacts, and what tracks came of it.

    An engagement is late if its threat is dead or has struck, and astray if its track was lost. A
    fighter pair meets its track: whether it fires is for it to decide, and shows in the totals.
    """
    state, names = batch.state(), [shooter.name for shooter in batch.scenario.shooters]
    epoch = int(state.raid["epoch"][0])
    orders = policy(batch)
    pairs, targets = state.pair[0].copy(), state.track["threat"][0].copy()
    for s in np.flatnonzero(orders[0]):
        pair, i = pairs[s, orders[0, s] - 1], targets[orders[0, s] - 1]
        flight = f"pk {pair['pk']:.3f}, {pair['flight_s']:.1f} s"
        known = _known(batch, orders[0, s] - 1)
        yield f"{epoch:4} launch {names[s]} -> {_threat(batch, i)}{known}: {flight}"
    until_s = (epoch + 1) * float(batch.params.epoch_s[0])
    flying = _flying(batch, orders, pairs, until_s)
    before, health = state.threat["status"][0].copy(), state.health[0].copy()
    loss, tracks = batch.metrics()["loss"][0], state.contact["track"][0].copy()
    batch.step(orders)
    after = state.threat["status"][0]
    for resolve_s, s, i, guided in flying:
        result = "kill" if after[i] == KILLED else "miss"
        if before[i] == KILLED or resolve_s >= state.threat["impact_s"][0, i]:
            result = "late"
        elif not guided:
            result = "astray"
        elif result == "miss" and batch.params.shooter["sortie_s"][0, s] > 0.0:
            result = "meet"
        yield f"{epoch:4} {result:6} {names[s]} -> {_threat(batch, i)} at {resolve_s:.1f} s"
    yield from _impacts(batch, epoch, before, health, batch.metrics()["loss"][0] - loss)
    yield from _tracks(batch, tracks)


def _flying(
    batch: RaidBatch, orders: NDArray[Any], pairs: NDArray[Any], until_s: float
) -> list[tuple[float, int, int, bool]]:
    """Return (time, shooter, threat, guided) of the engagements that end before `until_s`."""
    state, now_s = batch.state(), until_s - float(batch.params.epoch_s[0])
    flying = [
        (float(engagement["resolve_s"]), s, int(engagement["target"]), engagement["track"] != NONE)
        for s, engagements in enumerate(state.engagement[0])
        for engagement in engagements[: state.shooter["busy"][0, s]]
    ]
    for s in np.flatnonzero(orders[0]):
        slot = int(orders[0, s]) - 1
        resolve_s = float(np.float32(now_s) + pairs["flight_s"][s, slot])
        flying.append((resolve_s, int(s), int(state.track["threat"][0, slot]), True))
    return sorted(entry for entry in flying if entry[0] < until_s)


def _impacts(
    batch: RaidBatch, epoch: int, before: NDArray[Any], health: NDArray[Any], total: float
) -> Iterator[str]:
    """Yield the epoch's impacts, each with its loss worked out here; they add up to `total`."""
    threats, kinds = batch.state().threat[0], batch.params.threat_kind[0]
    landed = np.flatnonzero(
        (threats["status"] != before) & np.isin(threats["status"], (LEAKED, DUD))
    )
    for i in sorted(landed, key=lambda i: (threats["impact_s"][i], threats["number"][i])):
        a, where = threats["aim"][i], batch.scenario.assets[threats["aim"][i]]
        if a == NONE:
            yield f"{epoch:4} leaves {_threat(batch, i)} at {threats['impact_s'][i]:.1f} s"
            continue
        text = f"{_threat(batch, i)} on {where.name} at {threats['impact_s'][i]:.1f} s"
        if threats["status"][i] == DUD:
            yield f"{epoch:4} dud    {text}"
            continue
        lost = min(health[a], kinds["damage"][threats["kind"][i]] * (1.0 - where.hardness))
        health[a] -= lost
        total -= lost * where.value
        yield f"{epoch:4} leak   {text}: loss {lost * where.value:.3f}, health {health[a]:.3f}"
    assert abs(total) < 1e-9, "the losses written are not those of the core"


def _tracks(batch: RaidBatch, before: NDArray[Any]) -> Iterator[str]:
    """Yield the tracks that the epoch just played has ended and begun, by number of threat.

    Args:
        batch: as it is now.
        before: slots of the threats' tracks before, [T]; NONE all along in a perfect picture.
    """
    state, epoch = batch.state(), int(batch.state().raid["epoch"][0])
    for i in _by_number(state.threat[0]):
        slot = state.contact["track"][0, i]
        begun = slot != NONE and state.track["start"][0, slot] == epoch
        if before[i] != NONE and (slot == NONE or begun):
            yield f"{epoch:4} lost   {_threat(batch, i)}"
        if begun:
            yield f"{epoch:4} track  {_threat(batch, i)}{_known(batch, slot)}"


def _known(batch: RaidBatch, slot: int) -> str:
    """Return what a track is taken for, and where it seems to go, unless that is public."""
    track, picture = batch.state().track[0, slot], batch.params.picture[0]
    text = ""
    if not picture["kinds_public"]:
        belief = batch.state().belief[0, slot, track["kind"]]
        text += f" taken for a {batch.scenario.threat_kinds[track['kind']]}, {belief:.3f},"
    if not picture["aims_public"]:
        text += f" at {batch.scenario.assets[track['aim']].name}, {track['aim_belief']:.3f}"
    return text


def _totals(batch: RaidBatch) -> Iterator[str]:
    left_out = TRACKING if batch.scenario.perfect_picture else ()
    if batch.scenario.campaign.raids == 1:
        left_out += ("raids",)
    for name, values in batch.metrics().items():
        if values[0] != 0.0 and name not in left_out:
            yield f"{name}: {values[0]:.6g}"


def _threat(batch: RaidBatch, i: int) -> str:
    threat = batch.state().threat[0, i]
    return f"{int(threat['number']):2} {batch.scenario.threat_kinds[threat['kind']]}"


def _by_number(threats: NDArray[Any]) -> list[int]:
    present = np.flatnonzero(threats["status"] != ABSENT)
    return sorted(present, key=lambda i: int(threats["number"][i]))
