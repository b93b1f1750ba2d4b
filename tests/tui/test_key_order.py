"""Keys that come all at once do what they do when they are typed slowly, in every entry, form and dialog."""

from __future__ import annotations

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


async def at_rest(it: Driven) -> None:
    def rests() -> bool:
        busy = [each for each in it.app.workers if not each.is_finished]
        return not it.app._keys._typed and not busy and _is_at_rest(it.app)

    await it.until(lambda: not it.app.is_running or rests())
    if it.app.is_running:
        await it.pilot.pause(0.15)  # what waits for a pause in typing is looked up
        await it.until(rests)


def state_of(it: Driven, session: Session) -> dict[str, object]:
    """What a person sees and what is kept."""
    rows = session.rows(list(session.select("").ids))
    entries = [(each.value, each.cursor_position) for each in it.app.screen.query(Input)]
    focused = it.app.focused
    return {
        "screen": type(it.app.screen).__name__,
        "focused": (type(focused).__name__, focused.id) if focused else None,
        "text": it.text,
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


async def typed(folder: Path, pictures: Path, line: str, way) -> dict[str, object]:  # noqa: ANN001
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
            return state_of(it, session) if app.is_running else {"left": state_of_session(session)}


def state_of_session(session: Session) -> object:
    return [(each.what, each.undone) for each in session.history()]


LINES = [
    # the filter
    "/ 'birf' backspace 'd'",
    "/ 'animal' enter j y",
    "/ 'animal' enter j space j x",
    "/ 'cat' down y",
    "/ 'cat' escape y",
    "/ 'animal' home delete delete 'x' end 's' enter",
    "/ 'wdith>3' enter j y",
    "/ 'animal' enter / backspace backspace 'x' escape j y",
    # tags, by dialog and in the panel
    "a 'zoo' enter j j",
    "a 'veh' tab enter j a 'dog' enter",
    "a 'a' down down tab enter",
    "a 'zoo' escape j y",
    "ctrl+a a 'zoo' enter y u",
    "ctrl+a a 'zoo' enter n j y",
    "ctrl+a d 'animal' enter enter j",
    "j tab d d escape y",
    "j tab j J escape j",
    "j tab r 'new' enter y j",
    "tab r ctrl+u 'hound' enter j y",
    "e 'a caption' enter j e 'another' enter",
    # lists to choose from
    "o '-width' enter j y",
    "f 'ani' enter y",
    "f delete escape y",
    "F 'mine' enter f 'mi' enter",
    "# '4' enter y",
    "? 'invert' enter y",
    ": 'subsets' enter a 'two' tab 'cat' enter",
    # forms
    "2 a 'birds' tab 'dog' tab ctrl+u '3' enter j e '4' enter",
    "2 j e tab tab ctrl+u '7' enter",
    "2 a 'birds' tab 'dog' shift+tab 's' enter",
    "2 j d y a 'x' enter",
    "2 j c tab 'a' escape d n",
    "2 s ctrl+u '256' tab ctrl+u '256' enter b y",
    "2 j + + - c escape",
    "4 n 'first' enter 2 j",
    # the recipe
    "5 / 'seed' enter enter ctrl+u '42' enter / 'epochs' enter enter ctrl+u '3' enter",
    "5 / 'flip' escape j j enter 'run2' enter",
    "5 j space L escape",
    # history and the rest
    "7 enter y g",
    "7 j enter y u",
    "7 U y enter n",
    "8 / 'cat' enter j p escape",
    "8 p 'cat' escape e escape",
    "3 [ ] # escape 1 y",
    "y x u ctrl+r 2 1 y",
    "enter j j escape y",
    "t j + y t j",
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
