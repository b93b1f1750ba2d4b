"""Lists: millions of rows cost a few pages, a cursor move two lines (row B03)."""

from __future__ import annotations

from pyroaring import BitMap
from rich.color import Color
from rich.text import Text
from textual.app import App, ComposeResult

from curator.filter.result import Result
from curator.index.images.images import ImageRow
from curator.tui.theme import dress
from curator.tui.widgets.lists.bars import bar
from curator.tui.widgets.lists.image_list import ImageList
from curator.tui.widgets.lists.line_list import LineList
from curator.tui.widgets.lists.lines import Lines
from curator.tui.widgets.lists.page_cache import MAX_PAGES, PAGE_ROWS, PageCache

MANY = 3_600_000


def row(number: int) -> ImageRow:
    return ImageRow(number, f"{number}.png", "/r", f"{number}.png", "", 1, 64, 64, 0, "png", 0, 3, "")


class Many(App[None]):
    def __init__(self) -> None:
        super().__init__()
        dress(self)
        self.fetched: list[int] = []

    def compose(self) -> ComposeResult:
        yield ImageList()

    def fetch(self, ids: list[int]) -> list[ImageRow]:
        self.fetched += ids
        return [row(each) for each in ids]


async def test_a_list_of_millions_reads_only_what_is_seen():
    app = Many()
    async with app.run_test(size=(80, 24)) as pilot:
        images = app.query_one(ImageList)
        images.show_images(Result(BitMap(range(MANY))), app.fetch)
        images.focus()
        await pilot.press("G")
        assert images.current.id == MANY - 1
        await pilot.press("pageup", "g", "pagedown")
        assert len(app.fetched) <= 4 * PAGE_ROWS
        await pilot.press("ctrl+a")
        assert len(images.selected) == MANY
        await pilot.press("space")
        await pilot.press("asterisk")
        assert len(images.selected) == 1


async def test_a_cursor_move_draws_two_lines():
    app = Many()
    async with app.run_test(size=(80, 24)) as pilot:
        images = app.query_one(ImageList)
        images.show_images(Result(BitMap(range(MANY))), app.fetch)
        images.focus()
        await pilot.pause()
        drawn: list[int] = []
        plain = images.render_line
        images.render_line = lambda y: drawn.append(y) or plain(y)
        await pilot.press("j")
        await pilot.pause()
        assert sorted(set(drawn)) == [0, 1]


async def test_what_is_selected_counts_only_while_it_is_shown():
    app = Many()
    async with app.run_test(size=(80, 24)) as pilot:
        images = app.query_one(ImageList)
        images.show_images(Result(BitMap([1, 2, 3])), app.fetch)
        images.focus()
        await pilot.press("space", "space")
        images.show_images(Result(BitMap([2, 3])), app.fetch)
        assert list(images.selected) == [2]
        images.show_images(Result(BitMap([1, 2, 3])), app.fetch)
        assert list(images.targets) == [1, 2]


def test_pages_are_forgotten_oldest_first_and_gaps_are_known():
    asked: list[int] = []

    def fetch(ids: list[int]) -> list[ImageRow]:
        asked.append(ids[0])
        return [row(each) for each in ids if each != 5]

    cache = PageCache(Result(BitMap(range(PAGE_ROWS * (MAX_PAGES + 2)))), fetch)
    assert cache.row(5) is None
    assert cache.row(6).id == 6
    for page in range(MAX_PAGES + 1):
        cache.row(page * PAGE_ROWS)
    assert len(asked) == MAX_PAGES + 1
    cache.row(0)
    assert asked[-1] == 0


def test_a_bar_never_draws_something_as_nothing():
    assert bar(0, 4) == "    "
    assert bar(0.0001, 4) == "▏   "
    assert bar(1, 4) == "████"


async def test_the_scroll_bar_is_the_last_cell_and_a_click_on_it_jumps():
    app = Many()
    async with app.run_test(size=(80, 24)) as pilot:
        images = app.query_one(ImageList)
        images.show_images(Result(BitMap(range(1000))), app.fetch)
        await pilot.pause()

        def bar_at() -> list[int]:
            return [y for y in range(24) if images.render_line(y).text.endswith("┃")]

        assert bar_at() == [0]
        await pilot.click(ImageList, offset=(79, 23))
        assert images.current.id == 999
        await pilot.pause()
        assert bar_at() == [23]
        images.show_images(Result(BitMap(range(10))), app.fetch)
        await pilot.pause()
        assert bar_at() == []
        assert images.scroll_offset.y == 0


async def test_a_line_of_one_style_is_drawn_in_it():
    """Headings and warnings are a text with a style of its own and no other part."""

    class One(App[None]):
        def __init__(self):
            super().__init__()
            dress(self)

        def compose(self):
            yield LineList()
            yield Lines()

    async with One().run_test(size=(30, 4)) as pilot:
        shown, lines = pilot.app.query_one(LineList), pilot.app.query_one(Lines)
        shown.show_texts([Text("first"), Text(" a heading", "bold yellow")])
        lines.show([Text("a warning", "yellow")])
        await pilot.pause()
        styles = {
            segment.text.strip(): segment.style
            for segment in [*shown.render_line(1), *lines.render_line(0)]
            if segment.style
        }
    assert styles["a heading"].bold
    assert styles["a heading"].color == styles["a warning"].color == Color.parse("yellow")


async def test_lines_that_are_drawn_by_a_size_follow_it():
    """What was said before there was a layout, too."""

    class One(App[None]):
        def compose(self):
            yield Lines()

        def on_mount(self):
            self.query_one(Lines).draw(lambda size: [Text(f"{size.width}x{size.height}")])

    async with One().run_test(size=(30, 4)) as pilot:
        lines = pilot.app.query_one(Lines)
        await pilot.pause()
        assert lines.plain == "30x4"
        await pilot.resize_terminal(50, 6)
        await pilot.pause()
        assert lines.plain == "50x6"
        lines.show([Text("the same at each")])
        await pilot.resize_terminal(30, 4)
        await pilot.pause()
        assert lines.plain == "the same at each"
