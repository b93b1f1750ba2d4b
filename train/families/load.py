"""Loading of a base model, and refusal of what cannot be trained."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from huggingface_hub import snapshot_download

from curator.contract.errors import UserError
from curator.contract.text import visible
from train.families.base import ModelParts
from train.families.clip_text import PLAIN_TEXT, TextRules
from train.families.detect import family_of_folder, family_of_keys, family_of_unet, prediction_of_keys
from train.families.family import Family
from train.families.read import READ_ERRORS, read_pipeline, read_vae, tensor_names, unreadable
from train.families.rows import FAMILIES
from train.families.sdxl import CLIP_SKIP

_HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")
_ABOUT = ["model_index.json", "*/config.json", "scheduler/scheduler_config.json"]


def load_family(
    path: str,
    *,
    family: str = "auto",
    vae: str = "",
    clip_skip: int = 1,
    prediction: str = "auto",
    text: TextRules = PLAIN_TEXT,
    config: Path | None = None,
) -> Family:
    """The base model at `path`, frozen, on the CPU in float32. `config` describes a single file of no usual size.

    Raises:
        UserError: nothing there, another family than asked for, or not readable.
    """
    pipeline = load_pipeline(path, family, config)
    return family_of_pipeline(pipeline, path, vae=vae, clip_skip=clip_skip, prediction=prediction, text=text)


def load_pipeline(path: str, family: str = "auto", config: Path | None = None) -> Any:
    """The diffusers pipeline of the base model at `path`.

    Raises:
        UserError: as `load_family`.
    """
    found = _kind_of(path)
    _check_family(path, found, family)
    pipeline = read_pipeline(path, found, config)
    if Path(path).is_file():
        pipeline.scheduler.register_to_config(**prediction_of_keys(tensor_names(Path(path))))
    return pipeline


def config_of(path: str, family: str = "auto") -> tuple[str, Path]:
    """The family of the model at `path`, and the diffusers folder whose configuration gives its sizes.

    Raises:
        UserError: as `load_family`, where it can be told without the weights.
    """
    found = _kind_of(path)
    _check_family(path, found, family)
    place = Path(path)
    if place.is_file():
        return found, FAMILIES[found].config
    return found, place if place.is_dir() else _fetch_about(path)


def family_of_pipeline(
    pipeline: Any,
    source: str,
    *,
    vae: str = "",
    clip_skip: int = 1,
    prediction: str = "auto",
    text: TextRules = PLAIN_TEXT,
) -> Family:
    """The family behind a loaded pipeline.

    Raises:
        UserError: a setting this model cannot follow, or an unreadable VAE.
    """
    kind = family_of_unet(pipeline.unet.config)
    said = pipeline.scheduler.config.get("prediction_type", "epsilon")
    chosen = said if prediction == "auto" else prediction
    if chosen not in ("epsilon", "v_prediction"):
        raise UserError(f"the model predicts '{chosen}'", "epsilon and v_prediction can be trained")
    row = FAMILIES[kind]
    parts = ModelParts(
        source,
        pipeline.unet.requires_grad_(False),
        read_vae(vae, kind) if vae else pipeline.vae,
        tuple(getattr(pipeline, part.folder).requires_grad_(False) for part in row.text),
        tuple(getattr(pipeline, part.tokenizer_folder) for part in row.text),
        dict(pipeline.scheduler.config),
    )
    _check_clip_skip(clip_skip, kind, parts.text_encoders[0].config.num_hidden_layers)
    return row.make(parts, prediction=chosen, clip_skip=clip_skip, text=text)


def _check_clip_skip(clip_skip: int, family: str, layers: int) -> None:
    if family == "sdxl" and clip_skip > CLIP_SKIP:
        raise UserError(
            f"clip_skip is {clip_skip}, and SDXL always takes the {CLIP_SKIP}nd layer from the end",
            "leave model.clip_skip out of the recipe",
        )
    if not 1 <= clip_skip <= layers:
        raise UserError(f"clip_skip is {clip_skip}", f"this model's text encoder has {layers} layers")


def _kind_of(path: str) -> str:
    place = Path(path)
    if place.is_dir():
        return family_of_folder(place)
    if place.is_file():
        return family_of_keys(tensor_names(place))
    if _HUB_NAME.fullmatch(path):
        return family_of_folder(_fetch_about(path))
    raise UserError(
        f"there is no model at {visible(path)}",
        "give a diffusers folder, a .safetensors or .ckpt file, or a hub name such as owner/model",
    )


def _fetch_about(name: str) -> Path:
    """The small files that tell a hub model's family, before gigabytes are fetched."""
    try:
        return Path(snapshot_download(name, allow_patterns=_ABOUT))
    except READ_ERRORS as error:
        raise UserError(
            unreadable(name, error).what,
            "look at the name and the connection; a folder on this machine needs none",
        ) from error


def _check_family(path: str, found: str, wanted: str) -> None:
    if wanted not in ("auto", *FAMILIES):
        raise UserError(f"no family is called '{visible(wanted)}'", "known: auto, " + ", ".join(FAMILIES))
    if found not in FAMILIES:
        raise UserError(
            f"{visible(path)} is {found}, and Frieze trains {' and '.join(FAMILIES)}",
            "give a Stable Diffusion 1.x or XL model",
        )
    if wanted not in ("auto", found):
        raise UserError(
            f"{visible(path)} is {found}, and the recipe trains {wanted}",
            f"set model.family = '{found}', or give an {wanted} model",
        )
