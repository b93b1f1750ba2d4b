"""Weight files of one part in a diffusers folder: whole or in shards, of the plain or of another variant."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from curator.contract.base_model.family import read_json
from curator.contract.errors import UserError

_STEMS = ("diffusion_pytorch_model", "model", "pytorch_model")
_SUFFIXES = (".safetensors", ".bin")
_VARIANTS = ("", "fp16", "bf16", "fp32")  # in the order they are taken; any other comes last


class WeightFile(NamedTuple):
    """A file, or the index of several; `variant` is empty for the plain one."""

    name: str
    variant: str


def weight_file(names: Collection[str]) -> WeightFile | None:
    """Of the names in a part's folder, the one to read: safetensors before pickles, plain before variants."""
    found = [each for name in names if (each := _parsed(name)) is not None]
    return min(found, key=_rank, default=None)


def _parsed(name: str) -> WeightFile | None:
    """`STEM[.VARIANT].SUFFIX` or `STEM.SUFFIX.index[.VARIANT].json`; a shard is no whole file."""
    base = name.removesuffix(".json").replace(".index", "") if name.endswith(".json") else name
    if name.endswith(".json") and ".index" not in name:
        return None
    suffix = next((each for each in _SUFFIXES if each in base), None)
    if suffix is None:
        return None
    stem, _, tail = base.partition(suffix)
    stem, _, variant = stem.partition(".")
    variant = variant or tail.removeprefix(".")
    is_shard = "-of-" in variant or "-of-" in stem
    return WeightFile(name, variant) if stem in _STEMS and not is_shard else None


def _rank(file: WeightFile) -> tuple[int, bool, bool, str]:
    known = _VARIANTS.index(file.variant) if file.variant in _VARIANTS else len(_VARIANTS)
    return known, ".bin" in file.name, file.name.endswith(".json"), file.name


def files_of(folder: Path) -> tuple[list[Path], str]:
    """The files of a part, and their variant.

    Raises:
        UserError: there are none, or a shard is missing.
    """
    names = [each.name for each in folder.iterdir()] if folder.is_dir() else []
    found = weight_file(names)
    if found is None:
        raise UserError(f"{folder} holds no weights", "the model folder is incomplete: fetch it again")
    if not found.name.endswith(".json"):
        return [folder / found.name], found.variant
    shards = shards_of(folder / found.name)
    if missing := [name for name in shards if name not in names]:
        raise UserError(
            f"{folder} lacks {missing[0]}, one of its {len(shards)} shards",
            "the model folder is incomplete: fetch it again",
        )
    return [folder / name for name in shards], found.variant


def shards_of(index: Path) -> list[str]:
    """The files that an index names, all beside it."""
    weights = read_json(index).get("weight_map")
    names = weights.values() if isinstance(weights, dict) else ()
    return sorted({PurePosixPath(str(name)).name for name in names})
