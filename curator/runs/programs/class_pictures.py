"""Regularisation images made by the base model (row S046): as many of each bucket as training has."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curator.contract.errors import UserError
from curator.contract.run.class_pictures import ClassPictures, write_job
from curator.runs.launch import check_installed
from curator.runs.programs.trainer_programs import run_program

if TYPE_CHECKING:
    from curator.contract.buckets import Size
    from curator.contract.progress import Progress

PROGRAM: Sequence[str] = ("-m", "train.programs.class_pictures")


def shared_sizes(loads: Sequence[tuple[Size, int]], count: int) -> tuple[Size, ...]:
    """`count` sizes in proportion to the samples of each bucket: by the largest remainder, ties to the first.

    Raises:
        UserError: there is nothing to go by.
    """
    total = sum(samples for _, samples in loads)
    if not total:
        raise UserError(
            "no training image says which sizes are wanted", "add a subset first, or give --size WxH"
        )
    exact = [(size, count * samples / total) for size, samples in loads]
    shares = [int(share) for _, share in exact]
    by_rest = sorted(range(len(exact)), key=lambda place: (shares[place] - exact[place][1], place))
    for place in by_rest[: count - sum(shares)]:
        shares[place] += 1
    return tuple(size for (size, _), share in zip(exact, shares, strict=True) for _ in range(share))


def make(folder: Path, job: ClassPictures, progress: Progress | None = None) -> None:
    """Make the images of `job` in `folder`; those that are there stay. Takes as long as it takes.

    Raises:
        UserError: training is not installed, another job lies there, or the base model cannot be used.
    """
    check_installed()
    write_job(folder, job)

    def told(at: dict[str, Any]) -> None:
        if progress:
            progress(at["done"], at["total"])

    run_program([*PROGRAM, str(folder)], told)
