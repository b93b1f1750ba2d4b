"""The keymap: what panels declare, overlaid by a file; unknown ids and conflicts are refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.binding import Binding
from textual.message_pump import MessagePump

from curator.contract.errors import UserError
from curator.tui.app import FriezeApp
from curator.tui.keyboard.keymap import _TOGETHER, all_actions, keys_file, load_keymap


def write(text: str) -> Path:
    path = keys_file()
    path.parent.mkdir(parents=True)
    path.write_text(text)
    return path


def test_ids_are_unique_and_panels_known():
    actions = all_actions()
    assert len({each.id for each in actions}) == len(actions)
    grouped = {panel for group in _TOGETHER for panel in group}
    assert {each.panel for each in actions} <= grouped | {"entry"}


def test_every_key_bound_in_the_app_can_be_changed():
    """What a panel declares in a room that the keymap does not look into would be missed."""
    known = {each.id for each in all_actions()}
    bound = {
        binding.id
        for each in _subclasses(MessagePump)
        if each.__module__.startswith("curator.")
        for binding in vars(each).get("BINDINGS", ())
        if isinstance(binding, Binding)
    }
    assert bound == known


def _subclasses(kind: type) -> set[type]:
    return {kind}.union(*(_subclasses(each) for each in type.__subclasses__(kind)))


def test_no_file_is_no_change():
    assert load_keymap(keys_file()) == {}


def test_both_ways_of_writing_mean_the_same():
    assert load_keymap(write('"list.down" = "ctrl+n, down"\n[list]\nup = "("\n')) == {
        "list.down": "ctrl+n,down",
        "list.up": "left_parenthesis",
    }


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ('"list.dwon" = "n"', "did you mean 'list.down'"),
        ('"list.down" = "k"', "both"),
        ('"browse.keep" = "q"', "both"),
        ('"list.down" = 3', "names with commas"),
        ('"list.down" = ""', "names with commas"),
        ("list.down", "cannot be read"),
    ],
)
def test_a_wrong_file_is_refused(text, what):
    with pytest.raises(UserError) as caught:
        load_keymap(write(text))
    assert what in str(caught.value)


async def test_own_keys_work_and_the_old_ones_do_not(session):
    app = FriezeApp(session, {"list.down": "n"})
    async with app.run_test() as pilot:
        for _ in range(30_000):
            await pilot.pause(0.02)
            if app.screen.query("ImageList") and app.screen.query_one("ImageList").count:
                break
        await pilot.press("n")
        assert app.screen.query_one("ImageList").cursor == 1
        await pilot.press("j")
        assert app.screen.query_one("ImageList").cursor == 1
