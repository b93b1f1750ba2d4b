"""Latents of images in a store, and all that a run keeps so."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from train.cache.packing import Entry
    from train.cache.store import Store
    from train.data.dataset import Picture
    from train.data.latent_keys import LatentKeys


class KeptLatents:
    """Moments of images, and masks beside them, in a store. An entry is `(moments [2, c, h/8, w/8],)`, or has a mask
    [h/8, w/8] behind them."""

    def __init__(self, store: Store, keys: LatentKeys) -> None:
        self.store = store
        self.keys = keys

    def find(self, picture: Picture, *, flip: bool) -> Entry | None:
        """What is kept of an image at the cut of the freeze."""
        return self.store.find([self.keys.of(picture, flip=flip)])[0]

    def put(self, picture: Picture, entry: Entry, *, flip: bool) -> None:
        subject = self.keys.subject(picture, flip=flip)
        self.store.put(self.keys.of(picture, flip=flip), entry, subject)


@dataclass(frozen=True)
class Caches:
    """What a run keeps: latents, unless the recipe says "off", and captions on disk where it says so."""

    latents: KeptLatents | None = None
    captions: Store | None = None

    def close(self) -> None:
        """Write what is not written yet."""
        for store in self._stores():
            store.close()

    def _stores(self) -> Iterator[Store]:
        if self.latents is not None:
            yield self.latents.store
        if self.captions is not None:
            yield self.captions
