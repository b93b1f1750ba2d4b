"""Decides where the latents of a batch come from: kept in memory since the start, or encoded as needed.

What is kept are the VAE's moments, not one draw from them, and a mirrored picture is encoded from mirrored
pixels (rows S038, S039). Every picture is encoded alone where that is bit-stable (CPU), so kept and fresh are equal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

import torch
from torch import Tensor

from curator.contract.buckets import Size
from curator.contract.epoch_plan import Span
from curator.contract.manifest import Manifest
from train.data.batches import Item, Share
from train.data.dataset import Picture, pictures_of
from train.data.images import BadPictureError, read_pixels, to_model_range
from train.data.quarantine import Quarantine
from train.data.read_ahead import read_ahead
from train.families.family import Family
from train.families.vae import Moments

Key = tuple[int, bool]  # manifest row, mirrored
_PIXELS_AT_ONCE = 8 * 512 * 512


class LatentSource(Protocol):
    """Gives the moments of a micro-batch."""

    def moments(self, items: Sequence[Item]) -> Moments: ...


class FreshLatents:
    """Encodes the pixels that came with the items."""

    def __init__(self, family: Family) -> None:
        self.family = family

    def moments(self, items: Sequence[Item]) -> Moments:
        pixels = torch.stack([item.pixels for item in items if item.pixels is not None])
        return encode(self.family, to_model_range(pixels))


class KeptLatents:
    """Moments of every picture, in memory on the CPU."""

    def __init__(self, kept: dict[Key, Tensor]) -> None:
        self.kept = kept

    def moments(self, items: Sequence[Item]) -> Moments:
        mean, logvar = torch.stack([self.kept[item.shown.row, item.flip] for item in items]).unbind(1)
        return Moments(mean, logvar)


def encode(family: Family, pixels: Tensor) -> Moments:
    """Moments on the CPU, of pictures in -1..1."""
    height, width = pixels.shape[-2:]
    parts = [family.encode_pictures(part) for part in pixels.split(_pictures_at_once((width, height)))]
    return Moments(torch.cat([p.mean for p in parts]).cpu(), torch.cat([p.logvar for p in parts]).cpu())


def _pictures_at_once(bucket: Size) -> int:
    """On a GPU, as many as memory is sure to hold: at 1024 px a picture's activations take some 2 GiB."""
    return max(1, _PIXELS_AT_ONCE // (bucket[0] * bucket[1])) if torch.cuda.is_available() else 1


def keep_latents(
    family: Family,
    manifest: Manifest,
    *,
    quarantine: Quarantine,
    share: Share,
    workers: int,
    gather: Callable[[Tensor], Tensor],
    progress: Callable[[int], None],
) -> KeptLatents:
    """Encode every picture of the manifest once; each process its part, and all processes keep all.

    `workers` threads read pictures ahead. `gather` joins equal tensors of all ranks in rank order. `progress` is
    called with the rows done, and may raise to stop.
    """
    kept: dict[Key, Tensor] = {}
    for turn, pixels in read_ahead(_turns(manifest, share), workers):
        moments = encode(family, torch.stack(pixels))
        part = torch.stack([moments.mean, moments.logvar], dim=1)
        for view, found in zip(turn, gather(part), strict=False):
            if found.isfinite().all():
                kept[view.key] = found.cpu()
            else:
                quarantine.add(view.picture.row, view.reason())
        quarantine.check_limit()
        progress(turn[-1].picture.row + 1)
    return KeptLatents(kept)


@dataclass(frozen=True)
class _View:
    """A picture as it is, or mirrored."""

    picture: Picture
    flip: bool

    @property
    def key(self) -> Key:
        return self.picture.row, self.flip

    def pixels(self) -> Tensor:
        """Model range; what cannot be decoded is no number."""
        try:
            return to_model_range(read_pixels(self.picture.file, self.flip))
        except BadPictureError:
            width, height = self.picture.file.placement.bucket
            return torch.full((3, height, width), torch.nan)

    def reason(self) -> str:
        """Why it has no latents. Asked again, because the process that found it may be another."""
        try:
            read_pixels(self.picture.file, self.flip)
        except BadPictureError as error:
            return str(error)
        return "the VAE gives no finite numbers for it"


def _turns(manifest: Manifest, share: Share) -> Iterator[tuple[list[_View], list[Callable[[], Tensor]]]]:
    """What all processes encode at once, always of one bucket; and how to read this process's part of it."""
    for span in manifest.spans:
        count = share.processes * _pictures_at_once(manifest.header.buckets[span.bucket])
        views = _views(manifest, span)
        while turn := list(islice(views, count)):
            yield turn, [view.pixels for view in _part(turn, share)]


def _views(manifest: Manifest, span: Span) -> Iterator[_View]:
    for picture in pictures_of(manifest, span.first_row, span.rows):
        yield _View(picture, flip=False)
        if picture.subset.flip:
            yield _View(picture, flip=True)


def _part(turn: Sequence[_View], share: Share) -> list[_View]:
    """All processes encode equally many, so in a last, short turn some pictures are encoded more than once."""
    each = -(-len(turn) // share.processes)
    return [turn[min(index, len(turn) - 1)] for index in range(share.rank * each, (share.rank + 1) * each)]
