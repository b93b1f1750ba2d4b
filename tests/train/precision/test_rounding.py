"""Stochastic rounding: right on average, never further than the next bfloat16 number."""

from __future__ import annotations

import torch

from train.precision.rounding import rounded

DRAWS = 1 << 16


def generator(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_expected_is_the_value_itself() -> None:
    """S056: the share that is rounded up is the share of the distance, for both signs and all sizes."""
    for value in (1.0 + 2**-9, -1.0 - 2**-10, 3e-5, -7.7e4, 1e-30):
        exact = torch.tensor(value)
        found = rounded(exact.expand(DRAWS), generator()).double()
        step = float(found.max() - found.min())
        assert abs(float(found.mean()) - float(exact)) < 5 * step / DRAWS**0.5
        assert found.unique().numel() == 2
        assert float(found.min()) < float(exact) < float(found.max())


def test_what_bfloat16_holds_stays() -> None:
    held = torch.tensor([0.0, -0.0, 1.0, -2.5, 3e38, torch.inf, -torch.inf]).bfloat16()
    for seed in range(50):
        assert torch.equal(rounded(held.float(), generator(seed)), held)
    assert rounded(torch.full((1000,), torch.nan), generator()).isnan().all()


def test_any_layout_is_rounded_alike() -> None:
    values = torch.randn(2, 3, 4, 5, generator=generator())
    apart = values.to(memory_format=torch.channels_last)
    assert torch.equal(rounded(values, generator(2)), rounded(apart, generator(2)))
