"""Keys that come all at once do what they do when they are typed slowly, in every entry, form and dialog."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from textual import events
from textual.keys import _character_to_key
from textual.widgets import Input

from curator.contract.errors import UserError
from curator.index.changes.edits import AddTags
from curator.index.tables.rows import SavedFilter, Subset
from curator.session.session import Session
from curator.tui.app import FriezeApp
from curator.tui.keyboard.key_order import _is_at_rest
from curator.tui.screens.images import filtered
from curator.tui.widgets.entries.filter_bar import FilterBar
from curator.tui.widgets.lists.line_list import LineList
from tests.tui.conftest import Driven

_PATIENCE_S = 120
CHARACTERS = {"space": " ", "tab": "\t", "enter": "\r", "escape": "\x1b", "backspace": "\x7f"}


def key_event(key: str) -> events.Key:
    if len(key) == 1:
        return events.Key(key if key.isalnum() else _character_to_key(key), key)
    return events.Key(key, CHARACTERS.get(key))


def keys_of(line: str) -> list[str]:
    """`/ 'cat' enter`: keys by name, and text in quotes."""
    keys: list[str] = []
    for at, part in enumerate(line.split("'")):
        keys += list(part) if at % 2 else part.split()
    return keys


async def burst(it: Driven, keys: Sequence[str]) -> None:
    """All keys in one piece, as a terminal sends a macro, a paste or what a slow line held back."""
    for key in keys:
        event = key_event(key)
        event.set_sender(it.app)
        it.app.post_message(event)
    await at_rest(it)


async def slowly(it: Driven, keys: Sequence[str]) -> None:
    for key in keys:
        await burst(it, [key])
        if len(key) > 1:
            await asyncio.sleep(0.1)  # what waits for a pause in typing is looked up
            await at_rest(it)


async def at_rest(it: Driven) -> None:
    def rests() -> bool:
        busy = [each for each in it.app.workers if not each.is_finished]
        return not it.app._keys._typed and not busy and _is_at_rest(it.app)

    async def wait() -> None:
        for _ in range(30_000):
            if not it.app.is_running or rests():
                return
            await asyncio.sleep(0.004)
        raise AssertionError("never at rest; the screen shows\n" + it.text)

    await wait()


def state_of(it: Driven, session: Session) -> dict[str, object]:
    """What a person sees and what is kept."""
    rows = session.images.rows(list(session.images.select("").ids))
    entries = [(each.value, each.cursor_position) for each in it.app.screen.query(Input)]
    focused = it.app.focused
    return {
        "screen": type(it.app.screen).__name__,
        "focused": (type(focused).__name__, focused.id) if focused else None,
        "lists": [
            (
                each.id,
                each.cursor,
                0 if each.has_class("-stale") else each.count,
            )  # what lies below nothing found
            for each in it.app.screen.query(LineList)
        ],
        "entries": entries,
        "tags": [[tag.name for tag in session.images.tags_of(row.id)] for row in rows],
        "captions": [row.caption for row in rows],
        "marks": [row.mark for row in rows],
        "subsets": session.subsets.all(),
        "filters": session.filters.all(),
        "rule": session.buckets.rule,
        "recipe": session.memory.recall("recipe"),
        "manifests": [each.name for each in session.freezing.manifests()],
        "edits": [(each.what, each.undone) for each in session.edits.history()],
    }


async def typed(folder: Path, pictures: Path, line: str, way, wanted: object = None) -> dict[str, object]:
    """What is seen at the end; with `wanted` that is waited for: a busy machine draws later than the keys are done."""
    with Session.create(folder) as session:
        session.images.scan(pictures)
        session.subsets.save(Subset("all", "", repeats=2))
        session.subsets.save(Subset("cats", "cat"))
        session.filters.save(SavedFilter("animals", "animal"))
        session.edits.apply(AddTags(("old",)), [1, 2])
        app = FriezeApp(session)
        async with app.run_test(size=(100, 30)) as pilot:
            it = Driven(app, pilot)
            await at_rest(it)
            await way(it, keys_of(line))
            await asyncio.sleep(0.1)
            await at_rest(it)
            until = time.monotonic() + _PATIENCE_S
            while app.is_running and wanted and state_of(it, session) != wanted and time.monotonic() < until:
                await asyncio.sleep(0.1)
            return state_of(it, session) if app.is_running else {"left": state_of_session(session)}


def state_of_session(session: Session) -> object:
    return [(each.what, each.undone) for each in session.edits.history()]


LINES = [
    # the filter
    "/ 'birf' backspace 'd' escape / 'animal' enter j space j x g escape / 'cat' down y / escape",
    "/ 'animal' enter j y / backspace backspace 'x' escape j y / ctrl+u 'cat' escape x",
    "/ 'animal' home delete delete 'x' end 's' enter",
    # tags, by dialog and in the panel
    "a 'zoo' enter j j a 'veh' tab enter j a 'a' down down tab enter a 'no' escape j y",
    "ctrl+a a 'zoo' enter y u d 'animal' enter enter j a 'zoo' enter n escape j y",
    "j tab d d escape y j tab j J u d escape j x",
    "j tab r 'new' enter y j escape e 'a caption' enter j e 'another' enter",
    # lists to choose from
    "o '-width' enter j y f 'ani' enter x F 'mine' enter f 'mi' delete escape y # '4' enter x",
    "? 'invert' enter y : 'subsets' enter a 'two' tab 'cat' enter j",
    "t j + y t j enter j escape y",
    # forms
    "2 a 'birds' tab 'dog' tab '3' enter j e '4' enter d y a 'x' enter escape",
    "2 j e tab tab '7' enter c tab 'a' escape s '256' tab '256' enter b y + + - 1 j y",
    "4 n 'first' enter 2 j",
    # the recipe
    "5 / 'seed' enter enter '43' enter / 'epochs' enter enter '3' enter j j h L escape",
    # history and the rest
    "7 enter y j enter y u U y enter n 3 [ ] # escape 1 y",
    "8 / 'cat' enter j p escape p 'cat' escape e escape 2 1 y x u ctrl+r",
    "/ 'cat' enter q",
]


@pytest.mark.parametrize("line", LINES)
async def test_a_burst_does_what_slow_typing_does(tmp_path: Path, pictures: Path, line: str) -> None:
    slow = await typed(tmp_path / "slow", pictures, line, slowly)
    fast = await typed(tmp_path / "fast", pictures, line, burst, slow)
    assert fast == slow


async def test_backspace_takes_the_letter_before_it(drive) -> None:
    async with drive() as it:
        await burst(it, keys_of("/ 'birf' backspace 'd'"))
        assert it.app.screen.query_one(FilterBar).text == "bird"


async def test_a_wrong_filter_is_mended_before_the_list_is_reached(drive, session) -> None:
    """What follows is text still, and no command for a list that is not the filter's."""
    async with drive() as it:
        await burst(it, keys_of("/ 'wdith>3' enter 'yx'"))
        assert it.app.screen.query_one(FilterBar).text == "wdith>3yx"
        await burst(it, keys_of("ctrl+u 'cat' enter y"))
        assert [row.mark for row in session.images.rows(list(session.images.select("").ids))] == [
            1,
            0,
            0,
            0,
            0,
            0,
        ]


async def test_keys_wait_for_the_pictures_of_the_filter_and_escape_gives_them_up(
    drive, session, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, may_end = threading.Event(), threading.Event()
    plain = filtered.find_first

    def slow(reader, text, wanted, is_cancelled):
        if text.startswith("dog"):
            begun.set()
            while not is_cancelled() and not may_end.wait(0.01):
                pass
        return plain(reader, text, wanted, is_cancelled)

    async with drive() as it:
        monkeypatch.setattr(filtered, "find_first", slow)

        async def look() -> None:
            begun.clear()
            for key in keys_of("/ 'dog' enter y"):
                it.app.post_message(key_event(key))
            await it.until(begun.is_set)
            await it.pilot.pause()
            assert not any(row.mark for row in session.images.rows(list(session.images.select("").ids)))

        await look()
        it.app._keys._typed.clear()
        await burst(it, ["escape"])
        assert it.app.screen.query_one(FilterBar).text == ""
        assert it.images.count == 6
        await look()
        may_end.set()
        await at_rest(it)
        assert [row.mark for row in session.images.rows(list(session.images.select("").ids))] == [
            0,
            1,
            0,
            0,
            0,
            0,
        ]


async def test_the_cursor_moves_while_a_write_waits(drive, session, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, may_end = threading.Event(), threading.Event()
    plain = session.edits.apply

    def slow(edit, ids):
        begun.set()
        may_end.wait()
        return plain(edit, ids)

    monkeypatch.setattr(session.edits, "apply", slow)
    async with drive() as it:
        for key in keys_of("y j x"):
            it.app.post_message(key_event(key))
        await it.until(lambda: begun.is_set() and it.images.cursor == 2)
        await it.until(lambda: "Another program is writing" in it.notices)
        may_end.set()
        await at_rest(it)
        assert [row.mark for row in session.images.rows(list(session.images.select("").ids))] == [
            1,
            0,
            -1,
            0,
            0,
            0,
        ]


async def test_a_place_that_cannot_be_kept_ends_no_app(
    drive, session, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_values: object) -> None:
        raise UserError("the disk is full", "free some space")

    monkeypatch.setattr(session.memory, "keep_all", full)
    async with drive() as it:
        await burst(it, ["2"])
        assert "the disk is full" in it.notices
        await burst(it, keys_of("1 j q"))
        assert not it.app.is_running
        assert it.app.unsaid
        assert it.app.unsaid.what == "the disk is full"


async def test_tab_in_the_filter_completes_the_tag_and_stays(drive) -> None:
    async with drive() as it:
        await burst(it, keys_of("/ '-ani' tab 'x' backspace 'veh' tab"))
        assert it.app.screen.query_one(FilterBar).text == "-animal vehicle "
        await burst(it, keys_of("tab 'jj' shift+tab 'q'"))
        assert it.app.screen.query_one(FilterBar).text == "-animal vehicle jjq"


async def test_tab_stays_in_the_line_of_a_recipe(drive, session) -> None:
    async with drive() as it:
        await burst(it, keys_of("5 / 'seed' enter enter '7' tab '3' enter"))
        assert session.memory.recall("recipe") == {"seed": 73}


async def test_rename_from_the_list_asks_which_tag(drive, session) -> None:
    async with drive() as it:
        await burst(it, keys_of("r 'Animl' tab 'beast' enter"))
        assert "no image has the tag 'Animl'" in it.text
        await burst(it, keys_of("ctrl+u"))
        await burst(it, keys_of("shift+tab ctrl+u 'animal' tab 'beast' enter y"))
        assert len(session.images.select("beast").ids) == 2
        assert not len(session.images.select("animal").ids)


async def test_what_is_filled_in_is_replaced_by_typing(drive, session) -> None:
    session.subsets.save(Subset("cats", "cat", repeats=3))
    async with drive() as it:
        await burst(it, keys_of("2 e 'dogs' tab 'dog' tab '5' enter"))
        (subset,) = session.subsets.all()
        assert (subset.name, subset.filter, subset.repeats) == ("dogs", "dog", 5)


async def test_pasted_text_is_one_line_of_an_entry(drive) -> None:
    async with drive() as it:
        it.app.post_message(events.Paste("xyq"))
        it.app.post_message(key_event("/"))
        it.app.post_message(events.Paste("cat\n\x1b[31mdog\r\n\n"))
        await at_rest(it)
        assert it.app.screen.query_one(FilterBar).text == "cat [31mdog"
        assert it.app.is_running
