"""Formulas of the merge methods, each against its definition worked out apart from the code, in float64."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from curator.contract.merging import recipe
from train.workshop.methods.method import Numbers
from train.workshop.methods.table import METHODS

RNG = np.random.default_rng(5)
A, B, C = (RNG.standard_normal((4, 6)) for _ in range(3))


def result(name: str, *models, ratio: float | None = None, ratio2: float | None = None, **options: float):
    """What a method makes of whole tensors, in pieces of one and of three rows."""
    method = METHODS[name]
    numbers = Numbers(
        method.ratio if ratio is None else ratio,
        (method.ratio2 or 0.0) if ratio2 is None else ratio2,
        {**method.options, **options},
        lambda model: torch.Generator().manual_seed(model),
    )

    def pieces():
        for rows in (slice(0, 1), slice(1, 4)):
            yield [torch.tensor(each[rows], dtype=torch.float32) for each in models]

    measured = method.measure(pieces, numbers) if method.measure else None
    return torch.cat([method.formula(each, numbers, measured) for each in pieces()]).double().numpy()


def close(found, wanted) -> bool:
    return np.allclose(found, wanted, rtol=2e-5, atol=2e-6)


def test_weighted_sum() -> None:
    """S084."""
    assert close(result("weighted-sum", A, B, ratio=0.3), 0.7 * A + 0.3 * B)
    assert np.array_equal(result("weighted-sum", A, B, ratio=0.0), A.astype(np.float32))
    assert np.array_equal(result("weighted-sum", A, B, ratio=1.0), B.astype(np.float32))


def test_add_difference() -> None:
    assert close(result("add-difference", A, B, C), A + B - C)
    assert close(result("add-difference", A, B, C, ratio=-0.5), A - 0.5 * (B - C))


def test_triple_and_twice() -> None:
    assert close(result("triple", A, B, C, ratio=0.2, ratio2=0.5), 0.3 * A + 0.2 * B + 0.5 * C)
    assert close(result("sum-twice", A, B, C, ratio=0.2, ratio2=0.5), 0.5 * (0.8 * A + 0.2 * B) + 0.5 * C)
    assert close(result("triple", A, B, C), (A + B + C) / 3)


def test_train_difference() -> None:
    weight = np.abs(B - A) / (np.abs(B - A) + np.abs(B - C))
    assert close(result("train-difference", A, B, C, ratio=0.5), A + 0.9 * weight * (B - C))
    assert close(result("train-difference", A, A, A), A)  # nothing was learnt, and 0 / 0 is none of it


def test_similarity() -> None:
    alike = 0.8 * (A * B / np.maximum(np.abs(A), np.abs(B)) ** 2 + 1) / 2
    wanted = (1 - alike) * (A + 0.6 * (B - C)) + alike * (0.7 * A + 0.3 * B)
    assert close(result("similarity", A, B, C, ratio=0.6, ratio2=0.8), wanted)
    zero = np.zeros_like(A)
    assert close(result("similarity", zero, zero, zero), zero)


def test_slerp_goes_along_the_arc_with_lengths_between() -> None:
    na, nb = np.linalg.norm(A), np.linalg.norm(B)
    angle = math.acos((A * B).sum() / na / nb)
    unit = (math.sin(0.7 * angle) * A / na + math.sin(0.3 * angle) * B / nb) / math.sin(angle)
    found = result("slerp", A, B, ratio=0.3)
    assert close(found, unit * (0.7 * na + 0.3 * nb))
    assert math.isclose(np.linalg.norm(found), 0.7 * na + 0.3 * nb, rel_tol=1e-5)


@pytest.mark.parametrize("b", [A, 2 * A, np.zeros_like(A)], ids=["same", "parallel", "nothing"])
def test_slerp_without_an_angle_is_a_weighted_sum(b) -> None:
    assert close(result("slerp", A, b, ratio=0.25), 0.75 * A + 0.25 * b)


def test_model_stock_goes_as_far_as_the_models_agree() -> None:
    """All pairs count, of the whole tensor: three models, of which two agree more."""
    base = RNG.standard_normal((4, 6))
    ways = [RNG.standard_normal((4, 6)) for _ in range(3)]
    ways[1] += ways[0]
    ways[2] += ways[0]
    cosines = [
        (ways[i] * ways[j]).sum() / np.linalg.norm(ways[i]) / np.linalg.norm(ways[j])
        for i, j in ((0, 1), (0, 2), (1, 2))
    ]
    cosine = sum(cosines) / 3
    assert cosine > 0
    share = 3 * cosine / (1 + 2 * cosine)
    found = result("model-stock", *(base + way for way in ways), base)
    assert np.allclose(found, base + share * sum(ways) / 3, atol=1e-5)


def test_model_stock_of_equal_models_is_that_model_and_of_opposed_ones_the_base() -> None:
    assert np.allclose(result("model-stock", A, A, C), A, atol=1e-5)
    assert np.allclose(result("model-stock", C + A, C - A, C), C, atol=1e-5)


def test_ties_trims_elects_and_takes_the_mean_of_those_that_agree() -> None:
    base = np.zeros((4, 1))
    first = np.array([[4.0], [1.0], [-3.0], [2.0]])
    second = np.array([[2.0], [-3.0], [-1.0], [-4.0]])
    # of each, the two largest changes: first 4 and -3, second -3 and -4
    found = result("ties", first, second, base, density=0.5)
    assert close(found, [[4.0], [-3.0], [-3.0], [-4.0]])
    # all of them: sums 6, -2, -4, -2 elect +, -, -, -
    whole = result("ties", first, second, base, density=1.0, ratio=0.5)
    assert close(whole, [[1.5], [-1.5], [-1.0], [-2.0]])
    assert close(result("ties", first, second, base, density=0.0), base)


def test_dare_keeps_some_changes_larger_so_that_the_mean_stays() -> None:
    base, change = np.full((4, 20_000), 3.0), 0.5
    found = result("dare", base + change, base, drop=0.75) - base
    kept = found != 0
    assert np.allclose(found[kept], change / 0.25, atol=1e-5)
    assert abs(kept.mean() - 0.25) < 0.01
    assert close(result("dare", A, C, drop=0.0), A)
    assert close(result("dare", A, B, C, drop=0.0), C + (A - C + B - C) / 2)


def test_della_drops_small_changes_more_often_and_keeps_the_mean() -> None:
    count = 10_000
    base = np.zeros((4, count))
    changed = np.tile(np.linspace(0.1, 1.0, count), (4, 1))
    found = result("della", changed, base, drop=0.5, spread=0.8)
    kept = found != 0
    small, large = kept[:, : count // 10].mean(), kept[:, -count // 10 :].mean()
    assert abs(small - 0.14) < 0.02  # dropped with 0.5 + 0.8 * 0.45 on average there
    assert abs(large - 0.86) < 0.02
    assert abs(found.mean() / changed.mean() - 1) < 0.02


def test_equal_draws_for_equal_seeds() -> None:
    assert np.array_equal(result("dare", A, C, drop=0.5), result("dare", A, C, drop=0.5))


def test_the_contract_names_each_method_for_the_shell_to_complete() -> None:
    assert set(recipe.METHODS) == set(METHODS)
