"""Programs that answer in JSON, most on a recipe: complete TOML on standard input."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from curator.contract.errors import UserError
from curator.contract.files.json_data import to_json
from curator.contract.locations import RECIPE
from curator.contract.recipe.toml_file import load_recipe

if TYPE_CHECKING:
    from curator.contract.recipe.recipe import Recipe


def answer(work: Callable[[Recipe], object]) -> int:
    """The exit code, once `work` on the recipe is told."""
    return told(lambda: work(recipe_of(sys.stdin.buffer.read())))


def told(work: Callable[[], object]) -> int:
    """The exit code: 0 told, 2 a mistake a user can mend, in two lines on standard error."""
    try:
        sys.stdout.write(to_json(work()) + "\n")
    except UserError as error:
        sys.stderr.write(f"{error.what}\n{error.hint}\n")
        return 2
    return 0


def recipe_of(text: bytes) -> Recipe:
    """The recipe that another program handed over.

    Raises:
        UserError: as `load_recipe`.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, RECIPE)
        path.write_bytes(text)
        return load_recipe(path)
