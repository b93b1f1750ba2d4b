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


async def test_what_is_there_is_replaced_once_that_is_asked(
    drive: Drive, session: Session, tmp_path: Path
) -> None:
    async with drive((80, 24)) as it:
        for select, answer, count in (("space", "", 1), ("space", "n", 1), ("j", "y", 2)):
            await it.press(select, "X")
            await it.sees("as SQLite tables")
            await it.type(str(tmp_path / "some.db"))
            await it.press("enter")
            if answer:
                await it.sees("Replace what is there?")
                assert "--replace" not in it.text
                await it.press(answer)
            if answer != "n":
                await it.until(lambda count=count: f"{count} image" in it.notices)
            with sqlite3.connect(tmp_path / "some.db") as made:
                assert made.execute("select count(*) from image").fetchone() == (count,)
        (tmp_path / "other.db").write_text("something of my own")
        await it.press("X")
        await it.type(str(tmp_path / "other.db"))
        await it.press("enter")
        await it.until(lambda: "and no export" in it.notices)
    assert (tmp_path / "other.db").read_text() == "something of my own"
