"""The fast path of MaskablePPO against sb3-contrib's own: the same figures, the same training."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from sb3_contrib import MaskablePPO
from sb3_contrib.common.maskable.buffers import MaskableDictRolloutBuffer
from sb3_contrib.common.maskable.distributions import MaskableMultiCategoricalDistribution
from sb3_contrib.common.maskable.policies import MaskableMultiInputActorCriticPolicy

from agents.learned.adapter import RaidVecEnv
from agents.learned.buffers import SparseRolloutBuffer
from agents.learned.legal_choices import LegalChoices, decide
from agents.learned.models import build
from agents.learned.settings import MaskablePPOSettings
from agents.learned.sparse_policy import SparseMaskablePolicy
from agents.learned.sparse_product import SparseProduct, SparseRows
from envs.scenario import Scenario, load_scenario
from tests.agents.learned_observations import made_up_observation, made_up_spaces

OPTIONS = [5, 3, 2, 6]


@pytest.fixture(scope="module")
def duel() -> Scenario:
    return load_scenario("duel")


@pytest.fixture
def exact_products() -> Any:
    """Full precision, which the plain path has by default; others' trainings may have set less."""
    before = torch.get_float32_matmul_precision(), torch.get_num_threads()
    torch.set_float32_matmul_precision("highest")
    torch.set_num_threads(1)
    yield
    torch.set_float32_matmul_precision(before[0])
    torch.set_num_threads(before[1])


@pytest.mark.parametrize("expected", [False, True])
def test_sparse_products_and_gradients_equal_dense_ones(expected: bool) -> None:
    rng = np.random.default_rng(0)
    tables = {
        "a": (rng.random((9, 3, 7)) * (rng.random((9, 3, 7)) < 0.2)).astype(np.float32),
        "b": (rng.random((9, 5)) < 0.5).astype(np.int8),
    }
    tables["a"][:, 1, 2:5] = 0.75  # what stays the same in every row
    tables["a"][4] = tables["b"][4] = 0
    dense = np.concatenate([t.reshape(9, -1) for t in tables.values()], 1).astype(np.float32)
    store = SparseRows.empty(20, dense.shape[1])
    if expected:
        store.expect(tables)
    store.at(np.arange(3, 12)).write(tables)
    chosen = rng.permutation(9)
    weight, bias = (torch.randn(*s, requires_grad=True) for s in ((26, 10), (10,)))
    toward = torch.randn(9, 10)
    found = []
    for out in (
        SparseProduct.apply(store.at(3 + chosen), weight, bias),
        torch.from_numpy(dense[chosen]) @ weight + bias,
    ):
        found.append((out, *torch.autograd.grad((out * toward).sum(), (weight, bias))))
    for own, reference in zip(*found, strict=True):
        torch.testing.assert_close(own, reference, atol=1e-5, rtol=1e-5)
    listed = (dense != store.usual).sum(1)
    np.testing.assert_array_equal(store.counts[3:12], listed)
    assert store.usual[9:12] == pytest.approx(0.75 if expected else 0.0)
    assert 5 < listed.max() < dense.shape[1]


def legal_mask(batch: int) -> torch.Tensor:
    """Random, but each choice's first option is always legal, and often alone."""
    generator = torch.Generator().manual_seed(2)
    mask = torch.rand(batch, sum(OPTIONS), generator=generator) < 0.4
    mask[:, np.cumsum([0, *OPTIONS[:-1]])] = True
    mask[: batch // 4, 1:5] = False
    return mask


def contribs(logits: torch.Tensor, mask: torch.Tensor) -> MaskableMultiCategoricalDistribution:
    distribution = MaskableMultiCategoricalDistribution(OPTIONS)
    distribution.proba_distribution(logits)
    distribution.apply_masking(mask)
    return distribution


def test_choices_equal_sb3_contribs() -> None:
    torch.manual_seed(0)
    latent, weight, bias = (
        torch.randn(*s, requires_grad=True) for s in ((200, 8), (sum(OPTIONS), 8), (sum(OPTIONS),))
    )
    mask, options = legal_mask(200), torch.tensor(OPTIONS)
    reference = contribs(latent @ weight.T + bias, mask)
    actions, log_prob = decide(latent, weight, bias, mask, options, draw=True)
    again, entropy = LegalChoices.apply(latent, weight, bias, mask, actions.float(), options)
    torch.testing.assert_close(again, log_prob)
    expected = reference.log_prob(actions), reference.entropy()
    toward = torch.randn(200), torch.randn(200)
    gradients = []
    for figures in ((again, entropy), expected):
        total = sum((f * t).sum() for f, t in zip(figures, toward, strict=True))
        gradients.append(torch.autograd.grad(total, (latent, weight, bias), retain_graph=True))
    for own, other in zip((again, entropy, *gradients[0]), (*expected, *gradients[1]), strict=True):
        torch.testing.assert_close(own, other, atol=1e-4, rtol=1e-4)
    best, _ = decide(latent, weight, bias, mask, options, draw=False)
    torch.testing.assert_close(best, reference.mode())
    assert (entropy > 0).float().mean() > 0.9


def test_equal_seeds_draw_equal_actions() -> None:
    latent = torch.randn(500, 8, generator=torch.Generator().manual_seed(1))
    weight, bias = torch.randn(sum(OPTIONS), 8), torch.zeros(sum(OPTIONS))
    mask = legal_mask(500)
    torch.manual_seed(7)
    actions, _ = decide(latent, weight, bias, mask, torch.tensor(OPTIONS), draw=True)
    torch.manual_seed(7)
    torch.testing.assert_close(actions, contribs(latent @ weight.T, mask).sample())
    chosen = torch.nn.functional.one_hot(actions, max(OPTIONS)).float().mean(0)
    assert ((chosen[1] > 0.05) & (chosen[1] < 0.9)).sum() >= 2, "it does draw"


def test_it_reads_tables_and_sparse_rows_as_the_parent_does(exact_products: Any) -> None:
    spaces = made_up_spaces(9, 6, 4)
    arguments = (*spaces, lambda _: 1e-3)
    own = SparseMaskablePolicy(*arguments, net_arch=[16, 12])
    parent = MaskableMultiInputActorCriticPolicy(*arguments, net_arch=[16, 12])
    parent.load_state_dict(own.state_dict())
    observation = made_up_observation(32, 9, 6, 4)
    tensors = {name: torch.as_tensor(table) for name, table in observation.items()}
    mask = observation["action_mask"].reshape(32, -1).astype(bool)
    with torch.no_grad():
        torch.manual_seed(3)
        found = own(tensors, action_masks=mask)
        torch.manual_seed(3)
        for one, other in zip(found, parent(tensors, action_masks=mask), strict=True):
            torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(own.predict_values(tensors), parent.predict_values(tensors))
        one = {name: table[:1] for name, table in tensors.items()}
        for _ in range(2):  # a batch of one leaves the weights as they were
            torch.testing.assert_close(own.predict_values(one), parent.predict_values(one))
        for parameter in own.parameters():  # laid out once, and again when weights have moved
            parameter.add_(0.01)
        parent.load_state_dict(own.state_dict())
        torch.testing.assert_close(own.predict_values(tensors), parent.predict_values(tensors))


def trained(duel: Scenario, policy: Any, buffer: Any) -> MaskablePPO:
    """Four rollouts and updates from the same seeds."""
    torch.manual_seed(0)
    np.random.seed(0)
    random.seed(0)
    env = RaidVecEnv(duel, 16, max_epochs=20)
    env.seed(3)
    model = MaskablePPO(
        policy, env, rollout_buffer_class=buffer, n_steps=32, batch_size=64, n_epochs=3,
        ent_coef=0.01, device="cpu", policy_kwargs={"net_arch": [64, 64]},
    )  # fmt: skip
    return model.learn(4 * 16 * 32)


def test_equal_seeds_train_equally(duel: Scenario, exact_products: Any) -> None:
    """Rollouts with every action, losses and weights are sb3-contrib's, up to rounding."""
    plain = trained(duel, "MultiInputPolicy", MaskableDictRolloutBuffer)
    fast = trained(duel, SparseMaskablePolicy, SparseRolloutBuffer)
    size = 16 * 32
    np.testing.assert_array_equal(
        fast.rollout_buffer._actions.reshape(size, -1), plain.rollout_buffer.actions
    )
    for name in ("values", "log_probs", "advantages", "returns"):
        own, other = (getattr(m.rollout_buffer, name) for m in (fast, plain))
        np.testing.assert_allclose(own.T.ravel(), other.ravel(), atol=1e-4)
    for name in ("value_loss", "policy_gradient_loss", "entropy_loss", "approx_kl"):
        own, other = (m.logger.name_to_value[f"train/{name}"] for m in (fast, plain))
        assert own == pytest.approx(other, abs=1e-5)
    start = build(replace(SMALL, seed=1), duel).policy.state_dict()
    for name, weight in plain.policy.state_dict().items():
        torch.testing.assert_close(fast.policy.state_dict()[name], weight, atol=1e-5, rtol=1e-4)
        assert start[name].shape == weight.shape


SMALL = MaskablePPOSettings(num_envs=16, n_steps=8, batch_size=64, threads=1)


def test_the_buffer_keeps_its_memory_and_wants_a_full_rollout(duel: Scenario) -> None:
    model = build(SMALL, duel)
    assert isinstance(model.policy, SparseMaskablePolicy)
    with pytest.raises(RuntimeError, match="not complete"):
        next(model.rollout_buffer.get(8))
    model.learn(128)
    address = model.rollout_buffer.rows.values.ctypes.data
    model.learn(128)
    assert model.rollout_buffer.rows.values.ctypes.data == address
    seen = [int(n) for batch in model.rollout_buffer.get(48) for n in batch.observations.chosen]
    assert sorted(seen) == list(range(128))


@pytest.mark.parametrize("threads", [2, 3])
@pytest.mark.parametrize("share", [0.3, 0.0])
def test_threads_change_no_product(
    threads: int, share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(1)
    table = (rng.random((11, 40)) * (rng.random((11, 40)) < share)).astype(np.float32)
    found = []
    for count in (1, threads):
        name = "agents.learned.sparse_product.threads_of_kernels"
        monkeypatch.setattr(name, lambda count=count: count)
        rows = SparseRows.empty(11, 40)
        rows.expect({"a": table[:, :30], "b": table[:, 30:]})
        rows.write({"a": table[:, :30], "b": table[:, 30:]})
        weight = torch.linspace(-1, 1, 40 * 7).reshape(40, 7).requires_grad_()
        out = SparseProduct.apply(rows, weight, torch.ones(7))
        out.square().sum().backward()
        found.append((out.detach(), weight.grad))
    torch.testing.assert_close(found[0], found[1], rtol=0, atol=0)


@pytest.mark.parametrize("threads", [2, 5])
def test_threads_change_choices_by_rounding_alone(
    threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    generator = torch.Generator().manual_seed(2)
    mask = torch.rand(4, sum(OPTIONS), generator=generator) < 0.6
    actions = torch.zeros(4, len(OPTIONS))
    mask[:, np.cumsum([0, *OPTIONS[:-1]])] = True
    found = []
    for count in (1, threads):
        name = "agents.learned.legal_choices.threads_of_kernels"
        monkeypatch.setattr(name, lambda count=count: count)
        latent = torch.linspace(-1, 2, 4 * 3).reshape(4, 3).requires_grad_()
        weight = torch.linspace(-2, 1, sum(OPTIONS) * 3).reshape(-1, 3).requires_grad_()
        bias = torch.linspace(0, 1, sum(OPTIONS)).requires_grad_()
        results = LegalChoices.apply(latent, weight, bias, mask, actions, torch.tensor(OPTIONS))
        (results[0] + 2 * results[1]).square().sum().backward()
        found.append((*(r.detach() for r in results), latent.grad, weight.grad, bias.grad))
    assert all(bool(one.any()) for one in found[0])
    torch.testing.assert_close(found[0][:3], found[1][:3], rtol=0, atol=0)
    torch.testing.assert_close(found[0], found[1])
