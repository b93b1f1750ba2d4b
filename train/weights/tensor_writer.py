"""Safetensors files written a piece at a time, with the hashes of their own bytes in their metadata.

The library's own writer wants all tensors at once, which for a base model is its whole size again. The header is
written first with hashes of zeros, of the same length, and filled in when the bytes are known.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from curator.contract.base_model.file_hashes import LEGACY_DIGITS, legacy_hash
from train.weights.direct_file import DirectWriter

if TYPE_CHECKING:
    from train.models.layout import Planned

DTYPE_NAMES = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.float8_e4m3fn: "F8_E4M3",
    torch.float8_e5m2: "F8_E5M2",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.int16: "I16",
    torch.int8: "I8",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}
SHA256_ZEROS = "0" * 64
_PLACEHOLDERS = {
    "modelspec.hash_sha256": f"0x{SHA256_ZEROS}",
    "sshs_model_hash": SHA256_ZEROS,
    "sshs_legacy_hash": "0" * LEGACY_DIGITS,
}


@dataclass(frozen=True)
class Kept:
    """A tensor as a file holds it."""

    dtype: torch.dtype
    shape: tuple[int, ...]

    @property
    def bytes(self) -> int:
        return torch.Size(self.shape).numel() * self.dtype.itemsize


def write_tensors(
    path: Path, plan: Mapping[str, Planned], metadata: Mapping[str, str], dtype: torch.dtype
) -> None:
    """Write `plan` to `path`, every tensor as `dtype`, with `metadata` and the hashes of what was written.

    Raises:
        OSError: no space, or no right to write there.
    """
    tensors = {name: Kept(dtype, each.shape) for name, each in plan.items()}
    pieces = (plan[name].read() for name in in_order(tensors))
    write_pieces(path, tensors, pieces_as(pieces, dtype), metadata)


def pieces_as(pieces: Iterable[Tensor], dtype: torch.dtype) -> Iterator[Tensor]:
    """The pieces on the CPU, in one type."""
    return (piece.detach().to("cpu", dtype) for piece in pieces)


def in_order(tensors: Mapping[str, Kept]) -> list[str]:
    """The names in the order of a file: wide numbers first, so that each begins where its type may begin."""
    return sorted(tensors, key=lambda name: (-tensors[name].dtype.itemsize, name))


def write_pieces(
    path: Path,
    tensors: Mapping[str, Kept],
    pieces: Iterable[Tensor],
    metadata: Mapping[str, str],
    known_later: Callable[[], Mapping[str, str]] = dict,
) -> None:
    """Write a file of `tensors` from `pieces`: their rows as they are stored, `in_order`.

    `known_later` is asked when all is written, and takes the place of what is as long in `metadata`.

    Raises:
        OSError: no space, or no right to write there.
    """
    header = _header(tensors, {**metadata, **_PLACEHOLDERS})
    with DirectWriter(path) as file:
        file.write(memoryview(header))
        found = _written(file, pieces)
    with path.open("r+b") as file:
        known = {
            **metadata,
            **known_later(),
            "modelspec.hash_sha256": f"0x{found}",
            "sshs_model_hash": found,
            "sshs_legacy_hash": legacy_hash(file),
        }
        file.seek(0)
        sealed = _header(tensors, known)
        assert len(sealed) == len(header), "what was known later has another length"
        file.write(sealed)


def _written(file: DirectWriter, pieces: Iterable[Tensor]) -> str:
    """Write all pieces; the sha256 of their bytes. Each is hashed and written while the next one is made."""
    digest = hashlib.sha256()

    def put(piece: Tensor) -> None:
        data = bytes_of(piece)
        digest.update(data)
        file.write(data)

    with ThreadPoolExecutor(1, thread_name_prefix="writer") as pool:
        before: Future[None] | None = None
        for piece in pieces:
            if before is not None:
                before.result()
            before = pool.submit(put, piece)
        if before is not None:
            before.result()
    return digest.hexdigest()


def _header(tensors: Mapping[str, Kept], metadata: Mapping[str, str]) -> bytes:
    """Length and JSON, padded with spaces to a multiple of eight."""
    about: dict[str, object] = {"__metadata__": dict(metadata)}
    place = 0
    for name in in_order(tensors):
        kept = tensors[name]
        last = place + kept.bytes
        about[name] = {
            "dtype": DTYPE_NAMES[kept.dtype],
            "shape": list(kept.shape),
            "data_offsets": [place, last],
        }
        place = last
    text = json.dumps(about, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text


def bytes_of(value: Tensor) -> memoryview:
    """A tensor of the CPU as a file holds it."""
    return memoryview(value.contiguous().reshape(-1).view(torch.uint8).numpy())
