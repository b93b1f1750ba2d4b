"""Hashes of safetensors files and of folders of them, as programs and model sites tell them apart."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

_AT_ONCE = 1 << 20
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


@dataclass(frozen=True)
class FolderHashes:
    """Hashes of a model folder: of each file by its path, of the list of them, and of the tensors of its weights.

    `tensors` is None where weights are pickles, whose tensors have no hash.
    """

    sha256: str
    tensors: str | None
    files: Mapping[str, str]


def hashes_of_folder(folder: Path, weights: Sequence[Path]) -> FolderHashes:
    """The hashes of all files in a folder, whose `weights` are read in this order; raises `OSError`."""
    tensors = hashlib.sha256()
    for path in weights:
        if path.suffix == ".safetensors":
            with path.open("rb") as file:
                file.seek(8 + int.from_bytes(file.read(8), "little"))
                while part := file.read(_AT_ONCE):
                    tensors.update(part)
    files = sha256_by_name(folder)
    is_whole = all(path.suffix == ".safetensors" for path in weights)
    return FolderHashes(sha256_of_list(files), tensors.hexdigest() if is_whole else None, files)


def sha256_of(path: Path) -> str:
    """The sha256 of a file's bytes, in hexadecimal; of a folder that of the list of its files; raises `OSError`."""
    if not path.is_file():
        return sha256_of_list(sha256_by_name(path))
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_by_name(folder: Path) -> dict[str, str]:
    """The sha256 of every file below a folder, by its path in it."""
    files = sorted(each for each in folder.rglob("*") if each.is_file())
    return {each.relative_to(folder).as_posix(): sha256_of(each) for each in files}


def sha256_of_list(files: Mapping[str, str]) -> str:
    """The hash of the list that `sha256sum` prints of the files of a folder, sorted by path."""
    lines = (f"{digest}  {name}\n" for name, digest in files.items())
    return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def legacy_hash(file: BinaryIO) -> str:
    """The short hash of old programs: of the 64 KiB behind the first MiB."""
    file.seek(_LEGACY_START)
    return hashlib.sha256(file.read(_LEGACY_BYTES)).hexdigest()[:LEGACY_DIGITS]
