"""The dialog of longer work: how far it is, with a bar; escape gives it up."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, TypeVar, cast

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import ModalScreen, Screen
from textual.widgets import Label

from curator.tui.background import in_background, progress_on_status
from curator.tui.keyboard.keys import bindings
from curator.tui.messages import UserErrorRaised
from curator.tui.screens.dialogs.questions import KEYS as DIALOG_KEYS
from curator.tui.widgets.bars import bar

if TYPE_CHECKING:
    from curator.tui.messages import StatusChanged, WorkDone, WorkRefused

T = TypeVar("T")
Progress = Callable[[int, int], None]
_BAR_CELLS = 40


class AtWork(ModalScreen[T | None], Generic[T]):
    """Does `work`, which is given what it tells its progress to, and gives its result; None where it was given up."""

    BINDINGS = bindings(DIALOG_KEYS, "dialog.close")

    def __init__(self, doing: str, work: Callable[[Progress], T]) -> None:
        super().__init__()
        self._doing, self._work = doing, work

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Label(Text(self._doing, "bold"), id="doing")
            yield Label("", id="share", markup=False)
            yield Label("esc gives it up", classes="hint")

    def on_mount(self) -> None:
        tell = progress_on_status(self, self._doing)
        in_background(self, "work", lambda: self._work(tell), keys_wait=True)

    def on_status_changed(self, message: StatusChanged) -> None:
        message.stop()
        self.query_one("#doing", Label).update(Text(message.note, "bold"))
        if message.share is not None:
            self.query_one("#share", Label).update(Text(bar(message.share, _BAR_CELLS), "underline"))

    def on_work_done(self, message: WorkDone) -> None:
        self.dismiss(cast("T", message.result))

    def on_work_refused(self, message: WorkRefused) -> None:
        self.app.post_message(UserErrorRaised(message.error))
        self.dismiss(None)

    def on_work_cancelled(self) -> None:
        self.dismiss(None)

    def action_close(self) -> None:
        for worker in self.workers:
            if worker.node is self:
                worker.cancel()
        self.dismiss(None)


def do_longer(
    screen: Screen, doing: str, work: Callable[[Progress], T], done: Callable[[T | None], None]
) -> None:
    """Do `work` in its dialog over `screen`; `done` gets its result, None where it was given up or refused."""
    screen.app.push_screen(AtWork(doing, work), done)
