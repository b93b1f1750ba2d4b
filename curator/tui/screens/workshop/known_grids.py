"""The grids that the app knows: folders remembered with the collection, the last made first, and what each holds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from curator.contract.errors import UserError
from curator.session.training.grids import image_of, judged_pairs, open_grid

if TYPE_CHECKING:
    from curator.session.session import Session
    from curator.session.training.grids import GridFile

_REMEMBERED = "grids"


class KnownGrid(NamedTuple):
    """A grid as it lies in its folder: images made of all, and pairs judged; `fault` is what cannot be read of it."""

    folder: Path
    grid: GridFile | None = None
    made: int = 0
    images: int = 0
    judged: int = 0
    fault: UserError | None = None

    @property
    def is_gone(self) -> bool:
        """Whether its folder is no more."""
        return self.grid is None and not self.folder.is_dir()


def known_grids(session: Session) -> list[KnownGrid]:
    """All of them, read from their folders; one that cannot be read says why."""
    return [_read(Path(each)) for each in session.memory.recall(_REMEMBERED, [])]


def remember(session: Session, folder: Path) -> None:
    """Put a folder first."""
    session.memory.put_first(_REMEMBERED, str(folder))


def forget(session: Session, folder: Path) -> None:
    """Take a folder from the list; what is in it stays."""
    session.memory.take_out(_REMEMBERED, str(folder))


def _read(folder: Path) -> KnownGrid:
    try:
        grid = open_grid(folder)
    except UserError as error:
        return KnownGrid(folder, fault=error)
    cells = {cell.image.name: cell for cell in grid.cells}
    made = sum(image_of(folder, cell) is not None for cell in cells.values())
    known = KnownGrid(folder, grid, made, len(cells))
    try:
        return known._replace(judged=judged_pairs(folder))
    except UserError as error:
        return known._replace(fault=error)
