"""Decides where the latents of a batch come from: kept in memory since the start, or encoded as needed.

What is kept are the VAE's moments, not one draw from them, and a mirrored picture is encoded from mirrored
pixels (rows S038, S039). Every picture is encoded alone where that is bit-stable (CPU), so kept and fresh are equal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Protocol

import torch
from torch import Tensor

from curator.contract.epoch_plan import Span
from curator.contract.manifest import Manifest
from train.data.batches import Item, Share
from train.data.dataset import picture_of
from train.data.images import BadPictureError, read_pixels, to_model_range
from train.data.quarantine import Quarantine
from train.families.family import Family, Moments

Key = tuple[int, bool]  # manifest row, mirrored


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
    parts = [family.encode_pictures(part) for part in pixels.split(_pictures_at_once())]
    return Moments(torch.cat([p.mean for p in parts]).cpu(), torch.cat([p.logvar for p in parts]).cpu())


def _pictures_at_once() -> int:
    return 8 if torch.cuda.is_available() else 1


def keep_latents(
    family: Family,
    manifest: Manifest,
    *,
    quarantine: Quarantine,
    share: Share,
    gather: Callable[[Tensor], Tensor],
    progress: Callable[[int], None],
) -> KeptLatents:
    """Encode every picture of the manifest once; each process its part, and all processes keep all.

    `gather` joins equal tensors of all ranks in rank order. `progress` is called with the rows done, and may
    raise to stop.
    """
    kept: dict[Key, Tensor] = {}
    for span in manifest.spans:
        wanted = iter(_keys(manifest, span))
        while turn := list(islice(wanted, share.processes * _pictures_at_once())):
            for key, moments in zip(turn, gather(_encode_part(family, manifest, share, turn)), strict=False):
                if moments.isfinite().all():
                    kept[key] = moments.cpu()
                else:
                    quarantine.add(key[0], _reason(manifest, key))
            quarantine.check_limit()
            progress(turn[-1][0] + 1)
    return KeptLatents(kept)


def _keys(manifest: Manifest, span: Span) -> Iterator[Key]:
    for row in range(span.first_row, span.first_row + span.rows):
        yield row, False
        if picture_of(manifest, row).subset.flip:
            yield row, True


def _encode_part(family: Family, manifest: Manifest, share: Share, turn: Sequence[Key]) -> Tensor:
    """Moments [n, 2, 4, h, w] of this process's pictures of a turn; what cannot be read is no number.

    All processes give equally many, so in a last, short turn some are encoded more than once.
    """
    each = -(-len(turn) // share.processes)
    mine = [turn[min(index, len(turn) - 1)] for index in range(share.rank * each, (share.rank + 1) * each)]
    pixels = torch.stack([_pixels(manifest, key) for key in mine])
    moments = encode(family, pixels)
    return torch.stack([moments.mean, moments.logvar], dim=1)


def _pixels(manifest: Manifest, key: Key) -> Tensor:
    file = picture_of(manifest, key[0]).file
    try:
        return to_model_range(read_pixels(file, key[1]))
    except BadPictureError:
        width, height = file.placement.bucket
        return torch.full((3, height, width), torch.nan)


def _reason(manifest: Manifest, key: Key) -> str:
    """Why a picture has no latents. Asked again, because the process that found it may be another."""
    try:
        read_pixels(picture_of(manifest, key[0]).file, key[1])
    except BadPictureError as error:
        return str(error)
    return "the VAE gives no finite numbers for it"
