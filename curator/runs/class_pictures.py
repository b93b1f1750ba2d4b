"""Decides how pictures of a class are made for regularisation (row S046): as many of each bucket as training has."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from curator.contract.buckets import Size
from curator.contract.class_pictures import ClassPictures, write_job
from curator.contract.errors import UserError
from curator.runs.launch import check_installed

PROGRAM: Sequence[str] = ("-m", "train.class_pictures")
Progress = Callable[[int, int], None]  # pictures there, in all; may raise to stop
_BROKEN = 1


def shared_sizes(loads: Sequence[tuple[Size, int]], count: int) -> tuple[Size, ...]:
    """`count` sizes in proportion to the samples of each bucket: by the largest remainder, ties to the first.

    Raises:
        UserError: there is nothing to go by.
    """
    total = sum(samples for _, samples in loads)
    if not total:
        raise UserError(
            "no training picture says which sizes are wanted", "add a subset first, or give --size WxH"
        )
    exact = [(size, count * samples / total) for size, samples in loads]
    shares = [int(share) for _, share in exact]
    by_rest = sorted(range(len(exact)), key=lambda place: (shares[place] - exact[place][1], place))
    for place in by_rest[: count - sum(shares)]:
        shares[place] += 1
    return tuple(size for (size, _), share in zip(exact, shares, strict=True) for _ in range(share))


def make(folder: Path, job: ClassPictures, progress: Progress | None = None) -> None:
    """Make the pictures of `job` in `folder`; those that are there stay. Takes as long as it takes.

    Raises:
        UserError: training is not installed, another job lies there, or the base model cannot be used.
    """
    check_installed()
    write_job(folder, job)
    command = [sys.executable, *PROGRAM, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            for line in process.stdout:
                at = json.loads(line)
                if progress:
                    progress(at["done"], at["total"])
            said = process.stderr.read() if process.stderr else ""
        except BaseException:
            process.send_signal(signal.SIGINT)
            raise
    if process.returncode:
        raise _failure(process.returncode, said)


def _failure(code: int, said: str) -> UserError:
    lines = said.strip().splitlines() or [f"the program that makes pictures ended with {code}"]
    if code == _BROKEN:
        return UserError(
            f"making pictures broke: {lines[-1][:200]}", "those made are kept; ask again to go on"
        )
    return UserError(lines[0], lines[1] if len(lines) > 1 else "those made are kept; ask again to go on")
