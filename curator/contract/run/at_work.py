"""Trainings at work on this machine and their devices: one small file each, so that the queue waits for all of them.

The first process of a training on a machine writes it and removes it; one that outlived its process counts for nothing.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from curator.contract import locations
from curator.contract.files.json_data import checked, read_object, to_json
from curator.contract.files.whole_files import replace_file
from curator.contract.run.process_identity import Identity, identity_of, is_alive

GPUS = Path("/proc/driver/nvidia/gpus")


@dataclass(frozen=True)
class AtWork:
    """One training: its run's folder, its devices as in "cuda:0,1" or "cpu", and the process that tells so."""

    run: str
    devices: str
    pid: int
    started: str
    boot: str


@contextmanager
def told_of(run: Path) -> Generator[None]:
    """Let others know of the training in `run` while the `with` lasts; where nothing can be written they do not."""
    if int(os.environ.get("LOCAL_RANK", "0")) > 0:  # set by torchrun: the first process tells of all
        yield
        return
    devices = _devices(int(os.environ.get("LOCAL_WORLD_SIZE", "1")))
    about = AtWork(os.path.realpath(run), devices, **asdict(identity_of(os.getpid())))
    file = _folder() / f"{platform.node()}-{about.pid}.json"
    with suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        replace_file(file, f"{to_json(asdict(about))}\n".encode())
    try:
        yield
    finally:
        with suppress(OSError):
            file.unlink()


def trainings_at_work() -> list[AtWork]:
    """Those of this machine; files of trainings that were killed are removed."""
    living: list[AtWork] = []
    for file in sorted(_folder().glob(f"{platform.node()}-*.json")):
        try:
            about = checked(AtWork, read_object(file), passes_over=True)
        except (OSError, ValueError):
            continue
        if is_alive(Identity(about.pid, about.started, about.boot)):
            living.append(about)
        else:
            with suppress(OSError):
                file.unlink()
    return living


def gpu_count() -> int:
    """How many GPUs the driver of this machine knows."""
    return len(list(GPUS.iterdir())) if GPUS.is_dir() else 0


def _devices(processes: int) -> str:
    """The devices that so many processes here train on: the first that the shell lets them see."""
    count = gpu_count()
    seen = os.environ.get("CUDA_VISIBLE_DEVICES")
    every = [str(number) for number in range(count)]
    visible = every if seen is None else [word.strip() for word in seen.split(",") if word.strip()]
    if not count or not visible or visible[0] == "-1":
        return "cpu"
    mine = visible[:processes]
    known = mine if set(mine) <= set(every) else every  # named by what is no number: it may be any
    return f"cuda:{','.join(known)}"


def _folder() -> Path:
    return locations.state_folder() / locations.AT_WORK
