"""A curve in a terminal: braille dots, two across and four down in every character."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from curator.runs.curve import Bin, BinnedCurve

_DOTS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))  # by column, then row, of one braille character
_BLANK = 0x2800
_LABEL = 8  # characters of the scale on the left


def chart(curve: BinnedCurve, width: int, height: int) -> list[str]:
    """`height` lines of at most `width` characters: a curve with its scales.

    The last line is the x scale, and the left edge has the highest and lowest y. Too small a space, or no point,
    gives one line of words.
    """
    columns, rows = width - _LABEL - 2, height - 1
    if not curve.bins or columns < 4 or rows < 1:
        return ["no loss yet" if not curve.bins else f"loss {curve.bins[-1].value:.4g}"][: max(height, 0)]
    low, high = _range_of([each.value for each in curve.bins])
    plotted = _dots(curve, columns * 2, rows * 4, low, high)
    lines = [
        f"{label:>{_LABEL}} ┤{line}" for label, line in zip(_labels(low, high, rows), plotted, strict=True)
    ]
    return [*lines, _x_scale(curve.first, curve.last, columns)]


def _range_of(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    if high > low:
        return low, high
    margin = abs(high) * 0.1 or 1.0
    return low - margin, high + margin


def _labels(low: float, high: float, rows: int) -> list[str]:
    labels = [""] * rows
    labels[rows // 2] = _short((low + high) / 2) if rows >= 5 else ""
    labels[-1] = _short(low)
    labels[0] = _short(high)
    return labels


def _short(value: float) -> str:
    """`value` with as many digits as fit beside the curve."""
    return next(
        text for digits in (4, 3, 2, 1) if len(text := f"{value:.{digits}g}") <= _LABEL or digits == 1
    )


def _x_scale(first: float, last: float, columns: int) -> str:
    left, right = f"{first:g}", f"{last:g}"
    gap = max(columns - len(left) - len(right), 1)
    return " " * (_LABEL + 2) + (left + " " * gap + right if last > first else left)[:columns]


def _dots(curve: BinnedCurve, across: int, down: int, low: float, high: float) -> list[str]:
    """The braille characters of a field of `across` x `down` dots, line by line."""
    cells = [[0] * (across // 2) for _ in range(down // 4)]
    before: int | None = None
    for column, value in _column_means(curve.bins, across):
        row = round((high - value) / (high - low) * (down - 1))
        for each in _joined(before, row):
            cells[each // 4][column // 2] |= _DOTS[column % 2][each % 4]
        before = row
    return ["".join(chr(_BLANK + cell) for cell in line) for line in cells]


def _joined(before: int | None, row: int) -> range:
    """The dots of one column: from beside the last column's dot to this one's, so that the curve has no holes."""
    if before is None or before == row:
        return range(row, row + 1)
    return range(before + 1, row + 1) if before < row else range(row, before)


def _column_means(bins: Sequence[Bin], across: int) -> list[tuple[int, float]]:
    """The mean y of each column of dots; columns between two points lie on the line between them."""
    first, last = bins[0].step, bins[-1].step
    scale = (across - 1) / (last - first) if last > first else 0.0
    sums: dict[int, tuple[float, int]] = {}
    for step, value, count in bins:
        column = round((step - first) * scale)
        total, before = sums.get(column, (0.0, 0))
        sums[column] = total + value * count, before + count
    means = [(column, total / count) for column, (total, count) in sums.items()]
    filled = means[:1]
    for column, value in means[1:]:
        start, height = filled[-1]
        filled += [
            (between, height + (value - height) * (between - start) / (column - start))
            for between in range(start + 1, column + 1)
        ]
    return filled
