"""A diffusers folder read as the single file it would be: the same rows under the names of the original layout."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import torch

from curator.contract.base_model.family import FAMILIES, family_of_folder, family_of_unet, read_json
from curator.contract.base_model.folder_files import files_of
from curator.contract.base_model.modelspec import single_file_spec
from curator.contract.base_model.prediction import V_MARK, ZERO_SNR_MARK, said_by_scheduler
from curator.contract.errors import UserError
from curator.contract.text import visible
from train.models.extras import is_extra
from train.weights.folder_names import THIRDS, Original, naming_of, parts_of
from train.weights.open_clip_names import layer_prefix
from train.weights.tensor_writer import Kept
from train.weights.text_places import TEXT_PLACES
from train.workshop.model_file import ModelFile, open_file, rows_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor


class Stored(NamedTuple):
    """A tensor of the folder: its file, its name there, and where a single file keeps it."""

    file: ModelFile
    name: str
    original: Original


@dataclass(frozen=True)
class FolderModel:
    """All weights of a folder."""

    folder: Path
    family: str
    stored: tuple[Stored, ...]

    @property
    def files(self) -> list[ModelFile]:
        return list({id(each.file): each.file for each in self.stored}.values())


def read_folder_model(folder: Path) -> FolderModel:
    """The weights of a diffusers folder.

    Raises:
        UserError: it is no whole folder of Stable Diffusion, or holds tensors that are none of its.
    """
    family = _family(folder)
    stored: list[Stored] = []
    for part in parts_of(family):
        if part == "vae" and not (folder / part).is_dir():
            continue
        files = [open_file(path) for path in files_of(folder / part)[0]]
        name_of = naming_of(family, part, [name for file in files for name in file.tensors])
        for file in files:
            for name in file.tensors:
                if (original := name_of(name)) is not None:
                    stored.append(Stored(file, name, original))
                elif not is_extra(name):
                    raise UserError(
                        f"{visible(str(file.path))} holds '{visible(name)}', which is no tensor of {family}",
                        "give a whole model of one family",
                    )
    return FolderModel(folder, family, tuple(stored))


def open_folder(folder: Path) -> ModelFile:
    """The folder as a model file; what it predicts is said by marks, as in single files.

    Raises:
        UserError: as `read_folder_model`.
    """
    model = read_folder_model(folder)
    by_name: dict[str, list[Stored]] = {}
    for each in model.stored:
        by_name.setdefault(each.original.name, []).append(each)
    if model.family == "sd2":
        by_name |= _last_layer(by_name)
    tensors = {name: _kept(pieces) for name, pieces in by_name.items()}
    marks, spec = _said(folder, model.family)

    def rows(name: str, first: int, last: int) -> Tensor:
        return torch.zeros(0) if name in marks else _rows(by_name[name], first, last)

    return ModelFile(folder, tensors | marks, {**_origin(model), **spec}, rows)


def _origin(model: FolderModel) -> Mapping[str, str]:
    """What the UNet's file says of how the model was made: its run, recipe and merges, but no hash of its own."""
    file = next((file for file in model.files if file.path.parent.name == "unet"), None)
    said = file.metadata if file else {}
    return {name: text for name, text in said.items() if not name.endswith("_hash") and "hash_" not in name}


def _family(folder: Path) -> str:
    """The family, also of a model for inpainting."""
    found = family_of_folder(folder)
    unet = folder / "unet" / "config.json"
    if found not in FAMILIES and unet.is_file():
        is_xl = (folder / "text_encoder_2").is_dir()
        sized = family_of_unet({**read_json(unet), "in_channels": 4})
        found = sized if (sized == "sdxl") == is_xl and "channels" in found else found
    if found not in FAMILIES:
        raise UserError(f"{visible(str(folder))} is {visible(found)}", "give a model of SD1, SD2 or SDXL")
    return found


def _said(folder: Path, family: str) -> tuple[dict[str, Kept], Mapping[str, str]]:
    """Marks and metadata of a single file that say what the scheduler says."""
    place = folder / "scheduler" / "scheduler_config.json"
    said = said_by_scheduler(read_json(place) if place.exists() else {})
    names = {V_MARK: said.prediction == "v_prediction", ZERO_SNR_MARK: said.zero_terminal_snr}
    marks = {name: Kept(torch.float32, (0,)) for name, is_so in names.items() if is_so}
    known = said.prediction if said.prediction in ("epsilon", "v_prediction") else "epsilon"
    return marks, single_file_spec(family, known)


def _last_layer(by_name: Mapping[str, list[Stored]]) -> dict[str, list[Stored]]:
    """SD2's single files have one text layer more than is read: the last one again, as when a model is saved."""
    prefix = TEXT_PLACES["sd2"][0].prefix
    layers = 0
    while any(name.startswith(prefix + layer_prefix(layers)) for name in by_name):
        layers += 1
    last, unread = (prefix + layer_prefix(number) for number in (layers - 1, layers))
    return {
        unread + name.removeprefix(last): pieces for name, pieces in by_name.items() if name.startswith(last)
    }


def _kept(pieces: Sequence[Stored]) -> Kept:
    first = pieces[0]
    dtype, shape = first.file.tensors[first.name].dtype, first.file.tensors[first.name].shape
    match first.original.form:
        case "turned":
            return Kept(dtype, shape[::-1])
        case "conv":
            return Kept(dtype, (*shape[:2], 1, 1))
        case "plain":
            return Kept(dtype, shape)
        case _:
            return Kept(dtype, (sum(each.file.tensors[each.name].shape[0] for each in pieces), *shape[1:]))


def _rows(pieces: Sequence[Stored], first: int, last: int) -> Tensor:
    one = pieces[0]
    match one.original.form:
        case "turned":
            return one.file.whole(one.name).T[first:last].contiguous()
        case "conv":
            rows = one.file.rows(one.name, first, last)
            return rows.reshape(*rows.shape[:2], 1, 1)
        case "plain":
            return one.file.rows(one.name, first, last)
        case _:
            return _fused(pieces, first, last)


def _fused(pieces: Sequence[Stored], first: int, last: int) -> Tensor:
    """Rows of a matrix of query, key and value."""
    found: list[Tensor] = []
    place = 0
    for each in sorted(pieces, key=lambda each: THIRDS.index(each.original.form)):
        count = rows_of(each.file.tensors[each.name].shape)
        begin, end = max(first - place, 0), min(last - place, count)
        if begin < end:
            found.append(each.file.rows(each.name, begin, end))
        place += count
    return torch.cat([each.to(found[0].dtype) for each in found])
