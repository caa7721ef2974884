"""A second, slow engagement model in plain Python, written from the documents, not from the core.

One raid, one epoch, no arrays: what `docs` and the legends of state and parameters say of raids in
a perfect picture, and of the lulls between those of a campaign; without fighter pairs, jammers and
neutral aircraft. It shares no code with `envs.core`, so a slip would have to be made twice, in two
ways of writing, to go unseen.
"""

import math
from dataclasses import dataclass, field
from types import SimpleNamespace as Row
from typing import Any

PENDING, INBOUND, KILLED, LEAKED, DUD = "pending", "inbound", "killed", "leaked", "dud"
HORIZON = 4124.0  # metres of sight a root metre of height, over an earth of 4/3 of its radius


@dataclass
class Threat:
    """One threat as it truly is; times in s since the raid began, places in m."""

    number: int
    kind: Row
    aim: int
    hits: bool
    kill_u: float
    route: list[tuple[float, float, float]]  # x, y, time of each vertex
    status: str
    survival: float = 1.0

    @property
    def impact_s(self) -> float:
        """When it arrives."""
        return self.route[-1][2]

    def leg(self, time_s: float) -> int:
        """Return the vertex passed last, at most the one before the aim point."""
        passed = [n for n, vertex in enumerate(self.route[:-1]) if vertex[2] <= time_s]
        return passed[-1] if passed else 0

    def motion(self, time_s: float) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Return where it is and how fast it moves, in three dimensions."""
        n = self.leg(time_s)
        (x0, y0, t0), (x1, y1, t1) = self.route[n], self.route[n + 1]
        share = (time_s - t0) / (t1 - t0)
        height, climb = self.kind.altitude_m, 0.0
        if self.kind.ballistic:  # one straight leg from its altitude to the ground
            height, climb = height * (1.0 - share), -height / (t1 - t0)
        place = (x0 + share * (x1 - x0), y0 + share * (y1 - y0), max(0.0, height))
        return place, ((x1 - x0) / (t1 - t0), (y1 - y0) / (t1 - t0), climb)


@dataclass
class Engagement:
    """One interceptor in flight."""

    resolve_s: float
    pk: float
    target: Threat
    leg: int


@dataclass
class Shooter:
    """One fire unit."""

    made: Row
    pk0: dict[int, float]  # by number of the threat kind
    rounds: int
    reserve: int
    reload_s: float  # inf: none under way
    able: bool
    in_flight: list[Engagement] = field(default_factory=list)


@dataclass
class World:
    """One raid at the beginning of an epoch."""

    now_s: float
    epoch_s: float
    threats: list[Threat]
    shooters: list[Shooter]
    assets: list[Row]
    health: list[float]
    sensors: list[Row]
    counts: dict[str, float]
    day: float = 0.0
    depots: list[int] = field(default_factory=list)  # by delivery: what nobody could take yet


@dataclass
class Shot:
    """What an engagement of a threat would be; `margin`: how near it is to being otherwise."""

    pk: float
    flight_s: float
    margin: float


def visible(world: World, threat: Threat) -> tuple[bool, float]:
    """Return whether some sensor has a threat in view, and how clearly that is so."""
    if threat.status != INBOUND:
        return False, 1.0
    (x, y, z), _ = threat.motion(world.now_s)
    clearest = -math.inf
    for sensor in world.sensors:
        if not sensor.able:
            continue
        ground = math.hypot(x - sensor.x_m, y - sensor.y_m)
        sight = HORIZON * (math.sqrt(sensor.antenna_m) + math.sqrt(z))
        reach = sensor.range_m * threat.kind.signature
        clear = min(1.0 - ground / sight, 1.0 - math.hypot(ground, z) / reach)
        clearest = max(clearest, clear)
    return clearest > 0.0, abs(clearest)


def shot(world: World, shooter: Shooter, threat: Threat) -> Shot:
    """Return the engagement of a threat by a shooter that launches now; pk 0: there is none."""
    made, kind = shooter.made, threat.kind
    pk0 = shooter.pk0[kind.number]
    seen, margin = visible(world, threat)
    if not seen or not shooter.able or pk0 == 0.0:
        return Shot(0.0, 0.0, margin if shooter.able and pk0 > 0.0 else 1.0)
    place, speed = threat.motion(world.now_s)
    flight_s, root = intercept(place, speed, made)
    if flight_s is None:
        return Shot(0.0, 0.0, min(margin, root))
    hit = [p + v * flight_s for p, v in zip(place, speed, strict=True)]
    ground = math.hypot(hit[0] - made.x_m, hit[1] - made.y_m)
    slant = math.hypot(ground, hit[2])
    which = "ballistic" if kind.ballistic else "air"
    near, far, low, high = (
        getattr(made, f"{which}_{name}")
        for name in ("range_min_m", "range_max_m", "altitude_min_m", "altitude_max_m")
    )
    aim = world.assets[threat.aim]
    left_m = math.hypot(aim.x_m - place[0], aim.y_m - place[1])
    if kind.ballistic:
        left_m = math.hypot(left_m, place[2])
    sight = HORIZON * (math.sqrt(made.antenna_m) + math.sqrt(max(hit[2], 0.0)))
    clear = [
        1.0 - flight_s / (left_m / kind.speed_mps) if left_m > 0.0 else -1.0,
        slant / near - 1.0 if near > 0.0 else 1.0,
        1.0 - slant / far if far > 0.0 else -1.0,
        hit[2] / low - 1.0 if low > 0.0 else 1.0,
        1.0 - hit[2] / high if high > 0.0 else -1.0,
        1.0 - ground / sight,
    ]
    margin = min(margin, root, abs(min(clear)))
    if min(clear) < 0.0:
        return Shot(0.0, 0.0, margin)
    return Shot(pk0 * (1.0 - made.falloff * (slant / far) ** 2), flight_s, margin)


def intercept(
    place: tuple[float, ...], speed: tuple[float, ...], made: Row
) -> tuple[float | None, float]:
    """Return the smallest tau from the reaction time on with |p + v tau - s| = w (tau - reaction).

    Found by looking for it: the distance that the interceptor still lacks is followed in small
    steps to its first change of sign, which is then halved down to.

    Returns:
        tau in s, None if there is none, and how clearly that is so.
    """

    def lacks(tau: float) -> float:
        away = math.dist(
            (place[0] + speed[0] * tau, place[1] + speed[1] * tau, place[2] + speed[2] * tau),
            (made.x_m, made.y_m, 0.0),
        )
        return away - made.interceptor_mps * (tau - made.reaction_s)

    # What it lacks is a convex function of tau: if it does not fall any more, it never will.
    low, step = made.reaction_s, 1.0
    if lacks(low) <= 0.0:
        return low, 1.0
    least, high = math.inf, low
    while True:
        high = low + step
        value = lacks(high)
        if value <= 0.0:
            break
        if value >= least or high > 1e5:
            return None, least / (made.interceptor_mps * high)
        least, low, step = value, high, step * 1.3
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if lacks(middle) > 0.0 else (low, middle)
    return 0.5 * (low + high), 1.0


def can_fire(shooter: Shooter) -> bool:
    """Return whether a shooter has the rounds and a free channel for one more engagement."""
    ready = shooter.rounds >= shooter.made.rounds_per_engagement
    return shooter.able and ready and len(shooter.in_flight) < shooter.made.channels


def play(world: World, orders: list[Threat | None], wrong: int) -> list[float]:
    """Play one epoch; return how near each judgement was to being otherwise.

    Args:
        world: changed in place.
        orders: for each shooter what it engages; None: it holds.
        wrong: orders that name no track at all.
    """
    counts, until_s = world.counts, world.now_s + world.epoch_s
    counts["illegal_actions"] += wrong
    for shooter, target in zip(world.shooters, orders, strict=True):
        if target is not None:
            launch(world, shooter, target)
    near = resolve(world, until_s)
    strike(world, until_s)
    put_out_of_action(world)
    world.now_s = until_s
    for shooter in world.shooters:
        reload(shooter, world.now_s)
    for threat in world.threats:
        if threat.status == PENDING and threat.route[0][2] <= world.now_s:
            threat.status = INBOUND
    return near


def launch(world: World, shooter: Shooter, target: Threat) -> None:
    """Begin an engagement, or count an order that is not legal."""
    found = shot(world, shooter, target)
    if found.pk == 0.0 or not can_fire(shooter):
        world.counts["illegal_actions"] += 1
        return
    spent = shooter.made.rounds_per_engagement
    shooter.rounds -= spent
    world.counts["engagements"] += 1
    world.counts["rounds_fired"] += spent
    world.counts["rounds_cost_keur"] += spent * shooter.made.cost_keur
    if target.kind.decoy:
        world.counts["rounds_at_decoys"] += spent
    flown = Engagement(world.now_s + found.flight_s, found.pk, target, target.leg(world.now_s))
    shooter.in_flight.append(flown)


def resolve(world: World, until_s: float) -> list[float]:
    """Judge what is due, by time and shooter: a threat dies once its survival is at most its u."""
    due = [
        (flown.resolve_s, s, flown)
        for s, shooter in enumerate(world.shooters)
        for flown in shooter.in_flight
        if flown.resolve_s < until_s
    ]
    near = []
    for time_s, s, flown in sorted(due, key=lambda entry: entry[:2]):
        shooter, target = world.shooters[s], flown.target
        shooter.in_flight.remove(flown)
        if target.status not in (PENDING, INBOUND) or time_s >= target.impact_s:
            world.counts["rounds_wasted"] += shooter.made.rounds_per_engagement
            continue
        passed = target.leg(time_s) - flown.leg
        pk = flown.pk * (1.0 - target.kind.evasion) ** passed
        target.survival *= 1.0 - pk
        near.append(abs(target.survival - target.kill_u))
        if target.survival <= target.kill_u:
            target.status = KILLED
            world.counts["killed"] += 1
            world.counts["killed_cost_keur"] += target.kind.cost_keur
    return near


def strike(world: World, until_s: float) -> None:
    """Let the threats arrive that are due, by time and number."""
    arriving = [
        threat
        for threat in world.threats
        if threat.status in (PENDING, INBOUND) and threat.impact_s < until_s
    ]
    for threat in sorted(arriving, key=lambda threat: (threat.impact_s, threat.number)):
        if not threat.hits:
            threat.status = DUD
            world.counts["duds"] += 1
            continue
        threat.status = LEAKED
        world.counts["leakers"] += 1
        asset, left = world.assets[threat.aim], world.health[threat.aim]
        lost = min(left, threat.kind.damage * (1.0 - asset.hardness))
        world.health[threat.aim] = left - lost
        world.counts["loss"] += asset.value * lost
        if left > 0.0 and left - lost <= 0.0:
            world.counts["assets_lost"] += 1


def put_out_of_action(world: World) -> None:
    """Take out the shooters and sensors that are assets without health left.

    What such a shooter has in flight is wasted, and so is whatever flies when the raid is over.
    """
    for shooter in world.shooters:
        if shooter.made.asset >= 0 and world.health[shooter.made.asset] <= 0.0:
            shooter.able = False
        if not shooter.able or over(world):
            lost = len(shooter.in_flight) * shooter.made.rounds_per_engagement
            world.counts["rounds_wasted"] += lost
            shooter.in_flight = []
    for sensor in world.sensors:
        destroyed = sensor.asset >= 0 and world.health[sensor.asset] <= 0.0
        owner = world.shooters[sensor.shooter] if sensor.shooter >= 0 else None
        if destroyed or (owner is not None and not owner.able):
            sensor.able = False


def reload(shooter: Shooter, now_s: float) -> None:
    """Take in rounds that have been brought, and begin to bring the next as soon as they fit."""
    if not shooter.able:
        shooter.reload_s = math.inf
        return
    made = shooter.made
    if shooter.reload_s <= now_s:
        brought = min(made.reload_rounds, shooter.reserve)
        shooter.rounds, shooter.reserve = shooter.rounds + brought, shooter.reserve - brought
        shooter.reload_s = math.inf
    coming = min(made.reload_rounds, shooter.reserve)
    if shooter.reload_s == math.inf and 0 < coming <= made.magazine - shooter.rounds:
        shooter.reload_s = now_s + made.reload_s


def pass_lull(
    world: World,
    day: float,
    repair_per_day: float,
    deliveries: list[Row],
    given: list[int | None],
) -> None:
    """Let the days until the next raid pass; its threats are not drawn here.

    Args:
        world: changed in place.
        day: of the next raid.
        repair_per_day: health that each asset regains.
        deliveries: each with `kind`, `rounds_per_day`, `first_day` and `nations`, a bool each.
        given: for each of them the shooter that is to have all of it; None: by need.
    """
    world.health = [
        min(1.0, health + repair_per_day * (day - world.day)) for health in world.health
    ]
    for shooter in world.shooters:
        made = shooter.made
        stands = made.asset < 0 or world.health[made.asset] > 0.0
        shooter.able = made.ready_day <= day < made.leave_day and stands
    for sensor in world.sensors:
        stands = sensor.asset < 0 or world.health[sensor.asset] > 0.0
        sensor.able = stands and (sensor.shooter < 0 or world.shooters[sensor.shooter].able)
    for d, delivery in enumerate(deliveries):
        arrived = [
            math.floor(delivery.rounds_per_day * max(0.0, until - delivery.first_day))
            for until in (world.day, day)
        ]
        world.depots[d] += arrived[1] - arrived[0]
        hand_out(world, d, delivery, given[d])
    for shooter in world.shooters:  # a lull is longer than any reload
        brought = min(shooter.made.magazine - shooter.rounds, shooter.reserve)
        shooter.rounds, shooter.reserve = shooter.rounds + brought, shooter.reserve - brought
        shooter.reload_s = math.inf
    world.day, world.now_s = day, 0.0
    world.counts["raids"] += 1


def may_have(delivery: Row, shooter: Shooter, day: float) -> bool:
    """Return whether a delivery can be given to a shooter, in the lull after the raid of a day."""
    made = shooter.made
    usable = made.kind == delivery.kind and bool(delivery.nations[made.nation])
    return usable and day < made.leave_day


def hand_out(world: World, d: int, delivery: Row, given: int | None) -> None:
    """Give what lies in a depot to one shooter, or round by round to whoever has least for it."""
    if given is not None and world.shooters[given].able:
        world.shooters[given].reserve += world.depots[d]
        world.counts["rounds_delivered"] += world.depots[d]
        world.depots[d] = 0
    while world.depots[d] > 0:
        takers = [
            ((shooter.rounds + shooter.reserve) / (shooter.made.rounds + shooter.made.reserve), s)
            for s, shooter in enumerate(world.shooters)
            if shooter.able
            and shooter.made.kind == delivery.kind
            and delivery.nations[shooter.made.nation]
        ]
        if not takers:
            return
        world.shooters[min(takers)[1]].reserve += 1
        world.counts["rounds_delivered"] += 1
        world.depots[d] -= 1


def over(world: World) -> bool:
    """Return whether no threat is left to come, or everything is lost."""
    coming = any(threat.status in (PENDING, INBOUND) for threat in world.threats)
    return not coming or all(health <= 0.0 for health in world.health)


def rows(records: Any) -> list[Row]:
    """Return records of an array as plain objects of plain numbers."""
    names = records.dtype.names
    return [Row(**dict(zip(names, row, strict=True))) for row in records.tolist()]
