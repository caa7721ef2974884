"""TensorBoard shows what progress.jsonl records, for every agent, and more to look at."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from agents import recorder, report, runs
from agents.classical import make_policy
from agents.classical.tuning_history import TuningSettings
from agents.evaluation import evaluate
from agents.learned.decisions import decisions, prices_of
from agents.learned.settings import (
    EvolutionSettings,
    MaskablePPOSettings,
    PPOSettings,
    PriceNetworkSettings,
    PricesSettings,
)
from agents.learned.validation import Validation, known_metrics
from agents.progress import CONFIG_FILE, PROGRESS_FILE
from agents.recorder import Recorder, layout, record_scores
from envs.scenario import Scenario

PPO: dict[str, Any] = {
    "steps": 2048, "num_envs": 16, "n_steps": 32, "batch_size": 128, "n_epochs": 1,
    "validation_raids": 24, "validate_every": 1024, "threads": 1,
}  # fmt: skip
AGENTS = {
    "pricing": TuningSettings(
        generations=2, candidates=2, raids=16, validation_raids=24, validate_every=1, batch_size=32
    ),
    "price_network": PriceNetworkSettings(
        iterations=1, raids=60, search_raids=20, validation_raids=24, num_envs=32, epochs=2
    ),
    "es": EvolutionSettings(iterations=2, raids=16, pairs=2, validation_raids=24, num_envs=32),
    "ppo": PPOSettings(**PPO),
    "maskable_ppo": MaskablePPOSettings(**PPO),
    "prices": PricesSettings(**PPO),
}
PRICED = {"pricing", "price_network", "es", "ppo"}


def read(folder: Path) -> EventAccumulator:
    events = EventAccumulator(str(folder), size_guidance={"scalars": 0, "histograms": 0})
    events.Reload()
    return events


@pytest.fixture(scope="module", params=list(AGENTS))
def run(
    request: pytest.FixtureRequest, duel: Scenario, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, Path, EventAccumulator]:
    folder = tmp_path_factory.mktemp(request.param)
    (folder / CONFIG_FILE).write_text(f"agent_name: {request.param}\n")
    runs.fit(AGENTS[request.param], duel, folder, lambda: False)
    return request.param, folder, read(folder)


def test_the_events_hold_the_scalars_of_the_record(run: Any) -> None:
    _, folder, events = run
    lines = [json.loads(line) for line in (folder / PROGRESS_FILE).read_text().splitlines()]
    recorded = {
        (name, line["step"]): np.float32(value)
        for line in lines
        for name, value in line.items()
        if name != "step"
    }
    shown = {
        (name, event.step): np.float32(event.value)
        for name in events.Tags()["scalars"]
        for event in events.Scalars(name)
    }
    assert shown == recorded
    assert len(lines) >= 2


def test_names_are_grouped_and_every_metric_is_there(run: Any, duel: Scenario) -> None:
    agent, _, events = run
    names = set(events.Tags()["scalars"])
    assert {name.split("/")[0] for name in names} <= {"train", "validation", "reference", "time"}
    assert {f"reference/{name}" for name in ("greedy", "pricing", "bound")} <= names
    told = {"protected_share", "gain_over_greedy", "loss", "killed", "leakers"}
    told |= {"rounds_left", "rounds_wasted"}
    told |= {f"leakers_{kind}" for kind in duel.kinds_coming}
    assert {f"validation/{name}" for name in told} <= names
    assert not any("airliner" in name for name in names), "kinds that never come are left out"
    assert "train/protected_share" in names
    if agent in ("ppo", "maskable_ppo", "prices"):
        assert {"train/leakers", "train/rounds_left", "train/value_loss"} <= names


@pytest.mark.parametrize("before", [7.0, None])
def test_minutes_go_on_from_the_last_line_that_is_kept(
    before: float | None, tmp_path: Path
) -> None:
    own = {} if before is None else {"time/cpu_minutes": before}
    lines = [{"step": 1} | own, {"step": 2, "time/cpu_minutes": 9.0}]
    (tmp_path / PROGRESS_FILE).write_text("".join(json.dumps(line) + "\n" for line in lines))
    with Recorder(tmp_path, "training", 10, done=1) as recorder:
        recorder({"train/x": 1.0}, 2)
    last = json.loads((tmp_path / PROGRESS_FILE).read_text().splitlines()[-1])
    assert last["step"] == 2 and last["train/x"] == 1.0
    if before is None:
        assert "time/cpu_minutes" not in last, "what is not known is not made up"
    else:
        assert before <= last["time/cpu_minutes"] < before + 0.1


def test_one_page_tells_the_story(run: Any, duel: Scenario) -> None:
    _, _, events = run
    names = set(events.Tags()["scalars"])
    assert "custom_scalars__config__" in events.Tags()["tensors"]
    charts = layout(duel)["how it goes"]
    assert len(charts) == 4
    for kind, tags in charts.values():
        assert kind == "Multiline"
        assert {tag.removesuffix("$") for tag in tags} <= names


def test_histograms_pictures_and_configuration_are_there(run: Any) -> None:
    agent, _, events = run
    tags = events.Tags()
    expected = {f"actions/{n}" for n in ("firing", "pk", "value_saved", "value_saved_held")}
    expected |= {"prices/pair"} if agent in PRICED else set()
    assert set(tags["histograms"]) == expected
    assert events.Images("validation/raid")[0].width == 960
    text = events.Tensors("configuration/text_summary")[0].tensor_proto.string_val[0]
    assert f"agent_name: {agent}" in text.decode()


def test_final_scores_stand_by_the_settings(duel: Scenario, tmp_path: Path) -> None:
    names = ("wta_greedy", "wta_pricing")
    policies = {name: make_policy(name, duel) for name in names}
    evaluation = evaluate(policies, duel, range(20))
    report.write(evaluation, tmp_path)
    record_scores(tmp_path, AGENTS["ppo"], evaluation)
    events = read(tmp_path)
    own = json.loads((tmp_path / "results.json").read_text())["policies"]["wta_pricing"]
    for tag, key in (("protected_share", "score"), ("gap_closed", "gap_closed")):
        (event,) = events.Scalars(f"final/{tag}")
        assert event.value == pytest.approx(own[key]["estimate"], rel=1e-6)
    assert "_hparams_/session_start_info" in events.PluginTagToContent("hparams")
    content = events.PluginTagToContent("hparams")["_hparams_/session_start_info"]
    assert b"learning_rate" in content and b"duel" in content


def test_without_what_draws_raids_one_line_says_so(
    duel: Scenario, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setattr(recorder, "find_spec", lambda name: None)
    policy = make_policy("wta_greedy", duel)
    with Recorder(tmp_path, "training", 100, settings=AGENTS["ppo"], scenario=duel) as own:
        own.look(policy, 0)
        own.look(policy, 50)
    assert capsys.readouterr().err.count("no pictures of raids") == 1
    assert read(tmp_path).Tags()["images"] == []


def test_looking_leaves_the_generators_alone(duel: Scenario, tmp_path: Path) -> None:
    np.random.seed(3)
    before = np.random.get_state()[1].copy()  # type: ignore[union-attr,index]
    with Recorder(tmp_path, "training", 100, settings=AGENTS["ppo"], scenario=duel) as own:
        own.look(make_policy("random_legal", duel), 0)
    assert np.array_equal(before, np.random.get_state()[1])  # type: ignore[index]


def test_decisions_by_hand(duel: Scenario) -> None:
    """Greedy WTA fires at whatever saves something, so nothing that saves is let go."""
    seen = decisions(make_policy("wta_greedy", duel), duel, range(8), "validation")
    assert (seen["actions/value_saved"] > 0.0).all()
    assert ((seen["actions/pk"] > 0.0) & (seen["actions/pk"] <= 1.0)).all()
    assert not (seen["actions/value_saved_held"] > 0.0).any()
    assert (seen["prices/pair"] == 0.0).all(), "its price is nought"
    held = decisions(make_policy("hold_fire", duel), duel, range(8), "validation")
    assert (held["actions/firing"] == 0).all() and held["actions/pk"].size == 0
    assert "prices/pair" not in held
    assert prices_of(make_policy("hold_fire", duel), duel) is None


def test_a_flat_price_is_told_as_it_is(duel: Scenario) -> None:
    policy = make_policy("wta_threshold", duel)
    price = max(policy.weights.values())  # type: ignore[attr-defined]
    seen = decisions(policy, duel, range(8), "validation")
    np.testing.assert_allclose(seen["prices/pair"], price, atol=1e-6)


def test_references_are_scores_on_the_same_raids(duel: Scenario) -> None:
    validation = Validation(duel, 1_000_000, 24, 16)
    greedy = validation.score(validation.play(make_policy("wta_greedy", duel)))
    references = validation.references()
    assert references["reference/greedy"] == greedy
    assert references["reference/bound"] >= references["reference/pricing"]
    rows = validation.play(make_policy("wta_pricing", duel))
    figures = validation.figures(rows, best=0.9)
    assert figures["validation/gain_over_greedy"] == figures["validation/protected_share"] - greedy
    assert figures["validation/leakers"] == pytest.approx(rows["leakers"].mean())
    assert set(known_metrics(duel)) >= {"leakers", "rounds_left"}
