"""What holds of the best policy and of planners whatever the figures: salvos, prices, budgets."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.bounds import exact_kernel
from agents.bounds.exact import solve
from agents.classical import make_policy
from agents.classical.look_ahead import LookAhead
from agents.classical.open_loop_kernel import Outlook, search
from agents.classical.policies import PricingPolicy
from envs.batch import RaidBatch
from envs.observation import Layout
from envs.scenario import load_scenario

from .bounds_cases import game
from .classical_observations import prices_by_the_definition, random_tables

STANDARD = load_scenario("standard")
LAYOUT = Layout(STANDARD)


def salvo(rounds, looks, pk, later):
    """Return how many of some like shooters, a round each, the best policy fires at once.

    At a threat worth 10 that can be fired at in `looks` epochs; whoever has not fired by then can
    fire at another, worth `later`.
    """
    table = np.zeros((looks + 1, rounds, 2))
    table[:looks, :, 0], table[looks, :, 1] = pk, pk
    made = game(table, damage=1.0, worth=(10.0, later), aim=(0, 1), rounds=(1,) * rounds)
    solved = solve(made, np.ones(rounds, int))
    action, _ = exact_kernel.best_action(made, solved.start, 0, solved.solution, solved.work)
    orders = action // 3 ** np.arange(rounds) % 3
    assert not np.any(orders == 2), "the other cannot be fired at yet"
    return int(np.sum(orders == 1))


def test_salvos_by_hand():
    # Of two rounds of pk 0.5, the second saves 2.5 of 10, or 0.5 of what comes later.
    assert salvo(2, 1, 0.5, 4.9) == 2
    assert salvo(2, 1, 0.5, 5.1) == 1
    # With a second look it waits for the outcome of the first.
    assert salvo(2, 2, 0.5, 4.9) == 1
    assert salvo(1, 3, 0.5, 9.0) in (0, 1), "a later look is as good as the first"


@settings(max_examples=12, deadline=None)
@given(st.floats(0.2, 0.9), st.floats(1.0, 9.0))
def test_the_best_salvo_grows_with_rounds_and_falls_with_time_left(pk, later):
    table = np.array([[salvo(n, k, pk, later) for k in (1, 2, 3)] for n in (2, 3, 4)])
    assert np.all(np.diff(table, axis=0) >= 0), table
    assert np.all(np.diff(table, axis=1) <= 0), table


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**31), st.floats(0.01, 0.5))
def test_the_open_loop_planner_orders_nothing_below_its_price(seed, price):
    rng = np.random.default_rng(seed)
    shape = (6, 4, 5)
    outlook = Outlook(
        (rng.random(shape) * (rng.random(shape) < 0.7)).astype(np.float32),
        rng.integers(1, 4, shape),
        rng.random(shape[2]),
        np.full(shape[:2], 3),
        np.full(shape[:2], 2),
        np.full(shape[1], price),
    )
    action = np.zeros(shape[1], np.int64)
    search(outlook, 4, action)
    for s in np.flatnonzero(action):
        i = action[s] - 1
        assert outlook.value[i] * outlook.pk[0, s, i] > price
        others = [n for n in np.flatnonzero(action == action[s]) if n != s]
        left = np.prod([1.0 - np.float64(outlook.pk[0, n, i]) for n in others])
        assert outlook.value[i] * left * outlook.pk[0, s, i] > price - 1e-9


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.0, 0.2), st.floats(-0.1, 0.1))
def test_the_pricing_rule_fires_nothing_below_its_price(seed, base, pk_weight):
    tables = random_tables(STANDARD, 3, seed)
    weights = {f"base_{kind}": base for kind in STANDARD.shooter_kinds} | {"pk": pk_weight}
    actions, _ = PricingPolicy(STANDARD, weights).predict(tables)
    saved, pk = (tables["pair"][..., LAYOUT.index("pair", n)] for n in ("value_saved", "pk"))
    for b in range(3):
        prices = prices_by_the_definition(STANDARD, tables, weights, b)
        for s in np.flatnonzero(actions[b]):
            i = actions[b, s] - 1
            assert saved[b, s, i] > prices[s, i]
        # And of those that fire at one track, the last by its own measure still gains.
        for i in set(actions[b][actions[b] > 0] - 1):
            firing = np.flatnonzero(actions[b] == i + 1)
            left = [np.prod([1.0 - pk[b, n, i] for n in firing if n != s]) for s in firing]
            gains = [saved[b, s, i] for s in firing] * np.array(left) - prices[firing, i]
            assert max(gains) > -1e-6


def test_more_candidates_never_look_worse_to_look_ahead_itself():
    duel = load_scenario("duel")
    batch = RaidBatch(duel, 12)
    batch.reset(seeds=np.arange(12))
    for _ in range(3):
        batch.step(np.zeros((12, duel.num_shooters), np.int64))
    base = make_policy("wta_greedy", duel)
    wide = LookAhead(duel, base, candidates=8, futures=16)
    actions = base.predict(batch.observation)[0]
    chosen = set()
    for b in range(12):
        choices = wide.neighbours(actions[b], batch.observation, b)
        rows, seeds = np.repeat(b, 16 * len(choices)), np.tile(np.arange(16), len(choices))
        returns = wide._simulate(batch, rows, seeds, np.repeat(choices, 16, axis=0))
        returns = returns.reshape(len(choices), 16)
        gain = returns - returns[0]
        sure = gain.mean(axis=1) - wide.caution * gain.std(axis=1, ddof=1) / 4.0
        measures = []
        for budget in (2, 3, 5, 8):
            narrow = LookAhead(duel, base, candidates=budget, futures=16)
            some = narrow.neighbours(actions[b], batch.observation, b)
            assert np.array_equal(some, choices[:budget]), "nested"
            picked = narrow._best(returns[:budget])
            measures.append(max(0.0, sure[picked]))
            chosen.add(picked)
        assert measures == sorted(measures)
    assert len(chosen) > 1
