"""Menus of Browse: an order, a saved filter, a row or an id to jump to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, cast

from textual.screen import Screen

from curator.contract.errors import UserError
from curator.contract.text import visible
from curator.index.tables.rows import SavedFilter
from curator.tui.filter_text import sort_of, sorted_by
from curator.tui.screens.dialogs.choice import Choice, Line
from curator.tui.screens.dialogs.questions import Form, FormLine

if TYPE_CHECKING:
    from curator.session.images.images import Result
    from curator.session.session import Session
    from curator.tui.widgets.lists.image_list import ImageList

Show = Callable[[str], None]


def ask_sort(screen: Screen, session: Session, text: str, show: Show) -> None:
    """Choose an order for the filter `text`, and show it."""
    now = sort_of(text)

    def line(key: str, what: str) -> Line[str]:
        return Line(f"{'*' if key == now else ' '} {key or 'none':<16}", what, key)

    lines = [line("", "the order in which images came")]
    for name in session.filters.orders():
        lines += [line(name, f"{name}, rising"), line(f"-{name}", f"{name}, falling")]
    screen.app.push_screen(
        Choice("Order", lines), lambda key: None if key is None else show(sorted_by(text, key))
    )


def ask_saved(screen: Screen, session: Session, show: Show) -> None:
    """Choose one of the saved filters, and show it."""
    saved = session.filters.all()
    if not saved:
        screen.notify("No filter is saved yet: F saves the one shown.", markup=False)
        return
    lines = [Line(f"{each.name:<20}", each.filter, each) for each in saved]

    def remove(each: SavedFilter) -> None:
        session.filters.remove(each.name)

    screen.app.push_screen(
        Choice("Saved filters", lines, remove=remove), lambda chosen: show(chosen.filter) if chosen else None
    )


def ask_save(screen: Screen, session: Session, text: str) -> None:
    """Name the filter that is shown, and save it."""

    def save(values: Mapping[str, str]) -> str:
        session.filters.save(SavedFilter(values["name"].strip(), text))
        return values["name"].strip()

    def said(name: object) -> None:
        if name:
            screen.notify(f"{visible(str(name))}: f shows it again, saved:NAME names it.", markup=False)

    line = FormLine("name", "name", "", f"for: {visible(text) or 'every image'}; the same name replaces")
    screen.app.push_screen(Form("Save this filter", [line], save), said)


def ask_place(screen: Screen, images: ImageList) -> None:
    """Ask for a row, or for an image by its id, and go there."""
    result = images.result

    def place(values: Mapping[str, str]) -> int:
        return place_of(result, values["place"])

    line = FormLine("place", "row or id", "", f"1 to {len(result):,}; or an id: id:532")
    screen.app.push_screen(
        Form("Jump to", [line], place), lambda found: None if found is None else images.go(cast("int", found))
    )


def place_of(result: Result, typed: str) -> int:
    """The row, counted from 0, that is meant by a row counted from 1 or by `id:NUMBER`.

    Raises:
        UserError: no number, or nothing there.
    """
    word = typed.strip().lower().replace(",", "").replace("_", "")
    digits = word.removeprefix("id:").strip()
    if not (digits.isascii() and digits.isdigit() and len(digits) < 10):
        raise UserError(f"'{typed}' is no row", "type a number such as 1200, or id:532")
    if word.startswith("id:"):
        row = result.row_of(int(digits))
        if row is None:
            raise UserError(f"no image shown has the id {digits}", "perhaps the filter leaves it out")
        return row
    if not 1 <= int(digits) <= len(result):
        raise UserError(f"there is no row {digits}", f"rows go from 1 to {len(result)}")
    return int(digits) - 1
