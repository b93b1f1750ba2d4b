"""The trainer's own programs that make images: started, followed line by line, and stopped."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from typing import Any

from curator.contract.errors import UserError
from curator.contract.exit_codes import ExitCode

_BROKEN = (1, ExitCode.BUG)


def run_program(program: Sequence[str], told: Callable[[dict[str, Any]], None], given: str = "") -> None:
    """Run `python PROGRAM` to its end, with `given` on its standard input.

    `told` hears each line that says how far it is.

    Raises:
        UserError: what the program refuses, or that it broke.
    """
    # Files of the current folder are not ours to run; what is complained of goes to a file, which never fills up.
    environment = os.environ | {"PYTHONSAFEPATH": "1"}
    with (
        tempfile.TemporaryFile("w+", errors="replace") as complaints,
        tempfile.TemporaryFile("w+") as question,
    ):
        question.write(given)
        question.seek(0)
        with subprocess.Popen(
            [sys.executable, *program],
            stdin=question,
            stdout=subprocess.PIPE,
            stderr=complaints,
            text=True,
            env=environment,
        ) as process:
            try:
                _follow(process, told)
            except BaseException:
                process.send_signal(signal.SIGINT)
                raise
        complaints.seek(0)
        said = complaints.read()
    if process.returncode:
        raise _failure(process.returncode, said)


def _follow(process: subprocess.Popen[str], told: Callable[[dict[str, Any]], None]) -> None:
    assert process.stdout
    for line in process.stdout:
        if line.startswith('{"done"'):
            told(json.loads(line))
    process.wait()


def _failure(code: int, said: str) -> UserError:
    lines = said.strip().splitlines() or [f"the program that makes images ended with {code}"]
    if code in _BROKEN:
        return UserError(f"making images broke: {lines[-1][:200]}", "those made are kept; ask again to go on")
    return UserError(lines[0], lines[1] if len(lines) > 1 else "those made are kept; ask again to go on")
