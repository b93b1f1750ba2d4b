"""The pictures of the app in docs/screens: there for both sizes, whole, shown by a page, and as the app is."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.docs.screens import FOLDER, SCREENS, SIZES, captured, comparable
from tests.docs.shown_collection import shown_collection


def test_every_screen_is_there_in_both_sizes_and_on_the_page() -> None:
    page = (FOLDER.parent / "app.md").read_text("utf-8")
    made = {f"{each.name}-{columns}x{lines}" for each in SCREENS for columns, lines in SIZES}
    assert {each.stem for each in FOLDER.glob("*.svg")} == made
    assert {each.stem for each in FOLDER.glob("*.txt")} == made
    for name in made:
        assert f"screens/{name}.svg" in page
        ET.parse(FOLDER / f"{name}.svg")
        columns, lines = map(int, name.rpartition("-")[2].split("x"))
        text = (FOLDER / f"{name}.txt").read_text("utf-8").splitlines()
        assert len(text) == lines
        assert max(map(len, text)) <= columns


@pytest.mark.slow
async def test_the_app_shows_what_the_page_does() -> None:
    """Where it waits in vain, `python -m tests.docs.screens` makes the pictures anew."""
    columns, lines = SIZES[0]
    with (
        TemporaryDirectory() as folder,
        shown_collection(Path(folder)) as session,
    ):  # a path as short as the page's
        for name, steps in SCREENS:
            there = (FOLDER / f"{name}-{columns}x{lines}.txt").read_text("utf-8")
            await captured(session, (columns, lines), steps, comparable(there.removesuffix("\n")))
