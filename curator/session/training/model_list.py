"""The models at hand: files a person named, the newest weights of each run, and what the runs began with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from curator.contract.base_model.content import content_of
from curator.contract.errors import UserError
from curator.contract.recipe.toml_file import load_recipe
from curator.contract.run.run_folder import RunFolder

if TYPE_CHECKING:
    from curator.session.memory import Memory
    from curator.session.training.runs import RunSummary

_NAMED = "models"
PICKLE = "a pickle"  # what it holds only PyTorch can tell


class ListedModel(NamedTuple):
    """A model file or diffusers folder. `whose` says of which run it is what; empty where a person named it.

    `changed_at` is seconds since 1970; `kind` is as `ModelInfo` has it, `problem` what is wrong, or empty.
    """

    path: Path
    whose: str
    bytes: int
    changed_at: float
    kind: str
    problem: str


def models_at_hand(named: Iterable[str], runs: Sequence[RunSummary]) -> list[ListedModel]:
    """What a person named, the last first, the newest weights of each run, and their base models; each file once."""
    found = {Path(each): "" for each in named}
    for run in runs:
        if run.weights is not None:
            found.setdefault(run.weights, f"of the run {run.name}")
    for run in runs:
        base = _base_of(run)
        if base is not None and base.exists():
            found.setdefault(base, f"base of the run {run.name}")
    return [_looked_at(path, whose) for path, whose in found.items()]


def named_models(memory: Memory) -> list[str]:
    """The files that a person named, the last first."""
    return [str(each) for each in memory.recall(_NAMED, [])]


def name_model(memory: Memory, path: Path) -> None:
    """Have a file in the list, at its head."""
    memory.put_first(_NAMED, str(path.absolute()))


def forget_model(memory: Memory, path: Path) -> bool:
    """Take a file that was named from the list; the file stays. False: it was not named."""
    was_named = str(path) in named_models(memory)
    memory.take_out(_NAMED, str(path))
    return was_named


def _base_of(run: RunSummary) -> Path | None:
    """The model that a run began with; None where its recipe names none, or cannot be read."""
    try:
        base = load_recipe(RunFolder(run.path).recipe_path).model.path
    except (OSError, UserError):
        return None
    return Path(base) if base else None


def _looked_at(path: Path, whose: str) -> ListedModel:
    from curator.runs.programs.model_info import info_of

    try:
        changed_at = path.stat().st_mtime
        if path.is_file() and content_of(path) != "safetensors":
            return ListedModel(path, whose, path.stat().st_size, changed_at, PICKLE, "")
        info = info_of(path)
    except FileNotFoundError:
        return ListedModel(path, whose, 0, 0.0, "", "not there")
    except OSError as error:
        return ListedModel(path, whose, 0, 0.0, "", error.strerror or str(error))
    except UserError as error:
        return ListedModel(path, whose, 0, 0.0, "", error.what)
    return ListedModel(path, whose, info.bytes, changed_at, info.kind, "")
