"""The dialog of a page that was written: where it is; it can be opened, and its path copied."""

from __future__ import annotations

from pathlib import Path

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Label

from curator.contract.errors import UserError
from curator.contract.text import visible
from curator.tui import meanings
from curator.tui.keyboard.keys import KeyAction, bindings
from curator.tui.outside.clipboard import copied
from curator.tui.outside.programs import read_page
from curator.tui.screens.dialogs.questions import KEYS as DIALOG_KEYS
from curator.tui.screens.dialogs.questions import said

KEYS = (
    KeyAction("written.open", "O", "open", "open it in your browser", "open"),
    KeyAction("written.copy", "Y", "copy", "copy its path", "copy its path"),
)


class Written(ModalScreen[None]):
    """A page, with a few words about it; O opens it, Y copies its path, escape closes."""

    BINDINGS = [*bindings(KEYS), *bindings(DIALOG_KEYS, "dialog.close"), ("enter", "close", "close")]

    def __init__(self, page: Path, about: str) -> None:
        super().__init__()
        self._page, self._about = page.absolute(), about

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Label(Text(f"Written: {visible(self._page.name)}", "bold"))
            yield Label(Text(visible(str(self._page))))
            yield Label(Text(self._about), classes="quiet")
            yield Label("", id="done", markup=False)
            yield Label("O  opens it      Y  copies its path      esc  closes", classes="hint")

    def action_open(self) -> None:
        """In the browser of the desktop, or that of the terminal."""
        try:
            read_page(self.app, self._page)
        except UserError as error:
            self._refuse(error)

    def action_copy(self) -> None:
        """The path, into the clipboard of the terminal."""
        try:
            path = copied(self.app, str(self._page))
        except UserError as error:
            self._refuse(error)
        else:
            self.query_one("#done", Label).update(Text(f"copied: {path}"))

    def _refuse(self, error: UserError) -> None:
        mistake = said(error)
        mistake.stylize(meanings.MISTAKE)
        self.query_one("#done", Label).update(mistake)

    def action_close(self) -> None:
        self.dismiss(None)
