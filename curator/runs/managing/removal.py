"""A run deleted: what would be lost is said first, and a living one is left alone."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from curator.contract.errors import UserError
from curator.contract.run.saved_states import whole_states

if TYPE_CHECKING:
    from curator.contract.run.run_folder import RunFolder


class Belongings(NamedTuple):
    """What a run's folder holds: files of weights, saved states, sample images, and bytes of weights and in all."""

    weights: int
    weights_bytes: int
    states: int
    samples: int
    all_bytes: int


def belongings(run: RunFolder) -> Belongings:
    """What would be lost with the folder of a run."""
    weights = list(run.output_dir.iterdir()) if run.output_dir.is_dir() else []
    samples = list(run.samples_dir.glob("*.png")) if run.samples_dir.is_dir() else []
    return Belongings(
        len(weights),
        _bytes_below(run.output_dir),
        len(whole_states(run.state_dir)),
        len(samples),
        _bytes_below(run.path),
    )


def delete_run(run: RunFolder, *, keep_weights: bool = False) -> None:
    """Remove a run's folder; with `keep_weights` the folder stays, with nothing but the weights in it.

    From the first file removed on it is no run any more: killed in between, it is in no list.

    Raises:
        UserError: it lives, it is a link, or not all of it can be removed.
    """
    name = run.path.name
    if run.path.is_symlink():
        raise UserError(
            f"{name} is a link to a run elsewhere", "remove the link, or delete the run where it is"
        )
    if run.status() == "running":
        raise UserError(f"the run {name} lives", "stop it first with 'frieze runs stop --wait'")
    try:
        with run.resting():
            run.info_path.unlink()
            if keep_weights and any(run.output_dir.iterdir()):
                _remove_beside(run.path, run.output_dir)
            else:
                shutil.rmtree(run.path)
    except OSError as error:
        raise UserError(
            f"not all of the run {name} can be removed: {error.strerror}",
            f"check the rights in {run.path}, and remove what is left by hand",
        ) from error


def _remove_beside(folder: Path, kept: Path) -> None:
    for each in folder.iterdir():
        if each == kept:
            continue
        if each.is_dir() and not each.is_symlink():
            shutil.rmtree(each)
        else:
            each.unlink()


def _bytes_below(folder: Path) -> int:
    total = 0
    for home, _, files in os.walk(folder):
        for name in files:
            try:
                total += os.lstat(os.path.join(home, name)).st_size  # noqa: PTH118 (names may be of any bytes)
            except OSError:
                continue
    return total
