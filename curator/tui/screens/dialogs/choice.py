"""The choice dialog: one thing among many, in a list one types to narrow."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, NamedTuple, TypeVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Label

from curator.contract.text import visible
from curator.tui.background import write
from curator.tui.keyboard.keys import KeyAction, bindings
from curator.tui.screens.dialogs.questions import KEYS as DIALOG_KEYS
from curator.tui.widgets.completing_entry import KEYS as ENTRY_KEYS
from curator.tui.widgets.entry import Entry
from curator.tui.widgets.line_list import LineList

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
        shown = self.screen.query_one(LineList)
        shown.go(shown.cursor + lines)

    def action_walk(self, how: str, where: int) -> None:
        """Move as in any list; letters are typed, so that those of the list's keys are not among them."""
        shown = self.screen.query_one(LineList)
        {"page": shown.action_page, "half_page": shown.action_half_page, "edge": shown.action_edge}[how](
            where
        )


class Choice(ModalScreen[T | None], Generic[T]):
    """Lines narrowed by typing. With `remove`, a key takes the line under the cursor away for good."""

    BINDINGS = bindings(DIALOG_KEYS, "dialog.close")

    def __init__(
        self,
        title: str,
        lines: Sequence[Line[T]],
        does: str = "enter takes it",
        remove: Callable[[T], None] | None = None,
    ) -> None:
        super().__init__()
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
        lines = [
            Text(f" {visible(each.name)} ", "bold").append(visible(each.what), "not bold")
            for each in self._found
        ]
        self.query_one(LineList).show_texts(lines, cursor=0)

    @property
    def _current(self) -> Line[T] | None:
        return self._found[self.query_one(LineList).cursor] if self._found else None

    @on(Input.Submitted)
    def _choose(self) -> None:
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
