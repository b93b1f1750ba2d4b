"""Progress of long work: a bar in a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager

from curator.cli.shared.output import is_quiet, say, stderr_console

_PLAIN_EVERY, _PLAIN_LINES = 1000, 50  # as many lines at most, where the end is known
_LOOK_S = 0.1
Show = Callable[
    [int, int], None
]  # done, in all (0 where nobody knows); images are counted while nothing is done


@contextmanager
def progress_shown(doing: str, did: str) -> Generator[Show]:
    """`doing` stands before the bar, `did` in the lines."""
    if is_quiet():
        yield _silently
        return
    console = stderr_console()
    if not sys.stderr.isatty():  # not `console.is_terminal`: FORCE_COLOR makes no terminal of a pipe
        yield _plainly(did)
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True, auto_refresh=False) as bar:
        task = bar.add_task(doing, total=None, rate="")
        started, drawn = time.monotonic(), 0.0

        def show(done: int, total: int) -> None:
            nonlocal drawn, started
            clock = time.monotonic()  # drawn when there is news: nothing moves by itself
            if clock - drawn < _LOOK_S and (not done or done != total):
                return
            drawn = clock
            if not done:
                started = clock
            now = doing if done or not total else "count"
            rate = f"{done / max(clock - started, _LOOK_S):,.0f} images/s" if done else ""
            bar.update(task, description=now, completed=done, total=total or None, rate=rate, refresh=True)

        yield show


def _silently(_done: int, _total: int) -> None:
    """Show nothing."""


def _plainly(did: str) -> Show:
    told = 0

    def show(done: int, total: int) -> None:
        nonlocal told
        told = 0 if done < told else told  # the next of several folders
        if done - told >= max(_PLAIN_EVERY, total // _PLAIN_LINES) or 0 < done == total != told:
            told = done
            say(f"{did} {done}{f' of {total}' if total else ''}")

    return show
