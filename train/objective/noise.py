"""Noise of each sample: keyed by (seed, epoch, row, copy), never drawn from a shared stream.

Noise is made on the CPU for one sample at a time, so that batch size, GPUs and resumes change nothing. Its shapes (an
offset of whole channels, several resolutions) are kohya-ss/sd-scripts', but drawn and scaled for each sample by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

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


def sample_noise(samples: Sequence[Sample], latents: Tensor, seed: int, rule: Objective) -> Tensor:
    """Noise of the shape of `latents` [n, c, h, w], which are on the CPU, as `rule` has it."""
    pairs = zip(samples, latents, strict=True)
    return torch.stack([_noise_of(sample, latent, seed, rule) for sample, latent in pairs])


def _noise_of(sample: Sample, latent: Tensor, seed: int, rule: Objective) -> Tensor:
    noise = keyed_normal(latent.shape, seed, *sample, Purpose.NOISE)
    if rule.noise_offset:
        size = rule.noise_offset
        if rule.noise_offset_random:
            size *= uniform(seed, *sample, Purpose.OFFSET, 1)
        if rule.adaptive_noise_scale:
            means = latent.mean(dim=(1, 2), keepdim=True).abs()
            size = (size + rule.adaptive_noise_scale * means).clamp(min=0.0)
        noise = noise + size * keyed_normal((len(latent), 1, 1), seed, *sample, Purpose.OFFSET)
    if rule.multires_noise_levels:
        noise = _of_many_sizes(noise, sample, seed, rule)
    return noise


def _of_many_sizes(noise: Tensor, sample: Sample, seed: int, rule: Objective) -> Tensor:
    """Ever coarser noise added, each level `discount` times as strong as the one before; scaled to deviation 1."""
    channels, height, width = noise.shape
    for level in range(rule.multires_noise_levels):
        ratio = (2.0 + 2.0 * uniform(seed, *sample, Purpose.MULTIRES, level)) ** level
        high, wide = max(1, int(height / ratio)), max(1, int(width / ratio))
        coarse = keyed_normal((1, channels, high, wide), seed, *sample, Purpose.MULTIRES, level, 1)
        grown = functional.interpolate(coarse, size=(height, width), mode="bilinear")[0]
        noise = noise + rule.multires_noise_discount**level * grown
        if 1 in (high, wide):
            break
    return noise / noise.std()


def posterior_noise(samples: Sequence[Sample], shape: Sequence[int], seed: int) -> Tensor:
    """The draw that picks a latent from the VAE's moments."""
    return torch.stack([keyed_normal(shape, seed, *sample, Purpose.LATENT) for sample in samples])


def perturbed_noise(samples: Sequence[Sample], noise: Tensor, seed: int, rule: Objective) -> Tensor:
    """The noise [n, c, h, w] that the model sees, where its target stays `noise` (Ning 2023)."""
    if not rule.ip_noise_gamma:
        return noise
    return torch.stack([_perturbed(*pair, seed, rule) for pair in zip(samples, noise, strict=True)])


def _perturbed(sample: Sample, noise: Tensor, seed: int, rule: Objective) -> Tensor:
    size = rule.ip_noise_gamma
    if rule.ip_noise_random:
        size *= uniform(seed, *sample, Purpose.IP_NOISE, 1)
    return noise + size * keyed_normal(noise.shape, seed, *sample, Purpose.IP_NOISE)
