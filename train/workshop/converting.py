"""A base model turned into another layout, number type or size: single file or folder, pruned, or of its averages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from curator.contract.base_model.family import FAMILIES
from curator.contract.base_model.modelspec import told_in
from curator.contract.errors import UserError
from train.models.extras import is_moving_average
from train.weights.lora_file import DTYPES
from train.weights.tensor_writer import Kept, in_order
from train.workshop.folder_model import read_folder_model
from train.workshop.folder_result import (
    Result,
    bytes_of,
    check_folder_place,
    copy_rest,
    files_like,
    write_folder,
)
from train.workshop.kin import kind_of
from train.workshop.matching import is_weight, refuse_scaled
from train.workshop.merge import Hear, Overflow, spans
from train.workshop.merging import of_overflow
from train.workshop.model_file import ModelFile, rows_of
from train.workshop.open_model import open_model
from train.workshop.result import check_place, write_result

if TYPE_CHECKING:
    from torch import Tensor

    from curator.contract.merging.adapters import ModelConversion
    from train.workshop.result import Metadata

METADATA_KEY = "frieze.converted"
_UNET, _AVERAGE = "model.diffusion_model.", "model_ema."
_SINGLE = ".safetensors"


@dataclass(frozen=True)
class ModelReport:
    """What was made. `averaged` tensors are the moving averages, `dropped` those that were left out."""

    path: str
    family: str
    bytes: int
    tensors: int
    averaged: int
    dropped: tuple[str, ...]
    overflowed: dict[str, int]
    doubts: tuple[dict[str, str], ...]


class _Converted:
    """The tensors of the result, made when they are asked for."""

    def __init__(self, model: ModelFile, wanted: ModelConversion) -> None:
        self._model = model
        self.sources = _sources(model, wanted.averages)
        self.averaged = sum(name != source for name, source in self.sources.items())
        kept = {name: model.tensors[source] for name, source in self.sources.items()}
        self.tensors = {name: _kept(name, each, wanted) for name, each in kept.items()}
        self.dropped = tuple(sorted(model.tensors.keys() - self.sources.keys() - set(self.sources.values())))
        self.overflow = Overflow()

    def whole(self, name: str) -> Tensor:
        """One tensor as it is stored."""
        return self._rows(name, 0, rows_of(self.tensors[name].shape))

    def pieces(self, hear: Hear) -> Iterator[Tensor]:
        """All rows in the order of a file."""
        done, total = 0, sum(each.bytes for each in self.tensors.values())
        hear(done, total)
        for name in in_order(self.tensors):
            for first, last in spans(self.tensors[name].shape):
                made = self._rows(name, first, last)
                yield made
                done += made.numel() * made.element_size()
                hear(done, total)

    def _rows(self, name: str, first: int, last: int) -> Tensor:
        rows, dtype = self._model.rows(self.sources[name], first, last), self.tensors[name].dtype
        if rows.dtype is dtype:
            return rows
        refuse_scaled(self._model, self.sources[name])
        try:
            return self.overflow.cast(name, rows, dtype)
        except ValueError:
            raise UserError(
                f"{self._model.shown}: the tensor '{name}' holds NaN or infinity",
                "the file is damaged or was saved with overflow: give another",
            ) from None


def convert_model(
    model: Path, out: Path, wanted: ModelConversion, hear: Hear, *, replaces: bool
) -> ModelReport:
    """Write `model` to `out`: a single file where that ends in .safetensors, else a diffusers folder.

    Raises:
        UserError: it is no base model, is damaged or holds no averages; or `out` cannot be written.
    """
    file = open_model(model.expanduser())
    family = kind_of(file)
    if family not in FAMILIES:
        raise UserError(f"{file.shown} is {family}", "give a base model of SD1, SD2 or SDXL, or an adapter")
    made = _Converted(file, wanted)
    is_single = out.suffix.lower() == _SINGLE
    about = _metadata(file, out.stem, told_in(wanted.spec))
    unplaced: list[str] = []
    if not is_single and wanted.averages == "keep":
        raise UserError(
            "a folder has no place for moving averages", "leave --ema out, or write a single file"
        )
    if not is_single and wanted.spec:
        raise UserError("a folder says nothing of itself", "leave --spec out, or write a single file")
    if is_single:
        check_place(out, [file.path], sum(each.bytes for each in made.tensors.values()), replaces=replaces)
        write_result(out, made.tensors, made.pieces(hear), about, [file.path], replaces=replaces)
    elif file.path.is_dir():
        _folder_of_folder(file.path, out, made, about, hear, replaces=replaces)
    else:
        unplaced = _folder_of_file(file, out, made, about, hear, replaces=replaces)
    kept = {name: each for name, each in made.tensors.items() if name not in unplaced}
    return ModelReport(
        path=str(out.absolute()),
        family=family,
        bytes=sum(each.bytes for each in kept.values()),
        tensors=len(kept),
        averaged=made.averaged,
        dropped=tuple(sorted({*made.dropped, *unplaced})),
        overflowed=made.overflow.tensors,
        doubts=tuple(each._asdict() for each in of_overflow(made.overflow.tensors)),
    )


def _sources(model: ModelFile, averages: str) -> dict[str, str]:
    """For each tensor of the result the one it is taken from."""
    found = {
        name: name
        for name, kept in model.tensors.items()
        if averages == "keep" or not (is_moving_average(name) and kept.shape)
    }
    if averages != "use":
        return found
    # An average's name is that of its weight in the UNet without dots.
    known = {
        _AVERAGE + name.removeprefix("model.").replace(".", ""): name
        for name in model.tensors
        if name.startswith(_UNET)
    }
    taken = {known[name]: name for name in model.tensors if name in known}
    if not taken:
        raise UserError(f"{model.shown} holds no moving averages", "leave --ema out")
    return {**found, **taken}


def _kept(name: str, kept: Kept, wanted: ModelConversion) -> Kept:
    if wanted.dtype == "as-model" or not (is_weight(name, kept) or is_moving_average(name)):
        return kept
    return Kept(DTYPES[wanted.dtype], kept.shape) if kept.dtype.is_floating_point else kept


def _metadata(file: ModelFile, title: str, spec: Mapping[str, str]) -> Metadata:
    def about(hashes: Sequence[str]) -> Mapping[str, str]:
        told = {METADATA_KEY: f"{file.path.name} (sha256 {hashes[0]})"}
        return {"modelspec.title": title, "format": "pt", **file.metadata, **told, **spec}

    return about


def _folder_of_folder(
    folder: Path, out: Path, made: _Converted, about: Metadata, hear: Hear, *, replaces: bool
) -> None:
    template = read_folder_model(folder)
    files, result = files_like(template), Result(made.tensors, made.whole)
    check_folder_place(out, [folder], bytes_of(files, result), replaces=replaces)
    # What the folder is called in its own files stays: they say nothing of modelspec.
    write_folder(
        out,
        files,
        result,
        metadata=lambda hashes: {METADATA_KEY: about(hashes)[METADATA_KEY]},
        sources=[folder],
        hear=hear,
        rest=partial(copy_rest, template, files, result),
        replaces=replaces,
    )


def _folder_of_file(
    file: ModelFile,
    out: Path,
    made: _Converted,
    about: Metadata,
    hear: Hear,
    *,
    replaces: bool,
) -> list[str]:
    """Tensor by tensor; the names that a folder has no place for."""
    from train.workshop.folder_of_file import outline_of  # noqa: PLC0415 (imports diffusers)

    outline = outline_of(file, kind_of(file))
    result = Result(made.tensors, made.whole)
    check_folder_place(out, [file.path], bytes_of(outline.files, result), replaces=replaces)
    write_folder(
        out,
        outline.files,
        result,
        metadata=lambda hashes: {**about(hashes), **outline.spec},
        sources=[file.path],
        hear=hear,
        rest=outline.write_rest,
        replaces=replaces,
    )
    return outline.left_out(made.tensors)
