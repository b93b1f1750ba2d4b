"""Fingerprint of model files: a digest of parts of all of them, to notice another model.

Of a safetensors file, by any name, the header counts, and some bytes from the middle of every tensor; of any other
file its size and parts spread over it. Weights that were trained or merged differ everywhere, so they need not be
read whole.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from curator.contract.files.regular_file import open_regular

_PART = 256  # bytes looked at in one place
_PLACES = 64  # in a file that is no safetensors
_COUNTED = (".safetensors", ".ckpt", ".pt", ".pth", ".bin", ".json")
NamedFiles = list[tuple[str, Path]]


def model_files(place: Path) -> NamedFiles:
    """The files of a model, by their names within it: a file goes by any name. None where nothing is there."""
    if place.is_file():
        return [("", place)]
    found = (path for path in place.rglob("*") if path.suffix.lower() in _COUNTED) if place.is_dir() else ()
    return sorted((path.relative_to(place).as_posix(), path) for path in found)


def fingerprint_of_files(models: Iterable[NamedFiles]) -> str:
    """One digest of the files of these models, in this order; a model without files keeps its place.

    What cannot be read counts as missing: whoever loads the model says what is wrong with it.
    """
    digest = hashlib.sha256()
    for files in models:
        digest.update(b"model\0")
        for name, path in files:
            digest.update(name.encode("utf-8", "surrogateescape") + b"\0")
            for part in _parts_of(path):
                digest.update(part)
    return digest.hexdigest()


def _parts_of(path: Path) -> Iterator[bytes]:
    try:
        size = path.stat().st_size
        yield size.to_bytes(8, "little")
        with open_regular(path) as file:
            for offset in _places(path, size):
                file.seek(offset)
                yield file.read(_PART)
    except OSError:
        return


def _places(path: Path, size: int) -> list[int]:
    tensors = _tensor_places(path, size)
    return tensors or [size * index // _PLACES for index in range(_PLACES)]


def _tensor_places(path: Path, size: int) -> list[int]:
    """The header in parts, then the middle of every tensor; nothing where the header makes no sense."""
    with open_regular(path) as file:
        length = int.from_bytes(file.read(8), "little")
        if length > size - 8:
            return []
        try:
            header = json.loads(file.read(length))
            spans = sorted(about["data_offsets"] for name, about in header.items() if name != "__metadata__")
            middles = [8 + length + (int(first) + int(last)) // 2 for first, last in spans]
        except (ValueError, KeyError, TypeError, AttributeError):
            return []
    return [*range(0, 8 + length, _PART), *middles]
