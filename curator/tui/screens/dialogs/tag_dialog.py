"""The tag dialog: tags named for an edit, with completion and the count of images that will change."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.timer import Timer
from textual.widgets import Label

from curator.contract.errors import UserError
from curator.contract.text import counted
from curator.index.changes.edits import Edit
from curator.tui.background import in_background
from curator.tui.keyboard.keys import bindings
from curator.tui.screens.dialogs.questions import KEYS as DIALOG_KEYS
from curator.tui.screens.dialogs.questions import said
from curator.tui.widgets.entries.completing_entry import TagEntry

if TYPE_CHECKING:
    from curator.tui.completing.completion import Complete
    from curator.tui.messages import WorkDone, WorkRefused

_COUNT_DELAY_S = 0.1


class TagDialog(ModalScreen[Edit | None]):
    """Type tags and see how many images an edit with them changes; enter gives the edit."""

    BINDINGS = bindings(DIALOG_KEYS, "dialog.close")

    def __init__(
        self,
        title: str,
        make_edit: Callable[[str], Edit],
        count_changes: Callable[[Edit], int],
        complete: Complete,
        value: str = "",
        *,
        nothing: str = "",
    ) -> None:
        super().__init__()
        self._title, self._make_edit, self._count, self._complete = title, make_edit, count_changes, complete
        self._value, self._nothing = value, nothing
        self._timer: Timer | None = None

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog form"):
            yield Label(Text(self._title, "bold"))
            yield TagEntry(self._complete, self._value, nothing=self._nothing)
            yield Label("", id="mistake", markup=False)
            yield Label("enter accepts   tab completes   esc cancels", classes="hint")

    def on_tag_entry_changed(self, message: TagEntry.Changed) -> None:
        if self._timer:
            self._timer.stop()
        self._timer = self.set_timer(_COUNT_DELAY_S, lambda: self._count_changes(message.text))

    def _count_changes(self, text: str) -> None:
        if text.strip():
            in_background(self, "count", lambda: self._count(self._make_edit(text)))
        else:
            self._say(Text())

    def on_work_done(self, message: WorkDone) -> None:
        count = cast("int", message.result)
        self._say(Text(f"{counted(count)} will change"))

    def on_work_refused(self, message: WorkRefused) -> None:
        self._say(said(message.error))

    def on_tag_entry_submitted(self, message: TagEntry.Submitted) -> None:
        try:
            edit = self._make_edit(message.text)
        except UserError as error:
            self._say(said(error))
            return
        self.dismiss(edit)

    def _say(self, text: Text) -> None:
        self.query_one("#mistake", Label).update(text)

    def action_close(self) -> None:
        self.dismiss(None)
