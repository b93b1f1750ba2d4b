"""The plots of a run: losses, learning rate, gradient norm, speed and memory over its steps, in a grid or alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING, NamedTuple

from rich.text import Text

from curator.contract.text import visible
from curator.runs.drawing.chart import STYLES, Line, line_of, plot
from curator.runs.fold import MEASURES

if TYPE_CHECKING:
    from curator.runs.fold import RunView

_LEAST_WIDTH = 36  # characters of a plot in a grid
_LEAST_HEIGHT = 7  # lines of one: its title, four of dots, the axis and its scale
_MOST_HEIGHT = 24
_MOST_COLUMNS = 3
_GAP = 2


class Plot(NamedTuple):
    """A title, the words of what is drawn in each style, and the curves."""

    title: str
    lines: Sequence[Line]
    legend: Sequence[tuple[str, str]] = ()
    """Words, and their style."""


def plots(view: RunView, others: Sequence[RunView] = ()) -> list[Plot]:
    """All plots of a run that have a point, the losses first; those of `others` are laid over its own."""
    made = [_loss(view, others), *(each for make in _PLOTS for each in make(view))]
    return [each for each in made if any(line.curve.bins for line in each.lines)]


def plot_lines(
    view: RunView, width: int, height: int, alone: str = "", others: Sequence[RunView] = ()
) -> list[Text]:
    """The plots side by side and one below the other, as many as there is room for; or the one titled `alone`.

    At most `height` lines, none wider than `width`; none at all where not even one plot has room.
    """
    found = plots(view, others)
    found = [each for each in found if each.title == alone] or found
    if not found or height < 2:
        return []
    columns = max(1, min(_MOST_COLUMNS, len(found), (width + _GAP) // (_LEAST_WIDTH + _GAP)))
    rows = max(1, min(-(-len(found) // columns), height // _LEAST_HEIGHT))
    across, down = (width - _GAP * (columns - 1)) // columns, min(height // rows, _MOST_HEIGHT)
    lines: list[Text] = []
    for row in range(rows):
        some = found[row * columns : (row + 1) * columns]
        lines += _beside([drawn(each, across, down, view.epoch_starts) for each in some], across)
    return lines


def drawn(one: Plot, width: int, height: int, ticks: Sequence[int] = ()) -> list[Text]:
    """A plot with its title and legend in the first line."""
    title = Text(visible(one.title), "bold")
    for words, style in one.legend:
        title.append("  ").append(visible(words), style)
    title.truncate(width, overflow="ellipsis")
    return [title, *plot(one.lines, width, height - 1, ticks)]


def _beside(blocks: Sequence[list[Text]], width: int) -> list[Text]:
    lines: list[Text] = []
    for row in zip_longest(*blocks):
        line = Text()
        for at, part in enumerate(row):
            if at:
                line.append(" " * (at * (width + _GAP) - line.cell_len))
            line.append(part or Text())
        lines.append(line)
    return lines


def _loss(view: RunView, others: Sequence[RunView]) -> Plot:
    """Of every step as points, and smoothed as a line; of other runs the line."""
    raw = view.measures.get("loss")
    cloud = [Line(raw, "dim", is_cloud=True)] if raw else []
    laid = list(zip(others, STYLES[1:], strict=False))
    lines = [*cloud, *(Line(other.curve, style) for other, style in laid), Line(view.curve, STYLES[0])]
    words = [(f"{at} {other.name}", style) for at, (other, style) in enumerate(laid, 1)]
    return Plot("loss", lines, words or [("steps", "dim"), ("smoothed", STYLES[0])])


def _fixed_noise(view: RunView) -> list[Plot]:
    return [Plot("fixed-noise loss", [line_of(view.evaluations, STYLES[0])])]


def _validation(view: RunView) -> list[Plot]:
    """Of the images held out; where they are of several subsets, also of each."""
    told = view.validations
    whole = Plot("validation loss", [line_of(((each.step, each.loss) for each in told), STYLES[0])])
    names = list(told[-1].subsets)[: len(STYLES)] if told else []
    if len(names) < 2:
        return [whole]
    of_each = [
        line_of(((each.step, each.subsets[name]) for each in told if name in each.subsets), style)
        for name, style in zip(names, STYLES, strict=False)
    ]
    legend = [(f"{at} {name}", style) for at, (name, style) in enumerate(zip(names, STYLES, strict=False), 1)]
    return [whole, Plot("validation by subset", of_each, legend)]


def _measured(name: str) -> Callable[[RunView], list[Plot]]:
    def made(view: RunView) -> list[Plot]:
        groups: Mapping[str, float] = view.lr
        words = [(next(iter(groups)), "dim")] if name == "learning rate" and len(groups) > 1 else []
        return [Plot(name, [Line(view.measures[name], STYLES[0])], words)] if name in view.measures else []

    return made


_PLOTS: Sequence[Callable[[RunView], list[Plot]]] = (
    _fixed_noise,
    _validation,
    *(_measured(name) for name in MEASURES if name != "loss"),
)
