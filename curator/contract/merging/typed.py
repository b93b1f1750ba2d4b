"""A merge or a bake as it is typed, in a command or a form, made the recipe that a file would be."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from curator.contract.errors import UserError
from curator.contract.files.regular_file import TEXT_BYTES, read_regular
from curator.contract.merging.adapters import BakeRecipe, adapter_and_ratio, read_bake, write_adapter_recipe
from curator.contract.merging.recipe import MergeRecipe, load_merge, read_merge, write_merge


def typed_merge(
    source: str | None, models: Sequence[str], given: Mapping[str, Any], rules: Mapping[str, float]
) -> MergeRecipe:
    """The merge of a preset or file `source`, else the plain one, with what is given over it.

    `given` is by fields of `MergeRecipe`, its blocks as numbers, names, or a file of them.

    Raises:
        UserError: there is no such recipe, or something that no merge has.
    """
    said = dict(given)
    for name in ("blocks", "blocks2"):
        if name in said:
            said[name] = numbers_of(said[name])
    if rules:
        said["rules"] = dict(rules)
    if models:
        said["models"] = tuple(models)
        said["sha256"] = ()
    recipe = replace(MergeRecipe() if source is None else load_merge(source), **said)
    return read_merge(write_merge(recipe), "the merge")  # as if it had been typed in a file


def typed_bake(model: str, adapters: Sequence[str], given: Mapping[str, Any]) -> BakeRecipe:
    """The bake of adapters, each `ADAPTER[@RATIO]`, into a model; `given` is by fields of `BakeRecipe`.

    Raises:
        UserError: something that no bake has.
    """
    pairs = [adapter_and_ratio(each) for each in adapters]
    said = dict(given)
    said["blocks"] = numbers_of(said.get("blocks", ""))
    recipe = BakeRecipe(model, tuple(path for path, _ in pairs), tuple(ratio for _, ratio in pairs), **said)
    return read_bake(write_adapter_recipe(recipe), "the bake")  # as if it had been typed in a file


def numbers_of(text: str) -> str:
    """Numbers of blocks: the text of a file of them without its remarks, or what was typed.

    Raises:
        UserError: the file cannot be read.
    """
    if not os.path.isfile(text):  # noqa: PTH113 - Path's raises of numbers that no file could be named after
        return text
    try:
        lines = read_regular(text, limit_bytes=TEXT_BYTES).decode().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"--blocks: {text} cannot be read as text", "give numbers with commas") from error
    return ",".join(part.strip().strip(",") for line in lines if (part := line.partition("#")[0]).strip())
