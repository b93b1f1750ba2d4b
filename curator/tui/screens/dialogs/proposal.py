"""The proposal dialog: all that something larger would do as lines to read, and a question."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Label

from curator.tui.keyboard.keys import bindings
from curator.tui.screens.dialogs.questions import KEYS as DIALOG_KEYS
from curator.tui.widgets.lists.wrapped_list import WrappedList


class Proposal(ModalScreen[bool]):
    """Lines that can be walked through; y says yes, n or escape no."""

    BINDINGS = bindings(DIALOG_KEYS)

    def __init__(self, question: str, lines: Sequence[Text]) -> None:
        super().__init__()
        self._question, self._lines = question, list(lines)

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog list"):
            yield Label(Text(self._question, "bold"))
            yield WrappedList(self._lines, empty=" nothing")
            yield Label("y  yes      n  no", classes="hint")

    def on_mount(self) -> None:
        self.query_one(WrappedList).focus()

    def action_yes(self) -> None:
        self.dismiss(True)

    def action_no(self) -> None:
        self.dismiss(False)

    def action_close(self) -> None:
        self.dismiss(False)
