"""Files that are made of others: refused before they cost time, written whole or not at all, with their origin."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from curator.contract.base_model.family import FAMILIES
from curator.contract.base_model.modelspec import single_file_spec
from curator.contract.errors import UserError
from curator.contract.files.whole_files import TakenError, drafted_file
from curator.contract.text import visible
from train.weights.tensor_writer import SHA256_ZEROS, Kept, write_pieces
from train.workshop.source_hashes import hashing

if TYPE_CHECKING:
    from torch import Tensor

    from train.workshop.model_file import ModelFile
    from train.workshop.source_hashes import Source

_SUFFIX = ".safetensors"
_HEADER_BYTES = 1 << 20
_KEPT_METADATA = (
    "modelspec.architecture",
    "modelspec.resolution",
    "modelspec.license",
    "modelspec.encoder_layer",
)
Hashes = Sequence[str]
Metadata = Callable[[Hashes], Mapping[str, str]]


def check_place(out: Path, sources: Sequence[Path], needed_bytes: int, *, replaces: bool) -> None:
    """Refuse a place that cannot take the result.

    Raises:
        UserError: it is no .safetensors file, is one of the sources, is taken, or its disk has too little space.
    """
    shown = visible(str(out))
    if out.suffix.lower() != _SUFFIX:
        raise UserError(
            f"{shown} does not end in {_SUFFIX}", f"give a name such as {visible(out.stem)}{_SUFFIX}"
        )
    if any(out.exists() and source.exists() and out.samefile(source) for source in sources):
        raise UserError(f"{shown} is one of the files it would be made of", "give another name")
    if out.exists() and not replaces:
        raise UserError(f"{shown} is there already", "give another name, or --replace")
    check_space(out, needed_bytes)


def check_space(out: Path, needed_bytes: int) -> None:
    """Refuse a disk without so much space.

    Raises:
        UserError: it has less.
    """
    home = next(each for each in (out.parent, *out.parent.absolute().parents) if each.exists())
    free = shutil.disk_usage(home).free
    if free < needed_bytes + _HEADER_BYTES:
        raise UserError(
            f"{visible(str(out))} needs {_gigabytes(needed_bytes)}, and its disk has {_gigabytes(free)} left",
            "free space, or choose another disk",
        )


def not_written(out: Path, error: OSError) -> UserError:
    """The error of a result that could not be written."""
    shown = visible(str(out))
    if isinstance(error, TakenError):
        return UserError(f"{shown} is there already", "give another name, or --replace")
    return UserError(f"{shown} cannot be written: {error.strerror}", "free space, or look at its rights")


def write_result(
    out: Path,
    tensors: Mapping[str, Kept],
    pieces: Iterable[Tensor],
    metadata: Metadata,
    sources: Sequence[Source],
    *,
    replaces: bool,
) -> tuple[str, ...]:
    """Write the file; gives the sha256 of its sources. `metadata` is made with them, and of the same length with zeros.

    The sources are hashed while the file is written, and files that are given as their paths beside it.

    Raises:
        UserError: the disk fills up, or the name was taken meanwhile.
    """
    try:
        with hashing(sources) as hashes, drafted_file(out, replace=replaces) as draft:
            zeros = [SHA256_ZEROS] * len(sources)
            write_pieces(draft, tensors, pieces, metadata(zeros), lambda: metadata(hashes()))
            return hashes()
    except OSError as error:
        raise not_written(out, error) from error


def origin(
    model: ModelFile,
    family: str,
    prediction: str | None,
    title: str,
    *,
    sources: Sequence[str],
    hashes: Hashes,
) -> Mapping[str, str]:
    """modelspec of the family, what the first model says that still holds, and what a result is made of."""
    spec = single_file_spec(family, prediction or "epsilon") if family in FAMILIES else {"format": "pt"}
    named = zip((Path(path).name for path in sources), hashes, strict=True)
    return {
        **spec,
        **{name: model.metadata[name] for name in _KEPT_METADATA if name in model.metadata},
        "modelspec.title": title,
        "modelspec.date": datetime.now(UTC).date().isoformat(),
        "modelspec.merged_from": ", ".join(f"{name} (sha256 {each})" for name, each in named),
    }


def _gigabytes(count: int) -> str:
    return f"{count / 1e9:,.2f} GB"
