"""Model files: what they hold, and what is made of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from curator.contract.base_model.file_hashes import FileHashes
    from curator.contract.merging.recipe import MergeRecipe
    from curator.contract.progress import Progress
    from curator.runs.model_info import ModelInfo


def blocks_of(family: str, convention: str) -> dict[str, str]:
    """The block of every tensor of a family's standard model, as mergers number them."""
    from curator.runs.model_workshop import blocks

    return blocks(family, convention)


def merge_models(
    recipe: MergeRecipe, out: Path, progress: Progress, *, replaces: bool, is_dry: bool
) -> dict[str, Any]:
    """Merge models into one file, or only check that. `progress` hears of bytes."""
    from curator.runs.model_workshop import merge

    return merge(recipe, out, progress, replaces=replaces, is_dry=is_dry)


def restore_embeddings(
    model: Path, base: Path, out: Path, progress: Progress, *, replaces: bool
) -> dict[str, Any]:
    """Write a model with the token and position embeddings of its base. `progress` hears of bytes."""
    from curator.runs.model_workshop import restore

    return restore(model, base, out, progress, replaces=replaces)


def model_info(path: Path) -> ModelInfo:
    """What a model file says of itself, from its header."""
    from curator.runs.model_info import info_of

    return info_of(path)


def model_hashes(path: Path) -> FileHashes:
    """The hashes by which sites and programs know a file."""
    from curator.runs.model_info import hashes

    return hashes(path)


def compare_models(first: Path, second: Path, convention: str, progress: Progress) -> dict[str, Any]:
    """How two models differ, by block and by tensor. `progress` hears of bytes."""
    from curator.runs.model_workshop import compare

    return compare(first, second, convention, progress)
