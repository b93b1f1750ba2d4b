"""Token and position embeddings of a model's text encoders put back from the base it was trained on (row S082).

Every other tensor stays as it is, bit for bit; those restored are the base's, in the base's type. Single files and
diffusers folders are read alike, each from either.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from curator.contract.base_model.file_hashes import sha256_of
from curator.contract.errors import UserError
from curator.contract.files.whole_files import TakenError, drafted_folder
from curator.contract.text import visible
from train.weights.tensor_writer import Kept, in_order, write_pieces
from train.workshop.model_file import ModelFile, rows_of
from train.workshop.open_model import open_model
from train.workshop.result import check_place, check_space, not_written, write_result

if TYPE_CHECKING:
    from torch import Tensor

    from train.workshop.merge import Hear

METADATA_KEY = "frieze.restored"
_PIECE_ROWS = 4096
_ENCODERS = ("text_encoder", "text_encoder_2")  # folders of a diffusers model
_CLIP = r"(?:text_model\.)?embeddings\.(token|position)_embedding\.weight"
_OPEN_CLIP = r"(token|position)(?:al)?_embedding(?:\.weight)?"
_NAMES = (  # by the encoder, in a single file
    (0, rf"(?:cond_stage_model|conditioner\.embedders\.0)\.transformer\.{_CLIP}"),
    (0, rf"cond_stage_model\.model\.{_OPEN_CLIP}"),
    (1, rf"conditioner\.embedders\.1\.model\.{_OPEN_CLIP}"),
)


class Slot(NamedTuple):
    """One embedding: of which text encoder, and which of its two."""

    encoder: int
    which: str

    @property
    def shown(self) -> str:
        """Its name in messages."""
        return f"{self.which} embedding of the {'second ' if self.encoder else ''}text encoder"


class Found(NamedTuple):
    """Where an embedding stands."""

    file: ModelFile
    name: str


@dataclass(frozen=True)
class RestoreReport:
    """What was put back: the tensors, in `path`."""

    path: str
    restored: tuple[str, ...]
    bytes: int


def restore(model: Path, base: Path, out: Path, hear: Hear, *, replaces: bool) -> RestoreReport:
    """Write `model` with the embeddings of `base` to `out`: a file of a file, a folder of a folder.

    Raises:
        UserError: one of them has no text encoder, they are of other kinds or sizes, or `out` cannot be written.
    """
    slots = _slots(base)
    if model.is_dir():
        return _restore_folder(model, base, out, slots, hear, replaces=replaces)
    file = open_model(model)
    sources = _sources(file.path, _slots_of_file(file), slots)
    tensors = _tensors(file, sources)
    size = sum(each.bytes for each in tensors.values())
    check_place(out, [model, base], size, replaces=replaces)
    base_hash = sha256_of(base) if base.is_file() else ""
    about = {**file.metadata, METADATA_KEY: _told(base, base_hash)}
    write_result(out, tensors, _pieces(file, tensors, sources, hear), lambda _: about, [], replaces=replaces)
    return RestoreReport(str(out.absolute()), tuple(sorted(sources)), size)


def _tensors(file: ModelFile, sources: Mapping[str, Found]) -> dict[str, Kept]:
    """The tensors of a file as they are written: what is restored in the type of the base."""
    found = {name: sources.get(name, Found(file, name)) for name in file.tensors}
    return {name: place.file.tensors[place.name] for name, place in found.items()}


def _told(base: Path, sha256: str) -> str:
    return f"token and position embeddings of {base.name}" + (f" (sha256 {sha256})" if sha256 else "")


def _slots(model: Path) -> dict[Slot, Found]:
    """The embeddings of a file or folder."""
    if not model.is_dir():
        return _slots_of_file(open_model(model))
    found: dict[Slot, Found] = {}
    for file in map(open_model, _text_files(model)):
        found |= _slots_in_folder(file)
    if not found:
        raise UserError(
            f"{visible(str(model))} holds no text encoder in safetensors files", "give a whole model"
        )
    return found


def _slots_of_file(file: ModelFile) -> dict[Slot, Found]:
    found = {
        Slot(encoder, match[1]): Found(file, name)
        for name in file.tensors
        for encoder, pattern in _NAMES
        if (match := re.fullmatch(pattern, name))
    }
    if not found:
        raise UserError(f"{file.shown} holds no text encoder", "give a whole model")
    return found


def _slots_in_folder(file: ModelFile) -> dict[Slot, Found]:
    encoder = _ENCODERS.index(file.path.parent.name)
    matches = ((name, re.fullmatch(_CLIP, name)) for name in file.tensors)
    return {Slot(encoder, match[1]): Found(file, name) for name, match in matches if match}


def _text_files(folder: Path) -> list[Path]:
    return [path for part in _ENCODERS for path in sorted((folder / part).glob("*.safetensors"))]


def _sources(model: Path, mine: Mapping[Slot, Found], theirs: Mapping[Slot, Found]) -> dict[str, Found]:
    """For the tensors of one file what they are restored from.

    Raises:
        UserError: the base has other text encoders.
    """
    if missing := [slot for slot in mine if slot not in theirs]:
        raise UserError(
            f"the base lacks the {missing[0].shown}", f"give the base that {visible(model.name)} is of"
        )
    for slot, found in mine.items():
        other = theirs[slot]
        here, there = found.file.tensors[found.name].shape, other.file.tensors[other.name].shape
        if here != there:
            raise UserError(
                f"the {slot.shown} is {'x'.join(map(str, here))} in {visible(model.name)} and "
                f"{'x'.join(map(str, there))} in the base",
                "give the base that it is of",
            )
    return {found.name: theirs[slot] for slot, found in mine.items()}


def _pieces(
    file: ModelFile, tensors: Mapping[str, Kept], sources: Mapping[str, Found], hear: Hear
) -> Iterator[Tensor]:
    """All rows in the order of the file; `hear` is told of bytes."""
    done, total = 0, sum(each.bytes for each in tensors.values())
    for name in in_order(tensors):
        place = sources.get(name, Found(file, name))
        rows = rows_of(tensors[name].shape)
        for first in range(0, rows, _PIECE_ROWS):
            piece = place.file.rows(place.name, first, min(first + _PIECE_ROWS, rows))
            done += piece.numel() * piece.element_size()
            yield piece
            hear(done, total)


def _restore_folder(
    model: Path, base: Path, out: Path, slots: Mapping[Slot, Found], hear: Hear, *, replaces: bool
) -> RestoreReport:
    """A copy of the folder whose text encoders are written anew."""
    mine = _slots(model)
    size = sum(each.stat().st_size for each in model.rglob("*") if each.is_file())
    if out.exists() and any(out.samefile(each) for each in (model, base)):
        raise UserError(f"{visible(str(out))} is one of those it would be made of", "give another name")
    check_space(out, size)
    files = {found.file.path: found.file for found in mine.values()}
    try:
        with drafted_folder(out, replace=replaces) as draft:
            shutil.copytree(model, draft, dirs_exist_ok=True)
            for path, file in files.items():
                own = _slots_in_folder(file)
                sources = _sources(path, own, slots)
                tensors = _tensors(file, sources)
                about = {**file.metadata, METADATA_KEY: _told(base, "")}
                target = draft / path.relative_to(model)
                target.unlink()  # a link into a cache must not be written through
                write_pieces(target, tensors, _pieces(file, tensors, sources, hear), about)
    except (TakenError, OSError) as error:
        raise not_written(out, error) from error
    names = sorted(f"{found.file.path.parent.name}/{found.name}" for found in mine.values())
    return RestoreReport(str(out.absolute()), tuple(names), size)
