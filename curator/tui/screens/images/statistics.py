"""What the images of a filter are like: counts, and how tags, sizes, ratios, tokens and years are spread over them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, cast

from pyroaring import BitMap
from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Label

from curator.contract.text import counted, visible
from curator.tui.background import cancelled, in_background
from curator.tui.filter_text import narrowed
from curator.tui.keyboard.keys import bindings
from curator.tui.screens.dialogs.questions import KEYS as DIALOG_KEYS
from curator.tui.screens.dialogs.questions import said
from curator.tui.widgets.lists.bars import bar
from curator.tui.widgets.lists.line_list import LineList

if TYPE_CHECKING:
    from curator.session.images.images import Spread
    from curator.session.session import Session
    from curator.tui.messages import WorkDone, WorkRefused

_FIELDS = {
    "tags": "tags an image",
    "megapixels": "megapixels",
    "ratio": "aspect ratio (width / height)",
    "tokens": "tokens a caption (75 are read, or what the recipe says)",
    "year": "year",
}
_WHOLE = ("tags", "tokens", "posted", "date")
_FILTERED = ("tags", "megapixels", "ratio", "posted", "date")  # fields of the filter language
_YEARS = {"posted": "posted in", "date": "the file is of"}


class _Line(NamedTuple):
    """What is shown, and the terms of a filter that name its images; none where there are none."""

    text: Text
    share: float | None = None
    images: int = 0
    terms: str = ""


class StatisticsDialog(ModalScreen[str | None]):
    """Enter on a bar gives the filter cut down to its images."""

    BINDINGS = bindings(DIALOG_KEYS, "dialog.close")

    def __init__(self, reader: Session, filter: str, images: BitMap) -> None:
        super().__init__()
        self._reader, self._filter, self._images = reader, filter, images
        self._lines: list[_Line] = []

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog list"):
            title = f"{counted(len(self._images))} of {visible(self._filter) or 'the collection'}"
            yield Label(Text(title, "bold"), classes="path")
            yield Label("", id="totals", markup=False)
            yield LineList(empty=" counting...")
            yield Label("enter shows the images of a bar   esc closes", classes="hint")

    def on_mount(self) -> None:
        self.query_one(LineList).focus()
        in_background(self, "totals", lambda: self._reader.images.totals(self._images))
        in_background(self, "spreads", self._spreads, keys_wait=True)

    def _spreads(self) -> list[tuple[str, Spread]]:
        cancel, images = cancelled(), self._reader.images
        return [(field, images.spread(field, self._images, cancel)) for field in _FIELDS]

    def on_work_done(self, message: WorkDone) -> None:
        if message.kind == "totals":
            totals = cast("dict[str, int]", message.result)
            size = f"{totals.pop('bytes') / 1e9:,.2f} GB"
            counts = [f"{count:,} {name}" for name, count in totals.items() if name != "images"]
            self.query_one("#totals", Label).update(Text(", ".join([*counts, size])))
            return
        spreads = cast("list[tuple[str, Spread]]", message.result)
        self._lines = [line for field, each in spreads for line in _lines_of(field, each, len(self._images))]
        self.query_one(LineList).show(len(self._lines), self._line, 0)

    def on_work_cancelled(self) -> None:
        self.dismiss(None)

    def on_work_refused(self, message: WorkRefused) -> None:
        self.query_one("#totals", Label).update(said(message.error))

    def _line(self, position: int, width: int) -> Text:
        text, share, images, _ = self._lines[position]
        line = text.copy()
        if share is not None:
            line.append(f"{images:>11,} ").append(bar(share, max(4, width - line.cell_len - 2)))
        return line

    @on(LineList.Chosen)
    def _choose(self, message: LineList.Chosen) -> None:
        terms = self._lines[message.position].terms
        if terms:
            self.dismiss(narrowed(self._filter, terms))
        else:
            self.app.notify("No filter names these: enter is for the bars of other numbers.", markup=False)

    def action_close(self) -> None:
        self.dismiss(None)


def _lines_of(name: str, spread: Spread, images: int) -> list[_Line]:
    field = spread.field
    about = f" {_YEARS.get(field, _FIELDS[name])}"
    if spread.looked_at < images:
        about += f", of {spread.looked_at:,} drawn"
    if spread.known < spread.looked_at:
        about += f", known of {spread.known:,}"
    most = max((each.images for each in spread.bars), default=1)
    lines = [_Line(Text(about, "bold"))]
    for each in spread.bars:
        low, high = f"{each.at_least:.10g}", f"{each.below:.10g}"
        is_one = field in _WHOLE and each.below - each.at_least == 1
        last = f"{each.below - 1:.10g}" if field in _WHOLE else high
        shown = low if is_one else f"{low} to {last}"
        terms = f"{field}:{low}" if is_one else f"{field}>={low} {field}<{high}"
        is_filtered = field in _FILTERED and each.images
        text = Text(f"  {shown:>14}")
        lines.append(_Line(text, each.images / most, each.images, terms if is_filtered else ""))
    return [*lines, _Line(Text())]
