"""What is done with one image from Browse and on the whole screen: explained, copied, opened in other programs."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from curator.index.changes.edits import SetCaption
from curator.index.tables.rows import Subset
from curator.session.session import Session
from curator.tui.app import FriezeApp
from curator.tui.outside.programs import edited
from tests.tui.conftest import Drive


@pytest.fixture
def outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No tmux and no desktop; an editor that says what `words` holds, and a viewer that notes what it was given."""
    for name in ("TMUX", "VISUAL", "DISPLAY", "WAYLAND_DISPLAY", "FRIEZE_VIEWER"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "editor").write_text(f'#!/bin/sh\ncp "{tmp_path}/words" "$1"\n')
    (tmp_path / "viewer").write_text(f'#!/bin/sh\nprintf %s "$1" > "{tmp_path}/seen"\n')
    for name in ("editor", "viewer"):
        (tmp_path / name).chmod(0o700)
    monkeypatch.setenv("EDITOR", str(tmp_path / "editor"))
    monkeypatch.setattr("curator.tui.outside.programs._wait_for_enter", lambda: None)

    @contextmanager
    def suspended(_: object) -> Generator[None]:
        yield

    monkeypatch.setattr("curator.tui.app.FriezeApp.suspend", suspended)
    return tmp_path


async def test_an_image_is_explained_and_copied(drive: Drive, session: Session, outside: Path) -> None:
    session.subsets.save(Subset("beasts", "animal"))
    path = session.images.rows([1])[0].full_path
    async with drive((80, 24)) as it:
        await it.press("w")
        await it.sees("subset    beasts: it meets")
        await it.press("escape", "Y", "enter")
        await it.until(lambda: it.app.clipboard == path)
        assert "Copied: path" in it.notices
        await it.press("tab", "Y")
        await it.type("tags")
        await it.press("enter")
        await it.until(lambda: it.app.clipboard == "cat, animal, indoors")
        await it.press("escape", "j", "ctrl+a", "Y", "enter")
        await it.until(lambda: it.app.clipboard.count("\n") == 5)
        assert "\\x1b[31mevil" in it.app.clipboard  # a paste into a shell obeys nothing
        await it.press("enter")
        await it.sees("2/6")
        await it.press("w")
        await it.sees("subset    beasts")
        await it.press("escape", "Y")
        await it.type("name")
        await it.press("enter")
        await it.until(lambda: it.app.clipboard == "02 dog.png")


async def test_a_caption_in_an_editor_and_the_image_in_a_viewer(
    drive: Drive, session: Session, outside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def captions() -> list[str]:
        return [row.caption for row in session.images.rows([1, 2])]

    (outside / "words").write_text("a cat, and\na second line\n")
    session.edits.apply(SetCaption("a cat"), [1])
    async with drive((80, 24)) as it:
        await it.press("E")
        await it.until(lambda: captions() == ["a cat, and\na second line", ""])
        await it.press("E")
        await it.until(lambda: "as it was" in it.notices)
        await it.press("j", "enter")
        await it.sees("2/6")
        await it.press("E")
        await it.until(lambda: captions()[1] == captions()[0])
        await it.press("O")
        await it.until(lambda: "no viewer" in it.notices)
        monkeypatch.setenv("FRIEZE_VIEWER", str(outside / "viewer"))
        await it.press("O")
        await it.until((outside / "seen").exists)
        assert Path((outside / "seen").read_text()).name == "02 dog.png"
        (outside / "words").write_bytes(b"\xff\xfe")
        await it.press("E")
        await it.until(lambda: "cannot be read" in it.notices)
        monkeypatch.setenv("EDITOR", "/nowhere/editor")
        await it.press("E")
        await it.until(lambda: "names no program" in it.notices)
        monkeypatch.setenv("EDITOR", "false")
        await it.press("E")
        await it.until(lambda: "ended with code 1" in it.notices)
        assert captions()[1] == captions()[0]


async def test_a_table_in_an_editor_comes_back_to_be_kept(
    drive: Drive, session: Session, outside: Path
) -> None:
    before = session.rules.table("clean")
    (outside / "words").write_text(before.replace("drop = [", 'drop = ["animal", '))
    async with drive((80, 24)) as it:
        await it.press("8")
        await it.sees("would change")
        await it.press(*["j"] * 5, "e")
        await it.sees("ctrl+g in $EDITOR")
        await it.press("ctrl+g")
        await it.sees("2 of 6 images would change")
        assert session.rules.table("clean") == before
        await it.press("ctrl+s")
        await it.until(lambda: '"animal"' in session.rules.table("clean"))


def test_no_file_of_what_came_back_is_left_behind(
    session: Session, outside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (outside / "words").write_text("new")
    monkeypatch.setattr("tempfile.tempdir", str(outside))
    assert edited(FriezeApp(session), "old", "x.txt") == "new"
    assert not list(outside.glob("frieze-*"))
