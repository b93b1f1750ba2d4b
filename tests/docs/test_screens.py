"""The pictures of the app in docs/screens: there for both sizes, shown by a page, and as the app is today."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from tests.docs.screens import FOLDER, SCREENS, SIZES, comparable, screens
from tests.docs.shown_collection import shown_collection


def test_every_screen_is_there_in_both_sizes_and_on_the_page() -> None:
    page = (FOLDER.parent / "app.md").read_text("utf-8")
    made = {f"{each.name}-{columns}x{lines}" for each in SCREENS for columns, lines in SIZES}
    assert {each.stem for each in FOLDER.glob("*.svg")} == made
    assert {each.stem for each in FOLDER.glob("*.txt")} == made
    for name in made:
        assert f"screens/{name}.svg" in page
        ET.parse(FOLDER / f"{name}.svg")


@pytest.mark.slow
async def test_the_app_shows_what_the_page_does(tmp_path: Path) -> None:
    told = "python -m tests.docs.screens makes them anew"
    size = SIZES[0]
    with shown_collection(tmp_path) as session:
        async for name, _, text in screens(session, size):
            there = (FOLDER / f"{name}-{size[0]}x{size[1]}.txt").read_text("utf-8")
            assert comparable(there).splitlines() == comparable(text + "\n").splitlines(), f"{name}: {told}"
