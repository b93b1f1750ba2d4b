"""Model files: what they hold, and what is made of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from curator.contract.merging.recipe import MergeRecipe
    from curator.contract.progress import Progress


def blocks_of(family: str, convention: str) -> dict[str, str]:
    """The block of every tensor of a family's standard model, as mergers number them."""
    from curator.runs.model_workshop import blocks

    return blocks(family, convention)


def merge_models(
    recipe: MergeRecipe, out: Path, progress: Progress, *, replaces: bool, is_dry: bool
) -> dict[str, Any]:
    """Merge models into one file, or only check that. `progress` hears of megabytes."""
    from curator.runs.model_workshop import merge

    return merge(recipe, out, progress, replaces=replaces, is_dry=is_dry)


def restore_embeddings(
    model: Path, base: Path, out: Path, progress: Progress, *, replaces: bool
) -> dict[str, Any]:
    """Write a model with the token and position embeddings of its base. `progress` hears of megabytes."""
    from curator.runs.model_workshop import restore

    return restore(model, base, out, progress, replaces=replaces)
