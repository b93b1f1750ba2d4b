"""Decides the noise of each sample: keyed by (seed, epoch, row, copy), never drawn from a shared stream.

Noise is made on the CPU for one sample at a time, so that batch size, GPUs and resumes change nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from curator.contract.epoch_plan import Sample
from curator.contract.keyed import Purpose, below, key


def keyed_normal(shape: Sequence[int], *parts: int) -> Tensor:
    """Standard normal numbers that are a function of `parts` alone."""
    generator = torch.Generator().manual_seed(key(*parts))
    return torch.randn(*shape, generator=generator)


def sample_noise(samples: Sequence[Sample], shape: Sequence[int], seed: int, offset: float) -> Tensor:
    """Noise [n, *shape]; `offset` moves each channel of each sample as a whole by offset * N(0, 1) (S063)."""
    return torch.stack([_noise_of(sample, shape, seed, offset) for sample in samples])


def _noise_of(sample: Sample, shape: Sequence[int], seed: int, offset: float) -> Tensor:
    noise = keyed_normal(shape, seed, *sample, Purpose.NOISE)
    if offset:
        noise = noise + offset * keyed_normal((shape[0], 1, 1), seed, *sample, Purpose.OFFSET)
    return noise


def posterior_noise(samples: Sequence[Sample], shape: Sequence[int], seed: int) -> Tensor:
    """The draw that picks a latent from the VAE's moments."""
    return torch.stack([keyed_normal(shape, seed, *sample, Purpose.LATENT) for sample in samples])


def sample_timesteps(samples: Sequence[Sample], count: int, seed: int) -> Tensor:
    """A timestep for each sample, uniform in [0, count)."""
    return torch.tensor([below(count, seed, *sample, Purpose.TIMESTEP) for sample in samples])
