"""The text entry: one line, no blinking cursor (which would send bytes over SSH), no border."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, cast

from rich.cells import cell_len
from rich.segment import Segment
from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message
from textual.strip import Strip
from textual.widgets import Input

from curator.contract.text import visible
from curator.tui import meanings
from curator.tui.background import in_background
from curator.tui.keyboard.keys import KeyAction, bindings
from curator.tui.widgets.line_list import LineList

if TYPE_CHECKING:
    from curator.session.images.tags import Tag
    from curator.tui.messages import WorkDone

KEYS = (
    KeyAction("entry.down", "down,ctrl+n", "suggest(1)", "next suggestion"),
    KeyAction("entry.up", "up,ctrl+p", "suggest(-1)", "previous suggestion"),
    KeyAction("entry.complete", "tab", "complete", "take the suggestion", "complete"),
)


class Entry(Input):
    """A one-line input; `…` at an end says that its text goes on there."""

    DEFAULT_CSS = """
    Entry { border: none; width: 1fr; height: 1; padding: 0; background: $surface; }
    Entry:focus { border: none; background: $entry; background-tint: $entry 0%; }
    Entry > .input--selection { color: $cursor-text; background: $cursor; }
    Entry > .input--placeholder { color: $quiet; }
    """

    PASTED_JOIN = " "  # between the lines of a pasted text

    def __init__(self, value: str = "", *, placeholder: str = "", id: str | None = None) -> None:
        super().__init__(value, placeholder=placeholder, id=id, compact=True)
        self.cursor_blink = False

    def on_paste(self, event: events.Paste) -> None:
        """All lines of a pasted text, as one; what is no character of a line is left out."""
        event.prevent_default()
        event.stop()
        lines = (" ".join(line.split("\t")).strip() for line in event.text.splitlines())
        text = self.PASTED_JOIN.join(filter(None, lines))
        self.replace("".join(filter(str.isprintable, text)), *self.selection)

    @property
    def max_scroll_x(self) -> int:
        """By the entry's own width: Textual takes that of the container, which a label may share."""
        return max(0, self.content_width - self.size.width)

    def watch_selection(self) -> None:
        self._show_cursor()

    def on_focus(self) -> None:
        self._show_cursor()

    def on_resize(self) -> None:
        self._show_cursor()

    def _show_cursor(self) -> None:
        """Scroll to where one types, after a paste and in another width too."""
        if not self.has_focus:
            return
        at, left, width = cell_len(self.value[: self.cursor_position]), round(self.scroll_x), self.size.width
        wanted = max(min(left, at), at - width + 1)
        if wanted != left:
            self.scroll_to(x=wanted, animate=False, force=True, immediate=True)

    def render_line(self, y: int) -> Strip:
        strip, width, left = super().render_line(y), self.size.width, round(self.scroll_offset.x)
        more = Strip([Segment("…", self.rich_style)])
        if y == 0 and self.value and cell_len(self.value) - left > width:
            strip = Strip.join([strip.crop(0, width - 1), more])
        if y == 0 and left:
            strip = Strip.join([more, strip.crop(1)])
        return strip


class _TagInput(Entry):
    PASTED_JOIN = ", "
    BINDINGS = bindings(KEYS)

    def action_suggest(self, lines: int) -> None:
        self.post_message(TagEntry.Step(lines))

    def action_complete(self) -> None:
        self.post_message(TagEntry.Taken())

    def action_cursor_right(self, select: bool = False) -> None:
        """At the end of a word begun there is its completion to the right."""
        if not select and _word(self.value) and self.cursor_position == len(self.value):
            self.post_message(TagEntry.Taken())
        else:
            super().action_cursor_right(select)


Found = Sequence["tuple[Tag, str]"]  # tags, and the alias by which each was found


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

    def __init__(self, find: Callable[[str], Found], value: str = "") -> None:
        super().__init__()
        self._find = find
        self._value = value
        self._found: tuple[str | None, Found] = (None, ())  # a word, and what was found for it

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
        word = _word(text)
        in_background(self, "suggest", lambda: (word, self._find(word)))

    def on_work_done(self, message: WorkDone) -> None:
        word, found = cast("tuple[str, Found]", message.result)
        if word != self._found[0]:
            self._show(word, found)

    def _show(self, word: str, found: Found) -> None:
        self._found = (word, found)
        self.query_one(LineList).show_texts([_line(*each) for each in found], cursor=0)

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
        self._catch_up()
        suggestions = self.query_one(LineList)
        suggestions.go(suggestions.cursor + message.lines)

    def on_tag_entry_taken(self) -> None:
        self._catch_up()
        entry, found = self.query_one(_TagInput), self._found[1]
        if not found:
            return
        head, comma, _ = entry.value.rpartition(",")
        name = found[self.query_one(LineList).cursor][0].name
        entry.value = f"{head}{comma}{' ' if comma else ''}{name}"
        entry.cursor_position = len(entry.value)

    def _catch_up(self) -> None:
        """Look the word up where it was typed faster: never another word's suggestions."""
        word = _word(self.text)
        if self._found[0] != word:
            self._show(word, self._find(word))


def _word(text: str) -> str:
    """The tag being typed: what stands after the last comma."""
    return text.rpartition(",")[2].strip()


def _line(tag: Tag, alias: str) -> Text:
    known_as = f" (also {visible(alias)})" if alias else ""
    about = f"{known_as}  {meanings.class_word(tag.cls)} {tag.count:,}"
    return Text(f" {visible(tag.name)}", meanings.of_class(tag.cls)).append(about, meanings.QUIET)
