"""Decides how a base model is found and read: a diffusers folder, a single file, or a name on the hub.

Weights come from safetensors, or from pickles read with `weights_only=True` alone. Configuration for
single files ships with the program (`sd1_config`, `clip_vocab`), so that nothing is fetched.
"""

from __future__ import annotations

import pickle
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, StableDiffusionPipeline
from safetensors import SafetensorError, safe_open
from transformers import CLIPTokenizer

from curator.contract.errors import UserError
from curator.contract.text import visible
from train.families.detect import family_of_folder, family_of_keys, family_of_unet
from train.families.family import Family
from train.families.sd1 import Sd1

CLIP_VOCAB = Path(__file__).parent / "clip_vocab"
SD1_CONFIG = Path(__file__).parent / "sd1_config"
FAMILIES = ("sd1",)
_HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")
_READ_ERRORS = (
    OSError,
    ValueError,
    RuntimeError,
    KeyError,
    SafetensorError,
    pickle.UnpicklingError,
    EOFError,
)


def load_family(
    path: str,
    *,
    family: str = "auto",
    vae: str = "",
    clip_skip: int = 1,
    prediction: str = "auto",
    config: Path = SD1_CONFIG,
) -> Family:
    """The base model at `path`, frozen, on the CPU in float32.

    Raises:
        UserError: nothing there, another family than asked for, or not readable.
    """
    pipeline = load_pipeline(path, family, config)
    layers = pipeline.text_encoder.config.num_hidden_layers
    if not 1 <= clip_skip <= layers:
        raise UserError(f"clip_skip is {clip_skip}", f"this model's text encoder has {layers} layers")
    said = pipeline.scheduler.config.get("prediction_type", "epsilon")
    chosen = said if prediction == "auto" else prediction
    if chosen not in ("epsilon", "v_prediction"):
        raise UserError(f"the model predicts '{chosen}'", "epsilon and v_prediction can be trained")
    return Sd1(
        source=path,
        tokenizer=pipeline.tokenizer,
        text_encoder=pipeline.text_encoder,
        vae=_read_vae(vae) if vae else pipeline.vae,
        unet=pipeline.unet,
        scheduler_config=dict(pipeline.scheduler.config),
        prediction=chosen,
        clip_skip=clip_skip,
    )


def load_pipeline(path: str, family: str = "auto", config: Path = SD1_CONFIG) -> Any:
    """The diffusers pipeline of the base model at `path`.

    Raises:
        UserError: as `load_family`.
    """
    _check_family(path, _kind_of(path), family)
    pipeline = _read(path, config)
    _check_family(
        path, family_of_unet(pipeline.unet.config), family
    )  # what a hub name holds is known only now
    return pipeline


def clip_tokenizer() -> CLIPTokenizer:
    """CLIP's tokenizer with its real vocabulary, as SD1 pads it."""
    return CLIPTokenizer(
        vocab=str(CLIP_VOCAB / "vocab.json"),
        merges=str(CLIP_VOCAB / "merges.txt"),
        model_max_length=77,
        pad_token="<|endoftext|>",  # noqa: S106 (a token of the vocabulary)
    )


def _kind_of(path: str) -> str:
    place = Path(path)
    if place.is_dir():
        return family_of_folder(place)
    if place.is_file():
        return family_of_keys(_tensor_names(place))
    if _HUB_NAME.fullmatch(path):
        return FAMILIES[0]  # asked again when it is fetched
    raise UserError(
        f"there is no model at {visible(path)}",
        "give a diffusers folder, a .safetensors or .ckpt file, or a hub name such as owner/model",
    )


def _check_family(path: str, found: str, wanted: str) -> None:
    if wanted not in ("auto", *FAMILIES):
        raise UserError(f"no family is called '{visible(wanted)}'", "known: auto, " + ", ".join(FAMILIES))
    if found not in FAMILIES:
        raise UserError(
            f"{visible(path)} is {found}, and this recipe trains {' or '.join(FAMILIES)}",
            "give a Stable Diffusion 1.x model",
        )


def _tensor_names(path: Path) -> Iterable[str]:
    try:
        if path.suffix == ".safetensors":
            with safe_open(path, "pt") as file:
                return list(file.keys())
        loaded = torch.load(path, map_location="meta", weights_only=True)
        return list(loaded.get("state_dict", loaded))
    except _READ_ERRORS as error:
        raise _unreadable(str(path), error) from error


def _read(path: str, config: Path) -> Any:
    place = Path(path)
    try:
        if place.is_file():
            return _read_single_file(place, config)
        pipeline = StableDiffusionPipeline.from_pretrained(
            path, safety_checker=None, feature_extractor=None, requires_safety_checker=False, **_quiet(place)
        )
    except _READ_ERRORS as error:
        raise _unreadable(path, error) from error
    return pipeline


def _quiet(place: Path) -> dict[str, Any]:
    """A local folder must never send a question to the hub."""
    return {"local_files_only": True} if place.is_dir() else {}


def _read_single_file(path: Path, config: Path) -> Any:
    return StableDiffusionPipeline.from_single_file(
        str(path),
        config=str(config),
        tokenizer=clip_tokenizer(),
        safety_checker=None,
        feature_extractor=None,
        local_files_only=True,
    )


def _read_vae(path: str) -> AutoencoderKL:
    place = Path(path)
    if not place.exists():
        raise UserError(
            f"there is no VAE at {visible(path)}", "give a diffusers VAE folder or a .safetensors file"
        )
    try:
        if place.is_file():
            config = str(SD1_CONFIG)
            return AutoencoderKL.from_single_file(path, config=config, subfolder="vae", local_files_only=True)
        inner = place / "vae" if (place / "vae").is_dir() else place
        return AutoencoderKL.from_pretrained(str(inner), local_files_only=True)
    except _READ_ERRORS as error:
        raise _unreadable(path, error) from error


def _unreadable(path: str, error: BaseException) -> UserError:
    first = str(error).strip().splitlines() or [type(error).__name__]
    return UserError(
        f"the model at {visible(path)} cannot be read: {visible(first[0][:200])}", "fetch the model again"
    )
