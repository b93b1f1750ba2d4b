"""The batch of one training step: a thumbnail each of exactly what trains, or a line each."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.text import Text

from curator.contract.text import visible
from curator.tui.keyboard.keys import bindings
from curator.tui.widgets.cells.cell_list import LEAST_LINES, MOST_LINES, shape_within
from curator.tui.widgets.cells.picture_cell import CellLook
from curator.tui.widgets.cells.picture_cells import PictureCells, Thumbnail
from curator.tui.widgets.lists import line_list
from curator.tui.widgets.lists.lines import fitted

if TYPE_CHECKING:
    from PIL.Image import Image

    from curator.freeze.caption_walk import SampleShown, StepShown


class BatchList(PictureCells, inherit_bindings=False):
    """The samples of a step, one after the other; sideways keys stay the screen's, which walks steps with them.

    `thumbnail` makes the small picture of what trains of a sample, in a thread.
    """

    BINDINGS = bindings(line_list.KEYS)

    def __init__(self, thumbnail: Callable[[SampleShown], Image], *, empty: str, id: str) -> None:
        super().__init__(empty=empty, id=id)
        self._thumbnail = thumbnail
        self._step: StepShown | None = None
        self._is_grid = False

    def show_step(self, step: StepShown, cursor: int | None = None) -> None:
        """Show another batch; the cursor stays unless told."""
        self._step = step
        self.show(len(step.samples), self._text, cursor)
        self._fit()

    def show_grid(self, *, is_grid: bool) -> None:
        """Show thumbnails, as large as lets all of them be seen, or lines."""
        self._is_grid = is_grid
        self._fit()

    @property
    def samples(self) -> tuple[SampleShown, ...]:
        return self._step.samples if self._step else ()

    @property
    def current(self) -> SampleShown | None:
        """The sample under the cursor."""
        return self.samples[self.cursor] if self.cursor < len(self.samples) else None

    def on_resize(self) -> None:
        self._fit()
        super().on_resize()

    def action_move(self, lines: int) -> None:
        self.go(self.cursor + lines)

    def _fit(self) -> None:
        lines = _largest(self.count, self.size.width - 1, self.size.height) if self._is_grid else 0
        if lines != self._wished:
            self.show_cells(lines)

    def _thumbnail_of(self, position: int) -> Thumbnail | None:
        sample = self.samples[position]
        content = sample.image.sha256, sample.file, sample.placement, sample.flip
        return Thumbnail(content, False, partial(self._thumbnail, sample))

    def _look(self, position: int) -> CellLook:
        sample = self.samples[position]
        name = Path(sample.image.path)
        return CellLook(sample.placement.bucket, name.stem or name.name, _showing(sample))

    def _text(self, position: int, width: int) -> Text:
        step = self._step
        assert step
        each = step.samples[position]
        epoch = f" of epoch {each.sample.epoch + 1}" if each.sample.epoch != step.epoch else ""
        subset = fitted(visible(each.subset.name), 8 if width < 50 else 16)
        about = f" {subset} {_showing(each):>5}{' flip' if each.flip else '     '}{epoch} "
        name = Text(f"{position + 1:>3} {visible(Path(each.image.path).name)}")
        name.truncate(max(8, width - cell_len(about)), overflow="ellipsis", pad=True)
        return name.append(about)


def _showing(sample: SampleShown) -> str:
    """Which of the image's repeats it is."""
    return f"{sample.sample.copy + 1}/{sample.image.repeats:g}"


def _largest(count: int, width: int, height: int) -> int:
    """Lines of the largest cells of which so many are seen at once; of the smallest where there are more."""
    for lines in range(MOST_LINES, LEAST_LINES, -1):
        shape = shape_within(width, height, lines)
        if shape.across * shape.down >= count:
            return lines
    return LEAST_LINES
