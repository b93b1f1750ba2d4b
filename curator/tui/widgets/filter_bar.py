"""The filter bar: filtering as one types, with the count beside and a mistake under its character."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.timer import Timer
from textual.widgets import Input, Label

from curator.contract.text import counted
from curator.tui.keyboard.keys import KeyAction, bindings
from curator.tui.widgets.entry import Entry

if TYPE_CHECKING:
    from curator.contract.errors import UserError

DELAY_S = 0.06


KEYS = (
    KeyAction("filter.restore", "escape", "restore", "back to the filter before", "back"),
    KeyAction("filter.leave", "down", "leave", "to the list"),
    KeyAction("filter.complete", "tab", "complete", "complete the tag"),
    KeyAction("filter.stay", "shift+tab", "stay", "stay in the filter"),
)


class FilterInput(Entry):
    """The line one types in."""

    BINDINGS = bindings(KEYS)

    def __init__(self) -> None:
        super().__init__(placeholder="filter, such as: cat -blurry width>=512")
        self.select_on_focus = False  # one goes on with a filter

    def action_restore(self) -> None:
        self.post_message(FilterBar.Restored())

    def action_leave(self) -> None:
        self.post_message(FilterBar.Accepted())

    def action_stay(self) -> None:
        """Not to another panel: what one types next is still meant for the filter."""

    def action_complete(self) -> None:
        self.post_message(FilterBar.Unfinished())


class FilterBar(Vertical):
    """A filter, its count and its mistake."""

    DEFAULT_CSS = """
    FilterBar { height: auto; }
    FilterBar Horizontal { height: 1; }
    FilterBar #mistake { display: none; height: 2; }
    FilterBar #mistake.-shown { display: block; }
    """

    class Typed(Message):
        """The filter as it stands should be tried."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Accepted(Message):
        """Enter: on to the list."""

    class Unfinished(Message):
        """Tab: the tag being typed should be completed."""

    class Restored(Message):
        """Escape: the filter is as it was before typing."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.set_aside = 0  # files that could not be used
        self._before = ""
        self._is_wrong = False
        self._timer: Timer | None = None

    def compose(self) -> ComposeResult:
        with Horizontal():
            yield Label(" / ", id="slash", markup=False)
            yield FilterInput()
            yield Label("", id="count", markup=False)
        yield Label("", id="mistake", markup=False)

    @property
    def text(self) -> str:
        return self.query_one(FilterInput).value

    @property
    def is_typed(self) -> bool:
        """Whether one is typing there."""
        return self.query_one(FilterInput).has_focus

    def set_text(self, text: str) -> None:
        """Put a filter there without trying it."""
        entry = self.query_one(FilterInput)
        with self.prevent(Input.Changed):
            entry.value = text
        entry.cursor_position = len(text)

    def complete(self, text: str) -> None:
        """Put the filter there with its last word completed, and try it."""
        entry = self.query_one(FilterInput)
        entry.value = text
        entry.cursor_position = len(text)

    def edit(self) -> None:
        """Begin to type; escape comes back to what is there now."""
        self._before = self.text
        self.edit_on()

    def edit_on(self) -> None:
        """Go on typing; escape comes back to what was there before."""
        # at once: focus() comes a moment later, and keys typed meanwhile would be commands of the list
        self.screen.set_focus(self.query_one(FilterInput))

    def show_looking(self) -> None:
        """The answer takes a while; the list is still that of the filter before."""
        self.query_one("#count", Label).update(Text("looking...", justify="right"), layout=False)

    def show_count(self, shown: int, selected: int, note: str = "") -> None:
        """The filter is good and finds so many."""
        self._is_wrong = False
        self.show_selected(shown, selected)
        self._say(Text(note) if note else None)

    def show_selected(self, shown: int, selected: int) -> None:
        """How many are shown, and selected of them; else how many files were set aside (`Q` lists them)."""
        aside = f", Q: {self.set_aside:,} unusable" if self.set_aside else ""
        more = f", {selected:,} selected" if selected else aside
        count = f"{counted(shown)}{more}"
        self.query_one("#count", Label).update(Text(count, justify="right"), layout=False)

    def show_mistake(self, error: UserError) -> None:
        """Point at the character that is wrong and say why; the list stays as it was."""
        self._is_wrong = True
        position = getattr(error, "position", 0)
        entry = self.query_one(FilterInput)
        column = 3 + max(0, position - round(entry.scroll_offset.x))
        what = Text(" " * column + "^ ").append(error.what, "bold")
        self._say(what.append(f"\n   {error.hint}"))

    def _say(self, text: Text | None) -> None:
        label = self.query_one("#mistake", Label)
        label.set_class(text is not None, "-shown")
        if text is not None:
            label.update(text)

    @on(Input.Changed)
    def _wait_a_moment(self, event: Input.Changed) -> None:
        event.stop()
        self._stop_waiting()
        self._timer = self.set_timer(DELAY_S, self._try)

    def _try(self) -> None:
        self._stop_waiting()
        self.post_message(self.Typed(self.text))

    def _stop_waiting(self) -> None:
        if self._timer:
            self._timer.stop()
            self._timer = None

    @on(Input.Submitted)
    def _accept(self, event: Input.Submitted) -> None:
        event.stop()
        self.post_message(self.Accepted())

    def on_filter_bar_accepted(self) -> None:
        if self._timer or self._is_wrong:
            self._try()

    def on_filter_bar_restored(self) -> None:
        self._stop_waiting()
        self.set_text(self._before)
        self.post_message(self.Typed(self._before))
