"""The perceptual hash of an image (B16): the signs of its 64 lowest frequencies, less what is common to all.

Two images of equal looks at other sizes, qualities and formats differ in few bits. A flat image has no
frequencies and gets none.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from curator.contract.files.picture_file import open_picture
from curator.contract.flatten import flattened
from curator.scan.headers.header import MAX_PIXELS  # and sets Pillow's own limits
from curator.scan.readers.worker_job import CRASHED, WorkerJob

_SIDE = 32
_LOW = 9  # nine frequencies each way, of which the first row and column are left out: 64
_FLAT = 2.0  # the mean of the frequencies' size, in grey values, below which an image is flat


class Pictures(NamedTuple):
    """Paths of images to look at."""

    paths: list[str]


Fingerprint = tuple[int | None, str, bool]
"""The number of an image, why it cannot be decoded, and whether that is the image's fault: of what is on a disk that
is away, or what memory did not suffice for, nothing is known. A flat image has neither number nor reason."""


class Fingerprints(NamedTuple):
    """What images look like, in the order asked."""

    results: list[Fingerprint]


def fingerprint_all(pictures: Pictures) -> Fingerprints:
    """Never raises for what a file holds."""
    return Fingerprints([fingerprint(path) for path in pictures.paths])


def fingerprint(path: str) -> Fingerprint:
    """What one image looks like."""
    try:
        file = open_picture(path)
    except OSError as error:
        return None, error.strerror or "cannot be opened", False
    try:
        with file, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return perceptual_hash(np.asarray(_small(file), np.float64)), "", True
    except MemoryError:
        return None, "memory did not suffice", False
    except Exception as error:  # noqa: BLE001 - whatever a decoder makes of a foreign file, it has no number
        is_disk = (
            isinstance(error, OSError) and error.errno is not None
        )  # a decoder's own errors have no number
        return None, " ".join(str(error).split())[:200] or type(error).__name__, not is_disk


def both_ways(path: Path) -> tuple[int | None, int | None]:
    """The number of an image, and that of its mirror image; None where it is flat.

    Raises:
        OSError: it cannot be opened.
        Exception: whatever a decoder makes of it.
    """
    with open_picture(path) as file:
        pixels = np.asarray(_small(file), np.float64)
    return perceptual_hash(pixels), perceptual_hash(pixels[:, ::-1])


def perceptual_hash(pixels: NDArray[np.float64]) -> int | None:
    """The number of a grey image of 32 x 32."""
    frequencies = (_COSINES @ pixels @ _COSINES.T)[1:, 1:]
    if np.abs(frequencies).mean() < _FLAT:
        return None
    bits = (frequencies > np.median(frequencies)).ravel()
    return int(np.packbits(bits).view(">u8")[0])


def _small(file: BinaryIO) -> Image.Image:
    with Image.open(file) as opened:
        if opened.width * opened.height > MAX_PIXELS:
            raise ValueError(f"more than {MAX_PIXELS // 1_000_000} million pixels")
        opened.draft("L", (4 * _SIDE, 4 * _SIDE))
        grey: Image.Image = flattened(opened).convert("L")
        return grey.resize((_SIDE, _SIDE), Image.Resampling.BOX)


def _cosines() -> NDArray[np.float64]:
    """The first rows of the orthonormal cosine transform."""
    frequency, place = np.arange(_LOW)[:, None], np.arange(_SIDE)[None, :]
    table = np.cos(np.pi * frequency * (2 * place + 1) / (2 * _SIDE)) * np.sqrt(2 / _SIDE)
    table[0] /= np.sqrt(2)
    return table


_COSINES = _cosines()

FINGERPRINTING = WorkerJob(
    name="look",
    work=fingerprint_all,
    inline_limit=64,  # starting processes takes as long as looking at some hundred
    question=Pictures._make,
    answer=Fingerprints._make,
    files=lambda pictures: len(pictures.paths),
    split=lambda pictures: [Pictures([path]) for path in pictures.paths],
    join=lambda answers: Fingerprints([look for each in answers for look in each.results]),
    crashed=Fingerprints([(None, CRASHED, False)]),  # or was killed: the next time tells
    ping=Pictures([]),
)
