"""Play the core and the scalar model of `scalar.py` side by side, one step at a time.

python -m tests.envs.scalar_play --transitions 1000000 --scenario duel standard small-clear

Other scenarios are played without what the scalar model leaves out: in a perfect picture, without
fighter pairs, jammers and neutral aircraft. Their campaigns are whole, with all that passes between
two raids, but for the drawing of the next raid.

Each step of the scalar model starts from what the core says, so one difference does not make more.
The core computes in single precision: a figure may differ by some parts in a hundred thousand, and
a decision where the scalar model says that it was as close as that. Such are counted.
"""

import argparse
import math
import time
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.progress import ProgressBar
from envs.batch import RaidBatch
from envs.core import state as core
from envs.scenario import read_scenario
from tests.envs import scalar
from tests.envs.random_play import random_orders
from tests.envs.small import named

CLOSE = 2e-4  # of a limit of sight or range, as a share of it: what float32 may turn round
CLOSE_KILL = 1e-5
_STATUS = {
    core.PENDING: scalar.PENDING, core.INBOUND: scalar.INBOUND, core.KILLED: scalar.KILLED,
    core.LEAKED: scalar.LEAKED, core.DUD: scalar.DUD,
}  # fmt: skip
COUNTS = (
    "loss", "assets_lost", "illegal_actions", "engagements", "rounds_fired", "rounds_wasted",
    "rounds_at_decoys", "rounds_cost_keur", "killed_cost_keur", "killed", "leakers", "duds",
    "raids", "rounds_delivered",
)  # fmt: skip


def covered(name: str) -> dict[str, Any]:
    """Return a scenario by name, without what the scalar model leaves out."""
    source = named(name)
    source = deepcopy(source) if isinstance(source, dict) else read_scenario(source)
    for key in ("picture", "sharing", "neutral_penalty"):
        source.pop(key, None)
    source["shooters"] = [
        {key: value for key, value in one.items() if key != "networked"}
        for one in source["shooters"]
        if one["kind"] not in ("fighter_pair", "jammer")
    ]
    source["sensors"] = [one for one in source["sensors"] if "path" not in one]
    source["packages"] = [one for one in source["packages"] if "exit" not in one]
    if all(one.get("chance", 1) < 1 or one["number"][0] == 0 for one in source["packages"]):
        source["packages"][0] |= {"chance": 1, "number": [1, source["packages"][0]["number"][1]]}
    source["slots"] = sum(one["number"][1] for one in source["packages"])
    names = {one["name"] for one in source["shooters"]}
    kinds = {one["kind"] for one in source["shooters"]}
    for one in source.get("contingents", []):
        one["shooters"] = [shooter for shooter in one["shooters"] if shooter in names]
    for key in ("contingents", "deliveries"):
        rows = source.get(key, [])
        source[key] = [
            one for one in rows if one.get("shooters", True) and one.get("kind") in (None, *kinds)
        ]
    return source


class Sides:
    """A batch of the core, and each of its members as a scalar world."""

    def __init__(self, scenario: Any, members: int) -> None:
        """Take a scenario that the scalar model covers, by name or mapping; begin no raid yet."""
        source = covered(scenario) if isinstance(scenario, str) else scenario
        self.batch = RaidBatch(source, members)
        assert self.batch.scenario.perfect_picture
        params = self.batch.params
        self.kinds, self.assets = scalar.rows(params.threat_kind[0]), scalar.rows(params.asset[0])
        self.made, self.sensors = scalar.rows(params.shooter[0]), scalar.rows(params.sensor[0])
        assert not any(made.jams or made.sortie_s for made in self.made)
        assert not any(sensor.acoustic or sensor.orbit_s for sensor in self.sensors)
        for number, kind in enumerate(self.kinds):
            kind.number = number
        self.pk0 = params.shooter_pk[0].tolist()
        self.plan = scalar.rows(params.campaign)[0]
        self.deliveries = scalar.rows(params.delivery[0])
        for delivery, nations in zip(self.deliveries, params.delivery_to[0], strict=True):
            delivery.nations = nations.tolist()

    def world(self, b: int, counts: dict[str, NDArray[Any]]) -> tuple[scalar.World, list[Any]]:
        """Return a member as a scalar world, and its threats by row, None where there is none."""
        state = self.batch.state()
        threats = [
            self._threat(row, state.route[b, i])
            for i, row in enumerate(scalar.rows(state.threat[b]))
        ]
        shooters = [
            self._shooter(s, row, scalar.rows(state.engagement[b, s])[: row.busy], threats)
            for s, row in enumerate(scalar.rows(state.shooter[b]))
        ]
        sensors = [scalar.Row(**vars(sensor)) for sensor in self.sensors]
        for sensor, now in zip(sensors, scalar.rows(state.sensor[b]), strict=True):
            sensor.able = now.able
        epoch_s = float(self.batch.params.epoch_s[0])
        world = scalar.World(
            now_s=float(state.raid["epoch"][b]) * epoch_s,
            epoch_s=epoch_s,
            threats=[threat for threat in threats if threat is not None],
            shooters=shooters,
            assets=self.assets,
            health=state.health[b].tolist(),
            sensors=sensors,
            counts={name: float(counts[name][b]) for name in COUNTS},
            day=float(state.raid["day"][b]),
            depots=state.depot[b].tolist(),
        )
        return world, threats

    def _threat(self, row: Any, route: NDArray[Any]) -> scalar.Threat | None:
        if row.status == core.ABSENT:
            return None
        vertices = [vertex for vertex in route.tolist() if vertex[2] < math.inf]
        kind, status = self.kinds[row.kind], _STATUS[row.status]
        return scalar.Threat(
            row.number, kind, row.aim, row.hits, row.kill_u, vertices, status, row.survival
        )

    def _shooter(self, s: int, row: Any, flying: list[Any], threats: list[Any]) -> scalar.Shooter:
        in_flight = [
            scalar.Engagement(one.resolve_s, one.pk, threats[one.target], one.leg) for one in flying
        ]
        pk0 = dict(enumerate(self.pk0[s]))
        return scalar.Shooter(
            self.made[s], pk0, row.rounds, row.reserve, row.reload_s, row.able, in_flight
        )

    def step(self, orders: NDArray[np.int64]) -> tuple[int, int]:
        """Play an epoch on both sides, and compare; return transitions and what was too close.

        Raises:
            AssertionError: if they differ, and it was not close.
        """
        before, lulls = self.batch.metrics(), self.batch.state().raid["lull"].copy()
        running = np.flatnonzero(~(self.batch.terminated | self.batch.truncated))
        worlds, close = {}, 0
        for b in running:
            world, threats = self.world(b, before)
            close += self.compare_table(b, world, threats)
            targets, wrong = self.targets(b, orders[b].tolist(), threats)
            given, misgiven = self.given(world, orders[b].tolist(), bool(lulls[b]))
            if lulls[b]:
                world.counts["illegal_actions"] += wrong + misgiven
                worlds[b] = (world, threats, given)
                continue
            worlds[b] = (world, threats, scalar.play(world, targets, wrong + misgiven))
        self.batch.step(orders)
        after = self.batch.metrics()
        for b, (world, threats, outcome) in worlds.items():
            counts = {name: float(after[name][b]) for name in COUNTS}
            if lulls[b]:
                day, repair = float(self.batch.state().raid["day"][b]), self.plan.repair_per_day
                self.check_calendar(b, day - world.day)
                scalar.pass_lull(world, day, repair, self.deliveries, outcome)
            elif min(outcome, default=1.0) < CLOSE_KILL:
                close += 1
                continue
            else:
                self.compare_threats(b, world, threats)
                self.compare_end(b, world)
            self.compare(b, world, counts)
        return len(worlds), close

    def targets(
        self, b: int, orders: list[int], threats: list[Any]
    ) -> tuple[list[scalar.Threat | None], int]:
        """Return what each shooter is to engage, and how many orders are not legal.

        What the core allows is compared elsewhere; here it is what counts.
        """
        legal, targets, wrong = self.batch.observation["action_mask"][b], [], 0
        for s, order in enumerate(orders[: len(self.made)]):
            named_one = 0 < order <= len(threats) and threats[order - 1] is not None
            allowed = named_one and legal[s, order] == 1
            targets.append(threats[order - 1] if allowed else None)
            wrong += order != 0 and not allowed
        return targets, wrong

    def given(
        self, world: scalar.World, orders: list[int], lull: bool
    ) -> tuple[list[int | None], int]:
        """Return which shooter is to have each delivery, and how many such orders are illegal."""
        shooters, given, wrong = world.shooters, list[int | None](), 0
        decisions = orders[len(shooters) :] or [0] * len(self.deliveries)
        for delivery, order in zip(self.deliveries, decisions, strict=True):
            inside = lull and 0 < order <= len(shooters)
            right = inside and scalar.may_have(delivery, shooters[order - 1], world.day)
            given.append(order - 1 if right else None)
            wrong += order != 0 and not right
        return given, wrong

    def check_calendar(self, b: int, days: float) -> None:
        """Check the days of a lull, and that the next raid may begin."""
        assert self.plan.lull_min_days - 1e-4 <= days <= self.plan.lull_max_days + 1e-4
        assert self.batch.state().raid["day"][b] <= self.plan.days
        assert self.batch.state().raid["number"][b] < self.plan.raids
        assert not self.batch.state().raid["lull"][b]

    def compare_end(self, b: int, world: scalar.World) -> None:
        """Compare whether the raid is over, and the campaign."""
        raid, ended = self.batch.state().raid[b], bool(self.batch.terminated[b])
        assert scalar.over(world) == (ended or bool(raid["lull"]))
        last = raid["number"] + 1 >= self.plan.raids or not any(world.health)
        latest = world.day + self.plan.lull_max_days > self.plan.days
        assert not (raid["lull"] and last)
        assert not (ended and not last) or latest, "the calendar may end it, and nothing else"

    def compare_table(self, b: int, world: scalar.World, threats: list[Any]) -> int:
        """Compare what can be fired at what, and how well; return decisions that were too close."""
        state, close = self.batch.state(), 0
        pairs = state.pair[b].tolist()
        mask = self.batch.observation["action_mask"][b].tolist()
        for s, shooter in enumerate(world.shooters):
            ready = scalar.can_fire(shooter)
            for i, threat in enumerate(threats):
                pk, flight_s = pairs[s][i]
                if threat is None:
                    assert mask[s][1 + i] == 0
                    continue
                found = scalar.shot(world, shooter, threat)
                legal = mask[s][1 + i] == 1
                if (found.pk > 0.0 and ready) != legal:
                    where = f"{shooter.made.kind} {s} at {threat.number}, {world.now_s} s"
                    assert found.margin < CLOSE, f"{where}: legal {legal}, {found}"
                    close += 1
                elif legal:
                    assert same(found.pk, pk), f"pk {pk}, {found}"
                    assert same(found.flight_s, flight_s), f"flight {flight_s} s, {found}"
        return close

    def compare_threats(self, b: int, world: scalar.World, threats: list[Any]) -> None:
        """Compare the threats after an epoch."""
        for i, row in enumerate(scalar.rows(self.batch.state().threat[b])):
            if threats[i] is None:
                assert row.status == core.ABSENT
                continue
            threat = threats[i]
            assert threat.status == _STATUS[row.status], (threat, row)
            assert same(threat.survival, row.survival), (threat, row)
            if threat.status == scalar.INBOUND:
                place, speed = threat.motion(world.now_s)
                there = (row.x_m, row.y_m, row.z_m)
                assert math.dist(place, there) < 0.5, (place, there)
                assert math.dist(speed, (row.vx_mps, row.vy_mps, row.vz_mps)) < 0.05

    def compare(self, b: int, world: scalar.World, counts: dict[str, float]) -> None:
        """Compare everything else after a step."""
        state = self.batch.state()
        for s, row in enumerate(scalar.rows(state.shooter[b])):
            shooter = world.shooters[s]
            own = (shooter.rounds, shooter.reserve, shooter.able, len(shooter.in_flight))
            assert own == (row.rounds, row.reserve, row.able, row.busy), (world.now_s, shooter, row)
            assert same(shooter.reload_s, row.reload_s), (s, shooter.reload_s, row)
        # A lull's days are single precision.
        np.testing.assert_allclose(world.health, state.health[b], rtol=0, atol=1e-6)
        assert [s.able for s in world.sensors] == state.sensor["able"][b].tolist()
        assert world.depots == state.depot[b].tolist()
        for name, value in counts.items():
            assert math.isclose(world.counts[name], value, rel_tol=1e-6, abs_tol=1e-9), name


def same(one: float, other: float) -> bool:
    """Return whether two figures are the same but for single precision."""
    return one == other or math.isclose(one, other, rel_tol=2e-4, abs_tol=1e-5)


def agree(
    scenario: Any,
    transitions: int,
    seed: int,
    members: int = 16,
    until: float = math.inf,
    told: Callable[[int], object] = lambda done: None,
) -> tuple[int, int]:
    """Play random raids on both sides; return transitions made, and decisions too close to call.

    Raises:
        AssertionError: where they differ.
    """
    sides, rng, done, close = Sides(scenario, members), np.random.default_rng(seed), 0, 0
    while done < transitions and time.monotonic() < until:
        sides.batch.reset(None, rng.integers(0, 2**40, members))
        eager = rng.choice([0.05, 0.3, 1.0])
        while not sides.batch.terminated.all() and done < transitions and time.monotonic() < until:
            orders = random_orders(sides.batch, rng, illegal=0.02)
            held = rng.random(orders.shape) > eager  # or the rounds are gone at once
            orders[held & ~sides.batch.state().raid["lull"][:, None]] = 0
            made, near = sides.step(orders)
            done, close = done + made, close + near
            told(done)
    return done, close


def main() -> None:
    """Play as many as asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenario", nargs="+", default=["duel"], help="the steps are shared out")
    parser.add_argument("--transitions", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=math.inf)
    given = parser.parse_args()
    until = time.monotonic() + given.seconds
    share = -(-given.transitions // len(given.scenario))
    for name in given.scenario:
        with ProgressBar(name, share) as bar:
            done, close = agree(name, share, given.seed, until=until, told=bar.update)
        print(f"{name}: {done} transitions agree, {close} decisions too close to call", flush=True)


if __name__ == "__main__":
    main()
