"""An entry whose last word is completed as one types: what it may become stands below, with counts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from rich.style import Style
from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import Input

from curator.contract.errors import UserError
from curator.contract.text import visible
from curator.tui import meanings
from curator.tui.background import in_background
from curator.tui.keyboard.keys import KeyAction, bindings
from curator.tui.widgets.entries.entry import Entry
from curator.tui.widgets.lists.line_list import LineList
from curator.tui.widgets.lists.lines import fitted

if TYPE_CHECKING:
    from curator.tui.completing.completion import Complete, Completion
    from curator.tui.messages import WorkDone

_MOST_LINES = 8

KEYS = (
    KeyAction("entry.down", "down,ctrl+n", "suggest(1)", "next completion"),
    KeyAction("entry.up", "up,ctrl+p", "suggest(-1)", "completion before"),
    KeyAction("entry.complete", "tab", "complete", "take the completion, else to the next line", "complete"),
)


class CompletionList(LineList):
    """What the word may become; its line stands out although one types elsewhere."""

    def __init__(self, *, nothing: str = "", is_always_there: bool = False, id: str | None = None) -> None:
        super().__init__(empty=" looking...", id=id)
        self.can_focus = False
        self._nothing, self._is_always_there = nothing, is_always_there
        self.display = is_always_there

    def offer(self, found: Sequence[Completion]) -> None:
        """Show these; with none there is no list, unless it is always there."""
        self.empty = self._nothing
        if not self._is_always_there:
            self.styles.height = min(_MOST_LINES, len(found))
            self.display = bool(found)
        self.show(len(found), lambda at, width: _line(found[at], width), 0)

    def line_style(self, position: int) -> Style:
        return Style(reverse=position == self.cursor)


class CompletingInput(Entry):
    """The line one types in; `shown` says what its last word may become.

    Subclasses bind keys to `complete` and `suggest`.
    """

    class Offered(Message):
        """Other completions are shown, or none."""

        def __init__(self, sender: CompletingInput, count: int) -> None:
            super().__init__()
            self.entry, self.count = sender, count

        @property
        def control(self) -> CompletingInput:
            return self.entry

    def __init__(
        self,
        complete: Complete,
        shown: CompletionList,
        value: str = "",
        *,
        placeholder: str = "",
        id: str | None = None,
    ) -> None:
        super().__init__(value, placeholder=placeholder, id=id)
        self._complete, self._shown = complete, shown
        self._found: tuple[str | None, list[Completion]] = (None, [])  # a line, and what it may become

    @property
    def has_offers(self) -> bool:
        """Whether completions are shown."""
        return bool(self._found[1])

    def look(self) -> None:
        """Look up, in the background, what may stand here."""
        text = self.value
        in_background(self, "complete", lambda: (text, self._looked_up(text)))

    def put_away(self) -> None:
        """Nobody types here any more."""
        self._offer(None, [])

    def take(self) -> bool:
        """Put the line there as the completion says; whether there was one."""
        found = self._completions()
        if not found:
            return False
        self.value = found[min(self._shown.cursor, len(found) - 1)].text
        self.cursor_position = len(self.value)
        return True

    def suggest(self, lines: int) -> bool:
        """Go to another completion; whether there is any."""
        if not self._completions():
            return False
        self._shown.go(self._shown.cursor + lines)
        return True

    def _completions(self) -> list[Completion]:
        """Those of what stands there now, looked up at once where it was typed faster."""
        if self._found[0] != self.value:
            self._offer(self.value, self._looked_up(self.value))
        return self._found[1]

    def _looked_up(self, text: str) -> list[Completion]:
        try:
            return self._complete(text)
        except UserError:
            return []  # whoever presses enter is told

    def _offer(self, text: str | None, found: list[Completion]) -> None:
        self._found = (text, found)
        self._shown.offer(found)
        self.post_message(self.Offered(self, len(found)))

    def on_work_done(self, message: WorkDone) -> None:
        text, found = cast("tuple[str, list[Completion]]", message.result)
        if self._is_typed_in and text == self.value != self._found[0]:
            self._offer(text, found)

    def on_input_changed(self, _: Input.Changed) -> None:
        if self._is_typed_in:
            self.look()

    @property
    def _is_typed_in(self) -> bool:
        """Whether completions are wanted."""
        return self.has_focus

    @property
    def _is_begun(self) -> bool:
        """Whether right at the end of the line takes a completion."""
        return bool(self.value) and self.value[-1] not in " ,"

    def action_cursor_right(self, select: bool = False) -> None:
        """At the end of a word begun there is its completion to the right."""
        is_at_end = not select and self.cursor_position == len(self.value)
        if not (is_at_end and self._is_begun and self.take()):
            super().action_cursor_right(select)

    def action_suggest(self, lines: int) -> None:
        self.suggest(lines)

    def action_complete(self) -> None:
        self.take()

    def on_blur(self) -> None:
        self.put_away()


class FindInput(CompletingInput):
    """A line that narrows a list in sight, which is what it may become: none is shown below.

    Subclasses bind keys to `complete`.
    """

    def __init__(self, complete: Complete, *, placeholder: str) -> None:
        super().__init__(complete, CompletionList(), placeholder=placeholder)

    def look(self) -> None:
        """The list is narrowed by whoever has it."""

    def _offer(self, text: str | None, found: list[Completion]) -> None:
        self._found = (text, found)

    def _completions(self) -> list[Completion]:
        """Anew each time: the list's cursor may have moved."""
        return self._looked_up(self.value) if self.value.strip() else []


class _TagInput(CompletingInput):
    PASTED_JOIN = ", "
    BINDINGS = bindings(KEYS)

    def put_away(self) -> None:
        """The list is a part of its dialog, and stays."""

    @property
    def _is_typed_in(self) -> bool:
        return True  # also before the focus has come


class TagEntry(Vertical):
    """Tags with commas between, and what the last one might become, with counts (row B15)."""

    DEFAULT_CSS = "TagEntry { height: auto; } TagEntry LineList { height: 8; }"

    class Changed(Message):
        """Another text stands there."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Submitted(Changed):
        """Enter."""

    def __init__(self, complete: Complete, value: str = "", *, nothing: str = "") -> None:
        super().__init__()
        self._complete, self._value = complete, value
        self._nothing = nothing or " no such tag yet: it will be a new one"

    def compose(self) -> ComposeResult:
        shown = CompletionList(nothing=self._nothing, is_always_there=True)
        yield _TagInput(self._complete, shown, self._value)
        yield shown

    def on_mount(self) -> None:
        entry = self.query_one(_TagInput)
        entry.focus()
        entry.look()

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self.post_message(self.Changed(event.value))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.post_message(self.Submitted(event.value))


class _LineInput(CompletingInput):
    """Of a form: tab takes a completion of what was typed, and goes to the next line where there is none."""

    BINDINGS = bindings(KEYS)
    _is_asked = False  # something was typed since one came here or took one, or another was gone to
    _is_gone_to = False

    def on_focus(self) -> None:
        self._is_asked = self._is_gone_to = False

    def on_input_changed(self, _: Input.Changed) -> None:
        self._is_asked, self._is_gone_to = True, False

    def action_suggest(self, lines: int) -> None:
        """The first time they are shown where nothing was typed yet."""
        if self._is_asked:
            self._is_gone_to = self.suggest(lines)
        else:
            self._is_asked = self._is_gone_to = bool(self._completions())

    def action_complete(self) -> None:
        is_whole = any(each.text.strip() == self.value.strip() for each in self._completions())
        wanted = self._is_gone_to or (self._is_asked and not is_whole)
        if not (wanted and self.take()):
            self.screen.focus_next()


class CompletingEntry(Vertical):
    """A line of a form with completions, which lie over what is below it while one types."""

    DEFAULT_CSS = """
    CompletingEntry { height: 1; width: 1fr; }
    CompletingEntry CompletionList {
        overlay: screen; constrain: inside inflect; width: 56; max-width: 100%; margin-bottom: 1;
        background: $surface;
    }
    """

    def __init__(self, complete: Complete, value: str = "", *, id: str | None = None) -> None:
        super().__init__()
        self._complete, self._value, self._line_id = complete, value, id

    def compose(self) -> ComposeResult:
        shown = CompletionList()
        yield _LineInput(self._complete, shown, self._value, id=self._line_id)
        yield shown


def _line(each: Completion, width: int) -> Text:
    """The word, and at the end what is known of it, where both have room."""
    about = visible(each.about)
    room = min(len(about), max(0, width // 2))
    name = fitted(f" {visible(each.shown)}", max(8, width - room - 2))
    text = Text(name, f"bold {meanings.of_class(each.cls)}".strip())
    return text.append(f" {fitted(about, room, right=True)} ", f"not bold {meanings.QUIET}")
