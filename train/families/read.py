"""Reading of model files through diffusers: a folder, a single file, or a name on the hub.

Weights come from safetensors, or from pickles read with `weights_only=True` alone. Configuration for single files
ships with the program (`sd1_config`, `sdxl_config`, and `clip_vocab` in the contract): nothing is fetched for them.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL
from safetensors import SafetensorError, safe_open

from curator.contract.errors import UserError
from curator.contract.text import visible
from train.families.rows import FAMILIES, FamilyRow

READ_ERRORS = (
    OSError,
    ValueError,
    RuntimeError,
    KeyError,
    SafetensorError,
    pickle.UnpicklingError,
    EOFError,
)


def read_pipeline(path: str, family: str, config: Path | None) -> Any:
    """The pipeline at `path`, all in float32 on the CPU; `config` replaces the shipped folder for single files.

    Raises:
        UserError: it cannot be read.
    """
    row, place = FAMILIES[family], Path(path)
    try:
        if place.is_file():
            return _read_single_file(place, row, config or row.config)
        return row.pipeline.from_pretrained(path, **row.pipeline_options, **_quiet(place))
    except READ_ERRORS as error:
        raise unreadable(path, error) from error


def _quiet(place: Path) -> dict[str, Any]:
    """A local folder must never send a question to the hub."""
    return {"local_files_only": True} if place.is_dir() else {}


def _read_single_file(path: Path, row: FamilyRow, config: Path) -> Any:
    options = {
        name: value for name, value in row.pipeline_options.items() if name != "requires_safety_checker"
    }
    tokenizers = {part.tokenizer_folder: part.shipped_tokenizer() for part in row.text}
    return row.pipeline.from_single_file(
        str(path), config=str(config), local_files_only=True, **tokenizers, **options
    )


def read_vae(path: str, family: str) -> AutoencoderKL:
    """Another VAE than the model's own.

    Raises:
        UserError: there is none, or it cannot be read.
    """
    place = Path(path)
    if not place.exists():
        raise UserError(
            f"there is no VAE at {visible(path)}", "give a diffusers VAE folder or a .safetensors file"
        )
    try:
        if place.is_file():
            config = str(FAMILIES[family].config)
            return AutoencoderKL.from_single_file(path, config=config, subfolder="vae", local_files_only=True)
        inner = place / "vae" if (place / "vae").is_dir() else place
        return AutoencoderKL.from_pretrained(str(inner), local_files_only=True)
    except READ_ERRORS as error:
        raise unreadable(path, error) from error


def tensor_names(path: Path) -> Iterable[str]:
    """What a checkpoint file holds.

    Raises:
        UserError: it is no checkpoint, or a pickle that would run code.
    """
    try:
        if path.suffix == ".safetensors":
            with safe_open(path, "pt") as file:
                return list(file.keys())
        loaded = torch.load(path, map_location="meta", weights_only=True)
        return list(loaded.get("state_dict", loaded))
    except READ_ERRORS as error:
        raise unreadable(str(path), error) from error


def unreadable(path: str, error: BaseException) -> UserError:
    """The first line of what a library said, as a sentence."""
    first = str(error).strip().splitlines() or [type(error).__name__]
    return UserError(
        f"the model at {visible(path)} cannot be read: {visible(first[0][:200])}", "fetch the model again"
    )
