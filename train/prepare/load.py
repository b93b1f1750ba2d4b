"""Loading for a run: the base model with what is trained of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from curator.contract.errors import UserError
from train.cache.store import MemoryStore
from train.families.clip_text import rules_of
from train.families.load import load_of_recipe
from train.trained.table import TRAINED

if TYPE_CHECKING:
    from curator.contract.recipe.recipe import Recipe
    from train.families.family import Family
    from train.precision.arithmetic import Arithmetic
    from train.trained.trained import Trained

_OVERFLOW = (
    "the VAE overflows fp16: what does is computed in fp32, which takes longer",
    "set precision.vae = 'bf16' or 'fp32', or model.vae to a VAE that was made for fp16",
)


def load_model(
    recipe: Recipe, arithmetic: Arithmetic, warn: Callable[[str, str], None]
) -> tuple[Family, Trained]:
    """The base model in `arithmetic`, and what is trained of it or on it, ready for the first step.

    Raises:
        UserError: there is no such model, or it cannot be trained by this recipe.
    """
    family = load_of_recipe(recipe.model, rules_of(recipe.text), warn)
    trained = place_and_attach(family, recipe, arithmetic, warn)
    family.use_attention(recipe.precision.attention)
    if recipe.precision.gradient_checkpointing:
        family.use_gradient_checkpointing(text=trained.trains_text)
    if not trained.trains_text:
        family.freeze_text(captions_at_once(recipe, arithmetic), MemoryStore(recipe.cache.captions_mib << 20))
    return family, trained


def captions_at_once(recipe: Recipe, arithmetic: Arithmetic) -> int:
    """As many as the text encoders would read of a batch; a CPU is as fast with one."""
    return 1 if arithmetic.device.type == "cpu" else recipe.batch.size


def place_and_attach(
    family: Family, recipe: Recipe, arithmetic: Arithmetic, warn: Callable[[str, str], None]
) -> Trained:
    """What is trained of a model or on it, and the model in `arithmetic`, each weight as it is held.

    Raises:
        UserError: the model cannot be trained by this recipe.
    """
    row = TRAINED[recipe.trains]
    row.mark(family, recipe)
    family.place(arithmetic, lambda: warn(*_OVERFLOW))
    trained = row.make(family, recipe, warn)
    if trained.trains_text and arithmetic.offloads_text:
        raise UserError(
            f"precision.offload = '{recipe.precision.offload}' cannot be followed: text encoders are trained, and "
            "stay on the device",
            "set precision.offload = 'vae' or 'none'",
        )
    for weight in trained.weights if recipe.trains != "embeddings" else ():
        weight.data = weight.data.to(arithmetic.trained)
    return trained
