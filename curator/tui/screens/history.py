"""Decides how the history of edits is read and walked: newest first, each taken back with those made after it."""

from __future__ import annotations

from datetime import datetime
from typing import cast

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.screen import Screen
from textual.widgets import Label

from curator.contract.text import visible
from curator.index.edits import Commit
from curator.session import Session
from curator.tui.background import in_background
from curator.tui.messages import CollectionChanged, Mistake, Told, WorkDone, WorkRefused
from curator.tui.screens.dialogs import Confirm
from curator.tui.widgets.chrome import KeyLine, TabLine, TooSmall
from curator.tui.widgets.line_list import LineList
from curator.tui.words import images_in_words

_LONGEST = 500


class HistoryScreen(Screen):
    """All edits; u and ctrl+r walk along them, enter goes to one."""

    def __init__(self, session: Session, reader: Session) -> None:
        super().__init__()
        self._session, self._reader = session, reader
        self._commits: list[Commit] = []

    def compose(self) -> ComposeResult:
        yield TabLine("History")
        yield Label(
            Text(
                " u takes the newest edit back, ctrl+r makes it again, enter goes to the one chosen", "bold"
            ),
            classes="heading",
        )
        yield LineList(empty=" no edit yet")
        yield KeyLine()
        yield TooSmall()

    def on_screen_resume(self) -> None:
        self._read()

    @on(CollectionChanged)
    def _read(self) -> None:
        self._commits = self._session.history(_LONGEST)
        self.query_one(LineList).show_texts([_line(commit) for commit in self._commits])

    @on(LineList.Chosen)
    def _ask(self) -> None:
        commit = self._commits[self.query_one(LineList).cursor]
        question, detail = self._question(commit)
        self.app.push_screen(Confirm(question, detail), lambda yes: self._go_to(commit) if yes else None)

    def _question(self, commit: Commit) -> tuple[str, str]:
        if commit.undone:
            return (
                "Make this edit again?",
                f"Those taken back before it come again too.\n{visible(commit.what)}",
            )
        newer = [each for each in self._commits if not each.undone and each.id > commit.id]
        more = f" and the {len(newer):,} made since" if newer else ""
        return f"Take this edit{more} back?", visible(commit.what)

    def _go_to(self, commit: Commit) -> None:
        turn = self._reader.redo_to if commit.undone else self._reader.undo_to
        self.post_message(Told("changing"))
        in_background(self, "turn", lambda: turn(commit.id))

    def on_work_done(self, message: WorkDone) -> None:
        self.post_message(Told(""))
        done = cast("list[Commit]", message.result)
        changed = images_in_words(sum(each.images_changed for each in done))
        edits = f"{len(done):,} edit{'' if len(done) == 1 else 's'}"
        self.notify(f"{edits}, {changed}", markup=False)
        self._read()

    def on_work_refused(self, message: WorkRefused) -> None:
        self.post_message(Told(""))
        self.post_message(Mistake(message.error))


def _line(commit: Commit) -> Text:
    when = datetime.fromtimestamp(commit.at).astimezone().strftime("%Y-%m-%d %H:%M")
    state = "undone" if commit.undone else ""
    count = images_in_words(commit.images_changed)
    return Text(f" {when}  {visible(commit.actor):<8.8} {state:<7} {count:>16}  {visible(commit.what)}")
