"""Decides how the history of edits is read: newest first, what was undone said in words."""

from __future__ import annotations

from datetime import datetime

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.screen import Screen
from textual.widgets import Label

from curator.contract.text import visible
from curator.index.edits import Commit
from curator.session import Session
from curator.tui.messages import CollectionChanged
from curator.tui.widgets.chrome import KeyLine, TabLine, TooSmall
from curator.tui.widgets.line_list import LineList

_LONGEST = 500


class HistoryScreen(Screen):
    """All edits; u and ctrl+r walk along them."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session

    def compose(self) -> ComposeResult:
        yield TabLine("History")
        yield Label(
            Text(" u takes back the newest edit that stands, ctrl+r makes it again", "bold"),
            classes="heading",
        )
        yield LineList(empty=" no edit yet")
        yield KeyLine()
        yield TooSmall()

    def on_screen_resume(self) -> None:
        self._read()

    @on(CollectionChanged)
    def _read(self) -> None:
        commits = self._session.history(_LONGEST)
        self.query_one(LineList).show_texts([_line(commit) for commit in commits])


def _line(commit: Commit) -> Text:
    when = datetime.fromtimestamp(commit.at).astimezone().strftime("%Y-%m-%d %H:%M")
    state = "undone" if commit.undone else ""
    count = f"{commit.images_changed:,} image{'' if commit.images_changed == 1 else 's'}"
    return Text(f" {when}  {visible(commit.actor):<8.8} {state:<7} {count:>16}  {visible(commit.what)}")
