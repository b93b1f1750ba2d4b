"""Model files as sources of rows: tensors read a part at a time, so that a file of any size takes little memory.

Files are read and not mapped: pages of a mapped file would count as memory of the program.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from curator.contract.base_model.content import content_of, not_readable
from curator.contract.base_model.safetensors_header import SafetensorsHeader, read_header
from curator.contract.errors import UserError
from curator.contract.text import visible
from train.models.tensor_file import open_tensors
from train.weights.tensor_writer import DTYPE_NAMES, Kept, bytes_of

_DTYPES = {name: dtype for dtype, name in DTYPE_NAMES.items()}


class _Rows(Protocol):
    def __call__(self, name: str, first: int, last: int) -> Tensor: ...


Places = Callable[[str, int], int]  # of a tensor's row, in bytes from the start of the file


@dataclass(frozen=True)
class ModelFile:
    """The tensors of one file, and how to read rows of one. A tensor without axes is one row.

    `places` is of a single file whose bytes are the tensors' own.
    """

    path: Path
    tensors: Mapping[str, Kept]
    metadata: Mapping[str, str]
    rows: _Rows
    places: Places | None = None

    @property
    def shown(self) -> str:
        """Its name in messages."""
        return visible(self.path.name)

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        return {name: each.shape for name, each in self.tensors.items()}

    def whole(self, name: str) -> Tensor:
        """A tensor as it is stored."""
        return self.rows(name, 0, rows_of(self.tensors[name].shape))


def rows_of(shape: tuple[int, ...]) -> int:
    """The length of the first axis."""
    return shape[0] if shape else 1


def empty_rows(kept: Kept, first: int, last: int) -> Tensor:
    """Memory for rows of a tensor."""
    return torch.empty((last - first, *kept.shape[1:]) if kept.shape else (), dtype=kept.dtype)


def open_file(path: Path) -> ModelFile:
    """One file: safetensors, or a pickle that runs no code.

    Raises:
        UserError: as `open_model`.
    """
    try:
        return _safetensors(path) if content_of(path) == "safetensors" else _pickle(path)
    except FileNotFoundError:
        raise UserError(
            f"there is no model file {visible(str(path))}", "give a .safetensors file or a diffusers folder"
        ) from None
    except OSError as error:
        raise not_readable(
            path, f"cannot be read: {error.strerror}", "give a file, with the right to read it"
        ) from error


def _safetensors(path: Path) -> ModelFile:
    header = read_header(path)
    if unknown := sorted({each.dtype for each in header.tensors.values()} - _DTYPES.keys()):
        raise not_readable(
            path, f"holds numbers of a type that is not read ({visible(unknown[0])})", "give it in float16"
        )
    tensors = {name: Kept(_DTYPES[each.dtype], each.shape) for name, each in header.tensors.items()}
    reader = _Reader(path, header, tensors)
    return ModelFile(path, tensors, header.metadata, reader, reader.place)


class _Reader:
    """Rows of tensors in a safetensors file; several threads may ask at once."""

    def __init__(self, path: Path, header: SafetensorsHeader, tensors: Mapping[str, Kept]) -> None:
        self._file = path.open("rb")
        self._path = path
        self._header = header
        self._tensors = tensors

    def __call__(self, name: str, first: int, last: int) -> Tensor:
        made = empty_rows(self._tensors[name], first, last)
        if made.numel():
            self._fill(bytes_of(made), self.place(name, first))
        return made

    def place(self, name: str, row: int) -> int:
        """Where a row of a tensor begins."""
        begin, end = self._header.tensors[name].span
        row_bytes = (end - begin) // max(rows_of(self._tensors[name].shape), 1)
        return self._header.data_start + begin + row * row_bytes

    def _fill(self, buffer: memoryview, place: int) -> None:
        while buffer:
            count = os.preadv(self._file.fileno(), [buffer], place)
            if not count:
                raise not_readable(self._path, "became shorter while it was read", "start again")
            buffer, place = buffer[count:], place + count


def _pickle(path: Path) -> ModelFile:
    file = open_tensors(path)

    def rows(name: str, first: int, last: int) -> Tensor:
        value = file.read(name)
        return value[first:last].clone() if value.dim() else value.clone()

    found = {name: file.read(name) for name in file.shapes}
    return ModelFile(
        path, {name: Kept(each.dtype, tuple(each.shape)) for name, each in found.items()}, {}, rows
    )
