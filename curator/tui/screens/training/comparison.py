"""The comparison of two runs: what differs between them, their losses side by side and over each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text
from textual.app import ComposeResult
from textual.screen import Screen

from curator.contract.text import visible
from curator.runs.drawing.chart import STYLES, Line
from curator.runs.drawing.plots import Plot, drawn
from curator.tui import meanings
from curator.tui.background import in_background
from curator.tui.keyboard.keys import KeyAction, bindings
from curator.tui.screens.dialogs.choice import Choice
from curator.tui.screens.dialogs.choice import Line as Offered
from curator.tui.widgets.frame.chrome import Foot, TooSmall
from curator.tui.widgets.frame.panel_title import PanelTitle
from curator.tui.widgets.frame.tab_line import TabLine
from curator.tui.widgets.lists.line_list import LineList
from curator.tui.widgets.lists.lines import Lines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from curator.session.training.runs import Comparison, Runs, RunSummary

KEYS = (KeyAction("comparison.close", "escape", "close", "back", "back"),)
_KEY_CELLS = 28
_CELLS = 22


def ask_with_which(screen: Screen, runs: Runs, name: str, known: Sequence[RunSummary]) -> None:
    """Ask with which of the `known` runs one is compared; `screen` hears of `compare`, work that is done."""
    others = [Offered(each.name, each.status, each.name) for each in known if each.name != name]
    if not name or not others:
        screen.notify("There is no other run to compare it with.", markup=False)
        return

    def compare(other: str | None) -> None:
        if other is not None:
            in_background(
                screen, "compare", lambda: runs.compare(runs.find(name), runs.find(other)), keys_wait=True
            )

    screen.app.push_screen(Choice(f"Compare {visible(name)} with", others), compare)


class ComparisonScreen(Screen[None]):
    """Two runs side by side, in lines; escape goes back to Runs."""

    BINDINGS = bindings(KEYS)

    def __init__(self, found: Comparison) -> None:
        super().__init__()
        self._found = found

    def compose(self) -> ComposeResult:
        yield TabLine("Runs")
        yield PanelTitle("Where two runs differ", of="LineList", spare=True)
        yield LineList(empty=" nothing")
        yield PanelTitle("Their losses", id="plot-title")
        yield Lines(id="plot")
        yield Foot()
        yield TooSmall()

    def on_mount(self) -> None:
        shown = self.query_one(LineList)
        shown.focus()
        shown.show_texts(comparison_lines(self._found), 0)
        self._draw_losses()

    def _draw_losses(self) -> None:
        """Both smoothed losses in one plot."""
        shown, names = self.query_one("#plot", Lines), [side.view.name for side in self._found.sides]
        curves = [
            Line(side.view.curve, style) for side, style in zip(self._found.sides, STYLES, strict=False)
        ]
        both = Plot("loss, smoothed", curves, list(zip(names, STYLES, strict=False)))
        shown.draw(lambda size: drawn(both, max(20, size.width - 1), size.height))

    def action_close(self) -> None:
        self.dismiss()


def comparison_lines(found: Comparison) -> list[Text]:
    """A heading, what differs, and the losses at the same steps."""
    one, other = (side.view for side in found.sides)
    lines = [
        _line("", one.name, other.name, "bold"),
        _line("status", one.status, other.status),
        _line("steps", f"{one.step}/{one.total_steps or '?'}", f"{other.step}/{other.total_steps or '?'}"),
        *(_line(knob.key, str(knob.first), str(knob.second)) for knob in found.knobs),
        *_data(found),
    ]
    curves = found.curves
    for title, losses in (
        ("fixed-noise loss", curves.fixed_noise),
        ("validation loss", curves.validation),
        ("training loss", curves.training),
    ):
        if losses:
            lines += [Text(), Text(f" {title}", "bold")]
            lines += [_line(f"step {each.step}", _said(each.first), _said(each.second)) for each in losses]
    return lines


def _data(found: Comparison) -> list[Text]:
    if found.cannot:
        return [Text(f" the data cannot be compared: {visible(found.cannot)}", meanings.FINDING)]
    if found.data is None:
        return [Text(" the data is the same")]
    changes = ", ".join(f"{each.images:,} {each.what}" for each in found.data.images)
    return [
        Text(f" images that differ: {visible(changes)}" if changes else " the subsets or the rule differ")
    ]


def _line(key: str, first: str, second: str, style: str = "") -> Text:
    return Text(f" {visible(key):<{_KEY_CELLS}} {visible(first):<{_CELLS}} {visible(second)}", style)


def _said(loss: float | None) -> str:
    return "-" if loss is None else f"{loss:.4f}"
