"""Losses of single images written down as they come: a record a sample, cut at a resume where its state ends.

A run that was killed and resumed has the same bytes as one that was not.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from curator.contract.run.image_losses import RECORD, losses_file, losses_files

_BLOCK = 4096  # records looked at together


class ImageLosses:
    """The losses of this process's samples. A disk that takes no more is told to `failed` once, and the run goes on."""

    def __init__(self, folder: Path, rank: int, done: int, failed: Callable[[OSError], None]) -> None:
        self._failed = failed
        self._file: int | None = None
        try:
            folder.mkdir(exist_ok=True)
            self._file = os.open(losses_file(folder, rank), os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
            _cut(self._file, done)
        except OSError as error:
            self._give_up(error)

    def add(self, step: int, rows: Sequence[int], timesteps: Sequence[int], losses: Sequence[float]) -> None:
        """Append the samples of one step (from 1), in their order in the batch."""
        if self._file is None:
            return
        told = zip(rows, losses, timesteps, strict=True)
        data = b"".join(RECORD.pack(step, row, loss, timestep, 0) for row, loss, timestep in told)
        try:
            while data:  # a disk that fills up takes a part first
                data = data[os.write(self._file, data) :]
        except OSError as error:
            self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None
        self._failed(error)


def forget_ranks(folder: Path, done: int, processes: int) -> None:
    """Cut the files of processes that there were before and are not now; a run may go on with fewer."""
    for rank, path in losses_files(folder).items():
        if rank >= processes:
            try:
                file = os.open(path, os.O_RDWR)
            except OSError:
                continue  # a reader passes over what it cannot read, too
            try:
                _cut(file, done)
            finally:
                os.close(file)


def _cut(file: int, done: int) -> None:
    """Leave the whole records of steps 1 .. `done`. What a machine that went down left at the end is zeros."""
    count = os.fstat(file).st_size // RECORD.size
    while count:
        first = max(count - _BLOCK, 0)
        data = os.pread(file, (count - first) * RECORD.size, first * RECORD.size)
        steps = [record[0] for record in RECORD.iter_unpack(data)]
        kept = next((at + 1 for at in reversed(range(len(steps))) if 0 < steps[at] <= done), 0)
        count = first + kept
        if kept:
            break
    os.ftruncate(file, count * RECORD.size)
