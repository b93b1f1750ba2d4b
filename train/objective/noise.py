"""Noise of each sample: keyed by (seed, epoch, row, copy), never drawn from a shared stream.

All draws are made on the CPU for one sample at a time, so that batch size, GPUs and resumes change nothing, and before
latents are there; `noise_of` puts them together wherever latents are. The shapes of noise (an offset of whole channels,
several resolutions) are kohya-ss/sd-scripts', but drawn and scaled for each sample by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from curator.contract.keyed import Purpose, key, uniform

if TYPE_CHECKING:
    from curator.contract.epoch_plan import Sample
    from curator.contract.recipe.objective import Objective


def keyed_normal(shape: Sequence[int], *parts: int) -> Tensor:
    """Standard normal numbers that are a function of `parts` alone."""
    generator = torch.Generator().manual_seed(key(*parts))
    return torch.randn(*shape, generator=generator)


class NoiseDraws(NamedTuple):
    """What is drawn for the noise of n samples; None where the recipe wants none of it."""

    plain: Tensor  # [n, c, h, w], normal
    offsets: Tensor | None = None  # [n, c, 1, 1], normal
    offset_sizes: Tensor | None = None  # [n, 1, 1, 1]
    coarse: Tensor | None = None  # [n, c, h, w], of several resolutions, as strong as it is added
    perturbation: Tensor | None = None  # [n, c, h, w], as strong as it is added to what the model sees


def draw_noise(samples: Sequence[Sample], shape: Sequence[int], seed: int, rule: Objective) -> NoiseDraws:
    """The draws for latents of `shape` [c, h, w], on the CPU, as `rule` has them."""
    plain = torch.stack([keyed_normal(shape, seed, *sample, Purpose.NOISE) for sample in samples])
    offsets = sizes = coarse = perturbation = None
    if rule.noise_offset:
        one_a_channel = (shape[0], 1, 1)
        offsets = torch.stack([keyed_normal(one_a_channel, seed, *each, Purpose.OFFSET) for each in samples])
        sizes = torch.tensor([_offset_size(sample, seed, rule) for sample in samples]).view(-1, 1, 1, 1)
    if rule.multires_noise_levels:
        coarse = torch.stack([_coarse(sample, shape, seed, rule) for sample in samples])
    if rule.ip_noise_gamma:
        perturbation = torch.stack([_perturbation(sample, shape, seed, rule) for sample in samples])
    return NoiseDraws(plain, offsets, sizes, coarse, perturbation)


def _offset_size(sample: Sample, seed: int, rule: Objective) -> float:
    share = uniform(seed, *sample, Purpose.OFFSET, 1) if rule.noise_offset_random else 1.0
    return rule.noise_offset * share


def _coarse(sample: Sample, shape: Sequence[int], seed: int, rule: Objective) -> Tensor:
    """Ever coarser noise, each level `discount` times as strong as the one before."""
    channels, height, width = shape
    levels = torch.zeros(channels, height, width)
    for level in range(rule.multires_noise_levels):
        ratio = (2.0 + 2.0 * uniform(seed, *sample, Purpose.MULTIRES, level)) ** level
        high, wide = max(1, int(height / ratio)), max(1, int(width / ratio))
        drawn = keyed_normal((1, channels, high, wide), seed, *sample, Purpose.MULTIRES, level, 1)
        grown = functional.interpolate(drawn, size=(height, width), mode="bilinear")[0]
        levels = levels + rule.multires_noise_discount**level * grown
        if 1 in (high, wide):
            break
    return levels


def _perturbation(sample: Sample, shape: Sequence[int], seed: int, rule: Objective) -> Tensor:
    share = uniform(seed, *sample, Purpose.IP_NOISE, 1) if rule.ip_noise_random else 1.0
    return rule.ip_noise_gamma * share * keyed_normal(shape, seed, *sample, Purpose.IP_NOISE)


def noise_of(draws: NoiseDraws, latents: Tensor, rule: Objective) -> Tensor:
    """Noise of the shape of `latents` [n, c, h, w], where they are; of deviation 1 where it has several resolutions."""
    noise = draws.plain
    if draws.offsets is not None and draws.offset_sizes is not None:
        sizes = draws.offset_sizes
        if rule.adaptive_noise_scale:
            means = latents.mean(dim=(2, 3), keepdim=True).abs()
            sizes = (sizes + rule.adaptive_noise_scale * means).clamp(min=0.0)
        noise = noise + sizes * draws.offsets
    if draws.coarse is not None:
        noise = torch.stack([each / each.std() for each in noise + draws.coarse])
    return noise


def perturbed(noise: Tensor, draws: NoiseDraws) -> Tensor:
    """The noise that the model sees, where its target stays `noise` (Ning 2023)."""
    return noise if draws.perturbation is None else noise + draws.perturbation


def posterior_noise(samples: Sequence[Sample], shape: Sequence[int], seed: int) -> Tensor:
    """The draw that picks a latent from the VAE's moments."""
    return torch.stack([keyed_normal(shape, seed, *sample, Purpose.LATENT) for sample in samples])
