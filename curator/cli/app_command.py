"""The command that opens the app: whether it can open here, on which collection, and how it shows images."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from curator.cli.options.places import COLLECTION_VARIABLE, enclosing_collection
from curator.contract.errors import ExitCode, UserError, did_you_mean
from curator.tui.terminal.detection import WAYS

_LEAST = (40, 10)
PICTURES = "--pictures"


def wished(arguments: list[str]) -> tuple[str, list[str]]:
    """The way to show images that the words of a command line name, or none; and the other words.

    Raises:
        UserError: there is no such way.
    """
    at = next((at for at, word in enumerate(arguments) if word.partition("=")[0] == PICTURES), None)
    if at is None:
        return "", arguments
    _, has_value, way = arguments[at].partition("=")
    end = at + (1 if has_value else 2)
    way = way or "".join(arguments[at + 1 : end])
    if way not in WAYS:
        raise UserError(f"there is no way '{way}' to show images", did_you_mean(way, WAYS))
    return way, [*arguments[:at], *arguments[end:]]


def ways() -> tuple[str, ...]:
    """The ways to show images that `--pictures` takes."""
    return WAYS


def open_app(word: str, pictures: str = "") -> int:
    """Open the app on the folder `word`, else on the collection named or stood in; gives the exit code.

    Where there is none, but images, offer to make one. `pictures` is the way to show images, else what the terminal
    says it can.

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
    from curator.tui.terminal.colours import all_colours
    from curator.tui.terminal.question import asked

    all_colours()
    for name in (
        "COLUMNS",
        "LINES",
    ):  # exported, they would hold the app to one size: the terminal knows its own
        os.environ.pop(name, None)
    question = asked()  # it is answered while the app is imported
    try:
        from curator.tui.start import Start, run

        return run(collection or folder, Start(pictures, question, offers))
    finally:
        if question:
            question.leave()


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
