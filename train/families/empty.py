"""Families without weights: the sizes and names of a model, from its configuration alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from curator.contract.base_model.family import read_json
from curator.contract.base_model.prediction import Chosen
from curator.contract.errors import UserError, did_you_mean
from train.families.base import ModelParts
from train.families.clip_text import PLAIN_TEXT
from train.families.load import config_of
from train.families.rows import FAMILIES, FamilyRow
from train.models.empty import empty_text_encoder, empty_unet, empty_vae

if TYPE_CHECKING:
    from curator.contract.recipe.recipe import Model
    from train.families.family import Family


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
    parts = ModelParts(
        row.name,
        model.path,
        empty_unet(config),
        empty_vae(config if (config / "vae").is_dir() else row.config),
        tuple(empty_text_encoder(config, part) for part in row.text),
        tuple(part.shipped_tokenizer() for part in row.text),
        read_json(row.config / "scheduler" / "scheduler_config.json"),
    )
    return row.make(parts, chosen=Chosen("epsilon", False), clip_skip=model.clip_skip, text=PLAIN_TEXT)
