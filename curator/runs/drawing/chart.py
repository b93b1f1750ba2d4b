"""A plot in a terminal: braille dots, two across and four down in every character, with scales and epoch ticks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from rich.text import Text

from curator.runs.curve import Curve

if TYPE_CHECKING:
    from curator.runs.curve import Bin, BinnedCurve

_DOTS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))  # by column, then row, of one braille character
_BLANK = 0x2800
_LABEL = 8  # characters of the scale on the left
_TICK, _AXIS = "┴", "─"
_MOST_TICKS = 24  # more say nothing
_LEAST_WITH_AXIS = 6  # lines of a plot that has room for one
STYLES = ("cyan", "yellow", "magenta", "green")
"""Of the lines of a plot, by their order; what they are is told in words beside it."""


class Line(NamedTuple):
    """One curve of a plot; `is_cloud`: its points are not joined, and lines are drawn above it."""

    curve: BinnedCurve
    style: str = ""
    is_cloud: bool = False


def line_of(points: Iterable[tuple[int, float]], style: str = "") -> Line:
    """The curve through points (step, value) in the order of steps."""
    return Line(Curve(points).binned(), style)


def plot(lines: Sequence[Line], width: int, height: int, ticks: Sequence[int] = ()) -> list[Text]:
    """`height` lines of at most `width` characters: curves over the same steps, the last on top, with their scales.

    The left edge has the highest and lowest y, the last line is the x scale; `ticks` are steps that an axis above it
    marks, where they are few. Too small a space, or no point, gives one line of words.
    """
    drawn = [line for line in lines if line.curve.bins]
    has_axis = bool(ticks) and len(ticks) <= _MOST_TICKS and height > _LEAST_WITH_AXIS
    columns, rows = width - _LABEL - 2, height - 1 - has_axis
    if not drawn or columns < 4 or rows < 1:
        words = f"{drawn[-1].curve.bins[-1].value:.4g}" if drawn else "nothing yet"
        return [Text(words)][: max(height, 0)]
    first, last = min(line.curve.first for line in drawn), max(line.curve.last for line in drawn)
    values = _range_of([each.value for line in drawn for each in line.curve.bins])
    field = _Field(columns, rows, (first, last), values)
    for line in drawn:
        field.draw(line)
    told = [
        Text(f"{label:>{_LABEL}} ┤") + row for label, row in zip(field.labels(), field.rows(), strict=True)
    ]
    if has_axis:
        told.append(Text(" " * (_LABEL + 1) + "└" + _axis(ticks, first, last, columns)))
    return [*told, Text(_x_scale(first, last, columns))]


def _axis(ticks: Sequence[int], first: float, last: float, columns: int) -> str:
    axis = [_AXIS] * columns
    for tick in ticks:
        if first < tick < last:
            axis[round((tick - first) / (last - first) * (columns - 1))] = _TICK
    return "".join(axis)


class _Field:
    """Characters of `columns` x `rows`, with dots between two steps and two values."""

    def __init__(
        self, columns: int, rows: int, steps: tuple[float, float], values: tuple[float, float]
    ) -> None:
        self._cells = [[0] * columns for _ in range(rows)]
        self._styles = [[""] * columns for _ in range(rows)]
        (self._first, self._last), (self._low, self._high) = steps, values

    def draw(self, line: Line) -> None:
        across, down = len(self._cells[0]) * 2, len(self._cells) * 4
        scale = (across - 1) / (self._last - self._first) if self._last > self._first else 0.0
        before: int | None = None
        taken: set[tuple[int, int]] = set()
        for column, value in _column_means(line.curve.bins, self._first, scale, is_joined=not line.is_cloud):
            row = round((self._high - value) / (self._high - self._low) * (down - 1))
            for each in [row] if line.is_cloud else _joined(before, row):
                x, y = column // 2, each // 4
                if not line.is_cloud and (x, y) not in taken:  # what lies below would thicken the line
                    self._cells[y][x] = 0
                    taken.add((x, y))
                self._cells[y][x] |= _DOTS[column % 2][each % 4]
                self._styles[y][x] = line.style
            before = row

    def rows(self) -> list[Text]:
        rows: list[Text] = []
        for cells, styles in zip(self._cells, self._styles, strict=True):
            row = Text()
            for cell, style in zip(cells, styles, strict=True):
                row.append(chr(_BLANK + cell), style)
            rows.append(row)
        return rows

    def labels(self) -> list[str]:
        labels = [""] * len(self._cells)
        labels[len(labels) // 2] = _short((self._low + self._high) / 2) if len(labels) >= 5 else ""
        labels[-1] = _short(self._low)
        labels[0] = _short(self._high)
        return labels


def _range_of(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    if high > low:
        return low, high
    margin = abs(high) * 0.1 or 1.0
    return low - margin, high + margin


def _short(value: float) -> str:
    """`value` with as many digits as fit beside the curve."""
    return next(
        text for digits in (4, 3, 2, 1) if len(text := f"{value:.{digits}g}") <= _LABEL or digits == 1
    )


def _x_scale(first: float, last: float, columns: int) -> str:
    left, right = f"{first:g}", f"{last:g}"
    gap = max(columns - len(left) - len(right), 1)
    return " " * (_LABEL + 2) + (left + " " * gap + right if last > first else left)[:columns]


def _joined(before: int | None, row: int) -> range:
    """The dots of one column: from beside the last column's dot to this one's, so that the curve has no holes."""
    if before is None or before == row:
        return range(row, row + 1)
    return range(before + 1, row + 1) if before < row else range(row, before)


def _column_means(
    bins: Sequence[Bin], first: float, scale: float, *, is_joined: bool
) -> list[tuple[int, float]]:
    """The mean y of each column of dots; where `is_joined`, columns between two points lie on the line between them."""
    sums: dict[int, tuple[float, int]] = {}
    for step, value, count in bins:
        column = round((step - first) * scale)
        total, before = sums.get(column, (0.0, 0))
        sums[column] = total + value * count, before + count
    means = [(column, total / count) for column, (total, count) in sums.items()]
    if not is_joined:
        return means
    filled = means[:1]
    for column, value in means[1:]:
        start, height = filled[-1]
        filled += [
            (between, height + (value - height) * (between - start) / (column - start))
            for between in range(start + 1, column + 1)
        ]
    return filled
