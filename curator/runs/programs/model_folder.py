"""What a diffusers folder is: its components with their weights, from their headers and the index alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import NamedTuple

from curator.contract.base_model.family import read_json
from curator.contract.base_model.folder_files import files_of, weight_file

INDEX = "model_index.json"


class Header(NamedTuple):
    """Of a file of weights: type and shape of each tensor, and what else it says."""

    tensors: Mapping[str, tuple[str, tuple[int, ...]]]
    metadata: Mapping[str, str]


@dataclass(frozen=True)
class Component:
    """A part of a folder. `kind` is its class, `files` its weights that are read; `bytes` and all else count these."""

    name: str
    kind: str
    files: list[str]
    bytes: int
    tensors: int
    numbers: int
    dtypes: dict[str, int]


def weights_of(folder: Path) -> Iterator[Path]:
    """The files of weights that are read, component by component in the order of their names.

    Raises:
        UserError: the folder is no whole one.
    """
    for name in _kinds(folder):
        yield from _weights(folder / name)


def components_of(folder: Path, header_of: Callable[[Path], Header]) -> Iterator[Component]:
    """The parts that the index names, also those without weights.

    Raises:
        UserError: the folder is no whole one; what `header_of` raises.
    """
    for name, kind in _kinds(folder).items():
        files = _weights(folder / name)
        tensors = [each for file in files for each in header_of(file).tensors.values()]
        yield Component(
            name,
            kind,
            [file.relative_to(folder).as_posix() for file in files],
            sum(file.stat().st_size for file in files),
            len(tensors),
            sum(prod(shape) for _, shape in tensors),
            dict(Counter(dtype for dtype, _ in tensors).most_common()),
        )


def _kinds(folder: Path) -> dict[str, str]:
    """Classes by the names of components: a pair of library and class, empty for one that is left out."""
    index = read_json(folder / INDEX)
    pairs = {name: pair for name, pair in sorted(index.items()) if isinstance(pair, list) and len(pair) == 2}
    return {name: str(kind) for name, (_, kind) in pairs.items() if kind and "/" not in name}


def _weights(part: Path) -> list[Path]:
    """A component without a configuration of a model, such as a tokenizer, has none."""
    names = [each.name for each in part.iterdir()] if part.is_dir() else []
    is_model = "config.json" in names or weight_file(names) is not None
    return files_of(part)[0] if is_model else []
