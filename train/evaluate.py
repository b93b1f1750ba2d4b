"""Loss on fixed images, noise and timesteps, whatever the training's seed: of trained images, and of those held out.

Captions are whole, images are cut as at the freeze and not mirrored, nothing is weighted but by masks. Latents are
drawn from the VAE's moments, as in training: measured on their mean, the loss of a model that trains well may rise.
Noise follows from an image's content, so that a loss compares with that of another freeze.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from curator.contract.keyed import Purpose
from train.data.batches import Share
from train.data.dataset import Picture, evenly_spread, picture_of
from train.data.images import BadPictureError, load_sample, to_model_range
from train.data.latents import entry_of, mask_of, rounded_by, stacked_masks
from train.families.vae import Moments
from train.objective.loss import sample_losses, target_of
from train.objective.noise import keyed_normal
from train.objective.noise_schedule import add_noise
from train.out_of_memory import is_out_of_memory
from train.survival.room import AtOnce

if TYPE_CHECKING:
    from accelerate import Accelerator

    from curator.contract.manifest.manifest import Manifest
    from curator.contract.recipe.recipe import Recipe
    from train.cache.packing import Entry
    from train.data.kept_latents import KeptLatents
    from train.families.family import Family

BANDS = 4  # equal parts of the schedule, the one with the least noise first
_TIMES = 8  # timesteps an image, in the middle of equal parts of the schedule


@dataclass(frozen=True)
class Measured:
    """Mean loss of `images` images: of all timesteps, of each band of them, and of each subset, whole and by band."""

    loss: float
    images: int
    bands: tuple[float, ...]
    subsets: dict[str, float]
    subset_bands: dict[str, tuple[float, ...]]


class NoRoomError(MemoryError):
    """An evaluation does not fit in the memory."""


class _Encoded(NamedTuple):
    """Images of one size, on the CPU: moments [n, c, h/8, w/8], `mask` [n, 1, h/8, w/8] where one of them has one."""

    pictures: list[Picture]
    moments: Moments
    mask: Tensor | None


class Evaluation:
    """Fixed rows of a manifest, `at_once` samples at a time. Each process has its share, encoded when first asked for.

    `reports` hears the path of an image that cannot be decoded, and why; it is left out.
    """

    def __init__(
        self,
        manifest: Manifest,
        family: Family,
        rows: Sequence[int],
        device: torch.device,
        *,
        at_once: int = 1,
        share: Share | None = None,
        reports: Callable[[str, str], None] | None = None,
        kept: KeptLatents | None = None,
        rounded: torch.dtype | None = None,
    ) -> None:
        self._manifest, self._family, self._device = manifest, family, device
        self._share, self._reports = share or Share(), reports
        self._kept, self._rounded = kept, rounded
        self._groups = list(_groups(manifest, rows, max(1, at_once // _TIMES)))
        self._at_once = AtOnce(_TIMES * max(1, at_once // _TIMES))
        self._encoded: dict[int, _Encoded | None] = {}

    @property
    def turns(self) -> int:
        """How many turns it takes: in each, every process measures some images of one size, or none."""
        return -(-len(self._groups) // self._share.processes)

    @torch.no_grad()
    def measure(
        self,
        autocast: Callable[[], AbstractContextManager[object]],
        go_on: Callable[[int], bool],
        add_up: Callable[[Tensor], Tensor] = lambda sums: sums,
    ) -> Measured | None:
        """The losses; None where `go_on`, asked by all processes before each turn, said no, or no image is left.

        `add_up` gives the sum of a tensor over all processes.

        Raises:
            NoRoomError: not even one image fits in the memory; on all processes, whichever found it.
        """
        names = [subset.name for subset in self._manifest.header.subsets]
        # Of each subset its losses by band, then the count of its images.
        sums = torch.zeros(
            len(names) + 1, BANDS + 1, dtype=torch.float64
        )  # in the last row, what did not fit
        for turn in range(self.turns):
            if not go_on(turn):
                return None
            number = turn * self._share.processes + self._share.rank
            if number < len(self._groups) and not sums[-1, 0]:
                try:
                    self._add(number, autocast, names, sums)
                except Exception as error:
                    if not is_out_of_memory(error):
                        raise
                    sums[-1, 0] = 1
        sums = add_up(sums)
        if sums[-1, 0]:
            raise NoRoomError("not even one image fits in the memory")
        return _measured(names, sums[:-1])

    def _add(
        self,
        number: int,
        autocast: Callable[[], AbstractContextManager[object]],
        names: Sequence[str],
        sums: Tensor,
    ) -> None:
        """The losses of a group's images, to those of their subsets."""
        group = self._group(number)
        if group is None:
            return
        with autocast():
            losses = self._losses(group)
        for picture, loss in zip(group.pictures, losses, strict=True):
            row = names.index(picture.subset.name)
            sums[row, :BANDS] += loss
            sums[row, BANDS] += 1

    def _group(self, number: int) -> _Encoded | None:
        if number not in self._encoded:
            with self._family.vae_at_work():
                self._encoded[number] = self._encode(self._groups[number])
        return self._encoded[number]

    def _encode(self, rows: Sequence[int]) -> _Encoded | None:
        pictures: list[Picture] = []
        moments: list[Moments] = []
        masks: list[Tensor | None] = []
        for row in rows:
            picture = picture_of(self._manifest, row)
            try:
                found = self._entry(picture)
            except BadPictureError as error:
                if self._reports:
                    self._reports(picture.name, str(error))
                continue
            pictures.append(picture)
            moments.append(found[0].float())
            masks.append(mask_of(found))
        if not pictures:
            return None
        mean, logvar = torch.stack(moments).unbind(1)
        return _Encoded(pictures, Moments(mean, logvar), stacked_masks(masks, mean.shape))

    def _entry(self, picture: Picture) -> Entry:
        """An image encoded, or as it is kept."""
        if self._kept and (found := self._kept.find(picture, flip=False)):
            return found
        pixels, mask = load_sample(picture.file, picture.plain_cut())
        moments = self._family.encode_pictures(to_model_range(pixels)[None])
        whole = torch.stack([moments.mean[0], moments.logvar[0]]).cpu()
        entry = entry_of(whole, mask, self._family.vae_numbers, self._rounded)
        if self._kept and self._kept.store.is_shared and whole.isfinite().all():
            self._kept.put(picture, entry, flip=False)
        return entry

    def _losses(self, group: _Encoded) -> Tensor:
        """The mean loss of each image in each band; float64 [n, bands] on the CPU."""
        family, device, (pictures, moments, mask) = self._family, self._device, group
        count, steps = len(pictures), len(family.alphas_cumprod)
        times = torch.tensor([(2 * index + 1) * steps // (2 * _TIMES) for index in range(_TIMES)])
        timesteps = times.repeat_interleave(count)  # all images at the first timestep, then at the next
        alphas = family.alphas_cumprod[timesteps].to(device)
        repeated = Moments(
            *(part.repeat(_TIMES, 1, 1, 1).to(device) for part in (moments.mean, moments.logvar))
        )
        latents = family.latents(repeated, _fixed_normal(pictures, moments, Purpose.LATENT).to(device))
        noise = _fixed_normal(pictures, moments, Purpose.NOISE).to(device)
        framings = [picture.framing(picture.plain_cut()) for picture in pictures]
        told = family.condition([picture.plain_caption for picture in pictures], framings)
        noisy, timesteps, told = (
            add_noise(latents, noise, alphas),
            timesteps.to(device),
            told.repeated(_TIMES),
        )

        def predicted_of(rows: slice) -> Tensor:
            return family.predict(noisy[rows], timesteps[rows], told.part(rows))

        predicted = self._at_once.work(len(noisy), predicted_of)
        target = target_of(family.facts.prediction, latents, noise, alphas)
        where = None if mask is None else mask.repeat(_TIMES, 1, 1, 1).to(device)
        losses = sample_losses(predicted, target, where).double().cpu()
        return losses.view(BANDS, -1, count).mean(dim=1).T


def evaluations_of(
    manifest: Manifest,
    family: Family,
    recipe: Recipe,
    accelerator: Accelerator,
    quarantined: Callable[[str, str], None],
    *,
    kept: KeptLatents | None = None,
) -> dict[bool, Evaluation]:
    """What a recipe wants measured: trained images (False) and those held out (True), where there are any.

    An image held out that cannot be used is told to `quarantined`. What is `kept` is not encoded again.
    """
    knobs = recipe.evaluate
    sides = {False: (manifest.trained, knobs.images), True: (manifest.held_out, knobs.validation_images)}
    return {
        is_held_out: Evaluation(
            manifest,
            family,
            [rows[at] for at in evenly_spread(len(rows), images)],
            accelerator.device,
            at_once=recipe.batch.size,
            share=Share(accelerator.process_index, accelerator.num_processes),
            reports=quarantined if is_held_out else None,  # others where they are trained
            kept=kept,
            rounded=rounded_by(recipe.cache),
        )
        for is_held_out, (rows, images) in sides.items()
        if rows and images
    }


def _groups(manifest: Manifest, rows: Sequence[int], size: int) -> Iterator[list[int]]:
    """Rows of one bucket, so many at most."""
    bucket_of = {row: manifest.image(row).bucket for row in rows}
    for _, own in groupby(sorted(rows, key=lambda row: (bucket_of[row], row)), key=bucket_of.__getitem__):
        together = list(own)
        yield from (together[at : at + size] for at in range(0, len(together), size))


def _measured(names: Sequence[str], sums: Tensor) -> Measured | None:
    counts = sums[:, BANDS]
    images = int(counts.sum())
    if not images:
        return None
    bands = (sums[:, :BANDS].sum(dim=0) / images).tolist()
    subset_bands = {
        name: tuple((own[:BANDS] / own[BANDS]).tolist())
        for name, own in zip(names, sums, strict=True)
        if own[BANDS]
    }
    subsets = {name: sum(own) / BANDS for name, own in subset_bands.items()}
    return Measured(sum(bands) / BANDS, images, tuple(bands), subsets, subset_bands)


def _fixed_normal(pictures: Sequence[Picture], moments: Moments, purpose: Purpose) -> Tensor:
    """Normal numbers [timesteps x n, c, h/8, w/8] that depend on the images' content and on nothing else."""
    shape = moments.mean.shape[1:]
    contents = [int(picture.file.sha256[:16], 16) for picture in pictures]
    return torch.stack(
        [
            keyed_normal(shape, Purpose.EVALUATION, purpose, content, index)
            for index in range(_TIMES)
            for content in contents
        ]
    )
