"""Products with observations of which most is usual: only what differs is multiplied.

Of a large observation nine tenths are slots without a track and pairs that cannot engage, and half
of the rest is the same in every epoch: where assets lie and what shooters can. The first layer of a
network that reads it flat is by far its largest, so its product with what is usual is taken once a
batch, and the others over the entries that differ. Sums are those of a dense product, up to
rounding.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numba
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from envs.core.compiled import compiled

_SAMPLE = 32  # rows that show what is usual, and by which work is divided


@dataclass(frozen=True)
class SparseRows:
    """Rows of F columns as lists of what differs from the usual, and which rows are meant."""

    columns: NDArray[np.int32]
    """[M, F], of row m the first ``counts[m]`` entries."""
    values: NDArray[np.float32]
    """[M, F], likewise: how much more than usual."""
    counts: NDArray[np.int32]
    """[M]."""
    chosen: NDArray[np.int64]
    """[B], rows of the store in the order of the batch."""
    usual: NDArray[np.float32]
    """[F], what a column holds where nothing is listed: 0 before ``expect``."""

    @classmethod
    def empty(cls, rows: int, columns: int) -> SparseRows:
        """Memory for ``rows`` rows, all of them chosen."""
        return cls(
            np.empty((rows, columns), np.int32),
            np.empty((rows, columns), np.float32),
            np.zeros(rows, np.int32),
            np.arange(rows, dtype=np.int64),
            np.zeros(columns, np.float32),
        )

    def at(self, chosen: NDArray[np.int64]) -> SparseRows:
        """The same store with other rows chosen."""
        return replace(self, chosen=chosen)

    def __len__(self) -> int:
        """Rows chosen, B."""
        return len(self.chosen)

    def expect(self, tables: Mapping[str, NDArray[Any]]) -> None:
        """Take for usual what half of some rows of tables [B, ...] hold, or else 0.

        It changes how much is listed, and no product but by rounding. Rows written before are
        forgotten.
        """
        flat = [table[:_SAMPLE].reshape(len(table[:_SAMPLE]), -1) for table in tables.values()]
        rows = np.concatenate(flat, axis=1, dtype=np.float32)
        median = np.partition(rows, len(rows) // 2, axis=0)[len(rows) // 2]
        self.usual[:] = np.where((rows == median).mean(0) >= 0.5, median, 0.0)
        self.counts[:] = 0

    def write(self, tables: Mapping[str, NDArray[Any]]) -> None:
        """List in the chosen rows what is not usual in tables [B, ...].

        Columns are counted as by SB3's ``CombinedExtractor``, which flattens every table and puts
        them side by side in the order that is given.
        """
        self.counts[self.chosen] = 0
        first = 0
        for table in tables.values():
            flat = np.ascontiguousarray(table).reshape(len(table), -1)
            usual = self.usual[first : first + flat.shape[1]]
            arguments = [flat, usual, first, self.columns, self.values, self.counts, self.chosen]
            if (threads := threads_of_kernels()) > 1:
                entries_threaded(*[*arguments, threads])
            else:
                list_entries(*arguments)
            first += flat.shape[1]


class SparseProduct(torch.autograd.Function):
    """``rows @ weight + bias`` of sparse rows, float32 [B, H]; weight [F, H], contiguous."""

    @staticmethod
    def forward(ctx: Any, rows: SparseRows, weight: Tensor, bias: Tensor) -> Tensor:  # noqa: D102
        out = torch.empty(len(rows), len(bias))
        columns = np.flatnonzero(rows.usual)
        factors = weight.detach().numpy()
        out.numpy()[:] = bias.detach().numpy() + rows.usual[columns] @ factors[columns]
        arguments = [*_arrays(rows), factors, out.numpy()]
        if (threads := threads_of_kernels()) > 1:
            products_threaded(*[*arguments, threads])
        else:
            add_products(*arguments)
        ctx.rows, ctx.shape = rows, weight.shape
        return out

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[None, Tensor, Tensor]:  # noqa: D102
        gradient = gradient.contiguous()
        of_weight = torch.zeros(ctx.shape)
        arguments = [*_arrays(ctx.rows), gradient.numpy(), of_weight.numpy()]
        if (threads := threads_of_kernels()) > 1:
            outer_products_threaded(*[*arguments, _bounds(ctx.rows, ctx.shape[0], threads)])
        else:
            add_outer_products(*[*arguments, 0, ctx.shape[0]])
        total = gradient.sum(0)
        columns = np.flatnonzero(ctx.rows.usual)
        of_weight.numpy()[columns] += np.outer(ctx.rows.usual[columns], total.numpy())
        return None, of_weight, total


def threads_of_kernels() -> int:
    """As many as torch has, if the kernels have as many."""
    return min(torch.get_num_threads(), numba.get_num_threads())


def _bounds(rows: SparseRows, width: int, threads: int) -> NDArray[np.int64]:
    """Bounds [threads + 1] between columns with about as many entries each, by the first rows."""
    some = [rows.columns[m, : rows.counts[m]] for m in rows.chosen[:_SAMPLE]]
    seen = np.sort(np.concatenate([np.zeros(1, np.int32), *some]))
    ends = seen[np.arange(1, threads) * len(seen) // threads]
    return np.array([0, *ends, width], np.int64)


def _arrays(rows: SparseRows) -> list[Any]:
    return [rows.columns, rows.values, rows.counts, rows.chosen]


@compiled(parallel=True)
def entries_threaded(  # type: ignore[no-untyped-def]
    table, usual, first, columns, values, counts, chosen, threads
):
    """:func:`list_entries` with the rows divided among threads."""
    for thread in numba.prange(threads):
        begin = thread * chosen.shape[0] // threads
        end = (thread + 1) * chosen.shape[0] // threads
        list_entries(table[begin:end], usual, first, columns, values, counts, chosen[begin:end])


@compiled()
def list_entries(  # type: ignore[no-untyped-def]
    table, usual, first, columns, values, counts, chosen
):
    """Add what is not usual [K] in a table [B, K], columns from ``first`` on, to chosen rows."""
    for b in range(chosen.shape[0]):
        m = chosen[b]
        n = counts[m]
        for k in range(table.shape[1]):
            if table[b, k] != usual[k]:
                columns[m, n] = first + k
                values[m, n] = table[b, k] - usual[k]
                n += 1
        counts[m] = n


@compiled(parallel=True)
def products_threaded(  # type: ignore[no-untyped-def]
    columns, values, counts, chosen, weight, out, threads
):
    """:func:`add_products` with the rows divided among threads."""
    for thread in numba.prange(threads):
        begin = thread * chosen.shape[0] // threads
        end = (thread + 1) * chosen.shape[0] // threads
        add_products(columns, values, counts, chosen[begin:end], weight, out[begin:end])


@compiled()
def add_products(columns, values, counts, chosen, weight, out):  # type: ignore[no-untyped-def]
    """``out[b] += row(b) @ weight``, weight float32 [F, H], out float32 [B, H]."""
    for b in range(chosen.shape[0]):
        m = chosen[b]
        column, value, count = columns[m], values[m], counts[m]
        whole = count - count % 4
        for n in range(0, whole, 4):
            add_four(
                value[n : n + 4],
                weight[column[n]],
                weight[column[n + 1]],
                weight[column[n + 2]],
                weight[column[n + 3]],
                out[b],
            )
        for n in range(whole, count):
            add_scaled(value[n], weight[column[n]], out[b])


@compiled()
def add_four(factors, first, second, third, fourth, out):  # type: ignore[no-untyped-def]
    """Four times :func:`add_scaled`; what is added up is loaded and stored once."""
    a, b, c, d = factors[0], factors[1], factors[2], factors[3]
    for h in range(out.shape[0]):
        out[h] += (a * first[h] + b * second[h]) + (c * third[h] + d * fourth[h])


@compiled()
def add_scaled(factor, row, out):  # type: ignore[no-untyped-def]
    """``out += factor * row``, float32 [H] both."""
    for h in range(out.shape[0]):
        out[h] += factor * row[h]


@compiled(parallel=True)
def outer_products_threaded(  # type: ignore[no-untyped-def]
    columns, values, counts, chosen, gradient, out, bounds
):
    """:func:`add_outer_products` with thread t at the columns from bounds[t] to bounds[t + 1]."""
    for thread in numba.prange(bounds.shape[0] - 1):
        begin, end = bounds[thread], bounds[thread + 1]
        add_outer_products(columns, values, counts, chosen, gradient, out, begin, end)


@compiled()
def add_outer_products(  # type: ignore[no-untyped-def]
    columns, values, counts, chosen, gradient, out, begin, end
):
    """``out[c] += sum_b row(b)[c] * gradient[b]`` for the columns from ``begin`` to ``end``.

    Gradient float32 [B, H], out [F, H]; the entries of a row are in the order of their columns.
    """
    for b in range(chosen.shape[0]):
        m = chosen[b]
        column, value = columns[m], values[m]
        for n in range(first_at(column, counts[m], begin), counts[m]):
            if column[n] >= end:
                break
            add_scaled(value[n], gradient[b], out[column[n]])


@compiled()
def first_at(column, count, begin):  # type: ignore[no-untyped-def]
    """Place of the first of ``count`` ascending columns that is ``begin`` or more."""
    low, high = 0, count
    while low < high:
        middle = (low + high) // 2
        if column[middle] < begin:
            low = middle + 1
        else:
            high = middle
    return low
