"""The filter bar: filtering as one types, with the count beside and a mistake under its character."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.timer import Timer
from textual.widgets import Input, Label

from curator.contract.text import counted, visible
from curator.tui import meanings
from curator.tui.background import in_background
from curator.tui.keyboard.keys import KeyAction, bindings
from curator.tui.widgets.entry import Entry
from curator.tui.widgets.line_list import LineList
from curator.tui.widgets.lines import fitted

if TYPE_CHECKING:
    from curator.contract.errors import UserError
    from curator.tui.completing import Completion
    from curator.tui.messages import WorkDone

DELAY_S = 0.06
_MOST_LINES = 8
_HINT = "   tab takes it   up, down: another   enter keeps the filter   esc as before"


KEYS = (
    KeyAction("filter.restore", "escape", "restore", "back to the filter before", "back"),
    KeyAction("filter.down", "down,ctrl+n", "suggest(1)", "next completion; without one, to the list"),
    KeyAction("filter.up", "up,ctrl+p", "suggest(-1)", "completion before"),
    KeyAction("filter.complete", "tab", "complete", "take the completion (right at the end does so too)"),
    KeyAction("filter.stay", "shift+tab", "stay", "stay in the filter"),
)


class FilterInput(Entry):
    """The line one types in."""

    BINDINGS = bindings(KEYS)

    def __init__(self) -> None:
        super().__init__(placeholder="filter, such as: cat -blurry width>=512")
        self.select_on_focus = False  # one goes on with a filter

    @property
    def _bar(self) -> FilterBar:
        return next(each for each in self.ancestors if isinstance(each, FilterBar))

    def action_restore(self) -> None:
        self.post_message(FilterBar.Restored())

    def action_suggest(self, lines: int) -> None:
        if not self._bar.suggest(lines) and lines > 0:
            self.post_message(FilterBar.Accepted())

    def action_stay(self) -> None:
        """Not to another panel: what one types next is still meant for the filter."""

    def action_complete(self) -> None:
        self._bar.take()

    def action_cursor_right(self, select: bool = False) -> None:
        """At the end there is a completion to the right."""
        if select or self.cursor_position < len(self.value) or not self._bar.take():
            super().action_cursor_right(select)

    def on_blur(self) -> None:
        self._bar.put_away()


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
    FilterBar LineList { height: 1; }
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

    def __init__(self, complete: Callable[[str], list[Completion]]) -> None:
        super().__init__()
        self._complete = complete
        self._found: tuple[str | None, list[Completion]] = (None, [])  # a filter, and what it may become
        self.set_aside = 0  # files that could not be used
        self._before = ""
        self._is_wrong = False
        self._note = ""
        self._timer: Timer | None = None

    def compose(self) -> ComposeResult:
        with Horizontal():
            yield Label(" / ", id="slash", markup=False)
            yield FilterInput()
            yield Label("", id="count", markup=False)
        yield Label("", id="mistake", markup=False)
        with Vertical(id="below"):
            yield Label("", id="hint", markup=False)
            completions = LineList()
            completions.can_focus = False
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

    def take(self) -> bool:
        """Put the filter there as the completion says, and try it; whether there was one."""
        found = self._completions()
        if not found:
            return False
        entry = self.query_one(FilterInput)
        entry.value = found[min(self.query_one(LineList).cursor, len(found) - 1)].text
        entry.cursor_position = len(entry.value)
        return True

    def suggest(self, lines: int) -> bool:
        """Go to another completion; whether there is any."""
        if not self._completions():
            return False
        completions = self.query_one(LineList)
        completions.go(completions.cursor + lines)
        return True

    def put_away(self) -> None:
        """Nobody types here any more."""
        self._show_completions(None, [])
        self._say_hint("")
        if not self._is_wrong:
            self._say(self._note)

    def _completions(self) -> list[Completion]:
        """Those of what stands there now, looked up at once where it was typed faster."""
        if self._found[0] != self.text:
            self._show_completions(self.text, self._complete(self.text))
        return self._found[1]

    def on_work_done(self, message: WorkDone) -> None:
        text, found = cast("tuple[str, list[Completion]]", message.result)
        if self.is_typed and text == self.text != self._found[0]:
            self._show_completions(text, found)

    def _show_completions(self, text: str | None, found: list[Completion]) -> None:
        self._found = (text, found)
        completions = self.query_one(LineList)
        completions.styles.height = min(_MOST_LINES, len(found))
        completions.display = bool(found)
        completions.show(len(found), lambda at, width: _line(found[at], width), 0)
        self._show_below()
        if found and not self._is_wrong:
            self._say(Text(_HINT, "italic"))

    def _say_hint(self, text: str) -> None:
        """What has no room in the line for hints."""
        hint = self.query_one("#hint", Label)
        hint.set_class(bool(text), "-shown")
        hint.update(Text(text, "bold"))
        self._show_below()

    def _show_below(self) -> None:
        is_shown = bool(self._found[1]) or self.query_one("#hint").has_class("-shown")
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
        self._say(Text(_HINT, "italic") if self._found[1] and self.is_typed else note)

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
        line = (
            Text(" " * column).append(f"^ {error.what}", f"bold {meanings.MISTAKE}").append(f": {error.hint}")
        )
        has_room = line.cell_len <= self.size.width
        self._say_hint("" if has_room else error.hint)
        self._say(line)

    def _say(self, text: Text | str) -> None:
        self.query_one("#mistake", Label).update(text if isinstance(text, Text) else Text(text), layout=False)

    @on(Input.Changed)
    def _wait_a_moment(self, event: Input.Changed) -> None:
        event.stop()
        self._stop_waiting()
        self._timer = self.set_timer(DELAY_S, self._try)
        text = event.value
        if self.is_typed:
            in_background(self, "complete", lambda: (text, self._complete(text)))

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


def _line(each: Completion, width: int) -> Text:
    """The word, and at the end what is known of it, where both have room."""
    about = visible(each.about)
    room = min(len(about), max(0, width // 2))
    name = fitted(f" {visible(each.shown)}", max(8, width - room - 2))
    text = Text(name, f"bold {meanings.of_class(each.cls)}".strip())
    return text.append(f" {fitted(about, room, right=True)} ", f"not bold {meanings.QUIET}")
