"""The VAE in fewer digits: close to float32, and what overflows fp16 is computed again and told."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from train.families.family import Family
from train.families.load import load_family
from train.families.vae import Moments
from train.precision.arithmetic import NUMBERS, Arithmetic

CPU = torch.device("cpu")


def pixels() -> torch.Tensor:
    return torch.rand(2, 3, 32, 48, generator=torch.Generator().manual_seed(1)) * 2 - 1


def placed(model: Path, numbers: str, told: list[str]) -> Family:
    family = load_family(str(model))
    family.place(Arithmetic(CPU, vae=NUMBERS[numbers]), lambda: told.append("overflow"))
    return family


def far(one: Moments, other: Moments) -> float:
    return float((one.mean - other.mean).norm() / other.mean.norm())


@pytest.mark.parametrize(("numbers", "tolerance"), [("bf16", 0.05), ("fp16", 0.01)])
def test_fewer_digits_are_close_and_the_model_keeps_its_own(
    tiny_model: Path, numbers: str, tolerance: float
) -> None:
    """S056: moments and images come in float32, and a checkpoint gets the VAE as it was."""
    told: list[str] = []
    plain, half = placed(tiny_model, "fp32", told), placed(tiny_model, numbers, told)
    exact, found = plain.encode_pictures(pixels()), half.encode_pictures(pixels())
    assert found.mean.dtype is found.logvar.dtype is torch.float32
    assert 0 < far(found, exact) < tolerance
    images = half.decode(exact.mean)
    assert images.dtype is torch.float32
    assert float((images - plain.decode(exact.mean)).norm() / images.norm()) < tolerance
    assert all(weight.dtype is torch.float32 for weight in half.vae.parameters())
    assert not told


def test_what_overflows_fp16_is_computed_again(tiny_model: Path) -> None:
    """S056: one image too large for fp16 among others: it comes out as in float32, and it is told once."""
    told: list[str] = []
    plain, half = placed(tiny_model, "fp32", told), placed(tiny_model, "fp16", told)
    images = pixels()
    images[1] *= 1e6
    exact, found = plain.encode_pictures(images), half.encode_pictures(images)
    assert torch.equal(found.mean[1], plain.encode_pictures(images[1:]).mean[0])
    assert found.mean.isfinite().all()
    assert not torch.equal(found.mean[0], exact.mean[0])
    assert told == ["overflow"]
    latents = torch.ones(2, 4, 4, 6)
    latents[0] *= 1e6
    assert half.decode(latents).isfinite().all()
    assert told == ["overflow"]


def test_sdxls_vae_is_left_in_float32(tiny_sdxl: Path) -> None:
    """S056: its configuration says that it overflows; a mended one says that it does not."""
    told: list[str] = []
    plain, half = placed(tiny_sdxl, "fp32", told), placed(tiny_sdxl, "fp16", told)
    assert told == ["overflow"]
    assert torch.equal(half.encode_pictures(pixels()).mean, plain.encode_pictures(pixels()).mean)
    mended = load_family(str(tiny_sdxl))
    mended.vae.register_to_config(force_upcast=False)
    mended.place(Arithmetic(CPU, vae=torch.float16), lambda: told.append("overflow"))
    assert told == ["overflow"]
    assert not torch.equal(mended.encode_pictures(pixels()).mean, plain.encode_pictures(pixels()).mean)
