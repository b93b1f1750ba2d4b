"""What every model family gives: answers for a batch of images, and what a reader of them needs to know."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

if TYPE_CHECKING:
    from curator.contract.tagging.zoo import Kind
    from tag_models.labels import Labels
    from tag_models.pixels import Pixels

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Answers:
    """Answers for n images: `values` float32 [n, labels], as the model gives them; or a text for each."""

    values: Floats | None = None
    texts: Sequence[str] | None = None


class Batch(NamedTuple):
    """Images to answer: `pixels` [n, side, side, 3] of bytes, and the size each image had, upright, in pixels."""

    pixels: Pixels
    sizes: Sequence[tuple[int, int]]

    def part(self, first: int, end: int) -> Batch:
        """Some of them."""
        return Batch(self.pixels[first:end], self.sizes[first:end])


class Model(Protocol):
    """A model that is loaded.

    `device` names where it really runs. `frame` makes an image's bytes, `side`
    pixels square, in any process. `batch_size` is what the model wants where it takes no other, else None.
    """

    @property
    def kind(self) -> Kind: ...
    @property
    def device(self) -> str: ...
    @property
    def labels(self) -> Labels: ...
    @property
    def batch_size(self) -> int | None: ...
    @property
    def side(self) -> int: ...
    @property
    def frame(self) -> Callable[[Image.Image], Pixels]: ...

    def answer(self, batch: Batch) -> Answers:
        """The answers for some images.

        Raises:
            OutOfMemoryError: the batch is too large for the device.
        """
        ...


class OutOfMemoryError(Exception):
    """A batch does not fit on the device; a smaller one may."""
