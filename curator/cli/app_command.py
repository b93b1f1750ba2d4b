"""Decides whether the app can open here, and on which collection."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from curator.cli.places import enclosing_collection
from curator.contract.errors import UserError

_LEAST = (40, 10)


def open_app(word: str) -> int:
    """Open the app on the folder `word`, or on the collection around the current one.

    Raises:
        UserError: no collection, no terminal, or one that is too small.
    """
    folder = Path(word) if word else enclosing_collection(Path.cwd())
    if folder is None:
        raise UserError(
            "there is no collection here or above", "make one with 'frieze scan DIR'; see 'frieze --help'"
        )
    _check_terminal()
    from curator.tui.app import run

    return run(enclosing_collection(folder) or folder)


def _check_terminal() -> None:
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UserError("the app needs a terminal", "use the commands instead: 'frieze --help'")
    size = os.get_terminal_size(sys.stdout.fileno())
    if size.columns < _LEAST[0] or size.lines < _LEAST[1]:
        raise UserError(
            f"the terminal has {size.columns}x{size.lines} characters",
            f"make it {_LEAST[0]}x{_LEAST[1]} or larger",
        )
