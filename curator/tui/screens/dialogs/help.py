"""The Help screen: all keys and commands of a panel, its screen and the app."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from textual.dom import DOMNode
from textual.screen import Screen

from curator.contract.errors import UserError
from curator.tui.keyboard.synonyms import synonyms_of
from curator.tui.screens.dialogs.choice import Choice, Line

if TYPE_CHECKING:
    from curator.tui.completing.completion import Complete, Completion

_EVERYWHERE = ("app.pictures", "app.palette")  # keys of the app that people look for among those of a panel


class Command(NamedTuple):
    """A key, what it does, and where its action lives."""

    key: str
    what: str
    action: str
    node: DOMNode
    is_general: bool  # works in any list
    is_first: bool  # in the line at the bottom
    id: str


def command_list(
    title: str, screen: Screen, *, whole_app: bool, complete: Complete | None = None
) -> Choice[Command]:
    """Keys of a panel (`?`) or all commands (`:`), to find by typing and to do.

    With `complete`, the completion of filters, tags and saved filters are found too: their images are shown.
    """
    commands = commands_of(screen, whole_app=whole_app)
    lines = [
        Line(f"{each.key:<16}", each.what, each, f"{each.id} {synonyms_of(each.id)}") for each in commands
    ]

    def images(text: str) -> list[Line[Command]]:
        try:
            found = complete(text.strip()) if complete else []
        except UserError:
            return []
        return [
            _images(screen, each) for each in found if each.text.endswith(" ")
        ]  # else a value has to follow

    return Choice(title, lines, "enter does it", more=images if complete else None)


def _images(screen: Screen, found: Completion) -> Line[Command]:
    action = f"show_images({found.text.strip()!r})"
    command = Command("", found.shown, action, screen.app, is_general=False, is_first=False, id="")
    return Line(f"{'show images':<16}", f"{found.shown}  {found.about}", command)


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
            found[binding.id] = Command(
                both, what, binding.action, active.node, is_general, binding.show, binding.id
            )
    return sorted(found.values(), key=lambda each: _place_of(each, screen))


def _place_of(command: Command, screen: Screen) -> int:
    """What is of this panel alone comes first, of that what one needs first; then moving in any list, the whole app."""
    if command.node is screen.app:
        return 3
    if command.is_general:
        return 2
    return 0 if command.is_first else 1
