"""The command that opens the app: whether it can open here, and on which collection."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from curator.cli.options.places import COLLECTION_VARIABLE, enclosing_collection
from curator.contract.errors import ExitCode, UserError

_LEAST = (40, 10)


def open_app(word: str) -> int:
    """Open the app on the folder `word`, else on the collection named or stood in; gives the exit code.

    Where there is none, but images, offer to make one.

    Raises:
        UserError: no collection, no terminal, or one that is too small.
    """
    folder = Path(word or os.environ.get(COLLECTION_VARIABLE) or Path.cwd())
    collection = enclosing_collection(folder)
    if collection is None:
        _refuse_without_pictures(folder)
    _check_terminal(folder, is_indexed=collection is not None)
    offers = None
    if collection is None:
        from curator.tui.offer_app import offer_index

        offers = offer_index(folder)
        if offers is None:
            return ExitCode.NO
    from curator.tui.app import run

    return run(collection or folder, offers)


def _refuse_without_pictures(folder: Path) -> None:
    from curator.session.images.images import Images

    if not Images.are_below(folder):
        raise UserError(
            f"there is no collection in {folder.absolute()} or above, and no image",
            "make one with 'frieze scan DIR'; see 'frieze --help'",
        )


def _check_terminal(folder: Path, *, is_indexed: bool) -> None:
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        if not is_indexed:
            raise UserError(
                f"there are images in {folder.absolute()}, but no index", "make one with 'frieze scan DIR'"
            )
        raise UserError("the app needs a terminal", "use the commands instead: 'frieze --help'")
    size = os.get_terminal_size(sys.stdout.fileno())
    if size.columns < _LEAST[0] or size.lines < _LEAST[1]:
        raise UserError(
            f"the terminal has {size.columns}x{size.lines} characters",
            f"make it {_LEAST[0]}x{_LEAST[1]} or larger",
        )
