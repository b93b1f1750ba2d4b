"""The table editor: a rule's table as text, with what it would change beside, as one types (row S035)."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.timer import Timer
from textual.widgets import Label, TextArea

from curator.tui.background import in_background, user_errors_shown, write
from curator.tui.keyboard.keys import KeyAction, bindings
from curator.tui.outside.programs import edited
from curator.tui.screens.dialogs.questions import said
from curator.tui.text.review_lines import change_lines, in_words
from curator.tui.widgets.lists.line_list import LineList

if TYPE_CHECKING:
    from curator.session.images.rules import Review, Rule
    from curator.session.session import Session
    from curator.tui.messages import WorkDone, WorkRefused

_DELAY_S = 0.3


KEYS = (
    KeyAction("table.keep", "ctrl+s", "keep", "keep the table"),
    KeyAction("table.outside", "ctrl+g", "edit_outside", "the table in $EDITOR, then back here"),
    KeyAction("table.close", "escape", "close", "leave the table as it was"),
)


class TableEditor(ModalScreen[bool]):
    """The text of one table; ctrl+s keeps it with the collection, escape leaves it as it was."""

    BINDINGS = bindings(KEYS)

    def __init__(self, session: Session, reader: Session, rule: Rule, words: str) -> None:
        super().__init__()
        self._session, self._reader, self._words = session, reader, words
        self._rule: Rule = rule
        self._before = session.rules.table(rule)
        self._timer: Timer | None = None

    def compose(self) -> ComposeResult:
        with Vertical(classes="editor"):
            yield Label(
                Text(f" Table {self._rule}: ctrl+s keeps it, ctrl+g in $EDITOR, esc leaves it", "bold")
            )
            with Horizontal():
                area = TextArea(self._before, soft_wrap=False, show_line_numbers=True, tab_behavior="focus")
                area.cursor_blink = False
                yield area
                with Vertical(id="effect"):
                    yield Label("", id="about", markup=False)
                    yield LineList(id="changes", empty=" looking...")

    def on_mount(self) -> None:
        self.query_one(TextArea).focus()
        self._look()

    @on(TextArea.Changed)
    def _wait(self) -> None:
        if self._timer:
            self._timer.stop()
        self._timer = self.set_timer(_DELAY_S, self._look)

    def _look(self) -> None:
        text = self.query_one(TextArea).text
        in_background(self, "look", lambda: self._effect(text))

    def _effect(self, text: str) -> Review:
        images = self._reader.images.select(self._words).ids
        return self._reader.rules.glance(self._rule, images, table=text)

    def on_work_done(self, message: WorkDone) -> None:
        found = cast("Review", message.result)
        self.query_one("#about", Label).update(Text(f" {in_words(found)}", "bold"))
        changes = self.query_one("#changes", LineList)
        changes.empty = " nothing would change"
        changes.show_texts(change_lines(found))

    def on_work_refused(self, message: WorkRefused) -> None:
        self.query_one("#about", Label).update(said(message.error))

    @user_errors_shown
    def action_edit_outside(self) -> None:
        """The text in the user's editor; what it leaves stands here, and is kept by ctrl+s."""
        area = self.query_one(TextArea)
        area.text = edited(self.app, area.text, f"{self._rule}.toml")

    def action_keep(self) -> None:
        """Keep the table and close; a mistake is shown in place."""
        text = self.query_one(TextArea).text
        write(
            self,
            lambda: self._session.rules.keep_table(self._rule, text),
            self._kept,
            lambda error: self.query_one("#about", Label).update(said(error)),
        )

    def _kept(self, _: None) -> None:
        self.dismiss(True)

    def action_close(self) -> None:
        self.dismiss(False)
