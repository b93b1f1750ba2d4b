"""A part: answers of a tag model for some images, one file of plain little-endian arrays.

A line of JSON says how many images it is of and how long each array is. Then come, one after another: `numbers` (u32 an
image: its line in `images.jsonl`, from 0), `sha256` (32 bytes an image), `counts` (u32 an image: how many values),
`labels` (u32 a value), `values` (float32 a value, the model's own), `lengths` (u32 an image: bytes of its text) and
`texts` (UTF-8). A sha256 of all that follows the first line seals it. Arrays are given and taken as bytes: the contract
needs no numpy.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from curator.contract.files.json_data import object_of
from curator.contract.files.regular_file import read_regular
from curator.contract.files.whole_files import replace_file

PART = ".part"
_MOST_BYTES = 1 << 30
_ARRAYS = ("numbers", "sha256", "counts", "labels", "values", "lengths", "texts")
_HASH_BYTES = 32


@dataclass(frozen=True)
class Part:
    """Answers for `images` images; see the module for each array."""

    images: int
    numbers: bytes
    sha256: bytes
    counts: bytes
    labels: bytes
    values: bytes
    lengths: bytes = b""
    texts: bytes = b""

    def __post_init__(self) -> None:
        wanted = {"numbers": 4, "sha256": _HASH_BYTES, "counts": 4}
        if any(len(getattr(self, name)) != self.images * each for name, each in wanted.items()):
            raise ValueError("it holds another number of images than it says")
        if len(self.labels) != len(self.values) or len(self.labels) % 4:
            raise ValueError("its labels and values differ in number")
        if self.lengths and len(self.lengths) != self.images * 4:
            raise ValueError("its texts are of another number of images")
        if sum(memoryview(self.counts).cast("I")) * 4 != len(self.labels):
            raise ValueError("its counts do not add up to its values")
        if sum(memoryview(self.lengths).cast("I")) != len(self.texts):
            raise ValueError("its lengths do not add up to its texts")


def write_part(path: Path, part: Part) -> None:
    """Write a part whole, or not at all; raises `OSError`."""
    arrays = [getattr(part, name) for name in _ARRAYS]
    data = b"".join(arrays)
    about = {
        "images": part.images,
        "bytes": {name: len(array) for name, array in zip(_ARRAYS, arrays, strict=True)},
        "seal": hashlib.sha256(data).hexdigest(),
    }
    replace_file(path, json.dumps(about).encode() + b"\n" + data)


def read_part(path: Path) -> Part:
    """A part.

    Raises:
        OSError: it cannot be read.
        ValueError: it is damaged.
    """
    first, _, data = read_regular(path, limit_bytes=_MOST_BYTES).partition(b"\n")
    about = object_of(first)
    lengths = about.get("bytes")
    if not isinstance(lengths, dict) or about.get("seal") != hashlib.sha256(data).hexdigest():
        raise ValueError("it is not what was written")
    arrays: list[bytes] = []
    at = 0
    for name in _ARRAYS:
        length = lengths.get(name)
        if type(length) is not int or length < 0:
            raise ValueError(f"it does not say how long its {name} are")
        arrays.append(data[at : at + length])
        at += length
    images = about.get("images")
    if type(images) is not int or at != len(data):
        raise ValueError("it holds more or less than it says")
    return Part(images, *arrays)
