"""The way to show pictures and the theme that were chosen for a kind of terminal, remembered with the collection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from curator.tui.terminal.colours import THEMES
from curator.tui.terminal.detection import WAYS

if TYPE_CHECKING:
    from curator.session.session import Session
    from curator.tui.terminal.detection import Terminal

_WAY, _THEME = "pictures", "theme"


def remembered_way(session: Session, terminal: Terminal) -> str:
    """What was chosen in terminals of this name; empty if nothing was, or the best."""
    way = session.memory.recall(_WAY, {}).get(terminal.name, "")
    return way if way in WAYS else ""


def remembered_theme(session: Session, terminal: Terminal) -> str:
    """The theme chosen in terminals of this name; empty if none was, or the usual."""
    name = session.memory.recall(_THEME, {}).get(terminal.name, "")
    return name if name in THEMES else ""


def with_way(session: Session, terminal: Terminal, way: str) -> dict[str, object]:
    """What to remember with the app's place from now on; an empty way stands for the best."""
    return {_WAY: session.memory.recall(_WAY, {}) | {terminal.name: way}}


def with_theme(session: Session, terminal: Terminal, name: str) -> dict[str, object]:
    """What to remember from now on; an empty name stands for the usual theme."""
    return {_THEME: session.memory.recall(_THEME, {}) | {terminal.name: name}}
