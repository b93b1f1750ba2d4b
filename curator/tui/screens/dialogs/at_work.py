"""The dialog of longer work: how far it is, with a bar; escape gives it up."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, TypeVar, cast

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import ModalScreen, Screen
from textual.widgets import Label

from curator.contract.errors import ReplaceableError
from curator.tui.background import in_background, progress_on_status
from curator.tui.keyboard.keys import bindings
from curator.tui.messages import UserErrorRaised
from curator.tui.screens.dialogs.questions import KEYS as DIALOG_KEYS
from curator.tui.screens.dialogs.questions import Confirm
from curator.tui.widgets.lists.bars import bar

if TYPE_CHECKING:
    from curator.tui.messages import StatusChanged, WorkDone, WorkRefused

T = TypeVar("T")
Progress = Callable[[int, int], None]
Said = Callable[[int], str]  # how a number of the progress is worded
_BAR_CELLS = 40
_NUMBER: Said = "{:,}".format


class AtWork(ModalScreen[T | None], Generic[T]):
    """Does `work`, which is given what it tells its progress to, and gives its result; None where it was given up."""

    BINDINGS = bindings(DIALOG_KEYS, "dialog.close")

    def __init__(self, doing: str, work: Callable[[Progress], T], said: Said = _NUMBER) -> None:
        super().__init__()
        self._doing, self._work, self._said = doing, work, said

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Label(Text(self._doing, "bold"), id="doing")
            yield Label("", id="share", markup=False)
            yield Label("esc gives it up", classes="hint")

    def on_mount(self) -> None:
        tell = progress_on_status(self, self._doing, self._said)
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


def do_writing(
    screen: Screen,
    doing: str,
    work: Callable[[Progress, bool], T],
    done: Callable[[T | None], None],
    said: Said = _NUMBER,
) -> None:
    """As `do_longer`, of work that writes to a place of the person's, and is told whether to replace what is there.

    Where something is there, and can be replaced, that is asked.
    """

    def first(tell: Progress) -> T | ReplaceableError:
        try:
            return work(tell, False)
        except ReplaceableError as taken:
            return taken

    def answered(result: T | ReplaceableError | None) -> None:
        if isinstance(result, ReplaceableError):
            question = Confirm("Replace what is there?", result.what)
            screen.app.push_screen(question, lambda yes: again() if yes else done(None))
        else:
            done(result)

    def again() -> None:
        do_longer(screen, doing, lambda tell: work(tell, True), done, said)

    do_longer(screen, doing, first, answered, said)


def do_longer(
    screen: Screen,
    doing: str,
    work: Callable[[Progress], T],
    done: Callable[[T | None], None],
    said: Said = _NUMBER,
) -> None:
    """Do `work` in its dialog over `screen`; `done` gets its result, None where it was given up or refused.

    `said` words the numbers of its progress.
    """
    screen.app.push_screen(AtWork(doing, work, said), done)
