"""Evaluation loss on fixed images, noise and timesteps, whatever the training's seed.

Captions are whole, images are cut as at the freeze and not mirrored, nothing is weighted but by masks. Latents are
drawn from the VAE's moments, as in training: measured on their mean, the loss of a model that trains well may rise.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from curator.contract.keyed import Purpose
from train.data.dataset import Picture, evenly_spread, picture_of
from train.data.images import BadPictureError, load_sample, to_model_range
from train.data.latents import Encoded
from train.objective.loss import sample_losses, target_of
from train.objective.noise import keyed_normal
from train.objective.noise_schedule import add_noise

if TYPE_CHECKING:
    from curator.contract.manifest.manifest import Manifest
    from train.families.family import Family

_TIMES = 8  # timesteps an image, in the middle of equal parts of the schedule


class Evaluation:
    """The fixed images, encoded once when first asked for."""

    def __init__(self, manifest: Manifest, family: Family, images: int, device: torch.device) -> None:
        self._manifest = manifest
        self._family = family
        self._rows = evenly_spread(len(manifest), images)
        self._device = device
        self._encoded: list[tuple[Picture, Encoded]] | None = None

    @torch.no_grad()
    def loss(
        self, autocast: Callable[[], AbstractContextManager[object]], go_on: Callable[[], bool]
    ) -> tuple[float, int]:
        """The mean loss and how many images it is of; (nan, 0) when `go_on` said no."""
        if self._encoded is None:
            self._encoded = [known for row in self._rows if (known := self._encode(row))]
        losses: list[float] = []
        for picture, encoded in self._encoded:
            if not go_on():
                return float("nan"), 0
            with autocast():
                losses.append(self._loss_of(picture, encoded))
        return (sum(losses) / len(losses) if losses else float("nan")), len(losses)

    def _encode(self, row: int) -> tuple[Picture, Encoded] | None:
        picture = picture_of(self._manifest, row)
        try:
            pixels, mask = load_sample(picture.file, picture.plain_cut())
        except BadPictureError:
            return None  # reported where it is trained on
        moments = self._family.encode_pictures(to_model_range(pixels)[None])
        return picture, Encoded(moments, None if mask is None else mask[None, None].to(self._device))

    def _loss_of(self, picture: Picture, encoded: Encoded) -> float:
        family, row, (moments, mask) = self._family, picture.row, encoded
        steps = len(family.alphas_cumprod)
        timesteps = torch.tensor([(2 * index + 1) * steps // (2 * _TIMES) for index in range(_TIMES)])
        alphas = family.alphas_cumprod[timesteps].to(self._device)
        shape = moments.mean.shape[1:]
        drawn = family.latents(moments, _fixed_normal(shape, Purpose.LATENT, row).to(moments.mean.device))
        latents = drawn.to(self._device)
        noise = _fixed_normal(shape, Purpose.NOISE, row).to(self._device)
        told = family.condition([picture.plain_caption], [picture.framing(picture.plain_cut())])
        predicted = family.predict(
            add_noise(latents, noise, alphas), timesteps.to(self._device), told.repeated(_TIMES)
        )
        target = target_of(family.facts.prediction, latents, noise, alphas)
        return float(sample_losses(predicted, target, mask).mean())


def _fixed_normal(shape: torch.Size, purpose: Purpose, row: int) -> Tensor:
    """Normal numbers [timesteps, *shape] that depend on the manifest row and on nothing else."""
    return torch.stack(
        [keyed_normal(shape, Purpose.EVALUATION, purpose, row, index) for index in range(_TIMES)]
    )
