"""Decides what number a picture looks like (B16): the signs of its 64 lowest frequencies, less what is common to all.

Two pictures of equal looks at other sizes, qualities and formats differ in few bits. A flat picture has no
frequencies and gets none.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from curator.contract.picture_file import open_picture
from curator.index.collection import Collection
from curator.scan.header import MAX_PIXELS

_SIDE = 32
_LOW = 9  # nine frequencies each way, of which the first row and column are left out: 64
_FLAT = 2.0  # the mean of the frequencies' size, in grey values, below which a picture is flat
_BATCH = 256
_THREADS = 4
Progress = Callable[[int, int], None]  # pictures done, in all; may raise to stop


def fingerprint(path: str) -> int | None:
    """The number of one picture; None where it is flat or cannot be decoded."""
    try:
        with warnings.catch_warnings(), open_picture(path) as file, Image.open(file) as opened:
            warnings.simplefilter("ignore")
            if opened.width * opened.height > MAX_PIXELS:
                return None
            opened.draft("L", (4 * _SIDE, 4 * _SIDE))
            grey = ImageOps.exif_transpose(_on_white(opened)).convert("L")
            small = grey.resize((_SIDE, _SIDE), Image.Resampling.BOX)
    except Exception:  # noqa: BLE001 - whatever a decoder makes of a foreign file, it is one picture without a number
        return None
    return number_of(np.asarray(small, np.float64))


def number_of(pixels: NDArray[np.float64]) -> int | None:
    """The number of a grey picture of 32 x 32."""
    frequencies = (_COSINES @ pixels @ _COSINES.T)[1:, 1:]
    if np.abs(frequencies).mean() < _FLAT:
        return None
    bits = (frequencies > np.median(frequencies)).ravel()
    return int(np.packbits(bits).view(">u8")[0])


def fill(collection: Collection, ids: Sequence[int], progress: Progress | None = None) -> int:
    """Look at every picture not looked at before, a few hundred a commit, so a stop loses little; gives how many."""
    done = looked = 0
    with ThreadPoolExecutor(_THREADS, thread_name_prefix="look") as pool:
        for at in range(0, len(ids), _BATCH):
            rows = collection.rows(ids[at : at + _BATCH])
            known = collection.fingerprints.of([bytes.fromhex(row.sha256) for row in rows])
            new = {
                bytes.fromhex(row.sha256): row.full_path
                for row in rows
                if bytes.fromhex(row.sha256) not in known
            }
            values = list(pool.map(fingerprint, new.values()))
            if new:
                collection.fingerprints.put(zip(new, values, strict=True))
            done, looked = done + len(rows), looked + len(new)
            if progress:
                progress(done, len(ids))
    return looked


def _on_white(image: Image.Image) -> Image.Image:
    if image.mode not in ("RGBA", "LA", "PA", "P") or (
        image.mode == "P" and "transparency" not in image.info
    ):
        return image
    clear = image.convert("RGBA")
    white = Image.new("RGBA", clear.size, "white")
    return Image.alpha_composite(white, clear).convert("RGB")


def _cosines() -> NDArray[np.float64]:
    """The first rows of the orthonormal cosine transform."""
    frequency, place = np.arange(_LOW)[:, None], np.arange(_SIDE)[None, :]
    table = np.cos(np.pi * frequency * (2 * place + 1) / (2 * _SIDE)) * np.sqrt(2 / _SIDE)
    table[0] /= np.sqrt(2)
    return table


_COSINES = _cosines()
