"""`frieze runs losses`: the images that a run never fits, and those it may have memorised (row B18)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated

import typer

from curator.cli.options.options import CollectionOption, JsonOption, LimitOption, RunArgument
from curator.cli.options.places import runs_of
from curator.cli.shared.output import put, put_json, put_table
from curator.contract.text import counted

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from curator.cli.schemas.managed_runs import ImageLossRow, RunLosses

    Loss = tuple[Path, str, int, float, float, float]  # file, subset, times seen, loss, early, late


def losses(
    run: RunArgument,
    *,
    limit: LimitOption = 10,
    least_seen: Annotated[
        int | None,
        typer.Option(
            "--seen",
            metavar="N",
            min=1,
            help="Only images trained N times or more; default: half as often as the median one.",
        ),
    ] = None,
    collection: CollectionOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show which images a run never fits (highest loss), which it may have memorised (lowest), and each subset's loss.

    Losses are evened out over timesteps, unweighted. As a filter: 'loss(RUN)>0.2', 'sort:-loss(RUN)'.
    """
    runs = runs_of(collection)
    found = runs.losses(runs.find(run), limit, least_seen)
    if as_json:
        report: RunLosses = {
            "schema": "frieze/run-losses/1",
            "run": runs.find(run).path.name,
            "images": found.images,
            "loss": found.loss,
            "least_seen": found.least_seen,
            "highest": [_row(each) for each in found.highest],
            "lowest": [_row(each) for each in found.lowest],
            "subset_means": [
                {
                    "subset": each.name,
                    "images": each.images,
                    "loss": each.loss,
                    "early": _known(each.early),
                    "late": _known(each.late),
                }
                for each in found.subsets
            ],
        }
        put_json(report)
        return
    put(f"{counted(found.images)} trained, mean loss {found.loss:.4f}")
    put()
    put_table(
        [(each.name, each.images, *map(_said, (each.loss, each.early, each.late))) for each in found.subsets],
        ("subset", "images", "loss", "early", "late"),
    )
    for title, images in (("never fits", found.highest), ("memorised?", found.lowest)):
        put()
        _put_images(title, images)


def _put_images(title: str, images: Sequence[Loss]) -> None:
    rows = [
        (str(path), subset, seen, *map(_said, (loss, early, late)))
        for path, subset, seen, loss, early, late in images
    ]
    put_table(rows, (title, "subset", "seen", "loss", "early", "late"))


def _said(loss: float) -> str:
    return "-" if math.isnan(loss) else f"{loss:.4f}"


def _known(loss: float) -> float | None:
    return None if math.isnan(loss) else loss


def _row(image: Loss) -> ImageLossRow:
    path, subset, seen, loss, early, late = image
    return {
        "path": str(path),
        "subset": subset,
        "seen": seen,
        "loss": loss,
        "early": _known(early),
        "late": _known(late),
    }
