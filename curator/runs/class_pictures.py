"""Regularisation images made by the base model (row S046): as many of each bucket as training has."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from curator.contract.buckets import Size
from curator.contract.errors import UserError
from curator.contract.progress import Progress
from curator.contract.run.class_pictures import ClassPictures, write_job
from curator.runs.launch import check_installed

PROGRAM: Sequence[str] = ("-m", "train.class_pictures")
_BROKEN = 1


def shared_sizes(loads: Sequence[tuple[Size, int]], count: int) -> tuple[Size, ...]:
    """`count` sizes in proportion to the samples of each bucket: by the largest remainder, ties to the first.

    Raises:
        UserError: there is nothing to go by.
    """
    total = sum(samples for _, samples in loads)
    if not total:
        raise UserError(
            "no training image says which sizes are wanted", "add a subset first, or give --size WxH"
        )
    exact = [(size, count * samples / total) for size, samples in loads]
    shares = [int(share) for _, share in exact]
    by_rest = sorted(range(len(exact)), key=lambda place: (shares[place] - exact[place][1], place))
    for place in by_rest[: count - sum(shares)]:
        shares[place] += 1
    return tuple(size for (size, _), share in zip(exact, shares, strict=True) for _ in range(share))


def make(folder: Path, job: ClassPictures, progress: Progress | None = None) -> None:
    """Make the images of `job` in `folder`; those that are there stay. Takes as long as it takes.

    Raises:
        UserError: training is not installed, another job lies there, or the base model cannot be used.
    """
    check_installed()
    write_job(folder, job)
    command = [sys.executable, *PROGRAM, str(folder)]
    # Files of the current folder are not ours to run; what is complained of goes to a file, which never fills up.
    environment = os.environ | {"PYTHONSAFEPATH": "1"}
    with (
        tempfile.TemporaryFile("w+", errors="replace") as complaints,
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=complaints, text=True, env=environment
        ) as process,
    ):
        try:
            _follow(process, progress)
        except BaseException:
            process.send_signal(signal.SIGINT)
            raise
        complaints.seek(0)
        said = complaints.read()
    if process.returncode:
        raise _failure(process.returncode, said)


def _follow(process: subprocess.Popen[str], progress: Progress | None) -> None:
    """Tell how far it is until it ends."""
    assert process.stdout
    for line in process.stdout:
        if progress and line.startswith('{"done"'):
            at = json.loads(line)
            progress(at["done"], at["total"])
    process.wait()


def _failure(code: int, said: str) -> UserError:
    lines = said.strip().splitlines() or [f"the program that makes images ended with {code}"]
    if code == _BROKEN:
        return UserError(f"making images broke: {lines[-1][:200]}", "those made are kept; ask again to go on")
    return UserError(lines[0], lines[1] if len(lines) > 1 else "those made are kept; ask again to go on")
