"""Recipes made of other trainers' settings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from curator.contract.errors import ReplaceableError, UserError
from curator.contract.files.whole_files import TakenError, drafted_file

if TYPE_CHECKING:
    from curator.interop.recipes.translation import ImportedRecipe


def import_recipe(file: Path, script: str = "") -> ImportedRecipe:
    """The recipe of a settings file of sd-scripts, kohya_ss or OneTrainer, and what became of each setting (B12).

    Raises:
        UserError: no such file, one of nothing known, or of a training that Frieze has not.
    """
    from curator.interop.recipes.reading import import_settings

    return import_settings(file, script)


def write_recipe(recipe: ImportedRecipe, out: Path, *, replaces: bool) -> None:
    """Write a recipe as TOML.

    Raises:
        UserError: a file is there, and is not to be replaced; or it cannot be written.
    """
    if out.is_dir():
        raise UserError(f"{out} is a folder", "name a file in it")
    try:
        with drafted_file(out, replace=replaces) as draft:
            draft.write_text(recipe.toml(), "utf-8")
    except TakenError as error:
        raise ReplaceableError(f"{out} is there already", "give another name, or --replace") from error
    except OSError as error:
        raise UserError(f"{out} cannot be written: {error.strerror}", "check the folder's rights") from error
