"""Weights of a run: which file is meant, and a copy of it at a place of the user's."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from curator.contract.errors import ReplaceableError, UserError
from curator.contract.files.whole_files import TakenError, drafted_file, drafted_folder
from curator.contract.progress import Progress, silent
from curator.runs.follow import Follower

if TYPE_CHECKING:
    from curator.contract.run.run_folder import RunFolder

_PIECE_BYTES = 1 << 24


def all_weights_of(run: RunFolder) -> dict[str, str]:
    """The weights of a run by name, each with the step that wrote it where the run's events tell."""
    steps = {name: step for step, name in _files_by_step(run).items()}
    names = (each.name for each in sorted(run.output_dir.iterdir()) if _is_weights(each))
    return {name: f"step {steps[name]}" if name in steps else "" for name in names}


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
    return (path.suffix == ".safetensors" and path.is_file()) or (path / "model_index.json").is_file()


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


def export_weights(
    run: RunFolder,
    target: Path,
    checkpoint: str = "",
    progress: Progress = silent,
    *,
    replace: bool = False,
) -> Exported:
    """Copy weights, as `weights_of` finds them, to `target`; `progress` hears bytes.

    Raises:
        UserError: there are none, the place is taken and `replace` is not given or would replace what are no weights,
            or no space or right to write.
    """
    weights = weights_of(run, checkpoint)
    _refuse_what_is_no_weights(weights, target)
    files = [weights] if weights.is_file() else [each for each in weights.rglob("*") if each.is_file()]
    total = sum(each.stat().st_size for each in files)
    copied = 0

    def copy(source: str, to: str) -> str:
        nonlocal copied
        with Path(source).open("rb") as read, Path(to).open("wb") as written:
            while piece := read.read(_PIECE_BYTES):
                written.write(piece)
                copied += len(piece)
                progress(copied, total)
        return to

    try:
        if weights.is_dir():
            with drafted_folder(target, replace=replace) as draft:
                shutil.copytree(weights, draft, copy_function=copy, dirs_exist_ok=True)
        else:
            with drafted_file(target, replace=replace) as draft:
                copy(str(weights), str(draft))
    except TakenError as error:
        raise ReplaceableError(
            f"{target} exists already", "choose another place, or add --replace"
        ) from error
    except OSError as error:
        raise UserError(
            f"{target} cannot be written: {error.strerror or error}", "free space, or choose another place"
        ) from error
    return Exported(weights, total)


def _refuse_what_is_no_weights(weights: Path, target: Path) -> None:
    """What is a person's own is never replaced: only weights are. Nor is a folder copied into itself."""
    if target.is_dir() and weights.is_file():
        raise UserError(f"{target} is a folder", "name a file in it")
    if target.is_file() and (weights.is_dir() or not _is_weights(target)):
        raise UserError(f"{target} is there, and no such weights", "name a new one")
    if weights.is_dir() and weights.resolve() in target.resolve().parents:
        raise UserError(f"{target} is inside of what is to be copied", "choose another place")
    if weights.is_dir() and target.is_dir() and any(target.iterdir()) and not _is_weights(target):
        raise UserError(f"the folder {target} is not empty, and no model", "name a new one")
