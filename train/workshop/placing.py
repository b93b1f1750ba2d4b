"""The place of a result: a single file, or, of a model that is a folder, a folder like it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from train.workshop.folder_model import read_folder_model
from train.workshop.folder_result import (
    FolderFile,
    Result,
    bytes_of,
    check_folder_place,
    copy_rest,
    files_like,
    other_weights,
    write_folder,
)
from train.workshop.result import Metadata, check_place, write_result

if TYPE_CHECKING:
    from torch import Tensor

    from train.workshop.folder_model import FolderModel
    from train.workshop.merge import Hear
    from train.workshop.model_file import ModelFile
    from train.workshop.source_hashes import Source

_SINGLE = ".safetensors"


@dataclass(frozen=True)
class Place:
    """Where a result goes, and of what. `template` is the folder it is written like; None: a single file."""

    out: Path
    result: Result
    replaces: bool
    template: FolderModel | None
    files: Sequence[FolderFile]

    def write(
        self, pieces: Iterator[Tensor], metadata: Metadata, sources: Sequence[Source], hear: Hear
    ) -> tuple[str, ...]:
        """Write the result, a file of its `pieces`; gives the sha256 of its `sources`.

        Raises:
            UserError: the disk fills up, or the name was taken meanwhile.
        """
        if self.template is None:
            return write_result(
                self.out, self.result.tensors, pieces, metadata, sources, replaces=self.replaces
            )
        return write_folder(
            self.out,
            self.files,
            self.result,
            metadata=metadata,
            sources=sources,
            hear=hear,
            rest=partial(copy_rest, self.template, self.files, self.result),
            replaces=self.replaces,
        )

    def other_weights(self) -> list[str]:
        """Files of weights in the folder that are left out."""
        return other_weights(self.template, self.files) if self.template else []


def placed(out: Path, model: ModelFile, sources: Sequence[Path], result: Result, *, replaces: bool) -> Place:
    """A folder of a folder, unless `out` is named as a single file.

    Raises:
        UserError: the place cannot take the result.
    """
    if out.suffix.lower() == _SINGLE or not model.path.is_dir():
        check_place(out, sources, sum(kept.bytes for kept in result.tensors.values()), replaces=replaces)
        return Place(out, result, replaces, None, ())
    template = read_folder_model(model.path)
    files = files_like(template)
    check_folder_place(out, sources, bytes_of(files, result), replaces=replaces)
    return Place(out, result, replaces, template, files)
