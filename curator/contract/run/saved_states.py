"""Saved states of a run on the disk: their names and files, and which of them are whole.

A state is a folder `step-00000012` below the run's `state/`. It is written under another name, flushed, then renamed.
"""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

from curator.contract.files.json_data import read_object
from curator.contract.files.whole_files import drafted_folder

STATE_FACTS = "state.json"
STATE_OPTIMIZER = "optimizer.pt"
_PREFIX = "step-"
_NAME = re.compile(rf"{_PREFIX}(\d{{8,}})")


def state_name(step: int) -> str:
    """The folder's name of the state after `step` steps."""
    return f"{_PREFIX}{step:08d}"


def state_step(place: Path) -> int:
    """The step a state's folder is named after."""
    return int(place.name.removeprefix(_PREFIX))


def whole_states(folder: Path) -> list[Path]:
    """The states below a run's state folder, oldest first."""
    return sorted(
        (place for place in folder.glob(f"{_PREFIX}*") if _NAME.fullmatch(place.name)), key=state_step
    )


def copy_state(
    place: Path, folder: Path, recipe_sha256: str, manifest_digest: str, *, with_optimizer: bool
) -> None:
    """Copy the state at `place` into another run's state folder, as one of that run's recipe and manifest.

    What else it belonged to (base model, masks, size of a batch) is left open: the run that goes on from it says so
    in the next state it saves.

    Raises:
        OSError: it cannot be read, or not be written.
        ValueError: what it says of itself is damaged.
    """
    known = read_object(place / STATE_FACTS)
    about = {
        name: known[name] for name in ("step", "version", "loss_scale", "order", "sha256") if name in known
    }
    with drafted_folder(folder / place.name) as draft:
        for file in sorted(place.iterdir()):
            if file.name != STATE_FACTS and (with_optimizer or file.name != STATE_OPTIMIZER):
                shutil.copyfile(file, draft / file.name)
        about |= {"recipe_sha256": recipe_sha256, "manifest_digest": manifest_digest}
        sums = about.get("sha256")
        if not with_optimizer:
            about["fresh_optimizer"] = True
            if isinstance(sums, dict):
                about["sha256"] = {name: each for name, each in sums.items() if name != STATE_OPTIMIZER}
        (draft / STATE_FACTS).write_text(json.dumps(about, indent=1) + "\n", "utf-8")
