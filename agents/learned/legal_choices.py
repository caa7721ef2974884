"""The masked distribution of independent choices, computed on what is legal alone.

sb3-contrib makes one categorical a shooter from all its logits, the illegal ones set to −1e8. Here
the last layer and the softmax are taken over the legal entries of those choices that have more than
one: a choice without alternative has log-probability and entropy 0 and no gradient, and there are
few others. Probabilities, entropies, gradients and, given the same random numbers, actions are
those of ``MaskableMultiCategoricalDistribution``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numba import prange
from torch import Tensor

from agents.learned.sparse_product import threads_of_kernels
from envs.core.compiled import compiled


class LegalChoices(torch.autograd.Function):
    """Log-probability and entropy of given actions, float32 [B] each.

    Choice s is one of ``options[s]``, whose entries lie side by side; logits are
    ``weight @ latent + bias``, [sum of options].
    """

    @staticmethod
    def forward(  # noqa: D102
        ctx: Any,
        latent: Tensor,
        weight: Tensor,
        bias: Tensor,
        mask: Tensor,
        actions: Tensor,
        options: Tensor,
    ) -> tuple[Tensor, Tensor]:
        log_prob, entropy = torch.zeros(len(latent)), torch.zeros(len(latent))
        arrays = [t.detach().numpy() for t in (latent, weight, bias, mask, actions, options)]
        found = (log_prob.numpy(), entropy.numpy())
        work = _work(options, threads_of_kernels())
        if len(work) > 1:
            evaluate_threaded(*[*arrays, *found, work])
        else:
            evaluate(*[*arrays, *found, work[0]])
        ctx.arrays = arrays
        return log_prob, entropy

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:  # noqa: D102
        latent, weight, bias, *_, options = ctx.arrays
        given = [g.contiguous().numpy() for g in gradients]
        work = _work(options, threads_of_kernels())
        to_latent = torch.zeros(latent.shape)
        # Of each thread its own, added up at the end.
        to_weight, to_bias = (torch.zeros(len(work), *a.shape) for a in (weight, bias))
        arguments = [*ctx.arrays, *given, to_latent.numpy(), to_weight.numpy(), to_bias.numpy()]
        if len(work) > 1:
            differentiate_threaded(*[*arguments, work])
        else:
            differentiate(*[*arguments[:-2], to_weight[0].numpy(), to_bias[0].numpy(), work[0]])
        return to_latent, to_weight.sum(0), to_bias.sum(0), None, None, None


def decide(
    latent: Tensor, weight: Tensor, bias: Tensor, mask: Tensor, options: Tensor, draw: bool
) -> tuple[Tensor, Tensor]:
    """Actions int64 [B, S] and their log-probability float32 [B].

    Args:
        latent: float32 [B, H].
        weight: float32 [sum of options, H].
        bias: float32 [sum of options].
        mask: bool [B, sum of options], True = legal.
        options: int64 [S], how many options each choice has.
        draw: Whether to draw, or else to take the most probable.
    """
    actions = torch.zeros(len(latent), len(options), dtype=torch.int64)
    log_prob = torch.zeros(len(latent))
    # Of these torch.multinomial makes its exponential numbers, choice by choice: equal seeds act
    # equally. Logarithms, the dear part, are taken of the few that a legal option needs.
    uniform = torch.empty(mask.numel() if draw else 0, dtype=torch.float64).uniform_()
    read = (latent, weight, bias, mask, options, uniform, actions, log_prob)
    choose(*[*(t.detach().numpy() for t in read), _work(options, 1)[0]])
    return actions, log_prob


def _work(options: Any, threads: int) -> np.ndarray:
    """Room for the logits of one choice, [threads, most options]."""
    return np.empty((threads, int(options.max())), np.float64)


@compiled()
def logits_of(latent, weight, bias, mask, b, first, count, z):  # type: ignore[no-untyped-def]
    """Write the legal logits of one choice, −inf elsewhere; returns log Σ exp and how many."""
    legal, best = 0, -np.inf
    for k in range(count):
        z[k] = -np.inf
        if mask[b, first + k]:
            legal += 1
    if legal < 2:
        return 0.0, legal
    for k in range(count):
        if mask[b, first + k]:
            total = 0.0
            for h in range(latent.shape[1]):
                total += latent[b, h] * weight[first + k, h]
            z[k] = total + bias[first + k]
            best = max(best, z[k])
    total = 0.0
    for k in range(count):
        if mask[b, first + k]:
            total += np.exp(z[k] - best)
    return best + np.log(total), legal


@compiled()
def only_legal(mask, b, first, count):  # type: ignore[no-untyped-def]
    """The one legal option of a choice, or the first."""
    for k in range(count):
        if mask[b, first + k]:
            return k
    return 0


@compiled()
def choose(  # type: ignore[no-untyped-def]
    latent, weight, bias, mask, options, uniform, actions, log_prob, z
):
    """Draw by ``argmax p / E``, E = −log(1 − uniform), or where none are given take the mode.

    Of ``uniform`` every choice has a block of [B, its options], one after the other.
    """
    rows = latent.shape[0]
    for b in range(rows):
        first = 0
        for s in range(options.shape[0]):
            count = options[s]
            total, legal = logits_of(latent, weight, bias, mask, b, first, count, z)
            if legal < 2:
                actions[b, s] = only_legal(mask, b, first, count)
            else:
                best, chosen = -np.inf, 0
                for k in range(count):
                    if mask[b, first + k]:
                        weighed = np.exp(z[k] - total)
                        if uniform.shape[0] > 0:
                            u = uniform[rows * first + b * count + k]
                            weighed /= np.float32(-np.log1p(-u))
                        if weighed > best:
                            best, chosen = weighed, k
                actions[b, s] = chosen
                log_prob[b] += z[chosen] - total
            first += count


@compiled(parallel=True)
def evaluate_threaded(  # type: ignore[no-untyped-def]
    latent, weight, bias, mask, actions, options, log_prob, entropy, work
):
    """:func:`evaluate` with the rows divided among threads, as many as there is work memory for."""
    rows, threads = latent.shape[0], work.shape[0]
    for thread in prange(threads):
        begin, end = thread * rows // threads, (thread + 1) * rows // threads
        evaluate(
            latent[begin:end],
            weight,
            bias,
            mask[begin:end],
            actions[begin:end],
            options,
            log_prob[begin:end],
            entropy[begin:end],
            work[thread],
        )


@compiled()
def evaluate(  # type: ignore[no-untyped-def]
    latent, weight, bias, mask, actions, options, log_prob, entropy, z
):
    """Add up log-probability and entropy [B] of actions [B, S] over the choices."""
    for b in range(latent.shape[0]):
        first = 0
        for s in range(options.shape[0]):
            count = options[s]
            total, legal = logits_of(latent, weight, bias, mask, b, first, count, z)
            if legal > 1:
                log_prob[b] += z[int(actions[b, s])] - total
                for k in range(count):
                    if mask[b, first + k]:
                        entropy[b] -= (z[k] - total) * np.exp(z[k] - total)
            first += count


@compiled(parallel=True)
def differentiate_threaded(  # type: ignore[no-untyped-def]
    latent,
    weight,
    bias,
    mask,
    actions,
    options,
    of_log_prob,
    of_entropy,
    to_latent,
    to_weight,
    to_bias,
    work,
):
    """:func:`differentiate` with the rows divided among threads, each with sums of its own."""
    rows, threads = latent.shape[0], work.shape[0]
    for thread in prange(threads):
        begin, end = thread * rows // threads, (thread + 1) * rows // threads
        differentiate(
            latent[begin:end],
            weight,
            bias,
            mask[begin:end],
            actions[begin:end],
            options,
            of_log_prob[begin:end],
            of_entropy[begin:end],
            to_latent[begin:end],
            to_weight[thread],
            to_bias[thread],
            work[thread],
        )


@compiled()
def differentiate(  # type: ignore[no-untyped-def]
    latent,
    weight,
    bias,
    mask,
    actions,
    options,
    of_log_prob,
    of_entropy,
    to_latent,
    to_weight,
    to_bias,
    z,
):
    """Add the gradients of ``evaluate``, given those of its results.

    With p the probabilities of a choice, H its entropy and a the action:
    ``d log p_a / d z_k = [k = a] − p_k`` and ``d H / d z_k = −p_k (log p_k + H)``.
    """
    for b in range(latent.shape[0]):
        first = 0
        for s in range(options.shape[0]):
            count = options[s]
            total, legal = logits_of(latent, weight, bias, mask, b, first, count, z)
            if legal > 1:
                entropy = 0.0
                for k in range(count):
                    if mask[b, first + k]:
                        entropy -= (z[k] - total) * np.exp(z[k] - total)
                for k in range(count):
                    if mask[b, first + k]:
                        p = np.exp(z[k] - total)
                        slope = -p * of_log_prob[b] - p * (z[k] - total + entropy) * of_entropy[b]
                        if k == int(actions[b, s]):
                            slope += of_log_prob[b]
                        to_bias[first + k] += slope
                        for h in range(latent.shape[1]):
                            to_latent[b, h] += slope * weight[first + k, h]
                            to_weight[first + k, h] += slope * latent[b, h]
            first += count
