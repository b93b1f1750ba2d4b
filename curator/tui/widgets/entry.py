"""Decides how a line is typed: no blinking, which would send bytes over SSH for nothing, and no border."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import Input

from curator.contract.text import visible
from curator.index.tag_table import Tag
from curator.tui import keys
from curator.tui.widgets.line_list import LineList


class Entry(Input):
    """A one-line input."""

    DEFAULT_CSS = """
    Entry { border: none; height: 1; padding: 0; background: $surface; }
    Entry:focus { border: none; background: $boost; }
    """

    def __init__(self, value: str = "", *, placeholder: str = "", id: str | None = None) -> None:
        super().__init__(value, placeholder=placeholder, id=id, compact=True, select_on_focus=False)
        self.cursor_blink = False


class _TagInput(Entry):
    BINDINGS = keys.bindings("entry")

    def action_suggest(self, lines: int) -> None:
        self.post_message(TagEntry.Step(lines))

    def action_complete(self) -> None:
        self.post_message(TagEntry.Taken())


class TagEntry(Vertical):
    """Tags with commas between, and what the last one might become, with counts (row B15)."""

    DEFAULT_CSS = "TagEntry { height: auto; } TagEntry LineList { height: 8; }"

    class Step(Message):
        """Another suggestion."""

        def __init__(self, lines: int) -> None:
            super().__init__()
            self.lines = lines

    class Taken(Message):
        """The suggestion replaces the word being typed."""

    class Changed(Message):
        """Another text stands there."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Submitted(Changed):
        """Enter."""

    def __init__(self, complete: Callable[[str], Sequence[Tag]], value: str = "") -> None:
        super().__init__()
        self._complete = complete
        self._value = value
        self._found: list[Tag] = []

    def compose(self) -> ComposeResult:
        yield _TagInput(self._value)
        suggestions = LineList(empty=" no such tag yet: it will be a new one")
        suggestions.can_focus = False
        yield suggestions

    def on_mount(self) -> None:
        self.query_one(_TagInput).focus()
        self._suggest(self._value)

    @property
    def text(self) -> str:
        return self.query_one(_TagInput).value

    def _suggest(self, text: str) -> None:
        word = text.rpartition(",")[2].strip()
        self._found = list(self._complete(word))
        self.query_one(LineList).show_texts([_line(tag) for tag in self._found], cursor=0)

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self._suggest(event.value)
        self.post_message(self.Changed(event.value))

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        self.post_message(self.Submitted(event.value))

    def on_tag_entry_step(self, message: Step) -> None:
        suggestions = self.query_one(LineList)
        suggestions.go(suggestions.cursor + message.lines)

    def on_tag_entry_taken(self) -> None:
        if not self._found:
            return
        entry = self.query_one(_TagInput)
        head, comma, _ = entry.value.rpartition(",")
        entry.value = (
            f"{head}{comma}{' ' if comma else ''}{self._found[self.query_one(LineList).cursor].name}"
        )
        entry.cursor_position = len(entry.value)


def _line(tag: Tag) -> Text:
    return Text(f" {visible(tag.name)}  {'' if tag.cls == 'general' else tag.cls} {tag.count:,}")
