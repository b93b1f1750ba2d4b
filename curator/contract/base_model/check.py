"""Check of a recipe against its base model, before a weight is read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from curator.contract.base_model.facts import BaseModelFacts, facts_at
from curator.contract.base_model.family import FAMILIES
from curator.contract.base_model.prediction import choose
from curator.contract.errors import UserError
from curator.contract.recipe.recipe import Model
from curator.contract.text import visible

if TYPE_CHECKING:
    from curator.contract.recipe.checks import TrainingWarning


def check_base_model(model: Model) -> list[TrainingWarning]:
    """What is doubtful in the recipe's settings for a model on this disk; a hub's is looked at once it is fetched.

    Raises:
        UserError: the model cannot be trained with them.
    """
    place = Path(model.path).expanduser()
    facts = facts_at(place) if place.exists() else None
    return [] if facts is None else check_facts(model, facts)


def check_facts(model: Model, facts: BaseModelFacts) -> list[TrainingWarning]:
    """What is doubtful in the recipe's settings for a model that says this of itself.

    Raises:
        UserError: the model cannot be trained with them.
    """
    check_family(model.path, facts.kind, model.family)
    check_clip_skip(model.clip_skip, facts.kind, facts.text_layers)
    check_has_vae(model.path, facts, model.vae)
    name = visible(model.path)
    chosen = choose(facts.said, name, facts.kind, model.prediction, model.zero_terminal_snr)
    return list(chosen.warnings)


def check_family(path: str, found: str, wanted: str) -> None:
    """Refuse a model that is not trained, or not by this recipe."""
    if wanted not in ("auto", *FAMILIES):
        raise UserError(f"no family is called '{wanted}'", "known: auto, " + ", ".join(FAMILIES))
    if found not in FAMILIES:
        raise UserError(
            f"{path} is {found}, and Frieze trains {', '.join(FAMILIES[:-1])} and {FAMILIES[-1]}",
            "give a Stable Diffusion 1.x, 2.x or XL model",
        )
    if wanted not in ("auto", found):
        raise UserError(
            f"{path} is {found}, and the recipe trains {wanted}",
            f"set model.family = '{found}', or give an {wanted} model",
        )


def check_clip_skip(clip_skip: int, family: str, layers: int | None) -> None:
    """Refuse a text layer that is not there, and a choice of one where there is none."""
    if family == "sdxl" and clip_skip != Model().clip_skip:
        raise UserError(
            f"model.clip_skip = {clip_skip} would have no effect: SDXL always reads the layer before the last",
            "leave model.clip_skip out of the recipe",
        )
    if clip_skip < 1 or (layers is not None and clip_skip > layers):
        raise UserError(
            f"model.clip_skip is {clip_skip}, and this model's text encoder has {layers} layers",
            f"set model.clip_skip to a number from 1 to {layers}",
        )


def check_has_vae(path: str, facts: BaseModelFacts, vae: str) -> None:
    """Refuse a model without a VAE where the recipe names none."""
    if not facts.has_vae and not vae:
        raise UserError(
            f"{path} has no VAE",
            "name one with model.vae: a diffusers VAE folder or a .safetensors file",
        )
