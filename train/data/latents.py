"""Latents of a batch: encoded before the first step where they are kept, or as needed.

What is kept are the VAE's moments, not one draw from them, and a mirrored image is encoded from mirrored
pixels (rows S038, S039). Every image is encoded alone where that is bit-stable (CPU), so kept and fresh are equal.
An image that is cut anew each time is never kept (row S040): it is read and encoded for each sample.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import torch
from torch import Tensor

from train.cache.packing import Entry, narrowed
from train.data.images import to_model_range
from train.data.masks import LATENT
from train.families.vae import Moments

if TYPE_CHECKING:
    from curator.contract.buckets import Size
    from curator.contract.recipe.recipe import Cache
    from train.data.batches import Item
    from train.families.family import Family

T = TypeVar("T")
_PIXELS_AT_ONCE = 8 * 512 * 512


class Inputs(NamedTuple):
    """What the latents of a micro-batch are made of; of n images, those that `is_kept` were encoded before."""

    is_kept: tuple[bool, ...]
    kept: Tensor | None  # their moments, [k, 2, c, h/8, w/8]
    pixels: Tensor | None  # of the others, uint8 [n - k, 3, h, w]
    mask: Tensor | None  # [n, 1, h/8, w/8]: where the loss counts; None: everywhere
    shape: tuple[int, ...]  # [c, h/8, w/8]


class Latents:
    """Gives micro-batches what their latents are made of."""

    def __init__(self, family: Family) -> None:
        self._channels: int = family.vae.config.latent_channels

    def of(self, items: Sequence[Item]) -> Inputs:
        """Items that come with pixels are to be encoded, the others were before."""
        kept = [item.kept for item in items if item.kept is not None]
        fresh = [item.loaded for item in items if item.loaded is not None]
        is_kept = tuple(item.kept is not None for item in items)
        masks = _in_order(is_kept, [mask_of(entry) for entry in kept], [each.mask for each in fresh])
        shape = kept[0][0].shape[1:] if kept else self._shape_of(fresh[0].pixels)
        return Inputs(
            is_kept,
            _of_one_kind([entry[0] for entry in kept]) if kept else None,
            torch.stack([each.pixels for each in fresh]) if fresh else None,
            stacked_masks(masks, shape),
            tuple(shape),
        )

    def _shape_of(self, pixels: Tensor) -> tuple[int, ...]:
        height, width = pixels.shape[-2:]
        return self._channels, height // LATENT, width // LATENT


def _of_one_kind(moments: Sequence[Tensor]) -> Tensor:
    """Stacked; where some are in half the digits and others are not, all are in float32."""
    if len({each.dtype for each in moments}) > 1:
        moments = [each.float() for each in moments]
    return torch.stack(list(moments))


def moments_of(family: Family, inputs: Inputs, rounded: torch.dtype | None = None) -> Moments:
    """The moments of a micro-batch whose `inputs` lie on the model's device: what is not kept is encoded.

    What is encoded now is `rounded` as what is kept was.
    """
    kept = () if inputs.kept is None else inputs.kept.float()
    if inputs.pixels is None:
        fresh: Sequence[Tensor] | Tensor = ()
    else:
        found = encode(family, to_model_range(inputs.pixels))
        fresh = round_to(torch.stack([found.mean, found.logvar], dim=1), rounded)
    mean, logvar = torch.stack(_in_order(inputs.is_kept, kept, fresh)).unbind(1)
    return Moments(mean, logvar)


def entry_of(
    moments: Tensor, mask: Tensor | None, numbers: torch.dtype, rounded: torch.dtype | None
) -> Entry:
    """What is kept of one image: `moments` [2, c, h/8, w/8] in the VAE's `numbers` where these hold all of them."""
    few = narrowed(round_to(moments, rounded), rounded or numbers)
    return (few,) if mask is None else (few, mask)


def mask_of(entry: Entry) -> Tensor | None:
    """The mask of a kept image, [h/8, w/8]; None: all of it counts."""
    return entry[1] if len(entry) > 1 else None


def rounded_by(cache: Cache) -> torch.dtype | None:
    """What the moments of a run are rounded to; None where they are kept to the bit."""
    return torch.float16 if cache.dtype == "fp16" else None


def round_to(moments: Tensor, numbers: torch.dtype | None) -> Tensor:
    """In float32, with the digits that `numbers` have."""
    return moments if numbers is None else moments.to(numbers).float()


def _in_order(is_first: Sequence[bool], first: Iterable[T], second: Iterable[T]) -> list[T]:
    """Of two sequences one, that says at each place from which it comes."""
    firsts, seconds = iter(first), iter(second)
    return [next(firsts) if each else next(seconds) for each in is_first]


def stacked_masks(masks: Sequence[Tensor | None], shape: Sequence[int]) -> Tensor | None:
    """An image without a mask counts as a whole; `shape` is of its latents."""
    if all(mask is None for mask in masks):
        return None
    whole = torch.ones(tuple(shape[-2:]))
    return torch.stack([whole if mask is None else mask for mask in masks])[:, None]


def encode(family: Family, pixels: Tensor) -> Moments:
    """Moments of images in -1..1, on the model's device."""
    height, width = pixels.shape[-2:]
    parts = [family.encode_pictures(part) for part in pixels.split(pictures_at_once((width, height)))]
    return Moments(torch.cat([part.mean for part in parts]), torch.cat([part.logvar for part in parts]))


def pictures_at_once(bucket: Size) -> int:
    """On a GPU, as many as memory is sure to hold: at 1024 px an image's activations take some 2 GiB."""
    return max(1, _PIXELS_AT_ONCE // (bucket[0] * bucket[1])) if torch.cuda.is_available() else 1
