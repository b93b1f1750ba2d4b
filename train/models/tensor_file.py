"""Files of tensors: safetensors, and pickles read with `weights_only` alone; told apart by content."""

from __future__ import annotations

import pickle
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from curator.contract.base_model.content import content_of, not_readable
from curator.contract.base_model.safetensors_header import read_header
from curator.contract.errors import UserError
from curator.contract.text import visible

_CODE = re.compile(r"Unsupported (?:global: GLOBAL|class) (\S+)")
_INERT = (  # what the trainer of the first checkpoints left in them beside weights; read as nothing, never run
    "pytorch_lightning.callbacks.model_checkpoint.ModelCheckpoint",
    "pytorch_lightning.callbacks.lr_monitor.LearningRateMonitor",
    "pytorch_lightning.utilities.parsing.AttributeDict",
)


@dataclass(frozen=True)
class TensorFile:
    """Tensors by name, read one at a time. `places` are the files they lie in; `float8` are held in eight bits."""

    places: tuple[Path, ...]
    shapes: Mapping[str, tuple[int, ...]]
    metadata: Mapping[str, str]
    read: Callable[[str], Tensor]
    float8: frozenset[str]

    @property
    def shown(self) -> str:
        """Its name in messages."""
        return visible(str(self.places[0] if len(self.places) == 1 else self.places[0].parent))


def open_tensors(path: Path) -> TensorFile:
    """The tensors of one file.

    Raises:
        UserError: it is no file of tensors, is damaged, or would run code when it is opened.
    """
    try:
        return _safetensors(path) if content_of(path) == "safetensors" else _pickle(path)
    except OSError as error:
        why = error.strerror or str(error).splitlines()[0]
        raise not_readable(
            path, f"cannot be read: {visible(why)}", "look at its rights and the disk"
        ) from error


def joined(files: list[TensorFile]) -> TensorFile:
    """Several files of one model as one."""
    if len(files) == 1:
        return files[0]
    holder = {name: file for file in files for name in file.shapes}
    return TensorFile(
        places=tuple(place for file in files for place in file.places),
        shapes={name: shape for file in files for name, shape in file.shapes.items()},
        metadata={key: value for file in files for key, value in file.metadata.items()},
        read=lambda name: holder[name].read(name),
        float8=frozenset().union(*(file.float8 for file in files)),
    )


def _safetensors(path: Path) -> TensorFile:
    header = read_header(path)
    try:
        opened: Any = safe_open(path, "pt")
    except SafetensorError as error:
        raise not_readable(path, "has a damaged header", "fetch the file again") from error
    shapes = {name: each.shape for name, each in header.tensors.items()}
    float8 = frozenset(name for name, each in header.tensors.items() if each.dtype.startswith("F8"))
    return TensorFile((path,), shapes, header.metadata, opened.get_tensor, float8)


def _pickle(path: Path) -> TensorFile:
    try:
        loaded = _unpickled(path)
    except (pickle.UnpicklingError, AttributeError) as error:
        if found := _CODE.search(str(error)):
            raise not_readable(
                path,
                f"is a pickle that would run code when it is opened ({visible(found[1].rstrip('.'))}): Frieze does not",
                "give the .safetensors file of the model, or have it converted where you trust it",
            ) from None
        raise not_readable(path, "is a damaged pickle", "fetch the file again") from None
    except (RuntimeError, ValueError, EOFError, KeyError, TypeError):
        raise not_readable(path, "is a damaged pickle", "fetch the file again") from None
    inner = loaded.get("state_dict", loaded) if isinstance(loaded, dict) else {}
    tensors = {str(name): value for name, value in dict(inner).items() if isinstance(value, Tensor)}
    if not tensors:
        raise not_readable(path, "is a pickle without tensors", "give a checkpoint")
    shapes = {name: tuple(value.shape) for name, value in tensors.items()}
    float8 = frozenset(name for name, value in tensors.items() if _is_float8(value))
    return TensorFile((path,), shapes, {}, tensors.__getitem__, float8)


def _unpickled(path: Path) -> Any:
    """What `weights_only` reads; of an archive nothing is in memory before it is asked for."""
    options: dict[str, Any] = {"map_location": "cpu", "weights_only": True}
    with torch.serialization.safe_globals([(_Nothing, name) for name in _INERT]), path.open("rb") as file:
        is_archive = file.read(2) == b"PK"
        file.seek(0)
        if path.suffix.lower() == ".safetensors":  # torch would believe the name
            return torch.load(file, **options)
        return torch.load(path, mmap=is_archive, **options)


class _Nothing(dict[str, Any]):
    """Stands for an object of a library that is not weights."""


def widened(file: TensorFile, name: str) -> Tensor:
    """One tensor in float32, a copy: quantised ones times their scale.

    Raises:
        UserError: its numbers are in no known form.
    """
    stored = file.read(name)
    if not stored.is_floating_point():
        raise UserError(
            f"{file.shown} keeps '{name}' as {_dtype(stored)}: quantised weights that cannot be trained",
            "give the model in float32, float16, bfloat16 or float8",
        )
    value = stored.to(torch.float32, copy=True)
    if (scale := scale_of(file, name)) is None:
        return value
    factor = file.read(scale).float()
    if factor.numel() not in (1, value.shape[0]):
        raise UserError(
            f"{file.shown}: the scale '{scale}' of {factor.numel():,} numbers fits no tensor of "
            f"{value.shape[0]:,} rows",
            "give the model in float32, float16 or bfloat16",
        )
    return value * factor.reshape(-1, *(1 for _ in value.shape[1:]))


def scale_of(file: TensorFile, name: str) -> str | None:
    """The tensor that holds the scale of another, as programs that write float8 name it."""
    stem = name.removesuffix("weight")
    names = (f"{stem}{word}" for word in ("scale_weight", "weight_scale")) if stem != name else ()
    return next((each for each in names if each in file.shapes), None)


def _is_float8(value: Tensor) -> bool:
    return value.is_floating_point() and value.element_size() == 1


def _dtype(value: Tensor) -> str:
    return str(value.dtype).removeprefix("torch.")
