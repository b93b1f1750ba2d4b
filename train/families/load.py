"""Loading of a base model, and refusal of what cannot be trained."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from diffusers import DDIMScheduler

from curator.contract.base_model.check import check_clip_skip, check_facts, check_family
from curator.contract.base_model.facts import BaseModelFacts, facts_of_file, facts_of_folder
from curator.contract.base_model.prediction import choose
from curator.contract.errors import UserError
from curator.contract.recipe.checks import TrainingWarning
from curator.contract.text import visible
from train.families.clip_text import PLAIN_TEXT, TextRules
from train.families.rows import FAMILIES
from train.models.fit import Fit, compare, fill
from train.models.hub import fetch_about, fetch_weights, parts_of
from train.models.read import Reading, read_folder, read_single_file
from train.models.tensor_file import TensorFile, open_tensors

if TYPE_CHECKING:
    from curator.contract.recipe.recipe import Model
    from train.families.base import ModelParts
    from train.families.family import Family

_HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")


def load_family(
    path: str,
    *,
    family: str = "auto",
    vae: str = "",
    clip_skip: int = 1,
    prediction: str = "auto",
    zero_terminal_snr: str = "auto",
    text: TextRules = PLAIN_TEXT,
    config: Path | None = None,
    warn: Callable[[str, str], None] | None = None,
    fit: Fit = fill,
) -> Family:
    """The base model at `path`, frozen, on the CPU in float32; with `train.models.fit.compare` without its numbers.

    `config` describes a single file of no usual size; `warn` hears of what can be trained and may not be meant.

    Raises:
        UserError: nothing there, another family than asked for, a setting this model cannot follow, or not readable.
    """
    how = Reading(vae, fit)
    facts, read = _look_at(path, config, how)
    check_family(path, facts.kind, family)
    chosen = choose(facts.said, visible(path), facts.kind, prediction, zero_terminal_snr)
    check_clip_skip(clip_skip, facts.kind, facts.text_layers)
    parts = read()
    check_clip_skip(clip_skip, facts.kind, parts.text_encoders[0].config.num_hidden_layers)
    for warning in (*chosen.warnings, *how.warnings) if warn else ():
        warn(warning.what, warning.hint)
    return FAMILIES[facts.kind].make(parts, chosen=chosen, clip_skip=clip_skip, text=text)


def load_of_recipe(model: Model, text: TextRules, warn: Callable[[str, str], None]) -> Family:
    """The base model a recipe names; raises as `load_family`."""
    if not model.path:
        raise UserError("the recipe names no base model", "set model.path")
    return load_family(
        model.path,
        family=model.family,
        vae=model.vae,
        clip_skip=model.clip_skip,
        prediction=model.prediction,
        zero_terminal_snr=model.zero_terminal_snr,
        text=text,
        warn=warn,
    )


def doubts_of(model: Model) -> list[TrainingWarning]:
    """What a user should hear of a recipe's base model: one on this disk is read whole, of a hub's the configuration.

    Raises:
        UserError: as `load_family`.
    """
    told: list[TrainingWarning] = []

    def warn(what: str, hint: str) -> None:
        told.append(TrainingWarning(what, hint))

    if Path(model.path).exists():
        load_of_recipe(model, PLAIN_TEXT, warn)
        return told
    if not _HUB_NAME.fullmatch(model.path):
        raise _no_model(model.path)
    return check_facts(model, facts_of_folder(fetch_about(model.path)))


def check_tensors(model: Model) -> None:
    """Whether every tensor of a model on this disk is there, in its shape; no number is read.

    Raises:
        UserError: one is not.
    """
    if Path(model.path).exists():
        facts, read = _look_at(model.path, None, Reading(model.vae, compare))
        check_family(model.path, facts.kind, model.family)
        read()


def config_of(path: str, family: str = "auto") -> tuple[str, Path]:
    """The family of the model at `path`, and the diffusers folder whose configuration gives its sizes.

    Raises:
        UserError: as `load_family`, where it can be told without the weights.
    """
    place = Path(path)
    if place.is_file():
        file = open_tensors(place)
        found = facts_of_file(file.shapes, file.metadata).kind
        folder = FAMILIES[found].config if found in FAMILIES else place
    else:
        folder = fetch_about(path) if not place.is_dir() and _HUB_NAME.fullmatch(path) else place
        if not folder.is_dir():
            raise _no_model(path)
        found = facts_of_folder(folder).kind
    check_family(path, found, family)
    return found, folder


def _no_model(path: str) -> UserError:
    return UserError(
        f"there is no model at {path}",
        "give a diffusers folder, a .safetensors or .ckpt file, or a hub name such as owner/model",
    )


def _look_at(path: str, config: Path | None, how: Reading) -> tuple[BaseModelFacts, Callable[[], ModelParts]]:
    """What a model says of itself, and how to read it."""
    place = Path(path)
    if place.is_file():
        file = open_tensors(place)
        facts = facts_of_file(file.shapes, file.metadata)
        return facts, lambda: _of_file(file, facts, config, how)
    if place.is_dir():
        facts = facts_of_folder(place)
        return facts, lambda: read_folder(place, FAMILIES[facts.kind], how)
    if _HUB_NAME.fullmatch(path):
        about = fetch_about(path)
        facts = facts_of_folder(about)
        return facts, lambda: read_folder(
            fetch_weights(path, parts_of(about), about), FAMILIES[facts.kind], how
        )
    raise _no_model(path)


def _of_file(file: TensorFile, facts: BaseModelFacts, config: Path | None, how: Reading) -> ModelParts:
    row = FAMILIES[facts.kind]
    return read_single_file(file, facts, row, config or row.config, how)


def pipeline_of(family: Family) -> Any:
    """The diffusers pipeline of a model: the same modules, not copies."""
    row = FAMILIES[family.name]
    scheduler = DDIMScheduler.from_config(dict(family.scheduler_config))
    texts = {part.folder: encoder for part, encoder in zip(row.text, family.text_encoders, strict=True)}
    tokens = {part.tokenizer_folder: each for part, each in zip(row.text, family.tokenizers, strict=True)}
    return row.pipeline(
        vae=family.vae, unet=family.unet, scheduler=scheduler, **texts, **tokens, **row.pipeline_options
    )
