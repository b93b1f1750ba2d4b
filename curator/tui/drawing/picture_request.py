"""A request to draw an image and its answer, so that one can ask before Pillow is imported."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from textual.strip import Strip

if TYPE_CHECKING:
    from curator.contract.buckets import Placement


Part = tuple[float, float, float, float]  # left, top, right, bottom of an image, from 0 to 1


class CloseUp(NamedTuple):
    """A part of an image around a middle (from 0 to 1), so many times as large as where all of it is seen.

    0 times is one pixel drawn for each of the image's own.
    """

    x: float
    y: float
    times: int


@dataclass(frozen=True)
class PictureRequest:
    """What to draw: a file, in so many cells, mirrored with `flip`.

    With a placement its crop is outlined; `cut` shows nothing but the crop. `close_up` shows a part; `mask` is the file
    that says what counts, which may be the image itself.
    """

    path: Path
    columns: int
    lines: int
    placement: Placement | None = None
    flip: bool = False
    cut: bool = False
    close_up: CloseUp | None = None
    mask: Path | None = None


@dataclass(frozen=True)
class Picture:
    """Lines ready to draw, or why there are none; `part` says what of the image is seen, where not all is."""

    strips: tuple[Strip, ...] = ()
    problem: str = ""
    part: Part | None = None
