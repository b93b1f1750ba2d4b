"""Recipes of merges: small TOML that says what becomes of which models, and can be run again.

A result carries its recipe in its metadata, with the models' names and hashes.
"""

from __future__ import annotations

import math
import tomllib
from dataclasses import dataclass, field, fields, replace
from importlib import resources
from pathlib import Path
from typing import Any, Literal, TypeVar

from curator.contract.errors import UserError, did_you_mean
from curator.contract.files.json_data import checked
from curator.contract.files.regular_file import TEXT_BYTES, read_regular
from curator.contract.recipe.fields import toml_value
from curator.contract.text import visible

Convention = Literal["supermerger", "mecha"]
CONVENTIONS: tuple[Convention, ...] = ("supermerger", "mecha")
METHODS = (
    "weighted-sum", "add-difference", "triple", "sum-twice", "train-difference", "similarity", "slerp", "model-stock",
    "ties", "dare", "della",
)  # fmt: skip
StoredAs = Literal["as-first", "fp16", "bf16", "fp32"]
METADATA_KEY = "frieze.merge"
Recipe = TypeVar("Recipe", bound=Any)  # a dataclass
_PRESETS = resources.files("curator.contract.merging") / "presets"


@dataclass(frozen=True)
class MergeRecipe:
    """One merge. What is None is the method's own; `blocks` is numbers or names, as `frieze model blocks` has them.

    `rules` are ratios of the tensors whose names fit a pattern, the last one that fits; they go before `blocks`.
    `sha256` are of the models where a recipe stands in a result. `density`, `drop` and `spread` are shares, 0 to 1.
    """

    method: str = "weighted-sum"
    models: tuple[str, ...] = ()
    sha256: tuple[str, ...] = ()
    ratio: float | None = None
    ratio2: float | None = None
    blocks: str = ""
    blocks2: str = ""
    convention: Convention = "supermerger"
    rules: dict[str, float] = field(default_factory=dict)
    density: float | None = None
    drop: float | None = None
    spread: float | None = None
    seed: int | None = None
    dtype: StoredAs = "as-first"


def read_merge(text: str, shown: str) -> MergeRecipe:
    """The recipe in a text; `shown` names it in messages.

    Raises:
        UserError: it is no TOML, or says what no merge has.
    """
    recipe = read_recipe(MergeRecipe, text, shown, "merge")
    for name, value in (*_numbers(recipe), *recipe.rules.items()):
        if not math.isfinite(value):
            raise UserError(f"{visible(shown)}: {visible(name)} is no finite number", "give one such as 0.5")
    return recipe


def read_recipe(kind: type[Recipe], text: str, shown: str, doing: str) -> Recipe:
    """What a TOML text says of a `kind`; `doing` is the command that takes it.

    Raises:
        UserError: it is no TOML, or says what the kind has not.
    """
    names = [each.name for each in fields(kind)]
    try:
        values = tomllib.loads(text)
        if unknown := sorted(values.keys() - set(names)):
            raise UserError(
                f"{visible(shown)}: a {doing} has no key '{visible(unknown[0])}'",
                did_you_mean(unknown[0], names),
            )
        return checked(kind, values)
    except (tomllib.TOMLDecodeError, ValueError, RecursionError) as error:
        raise UserError(
            f"{visible(shown)} is no recipe of a {doing}: {visible(str(error))}",
            f"see 'frieze model {doing} --help'",
        ) from error


def _numbers(recipe: MergeRecipe) -> list[tuple[str, float]]:
    names = ("ratio", "ratio2", "density", "drop", "spread")
    return [(name, value) for name in names if (value := getattr(recipe, name)) is not None]


def write_merge(recipe: MergeRecipe) -> str:
    """The recipe as TOML: what it says, and no more."""
    usual = MergeRecipe()
    lines = [
        f"{each.name} = {toml_value(value)}"
        for each in fields(MergeRecipe)
        if each.name != "rules"
        and ((value := getattr(recipe, each.name)) != getattr(usual, each.name) or each.name == "method")
    ]
    rules = [f"{toml_value(pattern)} = {toml_value(float(ratio))}" for pattern, ratio in recipe.rules.items()]
    return "\n".join([*lines, *(["", "[rules]", *rules] if rules else []), ""])


def load_merge(source: str) -> MergeRecipe:
    """The recipe of a preset's name or of a TOML file.

    Raises:
        UserError: there is none, or it says what no merge has.
    """
    presets = merge_presets()
    if source in presets:
        return read_merge((_PRESETS / f"{source}.toml").read_text("utf-8"), source)
    try:
        return read_merge(read_regular(source, limit_bytes=TEXT_BYTES).decode(), source)
    except FileNotFoundError:
        raise UserError(
            f"there is no recipe of a merge at {visible(source)}", did_you_mean(source, presets)
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{visible(source)} cannot be read as TOML", "give a recipe of a merge") from error


def merge_presets() -> dict[str, str]:
    """Names of the recipes that ship, and what each is for: the first comment of its file."""
    found = {Path(item.name).stem: item.read_text("utf-8") for item in _PRESETS.iterdir()}
    return {name: text.partition("\n")[0].lstrip("# ") for name, text in sorted(found.items())}


def published(recipe: MergeRecipe, hashes: tuple[str, ...]) -> MergeRecipe:
    """The recipe as a result carries it: names of files without the folders of who merged, and their sha256."""
    return replace(recipe, models=tuple(Path(model).name for model in recipe.models), sha256=hashes)
