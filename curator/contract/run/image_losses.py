"""Losses of single images over a run: fixed-size records in the run's `losses/`, a file for each process.

A record is 16 bytes, little-endian: the step (from 1), the manifest's row, the loss as float32, the timestep, and two
bytes of zero. The loss has no weight but a mask's. Steps rise within a file.
"""

from __future__ import annotations

import re
import struct
from pathlib import Path

RECORD = struct.Struct("<IIfHH")
_NAME = re.compile(r"rank-(\d{4,})\.bin")


def losses_file(folder: Path, rank: int) -> Path:
    """The file of one process below a run's folder of losses."""
    return folder / f"rank-{rank:04d}.bin"


def losses_files(folder: Path) -> dict[int, Path]:
    """The files there are, by rank."""
    named = ((_NAME.fullmatch(file.name), file) for file in folder.glob("rank-*.bin"))
    return {int(match[1]): file for match, file in sorted(named, key=lambda pair: pair[1]) if match}
