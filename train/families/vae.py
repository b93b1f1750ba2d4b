"""VAE encoding and decoding, alike for every family, always in float32."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from diffusers import AutoencoderKL
from torch import Tensor


@dataclass(frozen=True)
class Moments:
    """What the VAE says of images: mean and log-variance of each latent, unscaled; [n, 4, h/8, w/8]."""

    mean: Tensor
    logvar: Tensor


@torch.no_grad()
def moments_of(vae: AutoencoderKL, pixels: Tensor) -> Moments:
    """`pixels` [n, 3, h, w] in -1..1; in float32, where no VAE overflows (SDXL's does in fp16)."""
    found = vae.encode(pixels.to(vae.device, torch.float32)).latent_dist
    return Moments(found.mean, found.logvar)


def scaled_latents(vae: AutoencoderKL, moments: Moments, noise: Tensor | None) -> Tensor:
    """A draw from the moments with `noise`, or their mean without, times the VAE's own factor."""
    drawn = moments.mean
    if noise is not None:
        drawn = drawn + torch.exp(0.5 * moments.logvar.clamp(-30.0, 20.0)) * noise
    return drawn * vae.config.scaling_factor


@torch.no_grad()
def decoded(vae: AutoencoderKL, latents: Tensor) -> Tensor:
    """Images [n, 3, h, w], about -1..1."""
    return vae.decode(latents.float() / vae.config.scaling_factor).sample
