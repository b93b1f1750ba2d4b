"""Pictures of the app's screens, as SVG and as text: `python -m tests.docs.screens` writes docs/screens."""

from __future__ import annotations

import asyncio
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from textual.widgets import Input

from curator.session.session import Session
from curator.tui.app import FriezeApp
from curator.tui.terminal.detection import Terminal
from curator.tui.widgets.lists.line_list import LineList
from tests.docs.shown_collection import shown_collection
from tests.tui.conftest import Driven

FOLDER = Path(__file__).parents[2] / "docs" / "screens"
SIZES = ((120, 40), (80, 24))
_BASELINE = 18.5  # of a line below its top, as Rich places it
_CELL = (12.2, 24.4)  # its width and height there
_QUARTERS = {  # of a cell that each block fills: upper left and right, lower left and right
    sign: ((bool(bits & 1), bool(bits & 2)), (bool(bits & 4), bool(bits & 8)))
    for bits, sign in enumerate(" ▘▝▀▖▌▞▛▗▚▐▜▄▙▟█")
    if bits
}

_VOLATILE = re.compile(
    r"\d{4}-\d\d-\d\d|\d{1,2}:\d\d(:\d\d)?|\d+ (?:s|min|h) ago|just now|[\d.]+ [kMG]iB|/\S+|[\d.]+ ?(?:[a-z]+/)?s\b"
)


class Shown(NamedTuple):
    """A screen: the name of its files, and the way there from Browse, as in `tests.tui.places`."""

    name: str
    steps: tuple[str, ...]


SCREENS = (
    Shown("browse", ("j", "j", "j", "j", "see:tabby")),
    Shown("grid", ("i", "j", "see:brick")),
    Shown("filter", ("slash", "text:outdoors OR cat", "see:5 images")),
    Shown("facets", ("t", "see:no humans")),
    Shown("image", ("slash", "text:cat", "enter", "enter", "see:1/1")),
    Shown("captions-of-an-image", ("j", "j", "j", "j", "n", "see:epoch 1")),
    Shown("explanation", ("j", "j", "j", "j", "w", "see:epoch 1")),
    Shown("statistics", ("S", "see:tags an image")),
    Shown("sidecars", ("W", "enter", "see:to write")),
    Shown("copies", ("D", "see:group 1 of 1")),
    Shown("subsets", ("2", "see:steps per epoch")),
    Shown("caption-rules", ("2", "see:steps per epoch", "c", "see:trigger")),
    Shown("captions", ("3", "see:step 1 of")),
    Shown("freeze", ("4", "see:steps per epoch")),
    Shown("export", ("4", "see:steps per epoch", "X", "see:copy images")),
    Shown("report", ("4", "see:steps per epoch", "R", "see:mind whom")),
    Shown("train", ("5", "see:[5 Train]")),
    Shown("launch", ("5", "see:[5 Train]", "L", "see:Start training")),
    Shown("runs", ("6", "see:160/240")),
    Shown("dashboard", ("6", "see:160/240", "enter", "see:leaves it running")),
    Shown("samples", ("6", "see:160/240", "enter", "see:leaves it running", "o", "see:a rocket")),
    Shown("comparison", ("6", "see:160/240", "c", "see:Compare", "enter", "see:unet_lr")),
    Shown("weights", ("6", "see:160/240", "j", "E", "see:a file of the run")),
    Shown("caches", ("6", "see:160/240", "C", "see:entries of latents", "v", "see:sound")),
    Shown("models", ("6", "see:160/240", "M", "see:read by")),
    Shown("merge", ("6", "see:160/240", "M", "see:read by", "m", "see:Merge models")),
    Shown("grids", ("6", "see:160/240", "A", "see:8 of 8 images")),
    Shown("images-of-a-grid", ("6", "see:160/240", "A", "see:8 of 8 images", "enter", "see:8 cells")),
    Shown(
        "judge",
        ("6", "see:160/240", "A", "see:8 of 8 images", "J", "see:which is judged", "enter", "see:6 of 12"),
    ),
    Shown("queue", ("6", "see:160/240", "Q", "see:Queue:")),
    Shown("history", ("7", "see:rename")),
    Shown("prepare", ("8", "see:would change")),
    Shown("pick", ("8", "see:would change", "p", "see:Pick images")),
    Shown("tagging", ("9", "see:stopped")),
    Shown("proposals", ("9", "see:stopped", "enter", "see:tags to add")),
    Shown("tags", ("0", "see:no humans")),
    Shown("keys", ("question_mark", "see:Keys here")),
    Shown("commands", ("colon", "see:All commands")),
)


class Capture(NamedTuple):
    """A screen as it is seen: its picture, and its text."""

    svg: str
    text: str


async def captured(
    session: Session, size: tuple[int, int], steps: Sequence[str], wanted: str = ""
) -> Capture:
    """What an app of so many columns x lines shows at the end of a way, with nothing remembered of the one before.

    It is waited for `wanted`, a comparable text, else until the screen stays as it is.
    """
    for each, first in (("screen", "browse"), ("panels", {}), ("filter", ""), ("image", 0)):
        session.memory.keep(each, first)
    app = FriezeApp(session)
    app.show_pictures_in(Terminal(has_true_colours=True))
    async with app.run_test(size=size) as pilot:
        it = Driven(app, pilot)
        await it.until(lambda: app.screen.query(LineList) and it.images.count)
        for step in steps:
            await _take(it, step)
        if wanted:
            await it.until(lambda: comparable(it.text) == wanted)
        text = it.text if wanted else await _settled(it)
        return Capture(compact(app.export_screenshot()), text)


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
    last, same = "", 0
    for _ in range(2000):
        await asyncio.sleep(0.05)
        await it.pilot.pause()
        same = same + 1 if it.text == last else 0
        if same == 6:
            return last
        last = it.text
    raise AssertionError(f"the screen goes on changing:\n{last}")


def comparable(text: str) -> str:
    """A screen's text without times, speeds, sizes on disk and paths, and without spaces that make up for these.

    An image is there or not: which blocks it is drawn in depends on the last bit of its pixels.
    """
    text = re.sub(r"[▀▄▌▐▖▗▘▙▚▛▜▝▞▟][▀▄▌▐▖▗▘▙▚▛▜▝▞▟ ]*", "▀ ", _VOLATILE.sub("~", text))
    return re.sub(r"[ ─]+(\n|$)", r"\1", re.sub(r"[ ─]+", " ", text))


def _rectangles(colour: str, left: float, top: float, sign: str) -> str:
    """The parts of one cell that a block fills: its quarters, those of a half or a side as one."""
    width, height = _CELL
    made = ""
    for y, row in enumerate(_QUARTERS[sign]):
        if any(row):
            x, across = (0, width) if all(row) else (row.index(True) * width / 2, width / 2)
            made += (
                f'<rect fill="{colour}" x="{left + x:.1f}" y="{top + y * height / 2:.1f}" '
                f'width="{across:.1f}" height="{height / 2 + 0.5:.1f}"/>'
            )
    return made


def compact(svg: str) -> str:
    """Textual's picture of a screen, half its size: blocks as rectangles, so that no font shows seams."""
    svg = re.sub(r"terminal-\d+-", "", svg)
    colours = dict(re.findall(r"\.(r\d+) \{ fill: (#\w+)", svg))
    svg = re.sub(r'<clipPath id="line-\d+">.*?</clipPath>\s*', "", svg, flags=re.DOTALL)
    svg = re.sub(r' clip-path="url\(#line-\d+\)"', "", svg)
    svg = svg.replace(' shape-rendering="crispEdges"', "").replace(
        "<style>", "<style> rect { shape-rendering: crispEdges }", 1
    )
    cells = re.compile(
        rf'<text class="(r\d+)" x="([\d.]+)" y="([\d.]+)"[^>]*>([{"".join(_QUARTERS)}]+)</text>'
    )
    svg = cells.sub(
        lambda found: "".join(
            _rectangles(colours[found[1]], float(found[2]) + at * _CELL[0], float(found[3]) - _BASELINE, sign)
            for at, sign in enumerate(found[4])
        ),
        svg,
    )
    used = set(re.findall(r'class="(r\d+)"', svg))
    return re.sub(r"\.(r\d+) \{[^}]*\}\n", lambda found: found[0] if found[1] in used else "", svg)


async def _write(folder: Path) -> None:
    FOLDER.mkdir(exist_ok=True)
    with shown_collection(folder) as session:
        for columns, lines in SIZES:
            for name, steps in SCREENS:
                svg, text = await captured(session, (columns, lines), steps)
                file = FOLDER / f"{name}-{columns}x{lines}"
                file.with_suffix(".txt").write_text(text + "\n", "utf-8")
                file.with_suffix(".svg").write_text(svg, "utf-8")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        asyncio.run(_write(Path(made)))
