"""VAE encoding and decoding, alike for every family; in fewer digits than float32 where a recipe has it so."""

from __future__ import annotations

import copy
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from diffusers import AutoencoderKL
from torch import Tensor

from train.precision.offload import Offloaded

if TYPE_CHECKING:
    from train.precision.arithmetic import Arithmetic


@dataclass(frozen=True)
class Moments:
    """What the VAE says of images: mean and log-variance of each latent, unscaled; [n, 4, h/8, w/8]."""

    mean: Tensor
    logvar: Tensor


class Autoencoder:
    """A VAE at work, in the numbers of an arithmetic. It stays in float32 beside, for saving and for what overflows.

    In fp16 activations can grow beyond 65,504, and an image then has no latents: it is computed again in float32.
    """

    def __init__(self, vae: AutoencoderKL) -> None:
        self._whole = self.working = vae
        self._device = torch.device("cpu")
        self.numbers = torch.float32
        self._overflowed: Callable[[], None] | None = None
        self._rest: Offloaded | None = None

    def place(self, arithmetic: Arithmetic, overflowed: Callable[[], None] | None) -> None:
        """Go to work on a device; `overflowed` is told at the first image that fp16 is too small for.

        Offloaded it goes there for each piece of work, and is no copy but itself.
        """
        self._device, self.numbers, self._overflowed = arithmetic.device, arithmetic.vae, overflowed
        self._rest = None
        if arithmetic.offloads_vae:
            self.working = self._whole
        elif self.numbers is torch.float32:
            self.working = self._whole.to(self._device)
        else:
            self.working = copy.deepcopy(self._whole).to(self._device, self.numbers)
        self.working.to(memory_format=arithmetic.order)
        if arithmetic.offloads_vae:
            self._rest = Offloaded([self._whole], self._device)

    def at_work(self) -> AbstractContextManager[None]:
        """On the device within the block, for many images one after another."""
        return self._rest.at_work(self.numbers) if self._rest else nullcontext()

    @torch.no_grad()
    def encode(self, pixels: Tensor) -> Moments:
        """`pixels` [n, 3, h, w] in -1..1; moments in float32."""
        pixels = pixels.to(self._device, torch.float32)
        with self.at_work():
            found = _moments(self.working, pixels.to(self.numbers))
        if bad := self._overflows(found):
            with self._in_float32():
                found[bad] = _moments(self._whole, pixels[bad])
        mean, logvar = found.unbind(1)
        return Moments(mean, logvar)

    @torch.no_grad()
    def decode(self, latents: Tensor) -> Tensor:
        """Images [n, 3, h, w], about -1..1, in float32."""
        scaled = latents.float() / self._whole.config.scaling_factor
        with self.at_work():
            images = self.working.decode(scaled.to(self.numbers)).sample.float()
        if bad := self._overflows(images):
            with self._in_float32():
                images[bad] = self._whole.decode(scaled[bad]).sample
        return images

    def _in_float32(self) -> AbstractContextManager[None]:
        """The whole VAE on the device, for as long as it mends what overflowed."""
        return (self._rest or Offloaded([self._whole], self._device)).at_work(torch.float32)

    def _overflows(self, found: Tensor) -> list[int]:
        """The images of `found` that fp16 was too small for."""
        if self.numbers is not torch.float16:
            return []
        bad = (~found.isfinite().flatten(1).all(1)).nonzero().flatten().tolist()
        if bad and self._overflowed:
            self._overflowed()
            self._overflowed = None  # once is enough
        return bad


def _moments(vae: AutoencoderKL, pixels: Tensor) -> Tensor:
    """Mean and log-variance, [n, 2, c, h/8, w/8]."""
    found = vae.encode(pixels).latent_dist
    return torch.stack([found.mean, found.logvar], dim=1).float()


def scaled_latents(vae: AutoencoderKL, moments: Moments, noise: Tensor | None) -> Tensor:
    """A draw from the moments with `noise`, or their mean without, times the VAE's own factor."""
    drawn = moments.mean
    if noise is not None:
        drawn = drawn + torch.exp(0.5 * moments.logvar.clamp(-30.0, 20.0)) * noise
    return drawn * vae.config.scaling_factor
