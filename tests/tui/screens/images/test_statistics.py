"""Statistics of the images a filter shows: counts and bars, each of which is a filter."""

from __future__ import annotations

from curator.session.session import Session
from curator.tui.widgets.entries.filter_bar import FilterBar
from curator.tui.widgets.lists.line_list import LineList
from tests.tui.conftest import Drive


async def test_bars_of_a_filter_show_their_images(drive: Drive, session: Session) -> None:
    session.edits.mark([1], 1)
    async with drive((80, 24)) as it:
        await it.press("slash")
        await it.type("animal OR vehicle")
        await it.press("enter", "S")
        await it.sees("4 images of animal OR vehicle")
        await it.sees("1 kept, 0 rejected, 0 untagged")
        lines = it.app.screen.query_one(LineList)
        shown = [lines._line(at, 70).plain for at in range(lines.count)]
        for heading in ("tags an image", "megapixels", "aspect ratio", "tokens a caption", "the file is of"):
            assert any(heading in line for line in shown), heading
        three = next(at for at, line in enumerate(shown) if line.split()[:2] == ["3", "3"])
        lines.go(three)
        await it.press("enter")
        bar = it.app.screen.query_one(FilterBar)
        await it.until(lambda: bar.text == "(animal OR vehicle) tags:3")
        await it.until(lambda: it.images.count == 3)
