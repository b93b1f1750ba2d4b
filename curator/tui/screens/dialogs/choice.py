"""The choice dialog: one thing among many, in a list one types to narrow."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar, cast

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import ModalScreen, Screen
from textual.widgets import Input, Label

from curator.contract.text import visible
from curator.tui.background import in_background, write
from curator.tui.keyboard.keys import KeyAction, bindings
from curator.tui.screens.dialogs.questions import KEYS as DIALOG_KEYS
from curator.tui.widgets.entries.completing_entry import KEYS as ENTRY_KEYS
from curator.tui.widgets.entries.entry import Entry
from curator.tui.widgets.lists.line_list import LineList

if TYPE_CHECKING:
    from curator.tui.messages import WorkDone

T = TypeVar("T")


KEYS = (
    KeyAction("choice.remove", "delete", "screen.remove_line", "remove what is under the cursor"),
    KeyAction("choice.page_down", "pagedown,ctrl+f", "walk('page', 1)", "a page down"),
    KeyAction("choice.page_up", "pageup,ctrl+b", "walk('page', -1)", "a page up"),
    KeyAction("choice.half_down", "ctrl+d", "walk('half_page', 1)", "half a page down"),
    KeyAction("choice.half_up", "ctrl+u", "walk('half_page', -1)", "half a page up"),
    KeyAction("choice.first", "home,ctrl+home", "walk('edge', 0)", "first"),
    KeyAction("choice.last", "end,ctrl+end", "walk('edge', 1)", "last"),
)


class Line(NamedTuple, Generic[T]):
    """What is chosen: a short name, what it means, what the choice gives back, and words by which it is found too."""

    name: str
    what: str
    value: T
    also: str = ""


class _Find(Entry):
    BINDINGS = [*bindings(ENTRY_KEYS, "entry.down", "entry.up"), *bindings(KEYS)]

    def action_suggest(self, lines: int) -> None:
        shown = _list_of(self.screen)
        shown.go(shown.cursor + lines)

    def action_walk(self, how: str, where: int) -> None:
        """Move as in any list; letters are typed, so that those of the list's keys are not among them."""
        shown = _list_of(self.screen)
        {"page": shown.action_page, "half_page": shown.action_half_page, "edge": shown.action_edge}[how](
            where
        )


def _list_of(screen: Screen) -> LineList:
    """The lines of a choice, with all that is found for what is typed now."""
    assert isinstance(screen, Choice)
    screen.catch_up()
    return screen.query_one(LineList)


class Choice(ModalScreen[T | None], Generic[T]):
    """Lines narrowed by typing. With `remove`, a key takes the line under the cursor away for good.

    `more` finds, by what is typed, lines that stand behind those found among `lines`.
    """

    BINDINGS = bindings(DIALOG_KEYS, "dialog.close")

    def __init__(
        self,
        title: str,
        lines: Sequence[Line[T]],
        does: str = "enter takes it",
        remove: Callable[[T], None] | None = None,
        more: Callable[[str], list[Line[T]]] | None = None,
    ) -> None:
        super().__init__()
        self._more, self._more_of = more, ""  # for which text they are shown
        self._title, self._all, self._does, self._remove = title, list(lines), does, remove
        self._found = list(lines)

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog list"):
            yield Label(Text(self._title, "bold"))
            yield _Find(placeholder="type to find")
            shown = LineList(empty=" nothing is called so")
            shown.can_focus = False
            yield shown
            more = "   delete removes it" if self._remove else ""
            yield Label(f"{self._does}{more}   esc closes", classes="hint")

    def on_mount(self) -> None:
        self.query_one(_Find).focus()
        self._show("")

    @on(Input.Changed)
    def _narrow(self, event: Input.Changed) -> None:
        self._show(event.value)

    def _show(self, text: str) -> None:
        words = text.lower().split()
        found = [each for each in self._all if all(word in _said(each) for word in words)]
        self._found = sorted(found, key=lambda each: _distance(each, text.strip()))
        self._put(0)
        self._more_of, more = "", self._more
        if more and text.strip():
            in_background(self, "more", lambda: (text, more(text)))

    def on_work_done(self, message: WorkDone) -> None:
        text, lines = cast("tuple[str, list[Line[T]]]", message.result)
        if text == self.query_one(_Find).value:
            self._add(text, lines)

    def catch_up(self) -> None:
        """Look up at once what is still looked for: the next key is about it."""
        text = self.query_one(_Find).value
        if self._more and text.strip():
            self._add(text, self._more(text) if self._more_of != text else [])

    def _add(self, text: str, lines: list[Line[T]]) -> None:
        if self._more_of != text:
            self._more_of = text
            self._found += lines
            self._put(None)

    def _put(self, cursor: int | None) -> None:
        lines = [
            Text(f" {visible(each.name)} ", "bold").append(visible(each.what), "not bold")
            for each in self._found
        ]
        self.query_one(LineList).show_texts(lines, cursor)

    @property
    def _current(self) -> Line[T] | None:
        return self._found[self.query_one(LineList).cursor] if self._found else None

    @on(Input.Submitted)
    def _choose(self) -> None:
        self.catch_up()
        self.dismiss(self._current.value if self._current else None)

    def action_remove_line(self) -> None:
        line = self._current
        if self._remove and line:
            remove = self._remove
            write(self, lambda: remove(line.value), lambda _: self._removed(line))

    def _removed(self, line: Line[T]) -> None:
        self._all.remove(line)
        self._show(self.query_one(_Find).value)

    def action_close(self) -> None:
        self.dismiss(None)


def _said(line: Line[T]) -> str:
    return f"{line.name} {line.what} {line.also}".lower()


def _distance(line: Line[T], text: str) -> int:
    """How far a line is from what was typed: its name or a key, a name that begins so, its words, other words."""
    if not text or text in (line.name.strip(), *line.name.split()):
        return 0
    if line.name.lower().startswith(text.lower()):
        return 1
    return 2 if text.lower() in f"{line.name} {line.what}".lower() else 3
