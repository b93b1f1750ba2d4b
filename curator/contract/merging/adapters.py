"""Recipes of work on adapters: which are baked into which model, or joined to one, each at what ratio.

A result carries its recipe in its metadata, with names and hashes of what it was made of.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal, TypeVar

from curator.contract.errors import UserError
from curator.contract.files.json_data import checked
from curator.contract.merging.recipe import Convention, read_recipe
from curator.contract.recipe.fields import toml_value

BAKE_KEY, JOIN_KEY = "frieze.bake", "frieze.join"
BakedAs = Literal["as-model", "fp16", "bf16", "fp32"]
JoinedAs = Literal["fp16", "bf16", "fp32"]
Conversion = TypeVar("Conversion", bound=Any)  # one of the two below
Averages = Literal["drop", "keep", "use"]
Style = Literal["kohya", "diffusers", "original", "onetrainer"]


@dataclass(frozen=True)
class BakeRecipe:
    """Adapters baked into a model, one after the other. `ratios` are of each: `0.8`, `unet=0.8,text=0.5`, `OUT*=1`.

    `blocks` are factors of a block, on top of the ratios. `sha256` are of the model and of each adapter where a recipe
    stands in a result.
    """

    model: str = ""
    adapters: tuple[str, ...] = ()
    ratios: tuple[str, ...] = ()
    sha256: tuple[str, ...] = ()
    blocks: str = ""
    convention: Convention = "supermerger"
    dtype: BakedAs = "as-model"


@dataclass(frozen=True)
class JoinRecipe:
    """Adapters joined to one LoRA. `ratios` are as of a bake; a `rank` of 0 is what each module needs.

    `base` is a model, for kinds whose change follows from its weights. `sha256` are of the adapters, and of the base.
    """

    adapters: tuple[str, ...] = ()
    ratios: tuple[str, ...] = ()
    sha256: tuple[str, ...] = ()
    base: str = ""
    rank: int = 0
    convention: Convention = "supermerger"
    dtype: JoinedAs = "fp16"


@dataclass(frozen=True)
class AdapterConversion:
    """What an adapter is turned into. `kind`: empty for the one it has, or `lora`; `rank` and `base` as of a join.

    `spec` is what the file shall say of itself, NAME=TEXT as `modelspec.told_in` reads it.
    """

    style: Style = "kohya"
    kind: Literal["", "lora"] = ""
    rank: int = 0
    base: str = ""
    dtype: Literal["as-file", "fp16", "bf16", "fp32"] = "as-file"
    spec: tuple[str, ...] = ()


@dataclass(frozen=True)
class ModelConversion:
    """What a model is turned into. `averages` are the moving averages (EMA) that training left beside the weights.

    `spec` as of an adapter.
    """

    dtype: Literal["as-model", "fp16", "bf16", "fp32"] = "as-model"
    averages: Averages = "drop"
    spec: tuple[str, ...] = ()


_ONLY: dict[type[Any], str] = {
    AdapterConversion: "adapters have no {} to change",
    ModelConversion: "{} is of adapters, and this is a base model",
}


def conversion(kind: type[Conversion], asked: Mapping[str, Any]) -> Conversion:
    """What is asked of a model or of an adapter.

    Raises:
        UserError: something that the other has, or a value that is none of those it may have.
    """
    options = {"averages": "--ema", "style": "--style", "kind": "--as", "rank": "--rank", "base": "--base"}
    names = {each.name for each in fields(kind)}
    if strange := sorted(asked.keys() - names):
        raise UserError(_ONLY[kind].format(options.get(strange[0], strange[0])), "leave it out")
    try:
        return checked(kind, dict(asked))
    except ValueError as error:
        raise UserError(
            f"the conversion cannot be made: {error}", "see 'frieze model convert --help'"
        ) from error


def read_bake(text: str, shown: str) -> BakeRecipe:
    """The recipe of a bake in a TOML text; `shown` names it in messages.

    Raises:
        UserError: it is no TOML, or says what no bake has.
    """
    return read_recipe(BakeRecipe, text, shown, "bake")


def read_join(text: str, shown: str) -> JoinRecipe:
    """The recipe of a join in a TOML text; `shown` names it in messages.

    Raises:
        UserError: it is no TOML, or says what no join has.
    """
    return read_recipe(JoinRecipe, text, shown, "join")


def write_adapter_recipe(recipe: BakeRecipe | JoinRecipe) -> str:
    """The recipe as TOML: what it says, and no more."""
    usual = type(recipe)()
    said = ((each.name, getattr(recipe, each.name)) for each in fields(recipe))
    return "".join(f"{name} = {toml_value(value)}\n" for name, value in said if value != getattr(usual, name))


def published_bake(recipe: BakeRecipe, hashes: tuple[str, ...]) -> BakeRecipe:
    """The recipe as a result carries it: names of files without the folders of who baked, and their sha256."""
    names = tuple(Path(each).name for each in recipe.adapters)
    return replace(recipe, model=Path(recipe.model).name, adapters=names, sha256=hashes)


def published_join(recipe: JoinRecipe, hashes: tuple[str, ...]) -> JoinRecipe:
    """As `published_bake`."""
    names = tuple(Path(each).name for each in recipe.adapters)
    base = Path(recipe.base).name if recipe.base else ""
    return replace(recipe, adapters=names, base=base, sha256=hashes)


def adapter_and_ratio(text: str) -> tuple[str, str]:
    """Path and ratio of `ADAPTER[@RATIO]`; the ratio is `1` where none is given.

    Raises:
        UserError: a file is named, or a ratio is given, that is empty.
    """
    if os.path.exists(text):  # noqa: PTH110 - a name may hold the sign; Path's raises of ratios that no file can be named
        return text, "1"
    path, at, ratio = text.rpartition("@")
    if not at:
        return text, "1"
    if not path or not ratio.strip():
        raise UserError(
            f"'{text}' names no adapter and ratio", "write ADAPTER@RATIO, such as mine.safetensors@0.8"
        )
    return path, ratio.strip()
