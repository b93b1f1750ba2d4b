"""Programs that are followed while they work: a line of JSON for each step, and the report in the last one."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping

from curator.contract.errors import ExitCode, UserError
from curator.contract.files.json_data import to_json

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
            _put(done=done, total=total)

    try:
        report = work(hear)
        _put(done=at[0], total=at[1], report=report)
    except UserError as error:
        sys.stderr.write(f"{error.what}\n{error.hint}\n")
        return ExitCode.MISTAKE
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    return ExitCode.DONE


def _put(**what: object) -> None:
    sys.stdout.write(to_json(what) + "\n")
    sys.stdout.flush()
