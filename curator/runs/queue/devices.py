"""Devices of this machine as a queue names them: "cuda:0", two of them "cuda:0,1", or "cpu"."""

from __future__ import annotations

import os
import re

from curator.contract.errors import UserError
from curator.contract.run.at_work import gpu_count

_CUDA = re.compile(r"cuda:(\d{1,3}(?:,\d{1,3})*)")


def devices_of(name: str) -> frozenset[str]:
    """Each device that a name means."""
    found = _CUDA.fullmatch(name)
    return frozenset(f"cuda:{number}" for number in found[1].split(",")) if found else frozenset((name,))


def checked_device(name: str, processes: int) -> str:
    """The name of devices for so many processes, or of the first ones where none is given.

    Raises:
        UserError: it names no device, one that this machine does not have, or too few.
    """
    there = _gpus()
    if not name:
        numbers = ",".join(there[:processes])
        name = f"cuda:{numbers}" if there else "cpu"
    found = _CUDA.fullmatch(name)
    if found is None:
        if name not in ("cpu", "mps"):
            raise UserError(f"'{name}' is no device", "write cuda:0, cuda:0,1 or cpu")
        return name
    numbers = found[1].split(",")
    missing = [number for number in numbers if there and number not in there]
    if missing or not there:
        known = ", ".join(f"cuda:{number}" for number in there) or "none; train on cpu"
        raise UserError(
            f"this machine has no device cuda:{(missing or numbers)[0]}", f"GPUs there are: {known}"
        )
    if len(numbers) != processes:
        raise UserError(
            f"{processes} processes train together, and {name} names {len(numbers)} devices",
            "name one for each process, as in cuda:0,1",
        )
    return name


def seen_devices(name: str) -> dict[str, str]:
    """The environment of a trainer that sees these devices alone, numbered as the driver does."""
    if found := _CUDA.fullmatch(name):
        return {"CUDA_VISIBLE_DEVICES": found[1], "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
    return {"CUDA_VISIBLE_DEVICES": ""}


def _gpus() -> list[str]:
    """The numbers of the GPUs there are, those first that the shell lets programs see."""
    every = [str(number) for number in range(gpu_count())]
    shown = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
    return sorted(every, key=lambda number: (number not in shown, int(number)))
