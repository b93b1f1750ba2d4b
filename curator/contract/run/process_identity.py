"""The identity of a worker process: its id, its start time and the boot it belongs to."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Identity:
    """One process of one boot. A reused process id has another start time; after a reboot the boot differs."""

    pid: int
    started: str
    boot: str


def identity_of(pid: int) -> Identity:
    """The identity of a living process."""
    return Identity(pid, _start_time(pid) or "", _boot_id())


def is_alive(identity: Identity) -> bool:
    """Whether that very process lives. A zombie is dead: in many containers nobody reaps."""
    if identity.boot != _boot_id():
        return False
    started = _start_time(identity.pid)
    return started is not None and started == identity.started


def _start_time(pid: int) -> str | None:
    """Clock ticks since boot at which `pid` began; None for a zombie or none at all. Without /proc: "?"."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        return None if fields[0] in "ZX" else fields[19]
    except (OSError, IndexError):
        return _start_time_without_proc(pid)


def _start_time_without_proc(pid: int) -> str | None:
    if Path("/proc/self/stat").exists():
        return None
    try:
        os.kill(pid, 0)
    except PermissionError:
        return "?"
    except OSError:
        return None
    return "?"


def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""
