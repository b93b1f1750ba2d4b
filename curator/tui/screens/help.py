"""Decides how keys and commands are found: a list one types to narrow; enter does what the line says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.dom import DOMNode
from textual.screen import ModalScreen, Screen
from textual.widgets import Input, Label

from curator.tui import keys
from curator.tui.widgets.entry import Entry
from curator.tui.widgets.line_list import LineList


class Command(NamedTuple):
    """A key, what it does, and where its action lives."""

    key: str
    what: str
    action: str
    node: DOMNode


def commands_of(screen: Screen, *, whole_app: bool) -> list[Command]:
    """What can be done now: by the focused panel and its screen, and with `whole_app` by the app too."""
    found: dict[str, Command] = {}
    for active in screen.active_bindings.values():
        binding = active.binding
        if binding.id and (whole_app or active.node is not screen.app):
            key = screen.app.get_key_display(binding)
            before = found.get(binding.id)
            both = f"{before.key} {key}" if before else key
            found[binding.id] = Command(
                both, binding.tooltip or binding.description, binding.action, active.node
            )
    return list(found.values())


class _Find(Entry):
    BINDINGS = keys.bindings("entry.down", "entry.up")

    def action_suggest(self, lines: int) -> None:
        commands = self.screen.query_one(LineList)
        commands.go(commands.cursor + lines)


class CommandList(ModalScreen[Command | None]):
    """Keys of a panel (`?`) or all commands (`:`)."""

    BINDINGS = keys.bindings("dialog.close")

    def __init__(self, title: str, commands: Sequence[Command]) -> None:
        super().__init__()
        self._title, self._all = title, commands
        self._found = list(commands)

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog commands"):
            yield Label(Text(self._title, "bold"))
            yield _Find(placeholder="type to find")
            commands = LineList(empty=" nothing is called so")
            commands.can_focus = False
            yield commands
            yield Label(Text("enter does it   esc closes", "dim"))

    def on_mount(self) -> None:
        self.query_one(_Find).focus()
        self._show("")

    @on(Input.Changed)
    def _narrow(self, event: Input.Changed) -> None:
        self._show(event.value)

    def _show(self, text: str) -> None:
        words = text.lower().split()
        self._found = [
            each for each in self._all if all(word in f"{each.key} {each.what}".lower() for word in words)
        ]
        lines = [Text(f" {each.key:<16} ", "bold").append(each.what, "not bold") for each in self._found]
        self.query_one(LineList).show_texts(lines, cursor=0)

    @on(Input.Submitted)
    def _choose(self) -> None:
        self.dismiss(self._found[self.query_one(LineList).cursor] if self._found else None)

    def action_close(self) -> None:
        self.dismiss(None)
