"""The HTML page of a grid: one file with its images inside, no script, for a browser or a phone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from curator.contract.locations import GRID_PAGE
from curator.pages.html import Html, safe, write_page
from curator.pages.pictures import data_url, opened
from curator.runs.grids.grid_file import cell_image

if TYPE_CHECKING:
    from curator.runs.grids.grid_file import GridCell, GridFile

_SIDE_PX = 1024
_QUALITY = 88
_STYLE = """
td { min-width: 9rem; }
tbody th { position: sticky; left: 0; min-width: 5rem; max-width: 8rem; background: var(--ground);
  font-weight: 600; }
dl { font-size: 0.8rem; margin: 0.2rem 0; }
.wrong-cell { outline: 2px solid var(--wrong); }
"""


def write_html(grid: GridFile, folder: Path) -> Path:
    """Write the page into the folder of the grid; gives its path.

    Raises:
        OSError: no space, or no right to write there.
    """
    path = folder / GRID_PAGE
    write_page(path, grid.title, _STYLE, _body(grid, folder))
    return path


def _body(grid: GridFile, folder: Path) -> Iterator[Html]:
    yield Html(f"<h1>{safe(grid.title)}</h1>\n")
    for number in range(grid.length(2)):
        yield from _page(grid, folder, number)


def _page(grid: GridFile, folder: Path, number: int) -> Iterator[Html]:
    if len(grid.axes) > 2:
        yield Html(f"<h2>{safe(grid.labels_at(2)[number])}</h2>\n")
    has_rows = len(grid.axes) > 1
    corner = "<th></th>" if has_rows else ""
    columns = "".join(f"<th>{safe(label)}</th>" for label in grid.labels_at(0))
    yield Html(f'<div class="scroll"><table>\n<thead><tr>{corner}{columns}</tr></thead>\n<tbody>\n')
    for row, cells in enumerate(grid.page(number)):
        name = f"<th>{safe(grid.labels_at(1)[row])}</th>" if has_rows else ""
        yield Html(f"<tr>{name}{''.join(_cell(grid, folder, cell) for cell in cells)}</tr>\n")
    yield Html("</tbody></table></div>\n")


def _cell(grid: GridFile, folder: Path, cell: GridCell) -> Html:
    path = cell_image(folder, cell)
    shown = f'<img alt="{safe(cell.name)}" src="{_embedded(path)}">' if path else ""
    wrong = cell.failed or (f"collapsed: {cell.collapsed}" if cell.collapsed else "")
    told = f'<div class="wrong">{safe(wrong)}</div>' if wrong else ""
    facts = "".join(f"<dt>{safe(name)}</dt><dd>{safe(value)}</dd>" for name, value in facts_of(grid, cell))
    mark = ' class="wrong-cell"' if wrong else ""
    return Html(
        f"<td{mark}>{shown}{told}<details><summary>{safe(cell.name)}</summary><dl>{facts}</dl></details></td>"
    )


def facts_of(grid: GridFile, cell: GridCell) -> list[tuple[str, str]]:
    """What a cell was made with, in words; models and adapters by the names of their files."""
    image = cell.image
    adapters = " + ".join(f"{Path(file).name}@{ratio:g}" for file, ratio in image.adapters)
    size = f"{image.width or 'own'}x{image.height or 'own'}" if image.width or image.height else ""
    facts = {
        "prompt": image.prompt, "negative": image.negative_prompt, "model": Path(grid.models[image.model]).name,
        "adapters": adapters, "seed": image.seed, "steps": image.steps, "scale": f"{image.scale:g}",
        "sampler": image.sampler, "clip skip": image.clip_skip, "size": size,
    }  # fmt: skip
    return [(name, str(value)) for name, value in facts.items() if value != ""]


def _embedded(path: Path) -> str:
    """An image as a data URL: at most 1024 pixels a side, in WebP; the PNG itself lies beside the page."""
    return data_url(opened(path, _SIDE_PX), _QUALITY)
