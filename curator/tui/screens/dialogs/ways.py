"""The menu of ways to show pictures: by a protocol of the terminal, in blocks, or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from curator.contract.text import visible
from curator.tui.messages import Place
from curator.tui.screens.dialogs.choice import Choice, Line
from curator.tui.terminal.remembered import remembered_way, with_way

if TYPE_CHECKING:
    from curator.session.session import Session
    from curator.tui.terminal.picture_app import PictureApp

_BEST = ""
_WHAT = {
    "kitty": "pixels, sent once: kitty, Ghostty, Rio; through tmux with allow-passthrough",
    "iterm2": "pixels, as JPEG: iTerm2, WezTerm, mintty",
    "sixel": "pixels, in 256 colours: foot, Konsole, xterm -ti vt340, Windows Terminal",
    "blocks": "characters: any terminal",
    "none": "no images: a very slow line",
}


def ask_way(app: PictureApp, session: Session) -> None:
    """Choose a way, show pictures in it, and remember it for terminals of this kind."""
    terminal = app.terminal
    now = remembered_way(session, terminal)

    def line(way: str, what: str) -> Line[str]:
        return Line(f"{'*' if way == now else ' '} {way or 'best':<8}", what, way)

    name = visible(terminal.name) or "this terminal"
    lines = [
        line(_BEST, f"what {name} said it can: {terminal.way}"),
        *(line(*each) for each in _WHAT.items()),
    ]

    def show(way: str | None) -> None:
        if way is not None:
            app.show_pictures_in(terminal, way)
            app.post_message(Place(with_way(session, terminal, way)))

    app.push_screen(Choice("How images are shown", lines), show)
