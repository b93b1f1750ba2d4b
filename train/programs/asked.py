"""Programs of the trainer: how each ends, and recipes that are asked about, complete TOML on standard input."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from curator.contract.errors import ExitCode, UserError
from curator.contract.files.json_data import to_json
from curator.contract.locations import RECIPE
from curator.contract.recipe.toml_file import load_recipe

if TYPE_CHECKING:
    from curator.contract.recipe.recipe import Recipe


def answer(work: Callable[[Recipe], object]) -> int:
    """Tell in JSON what is asked about the recipe on standard input; the exit code as `exit_code_of`."""
    return told(lambda: work(recipe_of(sys.stdin.buffer.read())))


def told(work: Callable[[], object]) -> int:
    """Tell in JSON what `work` finds; the exit code as `exit_code_of`."""

    def tell_it() -> None:
        sys.stdout.write(to_json(work()) + "\n")

    return exit_code_of(tell_it)


def exit_code_of(work: Callable[[], ExitCode | None]) -> int:
    """Do the work of a program; the exit code, by `work` or `DONE`.

    A mistake a user can mend is two lines on standard error, what and hint, and the code that it has.
    """
    try:
        return work() or ExitCode.DONE
    except UserError as error:
        tell(error)
        return error.code
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED


def tell(error: UserError) -> None:
    """A mistake in the two lines that whoever started the program reads."""
    sys.stderr.write(f"{error.what}\n{error.hint}\n")


def recipe_of(text: bytes) -> Recipe:
    """The recipe that another program handed over.

    Raises:
        UserError: as `load_recipe`.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, RECIPE)
        path.write_bytes(text)
        return load_recipe(path)
