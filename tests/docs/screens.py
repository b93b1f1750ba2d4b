"""Pictures of the app's screens, as SVG and as text: `python -m tests.docs.screens` writes docs/screens."""

from __future__ import annotations

import asyncio
import re
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

from textual.widgets import Input

from curator.session.session import Session
from curator.tui.app import FriezeApp
from curator.tui.widgets.line_list import LineList
from tests.docs.shown_collection import shown_collection
from tests.tui.conftest import Driven

FOLDER = Path(__file__).parents[2] / "docs" / "screens"
SIZES = ((120, 40), (80, 24))
_BASELINE = 18.5  # of a line below its top, as Rich places it
_VOLATILE = re.compile(
    r"\d{4}-\d\d-\d\d|\d{1,2}:\d\d(:\d\d)?|\d+ (?:s|min|h) ago|just now|[\d.]+ [kMG]iB|/\S+|[\d.]+ ?(?:it/s|img/s|s)\b"
)


class Shown(NamedTuple):
    """A screen: the name of its files, and the way there from Browse, as in `tests.tui.places`."""

    name: str
    steps: tuple[str, ...]


SCREENS = (
    Shown("browse", ("j", "j", "j", "j", "see:451x300 ->")),
    Shown("filter", ("slash", "text:outdoors OR cat", "see:5 images")),
    Shown("facets", ("t", "see:no humans")),
    Shown("image", ("slash", "text:cat", "enter", "enter", "see:1/1")),
    Shown("captions-of-an-image", ("j", "j", "j", "j", "n", "see:epoch 1")),
    Shown("copies", ("D", "see:group 1 of 1")),
    Shown("subsets", ("2", "see:steps per epoch")),
    Shown("caption-rules", ("2", "see:steps per epoch", "c", "see:trigger")),
    Shown("captions", ("3", "see:step 1 of")),
    Shown("freeze", ("4", "see:steps per epoch")),
    Shown("train", ("5", "see:[5 Train]")),
    Shown("launch", ("5", "see:[5 Train]", "L", "see:Start training")),
    Shown("runs", ("6", "see:running")),
    Shown("dashboard", ("6", "see:running", "enter", "see:leaves it running")),
    Shown("comparison", ("6", "see:running", "c", "see:Compare", "enter", "see:unet_lr")),
    Shown("queue", ("6", "see:running", "Q", "see:Queue:")),
    Shown("history", ("7", "see:rename")),
    Shown("prepare", ("8", "see:would change")),
    Shown("pick", ("8", "see:would change", "p", "see:Pick images")),
    Shown("tagging", ("9", "see:stopped")),
    Shown("proposals", ("9", "see:stopped", "enter", "see:tags to add")),
    Shown("keys", ("question_mark", "see:Keys here")),
    Shown("commands", ("colon", "see:All commands")),
)


async def screens(session: Session, size: tuple[int, int]) -> AsyncIterator[tuple[str, FriezeApp, str]]:
    """Each screen at a size, columns x lines: its name, the app that shows it, and its text."""
    for name, steps in SCREENS:
        session.memory.keep("screen", "browse")
        app = FriezeApp(session)
        async with app.run_test(size=size) as pilot:
            it = Driven(app, pilot)
            await it.until(lambda app=app, it=it: app.screen.query(LineList) and it.images.count)
            for step in steps:
                await _take(it, step)
            yield name, app, await _settled(it)


async def _take(it: Driven, step: str) -> None:
    kind, _, text = step.partition(":")
    if kind == "text":
        await it.type(text)
    elif kind == "see":
        await it.sees(text)
    else:
        await it.press(step)
        if isinstance(it.app.focused, Input):
            it.app.focused.cursor_blink = False


async def _settled(it: Driven) -> str:
    """The screen's text once it stays: images are drawn and counts are told."""
    last = ""
    for _ in range(2000):
        await asyncio.sleep(0.05)
        await it.pilot.pause()
        if it.text == last:
            return last
        last = it.text
    raise AssertionError(f"the screen goes on changing:\n{last}")


def comparable(text: str) -> str:
    """A screen's text without times, speeds, sizes on disk and paths, and without spaces that make up for these."""
    return re.sub(r"[ ─]+", " ", _VOLATILE.sub("~", text))


def compact(svg: str) -> str:
    """Textual's picture of a screen, a third of its size: half blocks as rectangles, so that no font shows seams."""
    svg = re.sub(r"terminal-\d+-", "", svg)
    colours = dict(re.findall(r"\.(r\d+) \{ fill: (#\w+)", svg))
    svg = re.sub(r'<clipPath id="line-\d+">.*?</clipPath>\s*', "", svg, flags=re.DOTALL)
    svg = re.sub(r' clip-path="url\(#line-\d+\)"', "", svg)
    svg = svg.replace(' shape-rendering="crispEdges"', "").replace(
        "<style>", "<style> rect { shape-rendering: crispEdges }", 1
    )
    half = re.compile(r'<text class="(r\d+)" x="([\d.]+)" y="([\d.]+)" textLength="([\d.]+)">▀+</text>')
    svg = half.sub(
        lambda found: (
            f'<rect fill="{colours[found[1]]}" x="{found[2]}" y="{float(found[3]) - _BASELINE:.1f}" '
            f'width="{found[4]}" height="12.7"/>'
        ),
        svg,
    )
    used = set(re.findall(r'class="(r\d+)"', svg))
    return re.sub(r"\.(r\d+) \{[^}]*\}\n", lambda found: found[0] if found[1] in used else "", svg)


async def _write(folder: Path) -> None:
    FOLDER.mkdir(exist_ok=True)
    with shown_collection(folder) as session:
        for columns, lines in SIZES:
            async for name, app, text in screens(session, (columns, lines)):
                file = FOLDER / f"{name}-{columns}x{lines}"
                file.with_suffix(".txt").write_text(text + "\n", "utf-8")
                file.with_suffix(".svg").write_text(compact(app.export_screenshot()), "utf-8")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        asyncio.run(_write(Path(made)))
