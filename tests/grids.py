"""Grids of plain images, written without a model."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import product
from pathlib import Path

from PIL import Image

from curator.contract.grid.job import GridImage, image_file
from curator.runs.grids.grid_file import AxisLabels, GridCell, GridFile, cell_name, write_grid_file


def write_grid(
    folder: Path,
    axes: Sequence[tuple[str, Sequence[str]]],
    *,
    missing: Collection[str] = (),
    failed: Collection[str] = (),
    plain: Collection[str] = (),
    pictures: Sequence[Path] = (),
    adapter: str = "/nets/a [b].safetensors",
    model: str = "/models/base.safetensors",
) -> None:
    """A grid along `axes`, columns first: each a setting and a label for each value, such as `ratio 0.5`.

    Cells named in `missing` and `failed` have no image, those in `plain` no adapter. Images are of one colour, or one
    of `pictures` for each row.
    """
    folder.mkdir(exist_ok=True)
    cells: list[GridCell] = []
    backwards = product(*(range(len(labels)) for _, labels in reversed(axes)))
    for number, at in enumerate(each[::-1] for each in backwards):
        name = cell_name(at, len(axes[2][1]) if len(axes) > 2 else 1)
        own = {setting: labels[place] for (setting, labels), place in zip(axes, at, strict=True)}
        ratio = float(own["ratio"].split()[1]) if "ratio" in own else 1.0
        adapters = () if name in plain else ((adapter, ratio),)
        prompt, seed = own.get("prompt", "a cat"), at[2] + 1 if len(at) > 2 else 1
        image = GridImage(f"{number:016x}", 0, adapters, 1, prompt, "", seed, 4, 7.0, 64, 64, "ddim")
        cells.append(GridCell(name, at, image, failed="no [room]" if name in failed else ""))
        if name not in {*missing, *failed}:
            file = image_file(folder, image.name)
            file.parent.mkdir(exist_ok=True)
            _picture(pictures, at).save(file)
    places = zip(("columns", "rows", "pages"), axes, strict=False)
    labelled = tuple(AxisLabels(place, setting, tuple(labels)) for place, (setting, labels) in places)
    write_grid_file(folder, GridFile("compared", labelled, (model,), tuple(cells)))


def _picture(pictures: Sequence[Path], at: tuple[int, ...]) -> Image.Image:
    column, row, page = (*at, 0, 0)[:3]
    if not pictures:
        return Image.new("RGB", (64, 64), (90 * column % 256, 90 * row % 256, 90 * page % 256))
    with Image.open(pictures[row % len(pictures)]) as opened:
        return opened.convert("RGB").resize((128, 128)).rotate(8 * column)
