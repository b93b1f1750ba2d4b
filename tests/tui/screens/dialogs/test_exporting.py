"""Exports from Browse and Freeze."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from curator.session.session import Session
from tests.tui.conftest import Drive


async def test_images_as_tables_and_a_manifest_for_others(
    drive: Drive, session: Session, tmp_path: Path
) -> None:
    session.freezing.write("first")
    async with drive((80, 24)) as it:
        await it.press("space", "X")
        await it.sees("Export 1 image as SQLite tables")
        await it.press("enter")
        await it.sees("no file or folder was given")
        await it.type(str(tmp_path / "one.db"))
        await it.press("enter")
        await it.until(lambda: "1 image in" in it.notices)
        with sqlite3.connect(tmp_path / "one.db") as made:
            assert made.execute("select count(*) from image").fetchone() == (1,)
        await it.press("X")
        await it.type(str(tmp_path / "one.db"))
        await it.press("enter")
        await it.until(lambda: "there is already a file" in it.notices)
        await it.press("4")
        await it.sees("first")
        await it.press("X")
        await it.sees("Export first")
        await it.press("tab")
        await it.type(str(tmp_path / "kohya"))
        await it.press("enter")
        await it.sees("Write 6 images?")
        await it.sees("x 1")
        assert not (tmp_path / "kohya").exists()
        await it.press("y")
        await it.until(lambda: "6 images in" in it.notices)
        assert list((tmp_path / "kohya").glob("*.toml"))
        await it.press("X", "ctrl+u")
        await it.type("ht")
        await it.press("tab", "tab")
        await it.type(str(tmp_path / "page.html"))
        await it.press("enter")
        await it.until(lambda: (tmp_path / "page.html").exists() and "page.html" in it.notices)
