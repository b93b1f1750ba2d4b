"""Hashes of safetensors files, as programs and model sites tell them apart."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

_LEGACY_START, _LEGACY_BYTES, LEGACY_DIGITS = 0x100000, 0x10000, 8


@dataclass(frozen=True)
class FileHashes:
    """Hashes of a safetensors file: of all its bytes, of those behind the header, and of the 64 KiB behind 1 MiB."""

    sha256: str
    tensors: str
    legacy: str

    @property
    def autov2(self) -> str:
        """The short hash that model sites show (S091)."""
        return self.sha256[:10]

    @property
    def autov3(self) -> str:
        """The short hash that does not change with the metadata."""
        return self.tensors[:12]


def hashes_of(path: Path) -> FileHashes:
    """The hashes of a file on the disk; raises `OSError`."""
    with path.open("rb") as file:
        whole = hashlib.file_digest(file, "sha256").hexdigest()
        file.seek(0)
        file.seek(8 + int.from_bytes(file.read(8), "little"))
        tensors = hashlib.file_digest(file, "sha256").hexdigest()
        return FileHashes(whole, tensors, legacy_hash(file))


def sha256_of(path: Path) -> str:
    """The sha256 of a file's bytes, in hexadecimal; raises `OSError`."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def legacy_hash(file: BinaryIO) -> str:
    """The short hash of old programs: of the 64 KiB behind the first MiB."""
    file.seek(_LEGACY_START)
    return hashlib.sha256(file.read(_LEGACY_BYTES)).hexdigest()[:LEGACY_DIGITS]
