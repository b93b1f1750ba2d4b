"""CPU threads of a worker process: no more than it may use, and asleep while they wait.

By default OpenMP's threads spin between two pieces of work. Two runs on one machine then take the cores from each
other: on two cores a step of the demo takes 3.2 s beside another run, and 0.4 s when waiting threads sleep.
"""

from __future__ import annotations

import os
from collections.abc import MutableMapping
from pathlib import Path

_PASSIVE = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "0", "KMP_BLOCKTIME": "0"}
_THREADS = "OMP_NUM_THREADS"
_QUOTA = Path("/sys/fs/cgroup/cpu.max")


def limit_cpu_threads(environment: MutableMapping[str, str] = os.environ, quota: Path = _QUOTA) -> None:
    """Set what OpenMP reads once, when a library first loads it; what the user has set stays.

    Libraries count the cores of the machine. In a container that may use fewer, the threads are as many as those.
    """
    for name, value in _PASSIVE.items():
        environment.setdefault(name, value)
    if allowed := _allowed_cores(quota):
        environment.setdefault(_THREADS, str(allowed))


def _allowed_cores(quota: Path) -> int | None:
    """The whole cores a container may use, at least 1; None without a limit below those of the machine."""
    try:
        most, period = quota.read_text("utf-8").split()
        cores = max(1, int(most) // int(period))
    except (OSError, ValueError, ZeroDivisionError):  # no such file, or "max": no limit
        return None
    return cores if cores < (os.cpu_count() or 1) else None
