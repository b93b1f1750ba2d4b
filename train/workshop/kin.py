"""Which models go together: family, what they predict, and the channels that their UNets take."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from curator.contract.base_model.family import FAMILIES, family_of_tensors
from curator.contract.base_model.prediction import said_by_file
from curator.contract.errors import UserError
from curator.contract.recipe.checks import TrainingWarning
from curator.contract.text import visible

if TYPE_CHECKING:
    from train.workshop.model_file import ModelFile

FIRST_CONVOLUTION = "model.diffusion_model.input_blocks.0.0.weight"
_UNET_ALONE = "a UNet without a text encoder"
_SIZE_EMBEDDING = "model.diffusion_model.label_emb.0.0.weight"
_TEXT_KEY = "model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight"
_SD2_TEXT_WIDTH = 1024
_LATENT_CHANNELS = 4


class Kin(NamedTuple):
    """What models that go together are. `family` is one of `FAMILIES`, or in words what else; `says` is of all."""

    family: str
    prediction: str
    doubts: tuple[TrainingWarning, ...]


def kind_of(file: ModelFile) -> str:
    """The family, whatever channels its UNet takes; a UNet alone is of its family. In words, where it is of none."""
    shapes = {name: shape for name, shape in file.shapes.items() if name != FIRST_CONVOLUTION}
    kind = family_of_tensors(shapes)
    if kind != _UNET_ALONE:
        return kind
    if _SIZE_EMBEDDING in shapes:
        return "sdxl"
    return "sd2" if shapes.get(_TEXT_KEY, (0, 0))[1] == _SD2_TEXT_WIDTH else "sd1"


def channels_of(file: ModelFile) -> int:
    """How many channels the UNet takes; a file without one has the usual 4."""
    shape = file.shapes.get(FIRST_CONVOLUTION, ())
    return shape[1] if len(shape) > 1 else _LATENT_CHANNELS


def kin_of(files: Sequence[ModelFile], *, adds_difference: bool) -> Kin:
    """What the models are, all alike.

    `adds_difference`: to the first comes the difference of others, which may predict otherwise where they are alike.

    Raises:
        UserError: families or predictions differ, or one is no model that is merged.
    """
    kinds = [kind_of(file) for file in files]
    for file, kind in zip(files, kinds, strict=True):
        if kind == "a LoRA":
            raise UserError(f"{file.shown} is an adapter", "give base models")
        if kind != kinds[0]:
            raise UserError(
                f"{files[0].shown} is {visible(kinds[0])} and {file.shown} is {visible(kind)}",
                "models of one family can be merged",
            )
    predictions = _predictions(files, kinds[0])
    _check_alike(files[1:] if adds_difference else files, predictions[1:] if adds_difference else predictions)
    doubts = (*_told_channels(files), *_told_predictions(files, predictions))
    return Kin(kinds[0], next((each for each in predictions if each), "epsilon"), doubts)


def _predictions(files: Sequence[ModelFile], kind: str) -> list[str | None]:
    return [prediction_of(file, kind) for file in files]


def prediction_of(file: ModelFile, kind: str) -> str | None:
    """What a model predicts; one that does not say predicts epsilon, where its family is known for that."""
    usual = None if kind == "sd2" else "epsilon"
    return said_by_file(file.tensors, file.metadata).prediction or usual


def _check_alike(files: Sequence[ModelFile], predictions: Sequence[str | None]) -> None:
    said = [(file, each) for file, each in zip(files, predictions, strict=True) if each]
    for file, each in said[1:]:
        if each != said[0][1]:
            raise UserError(
                f"{said[0][0].shown} predicts {visible(str(said[0][1]))}, and {file.shown} {visible(each)}: "
                "a model between them would predict neither",
                "merge models of one prediction; add-difference takes a first model of another",
            )


def _told_predictions(files: Sequence[ModelFile], predictions: Sequence[str | None]) -> list[TrainingWarning]:
    said = [each for each in predictions[1:] if each]
    if predictions[0] is None or not said or said[0] == predictions[0]:
        return []
    return [
        TrainingWarning(
            f"{files[0].shown} predicts {visible(predictions[0])}, and what is added comes from models of "
            f"{visible(said[0])}",
            "the result keeps the marks of the first; look at its images",
        )
    ]


def _told_channels(files: Sequence[ModelFile]) -> list[TrainingWarning]:
    channels = [channels_of(file) for file in files]
    if len(set(channels)) == 1:
        return []
    counts = ", ".join(f"{file.shown} {count}" for file, count in zip(files, channels, strict=True))
    return [
        TrainingWarning(
            f"UNets take different channels ({counts})",
            f"the first {min(channels)} are merged; others are as {files[0].shown} has them",
        )
    ]


def require_family(kind: str, shown: str) -> None:
    """Refuse a model that has no blocks.

    Raises:
        UserError: it is of no family.
    """
    if kind not in FAMILIES:
        raise UserError(f"{shown} is {visible(kind)}, which has no blocks", "leave out the numbers of blocks")
