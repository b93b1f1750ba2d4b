"""Progress of long work: a bar where stderr is a terminal, nothing elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager

from curator.cli.shared.output import is_quiet, stderr_console

_LOOK_S = 0.1
Show = Callable[
    [int, int], None
]  # done, in all (0 where nobody knows); images are counted while nothing is done


@contextmanager
def progress_shown(doing: str, unit: str = "images") -> Generator[Show]:
    """`doing` stands before the bar, the rate in `unit` behind it."""
    if is_quiet():
        yield _silently
        return
    if not sys.stderr.isatty():  # not `console.is_terminal`: FORCE_COLOR makes no terminal of a pipe
        yield _silently
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
    with Progress(*columns, console=stderr_console(), transient=True, auto_refresh=False) as bar:
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
            rate = f"{done / max(clock - started, _LOOK_S):,.0f} {unit}/s" if done else ""
            bar.update(task, description=now, completed=done, total=total or None, rate=rate, refresh=True)

        yield show


def _silently(_done: int, _total: int) -> None:
    """Show nothing."""
