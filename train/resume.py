"""Saved states of a run for exact resume: trained weights, optimiser state, step.

Nothing else has a memory: order, captions, noise, dropout and learning rate are functions of the step. A state is a
folder `step-00000012`, written under another name, flushed, then renamed: a folder of that name is whole.
"""

from __future__ import annotations

import json
import pickle
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from curator.contract.errors import UserError
from curator.contract.files.json_data import checked, read_object
from curator.contract.files.regular_file import open_regular
from curator.contract.files.whole_files import drafted_folder
from curator.contract.locations import RECIPE
from curator.contract.recipe.identity import first_difference
from curator.contract.text import counted

if TYPE_CHECKING:
    from curator.contract.recipe.fields import Value

_KEPT_STATES = 2
_NAME = re.compile(r"step-(\d{8,})")
_VERSION = 1
_WEIGHTS, _OPTIMIZER = "adapter.safetensors", "optimizer.pt"


@dataclass(frozen=True)
class Identity:
    """What a state belongs to; resuming with another of these would not be the same run.

    `recipe_sha256` is of the run's recipe file; `knobs` are those of its knobs that change weights. `base` is the base
    model's fingerprint, `masks` that of the mask files beside the images.
    """

    manifest_digest: str
    recipe_sha256: str
    knobs: Mapping[str, Value]
    effective_batch: int = 0
    base: str = ""
    masks: str = ""
    version: int = _VERSION


@dataclass(frozen=True)
class _Saved:
    """What `state.json` says; None where an earlier version did not say it."""

    step: int
    manifest_digest: str
    recipe_sha256: str
    version: int
    knobs: dict[str, bool | int | float | str | tuple[str, ...]] | None = None
    effective_batch: int | None = None
    base: str | None = None
    masks: str | None = None


@dataclass(frozen=True)
class State:
    """A run after `step` steps."""

    step: int
    weights: dict[str, Tensor]
    optimizer: dict[str, Any]


def save_state(folder: Path, state: State, identity: Identity) -> Path:
    """Write the state and forget all but the newest two."""
    place = folder / f"step-{state.step:08d}"
    with drafted_folder(place, replace=True) as draft:  # a run that was killed after it wrote the same step
        save_file(state.weights, draft / _WEIGHTS)
        torch.save(state.optimizer, draft / _OPTIMIZER)
        about = {"step": state.step, **asdict(identity)}
        (draft / "state.json").write_text(json.dumps(about, indent=1) + "\n", "utf-8")
    for old in _whole_states(folder)[:-_KEPT_STATES]:
        shutil.rmtree(old)
    return place


def newest_state(folder: Path, identity: Identity, passed_over: Callable[[str, str], None]) -> State | None:
    """The newest state that can be read, or None where there is none.

    `passed_over` is told the name of each damaged one, and why it cannot be read.

    Raises:
        UserError: the states belong to another recipe, manifest, base model or other masks.
    """
    for place in reversed(_whole_states(folder)):
        try:
            return _read(place, identity)
        except (
            OSError,
            ValueError,
            KeyError,
            RuntimeError,
            SafetensorError,
            pickle.UnpicklingError,
            EOFError,
        ) as error:  # the one before it gives the same run, only later
            passed_over(place.name, f"{type(error).__name__}: {error}")
    return None


def _read(place: Path, identity: Identity) -> State:
    saved = checked(_Saved, read_object(place / "state.json"), passes_over=True)
    if saved.step != int(place.name.removeprefix("step-")):
        raise ValueError("it is of another step than its name")
    _check_recipe(place.name, saved, identity)
    for name, what in (("base", "the base model is"), ("masks", "the mask files beside the images are")):
        if getattr(saved, name) not in (None, getattr(identity, name)):
            raise UserError(
                f"{what} not what the run was started with", "put back what was there, or start a new run"
            )
    if saved.effective_batch not in (None, identity.effective_batch):
        raise UserError(
            f"the run has {counted(saved.effective_batch)} a step and would have {identity.effective_batch} now",
            "resume with the --processes it was started with",
        )
    if saved.version != identity.version:
        raise UserError(
            f"the saved state {place.name} has version {saved.version}",
            "resume with the Frieze that wrote it",
        )
    for name in (_WEIGHTS, _OPTIMIZER):
        open_regular(place / name).close()
    optimizer = torch.load(place / _OPTIMIZER, map_location="cpu", weights_only=True)
    return State(saved.step, load_file(place / _WEIGHTS), optimizer)


def _check_recipe(name: str, saved: _Saved, identity: Identity) -> None:
    """Only what changes weights counts. Older states say but one thing of the recipe: the digest of its file."""
    hint = f"put back the run's {RECIPE}, or start a new run"
    is_same = saved.knobs is not None or saved.recipe_sha256 == identity.recipe_sha256
    if saved.manifest_digest != identity.manifest_digest or not is_same:
        raise UserError(f"the saved state {name} is of another recipe or manifest", hint)
    if (key := first_difference(saved.knobs or identity.knobs, identity.knobs)) is not None:
        raise UserError(f"the saved state {name} is of another recipe: {key} is not what it was", hint)


def _whole_states(folder: Path) -> list[Path]:
    return sorted(
        (place for place in folder.glob("step-*") if _NAME.fullmatch(place.name)),
        key=lambda place: int(place.name.removeprefix("step-")),
    )
