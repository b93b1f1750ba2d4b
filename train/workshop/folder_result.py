"""Model folders that are made of a model in the original layout: each weight file from the tensors that it holds."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from curator.contract.errors import UserError
from curator.contract.files.whole_files import TakenError, drafted_folder
from curator.contract.text import visible
from train.weights.folder_names import THIRDS, Original
from train.weights.tensor_writer import SHA256_ZEROS, Kept, in_order, write_pieces
from train.workshop.result import Metadata, check_space, not_written
from train.workshop.source_hashes import hashing

if TYPE_CHECKING:
    from torch import Tensor

    from train.workshop.folder_model import FolderModel
    from train.workshop.merge import Hear
    from train.workshop.source_hashes import Source

_WEIGHTS = (".safetensors", ".bin", ".ckpt", ".pt", ".pth", ".msgpack", ".onnx", ".onnx_data", ".h5")


class Wanted(NamedTuple):
    """A tensor of a folder: where the original layout has it, and its shape in the folder."""

    original: Original
    shape: tuple[int, ...]

    def taken(self, whole: Tensor) -> Tensor:
        """The tensor, of what the original layout holds."""
        if self.original.form in THIRDS:
            whole = whole.chunk(3)[THIRDS.index(self.original.form)]
        return (whole.T if self.original.form == "turned" else whole).reshape(self.shape)


@dataclass(frozen=True)
class FolderFile:
    """One weight file: its place in the folder, its tensors, and what its metadata say besides."""

    place: Path
    tensors: Mapping[str, Wanted]
    metadata: Mapping[str, str]


@dataclass(frozen=True)
class Result:
    """The model that is made, in the original layout."""

    tensors: Mapping[str, Kept]
    whole: Callable[[str], Tensor]


def files_like(model: FolderModel) -> list[FolderFile]:
    """The weight files that a folder has.

    Raises:
        UserError: they are pickles.
    """
    found = []
    for file in model.files:
        if file.path.suffix != ".safetensors":
            raise UserError(
                f"{visible(str(file.path))} is a pickle, and no pickles are written",
                "give --out a name that ends in .safetensors, for a single file",
            )
        tensors = {
            each.name: Wanted(each.original, file.tensors[each.name].shape)
            for each in model.stored
            if each.file is file
        }
        found.append(FolderFile(file.path.relative_to(model.folder), tensors, file.metadata))
    return found


def bytes_of(files: Sequence[FolderFile], result: Result) -> int:
    """The bytes of all tensors in the files."""
    return sum(kept.bytes for file in files for kept in _kept(file, result).values())


def check_folder_place(out: Path, sources: Sequence[Path], needed_bytes: int, *, replaces: bool) -> None:
    """Refuse a place that cannot take a folder.

    Raises:
        UserError: it is one of the sources or lies within one, is taken, or its disk has too little space.
    """
    inner = out.absolute().resolve()
    if any(source.is_dir() and inner.is_relative_to(source.resolve()) for source in sources):
        raise UserError(f"{out} is one of the folders it would be made of, or in it", "give another name")
    if out.exists() and not (out.is_dir() and not any(out.iterdir())) and not replaces:
        raise UserError(f"{out} is there already", "give another name, or --replace")
    if out.is_file():
        raise UserError(f"{out} is a file", "give another name, or one that ends in .safetensors")
    check_space(out, needed_bytes)


def write_folder(
    out: Path,
    files: Sequence[FolderFile],
    result: Result,
    *,
    metadata: Metadata,
    sources: Sequence[Source],
    hear: Hear,
    rest: Callable[[Path], None],
    replaces: bool,
) -> tuple[str, ...]:
    """Write the folder, whole or not at all; gives the sha256 of its sources. `rest` puts all else into the draft.

    Raises:
        UserError: the disk fills up, or the name was taken meanwhile.
    """
    done, total = 0, bytes_of(files, result)
    hear(done, total)

    def counted(pieces: Iterator[Tensor]) -> Iterator[Tensor]:
        nonlocal done
        for piece in pieces:
            yield piece
            done += piece.numel() * piece.element_size()
            hear(done, total)

    try:
        with hashing(sources) as hashes, drafted_folder(out, replace=replaces) as draft:
            rest(draft)
            for file in files:
                target = draft / file.place
                target.parent.mkdir(parents=True, exist_ok=True)
                about = {**file.metadata, **metadata([SHA256_ZEROS] * len(sources))}
                kept = _kept(file, result)
                pieces = counted(_pieces(file, kept, result))
                write_pieces(target, kept, pieces, about, lambda: metadata(hashes()))
            return hashes()
    except (TakenError, OSError) as error:
        raise not_written(out, error) from error


def copy_rest(model: FolderModel, files: Sequence[FolderFile], result: Result, draft: Path) -> None:
    """All that a folder holds but weights; of shards, their index with the size that they have now."""
    part_folders = {file.place.parent for file in files}

    def left_out(home: str, names: list[str]) -> set[str]:
        return {
            name
            for name in names
            if is_weights(Path(name)) or ((Path(home) / name).is_dir() and name.startswith("."))
        }

    shutil.copytree(model.folder, draft, dirs_exist_ok=True, ignore=left_out)
    for part in part_folders:
        for index in (draft / part).glob("*.index*.json"):
            names = set(json.loads(index.read_text()).get("weight_map", {}).values())
            mine = [file for file in files if file.place.parent == part]
            if names != {file.place.name for file in mine}:
                index.unlink()  # of another variant, whose weights are not copied
                continue
            about = json.loads(index.read_text())
            about["metadata"] = {**about.get("metadata", {}), "total_size": bytes_of(mine, result)}
            index.write_text(json.dumps(about, indent=2) + "\n")


def other_weights(model: FolderModel, files: Sequence[FolderFile]) -> list[str]:
    """Weights of the folder that are not read, and would be of the model as it was."""
    read = {model.folder / file.place for file in files}
    found = (
        each for each in model.folder.rglob("*") if each.is_file() and is_weights(each) and each not in read
    )
    return sorted(each.relative_to(model.folder).as_posix() for each in found)


def is_weights(path: Path) -> bool:
    """Whether a file of this name holds weights."""
    return path.suffix.lower() in _WEIGHTS


def _kept(file: FolderFile, result: Result) -> dict[str, Kept]:
    return {
        name: Kept(result.tensors[wanted.original.name].dtype, wanted.shape)
        for name, wanted in file.tensors.items()
    }


def _pieces(file: FolderFile, kept: Mapping[str, Kept], result: Result) -> Iterator[Tensor]:
    """In the order of the file; a matrix of query, key and value is made once, and kept till all three are written."""
    fused: dict[str, Tensor] = {}
    left = Counter(each.original.name for each in file.tensors.values())
    for name in in_order(kept):
        wanted = file.tensors[name]
        there = wanted.original.name
        whole = fused.pop(there) if there in fused else result.whole(there)
        left[there] -= 1
        if left[there]:
            fused[there] = whole
        yield wanted.taken(whole).contiguous()
