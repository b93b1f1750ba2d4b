"""Model files: what they hold, and what is made of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from curator.contract.merging.typed import typed_bake, typed_merge
from curator.publish.lineage_words import lines_of as origin_lines
from curator.runs.programs.model_words import (
    DIFFERENT_BLOCKS,
    DIFFERENT_TENSORS,
    EQUAL,
    block_rows,
    counts_in_words,
    facts_of,
    hashes_by_word,
    not_in_both,
    tensor_rows,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from curator.contract.base_model.file_hashes import FileHashes, FolderHashes
    from curator.contract.merging.adapters import BakeRecipe, JoinRecipe
    from curator.contract.merging.recipe import MergeRecipe
    from curator.contract.progress import Progress
    from curator.publish.lineage import Node
    from curator.runs.programs.model_info import ModelInfo

__all__ = [
    "DIFFERENT_BLOCKS",
    "DIFFERENT_TENSORS",
    "EQUAL",
    "bake_adapters",
    "block_rows",
    "blocks_of",
    "compare_models",
    "convert_file",
    "counts_in_words",
    "explain_model",
    "extract_adapter",
    "facts_of",
    "hashes_by_word",
    "join_adapters",
    "merge_models",
    "model_hashes",
    "model_info",
    "not_in_both",
    "origin_lines",
    "resize_adapter",
    "restore_embeddings",
    "tensor_rows",
    "typed_bake",
    "typed_merge",
]


def blocks_of(family: str, convention: str) -> dict[str, str]:
    """The block of every tensor of a family's standard model, as mergers number them."""
    from curator.runs.programs.model_workshop import blocks

    return blocks(family, convention)


def merge_models(
    recipe: MergeRecipe, out: Path, progress: Progress, *, replaces: bool, is_dry: bool
) -> dict[str, Any]:
    """Merge models into one file, or only check that. `progress` hears of bytes."""
    from curator.runs.programs.model_workshop import merge

    return merge(recipe, out, progress, replaces=replaces, is_dry=is_dry)


def bake_adapters(
    recipe: BakeRecipe, out: Path, progress: Progress, *, replaces: bool, is_dry: bool, verifies: bool
) -> dict[str, Any]:
    """Bake adapters into a model, or only check that; `verifies`: and compare its layers. `progress` hears of bytes."""
    from curator.runs.programs.model_workshop import bake

    return bake(recipe, out, progress, replaces=replaces, is_dry=is_dry, verifies=verifies)


def join_adapters(recipe: JoinRecipe, out: Path, progress: Progress, *, replaces: bool) -> dict[str, Any]:
    """Join adapters to one LoRA. `progress` hears of modules."""
    from curator.runs.programs.model_workshop import join

    return join(recipe, out, progress, replaces=replaces)


def convert_file(
    file: Path, out: Path, asked: Mapping[str, Any], progress: Progress, *, replaces: bool
) -> dict[str, Any]:
    """Convert a model or an adapter. `progress` hears of bytes of a model, and of modules of an adapter."""
    from curator.runs.programs.model_workshop import convert

    return convert(file, out, asked, progress, replaces=replaces)


def restore_embeddings(
    model: Path, base: Path, out: Path, progress: Progress, *, replaces: bool
) -> dict[str, Any]:
    """Write a model with the token and position embeddings of its base. `progress` hears of bytes."""
    from curator.runs.programs.model_workshop import restore

    return restore(model, base, out, progress, replaces=replaces)


def extract_adapter(
    tuned: Path, base: Path, out: Path, asked: Mapping[str, Any], progress: Progress, *, replaces: bool
) -> dict[str, Any]:
    """Write an adapter of the difference of two models: `asked` as `Extraction` has it. `progress` hears of bytes."""
    from curator.contract.low_rank import Extraction, checked_request
    from curator.runs.programs.low_rank import extract

    return extract(tuned, base, out, checked_request(asked, Extraction), progress, replaces=replaces)


def resize_adapter(
    adapter: Path, out: Path, asked: Mapping[str, Any], progress: Progress, *, replaces: bool
) -> dict[str, Any]:
    """Write a LoRA with fewer ranks: `asked` as `Resizing` has it. `progress` hears of bytes."""
    from curator.contract.low_rank import Resizing, checked_request
    from curator.runs.programs.low_rank import resize

    return resize(adapter, out, checked_request(asked, Resizing), progress, replaces=replaces)


def model_info(path: Path) -> ModelInfo:
    """What a model file or folder says of itself, from its headers."""
    from curator.runs.programs.model_info import info_of

    return info_of(path)


def explain_model(path: Path, runs: Path | None, manifests: Path | None) -> tuple[Node, ...]:
    """Where a model comes from, and its ancestors; more where its runs and manifests are at hand."""
    from curator.publish.lineage import Place, lineage_of

    return lineage_of(path, Place(runs, manifests))


def model_hashes(path: Path) -> FileHashes | FolderHashes:
    """The hashes by which sites and programs know a file, or those of a folder."""
    from curator.runs.programs.model_info import hashes

    return hashes(path)


def compare_models(first: Path, second: Path, convention: str, progress: Progress) -> dict[str, Any]:
    """How two models differ, by block and by tensor. `progress` hears of bytes."""
    from curator.runs.programs.model_workshop import compare

    return compare(first, second, convention, progress)
