"""The matrices of low rank that are nearest to a matrix, by its singular values (Eckart and Young 1936).

Exact: the eigenvectors of the matrix times itself, in float64, which on a CPU is faster than a decomposition of the
matrix and exact enough for numbers of float32. Where few ranks of a large matrix are wanted, a randomised one (Halko,
Martinsson and Tropp 2011) with power iterations; how near it comes is measured, not trusted.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

_POWER_ITERATIONS = 4
_FEW = 4  # times the directions sought: a matrix of fewer rows is decomposed whole


@dataclass(frozen=True)
class Factors:
    """up [out, r] times down [r, in], in float32; each rank's singular value is shared out between the two evenly.

    `values`: the singular values, falling, in float64. `squares`: those of all the matrix' numbers, summed.
    `is_random`: found by random directions, and so nearly the nearest.
    """

    up: Tensor
    down: Tensor
    values: Tensor
    squares: float
    is_random: bool = False

    def cut(self, rank: int) -> Factors:
        """The first ranks alone, in memory of their own."""
        up, down = self.up[:, :rank].clone(), self.down[:rank].clone()
        return Factors(up, down, self.values[:rank].clone(), self.squares, self.is_random)

    @property
    def kept(self) -> float:
        """The share of all squared singular values that these are; of nothing, all."""
        return min(1.0, float(self.values.square().sum()) / self.squares) if self.squares else 1.0


def nearest(matrix: Tensor, rank: int | None = None, *, exact: bool = False) -> Factors:
    """`matrix` [out, in] in `rank` ranks, or in all it has."""
    least = min(matrix.shape)
    wanted = least if rank is None else min(rank, least)
    sought = wanted + max(16, wanted // 2)
    if not exact and sought * _FEW <= least:
        return _randomised(matrix.float(), wanted, sought)
    return _whole(matrix, wanted)


def _whole(matrix: Tensor, rank: int) -> Factors:
    wide = matrix.double()
    is_tall = wide.shape[0] > wide.shape[1]
    if is_tall:
        wide = wide.T
    vectors = torch.linalg.eigh(wide @ wide.T).eigenvectors.flip(1)[:, :rank]
    across = vectors.T @ wide  # rows: right vectors times singular values
    values = across.norm(dim=1)
    order = values.argsort(descending=True)
    vectors, across, values = vectors[:, order], across[order], values[order]
    roots = values.sqrt()
    sides = vectors * roots, across / roots.clamp_min(torch.finfo().tiny)[:, None]
    squares = float(wide.square().sum())
    up, down = (sides[1].T, sides[0].T) if is_tall else sides
    return Factors(up.float().contiguous(), down.float().contiguous(), values, squares)


def _randomised(matrix: Tensor, rank: int, sought: int) -> Factors:
    """The same draw for the same matrix: `sought` directions, of which the best `rank` stay."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        left, values, right = torch.svd_lowrank(matrix, q=sought, niter=_POWER_ITERATIONS)
    values, roots = values[:rank].double(), values[:rank].sqrt()
    up, down = left[:, :rank] * roots, (right[:, :rank] * roots).T
    squares = float(matrix.double().square().sum())
    return Factors(up.contiguous(), down.contiguous(), values, squares, is_random=True)


def of_product(up: Tensor, down: Tensor) -> Factors:
    """The decomposition of up [out, r] times down [r, in] in r ranks, without ever making the product.

    Both are turned into a triangle beside orthogonal columns; the product of the triangles has its singular values.
    """
    left, above = torch.linalg.qr(up.double())
    right, below = torch.linalg.qr(down.double().T)
    core = above @ below.T
    u, values, v = torch.linalg.svd(core, full_matrices=False)
    roots = values.sqrt()
    new_up, new_down = (left @ u) * roots, roots[:, None] * (v @ right.T)
    return Factors(new_up.float(), new_down.float(), values, float(values.square().sum()))


def squared_error(matrix: Tensor, up: Tensor, down: Tensor) -> float:
    """The squares of what up x down lacks of `matrix`, summed."""
    return float((matrix.float() - up.float() @ down.float()).double().square().sum())
