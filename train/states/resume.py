"""Saved states of a run for exact resume: trained weights, optimiser state, step.

Nothing else has a memory: order, captions, noise, dropout and learning rate are functions of the step.
"""

from __future__ import annotations

import hashlib
import json
import pickle
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from curator.contract.errors import UserError
from curator.contract.files.json_data import checked, read_object
from curator.contract.files.picture_file import file_sha256
from curator.contract.files.regular_file import open_regular
from curator.contract.files.whole_files import drafted_folder
from curator.contract.locations import RECIPE, RUN_INFO
from curator.contract.recipe.identity import differences
from curator.contract.run.saved_states import (
    STATE_FACTS,
    STATE_OPTIMIZER,
    state_name,
    state_step,
    whole_states,
)
from curator.contract.text import counted

if TYPE_CHECKING:
    from curator.contract.recipe.fields import Value

_VERSION = 1
_WEIGHTS = "adapter.safetensors"
UNREADABLE = (OSError, ValueError, KeyError, RuntimeError, SafetensorError, pickle.UnpicklingError, EOFError)
"""What the readers of a state's files raise of damaged ones."""


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
    """What `state.json` says; None where an earlier version did not say it, or a fork leaves it open.

    `fresh_optimizer` is of a fork that has another optimiser than the run it comes from; `sha256` is of the files.
    """

    step: int
    manifest_digest: str
    recipe_sha256: str
    version: int
    knobs: dict[str, bool | int | float | str | tuple[str, ...]] | None = None
    effective_batch: int | None = None
    base: str | None = None
    masks: str | None = None
    loss_scale: dict[str, int | float] | None = None
    fresh_optimizer: bool = False
    order: str | None = None
    sha256: dict[str, str] | None = None


@dataclass(frozen=True)
class State:
    """A run after `step` steps; `optimizer` is empty where it begins afresh.

    An optimiser keeps what it remembers of a weight by its place: `order` tells the places (`order_of`), "" if unknown.
    """

    step: int
    weights: dict[str, Tensor]
    optimizer: dict[str, Any]
    loss_scale: dict[str, float] = field(default_factory=dict)  # of fp16
    order: str = ""


def save_state(folder: Path, state: State, identity: Identity, kept: int) -> Path:
    """Write the state and forget all but the newest `kept` up to it.

    Those after it are of an earlier life of the run, which could not go on from them: they must not push it out.
    """
    place = folder / state_name(state.step)
    with drafted_folder(place, replace=True) as draft:  # a run that was killed after it wrote the same step
        save_file(state.weights, draft / _WEIGHTS)
        torch.save(state.optimizer, draft / STATE_OPTIMIZER)
        sums = {file.name: file_sha256(file) for file in sorted(draft.iterdir())}
        known = {"step": state.step, "loss_scale": state.loss_scale, "order": state.order, "sha256": sums}
        about = {**known, **asdict(identity)}
        (draft / STATE_FACTS).write_text(json.dumps(about, indent=1) + "\n", "utf-8")
    for old in [each for each in whole_states(folder) if state_step(each) <= state.step][:-kept]:
        shutil.rmtree(old)
    return place


def newest_state(folder: Path, identity: Identity, passed_over: Callable[[str, str], None]) -> State | None:
    """The newest state that can be read, or None where there is none.

    `passed_over` is told the name of each damaged one, and why it cannot be read.

    Raises:
        UserError: the states belong to another recipe, manifest, base model or other masks.
    """
    for place in reversed(whole_states(folder)):
        try:
            return _read(place, identity)
        except UNREADABLE as error:  # the one before it gives the same run, only later
            passed_over(place.name, f"{type(error).__name__}: {error}")
    return None


def _read(place: Path, identity: Identity) -> State:
    saved = checked(_Saved, read_object(place / STATE_FACTS), passes_over=True)
    if saved.step != state_step(place):
        raise ValueError("it is of another step than its name")
    _check_recipe(place.name, saved, identity)
    for name, what in (("base", "the base model is"), ("masks", "the mask files beside the images are")):
        if getattr(saved, name) not in (None, getattr(identity, name)):
            raise UserError(
                f"{what} not what the run was started with",
                "put back what was there, or go on with this one as a new run: 'frieze train --fork RUN'",
            )
    if saved.effective_batch not in (None, identity.effective_batch):
        raise UserError(
            f"the run has {counted(saved.effective_batch)} a step and would have {identity.effective_batch} now",
            f"put back the run's {RECIPE} and {RUN_INFO}: the images of a step are shared by however many processes",
        )
    if saved.version != identity.version:
        raise UserError(
            f"the saved state {place.name} has version {saved.version}",
            "resume with the Frieze that wrote it",
        )
    for name, known in (saved.sha256 or {}).items():  # their own readers take a changed number for a number
        if file_sha256(place / name) != known:
            raise ValueError(f"{name} is not as it was written")
    weights, optimizer = tensors_in(place, with_optimizer=not saved.fresh_optimizer)
    return State(saved.step, weights, optimizer, saved.loss_scale or {}, saved.order or "")


def order_of(weights: Sequence[Tensor]) -> str:
    """A digest of shapes and some numbers of weights, each at its place: of others, or in another order, it differs."""
    digest = hashlib.sha256()
    for weight in weights:
        flat = weight.detach().flatten()
        places = [0, len(flat) // 3, len(flat) // 2, len(flat) - 1]
        digest.update(repr((tuple(weight.shape), flat[places].float().tolist())).encode())
    return digest.hexdigest()


def tensors_in(place: Path, *, with_optimizer: bool = True) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """What a state's files hold of weights and optimiser, whatever it belongs to; raises as their readers do."""
    open_regular(place / _WEIGHTS).close()
    optimizer: dict[str, Any] = {}
    if with_optimizer:
        open_regular(place / STATE_OPTIMIZER).close()
        optimizer = torch.load(place / STATE_OPTIMIZER, map_location="cpu", weights_only=True)
    return load_file(place / _WEIGHTS), optimizer


def _check_recipe(name: str, saved: _Saved, identity: Identity) -> None:
    """Only what changes weights counts. Older states say but one thing of the recipe: the digest of its file."""
    hint = f"put back the run's {RECIPE}, or go on from it on purpose with 'frieze train --fork RUN'"
    is_same = saved.knobs is not None or saved.recipe_sha256 == identity.recipe_sha256
    if saved.manifest_digest != identity.manifest_digest or not is_same:
        raise UserError(f"the saved state {name} is of another recipe or manifest", hint)
    if found := differences(saved.knobs or identity.knobs, identity.knobs):
        told = ", ".join(f"{key} was {was!r} and is {now!r}" for key, was, now in found)
        raise UserError(f"the saved state {name} is of another recipe: {told}", hint)
