"""Kills the process it is run in, at the KILL_AT-th of the places where a run may be torn; no place, no kill.

With KILL_PLACE only the places of that name are counted: others come in an order that depends on how fast threads are.

What each step was given (images, tokens, noise, timesteps) is appended to SEEN, a line for each.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import signal
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import torch

_rank = os.environ.get("RANK", "0")
_dies = _rank == os.environ.get("KILL_RANK", _rank)
_place = os.environ.get("KILL_PLACE", "")
_left = [int(os.environ.get("KILL_AT", "0")) if _dies else 0]  # places, this one the last


def here(place: str) -> None:
    """Die, if this is the place."""
    if _place not in ("", place):
        return
    _left[0] -= 1
    if _left[0] == 0:
        Path(os.environ["SEEN"]).with_suffix(".places").open("a").write(f"{place}\n")
        os.kill(os.getpid(), signal.SIGKILL)


def torn(owner: Any, name: str, before: str = "", after: str = "") -> None:
    honest: Callable[..., Any] = getattr(owner, name)

    def call(*given: Any, **named: Any) -> Any:
        if before:
            here(before)
        result = honest(*given, **named)
        if after:
            here(after)
        return result

    setattr(owner, name, call)


def half_removed(place: Path) -> None:
    """As `rmtree`, and it may end in between."""
    for file in sorted(place.iterdir())[:1]:
        file.unlink()
    here("an old state half removed")
    shutil.rmtree(place)


stepper = import_module("train.step").Stepper
take = stepper.take


def seen(self: Any, batch: Any) -> Any:
    file = io.BytesIO()
    torch.save(
        [(part.tokens, part.noise, part.timesteps, part.posterior) for part in batch.micro_batches], file
    )
    told = {
        "step": batch.step,
        "rank": _rank,
        "names": batch.names,
        "drawn": hashlib.sha256(file.getvalue()).hexdigest(),
    }
    with Path(os.environ["SEEN"]).open("a") as lines:
        lines.write(json.dumps(told) + "\n")
    here("before a step")
    return take(self, batch)


stepper.take = seen
update = import_module("train.precision.update")
torn(update.AtOnce, "move", after="weights moved, the average not")
resume = import_module("train.states.resume")
torn(resume, "save_file", after="weights written, the optimiser not")
torn(
    import_module("curator.contract.files.whole_files"),
    "_flush_all",
    before="before the state is flushed",
    after="before it has its name",
)
resume.shutil = type("shutil", (), {"rmtree": staticmethod(half_removed)})
log = import_module("curator.contract.run.event_log").EventLog
write = log.write


def half_written(self: Any, event: Any) -> None:
    if type(event).__name__ == "StepDone":
        if _left[0] == 1 and not _place:
            os.write(self._file, b'{"event": "step_do')
        here("within an event's line")
    write(self, event)


log.write = half_written
