"""The file of a grid: its axes and cells, and what came of each; `frieze grid` writes it, and reads it to go on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from curator.contract.errors import UserError, did_you_mean
from curator.contract.files.json_data import checked, object_of, to_json
from curator.contract.files.regular_file import read_regular
from curator.contract.files.whole_files import replace_file
from curator.contract.grid.job import GridImage, image_file, made_image
from curator.contract.locations import GRID

_MOST_BYTES = 1 << 26


@dataclass(frozen=True)
class AxisLabels:
    """An axis: where it lies, the setting, and a label for each value."""

    place: str
    name: str
    labels: tuple[str, ...]


@dataclass(frozen=True)
class GridCell:
    """One cell: its name, its place on each axis from 0, its image; why there is none, or how it broke down."""

    name: str
    at: tuple[int, ...]
    image: GridImage
    failed: str = ""
    collapsed: str = ""


@dataclass(frozen=True)
class GridFile:
    """A grid: columns, rows and pages as far as it has them, and the cells; columns change first, pages last.

    `models` are paths or hub names, which images name by their place.
    """

    title: str
    axes: tuple[AxisLabels, ...]
    models: tuple[str, ...]
    cells: tuple[GridCell, ...]

    def labels(self, cell: GridCell) -> tuple[str, ...]:
        """What the axes say of a cell."""
        return tuple(axis.labels[at] for axis, at in zip(self.axes, cell.at, strict=True))

    def labels_at(self, place: int) -> tuple[str, ...]:
        """Labels of columns (0), rows (1) or pages (2); one without words where the grid has no such axis."""
        return self.axes[place].labels if place < len(self.axes) else ("",)

    def length(self, place: int) -> int:
        """How many columns (0), rows (1) or pages (2)."""
        return len(self.labels_at(place))

    def page(self, number: int) -> list[list[GridCell]]:
        """The rows of a page, from 0."""
        columns, rows = self.length(0), self.length(1)
        first = number * columns * rows
        return [list(self.cells[first + row * columns : first + (row + 1) * columns]) for row in range(rows)]

    def cell(self, name: str) -> GridCell:
        """The cell of that name.

        Raises:
            UserError: there is none.
        """
        found = next((cell for cell in self.cells if cell.name.lower() == name.lower()), None)
        if found is None:
            raise UserError(
                f"the grid has no cell '{name}'", did_you_mean(name, [each.name for each in self.cells])
            )
        return found

    def with_outcomes(self, folder: Path, failed: Mapping[str, str]) -> GridFile:
        """The same with how images came out; `failed` says, by name, why one could not be made."""
        collapsed = {
            name: made.collapsed for name in _names(self.cells) if (made := made_image(folder, name))
        }
        return replace(
            self,
            cells=tuple(
                replace(
                    cell,
                    failed=failed.get(cell.image.name, ""),
                    collapsed=collapsed.get(cell.image.name, ""),
                )
                for cell in self.cells
            ),
        )


def _names(cells: Iterable[GridCell]) -> set[str]:
    return {cell.image.name for cell in cells}


def cell_name(at: tuple[int, ...], pages: int) -> str:
    """As in a spreadsheet: a letter for the column, a number for the row; with several pages the page goes before."""
    column, row, page = (*at, 0, 0, 0)[:3]
    letters = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return f"{page + 1}:{letters}{row + 1}" if pages > 1 else f"{letters}{row + 1}"


def write_grid_file(folder: Path, grid: GridFile) -> None:
    """Write the file of a grid into its folder.

    Raises:
        UserError: it cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        replace_file(folder / GRID, f"{to_json(asdict(grid), indent=1)}\n".encode())
    except OSError as error:
        raise UserError(
            f"{folder} cannot be written to: {error.strerror}", "choose another folder"
        ) from error


def read_grid_file(folder: Path) -> GridFile:
    """The grid in a folder.

    Raises:
        UserError: there is none, or its file is damaged.
    """
    try:
        return checked(GridFile, object_of(read_regular(folder / GRID, limit_bytes=_MOST_BYTES)))
    except (FileNotFoundError, NotADirectoryError):
        raise UserError(
            f"there is no grid in {folder}", "make one with 'frieze grid SPEC --out DIR'"
        ) from None
    except (OSError, ValueError) as error:
        raise UserError(f"{folder / GRID} is damaged", "make the grid again: its images are kept") from error


def cell_image(folder: Path, cell: GridCell) -> Path | None:
    """The image of a cell; None where it was not made."""
    path = image_file(folder, cell.image.name)
    return path if path.is_file() else None
