"""Keys where there is nothing yet: each does something that is seen, or says why it cannot."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.widgets import Input

from curator.session.session import Session
from curator.tui.app import FriezeApp
from tests.tui.conftest import Driven

PLACES = {  # by the keys that go there from Browse
    "Browse": (),
    "Subsets": ("2",),
    "Captions": ("3",),
    "Freeze": ("4",),
    "Train": ("5",),
    "Runs": ("6",),
    "caches": ("6", "C"),
    "the queue": ("6", "Q"),
    "grids": ("6", "A"),
    "models": ("6", "M"),
    "History": ("7",),
    "Prepare": ("8",),
    "Tagging": ("9",),
    "Tags": ("0",),
    "copies": ("D",),
    "quarantine": ("Q",),
}
_SILENT = {
    "images.clear",  # nothing is selected, which is what it is for
    "copies.look",  # looks again, and sees the same
    "train.back",  # the choice before the first is the last: of one choice it is the same
}
_CURSORS = ("list", "cells")  # move where there is something


async def rest(it: Driven) -> None:
    """Wait for what keys have begun."""
    await it.pilot.pause()
    await it.until(lambda: not any(each.is_running for each in it.app.workers))


async def go(it: Driven, keys: tuple[str, ...]) -> None:
    """To a place, from wherever one is."""
    for _ in range(9):
        if len(it.app.screen_stack) > 1 or isinstance(it.app.focused, Input):
            await it.press("escape")
    for key in ("1", *keys):
        await it.press(key)
        await rest(it)


def seen(it: Driven) -> tuple[object, ...]:
    return it.text, it.app.screen, it.app.focused, it.app.notes


@pytest.mark.parametrize("place", PLACES)
async def test_no_key_is_silent_where_there_is_nothing(place: str, tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    with Session.create(tmp_path / "set") as session:
        session.images.scan(tmp_path / "pictures")
        app = FriezeApp(session)
        async with app.run_test(size=(120, 40)) as pilot:
            it = Driven(app, pilot)
            await it.until(lambda: app.screen.is_mounted and app.screen.query("TabLine"))
            await go(it, PLACES[place])
            where, focused = type(app.screen), app.focused
            keys = {
                active.binding.id: active.binding.key
                for active in reversed(app.screen.active_bindings.values())
                if active.node is not app and active.binding.id
            }
            silent: list[str] = []
            for name, key in keys.items():
                if name in _SILENT or name.startswith(_CURSORS):
                    continue
                if (type(app.screen), app.focused) != (where, focused):
                    await go(it, PLACES[place])
                    focused = focused if focused and focused.is_attached else app.focused
                    app.screen.set_focus(focused)
                assert type(app.screen) is where
                app.notes = ()
                await rest(it)
                before = seen(it)
                await it.press(key)
                await rest(it)
                silent += [] if seen(it) != before else [f"{name} ({key})"]
            assert not ", ".join(silent)
            assert len(keys) > 2
