"""Headers of safetensors files, read and checked without a weight being touched."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from curator.contract.base_model.content import not_readable
from curator.contract.files.regular_file import open_regular
from curator.contract.text import counted

_LONGEST_BYTES = 100_000_000  # the format's own limit
_LENGTH_BYTES = 8
_METADATA = "__metadata__"
_AGAIN = "fetch the file again, or save it again with the program that made it"


@dataclass(frozen=True)
class StoredTensor:
    """One tensor: its number type, such as "F16", its shape, and its first and last byte behind the header."""

    dtype: str
    shape: tuple[int, ...]
    span: tuple[int, int]


@dataclass(frozen=True)
class SafetensorsHeader:
    """What a file says of itself; `data_start` is where the bytes of tensors begin."""

    tensors: Mapping[str, StoredTensor]
    metadata: Mapping[str, str]
    data_start: int


def read_header(path: Path) -> SafetensorsHeader:
    """The header of a safetensors file; every byte behind it belongs to exactly one tensor.

    Raises:
        UserError: damaged, cut short, or with a name that stands twice.
        OSError: it cannot be read.
    """
    with open_regular(path) as file:
        length = int.from_bytes(file.read(_LENGTH_BYTES), "little")
        size = path.stat().st_size
        if length > min(size - _LENGTH_BYTES, _LONGEST_BYTES):
            raise not_readable(
                path, f"claims a header of {length:,} bytes, and is {size:,} bytes long in all", _AGAIN
            )
        text = file.read(length)
    try:
        found = json.loads(text, object_pairs_hook=_once)
        metadata = {str(name): str(value) for name, value in found.pop(_METADATA, {}).items()}
        tensors = {name: _stored(about) for name, about in found.items()}
    except _TwiceError as error:
        raise not_readable(path, f"names the tensor '{error}' twice", _AGAIN) from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise not_readable(path, "has a damaged header", _AGAIN) from None
    header = SafetensorsHeader(tensors, metadata, _LENGTH_BYTES + length)
    _check_spans(path, header, size)
    return header


class _TwiceError(Exception):
    """A name that stands twice in one JSON object."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _TwiceError(Counter(name for name, _ in pairs).most_common(1)[0][0])
    return found


def _stored(about: Mapping[str, Any]) -> StoredTensor:
    first, last = (int(place) for place in about["data_offsets"])
    return StoredTensor(str(about["dtype"]), tuple(int(side) for side in about["shape"]), (first, last))


def _check_spans(path: Path, header: SafetensorsHeader, size: int) -> None:
    spans = sorted(tensor.span for tensor in header.tensors.values())
    missing = max((last for _, last in spans), default=0) - (size - header.data_start)
    if missing > 0:
        raise not_readable(
            path, f"was cut short: {counted(missing, 'byte is', 'bytes are')} missing", "fetch the file again"
        )
    edges = [(0, 0), *spans]
    if any(first != before for (_, before), (first, _) in pairwise(edges)) or missing < 0:
        raise not_readable(path, "has tensors that overlap, or bytes that belong to none", _AGAIN)
