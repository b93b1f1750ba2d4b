"""Base models read from a single file or a diffusers folder, each tensor checked; nothing is fetched for them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curator.contract.base_model.check import check_has_vae
from curator.contract.base_model.family import read_json
from curator.contract.base_model.folder_files import files_of
from curator.contract.recipe.checks import TrainingWarning
from curator.contract.text import visible
from train.families.base import ModelParts
from train.models import layout
from train.models.empty import empty_text_encoder, empty_unet, empty_vae
from train.models.extras import extra_tensor_warnings
from train.models.fit import Fit, fill
from train.models.tensor_file import TensorFile, joined, open_tensors, scale_of, widened
from train.models.tokenizers import read_tokenizer
from train.models.vae_file import read_vae, refuse_foreign_vae
from train.weights.open_clip_names import PROJECTION, layer_prefix

if TYPE_CHECKING:
    from curator.contract.base_model.facts import BaseModelFacts
    from train.families.family import TextEncoder
    from train.families.rows import FamilyRow


@dataclass
class Reading:
    """How a model is read, and what a user should hear of it, each once.

    `vae` names another VAE than its own. With `train.models.fit.compare` its modules stay empty.
    """

    vae: str = ""
    fit: Fit = fill
    warnings: list[TrainingWarning] = field(default_factory=list)

    def tell(self, what: str, hint: str) -> None:
        self.warnings.append(TrainingWarning(what, hint))


def read_single_file(
    file: TensorFile, facts: BaseModelFacts, row: FamilyRow, config: Path, how: Reading
) -> ModelParts:
    """The model in one file in the original layout; `config` gives the sizes of its parts.

    Raises:
        UserError: a tensor is missing, of another shape or no finite number; there is no VAE.
    """
    check_has_vae(file.shown, facts, how.vae)
    unet = empty_unet(config)
    read = how.fit(unet, layout.ldm_unet(unet), file, "UNet")
    encoders = tuple(empty_text_encoder(config, part) for part in row.text)
    for encoder, part in zip(encoders, row.text, strict=True):
        read |= how.fit(encoder, layout.ldm_text(encoder, part), file, part.title)
    own = read_vae(how.vae, row, how.tell, how.fit) if how.vae else empty_vae(config)
    if not how.vae:
        read |= how.fit(own, layout.ldm_vae(own), file, "VAE")
    spare = _spare(file, row, encoders[0])
    left = file.shapes.keys() - read - spare
    if how.vae:
        left = {name for name in left if not name.startswith(layout.VAE_PREFIX)}
    how.warnings += extra_tensor_warnings(left, file.shown)
    _tell_float8(file, read, how)
    return ModelParts(
        family=row.name,
        source=visible(str(file.places[0])),
        unet=unet,
        vae=own,
        text_encoders=encoders,
        tokenizers=tuple(part.shipped_tokenizer() for part in row.text),
        scheduler_config=read_json(config / "scheduler" / "scheduler_config.json"),
        spare={name: widened(file, name) for name in spare} if how.fit is fill else {},
    )


def _spare(file: TensorFile, row: FamilyRow, encoder: TextEncoder) -> set[str]:
    """SD2's last text layer and projection, which nothing reads: kept for the file that is saved."""
    if row.name != "sd2":
        return set()
    (part,) = row.text
    last = part.prefix + layer_prefix(encoder.config.num_hidden_layers)
    return {name for name in file.shapes if name.startswith(last) or name == part.prefix + PROJECTION}


def read_folder(folder: Path, row: FamilyRow, how: Reading) -> ModelParts:
    """The model in a diffusers folder; its own configuration gives the sizes.

    Raises:
        UserError: a file or tensor is missing, of another shape or no finite number.
    """
    unet = empty_unet(folder)
    _fit_from(folder / "unet", unet, layout.folder_unet(unet), "UNet", how)
    encoders = tuple(empty_text_encoder(folder, part) for part in row.text)
    tokenizers = []
    for encoder, part in zip(encoders, row.text, strict=True):
        _fit_from(folder / part.folder, encoder, layout.folder_text(encoder), part.title, how)
        tokenizer, warnings = read_tokenizer(folder, part, encoder.config.vocab_size)
        tokenizers.append(tokenizer)
        how.warnings += warnings
    own = read_vae(how.vae, row, how.tell, how.fit) if how.vae else empty_vae(folder)
    if not how.vae:
        refuse_foreign_vae(own, visible(str(folder / "vae")))
        _fit_from(folder / "vae", own, layout.folder_vae(own), "VAE", how)
    scheduler = folder / "scheduler" / "scheduler_config.json"
    config = scheduler if scheduler.exists() else row.config / "scheduler" / "scheduler_config.json"
    return ModelParts(
        family=row.name,
        source=visible(str(folder)),
        unet=unet,
        vae=own,
        text_encoders=encoders,
        tokenizers=tuple(tokenizers),
        scheduler_config=read_json(config),
    )


def _fit_from(folder: Path, module: Any, places: layout.Layout, part: str, how: Reading) -> None:
    files, variant = files_of(folder)
    if variant:
        how.tell(
            f"{visible(str(folder))} holds only the {visible(variant)} variant of its weights",
            "nothing to do: it is read, and widened to float32",
        )
    file = joined([open_tensors(path) for path in files])
    read = how.fit(module, places, file, part)
    how.warnings += extra_tensor_warnings(file.shapes.keys() - read, file.shown)
    _tell_float8(file, read, how)


def _tell_float8(file: TensorFile, read: set[str], how: Reading) -> None:
    """What was quantised has lost digits for good."""
    small = read & file.float8
    if small:
        scaled = sum(scale_of(file, name) is not None for name in small)
        scales = f", {scaled:,} of them with a scale of their own" if scaled else ""
        how.tell(
            f"{file.shown} is quantised: {len(small):,} of its tensors are float8{scales}",
            "training goes on from the rounded weights; give the float16 file where there is one",
        )
