"""Saved states of a run for exact resume: adapter weights, optimiser state, step.

Nothing else has a memory: order, captions, noise, dropout and learning rate are functions of the step. A state is a
folder `step-00000012`, written under another name, flushed, then renamed: a folder of that name is whole.
"""

from __future__ import annotations

import json
import os
import pickle
import re
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from curator.contract.errors import UserError
from train.weights.atomic import flush_to_disk

_KEPT_STATES = 2
_NAME = re.compile(r"step-(\d{8,})")
_VERSION = 1


@dataclass(frozen=True)
class Identity:
    """What a state belongs to; resuming with another of these would not be the same run.

    `base` is the base model's fingerprint, `masks` that of the mask files beside the pictures.
    """

    manifest_digest: str
    recipe_sha256: str
    effective_batch: int = 0
    base: str = ""
    masks: str = ""
    version: int = _VERSION


@dataclass(frozen=True)
class State:
    """A run after `step` steps."""

    step: int
    adapter: dict[str, Tensor]
    optimizer: dict[str, Any]


def save_state(folder: Path, state: State, identity: Identity) -> Path:
    """Write the state and forget all but the newest two."""
    folder.mkdir(parents=True, exist_ok=True)
    place = folder / f"step-{state.step:08d}"
    draft = folder / f".draft-{os.getpid()}"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir()
    save_file(state.adapter, draft / "adapter.safetensors")
    torch.save(state.optimizer, draft / "optimizer.pt")
    about = {"step": state.step, **asdict(identity)}
    (draft / "state.json").write_text(json.dumps(about, indent=1) + "\n", "utf-8")
    for file in (*draft.iterdir(), draft):
        flush_to_disk(file)
    shutil.rmtree(place, ignore_errors=True)  # the same step, written by a run that was killed after it
    os.replace(draft, place)
    flush_to_disk(folder)
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


def forget_drafts(folder: Path) -> None:
    """Remove what a killed worker left half written."""
    for draft in folder.glob(".draft-*"):
        shutil.rmtree(draft, ignore_errors=True)


def _read(place: Path, identity: Identity) -> State:
    about = json.loads((place / "state.json").read_text("utf-8"))
    if (about["manifest_digest"], about["recipe_sha256"]) != (
        identity.manifest_digest,
        identity.recipe_sha256,
    ):
        raise UserError(
            f"the saved state {place.name} is of another recipe or manifest",
            "put back the run's recipe.toml, or start a new run",
        )
    for name, what in (("base", "the base model is"), ("masks", "the mask files beside the pictures are")):
        if about.get(name, getattr(identity, name)) != getattr(identity, name):
            raise UserError(
                f"{what} not what the run was started with", "put back what was there, or start a new run"
            )
    if about.get("effective_batch", identity.effective_batch) != identity.effective_batch:
        raise UserError(
            f"the run has {about['effective_batch']} pictures a step and would have {identity.effective_batch} now",
            "resume with the --processes it was started with",
        )
    if about["version"] != identity.version:
        raise UserError(
            f"the saved state {place.name} has version {about['version']}",
            "resume with the Frieze that wrote it",
        )
    adapter = load_file(place / "adapter.safetensors")
    optimizer = torch.load(place / "optimizer.pt", map_location="cpu", weights_only=True)
    return State(int(about["step"]), adapter, optimizer)


def _whole_states(folder: Path) -> list[Path]:
    return sorted(
        (place for place in folder.glob("step-*") if _NAME.fullmatch(place.name)),
        key=lambda place: int(place.name.removeprefix("step-")),
    )
