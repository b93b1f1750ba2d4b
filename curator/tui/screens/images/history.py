"""The History screen: edits, newest first, any one undone, or all back to one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.screen import Screen
from textual.widgets import Label

from curator.contract.text import counted, visible
from curator.tui.background import write
from curator.tui.keyboard.keys import KeyAction, bindings
from curator.tui.messages import CollectionChanged, StatusChanged, UserErrorRaised
from curator.tui.screens.dialogs.questions import Confirm
from curator.tui.text.words import turned_in_words
from curator.tui.widgets.chrome import Foot, TooSmall
from curator.tui.widgets.line_list import LineList
from curator.tui.widgets.lines import Passage, fitted
from curator.tui.widgets.tab_line import TabLine

if TYPE_CHECKING:
    from curator.contract.errors import UserError
    from curator.session.images.edits import Commit, Edits
    from curator.session.session import Session

_LONGEST = 500
_WIDE = 64  # cells that a line needs to tell more than when and what
_SAID = 3  # edits of many that are told one by one
_LEFT = "Edits made since stay; what they changed as well is left as it is."


KEYS = (
    KeyAction("history.back_to", "U", "back_to", "take back all edits down to this one", "all down to here"),
)


class HistoryScreen(Screen):
    """All edits; u and ctrl+r walk along them, enter turns one, U goes back to one."""

    BINDINGS = bindings(KEYS)

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self._commits: list[Commit] = []

    def compose(self) -> ComposeResult:
        yield TabLine("History")
        yield Label(
            Text(" enter: take one back, or make it again   U: take back all down to it", "bold"),
            classes="heading",
        )
        yield LineList(empty=" no edit yet: what you change is listed here and can be taken back")
        yield Passage(id="whole")
        yield Foot()
        yield TooSmall()

    def on_screen_resume(self) -> None:
        self._read()

    @on(CollectionChanged)
    def _read(self) -> None:
        self._commits = self._session.edits.history(_LONGEST)
        commits, now = self._commits, datetime.now().astimezone()
        self.query_one(LineList).show(len(commits), lambda at, width: _line(commits[at], width, now))

    @on(LineList.Moved)
    def _show_whole(self) -> None:
        commit = self._current
        self.query_one(Passage).say(_whole(commit) if commit else Text())

    @property
    def _current(self) -> Commit | None:
        cursor = self.query_one(LineList).cursor
        return self._commits[cursor] if cursor < len(self._commits) else None

    @on(LineList.Chosen)
    def _ask(self) -> None:
        """Turn this edit alone; those made since stay."""
        commit = self._current
        if commit is None:
            return
        what = "Make this edit again?" if commit.undone else "Take this edit back?"
        detail = f"{_what(commit)}\n{_LEFT}"

        def turn(edits: Edits) -> list[Commit]:
            done = edits.redo(commit.id) if commit.undone else edits.undo(commit.id)
            return [done] if done else []

        self._turn(what, detail, turn)

    def action_back_to(self) -> None:
        """Take back this edit and all made since; or make it again with those taken back before it."""
        commit = self._current
        if commit is None:
            return
        newer = [each for each in self._commits if not each.undone and each.id > commit.id]
        if commit.undone:
            what = "Make this edit and those taken back before it again?"
        else:
            what = f"Take this edit and the {len(newer):,} made since back?"

        def turn(edits: Edits) -> list[Commit]:
            return edits.redo_to(commit.id) if commit.undone else edits.undo_to(commit.id)

        self._turn(what, visible(commit.what), turn)

    def _turn(self, question: str, detail: str, turn: Callable[[Edits], list[Commit]]) -> None:
        def turned() -> list[Commit]:
            with self._session.apart() as own:
                return turn(own.edits)

        def answered(yes: bool | None) -> None:
            if yes:
                self.post_message(StatusChanged("changing"))
                write(self, turned, self._turned, self._refused)

        self.app.push_screen(Confirm(question, detail), answered)

    def _turned(self, done: list[Commit]) -> None:
        self.post_message(StatusChanged(""))
        lines = [turned_in_words(commit) for commit in done]
        count = [f"{len(done):,} edits"] if len(done) > 1 else []
        more = [f"and {len(done) - _SAID:,} more"] if len(done) > _SAID else []
        self.notify("\n".join([*count, *lines[:_SAID], *more]), markup=False)
        self._read()

    def _refused(self, error: UserError) -> None:
        self.post_message(StatusChanged(""))
        self.post_message(UserErrorRaised(error))


def _what(commit: Commit) -> str:
    images = f": {counted(commit.images_changed)}" if commit.images_changed else ""
    return f"{visible(commit.what)}{images}"


def _whole(commit: Commit) -> Text:
    """All that is known of an edit; what it was comes last, for a long one is cut."""
    when = datetime.fromtimestamp(commit.at).astimezone()
    about = (
        f"{when:%Y-%m-%d %H:%M:%S} by {visible(commit.actor)}{', undone since' if commit.undone else ''}\n"
    )
    return Text(about, "bold").append(f"{_what(commit)}", "not bold")


def _line(commit: Commit, width: int, now: datetime) -> Text:
    """When, what, how many images and by whom; the first two where there is no room for more."""
    at = datetime.fromtimestamp(commit.at).astimezone()
    when = f"{at:%H:%M:%S}" if at.date() == now.date() else f"{at:%Y-%m-%d}"
    what = f" {when:<10}  {'undone: ' if commit.undone else ''}{visible(commit.what)}"
    if width < _WIDE:
        return Text(what)
    count = counted(commit.images_changed) if commit.images_changed else ""
    about = f"  {count:>16}  {fitted(visible(commit.actor), 8)}"
    return Text(fitted(what, width - cell_len(about)) + about)
