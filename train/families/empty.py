"""Families without weights: the sizes and names of a model, from its configuration alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from curator.contract.errors import UserError, did_you_mean
from curator.contract.recipe.recipe import Model
from train.families.base import ModelParts
from train.families.clip_text import PLAIN_TEXT
from train.families.detect import read_json
from train.families.family import Family
from train.families.load import config_of
from train.families.rows import FAMILIES, FamilyRow


def empty_family(name: str, model: Model) -> Family:
    """The family's standard model.

    Raises:
        UserError: no family is called so.
    """
    if name not in FAMILIES:
        raise UserError(f"no family is called '{name}'", did_you_mean(name, FAMILIES))
    return _empty(FAMILIES[name], FAMILIES[name].config, model)


def empty_model(model: Model) -> Family:
    """The model a recipe names: a diffusers folder by its own configuration, a single file by its family's.

    Raises:
        UserError: there is none, or none that can be trained.
    """
    kind, config = config_of(model.path, model.family)
    return _empty(FAMILIES[kind], config, model)


def _empty(row: FamilyRow, config: Path, model: Model) -> Family:
    with torch.device("meta"):
        unet: Any = UNet2DConditionModel.from_config(read_json(config / "unet" / "config.json"))
        vae: Any = AutoencoderKL.from_config(read_json(config / "vae" / "config.json"))
        texts = tuple(_text(part.kind, config / part.folder) for part in row.text)
    scheduler = read_json(config / "scheduler" / "scheduler_config.json")
    tokenizers = tuple(part.shipped_tokenizer() for part in row.text)
    parts = ModelParts(model.path, unet, vae, texts, tokenizers, scheduler)
    return row.make(parts, prediction="epsilon", clip_skip=model.clip_skip, text=PLAIN_TEXT)


def _text(
    kind: type[CLIPTextModel] | type[CLIPTextModelWithProjection], folder: Path
) -> CLIPTextModel | CLIPTextModelWithProjection:
    return kind(CLIPTextConfig.from_dict(read_json(folder / "config.json")))
