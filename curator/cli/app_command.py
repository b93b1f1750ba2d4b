"""The command that opens the app: whether it can open here, on which collection, and how it looks."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from curator.cli.options.places import COLLECTION_VARIABLE, enclosing_collection
from curator.contract.errors import ExitCode, UserError, did_you_mean
from curator.tui.terminal.colours import THEMES
from curator.tui.terminal.detection import WAYS

_LEAST = (40, 10)
PICTURES, THEME = "--pictures", "--theme"


class Wishes(NamedTuple):
    """How the app shall look: the way to show images and the theme, each empty for what suits the terminal."""

    pictures: str = ""
    theme: str = ""


def wished(arguments: list[str]) -> tuple[Wishes, list[str]]:
    """What the words of a command line wish for, and the other words.

    Raises:
        UserError: there is no such way or theme.
    """
    pictures, words = _taken(arguments, PICTURES, WAYS, "way '{}' to show images")
    theme, words = _taken(words, THEME, THEMES, "theme '{}'")
    return Wishes(pictures, theme), words


def _taken(words: list[str], option: str, known: Sequence[str], what: str) -> tuple[str, list[str]]:
    """The value of an option, empty where it is not there, and the words without it."""
    at = next((at for at, word in enumerate(words) if word.partition("=")[0] == option), None)
    if at is None:
        return "", words
    _, has_value, value = words[at].partition("=")
    end = at + (1 if has_value else 2)
    value = value or "".join(words[at + 1 : end])
    if value not in known:
        raise UserError(f"there is no {what.format(value)}", did_you_mean(value, known))
    return value, [*words[:at], *words[end:]]


def choices_of(option: str) -> Sequence[str]:
    """What an option of the app may say."""
    return WAYS if option == PICTURES else THEMES


def open_app(word: str, wishes: Wishes = Wishes()) -> int:  # noqa: B008 - it cannot be changed
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

        offers = offer_index(folder, wishes.theme)
        if offers is None:
            return ExitCode.NO
    from curator.tui import memory
    from curator.tui.terminal.colours import all_colours
    from curator.tui.terminal.question import asked

    memory.begin()
    all_colours()
    for name in ("COLUMNS", "LINES"):  # exported, they hold the app to one size: the terminal knows its own
        os.environ.pop(name, None)
    question = asked()  # it is answered while the app is imported
    try:
        from curator.tui.start import Start, run

        return run(collection or folder, Start(wishes.pictures, wishes.theme, question, offers))
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
