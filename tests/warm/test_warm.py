"""What stands for a program of the trainer ends as it ends, and the program with it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

PLAN = [sys.executable, "-m", "train.programs.adapter_plan"]  # waits for a recipe on standard input
pytestmark = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="programs begin by themselves here")


def test_streams_and_the_exit_code_are_the_programs() -> None:
    done = subprocess.run([*PLAN, "sd4"], input="", capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("no family is called 'sd4'\n")


def _holders(stream: int) -> list[int]:
    """The processes that write to the pipe which is read here."""
    pipe, found = Path(f"/proc/self/fd/{stream}").readlink(), list[int]()
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if int(process.name) != os.getpid() and (process / "fd" / "1").readlink() == pipe:
                found.append(int(process.name))
    return found


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_signal_ends_both(number: signal.Signals) -> None:
    process = subprocess.Popen(PLAN, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin
    assert process.stdout
    while len(_holders(process.stdout.fileno())) < 2:
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(number)
    assert process.stdout.read() == b""  # ends with the last process that holds it
    assert process.wait() == -number
    process.stdin.close()
