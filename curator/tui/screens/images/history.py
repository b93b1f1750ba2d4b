"""The History screen: edits, newest first, any one undone, or all back to one."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, cast

from pyroaring import BitMap
from rich.cells import cell_len
from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.screen import Screen
from textual.timer import Timer

from curator.contract.clock import clock_time
from curator.contract.text import counted, visible
from curator.tui.background import in_background, write
from curator.tui.keyboard.keys import KeyAction, bindings
from curator.tui.messages import CollectionChanged, ShowImages, StatusChanged, UserErrorRaised
from curator.tui.screens.dialogs.questions import Confirm
from curator.tui.text.words import turned_in_words
from curator.tui.widgets.frame.chrome import Foot, TooSmall
from curator.tui.widgets.frame.panel_title import PanelTitle
from curator.tui.widgets.frame.tab_line import TabLine
from curator.tui.widgets.lists.line_list import LineList
from curator.tui.widgets.lists.lines import Lines, Passage, fitted
from curator.tui.widgets.preview import Preview

if TYPE_CHECKING:
    from curator.contract.errors import UserError
    from curator.session.images.edits import Commit, Edits
    from curator.session.session import Session
    from curator.tui.messages import WorkDone

_DAY = "%Y-%m-%d"
_LONGEST = 500
_WIDE = 90  # cells that a line needs to tell more than when and what
_NAMES = 40  # of the images of an edit
_SPANS = 2000  # of images that a filter names
_DETAIL_DELAY_S = 0.08
_SAID = 3  # edits of many that are told one by one
_LEFT = "Edits made since stay; what they changed as well is left as it is."


KEYS = (
    KeyAction("history.images", "s", "images", "show the images that the edit changed", "show images"),
    KeyAction("history.back_to", "U", "back_to", "take back all edits down to this one", "all down to here"),
)


class _Changed(NamedTuple):
    """The images of an edit, the names of the first, and the file of the very first."""

    commit: int
    images: BitMap
    names: list[str]
    files: list[Path]


class HistoryScreen(Screen):
    """All edits; u and ctrl+r walk along them, enter turns one, U goes back to one."""

    BINDINGS = bindings(KEYS)

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self._commits: list[Commit] = []
        self._images: tuple[int, BitMap] = (0, BitMap())  # of the edit under the cursor
        self._timer: Timer | None = None

    def compose(self) -> ComposeResult:
        yield TabLine("History")
        with Horizontal():
            with Vertical(id="left"):
                yield PanelTitle("Edits: enter turns one", of="LineList")
                yield LineList(empty=" no edit yet: what you change is listed here and can be taken back")
            with Vertical(id="side"):
                yield PanelTitle("What it changed", spare=True)
                yield Passage(id="whole")
                yield Preview()
                yield Lines(id="names")
        yield Foot()
        yield TooSmall()

    def on_screen_resume(self) -> None:
        self._read()

    @on(CollectionChanged)
    def _read(self) -> None:
        self._commits = self._session.edits.history(_LONGEST)
        commits, today = self._commits, clock_time(time.time(), _DAY)
        self.query_one(LineList).show(len(commits), lambda at, width: _line(commits[at], width, today))

    @on(LineList.Moved)
    def _show_whole(self) -> None:
        commit = self._current
        self.query_one(Passage).say(_whole(commit) if commit else Text())
        if self._timer:
            self._timer.stop()
        self._timer = self.set_timer(_DETAIL_DELAY_S, self._look)

    def _look(self) -> None:
        """Its images, a moment after the cursor rests."""
        commit = self._current
        if commit is None:
            return

        def look() -> _Changed:
            images = self._session.edits.images_of(commit.id)
            rows = self._session.images.rows(images[:_NAMES].to_array().tolist() if images else [])
            files = [self._session.images.file_of(row) for row in rows[:1]]
            return _Changed(commit.id, images, [row.name for row in rows], files)

        in_background(self, "images", look)

    def on_work_done(self, message: WorkDone) -> None:
        changed = cast("_Changed", message.result)
        if self._current is None or self._current.id != changed.commit:
            return
        self._images = changed.commit, changed.images
        self.query_one(Preview).show(changed.files[0] if changed.files else None)
        more = len(changed.images) - len(changed.names)
        lines = [Text(f" {visible(name)}") for name in changed.names]
        lines += [Text(f" and {more:,} more: s shows them", "bold")] if more else []
        self.query_one("#names", Lines).show(lines or [Text(" no image: what it changed is told above")])

    def action_images(self) -> None:
        """Show its images in Browse."""
        commit, (number, images) = self._wanted_edit, self._images
        if commit is None:
            return
        if number != commit.id or not images:
            self.notify("This edit changed no image that is here.", markup=False)
            return
        spans = _spans(images)
        if len(spans) > _SPANS:
            self.notify(
                f"The first of {counted(len(images))}: they lie too far apart to name all.", markup=False
            )
        self.post_message(ShowImages(f"id:{','.join(spans[:_SPANS])}"))

    @property
    def _current(self) -> Commit | None:
        cursor = self.query_one(LineList).cursor
        return self._commits[cursor] if cursor < len(self._commits) else None

    @property
    def _wanted_edit(self) -> Commit | None:
        """That under the cursor; where there is none it is said."""
        commit = self._current
        if commit is None:
            self.notify("No edit yet.", markup=False)
        return commit

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
        commit = self._wanted_edit
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


def _spans(images: BitMap) -> list[str]:
    """The images as a filter names them: `1`, `5..9`; a few more than are named at once, where there are many."""
    spans: list[list[int]] = []
    for number in images:
        if spans and spans[-1][1] == number - 1:
            spans[-1][1] = number
        elif len(spans) > _SPANS:
            break
        else:
            spans.append([number, number])
    return [str(first) if first == last else f"{first}..{last}" for first, last in spans]


def _what(commit: Commit) -> str:
    images = f": {counted(commit.images_changed)}" if commit.images_changed else ""
    return f"{visible(commit.what)}{images}"


def _whole(commit: Commit) -> Text:
    """All that is known of an edit; what it was comes last, for a long one is cut."""
    undone = ", undone since" if commit.undone else ""
    about = f"{clock_time(commit.at)} by {visible(commit.actor)}{undone}\n"
    return Text(about, "bold").append(f"{_what(commit)}", "not bold")


def _line(commit: Commit, width: int, today: str) -> Text:
    """When, what, how many images and by whom; the first two where there is no room for more."""
    day = clock_time(commit.at, _DAY)
    when = clock_time(commit.at, "%H:%M:%S") if day == today else day
    what = f" {when:<10}  {'undone: ' if commit.undone else ''}{visible(commit.what)}"
    if width < _WIDE:
        return Text(what)
    count = counted(commit.images_changed) if commit.images_changed else ""
    about = f"  {count:>16}  {fitted(visible(commit.actor), 8)}"
    return Text(fitted(what, width - cell_len(about)) + about)
