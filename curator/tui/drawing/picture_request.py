"""A request to draw an image and its answer, so that one can ask before Pillow is imported."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from textual.strip import Strip

if TYPE_CHECKING:
    from curator.contract.buckets import Placement


@dataclass(frozen=True)
class PictureRequest:
    """What to draw: a file, in so many cells, mirrored with `flip`.

    With a placement its crop is outlined; `cut` shows nothing but the crop.
    """

    path: Path
    columns: int
    lines: int
    placement: Placement | None = None
    flip: bool = False
    cut: bool = False


@dataclass(frozen=True)
class Picture:
    """Lines ready to draw, or why there are none."""

    strips: tuple[Strip, ...] = ()
    problem: str = ""
