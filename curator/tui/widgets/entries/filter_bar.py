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
from curator.tui import meanings
from curator.tui.keyboard.keys import KeyAction, bindings
from curator.tui.text.own_words import own_error
from curator.tui.widgets.entries.completing_entry import CompletingInput, CompletionList

if TYPE_CHECKING:
    from curator.contract.errors import UserError
    from curator.tui.completing.completion import Complete, Completion

DELAY_S = 0.06
_HINT = "   tab takes it   up, down: another   enter keeps the filter   esc as before"


KEYS = (
    KeyAction("filter.restore", "escape", "restore", "back to the filter before", "back"),
    KeyAction("filter.down", "down,ctrl+n", "suggest(1)", "next completion; without one, to the list"),
    KeyAction("filter.up", "up,ctrl+p", "suggest(-1)", "completion before"),
    KeyAction("filter.complete", "tab", "complete", "take the completion (right at the end does so too)"),
    KeyAction("filter.stay", "shift+tab", "stay", "stay in the filter"),
)


class FilterInput(CompletingInput):
    """The line one types in."""

    BINDINGS = bindings(KEYS)

    def __init__(self, complete: Complete, shown: CompletionList) -> None:
        def others(text: str) -> list[Completion]:
            return [each for each in complete(text) if each.text.strip() != text.strip()]

        super().__init__(others, shown, placeholder="filter, such as: cat -blurry width>=512")
        self.select_on_focus = False  # one goes on with a filter

    @property
    def _is_begun(self) -> bool:
        return True  # past filters too are to the right

    def action_restore(self) -> None:
        self.post_message(FilterBar.Restored())

    def action_suggest(self, lines: int) -> None:
        if not self.suggest(lines) and lines > 0:
            self.post_message(FilterBar.Accepted())

    def action_stay(self) -> None:
        """Not to another panel: what one types next is still meant for the filter."""

    def put_away(self) -> None:
        super().put_away()
        next(each for each in self.ancestors if isinstance(each, FilterBar)).put_away()


class FilterBar(Vertical):
    """A filter and its count; a line for hints, which is always there; over what is below, what may be typed on."""

    DEFAULT_CSS = """
    FilterBar { height: 2; }
    FilterBar Horizontal { height: 1; }
    FilterBar #mistake { height: 1; }
    FilterBar #below {
        overlay: screen; constrain: inside; display: none; width: 72; max-width: 100%; height: auto; margin-left: 2;
        background: $panel;
    }
    FilterBar #below.-shown { display: block; }
    FilterBar #hint { display: none; text-wrap: wrap; text-overflow: fold; padding: 0 1; }
    FilterBar #hint.-shown { display: block; height: auto; }
    """

    class Typed(Message):
        """The filter as it stands should be tried."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Accepted(Message):
        """Enter: on to the list."""

    class Restored(Message):
        """Escape: the filter is as it was before typing."""

    def __init__(self, complete: Complete) -> None:
        super().__init__()
        self._complete = complete
        self.set_aside = 0  # files that could not be used
        self._before = ""
        self._is_wrong = False
        self._note = ""
        self._timer: Timer | None = None

    def compose(self) -> ComposeResult:
        completions = CompletionList()
        with Horizontal():
            yield Label(" / ", id="slash", markup=False)
            yield FilterInput(self._complete, completions)
            yield Label("", id="count", markup=False)
        yield Label("", id="mistake", markup=False)
        with Vertical(id="below"):
            yield Label("", id="hint", markup=False)
            yield completions

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

    def put_away(self) -> None:
        """Nobody types here any more."""
        self._say_hint("")
        if not self._is_wrong:
            self._say(self._note)

    @on(CompletingInput.Offered)
    def _hint_at_completions(self, message: CompletingInput.Offered) -> None:
        self._show_below()
        if message.count and self.is_typed and not self._is_wrong:
            self._say(Text(_HINT, "italic"))

    def _say_hint(self, text: str) -> None:
        """What has no room in the line for hints."""
        hint = self.query_one("#hint", Label)
        hint.set_class(bool(text), "-shown")
        hint.update(Text(text, "bold"))
        self._show_below()

    def _show_below(self) -> None:
        is_shown = self.query_one(FilterInput).has_offers or self.query_one("#hint").has_class("-shown")
        self.query_one("#below").set_class(is_shown and self.is_typed, "-shown")

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
        self._is_wrong, self._note = False, note
        self.show_selected(shown, selected)
        self._say_hint("")
        self._say(Text(_HINT, "italic") if self.query_one(FilterInput).has_offers and self.is_typed else note)

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
        what, hint = own_error(error)
        line = Text(" " * column).append(f"^ {what}", f"bold {meanings.MISTAKE}").append(f": {hint}")
        has_room = line.cell_len <= self.size.width
        self._say_hint("" if has_room else hint)
        self._say(line)

    def _say(self, text: Text | str) -> None:
        self.query_one("#mistake", Label).update(text if isinstance(text, Text) else Text(text), layout=False)

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
