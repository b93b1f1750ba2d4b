"""Pictures inside a page: small WebP as data URLs, as many and as large in all as was agreed."""

from __future__ import annotations

import base64
import io
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from curator.contract.crops import beyond_crop, crop_within
from curator.contract.files.picture_file import open_picture
from curator.contract.files.picture_limits import MAX_PIXELS
from curator.contract.flatten import flattened
from curator.contract.progress import Progress, silent
from curator.pages.html import Html, safe

if TYPE_CHECKING:
    from curator.contract.buckets import Placement

_QUALITY = 82
_MOST_BYTES = 16 << 20  # of all pictures of a page, as they stand in it: what a phone opens without waiting


class Pictures:
    """The pictures of one page: at most so many, of at most so many bytes. What does not come in is counted.

    `progress` hears of each, since large ones take a while; it may raise to give up.
    """

    def __init__(self, most: int, progress: Progress = silent, most_bytes: int = _MOST_BYTES) -> None:
        self._most = most
        self._progress = progress
        self._bytes_left = most_bytes
        self.shown = 0
        self.left_out = 0

    def shown_from(self, path: Path, name: str, side: int, placement: Placement | None = None) -> Html:
        """An image at most `side` pixels long, or only its crop; words in its place where it cannot be shown."""
        if self.shown >= self._most or self._bytes_left <= 0:
            self.left_out += 1
            return Html('<div class="no-picture">left out</div>')
        try:
            picture = opened(path, side, placement)
        except FileNotFoundError:
            return Html('<div class="no-picture wrong">the file is gone</div>')
        except Exception as error:  # noqa: BLE001 - decoders raise anything on a broken file
            return Html(f'<div class="no-picture wrong">{safe(str(error) or type(error).__name__)}</div>')
        data = data_url(picture, _QUALITY)
        self.shown += 1
        self._progress(self.shown, self._most)
        self._bytes_left -= len(data)
        return Html(
            f'<img alt="{safe(name)}" width="{picture.width}" height="{picture.height}" src="{data}">'
        )


def opened(path: Path, side: int, placement: Placement | None = None) -> Image.Image:
    """An image as it is trained (upright, on white), at most `side` pixels long; with a placement only its crop.

    Raises:
        OSError: it is gone, or no image.
        ValueError: it is too large.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of large images; the limit is our own
        with open_picture(path) as file, Image.open(file) as image:
            if image.width * image.height > MAX_PIXELS:
                raise ValueError(f"{image.width}x{image.height} is too large")
            image.draft("RGB", _decoded_size(side, placement))  # JPEG decodes small at once
            flat: Image.Image = flattened(image)
    if placement is not None:
        flat = flat.crop(crop_within(flat.size, placement))
    flat.thumbnail((side, side))
    return flat


def data_url(picture: Image.Image, quality: int) -> str:
    """A picture as a `data:` address, in WebP."""
    packed = io.BytesIO()
    picture.save(packed, format="WEBP", quality=quality)
    return f"data:image/webp;base64,{base64.b64encode(packed.getvalue()).decode()}"


def _decoded_size(side: int, placement: Placement | None) -> tuple[int, int]:
    beyond = 1.0 if placement is None else beyond_crop(placement)
    return (round(side * 2 * beyond), round(side * 2 * beyond))
