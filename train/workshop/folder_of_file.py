"""A single file as a diffusers folder: which file takes each tensor, and what stands beside the weights."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from train.families.load import load_family
from train.models.fit import compare
from train.models.save import folder_parts, spec_of, write_about
from train.weights.folder_names import Original
from train.workshop.folder_result import FolderFile, Wanted
from train.workshop.kin import prediction_of

if TYPE_CHECKING:
    from pathlib import Path

    from train.families.family import Family
    from train.models.layout import Layout
    from train.models.save import FolderPart
    from train.workshop.model_file import ModelFile


@dataclass(frozen=True)
class FolderOutline:
    """The folder that a file becomes. `family` has no numbers: it knows the sizes, and writes its configuration."""

    family: Family
    files: tuple[FolderFile, ...]

    @property
    def spec(self) -> dict[str, str]:
        """What every file of the folder says of the model."""
        return {**spec_of(self.family), "modelspec.implementation": "diffusers"}

    def write_rest(self, draft: Path) -> None:
        """All but weights."""
        write_about(draft, self.family)

    def left_out(self, names: Collection[str]) -> list[str]:
        """Of these tensors the ones that no file of a folder has a place for."""
        taken = {wanted.original.name for file in self.files for wanted in file.tensors.values()}
        return sorted(set(names) - taken)


def outline_of(file: ModelFile, kind: str) -> FolderOutline:
    """The folder of a whole model of the family `kind`, by names and shapes alone.

    Raises:
        UserError: a part or a tensor is missing, or has another size than the family's.
    """
    prediction = prediction_of(file, kind) or "epsilon"
    family = load_family(str(file.path), prediction=prediction, fit=compare)
    return FolderOutline(family, tuple(_file_of(part, file.tensors) for part in folder_parts(family)))


def _file_of(part: FolderPart, there: Collection[str]) -> FolderFile:
    shapes = {name: tuple(value.shape) for name, value in part.module.state_dict().items()}
    tensors = {
        place.names[0]: Wanted(_original(part.original, name, there), shapes[name])
        for name, place in part.layout.items()
    }
    return FolderFile(part.place, tensors, {})


def _original(layout: Layout, name: str, there: Collection[str]) -> Original:
    """Where the single file has it: under the first of the names it may have that is there."""
    place = layout[name]
    return Original(next(each for each in place.names if each in there), place.form)
