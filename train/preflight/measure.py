"""Seconds and peaks of memory of a piece of work, on the device and in the system."""

from __future__ import annotations

import sys
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import torch

from train.report import memory_bytes

_PROCESS = Path("/proc/self")


@dataclass
class Cost:
    """What work took; `device_bytes` is 0 without a GPU. `rest` is held of the place it is computed in behind it."""

    seconds: float = 0.0
    device_bytes: int = 0
    host_bytes: int = 0
    rest: int = 0


@contextmanager
def measured() -> Generator[Cost]:
    """What the block takes, once it is over."""
    cost = Cost()
    on_gpu = torch.cuda.is_available()
    if on_gpu:
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
    with suppress(OSError):  # from here on Linux counts the peak anew; elsewhere it is that of all before
        (_PROCESS / "clear_refs").write_text("5")
    began = time.perf_counter()
    yield cost
    if on_gpu:
        torch.cuda.synchronize()
        cost.device_bytes = torch.cuda.max_memory_allocated()
    cost.seconds = time.perf_counter() - began
    cost.host_bytes = _of_process("VmHWM") or (0 if on_gpu else memory_bytes())
    cost.rest = torch.cuda.memory_allocated() if on_gpu else _of_process("VmRSS")


def free_bytes() -> int:
    """What is left to this process where it computes, with what it holds already; 0 where nobody tells."""
    if torch.cuda.is_available():
        free, _ = torch.cuda.mem_get_info()
        return free + torch.cuda.memory_reserved()
    if sys.platform != "linux":
        return 0
    return _kib(Path("/proc/meminfo"), "MemAvailable") + _of_process("VmRSS")


def _of_process(name: str) -> int:
    return _kib(_PROCESS / "status", name)


def _kib(file: Path, name: str) -> int:
    """A number of kibibytes in a file of Linux's, in bytes; 0 elsewhere."""
    with suppress(OSError, ValueError):
        for line in file.read_text().splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1]) * 1024
    return 0
