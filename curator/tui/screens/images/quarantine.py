"""The Quarantine screen: files that a scan could not use, since when and why; r reads them again."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from rich.cells import cell_len
from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.screen import Screen

from curator.contract.clock import clock_time
from curator.contract.text import counted, visible
from curator.tui import meanings
from curator.tui.background import in_background, progress_on_status
from curator.tui.keyboard.keys import KeyAction, bindings
from curator.tui.messages import CollectionChanged, StatusChanged, UserErrorRaised, WorkDone, WorkRefused
from curator.tui.widgets.frame.chrome import Foot, TooSmall
from curator.tui.widgets.frame.panel_title import PanelTitle
from curator.tui.widgets.frame.tab_line import TabLine
from curator.tui.widgets.lists.line_list import LineList
from curator.tui.widgets.lists.lines import Passage, fitted

if TYPE_CHECKING:
    from curator.session.images.images import Quarantined, Retried
    from curator.session.session import Session

KEYS = (
    KeyAction("quarantine.retry", "r", "retry", "read all of them again", "read again"),
    KeyAction("quarantine.close", "escape", "close", "back", "back"),
)


class QuarantineScreen(Screen[None]):
    """The files set aside; escape goes back to the screen that asked, named `here`."""

    BINDINGS = bindings(KEYS)

    def __init__(self, session: Session, here: str) -> None:
        super().__init__()
        self._session, self._here = session, here
        self._entries: list[Quarantined] = []

    def compose(self) -> ComposeResult:
        yield TabLine(self._here)
        yield PanelTitle(id="about", of="LineList")
        yield LineList(empty=" none")
        yield Passage(id="whole")
        yield Foot()
        yield TooSmall()

    def on_mount(self) -> None:
        self.query_one(LineList).focus()
        self._read()

    @on(CollectionChanged)
    def _read(self) -> None:
        self._entries = self._session.quarantine.all()
        count = len(self._entries)
        what = f"{counted(count, 'file')} could not be used" if count else "every file could be used"
        self.query_one("#about", PanelTitle).say(what)
        entries = self._entries
        self.query_one(LineList).show(count, lambda at, width: _line(entries[at], width))

    @on(LineList.Moved)
    def _show_whole(self) -> None:
        cursor = self.query_one(LineList).cursor
        each = self._entries[cursor] if cursor < len(self._entries) else None
        said = f"{visible(each.reason)}\n{visible(each.path)}" if each else ""
        self.query_one(Passage).say(Text(said))

    def action_retry(self) -> None:
        """Read all of them again."""
        tell = progress_on_status(self, "reading again")

        def work() -> Retried:
            with self._session.apart() as own:
                return own.quarantine.retry(lambda at: tell(at.done, max(at.total, at.done)))

        self.post_message(StatusChanged("reading again"))
        in_background(self, "retry", work)

    def on_work_done(self, message: WorkDone) -> None:
        done = cast("Retried", message.result)
        self.post_message(StatusChanged(""))
        gone = f", {done.gone:,} gone" if done.gone else ""
        self.notify(
            f"{done.usable:,} can be used now{gone}, {done.left:,} cannot", title="Read again", markup=False
        )
        self._read()

    def on_work_refused(self, message: WorkRefused) -> None:
        self.post_message(StatusChanged(""))
        self.post_message(UserErrorRaised(message.error))

    def action_close(self) -> None:
        """Stop reading, and go back."""
        self.workers.cancel_node(self)
        self.post_message(StatusChanged(""))
        self.dismiss()


def _line(entry: Quarantined, width: int) -> Text:
    """Since when, the name in at most half of the line, and why."""
    name, since = visible(entry.path.rpartition("/")[2]), clock_time(entry.at, "%Y-%m-%d")
    text = Text().append(f" {since}  ", meanings.QUIET)
    text.append(fitted(name, min(cell_len(name), max(12, width // 2))), "bold")
    return text.append(f"  {visible(entry.reason)}", meanings.FINDING)
