"""What of a recipe a run's weights depend on: two recipes that agree in it give the same weights.

A knob that a later version adds stands at its default in every older recipe, so it changes nothing; a default that a
later version changes does not reach a run, whose recipe is complete.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from curator.contract.recipe.fields import Value, active_fields, recipe_fields, value_of

if TYPE_CHECKING:
    from curator.contract.recipe.recipe import Recipe

# Where files lie, what is written, watched or kept, and how it is computed: none of it changes a weight. What the
# model's files hold is told by their fingerprint.
_NEUTRAL = (
    "model.path",
    "model.vae",
    "model.family",
    "precision.gradient_checkpointing",
    "precision.fused_backward",
    "precision.offload",
    "precision.shard",
    "full.format",
    "ema.device",
    "ema.save",
    "save.",
    "sample.",
    "evaluate.",
    "cache.latents",
    "cache.captions",
    "cache.folder",
    "cache.disk_gib",
    "loader.",
    "survival.",
    "log.",
    "metadata.",
)


def knobs_of(recipe: Recipe) -> dict[str, Value]:
    """The knobs that hold in `recipe` and change its weights, by dotted key."""
    return {name: value_of(recipe, name) for name in active_fields(recipe) if not name.startswith(_NEUTRAL)}


def differences(before: Mapping[str, object], now: Mapping[str, Value]) -> list[tuple[str, object, object]]:
    """Knobs that differ from what they were, with both values; none where the weights will be the same.

    A key that only one of the two has counts by its default.
    """
    found: list[tuple[str, object, object]] = []
    for name in sorted({*before, *now}):
        info = recipe_fields().get(name)
        if info is None:
            continue  # a knob of another version: this one cannot follow it, and reads no recipe that sets it
        was, is_now = _plain(before.get(name, info.default)), _plain(now.get(name, info.default))
        if was != is_now:
            found.append((name, was, is_now))
    return found


def _plain(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value
