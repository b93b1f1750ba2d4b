"""The tabs: the screens by number, the one shown standing out, and how each stands as far as there is room."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple, cast

from rich.text import Text
from textual.strip import Strip
from textual.widget import Widget

from curator.tui import meanings
from curator.tui.widgets.lists.lines import segments

if TYPE_CHECKING:
    from rich.style import Style
    from textual.app import App

TABS = (
    "Browse",
    "Subsets",
    "Captions",
    "Freeze",
    "Train",
    "Runs",
    "History",
    "Prepare",
    "Tagging",
    "Tags",
)
_KEYS = dict(zip(TABS, "1234567890", strict=True))
_NOTED = ("Freeze", "Runs", "Prepare", "Subsets", "Tagging", "Tags")  # the one that is told longest first
_NAMED_AT_80 = 8  # so many names are never cut for a sign


class TabNote(NamedTuple):
    """How a screen stands: a few words, and whether it calls for a look (a sign where the words have no room)."""

    text: str
    calls: bool = False


class TabLine(Widget):
    """One line of the app's `tab_notes` and the screens they are of."""

    COMPONENT_CLASSES = {"tab--here"}
    DEFAULT_CSS = """
    TabLine { height: 1; dock: top; background: $panel; color: $title; }
    TabLine > .tab--here { color: $cursor-text; background: $cursor; text-style: bold; }
    """

    def __init__(self, here: str) -> None:
        super().__init__()
        self._here = here

    def on_mount(self) -> None:
        if hasattr(self.app, "tab_notes"):
            self.watch(cast("App[None]", self.app), "tab_notes", self._noted)

    def _noted(self) -> None:
        self.refresh()

    def render_line(self, y: int) -> Strip:  # noqa: ARG002 - there is one line
        notes: Mapping[str, TabNote] = getattr(self.app, "tab_notes", {})
        width = self.size.width
        look = self.get_component_rich_style("tab--here")
        text = Text()
        for text in _forms(self._here, notes, look):
            if text.cell_len <= width:
                break
        text.truncate(width, pad=True)
        return Strip(segments(text, self.app.console), width).apply_style(self.rich_style)


def _forms(here: str, notes: Mapping[str, TabNote], look: Style) -> Iterator[Text]:
    """The line with all that could be said, then with less and less of it."""
    noted = [name for name in _NOTED if name in notes]
    names = len(TABS)
    for told in range(len(noted), -1, -1):
        yield _line(here, notes, noted[:told], names, look)
    for names in range(len(TABS) - 1, _NAMED_AT_80 - 1, -1):
        yield _line(here, notes, [], names, look)
    for names in range(_NAMED_AT_80, -1, -1):
        yield _line(here, {}, [], names, look)


def _line(here: str, notes: Mapping[str, TabNote], told: list[str], names: int, look: Style) -> Text:
    text = Text()
    for at, name in enumerate(TABS):
        note, key = notes.get(name), _KEYS[name]
        shown = f"{key} {name}" if at < names or name == here else key
        sign = "*" if note and note.calls else ""
        text.append(f"[{shown}]" if name == here else f" {shown}", look if name == here else None)
        if note and name in told:
            text.append(f" {note.text}", f"italic {meanings.QUIET}")
            text.append(sign, meanings.FINDING)
        else:
            text.append(sign, meanings.FINDING)
        text.append(" " if name != here and at < names else "")
    return text
