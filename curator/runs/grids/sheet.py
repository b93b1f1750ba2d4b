"""Contact sheets of a grid: a labelled PNG for each page."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw, ImageFont

from curator.contract.files.whole_files import drafted_file
from curator.contract.text import visible
from curator.runs.grids.grid_file import cell_image

if TYPE_CHECKING:
    from curator.runs.grids.grid_file import GridCell, GridFile

_LONGEST_SIDE_PX = 16_000  # what viewers open
_SMALLEST_CELL_PX = 96  # so that labels can be read
_LABEL_LINES = 4
_PAPER, _INK, _ALARM = "white", "black", "#b00020"
Size = tuple[int, int]


def write_sheets(grid: GridFile, folder: Path) -> tuple[Path, ...]:
    """Write the sheet of every page into the folder of the grid; those of earlier pages that are no more go.

    Raises:
        OSError: no space, or no right to write there.
    """
    paths = tuple(folder / f"sheet-{number + 1}.png" for number in range(grid.length(2)))
    for number, path in enumerate(paths):
        sheet = draw_sheet(grid, folder, number)
        with drafted_file(path) as draft:
            sheet.save(draft, format="PNG")
    for old in set(folder.glob("sheet-*.png")) - set(paths):
        old.unlink()
    return paths


def draw_sheet(grid: GridFile, folder: Path, page: int) -> Image.Image:
    """The sheet of a page, from 0."""
    rows = grid.page(page)
    plan = _Layout.of(grid, folder, rows)
    sheet = Image.new("RGB", plan.size, _PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.text((plan.gap, plan.gap), _title(grid, page), _INK, plan.font)
    for column, label in enumerate(grid.labels_at(0)):
        plan.write(draw, (plan.left(column), plan.title), label)
    for row, (label, cells) in enumerate(zip(grid.labels_at(1), rows, strict=True)):
        plan.write(draw, (plan.gap, plan.top(row)), label)
        for column, cell in enumerate(cells):
            _draw_cell(sheet, plan, (plan.left(column), plan.top(row)), cell, cell_image(folder, cell))
    return sheet


@dataclass(frozen=True)
class _Layout:
    """Where things lie, in pixels: `cell` is the box of an image, `header` and `margin` are of labels."""

    cell: Size
    columns: int
    rows: int
    margin: int
    text_px: int

    @classmethod
    def of(cls, grid: GridFile, folder: Path, rows: list[list[GridCell]]) -> _Layout:
        sizes = [_size(path) for cells in rows for cell in cells if (path := cell_image(folder, cell))]
        width, height = (max((size[at] for size in sizes), default=256) for at in (0, 1))
        columns = len(rows[0])
        scale = min(
            1.0, _LONGEST_SIDE_PX / (width * columns * 1.1), _LONGEST_SIDE_PX / (height * len(rows) * 1.2)
        )
        cell = (max(_SMALLEST_CELL_PX, int(width * scale)), max(_SMALLEST_CELL_PX, int(height * scale)))
        text_px = max(11, min(cell) // 20)
        margin = cell[0] // 2 + text_px if len(grid.axes) > 1 else 0
        return cls(cell, columns, len(rows), margin, text_px)

    @property
    def font(self) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
        return ImageFont.load_default(self.text_px)

    @property
    def line(self) -> int:
        return self.text_px * 4 // 3

    @property
    def gap(self) -> int:
        return self.text_px // 2

    @property
    def title(self) -> int:
        return self.line + 2 * self.gap

    @property
    def header(self) -> int:
        return self.title + _LABEL_LINES * self.line

    @property
    def size(self) -> Size:
        return self.left(self.columns) + self.gap, self.top(self.rows) + self.gap

    def left(self, column: int) -> int:
        return self.margin + self.gap + column * (self.cell[0] + self.gap)

    def top(self, row: int) -> int:
        return self.header + row * (self.cell[1] + self.line + self.gap)

    def write(self, draw: ImageDraw.ImageDraw, at: Size, text: str) -> None:
        """A label in lines as wide as its room."""
        width = (self.cell[0] if at[0] > self.gap or not self.margin else self.margin) - self.gap
        lines = list(_wrapped(draw, self.font, text, width))
        if len(lines) > _LABEL_LINES:
            lines = [*lines[: _LABEL_LINES - 1], f"{lines[_LABEL_LINES - 1][:-1]}…"]
        for number, line in enumerate(lines):
            draw.text((at[0], at[1] + number * self.line), line, _INK, self.font)


def _draw_cell(sheet: Image.Image, plan: _Layout, at: Size, cell: GridCell, path: Path | None) -> None:
    draw = ImageDraw.Draw(sheet)
    if path:
        with Image.open(path) as opened:
            image = opened.convert("RGB")
        image.thumbnail(plan.cell)
        sheet.paste(image, at)
    wrong = _wrong(cell)
    if wrong or not path:
        right, bottom = at[0] + plan.cell[0] - 1, at[1] + plan.cell[1] - 1
        draw.rectangle((*at, right, bottom), outline=_ALARM, width=max(2, plan.gap // 2))
    words = f"{cell.name}  {wrong}" if wrong else cell.name
    room = (at[0], at[1] + plan.cell[1])
    line = next(iter(_wrapped(draw, plan.font, words, plan.cell[0])), "")
    draw.text(room, line, _ALARM if wrong else _INK, plan.font)


def _wrong(cell: GridCell) -> str:
    """What is the matter with a cell, in a word or two."""
    if cell.failed:
        return "failed"
    return f"collapsed: {cell.collapsed}" if cell.collapsed else ""


def _title(grid: GridFile, page: int) -> str:
    label = grid.labels_at(2)[page]
    return visible(f"{grid.title} - {label}" if label else grid.title)


def _size(path: Path) -> Size:
    with Image.open(path) as image:
        return image.size


def _wrapped(
    draw: ImageDraw.ImageDraw, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, text: str, width: int
) -> Iterable[str]:
    """Lines of a text that are no wider; a word that is goes over several."""
    line = ""
    for word in visible(text).split():
        longer = f"{line} {word}".strip()
        if draw.textlength(longer, font) <= width:
            line = longer
            continue
        if line:
            yield line
        while draw.textlength(word, font) > width and len(word) > 1:
            fits = max(1, int(len(word) * width / draw.textlength(word, font)))
            yield word[:fits]
            word = word[fits:]  # noqa: PLW2901
        line = word
    if line:
        yield line
