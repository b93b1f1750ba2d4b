"""The menu of themes: dark, light, or the terminal's own colours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from curator.contract.text import visible
from curator.tui.messages import Place
from curator.tui.screens.dialogs.choice import Choice, Line
from curator.tui.terminal.remembered import remembered_theme, with_theme
from curator.tui.theme import dress, usual

if TYPE_CHECKING:
    from curator.session.session import Session
    from curator.tui.terminal.picture_app import PictureApp

_USUAL = ""
_WHAT = {
    "dark": "light text on a dark ground",
    "light": "dark text on a light ground",
    "terminal": "the 16 colours and the ground of the terminal",
}


def ask_theme(app: PictureApp, session: Session) -> None:
    """Choose a theme, show it, and remember it for terminals of this kind."""
    terminal = app.terminal
    now, suits = remembered_theme(session, terminal), usual(app, is_light=terminal.is_light)

    def line(name: str, what: str) -> Line[str]:
        return Line(f"{'*' if name == now else ' '} {name or 'usual':<8}", what, name)

    where = visible(terminal.name) or "this terminal"
    lines = [line(_USUAL, f"what suits {where}: {suits}"), *(line(*each) for each in _WHAT.items())]

    def show(name: str | None) -> None:
        if name is not None:
            dress(app, name or suits)
            app.post_message(Place(with_theme(session, terminal, name)))

    app.push_screen(Choice("Theme", lines), show)
