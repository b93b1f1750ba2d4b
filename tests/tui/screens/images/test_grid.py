"""The grid of pictures: one cursor and selection with the list, all of its keys, thumbnails as they come (B14)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from PIL import Image
from pyroaring import BitMap
from textual.app import App, ComposeResult
from textual.strip import Strip

from curator.filter.result import Result
from curator.index.images.images import ImageRow
from curator.tui.theme import dress
from curator.tui.widgets.cells.cell_list import shape_within
from curator.tui.widgets.cells.picture_cell import PictureCell
from curator.tui.widgets.lists.image_list import ImageList
from tests.tui.conftest import Driven


def pictures_drawn(it: Driven) -> int:
    """How many cells have their picture, or a reason why not."""
    images = it.images
    requests = (images._request(position) for position in images.visible_positions())
    return sum(images._feed.picture(each) is not None for each in requests)


def marks(session) -> list[int]:
    return [row.mark for row in session.images.rows(list(session.images.select("").ids))]


async def test_the_grid_has_the_cursor_the_selection_and_all_keys_of_the_list(drive, session):
    async with drive((80, 24)) as it:
        await it.press("j", "space", "i")
        await it.until(lambda: it.images.shape)
        shape = it.images.shape
        assert (shape.across, shape.down) == (3, 2)
        assert it.images.cursor == 2
        assert list(it.images.selected) == [it.images.image_at(1)]
        await it.until(lambda: pictures_drawn(it) == 6)
        assert "02 dog" in it.text
        assert "old]name" in it.text  # of long names the end
        assert "\x1b" not in it.text
        assert "3t" in it.text
        assert it.shown("#tags").size.area  # beside the pictures, without a key
        await it.press("h", "k", "k")
        assert it.images.cursor == 1
        await it.press("j", "l", "l")
        assert it.images.cursor == 5
        await it.press("escape", "g", "y", "x", "v", "l", "v")
        assert marks(session)[:3] == [1, -1, 0]
        assert list(it.images.selected) == [it.images.image_at(2), it.images.image_at(3)]
        await it.sees("2 selected")
        await it.sees("+ 01 cat")
        await it.press("ctrl+a", "asterisk")
        assert not it.images.selected
        await it.press("G", "a")
        await it.type("animal")
        await it.press("enter")
        await it.until(lambda: it.tags == ["animal"])
        await it.sees("1t")
        await it.press("u", "slash")
        await it.type("animal")
        await it.until(lambda: it.images.count == 2)
        await it.press("enter", "plus")
        await it.until(lambda: it.images.shape != shape)
        assert it.images.has_focus
        await it.press("i")
        await it.until(lambda: it.images.shape is None)
        assert "01 cat.png" in it.text


async def test_a_picture_that_cannot_be_decoded_shows_a_sign_and_its_name(drive, session, pictures):
    kept = (pictures / "02 dog.png").read_bytes()
    (pictures / "02 dog.png").write_bytes(b"no image")
    try:
        async with drive((120, 40)) as it:
            await it.press("i")
            await it.sees("╳")
            await it.sees("02 dog")
            await it.until(lambda: pictures_drawn(it) == 6)
            await it.press("y")
            assert marks(session)[0] == 1
    finally:
        (pictures / "02 dog.png").write_bytes(kept)


async def test_what_is_shown_is_remembered_for_each_width(drive):
    """One size never turns another's off, also after a restart, and a smaller cell stays smaller."""
    async with drive((80, 24)) as it:
        await it.press("i")
        await it.until(lambda: it.images.shape)
        first = it.images.shape
        await it.press("minus")
        await it.until(lambda: it.images.shape and it.images.shape != first)
        high = it.images.shape.high
        await it.pilot.resize_terminal(120, 40)
        await it.until(lambda: it.images.shape is None)
        assert it.preview.is_on_screen
        await it.press("q")
    async with drive((120, 40)) as it:
        assert it.images.shape is None
        await it.pilot.resize_terminal(80, 24)
        await it.until(lambda: it.images.shape)
        assert it.images.shape.high == high
        await it.press("i")
        await it.until(lambda: it.images.shape is None and it.preview.is_on_screen and it.tags)


@pytest.mark.parametrize(
    ("room", "lines", "cells"), [((49, 20), 9, (3, 2)), ((91, 36), 11, (5, 3)), ((143, 56), 9, (10, 6))]
)
def test_cells_are_as_many_as_a_terminal_has_room_for(room, lines, cells):
    """80x24, 120x40 and 200x60, with the tags beside them."""
    shape = shape_within(*room, lines)
    assert (shape.across, shape.down) == cells


MANY = 3_600_000
LINE = PictureCell.line


class Many(App[None]):
    def __init__(self) -> None:
        super().__init__()
        dress(self)

    def compose(self) -> ComposeResult:
        yield ImageList()

    def fetch(self, ids: list[int]) -> list[ImageRow]:
        return [
            ImageRow(each, f"{each}.png", "/r", f"{each}.png", "", 1, 64, 64, 0, "png", 0, 3, "")
            for each in ids
        ]


async def test_a_grid_of_millions_draws_only_what_marks_the_cursor(monkeypatch):
    app = Many()
    async with app.run_test(size=(80, 24)) as pilot:
        images = app.query_one(ImageList)
        images.show_images(Result(BitMap(range(MANY))), app.fetch)
        images.focus()
        images.show_cells(8)
        await pilot.pause()
        shape = images.shape
        await pilot.press("l", "j")
        assert images.cursor == shape.across + 1
        drawn: list[int] = []
        monkeypatch.setattr(PictureCell, "line", lambda cell, at: drawn.append(at) or LINE(cell, at))
        await pilot.press("l")
        await pilot.pause()
        assert set(drawn) == {0, shape.high - 1}
        drawn.clear()
        images.action_page(1)
        images._rest.pause()  # the key is held still
        await pilot.pause()
        assert (
            len(drawn) == shape.across * shape.down * shape.high
        )  # to be compared and to be drawn: made once
        await pilot.press("G")
        assert images.current.id == MANY - 1
        assert images.visible_positions().stop == MANY
        await pilot.press("k", "g", "ctrl+d", "pagedown", "k")
        assert images.cursor % shape.across == 0
        await pilot.click(ImageList, offset=(70, 12))
        assert images.cursor in images.visible_positions()


async def test_what_a_held_key_passes_shows_no_pictures_and_names_are_not_written_again_when_they_come(
    monkeypatch,
):
    app = Many()
    async with app.run_test(size=(80, 24)) as pilot:
        images = app.query_one(ImageList)
        images._thumbnail = lambda row: Image.linear_gradient("L").rotate(row.id).convert("RGB")
        images.show_images(Result(BitMap(range(MANY))), app.fetch)
        images.focus()
        images.show_cells(8)
        shape = images.shape

        def pictures_seen() -> int:
            return sum("▀" in strip.text for strip in images._drawn.values())

        def all_made() -> bool:
            return all(images._feed.picture(images._request(at)) for at in images.visible_positions())

        async def until(condition: Callable[[], object]) -> None:
            for _ in range(10_000):
                await pilot.pause(0.02)
                if condition():
                    return
            raise AssertionError("waited in vain")

        await until(pictures_seen)
        drawn: list[tuple[int, bool]] = []

        def drawn_line(cell: PictureCell, line: int) -> Strip:
            strip = LINE(cell, line)
            drawn.append((line, "▀" in strip.text))
            return strip

        monkeypatch.setattr(PictureCell, "line", drawn_line)
        for _ in range(9):  # in one go, as a held key comes over a slow line
            images.action_page(1)
        images._rest.pause()  # the key is held still
        await pilot.pause()
        assert drawn
        assert not any(has_picture for _, has_picture in drawn)
        assert not pictures_seen()
        assert str(images.image_at(images.cursor)) in images._drawn[shape.down * shape.high - 1].text
        await until(all_made)
        drawn.clear()
        images._come_to_rest()
        await until(pictures_seen)
        assert {line for line, _ in drawn}.isdisjoint({0, shape.high - 1})
