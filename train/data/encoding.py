"""Encoding before the first step: every image that is always cut alike once, each process its part of what misses."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from train.data.dataset import Picture, pictures_of
from train.data.images import LoadedSample, load_sample, to_model_range
from train.data.latents import encode, entry_of, pictures_at_once, stacked_masks
from train.data.read_ahead import read_ahead

if TYPE_CHECKING:
    from curator.contract.epoch_plan import Span
    from curator.contract.manifest.manifest import Manifest
    from train.data.batches import Share
    from train.data.kept_latents import KeptLatents
    from train.data.quarantine import Quarantine
    from train.families.family import Family
    from train.families.vae import Moments

_LOOKED_UP_AT_ONCE = 1024


def _silent(_what: str, _hint: str) -> None:
    return None


@dataclass(frozen=True)
class Encoder:
    """A process that encodes its `share` of what a store misses, together with all other processes.

    `gather` joins equal tensors of all ranks in rank order. `workers` threads read images ahead. `rounded` is what
    moments are rounded to, None where they are kept to the bit. `tell` hears that processes share no store after all.
    """

    family: Family
    kept: KeptLatents
    quarantine: Quarantine
    share: Share
    gather: Callable[[Tensor], Tensor]
    workers: int = 0
    rounded: torch.dtype | None = None
    tell: Callable[[str, str], None] = _silent

    def encode_missing(self, manifest: Manifest, progress: Callable[[int], None]) -> int:
        """Encode what the store misses; gives how many showings that were.

        `progress` is called with the rows done, and may raise to stop.
        """
        encoded, done = 0, 0
        last: list[_View] = []

        def reached(rows: int) -> None:
            nonlocal done
            done = max(done, rows)  # what is found is told while what misses is still read
            progress(done)

        try:
            for turn, loaded in read_ahead(self._turns(manifest, reached), self.workers):
                found = encode(self.family, torch.stack([each.pixels for each in loaded]))
                last = self._keep(turn, _packed(found, loaded))
                self.quarantine.check_limit()
                encoded += len(turn)
                reached(turn[-1].picture.row + 1)
        finally:
            if encoded:
                self.kept.store.settle()
        if encoded and self.kept.store.is_shared and self.share.processes > 1:
            self.gather(torch.zeros(1))  # what others wrote is there when all have come here
            self.kept.store.settle()
            if self.kept.store.takes_more and not all(self._held(last)):
                self.tell(
                    "latents that other processes stored are not found here: they are encoded again at each step",
                    "set cache.folder to a folder that all machines see",
                )
        if done < len(manifest):
            progress(len(manifest))
        return encoded

    def _keep(self, turn: Sequence[_View], mine: Tensor) -> list[_View]:
        """Put what was encoded, and give what is good of it; all processes put all where they do not share a store."""
        own = _part(turn, self.share)
        if self.kept.store.is_shared:
            self._put(own, mine.cpu())
            finite = self.gather(mine.isfinite().flatten(1).all(1).to(mine)).tolist()
        else:
            packed = self.gather(mine).cpu()[: len(turn)]
            self._put(turn, packed)
            finite = packed.isfinite().flatten(1).all(1).tolist()
        for view, is_finite in zip(turn, finite, strict=False):
            if not is_finite:
                self.quarantine.add(view.picture.row, view.reason())
        return [view for view, is_finite in zip(turn, finite, strict=False) if is_finite]

    def _put(self, views: Sequence[_View], packed: Tensor) -> None:
        for view, each in zip(views, packed, strict=True):
            if each.isfinite().all():
                mask = each[-1].clone() if view.picture.subset.mask != "none" else None
                moments = each[:-1].unflatten(0, (2, -1)).clone()
                entry = entry_of(moments, mask, self.family.vae_numbers, self.rounded)
                self.kept.put(view.picture, entry, flip=view.flip)

    def _turns(
        self, manifest: Manifest, progress: Callable[[int], None]
    ) -> Iterator[tuple[list[_View], list[Callable[[], LoadedSample]]]]:
        """What all processes encode at once, always of one bucket; and how to read this process's part of it."""
        for span in manifest.spans:
            count = self.share.processes * pictures_at_once(manifest.header.buckets[span.bucket])
            views = self._missing(manifest, span, progress)
            while turn := list(islice(views, count)):
                yield turn, [view.load for view in _part(turn, self.share)]

    def _missing(self, manifest: Manifest, span: Span, progress: Callable[[int], None]) -> Iterator[_View]:
        """The showings of a span that not all processes find."""
        views = _views(manifest, span, self.quarantine.passable)
        while some := list(islice(views, _LOOKED_UP_AT_ONCE)):
            held = self._held(some)
            if not self.kept.store.takes_more:
                held = [True] * len(some)  # encoded in vain, since nothing would keep it
            if self.kept.store.is_shared and self.share.processes > 1:
                told = self.gather(torch.tensor(held, dtype=torch.float32)).view(self.share.processes, -1)
                held = told.amin(dim=0).bool().tolist()
            yield from (view for view, is_held in zip(some, held, strict=True) if not is_held)
            if all(held):
                progress(some[-1].picture.row + 1)

    def _held(self, views: Sequence[_View]) -> list[bool]:
        return self.kept.store.holds([self.kept.keys.of(view.picture, flip=view.flip) for view in views])


def _packed(moments: Moments, loaded: Sequence[LoadedSample]) -> Tensor:
    """Moments and masks of a turn in one tensor [n, 2 x channels + 1, h, w], so that one exchange carries both."""
    masks = stacked_masks([each.mask for each in loaded], moments.mean.shape)
    plain = torch.ones_like(moments.mean[:, :1])
    return torch.cat([moments.mean, moments.logvar, plain if masks is None else masks.to(plain)], dim=1)


@dataclass(frozen=True)
class _View:
    """An image as it is, or mirrored. What `passable` errors say of it is a reason to do without it."""

    picture: Picture
    flip: bool
    passable: tuple[type[Exception], ...]

    def load(self) -> LoadedSample:
        """In model range; what cannot be decoded is no number."""
        try:
            loaded = self._loaded()
        except self.passable:
            width, height = self.picture.file.placement.bucket
            return LoadedSample(torch.full((3, height, width), torch.nan), None)
        return LoadedSample(to_model_range(loaded.pixels), loaded.mask)

    def reason(self) -> str:
        """Why it has no latents. Asked again, because the process that found it may be another."""
        try:
            self._loaded()
        except self.passable as error:
            return str(error)
        return "the VAE gives no finite numbers for it"

    def _loaded(self) -> LoadedSample:
        return load_sample(self.picture.file, self.picture.plain_cut(flip=self.flip))


def _views(manifest: Manifest, span: Span, passable: tuple[type[Exception], ...]) -> Iterator[_View]:
    for picture in pictures_of(manifest, span.first_row, span.rows):
        if picture.is_fixed:
            yield _View(picture, flip=False, passable=passable)
            if picture.subset.flip:
                yield _View(picture, flip=True, passable=passable)


def _part(turn: Sequence[_View], share: Share) -> list[_View]:
    """All processes encode equally many, so in a last, short turn some images are encoded more than once."""
    each = -(-len(turn) // share.processes)
    return [turn[min(index, len(turn) - 1)] for index in range(share.rank * each, (share.rank + 1) * each)]
