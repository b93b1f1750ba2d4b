"""Keys that come all at once do what they do when they are typed slowly, in every entry, form and dialog."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest
from textual import events
from textual.keys import _character_to_key
from textual.widgets import Input

from curator.index.edits import AddTags
from curator.index.small_tables import SavedFilter, Subset
from curator.session import Session
from curator.tui.app import FriezeApp
from curator.tui.key_order import _is_at_rest
from curator.tui.widgets.filter_bar import FilterBar
from curator.tui.widgets.line_list import LineList
from tests.tui.conftest import Driven

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
    rows = session.rows(list(session.select("").ids))
    entries = [(each.value, each.cursor_position) for each in it.app.screen.query(Input)]
    focused = it.app.focused
    return {
        "screen": type(it.app.screen).__name__,
        "focused": (type(focused).__name__, focused.id) if focused else None,
        "lists": [(each.id, each.cursor, each.count) for each in it.app.screen.query(LineList)],
        "entries": entries,
        "tags": [[tag.name for tag in session.tags_of(row.id)] for row in rows],
        "captions": [row.caption for row in rows],
        "marks": [row.mark for row in rows],
        "subsets": session.subsets(),
        "filters": session.saved_filters(),
        "rule": session.bucket_rule,
        "recipe": session.recall("recipe"),
        "manifests": [each.name for each in session.manifests()],
        "edits": [(each.what, each.undone) for each in session.history()],
    }


async def typed(folder: Path, pictures: Path, line: str, way) -> dict[str, object]:
    with Session.create(folder) as session:
        session.scan(pictures)
        session.save_subset(Subset("all", "", repeats=2))
        session.save_subset(Subset("cats", "cat"))
        session.save_filter(SavedFilter("animals", "animal"))
        session.edit(AddTags(("old",)), [1, 2])
        app = FriezeApp(session)
        async with app.run_test(size=(100, 30)) as pilot:
            it = Driven(app, pilot)
            await at_rest(it)
            await way(it, keys_of(line))
            await asyncio.sleep(0.1)
            await at_rest(it)
            return state_of(it, session) if app.is_running else {"left": state_of_session(session)}


def state_of_session(session: Session) -> object:
    return [(each.what, each.undone) for each in session.history()]


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
    "5 / 'seed' enter enter '42' enter / 'epochs' enter enter '3' enter j j h L escape",
    # history and the rest
    "7 enter y j enter y u U y enter n 3 [ ] # escape 1 y",
    "8 / 'cat' enter j p escape p 'cat' escape e escape 2 1 y x u ctrl+r",
    "/ 'cat' enter q",
]


@pytest.mark.parametrize("line", LINES)
async def test_a_burst_does_what_slow_typing_does(tmp_path: Path, pictures: Path, line: str) -> None:
    slow = await typed(tmp_path / "slow", pictures, line, slowly)
    fast = await typed(tmp_path / "fast", pictures, line, burst)
    assert fast == slow


async def test_backspace_takes_the_letter_before_it(drive) -> None:
    async with drive() as it:
        await burst(it, keys_of("/ 'birf' backspace 'd'"))
        assert it.app.screen.query_one(FilterBar).text == "bird"
