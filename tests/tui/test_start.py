"""Starting: the first screen waits for nothing it does not show, and has its images at once."""

from __future__ import annotations

import gc
import sqlite3
import subprocess
import sys
import threading
import weakref

import pytest
from textual.app import ComposeResult

from curator.contract.errors import UserError
from curator.session.session import Session
from curator.tui import finding, memory
from curator.tui.app import FriezeApp
from curator.tui.finding import EarlyLook
from curator.tui.screens.images.browse import BrowseScreen
from curator.tui.start import Start, run
from tests.inside import inside
from tests.tui.conftest import Drive

_LATE = (
    "numpy", "PIL", "sqlite_utils", "tomllib", "secrets", "curator.interop", "curator.scan", "curator.runs",
    "curator.select", "curator.placement", "curator.contract.manifest", "curator.contract.caption",
)  # fmt: skip
_LATE_FILES = (
    "curator.freeze.build", "curator.freeze.checks.checks", "curator.contract.recipe.recipe", "curator.filter.walk",
    "curator.filter.language.parse", "curator.filter.language.tree", "curator.filter.run_losses",
    "curator.index.editing.plan", "curator.index.undo.revert", "curator.index.images.derived",
    "curator.index.tables.rows",
)  # fmt: skip


def test_the_first_screen_imports_no_other() -> None:
    """Images, scans, freezes, imports, runs and other screens are loaded when they are wanted."""
    code = "import sys, curator.tui.app, curator.tui.start; print('\\n'.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    loaded = done.stdout.split()
    assert "curator.tui.screens.images.browse" in loaded
    late = [each for each in loaded if each.split(".")[0] in _LATE or each.startswith(_LATE + _LATE_FILES)]
    assert late == []
    screens = [each for each in loaded if each.startswith("curator.tui.screens.")]
    names = ("images", "images.browse", "images.filtered", "images.from_browse", "lazily")
    assert sorted(screens) == [f"curator.tui.screens.{each}" for each in names]


def test_what_is_remembered_is_looked_for_at_once(session) -> None:
    early = EarlyLook(session, "cat", 0)
    early._thread.join()
    found = early.found()
    assert found
    assert (found.text, len(found.result)) == ("cat", 1)


def test_a_long_look_is_given_up(session, monkeypatch) -> None:
    """The screen asks again in a worker, and the lookout stops."""
    begun, stopped = threading.Event(), threading.Event()

    def long_look(reader, text, wanted, is_cancelled):
        begun.set()
        while not is_cancelled():
            pass
        stopped.set()
        raise UserError("too late", "")

    monkeypatch.setattr(finding, "find_first", long_look)
    early = EarlyLook(session, "path:x", 0)
    begun.wait()
    assert early.found() is None
    early._thread.join()
    assert stopped.is_set()


def test_a_remembered_mistake_is_left_to_the_screen(session) -> None:
    early = EarlyLook(session, "wdith>3", 0)
    early._thread.join()
    assert early.found() is None


@pytest.mark.parametrize("size", [(40, 12), (80, 24), (120, 40), (200, 60)])
async def test_the_first_screen_has_its_classes_before_its_styles_are_looked_up(
    drive: Drive, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]
) -> None:
    """Textual gives them when it hears of its size, in a terminal later. Nor are they looked up when it is shown."""
    again: list[int] = []
    early: list[frozenset[str]] = []
    look_up, compose = BrowseScreen.update_node_styles, BrowseScreen.compose

    def noted(screen: BrowseScreen, animate: bool = True) -> None:
        again.append(len(screen.children))
        look_up(screen, animate)

    def composed(screen: BrowseScreen) -> ComposeResult:
        screen.remove_class(
            *(name for _, name in FriezeApp.HORIZONTAL_BREAKPOINTS + FriezeApp.VERTICAL_BREAKPOINTS)
        )
        widgets = compose(screen)
        first = next(iter(widgets))
        early.append(screen.classes)
        yield first
        yield from widgets

    monkeypatch.setattr(BrowseScreen, "update_node_styles", noted)
    monkeypatch.setattr(BrowseScreen, "compose", composed)
    async with drive(size) as it:
        await it.until(lambda: it.app.screen.size == size and it.shown("#images").size)
        assert not any(again)  # at most while it had no widgets yet
        assert early == [it.app.screen.classes]


async def test_panels_are_restored(drive: Drive) -> None:
    async with drive((120, 40)) as it:
        await it.press("t")
        await it.sees("animal")
        await it.press("q")
    async with drive((120, 40)) as it:
        await it.until(lambda: it.shown("#facets").display)


async def test_garbage_is_searched_for_again_once_the_app_stands(drive: Drive) -> None:
    memory.begin()
    try:
        assert not gc.isenabled()
        async with drive() as it:
            await it.until(gc.isenabled)
    finally:
        gc.enable()


def test_all_that_is_there_is_searched_for_garbage_at_rest_and_not_between_keys() -> None:
    class Node:
        def __init__(self) -> None:
            self.itself = self

    searched: list[int] = []

    def note(phase: str, about: dict[str, int]) -> None:
        if phase == "stop":
            searched.append(about["generation"])

    memory.begin()
    memory.settle()
    gc.callbacks.append(note)
    try:
        dropped = weakref.ref(Node())
        kept = [[at] for at in range(200_000)]  # pictures, say
        assert len(kept) == 200_000
        assert 1 in searched
        assert 2 not in searched
        old = Node()
        gc.collect(1)  # it is no longer young when it is dropped
        forgotten = weakref.ref(old)
        del old
        gc.collect(1)
        assert dropped() is None
        assert forgotten() is not None
        memory.trim()
        assert forgotten() is None
    finally:
        gc.callbacks.remove(note)


def test_an_app_keeps_little_and_gives_memory_back(session) -> None:
    """What the session answers does not depend on it."""
    before = session.images.select("").ids.tolist()
    memory.keep_little(session)
    memory.give_back()
    memory.trim()
    (pages,) = inside(session)._database.connection.execute("PRAGMA cache_size").fetchone()
    assert pages == -8192
    index = inside(session)
    assert index.bitmaps.most_bytes == index.columns.most_bytes == 28 << 20
    assert session.images.select("").ids.tolist() == before


def test_damage_met_while_the_app_runs_is_a_sentence(tmp_path, monkeypatch) -> None:
    """As a command would say it, with the way back; what fails on a sound index stays a bug."""
    with Session.create(tmp_path):
        pass
    file = tmp_path / "frieze.db"

    def dies(app: FriezeApp) -> None:
        app._exception = sqlite3.DatabaseError("database disk image is malformed")

    def damages(app: FriezeApp) -> None:
        size = file.stat().st_size
        with file.open("r+b") as opened:
            opened.seek(size // 2)
            opened.write(b"\xff" * (size // 2))
        dies(app)

    monkeypatch.setattr(FriezeApp, "run", dies)
    with pytest.raises(sqlite3.DatabaseError):
        run(tmp_path, Start())
    monkeypatch.setattr(FriezeApp, "run", damages)
    with pytest.raises(UserError, match=r"the index in .* is damaged"):
        run(tmp_path, Start())
