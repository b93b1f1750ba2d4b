"""Programs that are followed while they work: a line of JSON for each step, and the report in the last one."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping

from curator.contract.files.json_data import to_json
from train.programs.asked import exit_code_of

_TELL_S = 0.2
Hear = Callable[[int, int], None]  # done, and in all


def followed(work: Callable[[Hear], Mapping[str, object]]) -> int:
    """The exit code of `work`, which is handed what hears how far it is, and gives its report."""
    told, at = 0.0, (0, 0)

    def hear(done: int, total: int) -> None:
        nonlocal told, at
        at = (done, total)
        clock = time.monotonic()
        if clock - told >= _TELL_S:
            told = clock
            put_line(done=done, total=total)

    def reported() -> None:
        report = work(hear)
        put_line(done=at[0], total=at[1], report=report)

    return exit_code_of(reported)


def put_line(**what: object) -> None:
    """A line of JSON for whoever follows."""
    sys.stdout.write(to_json(what) + "\n")
    sys.stdout.flush()
