"""Weights of a run: which file is meant, and a copy of it at a place of the user's."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, NamedTuple

from curator.contract.errors import UserError
from curator.contract.files.whole_files import TakenError, drafted_file, drafted_folder
from curator.runs.follow import Follower

if TYPE_CHECKING:
    from pathlib import Path

    from curator.contract.run.run_folder import RunFolder


def weights_of(run: RunFolder, checkpoint: str = "") -> Path:
    """The weights of a step, of that name, or without `checkpoint` what the run ended with, or wrote last.

    Raises:
        UserError: there are none.
    """
    files = {each.name: each for each in sorted(run.output_dir.iterdir()) if _is_weights(each)}
    if not files:
        raise UserError(
            f"the run {run.path.name} has no weights yet", "have it save some: frieze runs save RUN"
        )
    steps = _files_by_step(run)
    if checkpoint:
        name = steps.get(checkpoint, checkpoint)
        if name not in files:
            raise UserError(
                f"the run {run.path.name} has no weights '{checkpoint}'", f"it has: {', '.join(files)}"
            )
        return files[name]
    name = run.info().name
    lasts = (f"{name}.safetensors", name, *reversed(steps.values()))
    newest = next((name for name in lasts if name in files), "")
    return files[newest] if newest else max(files.values(), key=lambda file: file.stat().st_mtime_ns)


def _is_weights(path: Path) -> bool:
    """Whether it is a single file, or a diffusers folder."""
    return path.suffix == ".safetensors" or (path / "model_index.json").is_file()


def _files_by_step(run: RunFolder) -> dict[str, str]:
    """The names of files of weights by step, newest last, as the run's events tell them."""
    follower = Follower(run)
    while True:
        view = follower.poll()
        if not follower.is_behind:
            return {str(each.step): each.path.rpartition("/")[2] for each in view.checkpoints}


class Exported(NamedTuple):
    """Weights that were copied, a file or a diffusers folder, and how large they are."""

    weights: Path
    bytes: int


def export_weights(run: RunFolder, target: Path, checkpoint: str = "", *, replace: bool = False) -> Exported:
    """Copy weights, as `weights_of` finds them, to `target`.

    Raises:
        UserError: there are none, the place is taken and `replace` is not given, or no space or right to write.
    """
    weights = weights_of(run, checkpoint)
    try:
        if weights.is_dir():
            with drafted_folder(target, replace=replace) as draft:
                shutil.copytree(weights, draft, dirs_exist_ok=True)
        else:
            with drafted_file(target, replace=replace) as draft:
                shutil.copyfile(weights, draft)
    except TakenError as error:
        raise UserError(f"{target} exists already", "choose another place, or add --replace") from error
    except OSError as error:
        raise UserError(
            f"{target} cannot be written: {error.strerror or error}", "free space, or choose another place"
        ) from error
    files = [weights] if weights.is_file() else [each for each in weights.rglob("*") if each.is_file()]
    return Exported(weights, sum(each.stat().st_size for each in files))
