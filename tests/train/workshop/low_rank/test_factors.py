"""Matrices of low rank nearest to a matrix: compared with a full decomposition of another library."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from curator.contract.errors import UserError
from curator.contract.low_rank import RankRule
from train.workshop.low_rank.factors import nearest, of_product
from train.workshop.low_rank.ranks import SizeBudget, bytes_for_ranks, rank_by


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def best_error(matrix: Tensor, rank: int) -> float:
    """Eckart and Young: what the singular values behind the first ranks amount to."""
    values = np.linalg.svd(matrix.double().numpy(), compute_uv=False)
    return float(np.sqrt((values[rank:] ** 2).sum() / (values**2).sum()))


def error(matrix: Tensor, made: Tensor) -> float:
    return float((matrix - made).double().norm() / matrix.double().norm())


@pytest.mark.parametrize("shape", [(9, 9), (5, 12), (12, 5), (1, 8), (8, 1)])
@pytest.mark.parametrize("rank", [1, 3, None])
def test_the_nearest_of_a_rank(shape: tuple[int, int], rank: int | None) -> None:
    matrix = random(*shape)
    found = nearest(matrix, rank)
    count = min(*shape, rank or 99)
    assert found.up.shape == (shape[0], count)
    assert found.down.shape == (count, shape[1])
    assert error(matrix, found.up @ found.down) == pytest.approx(best_error(matrix, count), abs=2e-6)
    values = np.linalg.svd(matrix.numpy(), compute_uv=False)[:count]
    assert np.allclose(found.values, values, atol=1e-5)
    assert torch.allclose(found.up.norm(dim=0), found.down.norm(dim=1), rtol=1e-4)  # shared out evenly
    assert found.cut(1).up.shape == (shape[0], 1)


def test_nothing_is_nothing() -> None:
    found = nearest(torch.zeros(4, 6), 2)
    assert not torch.cat([found.up.flatten(), found.down.flatten()]).any()
    assert rank_by(RankRule(sv_ratio=2.0), found.values, found.squares, 2) == 1


@pytest.mark.parametrize("decay", [0.0, 0.5, 2.0], ids=["flat", "slow", "fast"])
@pytest.mark.parametrize("shape", [(160, 160), (160, 400), (400, 160)])
def test_a_randomised_one_is_within_a_part_in_a_hundred_of_the_best(
    shape: tuple[int, int], decay: float
) -> None:
    """Even where all singular values are about alike."""
    least = min(shape)
    left, right = (
        torch.linalg.qr(random(shape[0], least))[0],
        torch.linalg.qr(random(shape[1], least, seed=1))[0],
    )
    matrix = (left * torch.arange(1, least + 1) ** -decay) @ right.T + 1e-3 * random(*shape, seed=2)
    quick, exact = nearest(matrix, 8), nearest(matrix, 8, exact=True)
    reached, best = (error(matrix, each.up @ each.down) for each in (quick, exact))
    assert best == pytest.approx(best_error(matrix, 8), rel=1e-4)
    assert best <= reached + 1e-6
    assert reached <= 1.01 * best
    assert reached != best  # it was the randomised one
    assert torch.equal(nearest(matrix, 8).up, quick.up)


@pytest.mark.parametrize(("out", "rank", "inputs"), [(9, 3, 7), (4, 6, 5), (3, 1, 3)])
def test_a_product_is_decomposed_by_its_factors(out: int, rank: int, inputs: int) -> None:
    up, down = random(out, rank), random(rank, inputs, seed=1)
    found, whole = of_product(up, down), nearest(up @ down)
    count = min(out, rank, inputs)
    assert torch.allclose(found.up @ found.down, up @ down, atol=1e-5)
    assert torch.allclose(found.values[:count], whole.values[:count], atol=1e-5)


VALUES = torch.tensor([8.0, 4.0, 2.0, 1.0, 1.0])


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (RankRule(rank=3), 3),
        (RankRule(rank=9), 5),
        (RankRule(sv_ratio=1.0), 1),
        (RankRule(sv_ratio=3.9), 2),
        (RankRule(sv_ratio=4.0), 3),
        (RankRule(sv_ratio=1000.0), 5),
        (RankRule(sv_ratio=1000.0, rank=2), 2),
        (RankRule(sv_threshold=1.5), 3),
        (RankRule(sv_threshold=9.0), 1),
        (RankRule(sv_cumulative=0.5), 1),
        (RankRule(sv_cumulative=0.51), 2),
        (RankRule(sv_cumulative=0.75), 2),
        (RankRule(sv_cumulative=1.0), 5),
        (RankRule(sv_fro=float(np.sqrt(64 / 86))), 1),
        (RankRule(sv_fro=float(np.sqrt(80 / 86))), 2),
        (RankRule(sv_fro=float(np.sqrt(80.1 / 86))), 3),
        (RankRule(sv_fro=1.0), 5),
        (RankRule(sv_fro=0.0), 1),
    ],
)
def test_ranks_are_those_of_the_definition(rule: RankRule, expected: int) -> None:
    """Not one more, as sd-scripts keeps."""
    limit = rule.rank or 99
    assert rank_by(rule, VALUES, float(VALUES.square().sum()), limit) == expected


def test_a_size_is_shared_out_where_it_brings_most() -> None:
    """Against all ways to share it out."""
    layers = {"a": (torch.tensor([5.0, 4.0, 0.5]), 10), "b": (torch.tensor([6.0, 1.0, 0.9]), 10)}
    for ranks in range(2, 7):
        budget = SizeBudget(ranks * 10)
        for name, (values, cost) in layers.items():
            budget.add(name, values, cost)
        budget.check()
        lost = sum(float(layers[name][0][count:].square().sum()) for name, count in budget.ranks.items())
        ways = [(i, ranks - i) for i in range(1, 4) if 1 <= ranks - i <= 3]
        best = min(
            float(layers["a"][0][i:].square().sum() + layers["b"][0][j:].square().sum()) for i, j in ways
        )
        assert sum(budget.ranks.values()) == ranks
        assert lost == pytest.approx(best)
    small = SizeBudget(15)
    for name, (values, cost) in layers.items():
        small.add(name, values, cost)
    with pytest.raises(UserError, match="does not fit into --size-mb"):
        small.check()
    assert bytes_for_ranks(1.0, ["lora_unet_x"], kept=10) < 1e6
