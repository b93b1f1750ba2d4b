"""Layout: at every size and place of the app each widget lies inside its screen, and no text is cut without a sign."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from PIL import Image
from textual.app import App
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Input, Label

import curator.tui.screens
from curator.contract.errors import UserError
from curator.runs.queue import keeper
from curator.session.session import Session
from curator.session.training import models
from curator.session.training.grids import compare_grid
from curator.session.training.runs import Runs
from curator.tui.app import FriezeApp
from curator.tui.judge_app import JudgeApp
from curator.tui.messages import StatusChanged, UserErrorRaised
from curator.tui.offer_app import OfferApp
from curator.tui.widgets.frame import status_line
from curator.tui.widgets.lists.line_list import LineList
from curator.tui.widgets.lists.lines import Lines, Passage
from curator.tui.widgets.lists.wrapped_list import WrappedList
from tests.tui.conftest import Driven
from tests.tui.places import (
    LATER,
    LONG_CAPTION,
    LONG_TEXTS,
    MERGE,
    OUTLOOK,
    PLACES,
    Place,
    full_collection,
    more_came_since,
)
from tests.tui.screens.workshop.test_judge import make_grid

NORMAL = (80, 24)
SIZES = ((40, 12), NORMAL, (120, 40), (200, 60))
_KNOWN_BY = 12  # cells of a long text by which it is recognised where it is cut


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    with full_collection(tmp_path_factory.mktemp("full")) as session:
        yield session


@asynccontextmanager
async def opened(session: Session, size: tuple[int, int]) -> AsyncIterator[Driven]:
    session.memory.keep("screen", "browse")
    app = FriezeApp(session)
    async with app.run_test(size=size) as pilot:
        it = Driven(app, pilot)
        await it.until(lambda: app.screen.query(LineList) and it.images.count)
        yield it


async def walk(it: Driven, place: Place) -> None:
    """Go to a place from Browse."""
    for step in place.steps:
        kind, _, text = step.partition(":")
        if kind == "text":
            await it.type(text.format(folder=it.app.session.folder.parent))
        elif kind == "see":
            shown = (lambda: it.text) if text.startswith("[") else (lambda: it.body)
            await it.until(lambda text=text, shown=shown: _squeezed(text) in _squeezed(shown()))
        else:
            await it.press(step)
    await it.pilot.pause()


async def walk_back(it: Driven) -> None:
    """Leave what was opened, and go back to Browse as it was at first."""
    while len(it.app.screen_stack) > 1 or isinstance(it.app.focused, Input):
        await it.press("escape")
    await it.press("1")
    browse = it.app.screen
    browse.set_focus(it.images)
    browse._panels._kept.clear()
    browse.on_resize()
    it.images.go(0)
    it.images._select(type(it.images.selected)())
    browse.show_filter("")
    await it.until(lambda: it.images.count == 7)


def _squeezed(text: str) -> str:
    return "".join(text.split())


# what is wrong


def shown_widgets(screen: Screen) -> list[Widget]:
    return [
        widget
        for widget in screen.walk_children(Widget)
        if all(each.display for each in widget.ancestors_with_self if isinstance(each, Widget))
    ]


def outside(widget: Widget) -> str:
    """How a widget sticks out of what it lies in; in a container that scrolls up and down only to the sides."""
    parent = widget.screen if widget.styles.overlay == "screen" else widget.parent
    assert isinstance(parent, Widget)
    here, room = widget.region, parent.content_region if parent.region else parent.region
    if widget.styles.dock != "none" or parent.is_scrollable:
        room = parent.region
    scrolls = parent.allow_vertical_scroll
    if here.x < room.x or here.right > room.right:
        return f"{here} is wider than {room}"
    if not scrolls and (here.y < room.y or here.bottom > room.bottom):
        return f"{here} is higher than {room}"
    return ""


def too_small(widget: Widget) -> str:
    if not widget.size.area and (widget.can_focus or isinstance(widget, Lines)):
        return f"has no room: {widget.region}"
    if isinstance(widget, Input) and widget.size.width < 12:
        return f"only {widget.size.width} cells to type in"
    return ""


def drawn(widget: Widget) -> list[str]:
    return [strip.text for strip in widget.render_lines(widget.outer_size.region)]


def cut_silently(widget: Widget) -> str:
    """A text that ends somewhere without a word or `…` for it."""
    lines = drawn(widget)
    if isinstance(widget, Label | Passage):
        said = widget.plain if isinstance(widget, Passage) else str(widget.render())
        if _squeezed(said) != _squeezed("".join(lines)) and not any(
            line.rstrip().endswith("…") for line in lines
        ):
            return f"{said!r} is drawn as {lines}"
    elif isinstance(widget, Input):
        if len(widget.value) > widget.size.width and "…" not in lines[0]:
            return f"{widget.value!r} is drawn as {lines}"
    elif isinstance(widget, LineList) and not widget.count:
        if widget.empty not in lines[0] and "…" not in lines[0]:
            return f"{widget.empty!r} is drawn as {lines[0]!r}"
    else:
        for line in lines:
            for text in LONG_TEXTS:
                at = line.find(text[:_KNOWN_BY])
                if at >= 0 and text not in line and "…" not in line[at:] and "..." not in line[at:]:
                    return f"{text!r} is drawn as {line!r}"
    return ""


def _is_wrapped(widget: Widget) -> bool:
    """Whether its texts are whole, in as many lines as each needs."""
    return isinstance(widget, WrappedList)


def faults(app: App[None], where: str) -> list[str]:
    return [
        f"{where}: {widget.css_identifier} {fault}"
        for widget in shown_widgets(app.screen)
        for fault in (outside(widget), too_small(widget), "" if _is_wrapped(widget) else cut_silently(widget))
        if fault
    ]


async def faults_of_a_comparison(folder: Path) -> list[str]:
    """Of the app that asks which image is better, which has no collection and is no place of the other."""
    make_grid(folder, LONG_CAPTION)
    app, wrong = JudgeApp(compare_grid(folder)), list[str]()
    async with app.run_test(size=NORMAL) as pilot:
        for keys in ((), ("left",), ("space", "space")):
            await pilot.press(*keys)
            for size in SIZES:
                await pilot.resize_terminal(*size)
                await pilot.pause()
                wrong += faults(app, f"a comparison, after {keys}, at {size[0]}x{size[1]}")
    return wrong


async def faults_of_an_offer(folder: Path) -> list[str]:
    """Of the app that offers to index a folder, which has no collection either."""
    for name in ("10_flower", LONG_TEXTS[0]):
        (folder / name).mkdir(parents=True)
        Image.new("RGB", (8, 8)).save(folder / name / "1.png")
    (folder / LONG_TEXTS[0] / "multiply.txt").write_text("2.5")
    app, wrong = OfferApp(folder), list[str]()
    async with app.run_test(size=NORMAL) as pilot:
        await Driven(app, pilot).sees("repeats of kohya")
        for size in SIZES:
            await pilot.resize_terminal(*size)
            await pilot.pause()
            wrong += faults(app, f"an offer at {size[0]}x{size[1]}")
    return wrong


@pytest.mark.slow
async def test_every_place_fits_every_screen(full, monkeypatch, tmp_path):
    """A screen, dialog or form that is new in the code needs a line in the table of places, and is tested with it."""
    screens, made, wrong = _screens(), set[str](), list[str]()
    for each in screens:
        monkeypatch.setattr(each, "__init__", _noted(each.__init__, made))
    monkeypatch.setattr(Runs, "preflight", lambda *_: OUTLOOK)
    monkeypatch.setattr(keeper, "PROGRAM", ("-c", ""))  # of the queue: it begins nothing
    for program in ("merge_models", "bake_adapters"):
        monkeypatch.setattr(models, program, lambda *_, **__: MERGE)
    async with opened(full, NORMAL) as it:
        for place in (*PLACES, *LATER):
            if place is LATER[0]:
                more_came_since(full)
            await walk(it, place)
            for size in SIZES:
                await it.pilot.resize_terminal(*size)
                await it.pilot.pause()
                wrong += faults(it.app, f"{place.name} at {size[0]}x{size[1]}")
            await it.pilot.resize_terminal(*NORMAL)
            await walk_back(it)
    wrong += await faults_of_a_comparison(tmp_path)
    wrong += await faults_of_an_offer(tmp_path / "offer")
    assert not wrong, "\n" + "\n".join(wrong)
    assert not sorted(_made_in_code({each.__name__ for each in screens}) - made)


@pytest.mark.parametrize("size", [(40, 12), NORMAL])
async def test_the_end_of_what_is_typed_is_seen_in_every_form(full, size):
    async with opened(full, size) as it:
        for place in PLACES:
            if place.name in (
                "edit a caption",
                "edit a subset",
                "pick",
                "import",
                "add tags",
                "scan a folder",
            ):
                await walk(it, place)
                await it.type("x" * 200 + " the end")
                await it.sees("xx the end")
                await it.press("home")
                await it.sees("…")
                await walk_back(it)


# the status line


async def test_a_note_lies_over_nothing_and_stays_until_a_key_is_pressed(drive, monkeypatch):
    monkeypatch.setattr(status_line, "_READ_AFTER_S", 0)
    async with drive(NORMAL) as it:
        await it.until(lambda: it.preview._lines)  # the image is drawn
        before = it.text.splitlines()
        await it.press("u")
        await it.sees("Nothing to undo.")
        after = it.text.splitlines()
        assert [line for line, was in zip(after, before, strict=True) if line != was] == [after[-2]]
        await it.press("j")
        await it.until(lambda: "Nothing to undo." not in it.text)


async def test_a_key_that_was_on_its_way_takes_no_note_away(drive, monkeypatch):
    monkeypatch.setattr(status_line, "_READ_AFTER_S", 600)
    async with drive(NORMAL) as it:
        await it.press("u", "j", "k")
        await it.sees("Nothing to undo.")


async def test_a_long_mistake_is_read_whole_and_progress_keeps_out_of_the_tabs(drive):
    what = "the folder has no images that anybody could use " * 3
    async with drive(NORMAL) as it:
        it.app.screen.post_message(StatusChanged("freezing 123,456/3,600,000 and then some more words"))
        it.app.screen.post_message(UserErrorRaised(UserError(what, "[b]give[/b] another one")))
        await it.sees("[b]give[/b] another one")
        lines = it.text.splitlines()
        assert _squeezed(what) in _squeezed(it.text)
        assert "freezing" not in lines[0]
        assert "7 History" in lines[0]
        await it.press("3")
        await it.sees("freezing 123,456/3,600,000 and then some more words")
        it.app.screen.post_message(StatusChanged(""))
        await it.press("1")
        await it.until(lambda: "freezing" not in it.text)


# the list of keys


async def test_keys_of_the_panel_come_first_and_a_key_is_found_by_itself(drive):
    async with drive(NORMAL) as it:
        await it.press("question_mark")
        await it.sees("mark keep, next image")
        lines = it.text.splitlines()
        assert not any("half a page" in line or "grid: to" in line for line in lines)
        places = [next(at for at, line in enumerate(lines) if word in line) for word in (
            "select and step on", "filter as you type", "add tags", "mark keep",
        )]  # fmt: skip
        assert places == sorted(places)
        await it.type("x")
        await it.until(lambda: "reject" in next(line for line in it.text.splitlines() if "mark" in line))
        await it.press("escape", "i", "question_mark")
        await it.type("grid")
        await it.sees("in the grid: to the right")


# what there is in the code


def _modules() -> list[str]:
    rooms = curator.tui.screens
    return [each.name for each in pkgutil.walk_packages(rooms.__path__, f"{rooms.__name__}.")]


def _screens() -> set[type]:
    """All screens of the app, dialogs and forms among them."""
    for name in _modules():
        importlib.import_module(name)
    found: set[type] = set()
    waiting: list[type] = [Screen]
    while waiting:
        for each in waiting.pop().__subclasses__():
            waiting.append(each)
            if each.__module__.startswith("curator.tui"):
                found.add(each)
    return found


def _made_in_code(names: set[str]) -> set[str]:
    """`file:line` of every place in the code of the app that makes a screen."""
    folder = Path(curator.tui.screens.__file__ or "").parents[1]
    return {
        f"{path.name}:{node.lineno}"
        for path in folder.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names
    }


def _noted(plain: Callable[..., None], made: set[str]) -> Callable[..., None]:
    """An `__init__` that notes which line of the code it was called from."""

    def init(self: object, *args: object, **kwargs: object) -> None:
        caller = sys._getframe(1)
        made.add(f"{Path(caller.f_code.co_filename).name}:{caller.f_lineno}")
        plain(self, *args, **kwargs)

    return init
