"""Themes: every text is read on its ground, the terminal's own colours stay its own, and no colour tells alone."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import NamedTuple

import pytest
from rich.color import Color, ColorType
from rich.style import Style
from textual.color import Color as Shade
from textual.geometry import Region

from curator.session.session import Session
from curator.tui import meanings
from curator.tui.app import FriezeApp
from curator.tui.theme import THEMES, dress
from curator.tui.widgets.cells.picture_cells import PictureCells
from curator.tui.widgets.facet_panel import FacetPanel
from curator.tui.widgets.frame.panel_title import PanelTitle
from curator.tui.widgets.preview import Preview
from tests.docs.screens import _take
from tests.docs.shown_collection import shown_collection
from tests.tui.conftest import Drive, Driven

TEXT, MARK = (
    4.5,
    3.0,
)  # WCAG 2.2 for text (1.4.3), and for what is seen as a shape (1.4.11): lines, bars, dots
_SHAPES = range(0x2500, 0x25A0)  # lines and blocks
_BLOCKS = range(0x2580, 0x25A0)
_DOTS = range(0x2800, 0x2900)  # of plots

CLASSES = ("artist", "copyright", "character", "general", "meta", "rating")
WAY = (  # through the app: keys to a place
    ("j", "space", "y", "see:Tags"),
    ("tab",),
    ("tab", "i", "see:brick"),
    ("i", "t", "see:photograph"),
    ("escape", "slash", "text:wdith>3", "see:did you mean"),
    ("escape", "slash", "text:chels", "see:character"),
    ("escape", "escape", "enter", "see:left"),
    ("escape", "a", "text:nas", "see:copyright"),
    ("escape", "2", "see:steps per epoch"),
    ("e", "see:loss weight"),
    ("escape", "3", "see:step 1 of"),
    ("4", "see:WARN"),
    ("5", "see:learning rate"),
    ("6", "see:160/240"),
    ("7", "see:mark keep"),
    ("8", "see:would change"),
    ("9", "see:stopped", "enter", "see:tags to add"),
    ("escape", "0", "see:no humans"),
    ("question_mark", "see:enter does it"),
)


def contrast(one: Shade, other: Shade) -> float:
    """As WCAG defines it: 1 for the same colour, 21 for black on white."""
    darker, lighter = sorted(map(luminance, (one, other)))
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: Shade) -> float:
    parts = (
        each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in colour.normalized
    )
    return sum(share * part for share, part in zip((0.2126, 0.7152, 0.0722), parts, strict=True))


class Drawn(NamedTuple):
    """One character as it is drawn, the colours turned round where it is."""

    sign: str
    text: Color
    ground: Color

    def __str__(self) -> str:
        return f"{self.sign} {self.text.name} on {self.ground.name}"

    @property
    def contrast(self) -> float:
        return contrast(*(Shade.from_rich_color(each) for each in (self.text, self.ground)))

    @property
    def least(self) -> float:
        return MARK if ord(self.sign) in _SHAPES or ord(self.sign) in _DOTS else TEXT


def drawn(it: Driven) -> Iterator[Drawn]:
    """What is seen of the screen, without images; of a dialog that alone."""
    screen = it.app.screen
    dialogs = [each.region for each in screen.query(".dialog")]
    images = [each.region for each in screen.query(Preview)]
    grids = [each.region for each in screen.query(PictureCells) if each.shape]
    for y, strip in enumerate(screen._compositor.render_strips()):
        x = 0
        for segment in strip:
            for sign in segment.text:
                is_image = any(region.contains(x, y) for region in images) or (
                    ord(sign) in _BLOCKS and any(region.contains(x, y) for region in grids)
                )
                if sign.strip() and not is_image and _is_in(dialogs, x, y):
                    yield _drawn(sign, segment.style or Style.null())
                x += 1


def _is_in(regions: list[Region], x: int, y: int) -> bool:
    return not regions or any(region.contains(x, y) for region in regions)


def _drawn(sign: str, style: Style) -> Drawn:
    assert style.color is not None
    assert style.bgcolor is not None
    pair = (style.color, style.bgcolor)
    return Drawn(sign, *(pair[::-1] if style.reverse else pair))


@pytest.mark.parametrize("name", ["dark", "light"])
def test_each_colour_of_a_theme_is_read_on_each_of_its_grounds(name: str) -> None:
    """Whatever meets on a screen: tags of all classes, findings, changes, on panels, under cursors, where one types."""
    app = FriezeAppless(name)
    grounds = ("background", "surface", "panel", "elsewhere", "entry")
    names = {"primary", "secondary", "foreground", "title", "quiet"}
    for text, ground in product(names, grounds):
        assert contrast(app.variable(text), app.variable(ground)) >= TEXT, (text, ground)
    used = {
        each.removeprefix("bold ")
        for each in (
            meanings.FINDING, meanings.MISTAKE, meanings.ADDED, meanings.REMOVED, meanings.QUIET, meanings.BAR,
            meanings.SECTION, *map(meanings.of_class, (*CLASSES, "of one's own")),
        )
    }  # fmt: skip
    assert len(used) == 13
    for text, ground in product(used, grounds):
        assert contrast(app.named(text), app.variable(ground)) >= TEXT, (text, ground)
    assert contrast(app.variable("cursor-text"), app.variable("cursor")) >= TEXT
    for ground in ("background", "surface"):
        assert contrast(app.variable("rule"), app.variable(ground)) >= MARK


class FriezeAppless:
    """The colours of a theme, without an app that runs."""

    def __init__(self, name: str) -> None:
        from textual.app import App

        self._app: App[None] = App()
        dress(self._app, name)

    def variable(self, name: str) -> Shade:
        theme = THEMES[self._app.theme]
        value = theme.variables.get(name) or getattr(theme, name)
        return Shade.parse(str(value))

    def named(self, name: str) -> Shade:
        return Shade.from_rich_color(
            Color.from_triplet(Color.parse(name).get_truecolor(self._app.ansi_theme)), None
        )


async def test_what_is_drawn_is_read_in_every_theme_and_the_terminal_s_own_has_its_16_colours(
    tmp_path: Path,
) -> None:
    wrong = set[str]()
    with shown_collection(tmp_path) as session:
        app = FriezeApp(session)
        async with app.run_test(size=(120, 40)) as pilot:
            it = Driven(app, pilot)
            await it.until(lambda: it.images.count)
            for steps in WAY:
                for step in steps:
                    await _take(it, step)
                for name in THEMES:
                    dress(app, name)
                    await pilot.pause()
                    wrong |= {
                        f"{name}, {steps[-1]}: {each}" for each in drawn(it) if not _is_read(each, name)
                    }
    assert not wrong, "\n" + "\n".join(sorted(wrong))


def _is_read(each: Drawn, theme: str) -> bool:
    if theme == "terminal":
        return {each.text.type, each.ground.type} <= {ColorType.DEFAULT, ColorType.STANDARD}
    return each.contrast >= each.least


async def test_a_theme_is_chosen_in_the_app_and_remembered(drive: Drive, session: Session) -> None:
    async with drive((80, 24)) as it:
        assert it.app.theme == "dark"
        ground = {str(each.ground) for each in drawn(it)}
        await it.press("f3")
        await it.sees("what suits this terminal")
        await it.type("light")
        await it.press("enter")
        await it.until(lambda: it.app.theme == "light" and len(it.app.screen_stack) == 1)
        await it.pilot.pause()
        assert not ground & {str(each.ground) for each in drawn(it)}
        await it.until(lambda: session.memory.recall("theme", {}) == {"": "light"})


async def test_without_colours_signs_tell_the_same(
    drive: Drive, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    session.tags.set_class(["dog"], "character")
    seen = list[str]()
    for variable in (None, "1"):
        if variable:
            monkeypatch.setenv("NO_COLOR", variable)
        async with drive((120, 40)) as it:
            await it.press("y", "x", "g")
            await it.until(lambda: "+ 01 cat" in it.text and "- 02 dog" in it.text)
            heavy = [each for each in it.app.screen.query(PanelTitle) if "━" in each.render_line(0).text]
            assert [each.plain for each in heavy] == ["Images"]
            cursor = next(each for each in it.images.render_line(0) if each.text.strip())
            assert cursor.style is not None
            assert cursor.style.reverse
            await it.press("t")
            await it.sees("dog")
            assert " ch" in next(line for line in it.text.splitlines() if " dog " in line and " of " in line)
            elsewhere = next(each for each in it.images.render_line(0) if each.text.strip())
            assert elsewhere.style is not None
            assert bool(elsewhere.style.underline) == bool(variable)
            await it.until(lambda: "~" not in it.text.split("Tags of")[1])
            colours = {each.text.triplet for each in drawn(it) if each.text.triplet}
            assert any(len(set(triplet)) > 1 for triplet in colours) == (variable is None)
            seen.append(it.text)
            assert it.app.screen.query_one(FacetPanel).has_focus
            await it.press("escape", "u", "u")
            await it.until(lambda: "+ 01 cat" not in it.text and "- 02 dog" not in it.text)
    assert seen[0] == seen[1]
