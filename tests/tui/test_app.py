"""The app as a whole: screens by number, help, palette, history, sizes, notices."""

from __future__ import annotations

import os
import signal

import pytest

from curator.index.changes.edits import AddTags, RemoveTags
from curator.session.session import Session
from curator.session.upkeep import Upkeep
from curator.tui.screens.dialogs.choice import Choice


@pytest.mark.parametrize("size", [(40, 10), (80, 24), (120, 40)])
async def test_every_screen_opens_at_every_size(drive, size):
    async with drive(size) as it:
        for key, name in zip(
            "2345671", ("Subsets", "Captions", "Freeze", "Train", "Runs", "History", "Browse"), strict=True
        ):
            await it.press(key)
            await it.until(lambda key=key, name=name: f"[{key} {name}" in it.text)
            assert all(len(line) <= size[0] for line in it.text.splitlines())
            if size[0] >= 80:
                assert "q quit" in it.text


@pytest.mark.parametrize("size", [(39, 24), (80, 9)])
async def test_a_terminal_too_small_says_so_and_nothing_else(drive, size):
    async with drive() as it:
        await it.pilot.resize_terminal(*size)
        await it.until(lambda: "Terminal too small" in it.text)
        assert "cat.png" not in it.text
        await it.pilot.resize_terminal(80, 24)
        await it.sees("01 cat.png")


async def test_the_last_screen_is_restored(drive):
    async with drive() as it:
        await it.press("7", "q")
    async with drive() as it:
        await it.sees("[7 History]")


async def test_help_lists_the_keys_of_the_panel_and_finds_by_typing(drive):
    async with drive() as it:
        await it.press("question_mark")
        await it.sees("Keys here")
        await it.type("invert")
        await it.sees("invert the selection")
        assert "earlier" not in it.text
        await it.press("enter")
        await it.until(lambda: len(it.images.selected) == 6)


async def test_the_palette_does_any_command(drive):
    async with drive() as it:
        await it.press("colon")
        await it.sees("All commands")
        await it.type("buckets")
        await it.press("enter")
        await it.sees("[2 Subsets]")
        await it.press("colon", "escape")
        assert not isinstance(it.app.screen, Choice)


async def test_history_shows_edits_and_what_was_undone(drive, session):
    session.edits.apply(AddTags(("[b]new[/b]",)), [1, 2])
    async with drive() as it:
        await it.press("7")
        await it.sees("2 images")
        await it.sees("[b]new[/b]")
        await it.press("u")
        await it.sees("undone")
        await it.press("ctrl+r")
        await it.until(lambda: "undone" not in it.text.splitlines()[2])
        await it.press("u", "u")
        await it.until(lambda: "Nothing to undo." in it.notices)


async def test_another_process_is_noticed(drive, session):
    async with drive() as it:
        with Session.open(session.folder) as other:
            other.edits.apply(AddTags(("from elsewhere",)), [int(it.images.result.ids[0])])
        await it.until(lambda: "from elsewhere" in it.tags)


async def test_nothing_moves_by_itself(drive):
    async with drive() as it:
        assert it.app.animation_level == "none"
        await it.press("slash")
        assert not it.shown("FilterInput").cursor_blink


async def test_a_lost_connection_keeps_the_place(drive):
    async with drive() as it:
        await it.press("j", "j")
        os.kill(os.getpid(), signal.SIGHUP)
        await it.until(lambda: not it.app.is_running)
    async with drive() as it:
        assert it.images.cursor == 2


async def test_keys_are_letters_where_one_types(drive):
    async with drive() as it:
        await it.press("slash", "u", "q", "1", "6", "j", "G")
        assert it.app.focused.value == "uq16jG"
        await it.sees("[1 Browse]")


async def test_one_edit_is_taken_back_and_those_made_since_stay(drive, session):
    """B03: any entry of the history, alone; images that a later edit changed the same way are left and counted."""
    session.edits.apply(AddTags(("first",)), [1, 2])
    session.edits.apply(AddTags(("second",)), [1, 2])
    session.edits.apply(RemoveTags(("first",)), [2])
    session.edits.apply(AddTags(("first",)), [2])
    async with drive() as it:
        await it.press("7")
        await it.sees("second")
        await it.press("G", "enter")
        await it.sees("Take this edit back?")
        await it.press("n")
        assert not any(each.undone for each in session.edits.history())
        await it.press("enter", "y")
        await it.until(lambda: "add 'first': 1 image; 1 image changed since stay" in it.notices)
        assert [tag.name for tag in session.images.tags_of(1)][-1] == "second"
        assert "first" in [tag.name for tag in session.images.tags_of(2)]
        await it.sees("undone")
        await it.press("enter")
        await it.sees("Make this edit again?")
        await it.press("y")
        await it.until(lambda: not any(each.undone for each in session.edits.history()))
        assert "first" in [tag.name for tag in session.images.tags_of(1)]


async def test_history_shows_the_images_of_an_edit(drive, session):
    ids = session.images.select("").ids.tolist()
    session.edits.apply(AddTags(("new",)), ids[1:3])
    async with drive((120, 40)) as it:
        await it.press("7")
        await it.sees("by you")
        await it.sees("02 dog.png")
        await it.sees("03 car.jpg")
        await it.press("s")
        await it.until(lambda: it.app.current_mode == "browse" and it.images.count == 2)
        await it.press("escape")
        await it.sees("[7 History]")


async def test_history_goes_back_to_the_edit_under_the_cursor(drive, session):
    for tag in ("first", "second", "third"):
        session.edits.apply(AddTags((tag,)), [1, 2])
    async with drive() as it:
        await it.press("7")
        await it.sees("third")
        await it.press("j", "U")
        await it.sees("Take this edit and the 1 made since back?")
        await it.press("y")
        await it.until(lambda: "2 edits\nadd 'third': 2 images\nadd 'second': 2 images" in it.notices)
        assert [each.undone for each in session.edits.history()] == [True, True, False]
        await it.press("g", "U", "y")
        await it.until(lambda: not any(each.undone for each in session.edits.history()))
        assert [tag.name for tag in session.images.tags_of(1)][-3:] == ["first", "second", "third"]


async def test_an_edit_left_behind_is_made_again_alone(drive, session):
    session.edits.apply(AddTags(("first",)), [1])
    session.edits.undo()
    session.edits.apply(AddTags(("second",)), [1])
    session.edits.undo()
    async with drive() as it:
        await it.press("7", "j", "enter", "y")
        await it.until(lambda: "add 'first': 1 image" in it.notices)
        names = [tag.name for tag in session.images.tags_of(1)]
        assert "first" in names
        assert "second" not in names


async def test_large_edits_reach_the_rows_when_nobody_types(drive, session, monkeypatch):
    waiting = [3]
    monkeypatch.setattr("curator.tui.idle._IDLE_AFTER_S", 0.0)
    monkeypatch.setattr(Upkeep, "waiting", lambda _: waiting[0])

    def fold(_upkeep: Upkeep, _budget_s: float) -> int:
        waiting[0] -= 1
        return waiting[0]

    monkeypatch.setattr(Upkeep, "fold", fold)
    async with drive() as it:
        await it.until(lambda: waiting[0] == 0)
