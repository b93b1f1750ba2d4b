"""Latents of a batch: cached in memory at the start, or encoded as needed.

What is kept are the VAE's moments, not one draw from them, and a mirrored image is encoded from mirrored
pixels (rows S038, S039). Every image is encoded alone where that is bit-stable (CPU), so kept and fresh are equal.
An image that is cut anew each time is never kept (row S040): it is read and encoded for each sample.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import torch
from torch import Tensor

from train.data.dataset import Picture, pictures_of
from train.data.images import BadPictureError, LoadedSample, load_sample, to_model_range
from train.data.masks import LATENT
from train.data.read_ahead import read_ahead
from train.families.vae import Moments

if TYPE_CHECKING:
    from curator.contract.buckets import Size
    from curator.contract.epoch_plan import Span
    from curator.contract.manifest.manifest import Manifest
    from train.data.batches import Item, Share
    from train.data.quarantine import Quarantine
    from train.families.family import Family

T = TypeVar("T")
Key = tuple[int, bool]  # manifest row, mirrored
_PIXELS_AT_ONCE = 8 * 512 * 512


class Kept(NamedTuple):
    """One showing of an image, encoded, on the CPU: `moments` [2, c, h/8, w/8], `mask` [h/8, w/8] where it has one."""

    moments: Tensor
    mask: Tensor | None


class Inputs(NamedTuple):
    """What the latents of a micro-batch are made of; of n images, those that `is_kept` were encoded before."""

    is_kept: tuple[bool, ...]
    kept: Tensor | None  # their moments, [k, 2, c, h/8, w/8]
    pixels: Tensor | None  # of the others, uint8 [n - k, 3, h, w]
    mask: Tensor | None  # [n, 1, h/8, w/8]: where the loss counts; None: everywhere
    shape: tuple[int, ...]  # [c, h/8, w/8]


class Latents:
    """Gives micro-batches what their latents are made of. `kept` is empty where nothing is cached."""

    def __init__(self, family: Family, kept: Mapping[Key, Kept]) -> None:
        self.kept = kept
        self._channels: int = family.vae.config.latent_channels

    def of(self, items: Sequence[Item]) -> Inputs:
        """Items that come with pixels are to be encoded, the others were before."""
        kept = [self.kept[item.shown.row, item.cut.flip] for item in items if item.loaded is None]
        fresh = [item.loaded for item in items if item.loaded is not None]
        is_kept = tuple(item.loaded is None for item in items)
        masks = _in_order(is_kept, [each.mask for each in kept], [each.mask for each in fresh])
        shape = kept[0].moments.shape[1:] if kept else self._shape_of(fresh[0].pixels)
        return Inputs(
            is_kept,
            torch.stack([each.moments for each in kept]) if kept else None,
            torch.stack([each.pixels for each in fresh]) if fresh else None,
            _stacked(masks, shape),
            tuple(shape),
        )

    def _shape_of(self, pixels: Tensor) -> tuple[int, ...]:
        height, width = pixels.shape[-2:]
        return self._channels, height // LATENT, width // LATENT


def moments_of(family: Family, inputs: Inputs) -> Moments:
    """The moments of a micro-batch whose `inputs` lie on the model's device: what is not kept is encoded."""
    kept = () if inputs.kept is None else inputs.kept
    if inputs.pixels is None:
        fresh: Sequence[Tensor] | Tensor = ()
    else:
        found = encode(family, to_model_range(inputs.pixels))
        fresh = torch.stack([found.mean, found.logvar], dim=1)
    mean, logvar = torch.stack(_in_order(inputs.is_kept, kept, fresh)).unbind(1)
    return Moments(mean, logvar)


def _in_order(is_first: Sequence[bool], first: Iterable[T], second: Iterable[T]) -> list[T]:
    """Of two sequences one, that says at each place from which it comes."""
    firsts, seconds = iter(first), iter(second)
    return [next(firsts) if each else next(seconds) for each in is_first]


def _stacked(masks: Sequence[Tensor | None], shape: Sequence[int]) -> Tensor | None:
    """An image without a mask counts as a whole; `shape` is of its latents."""
    if all(mask is None for mask in masks):
        return None
    whole = torch.ones(tuple(shape[-2:]))
    return torch.stack([whole if mask is None else mask for mask in masks])[:, None]


def encode(family: Family, pixels: Tensor) -> Moments:
    """Moments of images in -1..1, on the model's device."""
    height, width = pixels.shape[-2:]
    parts = [family.encode_pictures(part) for part in pixels.split(_pictures_at_once((width, height)))]
    return Moments(torch.cat([part.mean for part in parts]), torch.cat([part.logvar for part in parts]))


def _pictures_at_once(bucket: Size) -> int:
    """On a GPU, as many as memory is sure to hold: at 1024 px an image's activations take some 2 GiB."""
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
) -> dict[Key, Kept]:
    """Encode every image that is always cut alike once; each process its part, and all processes keep all.

    `workers` threads read images ahead. `gather` joins equal tensors of all ranks in rank order. `progress` is
    called with the rows done, and may raise to stop.
    """
    kept: dict[Key, Kept] = {}
    done = 0
    for turn, loaded in read_ahead(_turns(manifest, share), workers):
        found = encode(family, torch.stack([each.pixels for each in loaded]))
        moments = Moments(found.mean.cpu(), found.logvar.cpu())
        for view, packed in zip(turn, gather(_packed(moments, loaded)), strict=False):
            found = _unpacked(packed.cpu(), view)
            if found.moments.isfinite().all():
                kept[view.key] = found
            else:
                quarantine.add(view.picture.row, view.reason())
        quarantine.check_limit()
        done = turn[-1].picture.row + 1
        progress(done)
    if done < len(manifest):
        progress(len(manifest))
    return kept


def _packed(moments: Moments, loaded: Sequence[LoadedSample]) -> Tensor:
    """Moments and masks of a turn in one tensor [n, 2 x channels + 1, h, w], so that one exchange carries both."""
    masks = _stacked([each.mask for each in loaded], moments.mean.shape)
    plain = torch.ones_like(moments.mean[:, :1])
    return torch.cat([moments.mean, moments.logvar, plain if masks is None else masks], dim=1)


def _unpacked(packed: Tensor, view: _View) -> Kept:
    mask = packed[-1].clone() if view.picture.subset.mask != "none" else None
    return Kept(packed[:-1].unflatten(0, (2, -1)).clone(), mask)


@dataclass(frozen=True)
class _View:
    """An image as it is, or mirrored."""

    picture: Picture
    flip: bool

    @property
    def key(self) -> Key:
        return self.picture.row, self.flip

    def load(self) -> LoadedSample:
        """In model range; what cannot be decoded is no number."""
        try:
            loaded = self._loaded()
        except BadPictureError:
            width, height = self.picture.file.placement.bucket
            return LoadedSample(torch.full((3, height, width), torch.nan), None)
        return LoadedSample(to_model_range(loaded.pixels), loaded.mask)

    def reason(self) -> str:
        """Why it has no latents. Asked again, because the process that found it may be another."""
        try:
            self._loaded()
        except BadPictureError as error:
            return str(error)
        return "the VAE gives no finite numbers for it"

    def _loaded(self) -> LoadedSample:
        return load_sample(self.picture.file, self.picture.plain_cut(flip=self.flip))


def _turns(
    manifest: Manifest, share: Share
) -> Iterator[tuple[list[_View], list[Callable[[], LoadedSample]]]]:
    """What all processes encode at once, always of one bucket; and how to read this process's part of it."""
    for span in manifest.spans:
        count = share.processes * _pictures_at_once(manifest.header.buckets[span.bucket])
        views = _views(manifest, span)
        while turn := list(islice(views, count)):
            yield turn, [view.load for view in _part(turn, share)]


def _views(manifest: Manifest, span: Span) -> Iterator[_View]:
    for picture in pictures_of(manifest, span.first_row, span.rows):
        if picture.is_fixed:
            yield _View(picture, flip=False)
            if picture.subset.flip:
                yield _View(picture, flip=True)


def _part(turn: Sequence[_View], share: Share) -> list[_View]:
    """All processes encode equally many, so in a last, short turn some images are encoded more than once."""
    each = -(-len(turn) // share.processes)
    return [turn[min(index, len(turn) - 1)] for index in range(share.rank * each, (share.rank + 1) * each)]
