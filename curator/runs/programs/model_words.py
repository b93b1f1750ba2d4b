"""A model, and what two models differ in, in words: facts a line each, and rows of tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from curator.contract.base_model.family import FAMILIES
from curator.contract.base_model.file_hashes import FileHashes
from curator.contract.text import counted

if TYPE_CHECKING:
    from curator.contract.base_model.file_hashes import FolderHashes
    from curator.runs.programs.model_info import ModelInfo

DIFFERENT_BLOCKS = ("block", "different", "largest", "relative")
DIFFERENT_TENSORS = ("block", "tensor", "largest", "relative")
EQUAL = "equal: every tensor has the same numbers"


def facts_of(info: ModelInfo) -> dict[str, str]:
    """What a model says of itself, by a word for each fact."""
    lacks_vae = info.kind in FAMILIES and not info.has_vae
    facts = {
        "kind": info.kind,
        "predicts": info.prediction or "",
        "VAE": "none: it is given where the model is used" if lacks_vae else "",
        "size": f"{info.bytes / 1e6:,.1f} MB, {info.tensors:,} tensors, {info.numbers:,} numbers",
        "types": counts_in_words(info.dtypes),
        "ranks": counts_in_words(info.ranks),
        "read by": ", ".join(info.clients) or "no program that is known",
        **info.modelspec,
        **info.training,
        "trigger words": ", ".join(info.trigger_words),
        "made of": "; ".join(info.ancestors),
        "merge": " ".join(info.merge.split("\n")).strip(),
        "thumbnail": f"{info.thumbnail_bytes:,} bytes" if info.thumbnail_bytes else "",
        **info.metadata,
    }
    return {name: value for name, value in facts.items() if value}


def counts_in_words(counts: Mapping[str, int]) -> str:
    """Tensors by type, say."""
    return ", ".join(f"{count:,} of {name}" for name, count in counts.items())


def hashes_by_word(found: FileHashes | FolderHashes) -> dict[str, str]:
    """The hashes of a file or a folder, each by the word for it."""
    short = found if isinstance(found, FileHashes) else None
    said = {
        "sha256": found.sha256,
        "AutoV2": short and short.autov2,
        "AutoV3": short and short.autov3,
        "tensors": found.tensors,
        "legacy": short and short.legacy,
    }
    return {word: value for word, value in said.items() if value is not None}


def block_rows(found: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """A row for each block with tensors: `DIFFERENT_BLOCKS`."""
    return [
        (each["block"], f"{each['different']:,} of {each['tensors']:,}", *_sizes(each))
        for each in found["blocks"]
        if each["tensors"]
    ]


def tensor_rows(tensors: Sequence[Mapping[str, Any]]) -> list[tuple[str, ...]]:
    """A row for each tensor that differs: `DIFFERENT_TENSORS`."""
    return [(each["block"], each["tensor"], *_sizes(each)) for each in tensors]


def not_in_both(found: Mapping[str, Any]) -> list[str]:
    """Sentences about tensors that have no like in the other model."""
    alone = {which: set(found[f"only_in_{which}"]) for which in ("first", "second")}
    other_sizes = sorted(alone["first"] & alone["second"])
    said: list[str] = []
    if other_sizes:
        said.append(f"{counted(len(other_sizes), 'tensor')} of other sizes, such as {other_sizes[0]}")
    for which, names in alone.items():
        if rest := sorted(names.difference(other_sizes)):
            said.append(f"{len(rest):,} in the {which} alone, such as {rest[0]}")
    return said


def _sizes(each: Mapping[str, Any]) -> tuple[str, str]:
    return _short(each["largest"]), _short(each["relative"])


def _short(value: float | None) -> str:
    """Three digits; a difference to NaN has no size."""
    return "NaN" if value is None else f"{value:.3g}"
