"""The dialog that tells: lines to read, and nothing to decide."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import ModalScreen, Screen
from textual.widgets import Label

from curator.tui.keyboard.keys import bindings
from curator.tui.screens.dialogs.questions import KEYS as DIALOG_KEYS
from curator.tui.widgets.lists.wrapped_list import WrappedList


class Told(ModalScreen[None]):
    """Lines that can be walked through, the long ones wrapped; escape closes."""

    BINDINGS = bindings(DIALOG_KEYS, "dialog.close")

    def __init__(self, title: str, lines: Sequence[Text]) -> None:
        super().__init__()
        self._title, self._lines = title, list(lines)

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog list"):
            yield Label(Text(self._title, "bold"))
            yield WrappedList(self._lines, empty=" nothing")
            yield Label("esc closes", classes="hint")

    def on_mount(self) -> None:
        self.query_one(WrappedList).focus()

    def action_close(self) -> None:
        self.dismiss(None)


def tell(screen: Screen, title: str, lines: Sequence[Text]) -> None:
    """Tell it over `screen`."""
    screen.app.push_screen(Told(title, lines))
