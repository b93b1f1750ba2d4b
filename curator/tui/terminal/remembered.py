"""The way to show pictures that was chosen for a kind of terminal, remembered with the collection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from curator.tui.terminal.detection import WAYS

if TYPE_CHECKING:
    from curator.session.session import Session
    from curator.tui.terminal.detection import Terminal

_KEY = "pictures"


def remembered_way(session: Session, terminal: Terminal) -> str:
    """What was chosen in terminals of this name; empty if nothing was, or the best."""
    way = session.memory.recall(_KEY, {}).get(terminal.name, "")
    return way if way in WAYS else ""


def with_way(session: Session, terminal: Terminal, way: str) -> dict[str, object]:
    """What to remember with the app's place from now on; an empty way stands for the best."""
    return {_KEY: session.memory.recall(_KEY, {}) | {terminal.name: way}}
