"""A small copy of an image, upright and on white, decoded no larger than it must be."""

from __future__ import annotations

import warnings
from typing import BinaryIO

from PIL import Image

from curator.contract.flatten import flattened
from curator.scan.headers.header import MAX_PIXELS  # and sets Pillow's own limits


def decoded_small(file: BinaryIO, side: int) -> Image.Image:
    """The image in `file` as RGB, at most `side` pixels long each way and never enlarged.

    Raises:
        ValueError: it has more pixels than anybody's image.
        Exception: whatever a decoder makes of a broken file.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of large images; the limit is our own
        with Image.open(file) as opened:
            if opened.width * opened.height > MAX_PIXELS:
                raise ValueError(f"{opened.width}x{opened.height} is too large")
            opened.draft("RGB", (2 * side, 2 * side))  # JPEG decodes small at once
            flat: Image.Image = flattened(opened)
    scale = min(1.0, side / max(flat.size))
    size = (max(1, round(flat.width * scale)), max(1, round(flat.height * scale)))
    return flat.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)
