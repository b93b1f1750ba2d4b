"""The Help screen: all keys and commands of a panel, its screen and the app."""

from __future__ import annotations

from typing import NamedTuple

from textual.dom import DOMNode
from textual.screen import Screen

from curator.tui.keyboard.synonyms import synonyms_of
from curator.tui.screens.dialogs.choice import Choice, Line

_EVERYWHERE = ("app.pictures", "app.palette")  # keys of the app that people look for among those of a panel


class Command(NamedTuple):
    """A key, what it does, and where its action lives."""

    key: str
    what: str
    action: str
    node: DOMNode
    is_general: bool  # works in any list
    id: str


def command_list(title: str, screen: Screen, *, whole_app: bool) -> Choice[Command]:
    """Keys of a panel (`?`) or all commands (`:`), to find by typing and to do."""
    commands = commands_of(screen, whole_app=whole_app)
    lines = [
        Line(f"{each.key:<16}", each.what, each, f"{each.id} {synonyms_of(each.id)}") for each in commands
    ]
    return Choice(title, lines, "enter does it")


def commands_of(screen: Screen, *, whole_app: bool) -> list[Command]:
    """What can be done now: by the focused panel and its screen, and with `whole_app` by the app too."""
    found: dict[str, Command] = {}
    for active in screen.active_bindings.values():
        binding = active.binding
        if binding.id and (whole_app or active.node is not screen.app or binding.id in _EVERYWHERE):
            key = screen.app.get_key_display(binding)
            before = found.get(binding.id)
            both = f"{before.key} {key}" if before else key
            what, is_general = binding.tooltip or binding.description, binding.id.startswith("list.")
            found[binding.id] = Command(both, what, binding.action, active.node, is_general, binding.id)
    return sorted(found.values(), key=lambda each: _place_of(each, screen))


def _place_of(command: Command, screen: Screen) -> int:
    """What is of this panel alone comes first, then moving in any list, then the whole app."""
    if command.node is screen.app:
        return 2
    return 1 if command.is_general else 0
