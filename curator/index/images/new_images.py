"""Many new images handed over: lists and arrays side by side, no object per image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from curator.arrays import np

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class ImageBatch:
    """New images under one root. `formats` are positions in `images.FORMATS`; no captions means none has one."""

    root: int
    paths: Sequence[str]
    tags: Sequence[Sequence[str]]
    sha256: Sequence[bytes]
    file_bytes: NDArray[Any]
    widths: NDArray[Any]
    heights: NDArray[Any]
    mtimes_ns: NDArray[Any]
    formats: NDArray[Any]
    captions: Sequence[str] = field(default_factory=tuple)

    def part(self, first: int, beyond: int) -> ImageBatch:
        """Some of the images, in order."""
        if (first, beyond) == (0, len(self.paths)):
            return self
        values = {name: value[first:beyond] for name, value in vars(self).items() if name != "root"}
        return replace(self, **values)

    def without(self, rows: Sequence[int]) -> ImageBatch:
        """All images but these."""
        left = np.delete(np.arange(len(self.paths)), rows).tolist()
        values: dict[str, Any] = {}
        for name, value in vars(self).items():
            if name == "root" or (name == "captions" and not value):
                continue
            values[name] = value[left] if isinstance(value, np.ndarray) else [value[row] for row in left]
        return replace(self, **values)
