"""The one entry with completion, wherever tags, filters, words or paths are typed."""

from __future__ import annotations

from textual.widgets import Input

from curator.index.tables.rows import Subset
from curator.session.session import Session
from tests.tui.conftest import Drive, Driven


def typed(it: Driven) -> str:
    assert isinstance(it.app.focused, Input)
    return it.app.focused.value


async def test_tags_and_filters_are_completed_in_forms(drive: Drive, session: Session) -> None:
    session.subsets.save(Subset("beasts", "animal"))
    async with drive((80, 24)) as it:
        await it.press("r")
        await it.sees("Rename a tag everywhere")
        await it.type("veh")
        await it.sees("vehicle ")
        await it.press("tab")
        assert typed(it) == "vehicle"
        await it.press("tab")  # it is whole: on to the next line
        assert typed(it) == ""
        await it.type("anim")
        await it.press("right")
        assert typed(it) == "animal"
        await it.press("escape", "j", "j", "d")
        await it.sees("Remove tags from 1 image")
        await it.sees("1 of these")
        assert "animal" not in it.body.split("Remove")[1]  # the third image has it not
        await it.type("indo")
        await it.sees("none of these has such a tag")
        await it.press("escape", "2")
        await it.sees("steps per epoch")
        await it.press("e")
        await it.sees("loss weight")
        await it.press("tab", "end")
        await it.type(" -ca")
        await it.sees("cat ")
        assert not it.app.screen.query_one("#line-repeats").has_focus
        await it.press("down", "up", "tab", "tab")
        assert typed(it) == "1"  # the repeats
        await it.press(*["tab"] * 4)
        await it.press("down", "down", "tab", "enter")
        await it.until(lambda: session.subsets.all()[0] == Subset("beasts", "animal -cat", crop="random"))


async def test_words_paths_and_filters_are_completed_elsewhere(drive: Drive, session: Session) -> None:
    """On Tags, Prepare, the folder that is scanned, and all commands."""
    async with drive((80, 24)) as it:
        await it.press("0")
        await it.sees("together with")
        await it.press("c", "ctrl+u")
        await it.type("art")
        await it.sees(" artist ")
        await it.press("tab", "enter")
        await it.until(lambda: "artist" in {tag.cls for tag in session.tags.all()})
        await it.press("m")
        await it.type("vehic")
        await it.press("tab")
        assert typed(it) == "vehicle"
        await it.press("escape", "8")
        await it.sees("would change")
        await it.press("slash")
        await it.sees("Which images")
        await it.type("indo")
        await it.press("tab", "enter")
        await it.sees("indoors")
        await it.press("ctrl+o", "ctrl+u")
        await it.type(f"{session.folder.parent}/s")
        await it.press("tab")
        assert typed(it) == f"{session.folder}/"
        await it.press("escape", "colon")
        await it.type("-outd")
        await it.press("enter")  # at once: what was typed is looked up first
        await it.until(lambda: it.app.current_mode == "browse" and it.images.count == 5)
        await it.press("escape")
        await it.until(lambda: it.app.current_mode == "prepare")
