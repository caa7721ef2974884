"""Price networks: what they compute, whom they play for, and their files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from agents.classical import make_policy
from agents.classical.terms import LONGEST_SLACK_MIN
from agents.classical.weights_file import load_tuned, weights_path
from agents.learned.network_files import load_network, save_network
from agents.learned.price_kernel import PAIR_INPUTS
from agents.learned.price_network import (
    PARTS,
    NetworkAllocator,
    NetworkPolicy,
    PriceNetwork,
    bare_network,
    part_sizes,
)
from agents.learned.settings import PriceNetworkSettings
from agents.rollout import play
from envs.batch import RaidBatch
from envs.observation import Layout
from envs.scenario import Scenario, load_scenario

DUEL = load_scenario("duel")


def tuned(scenario: Scenario) -> dict[str, float]:
    return load_tuned(weights_path(scenario.name), scenario.name).weights


def random_network(scenario: Scenario, hidden: int = 8, seed: int = 0) -> PriceNetwork:
    generator = np.random.default_rng(seed)
    parts = {
        name: generator.normal(0.0, 0.3, (rows, hidden)).astype(np.float32)
        for name, rows in part_sizes(scenario).items()
    }
    # Mostly above zero, so that it fires.
    out = np.abs(generator.normal(0.0, 0.02, hidden)).astype(np.float32)
    # Cheaper than tuned, so that it fires a lot.
    known = weights_path(scenario.name).is_file()
    prices = (
        {t: w - 0.3 * t.startswith("base_") for t, w in tuned(scenario).items()} if known else {}
    )
    return PriceNetwork(prices, parts, out)


def busy_batch(scenario: Scenario, epochs: int = 60, members: int = 24) -> RaidBatch:
    """Raids in which something has been fired and much can be."""
    batch = RaidBatch(scenario, members)
    batch.reset(seeds=np.arange(members), split="train")
    policy = make_policy("wta_threshold", scenario)
    for _ in range(epochs):
        batch.step(policy.predict(batch.observation)[0])
    return batch


def test_without_hidden_units_it_is_the_pricing_rule() -> None:
    network = NetworkPolicy(DUEL, bare_network(tuned(DUEL), DUEL))
    seeds = range(200)
    own, rule = (play(p, DUEL, seeds) for p in (network, make_policy("wta_pricing", DUEL)))
    assert own["loss"].tolist() == rule["loss"].tolist()
    assert own["rounds_fired"].tolist() == rule["rounds_fired"].tolist()


def test_it_never_fires_at_what_is_worth_nothing() -> None:
    scenario = load_scenario("standard")  # kinds are public, and decoys do no damage
    eager = {f"base_{kind}": -1.0 for kind in scenario.shooter_kinds}
    rows = play(NetworkPolicy(scenario, bare_network(eager, scenario)), scenario, range(20))
    assert rows["rounds_at_decoys"].sum() == 0
    assert rows["rounds_fired"].sum() > 0


def expected_scores(
    network: PriceNetwork, scenario: Scenario, observation: dict[str, np.ndarray]
) -> dict[tuple[int, int], float]:
    """The scores of one member's pairs before anything is allocated, written out by name."""
    layout = Layout(scenario)
    names = {t: [c.name for c in layout.columns[t]] for t in ("track", "shooter", "pair", "clock")}
    rows = {
        t: [dict(zip(names[t], r, strict=True)) for r in observation[t]]
        for t in ("track", "shooter")
    }
    clock = dict(zip(names["clock"], observation["clock"], strict=True))
    places = ("x_100km", "y_100km", "vx_kmps", "vy_kmps", "aim_x_100km", "aim_y_100km")

    def bent(x: float) -> float:
        return x / (1 + 0.1 * abs(x))

    def kept(row: dict[str, float]) -> list[float]:
        return [bent(value) for name, value in row.items() if name not in places]

    legal = {
        (s, i): dict(zip(names["pair"], observation["pair"][s, i], strict=True))
        for s, i in np.argwhere(observation["action_mask"][:, 1:] != 0).tolist()
        if observation["pair"][s, i, names["pair"].index("value_saved")] > 0
    }
    context = [1.0, *(bent(value) for value in clock.values())]
    for kind in scenario.threat_kinds:
        context.append(
            sum(0.3 * r["value_at_risk"] * r["survival"] * r[f"kind_{kind}"] for r in rows["track"])
        )
    for kind in scenario.shooter_kinds:
        context.append(sum(0.3 * r["rounds_share"] * r[f"kind_{kind}"] for r in rows["shooter"]))
    scores = {}
    for (s, i), pair in legal.items():
        track, shooter = rows["track"][i], rows["shooter"][s]
        at_track = [p for (_, own), p in legal.items() if own == i]
        of_shooter = [p for (own, _), p in legal.items() if own == s]
        saved = [*sorted((p["value_saved"] for p in of_shooter), reverse=True), 0.0]
        dx = track["x_100km"] - shooter["x_100km"]
        dy = track["y_100km"] - shooter["y_100km"]
        apart = np.hypot(dx, dy)
        inputs = {
            "track": [
                *kept(track),
                0.2 * len(at_track),
                max(p["pk"] for p in at_track),
                max(p["value_saved"] for p in at_track),
                np.prod([1 - p["pk"] for p in at_track]),
            ],
            "shooter": [*kept(shooter), 0.1 * len(of_shooter), *saved[:2], 0.3 * sum(saved)],
            "context": context,
            "pair": [
                pair["pk"],
                bent(pair["time_of_flight_min"]),
                bent(pair["slack_min"]),
                pair["value_saved"],
                1.0,
                float(track["in_flight"] > 0),
                0.0,
                apart,
                bent(apart / shooter["range_100km"]),
                -(dx * track["vx_kmps"] + dy * track["vy_kmps"]) / apart,
            ],
        }
        hidden = sum(np.array(inputs[name]) @ network.parts[name] for name in PARTS)
        kind = next(k for k in scenario.shooter_kinds if shooter[f"kind_{k}"] > 0)
        prices = network.prices
        price = prices.get(f"base_{kind}", 0.0)
        price += prices.get(f"scarcity_{kind}", 0.0) * (1 - shooter["rounds_share"])
        price += prices["tracks"] * clock["tracks"] + prices["time_share"] * clock["time_share"]
        price += prices["pk"] * pair["pk"]
        price += prices["slack"] * min(pair["slack_min"] / LONGEST_SLACK_MIN, 1.0)
        price += prices["engaged"] * (track["in_flight"] > 0)
        scores[s, i] = pair["value_saved"] - price + float(np.maximum(hidden, 0) @ network.out)
    return scores


def test_the_pair_of_largest_score_is_allocated_and_nothing_below_zero() -> None:
    scenario = load_scenario("standard")
    network, batch = random_network(scenario), busy_batch(scenario)
    policy = NetworkPolicy(scenario, network)
    chosen = 0
    for b in range(batch.num_envs):
        own = {name: table[b] for name, table in batch.observation.items()}
        scores = expected_scores(network, scenario, own)
        action = policy.predict(own)[0]
        if not scores or max(scores.values()) < -1e-6:
            assert not action.any()
            continue
        s, i = max(scores, key=lambda pair: scores[pair])
        assert action[s] == 1 + i
        chosen += 1
    assert chosen >= 8
    assert len(PAIR_INPUTS) == part_sizes(scenario)["pair"]


def test_rows_can_be_in_any_order() -> None:
    scenario = load_scenario("standard")
    batch, policy = busy_batch(scenario), NetworkPolicy(scenario, random_network(scenario))
    busiest = (policy.predict(batch.observation)[0] > 0).sum(1).argmax()
    own = {name: table[busiest] for name, table in batch.observation.items()}
    actions = policy.predict(own)[0]
    generator = np.random.default_rng(1)
    tracks, shooters = generator.permutation(32), generator.permutation(len(actions))
    mixed = dict(own)
    mixed["track"] = own["track"][tracks]
    mixed["shooter"] = own["shooter"][shooters]
    mixed["pair"] = own["pair"][shooters][:, tracks]
    mask = own["action_mask"]
    mixed["action_mask"] = np.concatenate([mask[:, :1], mask[:, 1:][:, tracks]], 1)[shooters]
    slots = np.where(actions > 0, 1 + np.argsort(tracks)[actions - 1], 0)
    assert policy.predict(mixed)[0].tolist() == slots[shooters].tolist()
    assert (actions > 0).sum() >= 2


def test_candidates_play_as_they_do_alone() -> None:
    networks = [random_network(DUEL, seed=seed) for seed in range(3)]
    batch = busy_batch(DUEL, epochs=15, members=30)
    together = NetworkAllocator(DUEL, networks)
    assert together.candidates == 3
    candidate = np.arange(30) % 3
    actions = together(batch.observation, candidate)
    for n, network in enumerate(networks):
        alone = NetworkPolicy(DUEL, network).predict(batch.observation)[0]
        assert actions[candidate == n].tolist() == alone[candidate == n].tolist()


def test_a_network_comes_back_from_its_folder_to_the_bit(tmp_path: Path) -> None:
    network, settings = random_network(DUEL), PriceNetworkSettings()
    save_network(tmp_path / "agent", network, settings, DUEL)
    loaded = load_network(tmp_path / "agent", DUEL)
    assert loaded.prices == network.prices
    assert all((loaded.parts[name] == network.parts[name]).all() for name in PARTS)
    assert (loaded.out == network.out).all()
    # One shooter or two hundred tracks: the same columns, the same weights.
    NetworkPolicy(load_scenario("region"), loaded)


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    network = random_network(DUEL)
    short = PriceNetwork(
        network.prices, network.parts | {"pair": network.parts["pair"][1:]}, network.out
    )
    with pytest.raises(ValueError, match=r"network\.pair: \[9, 8\] is not right; \[10, 8\] is nee"):
        NetworkPolicy(DUEL, short)
    save_network(tmp_path / "agent", network, PriceNetworkSettings(), DUEL)
    path = tmp_path / "agent" / "config.json"
    config = json.loads(path.read_text())
    path.write_text(json.dumps(config | {"agent": "ppo"}))
    with pytest.raises(ValueError, match="holds an agent 'ppo', which is no price network"):
        load_network(tmp_path / "agent", DUEL)
    config["columns"]["pair"] = ["pk"]
    path.write_text(json.dumps(config))
    with pytest.raises(ValueError, match="was trained on pair columns"):
        load_network(tmp_path / "agent", DUEL)
