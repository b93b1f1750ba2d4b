"""Plots as SVG for a page: raw points as ranges, lines over them, bounded in size however many points there are."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import fmean

from curator.contract.text import counted
from curator.pages.html import Html, safe

_WIDTH, _HEIGHT = 420, 240  # units of the drawing: on a phone about as many pixels
_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 8, 8, 26
_COLUMNS = 320  # raw points are drawn as what lies in so many columns
_MOST_TICKS = 40  # beginnings of epochs that are marked
_DASHES = ("", "6 3", "2 3", "8 3 2 3", "1 4", "10 4")
_MANY = 1000  # raw points
_BEYOND = 0.005  # share of raw points on either side that may lie outside the frame, where there are many

STYLE = """
figure { margin: 0 0 0.8rem 0; min-width: 0; } figcaption { font-size: 0.85rem; color: var(--soft); }
svg { display: block; width: 100%; height: auto; font: 11px system-ui, sans-serif; }
svg text { fill: var(--soft); } .frame { stroke: var(--line); fill: none; } .epoch { stroke: var(--line); }
.raw { stroke: var(--soft); stroke-width: 1.8; stroke-linecap: round; opacity: 0.55; fill: none; }
.curve { stroke-width: 1.8; stroke-linejoin: round; fill: none; }
.key { display: inline-block; margin-right: 0.8rem; white-space: nowrap; }
.key svg { display: inline-block; width: 26px; height: 8px; vertical-align: middle; }
"""


class Points:
    """Points (step, value) in the order of steps, 16 bytes each; values that are no numbers are counted as `gaps`."""

    def __init__(self) -> None:
        self.steps = array("d")
        self.values = array("d")
        self._gaps: list[float] = []

    def __len__(self) -> int:
        return len(self.steps)

    @property
    def gaps(self) -> int:
        return len(self._gaps)

    def add(self, step: float, value: float) -> None:
        """Add a point; those of this step and behind it, which are trained again, give way."""
        self.cut_after(step - 1)
        if math.isfinite(value):
            self.steps.append(step)
            self.values.append(value)
        else:
            self._gaps.append(step)

    def cut_after(self, step: float) -> None:
        """Forget the points behind `step`."""
        while self._gaps and self._gaps[-1] > step:
            self._gaps.pop()
        if self.steps and self.steps[-1] > step:
            at = bisect_left(self.steps, step + 1)
            del self.steps[at:], self.values[at:]

    def means(self, most: int) -> list[tuple[float, float]]:
        """The means of at most so many stretches of points side by side, each as (step, value)."""
        stretch = -(-len(self) // most) or 1
        cuts = [slice(at, at + stretch) for at in range(0, len(self), stretch)]
        return [(fmean(self.steps[cut]), fmean(self.values[cut])) for cut in cuts]


@dataclass(frozen=True)
class Line:
    """A curve with its name: points in the order of steps."""

    name: str
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Plot:
    """What is drawn in one frame. `epochs` are the steps at which epochs begin."""

    title: str
    lines: Sequence[Line] = ()
    raw: Points = field(default_factory=Points)
    epochs: Sequence[int] = ()
    words: Callable[[float], str] = "{:.4g}".format  # a value of the scale
    from_zero: bool = False


def drawn(plot: Plot) -> Html:
    """The plot with its title and legend; nothing where there is no point."""
    lines = [Line(each.name, _finite(each.points)) for each in plot.lines]
    lines = [line for line in lines if line.points]
    steps = [step for line in lines for step in (line.points[0][0], line.points[-1][0])]
    if len(plot.raw):
        steps += [plot.raw.steps[0], plot.raw.steps[-1]]
    if not steps:
        return Html("")
    low, high = _range(plot, lines)
    frame = _Frame(min(steps), max(steps), low, high)
    content = "".join(
        [
            _scales(frame, plot.words),
            _epoch_marks(frame, plot.epochs),
            f'<path class="raw" d="{_raw_path(frame, plot.raw)}"/>' if len(plot.raw) else "",
            *(_curve(frame, number, line) for number, line in enumerate(lines)),
        ]
    )
    title = safe(plot.title)
    return Html(
        f"<figure><figcaption><b>{title}</b>{_legend(plot, lines)}{_doubts(frame, plot)}</figcaption>"
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{title}"><title>{title}</title>'
        f"{content}</svg></figure>\n"
    )


@dataclass(frozen=True)
class _Frame:
    """The scales: values of either edge."""

    first: float
    last: float
    low: float
    high: float

    def x(self, step: float) -> float:
        share = (step - self.first) / (self.last - self.first) if self.last > self.first else 0.5
        return _LEFT + share * (_WIDTH - _LEFT - _RIGHT)

    def y(self, value: float) -> float:
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return _HEIGHT - _BOTTOM - share * (_HEIGHT - _TOP - _BOTTOM)


def _finite(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    return [(step, value) for step, value in points if math.isfinite(value)]


def _range(plot: Plot, lines: Sequence[Line]) -> tuple[float, float]:
    """From the least to the greatest; of many raw points the outermost few do not count."""
    values = [value for line in lines for _, value in line.points]
    raw = sorted(plot.raw.values)
    if raw:
        beyond = int(len(raw) * _BEYOND) if len(raw) >= _MANY else 0
        values += [raw[beyond], raw[-1 - beyond]]
    low, high = min(values), max(values)
    if plot.from_zero:
        low = min(low, 0.0)
    if high > low:
        return low, high
    margin = abs(high) * 0.1 or 1.0
    return low - margin, high + margin


def _scales(frame: _Frame, words: Callable[[float], str]) -> str:
    right, bottom = _WIDTH - _RIGHT, _HEIGHT - _BOTTOM
    parts = [f'<rect class="frame" x="{_LEFT}" y="{_TOP}" width="{right - _LEFT}" height="{bottom - _TOP}"/>']
    for share in (0.0, 0.5, 1.0):
        value = frame.low + share * (frame.high - frame.low)
        y = frame.y(value)
        parts.append(f'<text x="{_LEFT - 4}" y="{y + 4:.1f}" text-anchor="end">{safe(words(value))}</text>')
    ends = [(_LEFT, "start", frame.first), (right, "end", frame.last)]
    if frame.last <= frame.first:
        ends = [((_LEFT + right) / 2, "middle", frame.first)]
    parts += [
        f'<text x="{x:g}" y="{bottom + 16}" text-anchor="{anchor}">'
        f"{'step ' if x == ends[0][0] else ''}{step:,.0f}</text>"
        for x, anchor, step in ends
    ]
    return "".join(parts)


def _epoch_marks(frame: _Frame, epochs: Sequence[int]) -> str:
    """A line where an epoch begins; of many epochs every second, third, ..."""
    inside = [step for step in epochs if frame.first < step < frame.last]
    every = -(-len(inside) // _MOST_TICKS) or 1
    top, bottom = _HEIGHT - _BOTTOM, _HEIGHT - _BOTTOM + 5
    return "".join(
        f'<line class="epoch" x1="{frame.x(step):.1f}" x2="{frame.x(step):.1f}" y1="{top}" y2="{bottom}"/>'
        for step in inside[::every]
    )


def _raw_path(frame: _Frame, raw: Points) -> str:
    """In each column of the frame a line from the least to the greatest value there: of one point a dot."""
    found: dict[int, tuple[float, float]] = {}
    width = (_WIDTH - _LEFT - _RIGHT) / _COLUMNS
    for step, value in zip(raw.steps, raw.values, strict=True):
        column = int((frame.x(step) - _LEFT) / width)
        low, high = found.get(column, (value, value))
        found[column] = min(low, value), max(high, value)
    return "".join(
        f"M{_LEFT + column * width:.1f} {frame.y(high):.1f}V{max(frame.y(low), frame.y(high) + 0.1):.1f}"
        for column, (low, high) in found.items()
    )


def _curve(frame: _Frame, number: int, line: Line) -> str:
    """A curve of at most a few points a column; a lone point is a dot."""
    every = -(-len(line.points) // (2 * _COLUMNS))
    points = [*line.points[::every]]
    if points[-1] != line.points[-1]:
        points.append(line.points[-1])
    colour = f"var(--c{number % len(_DASHES)})"
    if len(points) == 1:
        ((step, value),) = points
        return f'<circle cx="{frame.x(step):.1f}" cy="{frame.y(value):.1f}" r="3" fill="{colour}"/>'
    path = " ".join(f"{frame.x(step):.1f},{frame.y(value):.1f}" for step, value in points)
    return f'<polyline class="curve" stroke="{colour}"{_dash(number)} points="{path}"/>'


def _dash(number: int) -> str:
    dash = _DASHES[number % len(_DASHES)]
    return f' stroke-dasharray="{dash}"' if dash else ""


def _legend(plot: Plot, lines: Sequence[Line]) -> str:
    if len(lines) < 2 and not len(plot.raw):
        return ""
    keys = [
        f'<span class="key"><svg viewBox="0 0 26 8" aria-hidden="true"><line x1="0" x2="26" y1="4" y2="4" '
        f'stroke-width="2" stroke="var(--c{number % len(_DASHES)})"{_dash(number)}/></svg> {safe(line.name)}</span>'
        for number, line in enumerate(lines)
    ]
    raw = ['<span class="key">grey: every step</span>'] if len(plot.raw) else []
    return f"<br>{''.join([*raw, *keys])}"


def _doubts(frame: _Frame, plot: Plot) -> str:
    outside = sum(not frame.low <= value <= frame.high for value in plot.raw.values)
    said = [
        f"{counted(outside, 'point lies', 'points lie')} beyond the frame and {'is' if outside == 1 else 'are'} "
        "drawn at its edge"
        if outside
        else "",
        f"{counted(plot.raw.gaps, 'step has', 'steps have')} no number" if plot.raw.gaps else "",
    ]
    return f"<br>{safe('; '.join(filter(None, said)))}" if any(said) else ""
