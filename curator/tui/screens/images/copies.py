"""The Copies screen: copies group by group, side by side, the best kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.screen import Screen

from curator.contract.text import counted, visible
from curator.tui import meanings
from curator.tui.background import in_background, progress_on_status, user_errors_shown, write
from curator.tui.keyboard.keys import KeyAction, bindings
from curator.tui.messages import (
    CollectionChanged,
    Place,
    StatusChanged,
    UserErrorRaised,
    WorkDone,
    WorkRefused,
)
from curator.tui.screens.dialogs.questions import Confirm
from curator.tui.screens.images.picture import PictureScreen, ShownPicture
from curator.tui.text.copy_groups import (
    DISTANCES,
    CopyShown,
    Likeness,
    about_copy,
    look_for,
    shown_copies,
)
from curator.tui.widgets.frame.chrome import Foot, TooSmall
from curator.tui.widgets.frame.panel_title import PanelTitle
from curator.tui.widgets.frame.tab_line import TabLine
from curator.tui.widgets.lists.lines import Lines
from curator.tui.widgets.preview import Preview

if TYPE_CHECKING:
    from curator.contract.errors import UserError
    from curator.session.images.copies import CopyResolution, Group
    from curator.session.images.edits import Commit
    from curator.session.session import Session

_MOST_COLUMNS = 4
_COLUMN_CELLS = 38  # two columns at 80 cells, three at 120


KEYS = (
    KeyAction("copies.next", "j,down,n", "group(1)", "next group", "next group"),
    KeyAction("copies.previous", "k,up,N", "group(-1)", "previous group"),
    KeyAction("copies.right", "l,right", "step(1)", "image to the right", "image"),
    KeyAction("copies.left", "h,left", "step(-1)", "image to the left"),
    KeyAction("copies.best", "b", "keep(True)", "keep the best, reject the others, next group", "keep best"),
    KeyAction("copies.keep", "y", "keep(False)", "keep this one, reject the others, next group", "keep this"),
    KeyAction("copies.reject", "x", "reject", "reject this one, or take that back", "reject"),
    KeyAction("copies.all", "B", "keep_all", "keep the best of every group"),
    KeyAction("copies.larger", "enter", "enlarge", "the image on the whole screen"),
    KeyAction("copies.order", "o", "order", "what is best: size, score, favourites, bytes", "best by"),
    KeyAction("copies.words", "w", "words", "the one kept takes over tags and caption, or not", "words"),
    KeyAction("copies.further", "plus,equals_sign", "nearer(1)", "also images less alike", "alike"),
    KeyAction("copies.nearer", "minus", "nearer(-1)", "only images more alike"),
    KeyAction("copies.look", "r", "look", "look again, or go on after a stop"),
    KeyAction("copies.close", "escape", "close", "stop looking; back to the list", "back"),
)


class CopiesScreen(Screen):
    """The groups among the images of a filter; escape goes back to Browse."""

    BINDINGS = bindings(KEYS)

    def __init__(self, session: Session, reader: Session, text: str) -> None:
        super().__init__()
        self._session, self._reader, self._filter = session, reader, text
        self.groups: list[Group] = []
        self.at = 0
        self.copies: list[CopyShown] = []
        self.current = 0  # of the group's images
        self._state = "looking"
        self._carries_words = bool(session.memory.recall("copies.words", False))
        distance, best = session.memory.recall("copies", [None, "size"])
        self._likeness = Likeness(
            distance if distance in DISTANCES else None, best if best in session.copies.orders() else "size"
        )

    def compose(self) -> ComposeResult:
        yield TabLine("Browse")
        yield PanelTitle(id="about")
        with Horizontal():
            for number in range(_MOST_COLUMNS):
                with Vertical(classes="copy", id=f"copy-{number}"):
                    yield Preview()
                    yield Lines()
        yield Foot()
        yield TooSmall()

    def on_mount(self) -> None:
        self.action_look()

    # looking

    def action_look(self) -> None:
        """Look for groups; what was looked at before a stop is not looked at again."""
        self._state = "looking"
        self.groups, self.at = [], 0
        self._show_group()
        tell = progress_on_status(self, "looking at images")
        text, likeness = self._filter, self._likeness
        self.post_message(StatusChanged("looking for copies"))
        in_background(self, "groups", lambda: look_for(self._reader, text, likeness, tell))

    def action_close(self) -> None:
        """Stop looking, or leave."""
        if self._state == "looking":
            self.workers.cancel_node(self)
            self._state = "stopped"
            self.post_message(StatusChanged(""))
            self._show_group()
        else:
            self.dismiss()

    def action_nearer(self, steps: int) -> None:
        self._look_so(self._likeness.nearer(steps))

    def action_order(self) -> None:
        self._look_so(self._likeness.next_order(self._session.copies.orders()))

    def action_words(self) -> None:
        """Whether the one kept takes over the words of the others."""
        self._carries_words = not self._carries_words
        self._session.memory.keep("copies.words", self._carries_words)
        self._show_group()

    def _look_so(self, likeness: Likeness) -> None:
        if likeness != self._likeness:
            self._likeness = likeness
            self.post_message(Place({"copies": [likeness.distance, likeness.best]}))
            self.action_look()
        else:
            self.notify(f"It goes no further: {likeness.in_words()}.", markup=False)

    def on_work_done(self, message: WorkDone) -> None:
        self.post_message(StatusChanged(""))
        self._state = "found"
        self.groups, self.at, self.current = cast("list[Group]", message.result), 0, 0
        self._show_group()

    def on_work_refused(self, message: WorkRefused) -> None:
        self._state = "stopped"
        self.post_message(StatusChanged(""))
        self.post_message(UserErrorRaised(message.error))
        self._show_group()

    # what is seen

    @user_errors_shown
    def _show_group(self) -> None:
        group = self.groups[self.at] if self.groups else None
        self.copies = shown_copies(self._session, group) if group else []
        self.current = max(0, min(self.current, len(self.copies) - 1))
        self.query_one("#about", PanelTitle).say(self._about())
        columns = max(1, min(_MOST_COLUMNS, self.size.width // _COLUMN_CELLS, len(self.copies) or 1))
        first = max(0, min(self.current - columns + 1, len(self.copies) - columns))
        for number in range(_MOST_COLUMNS):
            column = self.query_one(f"#copy-{number}", Vertical)
            column.display = number < columns
            self._show_column(column, first + number if number < columns else len(self.copies))

    def _show_column(self, column: Vertical, position: int) -> None:
        preview, about = column.query_one(Preview), column.query_one(Lines)
        if position >= len(self.copies):
            preview.show(None)
            about.show([])
            return
        copy = self.copies[position]
        preview.show(self._session.images.file_of(copy.row))
        number, is_current = position + 1, position == self.current
        about.draw(
            lambda size: about_copy(copy, max(20, size.width - 1), number=number, is_current=is_current)
        )

    def _about(self) -> Text:
        where, said = visible(self._filter) or "all images", self._state_in_words()
        how = self._likeness.in_words() + (", words carried over" if self._carries_words else "")
        return Text(said).append(f"   {how}   {where}", f"not bold {meanings.QUIET}")

    def _state_in_words(self) -> str:
        if self._state == "looking":
            return "looking; esc stops, what was seen is kept"
        if self._state == "stopped":
            return "stopped; r goes on"
        if not self.groups:
            return "no two are the same: + looks for images less alike"
        more = sum(len(group.copies) for group in self.groups)
        return f"group {self.at + 1:,} of {len(self.groups):,}, {counted(more, 'copy', 'copies')}"

    def on_resize(self) -> None:
        self._show_group()

    @on(CollectionChanged)
    def _read_again(self) -> None:
        self._show_group()

    def _has_copies(self) -> bool:
        """Whether there is a group; where there is none it is said."""
        if not self.copies:
            self.notify(f"There is no group of copies: {self._state_in_words()}.", markup=False)
        return bool(self.copies)

    def action_group(self, places: int) -> None:
        if self._has_copies():
            self.at = max(0, min(len(self.groups) - 1, self.at + places))
            self.current = 0
            self._show_group()

    def action_step(self, places: int) -> None:
        if self._has_copies():
            self.current += places
            self._show_group()

    def action_enlarge(self) -> None:
        if not self._has_copies():
            return

        def shown(position: int) -> ShownPicture:
            row = self.copies[position].row
            return ShownPicture(
                f"{row.width}x{row.height}  {visible(row.path)}", self._session.images.file_of(row)
            )

        def seen(position: int | None) -> None:
            self.current = position or 0
            self._show_group()

        self.app.push_screen(PictureScreen(len(self.copies), shown, self.current), seen)

    # what is kept

    def action_keep(self, best: bool) -> None:
        """Keep one of the group, reject the others, and go on to the next group."""
        if not self._has_copies():
            return
        group, carry, chosen = self.groups[self.at], self._carries_words, self.copies[self.current].row.id

        def keep() -> None:
            if best:
                keeping = self._session.copies.keep_best(
                    [group], self._likeness.best, carry_annotations=carry
                )
            else:
                keeping = self._session.copies.keep_chosen(group, chosen, carry_annotations=carry)
            if keeping.images:
                self._session.edits.apply(keeping.edit, keeping.images)

        write(self, keep, lambda _: self._go_on())

    def _go_on(self) -> None:
        if self.at + 1 < len(self.groups):
            self.action_group(1)
        else:
            self.notify("That was the last group. esc goes back.", markup=False)
            self._show_group()

    def action_reject(self) -> None:
        if self._has_copies():
            row = self.copies[self.current].row
            mark = 0 if row.mark == -1 else -1
            write(self, lambda: self._session.edits.mark([row.id], mark), lambda _: self._show_group())

    def action_keep_all(self) -> None:
        """Keep the best of every group, after a question with the count."""
        best, carry = self._likeness.best, self._carries_words
        keeping = self._reader.copies.keep_best(self.groups, best, carry_annotations=carry)
        if not keeping.images:
            self.notify("Nothing is left to reject.", markup=False)
            return
        words = (
            f" {counted(len(keeping.annotated), 'image gets', 'images get')} words of others."
            if keeping.annotated
            else ""
        )
        question = Confirm(
            f"Reject {counted(len(keeping.rejected))}?",
            f"The best of each group stays, and what is marked to keep.{words} u takes it back.",
        )
        self.app.push_screen(question, lambda yes: self._reject(keeping) if yes else None)

    def _reject(self, keeping: CopyResolution) -> None:
        self.post_message(StatusChanged("rejecting"))

        def reject() -> Commit:
            with self._session.apart() as own:
                return own.edits.apply(keeping.edit, keeping.images)

        write(self, reject, self._rejected, self._refused)

    def _refused(self, error: UserError) -> None:
        self.post_message(StatusChanged(""))
        self.post_message(UserErrorRaised(error))

    def _rejected(self, commit: Commit) -> None:
        self.post_message(StatusChanged(""))
        changed = counted(commit.images_changed)
        self.notify(f"{visible(commit.what)}: {changed}. u undoes it.", markup=False)
        self._show_group()
