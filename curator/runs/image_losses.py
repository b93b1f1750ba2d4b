"""The images of a run by their losses: those that never fit, those that are memorised, and each subset (row B18)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from curator.contract.manifest.manifest import Manifest, open_manifest
from curator.filter.run_losses import RowLosses, losses_by_row

if TYPE_CHECKING:
    from curator.contract.run.run_folder import RunFolder


class ImageLoss(NamedTuple):
    """One image in one subset: how often it was trained, its loss, and that of either half of the run (NaN: none)."""

    path: Path
    subset: str
    seen: int
    loss: float
    early: float
    late: float


class SubsetLoss(NamedTuple):
    """A subset: its images that were trained, and their mean losses."""

    name: str
    images: int
    loss: float
    early: float
    late: float


@dataclass(frozen=True)
class RunLosses:
    """`highest` never fit, `lowest` may be memorised; of images that were trained `least_seen` times or more."""

    images: int
    loss: float
    least_seen: int
    highest: tuple[ImageLoss, ...]
    lowest: tuple[ImageLoss, ...]
    subsets: tuple[SubsetLoss, ...]


def losses_of_run(run: RunFolder, count: int, least_seen: int | None = None) -> RunLosses:
    """The `count` images of highest and of lowest loss (0: all), and the means of all subsets.

    One that was trained seldom has a loss that says little. Without `least_seen` those count that were trained at
    least half as often as the median image.

    Raises:
        UserError: the run has no such losses, or its manifest cannot be read.
    """
    with open_manifest(Path(run.info().manifest)) as manifest:
        rows = losses_by_row(run, len(manifest))
        trained = rows.seen > 0
        least = max(1, int(np.median(rows.seen[trained]) / 2)) if least_seen is None else least_seen
        places = np.flatnonzero(rows.seen >= max(least, 1))
        order = places[np.argsort(rows.loss[places], kind="stable")]
        return RunLosses(
            int(trained.sum()),
            float(np.average(rows.loss[trained], weights=rows.seen[trained])),
            least,
            tuple(_image(manifest, rows, int(row)) for row in order[::-1][: count or None]),
            tuple(_image(manifest, rows, int(row)) for row in order[: count or None]),
            tuple(_subsets(manifest, rows)),
        )


def _image(manifest: Manifest, rows: RowLosses, row: int) -> ImageLoss:
    image = manifest.image(row)
    return ImageLoss(
        manifest.file_of(image),
        manifest.header.subsets[image.subset].name,
        int(rows.seen[row]),
        float(rows.loss[row]),
        float(rows.early[row]),
        float(rows.late[row]),
    )


def _subsets(manifest: Manifest, rows: RowLosses) -> list[SubsetLoss]:
    found: list[SubsetLoss] = []
    for number, subset in enumerate(manifest.header.subsets):
        mine = np.zeros(len(manifest), bool)
        for part in manifest.parts:
            if part.subset == number:
                mine[part.first_row : part.first_row + part.rows] = True
        mine &= rows.seen > 0
        if mine.any():
            means = (_mean(values[mine]) for values in (rows.loss, rows.early, rows.late))
            found.append(SubsetLoss(subset.name, int(mine.sum()), *means))
    return found


def _mean(values: NDArray[np.float64]) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")
