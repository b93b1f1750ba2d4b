"""Model files as sources of rows: tensors read a part at a time, so that a file of any size takes little memory.

Files are read and not mapped: pages of a mapped file would count as memory of the program.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
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
from train.weights.tensor_writer import DTYPE_NAMES, Kept

_DTYPES = {name: dtype for dtype, name in DTYPE_NAMES.items()}


class _Rows(Protocol):
    def __call__(self, name: str, first: int, last: int) -> Tensor: ...


@dataclass(frozen=True)
class ModelFile:
    """The tensors of one file, and how to read rows of one. A tensor without axes is one row."""

    path: Path
    tensors: Mapping[str, Kept]
    metadata: Mapping[str, str]
    rows: _Rows

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


def open_model(path: Path) -> ModelFile:
    """A model file: safetensors, or a pickle that runs no code.

    Raises:
        UserError: there is none, it is damaged, or of numbers that PyTorch has not.
    """
    if path.is_dir():
        raise UserError(
            f"{visible(str(path))} is a folder, and single files are worked on",
            "make one of it: python -m train.programs.convert_model FOLDER OUT.safetensors",
        )
    try:
        return _safetensors(path) if content_of(path) == "safetensors" else _pickle(path)
    except FileNotFoundError:
        raise UserError(f"there is no model file {visible(str(path))}", "give a .safetensors file") from None
    except OSError as error:
        raise not_readable(path, f"cannot be read: {error.strerror}", "look at its rights") from error


def _safetensors(path: Path) -> ModelFile:
    header = read_header(path)
    if unknown := sorted({each.dtype for each in header.tensors.values()} - _DTYPES.keys()):
        raise not_readable(
            path, f"holds numbers of a type that is not read ({visible(unknown[0])})", "give it in float16"
        )
    tensors = {name: Kept(_DTYPES[each.dtype], each.shape) for name, each in header.tensors.items()}
    return ModelFile(path, tensors, header.metadata, _Reader(path, header, tensors))


class _Reader:
    """Rows of tensors in a safetensors file; several threads may ask at once."""

    def __init__(self, path: Path, header: SafetensorsHeader, tensors: Mapping[str, Kept]) -> None:
        self._file = path.open("rb")
        self._path = path
        self._header = header
        self._tensors = tensors

    def __call__(self, name: str, first: int, last: int) -> Tensor:
        kept = self._tensors[name]
        begin, end = self._header.tensors[name].span
        row_bytes = (end - begin) // max(rows_of(kept.shape), 1)
        shape = (last - first, *kept.shape[1:]) if kept.shape else ()
        made = torch.empty(shape, dtype=kept.dtype)
        if made.numel():
            place = self._header.data_start + begin + first * row_bytes
            self._fill(memoryview(made.reshape(-1).view(torch.uint8).numpy()), place)
        return made

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
