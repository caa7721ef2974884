"""Networks of the allocation policy: tokens, pooled context, prices, pair residual, value.

Rows of a table are treated alike and pooled by sums, so that permuting slots, shooters or assets
permutes the result, and any number of them fits the same weights. Only tracks that are there and
pairs that are legal are computed on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from agents.classical.terms import LONGEST_SLACK_MIN, MANY_DAYS, SOON_DAYS, term_names
from agents.learned.distribution import Pairs, PairScores

POOL_SCALE = 0.1
"""Sums over rows are multiplied by this, so that a few dozen rows give numbers of order one."""

Columns = Mapping[str, Sequence[str]]
"""Names of the columns of each observation table, in order."""


@dataclass(frozen=True)
class Tables:
    """The observation as tensors; tracks as the list of those that are there, P of them."""

    track: Tensor
    """float32 [P, track columns + pair columns]; the latter: the largest over shooters."""
    inputs: dict[str, Tensor]
    """The track, shooter and asset tables as networks read them: squashed."""
    member: Tensor
    """int64 [P], the state each track belongs to."""
    place: Tensor
    """int64 [B, I], where the track of a slot stands in the list."""
    shooter: Tensor
    """float32 [B, S, shooter columns]."""
    asset: Tensor
    """float32 [B, A, asset columns]."""
    clock: Tensor
    """float32 [B, clock columns]."""
    pair: Tensor
    """float32 [B, S, I, pair columns]."""
    mask: Tensor
    """int8 [B, S, 1 + I]."""


def read_tables(observation: Mapping[str, Tensor], present: int) -> Tables:
    """List the tracks that are there.

    Args:
        observation: Tables float32 [B, rows, columns] and the mask.
        present: Column of the track table that says so.
    """
    track = observation["track"]
    held = track[..., present] > 0
    member, slot = held.nonzero(as_tuple=True)
    place = torch.zeros(held.shape, dtype=torch.int64)
    place[member, slot] = torch.arange(len(member))
    best = observation["pair"].amax(1)
    listed = torch.cat([track[member, slot], best[member, slot]], -1)
    shooter, asset = observation["shooter"], observation["asset"]
    return Tables(
        track=listed,
        inputs={
            n: squashed(t) for n, t in (("track", listed), ("shooter", shooter), ("asset", asset))
        },
        member=member,
        place=place,
        shooter=shooter,
        asset=asset,
        clock=observation["clock"],
        pair=observation["pair"],
        mask=observation["action_mask"],
    )


def squashed(table: Tensor) -> Tensor:
    """Columns of order one nearly as they are, long times and ranges bent towards a limit."""
    return table / (1.0 + 0.1 * table.abs())


class Tokens(nn.Module):
    """Tokens of tracks, shooters and assets, and the context pooled from them."""

    def __init__(self, columns: Columns, width: int) -> None:
        super().__init__()
        track_columns = len(columns["track"]) + len(columns["pair"])
        self.track = nn.Sequential(nn.Linear(track_columns, width), nn.ReLU())
        self.shooter = nn.Sequential(nn.Linear(len(columns["shooter"]), width), nn.ReLU())
        self.asset = nn.Sequential(nn.Linear(len(columns["asset"]), width), nn.ReLU())
        self._able = columns["shooter"].index("present")
        self._asset_present = columns["asset"].index("present")
        self.context_width = 3 * width + len(columns["clock"])

    def forward(self, tables: Tables) -> tuple[Tensor, Tensor, Tensor]:
        """Track tokens [P, width], shooter tokens [B, S, width], context [B, context_width]."""
        track = self.track(tables.inputs["track"])
        # A shooter or asset that is not there is nothing, not a default thing.
        able = tables.shooter[..., self._able, None]
        shooter = self.shooter(tables.inputs["shooter"]) * able
        asset = self.asset(tables.inputs["asset"]) * tables.asset[..., self._asset_present, None]
        pooled_track = track.new_zeros(len(tables.clock), track.shape[1])
        pooled_track = pooled_track.index_add(0, tables.member, track)
        sums = torch.cat([pooled_track, shooter.sum(1), asset.sum(1)], -1) * POOL_SCALE
        return track, shooter, torch.cat([sums, tables.clock], -1)


class Prices(nn.Module):
    """The pricing rule: cost of a round as a weighted sum of named terms.

    ``price(s, i) = sum_t w_t term_t(s, i)``, the terms those of ``agents.classical.terms``.
    Weights are stored divided by ``scale``: an optimiser step of size lr moves one by lr * scale.
    """

    def __init__(self, columns: Columns, scale: float) -> None:
        super().__init__()
        shooter, clock, pair = (list(columns[n]) for n in ("shooter", "clock", "pair"))
        kind_columns = [c for c in shooter if c.startswith("kind_")]
        self.terms = term_names([c.removeprefix("kind_") for c in kind_columns])
        self.scale = scale
        self.scaled_weights = nn.Parameter(torch.zeros(len(self.terms)))
        self._kinds = slice(shooter.index(kind_columns[0]), shooter.index(kind_columns[-1]) + 1)
        self._rounds = shooter.index("rounds_share")
        self._days = shooter.index("days_to_change")
        self._tracks, self._time = clock.index("tracks"), clock.index("time_share")
        self._raids_left, self._days_left = clock.index("raids_left"), clock.index("days_left")
        self._pk, self._slack = pair.index("pk"), pair.index("slack_min")

    def set_weights(self, weights: Mapping[str, float]) -> None:
        """Start from weights by term; terms not named are zero.

        Raises:
            ValueError: A term this policy does not have.
        """
        unknown = sorted(set(weights) - set(self.terms))
        if unknown:
            raise ValueError(f"unknown price terms {unknown}; this policy has {list(self.terms)}")
        values = [float(weights.get(t, 0.0)) / self.scale for t in self.terms]
        with torch.no_grad():
            self.scaled_weights.copy_(torch.tensor(values))

    def weights(self) -> dict[str, float]:
        """The learned weights by term, in the units of value saved."""
        values = (self.scaled_weights.detach() * self.scale).tolist()
        return dict(zip(self.terms, values, strict=True))

    def forward(
        self, pairs: Pairs, shooter: Tensor, pair: Tensor, clock: Tensor, shift: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Cost without the engaged term, and the engaged price, both float32 [N].

        Args:
            pairs: The legal pairs.
            shooter: float32 [R, shooter columns], the shooter of each choice.
            pair: float32 [N, pair columns].
            clock: float32 [B, clock columns].
            shift: float32 [B, terms], what the context adds to the stored weights.
        """
        weights = (self.scaled_weights + shift) * self.scale
        kind = shooter[:, self._kinds]
        kinds = kind.shape[1]
        tracks, pk, slack, engaged, time_share = weights[:, 2 * kinds : 2 * kinds + 5].unbind(-1)
        everywhere = tracks * clock[:, self._tracks] + time_share * clock[:, self._time]
        own = weights[pairs.member, : 2 * kinds]
        by_kind = own[:, :kinds] + own[:, kinds:] * (1.0 - shooter[:, self._rounds, None])
        days_ahead, leaving = weights[:, 2 * kinds + 5 :].unbind(-1)
        of_choice = (kind * by_kind).sum(-1) + everywhere[pairs.member]
        days = shooter[:, self._days]
        ahead = self._days_ahead(days, clock[pairs.member])
        of_choice = of_choice + days_ahead[pairs.member] * ahead
        of_choice = of_choice + leaving[pairs.member] * ((days > 0) & (days <= SOON_DAYS))
        at = pairs.member[pairs.choice]
        long = (pair[:, self._slack] / LONGEST_SLACK_MIN).clamp(max=1.0)
        cost = of_choice[pairs.choice] + pk[at] * pair[:, self._pk] + slack[at] * long
        return cost, engaged[at]

    def _days_ahead(self, days_to_change: Tensor, clock: Tensor) -> Tensor:
        """Days in which each choice's shooter may still meet a raid, float32 [R]: -1 none."""
        left = clock[:, self._days_left]
        days = torch.where(days_to_change > 0, torch.minimum(days_to_change, left), left)
        return (days / MANY_DAYS).clamp(max=2.0) * (clock[:, self._raids_left] > 0) - 1.0


class Actor(nn.Module):
    """Scores of shooter-track pairs: value saved minus a learned price plus a residual."""

    tie_weights: Tensor

    def __init__(
        self,
        columns: Columns,
        width: int,
        price_scale: float,
        beta: float,
        score_limit: float,
        sequential: bool = True,
    ) -> None:
        super().__init__()
        self.score_limit = score_limit
        self.sequential = sequential
        self.tokens = Tokens(columns, width)
        self.prices = Prices(columns, price_scale)
        self.hidden = nn.Sequential(nn.Linear(self.tokens.context_width, width), nn.ReLU())
        self.shift = nn.Linear(width, len(self.prices.terms))
        self.query = nn.Linear(2 * width, width)
        self.key = nn.Linear(width + len(columns["pair"]), width)
        self.log_beta = nn.Parameter(torch.tensor(float(beta)).log())
        self.residual_scale = width**-0.5
        pair = list(columns["pair"])
        self._pk, self._saved = pair.index("pk"), pair.index("value_saved")
        self._in_flight = list(columns["track"]).index("in_flight")
        for layer in (self.shift, self.query):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)
        tie_weights = torch.cos(torch.arange(len(columns["shooter"]), dtype=torch.float32))
        self.register_buffer("tie_weights", tie_weights, persistent=False)

    def forward(self, tables: Tables) -> PairScores:
        """Scores of the legal pairs; see PairScores."""
        pairs = Pairs.from_mask(tables.mask[..., 1:])
        shooter = tables.shooter[pairs.member, pairs.shooter]
        at = pairs.member[pairs.choice]
        pair = tables.pair[at, pairs.shooter[pairs.choice], pairs.track]
        place = tables.place[at, pairs.track]
        track_token, shooter_token, context = self.tokens(tables)
        hidden = self.hidden(context)
        cost, engaged_price = self.prices(pairs, shooter, pair, tables.clock, self.shift(hidden))
        around = torch.cat([shooter_token[pairs.member, pairs.shooter], hidden[pairs.member]], -1)
        key = self.key(torch.cat([track_token[place], squashed(pair)], -1))
        residual = (self.query(around)[pairs.choice] * key).sum(-1) * self.residual_scale
        pk = pair[:, self._pk].contiguous()
        engaged = (tables.track[place, self._in_flight] > 0).float()
        if not self.sequential:
            # What is in flight counts as before; what this epoch's others chose leaves no trace.
            cost = cost + engaged_price * engaged
            pk, engaged_price = torch.zeros_like(pk), torch.zeros_like(engaged_price)
        return PairScores(
            pairs=pairs,
            value_saved=pair[:, self._saved].contiguous(),
            pk=pk,
            cost=cost,
            engaged=engaged,
            engaged_price=engaged_price,
            residual=residual,
            beta=self.log_beta.exp(),
            tie_break=shooter @ self.tie_weights,
            limit=self.score_limit,
        )


class Critic(nn.Module):
    """Expected return: exposure of the assets given what is in flight, plus a network.

    The exposure ``- scale * sum_i value_at_risk_i * survival_i`` as part of the value is the same
    as potential-based shaping of the reward by it (Wiewiora 2003): a shot pays at once what it is
    expected to save, and the network only learns what that leaves out, the worth of rounds above
    all. With a scale of 0 it stays without.
    """

    def __init__(self, columns: Columns, width: int, exposure_scale: float) -> None:
        super().__init__()
        track, shooter = list(columns["track"]), list(columns["shooter"])
        self._at_risk, self._survival = track.index("value_at_risk"), track.index("survival")
        self._rounds = shooter.index("rounds_share")
        self._kinds = [i for i, c in enumerate(shooter) if c.startswith("kind_")]
        self.tokens = Tokens(columns, width)
        inputs = self.tokens.context_width + len(self._kinds) + 1
        self.body = nn.Sequential(
            nn.Linear(inputs, 2 * width), nn.ReLU(), nn.Linear(2 * width, 2 * width), nn.ReLU()
        )
        self.head = nn.Linear(2 * width, 1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)
        scale = torch.tensor(float(exposure_scale))
        self.exposure_scale = nn.Parameter(scale, requires_grad=exposure_scale != 0)

    def forward(self, tables: Tables) -> Tensor:
        """Expected return, float32 [B, 1]."""
        at_risk = tables.track[:, self._at_risk] * tables.track[:, self._survival]
        exposure = torch.zeros(len(tables.clock)).index_add(0, tables.member, at_risk)[:, None]
        kind = tables.shooter[..., self._kinds]
        rounds = (kind * tables.shooter[..., self._rounds, None]).sum(1)
        _, _, context = self.tokens(tables)
        inputs = torch.cat([context, rounds, exposure], -1)
        return self.head(self.body(inputs)) - self.exposure_scale * exposure
